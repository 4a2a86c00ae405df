"""What the user gave for what is said, beside the speech."""

from __future__ import annotations

from pathlib import Path

import pytest

from mouthpiece.errors import InputError, OptionError
from mouthpiece.phones import find_phones
from mouthpiece.types import Phone


def test_nothing_known() -> None:
    transcript = find_phones(None, 3.0)
    assert (transcript.phones, transcript.source, transcript.warnings) == ((), "", ())


def test_phones_as_given_get_their_silences() -> None:
    transcript = find_phones([Phone("m", 0.5, 0.6), Phone("a", 0.6, 0.9)], 1.0)
    assert transcript.phones == (Phone("", 0.0, 0.5), Phone("m", 0.5, 0.6), Phone("a", 0.6, 0.9))
    assert transcript.warnings == ()


def test_a_file_beside_the_speech(tmp_path: Path) -> None:
    path = tmp_path / "said.tsv"
    path.write_text("0.5\t0.6\tm\n0.6\t0.9\ta\n0.9\t1.3\tsil\n")
    assert find_phones(path, 1.0).warnings == (), "silence may go on"
    assert "goes on to 0.90 s, the speech ends at 0.70 s" in find_phones(path, 0.7).warnings[0].text
    assert "ends at 1.30 s, the speech at 9.00 s" in find_phones(path, 9.0).warnings[0].text
    with pytest.raises(InputError, match=r"said\.tsv begins at 0\.50 s; check that both are of the same recording"):
        find_phones(path, 0.4)


def test_words_sound_as_espeak_says_them(tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader")
    path = tmp_path / "said.tsv"
    path.write_text("0.2\t0.6\tmoon\n0.6\t0.7\t...\n0.7\t0.8\t?\n1.0\t1.6\tpeople\n")
    transcript = find_phones(path, 2.0)
    symbols = [phone.symbol for phone in transcript.phones]
    assert symbols[:5] == ["", "m", "uː", "n", ""]
    assert symbols.count("p") == 2
    assert transcript.phones[1].start_s == pytest.approx(0.2)
    assert transcript.phones[3].end_s == pytest.approx(0.6)
    assert next(phone.start_s for phone in transcript.phones if phone.symbol == "p") == pytest.approx(1.0)
    assert tuple(map(str, transcript.warnings)) == (
        "said.tsv has words and no phones: their sounds are espeak-ng's (en), spread over each word",
    )
    with pytest.raises(OptionError, match="xx"):
        find_phones(path, 2.0, language="xx")
