"""Notations of speech sounds, and their conversion to IPA.

Four notations are known: IPA itself, ARPABET (CMUdict's, with or without stress digits, and TIMIT's), X-SAMPA (with
the SAMPA alphabets that it grew from), and rhubarb's mouth shapes A-H and X, which stand for sounds that look so.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache

SILENCE = ""
"""The symbol of silence."""
UNKNOWN_SOUND = "ə"
"""Stands for speech that the file does not spell out: a mouth half open."""
MOST_LETTERS = 3
"""A label with more base letters is a word, not a sound: affricates and diphthongs have two, triphthongs three."""
USUAL_LETTERS = 2
SURE_SHARE = 0.8
"""Share of a file's different labels that must be sounds of so few letters, or they will be words."""
LEAST_SHARE = 0.3
"""The same where the file declares its labels to be sounds."""


class Notation(StrEnum):
    """The notation of a file's sounds."""

    IPA = "IPA"
    ARPABET = "ARPABET"
    XSAMPA = "X-SAMPA"
    RHUBARB = "rhubarb's mouth shapes"


# What aligners and corpora write for silence (MFA, MAUS, TIMIT, HTK, Kaldi, GRID), in lower case.
_SILENT = frozenset((
    "", "sil", "sp", "pau", "pause", "silence", "h#", "#h", "#", "##", "epi", "_", "-", "xxx", "<sil>", "<p:>",
    "<p>", "<pause>", "<s>", "</s>", "<eps>", "<usb>", "<nib>", "nsn", "<noise>", "noise", "brth", "breath",
    "<breath>", "<b>", "(...)", "...",
))  # fmt: skip
_UNSPELLED = frozenset(("spn", "<unk>", "unk", "oov", "<oov>", "<spn>", "lau", "laugh"))
"""Marks of speech whose sound is not named."""

_ARPABET = {
    "AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "AW": "aʊ", "AX": "ə", "AXR": "ɚ", "AY": "aɪ", "EH": "ɛ",
    "ER": "ɜː", "EY": "eɪ", "IH": "ɪ", "IX": "ɨ", "IY": "iː", "OW": "oʊ", "OY": "ɔɪ", "UH": "ʊ", "UW": "uː",
    "UX": "ʉ", "B": "b", "CH": "tʃ", "D": "d", "DH": "ð", "DX": "ɾ", "EL": "l̩", "EM": "m̩", "EN": "n̩",
    "ENG": "ŋ̍", "F": "f", "G": "ɡ", "H": "h", "HH": "h", "HV": "ɦ", "JH": "dʒ", "K": "k", "L": "l", "M": "m",
    "N": "n", "NG": "ŋ", "NX": "ɾ̃", "P": "p", "Q": "ʔ", "R": "ɹ", "S": "s", "SH": "ʃ", "T": "t", "TH": "θ",
    "V": "v", "W": "w", "WH": "ʍ", "Y": "j", "Z": "z", "ZH": "ʒ", "AX-H": "ə̥",
    # TIMIT writes a stop's closure apart from its burst.
    "BCL": "b", "DCL": "d", "GCL": "ɡ", "PCL": "p", "TCL": "t", "KCL": "k",
}  # fmt: skip
_UNSTRESSED_ARPABET = {"AH0": "ə", "ER0": "ɚ"}

_XSAMPA = {
    "{": "æ", "}": "ʉ", "@": "ə", "&": "ɶ", "?": "ʔ", "A": "ɑ", "B": "β", "C": "ç", "D": "ð", "E": "ɛ", "F": "ɱ",
    "G": "ɣ", "H": "ɥ", "I": "ɪ", "J": "ɲ", "K": "ɬ", "L": "ʎ", "M": "ɯ", "N": "ŋ", "O": "ɔ", "P": "ʋ", "Q": "ɒ",
    "R": "ʁ", "S": "ʃ", "T": "θ", "U": "ʊ", "V": "ʌ", "W": "ʍ", "X": "χ", "Y": "ʏ", "Z": "ʒ", "g": "ɡ", "1": "ɨ",
    "2": "ø", "3": "ɜ", "4": "ɾ", "5": "ɫ", "6": "ɐ", "7": "ɤ", "8": "ɵ", "9": "œ", "B\\": "ʙ", "G\\": "ɢ",
    "H\\": "ʜ", "I\\": "ᵻ", "J\\": "ɟ", "K\\": "ɮ", "L\\": "ʟ", "M\\": "ɰ", "N\\": "ɴ", "O\\": "ʘ", "R\\": "ʀ",
    "U\\": "ᵿ", "X\\": "ħ", "@\\": "ɘ", "h\\": "ɦ", "j\\": "ʝ", "l\\": "ɺ", "p\\": "ɸ", "r\\": "ɹ", "r\\`": "ɻ",
    "s\\": "ɕ", "v\\": "ʋ", "x\\": "ɧ", "z\\": "ʑ", "3\\": "ɞ", "?\\": "ʕ", "<\\": "ʢ", ">\\": "ʡ", "|\\": "ǀ",
    "|\\|\\": "ǁ", "!\\": "ǃ", "=\\": "ǂ", "d`": "ɖ", "l`": "ɭ", "n`": "ɳ", "r`": "ɽ", "s`": "ʂ", "t`": "ʈ",
    "z`": "ʐ", "@`": "ɚ", "3`": "ɝ", "b_<": "ɓ", "d_<": "ɗ", "g_<": "ɠ", "J\\_<": "ʄ", "G\\_<": "ʛ",
    **{letter: letter for letter in "abcdefhijklmnopqrstuvwxyz"},
}  # fmt: skip
_XSAMPA_MARKS = {
    "_~": "\u0303", "~": "\u0303", ":\\": "ˑ", ":": "ː", "_h": "ʰ", "_w": "ʷ", "_j": "ʲ", "'": "ʲ", "_G": "ˠ",
    "_?\\": "ˤ", "_=": "\u0329", "=": "\u0329", "_0": "\u0325", "_v": "\u032c", "_t": "\u0324", "_k": "\u0330",
    "_d": "\u032a", "_a": "\u033a", "_m": "\u033b", "_>": "ʼ", "_r": "\u031d", "_o": "\u031e", '_"': "\u0308",
    "_x": "\u033d", "_+": "\u031f", "_-": "\u0320", "_O": "\u0339", "_c": "\u031c", "_e": "\u0334", "_}": "\u031a",
    "_n": "ⁿ", "_l": "ˡ", "_N": "\u033c", "_^": "\u032f", "_A": "\u0318", "_q": "\u0319", "`": "˞",
    # Tones, stress, syllables and joins make no difference to the mouth.
    **dict.fromkeys(
        ("_T", "_H", "_M", "_L", "_B", "_R", "_F", '"', "%", ".", "-\\", "-", "|", "||", "*", "!", "^"), ""
    ),
}  # fmt: skip
_XSAMPA_TOKENS = sorted({*_XSAMPA, *_XSAMPA_MARKS}, key=len, reverse=True)

_RHUBARB = {
    "A": "m",  # closed lips
    "B": "s",  # slightly open, teeth together
    "C": "ɛ",  # open
    "D": "a",  # wide open
    "E": "ɔ",  # slightly rounded
    "F": "u",  # puckered
    "G": "f",  # lower lip under the teeth
    "H": "ɛ",  # tongue behind the upper teeth, as far open as C: the tongue isn't drawn
    "X": SILENCE,
}

_IPA_LETTERS = frozenset(
    "abcdefhijklmnopqrstuvwxyzæçðøħŋœβθχɐɑɒɓɔɕɖɗɘəɚɛɜɝɞɟɠɡɢɣɤɥɦɧɨɩɪɫɬɭɮɯɰɱɲɳɴɵɶɷɸɹɺɻɽɾɿʀʁʂʃʄʅʆʇʈʉʊʋʌʍʎʏʐʑʒʓʔʕʖʗʘʙʚʛʜʝʞʟʠʡʢ"
    "ʣʤʥʦʧʨǀǁǂǃⱱᵻᵿƥƭƙƛ"
)
_CEDILLA = "\ue000"
"""Stands for ç while letters and marks are taken apart."""
_IPA_SPELLINGS = {
    _CEDILLA: "ç", "g": "ɡ", "ʦ": "ts", "ʧ": "tʃ", "ʣ": "dz", "ʤ": "dʒ", "ʨ": "tɕ", "ʥ": "dʑ", ":": "ː", "ǝ": "ə",
    "!": "ǃ",
}  # fmt: skip
_MARKS_WITHOUT_SOUND = frozenset("ˈˌ'ʹ.·|‖‿/[]()*˥˦˧˨˩↗↘ꜛꜜ0123456789+-=?,;\u200b\u200c\u200d\ufeff")
"""Stress, syllables, tones, brackets and digits: none of them shows on a mouth."""
_JOINS = frozenset("\u0361\u035c")
_TONE_MARKS = frozenset("\u0300\u0301\u0302\u0304\u030b\u030c\u030f\u1dc4\u1dc5\u1dc6\u1dc7\u1dc8\u1dc9")
_POSITION = re.compile(r"_[BIES]$")
"""Kaldi's mark of a sound's place in its word."""


def is_silent(label: str) -> bool:
    """Check whether a label marks silence."""
    return label.strip().lower() in _SILENT


def is_unspelled(label: str) -> bool:
    """Check whether a label marks speech without naming its sound."""
    return label.strip().lower() in _UNSPELLED


def find_notation(labels: Iterable[str], least_share: float = SURE_SHARE) -> Notation | None:
    """Find the notation that all labels of a file are written in.

    Args:
        labels: of sounds and silences.
        least_share: of the different labels, how many must be sounds.

    Returns:
        None where too many are no sounds: they will be words.
    """
    spoken = {label.strip() for label in labels if not is_silent(label) and not is_unspelled(label)}
    arpabet = [label for label in spoken if _arpabet(label) is not None]
    # Single letters (s, t, p ...) are the same in all notations; a file may have labels of its own among ARPABET's.
    if any(_only_arpabet(label) for label in arpabet) and len(arpabet) >= least_share * len(spoken):
        return Notation.ARPABET
    for notation in (Notation.IPA, Notation.XSAMPA):
        if notation is Notation.IPA and any(_only_xsampa(label) for label in spoken):
            continue
        sounds = [to_ipa(label, notation) for label in spoken]
        short = sum(sound is not None and _letters(sound) <= USUAL_LETTERS for sound in sounds)
        if short >= least_share * len(spoken):
            return notation
    return None


def to_ipa(label: str, notation: Notation) -> str | None:
    """Convert a label to IPA.

    Args:
        label: as the file writes it.
        notation: the file's.

    Returns:
        IPA without stress, tone and syllable marks; SILENCE for a mark of silence; None where the label is no sound.
    """
    label = label.strip()
    if notation is Notation.RHUBARB:
        return _RHUBARB.get(label)
    if is_silent(label):
        return SILENCE
    if is_unspelled(label):
        return UNKNOWN_SOUND
    if notation is Notation.ARPABET:
        return _arpabet(label)
    return _xsampa(label) if notation is Notation.XSAMPA else _ipa(label)


def _arpabet(label: str) -> str | None:
    symbol = _POSITION.sub("", label).upper()
    if symbol in _UNSTRESSED_ARPABET:
        return _UNSTRESSED_ARPABET[symbol]
    return _ARPABET.get(symbol.rstrip("0123"))


def _only_arpabet(label: str) -> bool:
    """Check whether a label of ARPABET can hardly be anything else: all others are written with one letter there."""
    return len(_POSITION.sub("", label).rstrip("0123")) > 1


def _only_xsampa(label: str) -> bool:
    """Check whether a label writes with ASCII what IPA has letters of its own for."""
    return label.isascii() and any(
        c.isupper() or c in "@{}&\\`~" or (c.isdigit() and i == 0) for i, c in enumerate(label)
    )


def _letters(ipa: str) -> int:
    """Count the base letters that a sound is written with."""
    return sum(char in _IPA_LETTERS for char in ipa)


@lru_cache(maxsize=4096)
def _xsampa(label: str) -> str | None:
    found: list[str] = []
    letters = 0
    rest = label
    while rest:
        token = next((token for token in _XSAMPA_TOKENS if rest.startswith(token)), None)
        if token is None:
            return None
        letters += token in _XSAMPA
        found.append(_XSAMPA.get(token, _XSAMPA_MARKS.get(token, "")))
        rest = rest[len(token) :]
    return "".join(found) if 0 < letters <= MOST_LETTERS else None


@lru_cache(maxsize=4096)
def _ipa(label: str) -> str | None:
    found: list[str] = []
    letters = 0
    # Letters apart from their marks; a cedilla is part of its letter.
    for char in unicodedata.normalize("NFD", unicodedata.normalize("NFC", label).replace("ç", _CEDILLA)):
        if char in _MARKS_WITHOUT_SOUND and char not in _IPA_SPELLINGS:
            continue
        if unicodedata.combining(char) or unicodedata.category(char) in ("Lm", "Sk") or char in "ⁿ":
            if char not in _TONE_MARKS and char not in _JOINS and found:
                found.append(char)
            continue
        spelled = _IPA_SPELLINGS.get(char, char)
        letters += sum(letter in _IPA_LETTERS for letter in spelled)
        if spelled != "ː" and not all(letter in _IPA_LETTERS for letter in spelled):
            return None
        found.append(spelled)
    return "".join(found) if 0 < letters <= MOST_LETTERS else None
