"""IPA symbols read by rule: everything that espeak-ng writes, and what marks change."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest

from mouthpiece.motion.phonetics import FEATURES, SILENCE, UNKNOWN, all_letters, features, parse

ESPEAK_SYMBOLS = Path(__file__).with_name("espeak_symbols.txt").read_text(encoding="utf-8").split()
"""The name of every phoneme of every table of espeak-ng 1.52, as its events say it, without stress marks."""
MARKS_ALONE = {"ʲ", "ʰ", "4", "4ː", "5", "5ː"}
"""Those among them without a letter."""


def letters(symbol: str) -> str:
    return "".join(part.letter for part in parse(symbol))


def test_everything_that_espeak_writes_has_a_shape_of_its_own() -> None:
    strangers = {symbol for symbol in ESPEAK_SYMBOLS if UNKNOWN in parse(symbol)}
    assert strangers == MARKS_ALONE
    assert not any(SILENCE in parse(symbol) for symbol in ESPEAK_SYMBOLS)


def test_every_letter_of_unicodes_ipa_block_is_known() -> None:
    # U+0250-02AF; left out: what the IPA withdrew, and the letters for disordered speech.
    withdrawn = set("ɼɿʅʆʇʓʖʗʚʞʠɩɷʝʪʫʩʬʭʮʯʣʤʥʦʧʨ") - {"ʝ"}
    block = {chr(code) for code in range(0x0250, 0x02B0)}
    assert block - withdrawn <= set(all_letters())
    assert all(UNKNOWN not in parse(letter) for letter in block - set("ʆʓʚʞʠʩʪʫʬʭ"))


@pytest.mark.parametrize(
    ("symbol", "wanted"),
    [
        ("tʃ", "tʃ"),
        ("t͡ʃ", "tʃ"),
        ("ʧ", "tʃ"),
        ("aɪə", "aɪə"),
        ("ˈaː", "a"),
        ("ç", "ç"),
        ("c\u0327", "ç"),
        ("õ", "o"),
        ("k͡p", "kp"),
        ("ⁿd", "nd"),
        ("g", "ɡ"),
        ("@", "ə"),
        ("2", "ø"),
        ("é", "e"),
        ("", ""),
        (" _ ", ""),
        ("˥", "?"),
        ("ϗ", "?"),
    ],
)
def test_symbols_are_read_letter_by_letter(symbol: str, wanted: str) -> None:
    assert letters(symbol) == wanted


def test_composed_and_decomposed_symbols_are_the_same() -> None:
    for symbol in ESPEAK_SYMBOLS:
        assert parse(unicodedata.normalize("NFC", symbol)) == parse(unicodedata.normalize("NFD", symbol))


def test_marks_change_what_lips_show_and_nothing_else() -> None:
    (plain,), (emphatic,), (rounded,), (palatal,) = parse("t"), parse("tˤ"), parse("tʷ"), parse("tʲ")
    assert plain.round == 0 < emphatic.round < rounded.round
    assert plain.spread == 0 < palatal.spread
    assert parse("tʰ") == parse("tʼ") == parse("t̥") == (plain,)
    assert parse("ã") == parse("a˥") == parse("a")
    (short,), (long,) = parse("a"), parse("aː")
    assert long.weight > short.weight and long.length == 1


def test_features_are_one_row_a_part_and_tell_the_classes_apart() -> None:
    rows = features([parse(symbol)[0] for symbol in ("", "m", "f", "i", "u")])
    assert rows.shape == (5, len(FEATURES)) and rows.dtype == np.float32
    named = [dict(zip(FEATURES, row, strict=True)) for row in rows]
    assert named[0] == {name: float(name == "silence") for name in FEATURES}
    assert named[1]["closure"] == 1 and named[2]["dental_lip"] == 1
    assert named[3]["spread_vowel"] == 1 and named[4]["round_vowel"] == 1


def test_the_document_has_every_letter(repo_root: Path) -> None:
    text = (repo_root / "docs" / "phones.md").read_text(encoding="utf-8")
    assert {letter for letter in all_letters() if f"| {letter} |" not in text} == set()
