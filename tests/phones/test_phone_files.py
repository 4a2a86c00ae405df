"""Files of phones as Praat, aligners, GRID and rhubarb write them, and what is wrong with some."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from mouthpiece.errors import InputError
from mouthpiece.phones import Notation, PhoneFile, read_phones
from mouthpiece.types import Phone, SpokenWord

Tiers = dict[str, list[tuple[float, float, str]]]

SAID: list[tuple[float, float, str]] = [
    (0.0, 0.1, ""),
    (0.1, 0.2, "B"),
    (0.2, 0.4, "AA1"),
    (0.4, 0.5, "PT"),
    (0.5, 0.7, "IY0"),
    (0.7, 1.0, "sil"),
]
WORDS = [(0.0, 0.1, ""), (0.1, 0.7, "bobby"), (0.7, 1.0, "")]


def long_form(tiers: Tiers, end: float = 1.0) -> str:
    """As Praat's 'Save as text file' writes it (its manual's page 'TextGrid file formats')."""
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0 ", f"xmax = {end} "]
    lines += ["tiers? <exists> ", f"size = {len(tiers)} ", "item []: "]
    for number, (name, spans) in enumerate(tiers.items(), start=1):
        lines += [f"    item [{number}]:", '        class = "IntervalTier" ', f'        name = "{name}" ']
        lines += ["        xmin = 0 ", f"        xmax = {end} ", f"        intervals: size = {len(spans)} "]
        for index, (start, stop, label) in enumerate(spans, start=1):
            quoted = label.replace('"', '""')
            lines += [f"        intervals [{index}]:", f"            xmin = {start} ", f"            xmax = {stop} "]
            lines += [f'            text = "{quoted}" ']
    return "\n".join(lines) + "\n"


def short_form(tiers: Tiers, end: float = 1.0) -> str:
    """As Praat's 'Save as short text file' writes it."""
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "0", str(end), "<exists>", str(len(tiers))]
    for name, spans in tiers.items():
        lines += ['"IntervalTier"', f'"{name}"', "0", str(end), str(len(spans))]
        for start, stop, label in spans:
            quoted = label.replace('"', '""')
            lines += [str(start), str(stop), f'"{quoted}"']
    return "\n".join(lines) + "\n"


def put(folder: Path, text: str, name: str = "said.TextGrid", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def sounds(file: PhoneFile) -> list[tuple[str, float, float]]:
    return [(phone.symbol, phone.start_s, phone.end_s) for phone in file.phones]


EXPECTED = [
    ("", 0.0, 0.1),
    ("b", 0.1, 0.2),
    ("ɑ", 0.2, 0.4),
    ("ə", 0.4, 0.5),
    ("iː", 0.5, 0.7),
    ("", 0.7, 1.0),
]


@pytest.mark.parametrize("form", [long_form, short_form])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_textgrids_long_and_short_in_every_encoding(tmp_path: Path, form: object, encoding: str, line_end: str) -> None:
    assert callable(form)
    text = form({"words": WORDS, "phones": SAID}).replace("\n", line_end)
    file = read_phones(put(tmp_path, text, encoding=encoding))
    assert (file.format, file.tier, file.notation) == ("TextGrid", "phones", Notation.ARPABET)
    assert sounds(file) == EXPECTED
    assert file.words == ()
    assert file.end_s == 1.0
    assert [str(w) for w in file.warnings] == ["1 of 4 labels name no sound ('PT'): the mouth is half open there"]


def test_points_comments_and_quotes_are_passed_over(tmp_path: Path) -> None:
    text = short_form({"events": [(0.0, 1.0, 'say "hi" <now> 7')], "MAU": [(0.0, 0.5, "aI"), (0.5, 1.0, "<p:>")]})
    text = text.replace(
        "<exists>\n2\n", '<exists> ! tiers follow: 3 of "them"\n3\n"TextTier"\n"beats"\n0\n1\n1\n0.5\n"x"\n'
    )
    file = read_phones(put(tmp_path, text))
    assert file.tier == "MAU"
    assert sounds(file) == [("aɪ", 0.0, 0.5), ("", 0.5, 1.0)]


@pytest.mark.parametrize(
    "name", ["phones", "Phone", "PHONEMES", "anna - phones", "segments", "MAU", "speaker_1 phonemes"]
)
def test_the_tier_of_phones_by_its_name(tmp_path: Path, name: str) -> None:
    finer = [(i / 10, (i + 1) / 10, "a") for i in range(10)]
    file = read_phones(put(tmp_path, long_form({"syllables": finer, name: SAID})))
    assert file.tier == name


def test_without_a_name_the_finest_tier_of_sounds_is_taken(tmp_path: Path) -> None:
    tiers = {"one": WORDS, "two": [(0.1, 0.2, "b"), (0.2, 0.6, "ɑː")], "three": [(0.0, 1.0, "a")]}
    assert read_phones(put(tmp_path, long_form(tiers))).tier == "two"


def test_a_tier_of_words_alone_gives_words(tmp_path: Path) -> None:
    file = read_phones(put(tmp_path, long_form({"transcript": WORDS})))
    assert file.phones == ()
    assert file.words == (SpokenWord("bobby", 0.1, 0.7),)


def test_two_speakers_tiers_are_told(tmp_path: Path) -> None:
    file = read_phones(put(tmp_path, long_form({"anna - phones": SAID, "ben - phones": [(0.2, 0.4, "AA1")]})))
    assert file.tier == "anna - phones"
    assert "'ben - phones'" in file.warnings[0].text


def test_grids_own_words(shared_data: Path) -> None:
    file = read_phones(shared_data / "grid_unseen_dev" / "s5_bbae8n.align")
    assert (file.format, file.notation, file.phones) == ("GRID .align", None, ())
    assert [word.text for word in file.words] == ["bin", "blue", "at", "e", "eight", "now"]
    assert file.words[0].start_s == pytest.approx(9500 / 25_000)


def test_rhubarbs_table(tmp_path: Path) -> None:
    # The example of rhubarb's own manual, shortened.
    file = read_phones(put(tmp_path, "0.00\tX\n0.05\tD\n0.27\tC\n0.31\tA\n0.47\tX\n", "shapes.tsv"))
    assert file.notation is Notation.RHUBARB
    assert sounds(file) == [("", 0.0, 0.05), ("a", 0.05, 0.27), ("ɛ", 0.27, 0.31), ("m", 0.31, 0.47)]


def test_rhubarbs_json(tmp_path: Path) -> None:
    text = (
        '{"metadata": {"soundFile": "a.wav", "duration": 0.47}, "mouthCues": '
        '[{"start": 0.0, "end": 0.05, "value": "X"}, {"start": 0.05, "end": 0.47, "value": "F"}]}'
    )
    assert sounds(read_phones(put(tmp_path, text, "a.json"))) == [("", 0.0, 0.05), ("u", 0.05, 0.47)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.tsv", "0.1\t0.2\tb\n0.2\t0.4\tɑː\n"),
        ("a.tsv", "start\tend\tphone\n0.1\t0.2\tb\n0.2\t0.4\tɑː\n0.4\t0.5\t\n"),
        ("a.csv", "start,end,phone\n0.1,0.2,b\n0.2,0.4,ɑː\n"),
        ("a.lab", "0.1 0.2 b\n\n0.2 0.4 ɑː\n"),
        ("a.lab", "0 1000000 sil\n1000000 2000000 b -75.2\n2000000 4000000 ɑː -80.1\n"),
        ("a.txt", "# Audacity\n0.100000\t0.200000\tb\n0.200000\t0.400000\tɑː\n"),
    ],
)
def test_tables(tmp_path: Path, name: str, text: str) -> None:
    heard = [phone for phone in read_phones(put(tmp_path, text, name)).phones if phone.symbol]
    assert [phone.symbol for phone in heard] == ["b", "ɑː"]
    assert [(phone.start_s, phone.end_s) for phone in heard] == [pytest.approx((0.1, 0.2)), pytest.approx((0.2, 0.4))]


def test_a_table_of_words_gives_words(tmp_path: Path) -> None:
    file = read_phones(put(tmp_path, "0.1\t0.4\thello\n0.4\t0.9\tworld\n", "a.tsv"))
    assert [word.text for word in file.words] == ["hello", "world"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.tsv", "0.1\t0.2\tb\n0.2\tx\ta\n", "line 2: expected start, end and sound"),
        (
            "a.tsv",
            "0.1\t0.2\tb\n0.15\t0.4\ta\n",
            "line 2: expected 'a' to begin after 'b' has ended at 0.2 s, got 0.15 s",
        ),
        ("a.tsv", "-0.1\t0.2\tb\n", "line 1: expected times from 0 on, got -0.1 to 0.2 s"),
        ("a.tsv", "0.1\t0.1\tb\n", "line 1: expected an end after the start"),
        ("a.tsv", "0.1\tnan\tb\n", "line 1: expected start, end and sound"),
        ("a.tsv", "0.00\tX\n0.20\tQ\n", "line 2: expected a time and one of rhubarb's shapes A to H and X"),
        ("a.tsv", "0.20\tB\n0.10\tX\n", "line 2: expected times that rise, got 0.1 after 0.2"),
        ("a.tsv", "0.00\tX\n0.20\tX\n", "the mouth rests throughout"),
        ("a.lab", "0 1000000 sil\n", "it has silence only"),
        ("a.json", '{"mouthCues": [{"start": 1}]}', "expected rhubarb's JSON"),
        ("a.json", '{"mouthCues": [,]}', "line 1: expected rhubarb's JSON"),
        ("a.json", '{"mouthCues": [{"start": 0, "end": 1, "value": "K"}]}', "got 'K'"),
        ("a.tsv", "", "is empty"),
        ("a.tsv", "# nothing\n", "has none"),
        ("a.TextGrid", long_form({"phones": SAID})[:400], "expected"),
        ("a.TextGrid", long_form({"phones": SAID}).replace('"TextGrid"', '"Sound"'), "class 'TextGrid', got 'Sound'"),
        (
            "a.TextGrid",
            long_form({"phones": SAID}).replace("xmax = 0.4", 'xmax = "0.4"'),
            "line 25: expected an interval's end",
        ),
        (
            "a.TextGrid",
            long_form({"phones": SAID}).replace("xmin = 0.4", "xmin = 0.35"),
            "line 28: expected 'PT' to begin after",
        ),
        ("a.TextGrid", long_form({}), "expected an interval tier"),
        ("a.TextGrid", long_form({"phones": [(0.0, 1.0, "")]}), "has no sounds"),
        ("a.lab", "RIFF\0\0\0WAVE", "expected a text file of phones"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        read_phones(put(tmp_path, text, name))
    assert said in str(caught.value)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_phones(tmp_path / "none.TextGrid")
    with pytest.raises(InputError, match="Is a directory"):
        read_phones(tmp_path)
    (tmp_path / "a.lab").write_bytes(b"\x89PNG\x00\xfe\xa0")
    with pytest.raises(InputError, match="neither"):
        read_phones(tmp_path / "a.lab")


def test_rounded_times_may_overlap_a_little(tmp_path: Path) -> None:
    file = read_phones(put(tmp_path, "0.1\t0.202\tb\n0.2\t0.4\ta\n", "a.tsv"))
    assert sounds(file)[1:] == [("b", 0.1, 0.202), ("a", 0.202, 0.4)]


def test_phones_have_no_gaps(tmp_path: Path) -> None:
    phones = read_phones(put(tmp_path, "0.1\t0.2\tb\n0.3\t0.4\ta\n", "a.tsv")).phones
    assert phones[0].start_s == 0
    assert all(a.end_s == b.start_s for a, b in pairwise(phones))
    assert phones[2] == Phone("", 0.2, 0.3)
