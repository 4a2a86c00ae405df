"""Every notation becomes the IPA that phoneticians' own tables give for it."""

from __future__ import annotations

import pytest

from mouthpiece.phones.notation import Notation, find_notation, is_silent, to_ipa

# One word in four notations: "measuring church bathes, joy" (General American), as Wikipedia's tables spell them.
SAME = {
    Notation.ARPABET: ["M", "EH1", "ZH", "ER0", "IH0", "NG", "CH", "ER1", "CH", "B", "EY1", "DH", "Z", "JH", "OY1"],
    Notation.XSAMPA: ["m", "E", "Z", "@`", "I", "N", "tS", "3:", "tS", "b", "eI", "D", "z", "dZ", "OI"],
    Notation.IPA: ["m", "ɛ", "ʒ", "ɚ", "ɪ", "ŋ", "t͡ʃ", "ɜː", "tʃ", "b", "eɪ", "ð", "z", "dʒ", "ɔɪ"],
}
IPA = ["m", "ɛ", "ʒ", "ɚ", "ɪ", "ŋ", "tʃ", "ɜː", "tʃ", "b", "eɪ", "ð", "z", "dʒ", "ɔɪ"]


@pytest.mark.parametrize("notation", list(SAME))
def test_one_word_is_the_same_in_every_notation(notation: Notation) -> None:
    assert find_notation(SAME[notation]) is notation
    assert [to_ipa(label, notation) for label in SAME[notation]] == IPA


@pytest.mark.parametrize(
    ("label", "ipa"),
    [
        ("ˈaː", "aː"),
        ("a:", "aː"),
        ("ma˥˩", "ma"),
        ("ǎ", "a"),
        ("ɑ̃", "ɑ̃"),
        ("g", "ɡ"),
        ("ʧ", "tʃ"),
        ("tˤ", "tˤ"),
        ("d̪", "d̪"),
        ("tʰ", "tʰ"),
        ("ç", "ç"),
        ("[kʷ]", "kʷ"),
        ("/ɬ/", "ɬ"),
        ("n̩", "n̩"),
        ("ˌɪ", "ɪ"),
        ("?!", "ǃ"),
    ],
)
def test_ipa_without_what_no_mouth_shows(label: str, ipa: str) -> None:
    assert to_ipa(label, Notation.IPA) == ipa


@pytest.mark.parametrize(
    ("label", "ipa"),
    [
        ("aI", "aɪ"),
        ("OY", "ɔʏ"),
        ("6", "ɐ"),
        ("2:", "øː"),
        ("pf", "pf"),
        ("t_h", "tʰ"),
        ("s\\", "ɕ"),
        ("r\\`", "ɻ"),
        ("X\\", "ħ"),
        ("?\\", "ʕ"),
        ("t_?\\", "tˤ"),
        ("a~", "a\u0303"),
        ("n=", "n̩"),
        ('"E', "ɛ"),
        ("b_<", "ɓ"),
    ],
)
def test_x_sampa(label: str, ipa: str) -> None:
    assert to_ipa(label, Notation.XSAMPA) == ipa


@pytest.mark.parametrize(
    ("label", "ipa"),
    [("AH0", "ə"), ("AH1", "ʌ"), ("ah", "ʌ"), ("HH_B", "h"), ("ER0", "ɚ"), ("dcl", "d"), ("axr", "ɚ"), ("IY2", "iː")],
)
def test_arpabet_of_cmudict_kaldi_and_timit(label: str, ipa: str) -> None:
    assert to_ipa(label, Notation.ARPABET) == ipa


def test_rhubarbs_shapes_stand_for_sounds_that_look_so() -> None:
    assert [to_ipa(letter, Notation.RHUBARB) for letter in "AGHX"] == ["m", "f", "ɛ", ""]
    assert to_ipa("Z", Notation.RHUBARB) is None


@pytest.mark.parametrize("label", ["", "  ", "sil", "SIL", "sp", "h#", "<p:>", "pau", "#", "_", "<eps>", "brth"])
def test_silence_however_it_is_written(label: str) -> None:
    assert is_silent(label)
    assert to_ipa(label, Notation.ARPABET) == ""


def test_something_unspelled_is_a_mouth_about_its_middle() -> None:
    assert to_ipa("spn", Notation.IPA) == "ə"


def test_words_are_no_sounds() -> None:
    assert find_notation(["bin", "blue", "at", "f", "two", "now"]) is None
    assert find_notation(["HELLO", "WORLD"]) is None
    assert find_notation(["مرحبا", "يا", "عالم"]) is None
    assert to_ipa("hello", Notation.IPA) is None
    assert to_ipa("hello", Notation.XSAMPA) is None
    assert to_ipa("hello", Notation.ARPABET) is None


def test_a_few_labels_of_ones_own_among_arpabets_change_nothing() -> None:
    assert (
        find_notation(["B", "AA1", "B", "IY0", "R", "IH1", "PT", "DH", "AH0", "L", "EH1", "JH", "ER0"])
        is Notation.ARPABET
    )
    assert to_ipa("PT", Notation.ARPABET) is None
