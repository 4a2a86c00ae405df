"""Articulatory features of speech sounds: IPA symbols read by rule, for the lips and jaw of any language.

    symbol --parse--> parts (a diphthong or an affricate has two) --features--> (N, F), the coarticulation model's input

A part is a vowel (openness, backness, rounding) or a consonant (place, and what lips and jaw do there). Features are
shared by sounds across languages, so the model generalises to sounds that its training speech lacked.

Values follow the IPA chart (Handbook of the International Phonetic Association, 1999) and, for the lips, Ladefoged &
Maddieson, The Sounds of the World's Languages (1996). docs/phones.md gives the reasons for every phone.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from mouthpiece.types import FloatArray


@dataclass(frozen=True, slots=True)
class Part:
    """One target of a speech sound. All but `letter`, `vowel` and `weight` are degrees, 0-1."""

    letter: str
    """IPA letter that it comes from; empty for silence."""
    vowel: bool = False
    weight: float = 1.0
    """Its share of the sound's time, relative to the other parts."""
    open: float = 0.0
    """Vowels: from close (0) to open (1). Consonants: how far the jaw takes part."""
    back: float = 0.0
    """Vowels: from front (0) to back (1)."""
    round: float = 0.0
    """Lips narrowed and pushed out."""
    spread: float = 0.0
    """Corners drawn apart."""
    closure: float = 0.0
    """Lips touch: m b p."""
    labial: float = 0.0
    """Lips come near without touching: ɸ β, w, a vowel between two bilabials' releases."""
    dental_lip: float = 0.0
    """The lower lip meets the upper teeth: f v ɱ ʋ."""
    hushing: float = 0.0
    """ʃ ʒ and their like: lips pushed out and flared."""
    hissing: float = 0.0
    """s z and their like: teeth nearly together."""
    dental: float = 0.0
    """θ ð: the tongue between the teeth keeps them a little apart."""
    coronal: float = 0.0
    """t d n l ɾ: the tongue's tip or blade rises, the jaw with it."""
    dorsal: float = 0.0
    """k g x: the tongue's back rises; jaw and lips are free."""
    guttural: float = 0.0
    """q χ ħ ʕ h ʔ: made behind or below the tongue's back; lips and jaw are the neighbours'."""
    rhotic: float = 0.0
    lateral: float = 0.0
    nasal: float = 0.0
    stop: float = 0.0
    length: float = 0.0
    """1 for a long sound."""


_VOWELS: dict[str, tuple[float, float, float]] = {
    # letter: openness, backness, rounding
    "i": (0.0, 0.0, 0.0), "y": (0.0, 0.0, 1.0), "ɨ": (0.05, 0.5, 0.0), "ʉ": (0.05, 0.5, 0.9), "ɯ": (0.05, 1.0, 0.0),
    "u": (0.0, 1.0, 1.0), "ɪ": (0.2, 0.15, 0.0), "ʏ": (0.2, 0.2, 0.8), "ʊ": (0.2, 0.85, 0.8), "e": (0.38, 0.05, 0.0),
    "ø": (0.35, 0.1, 0.9), "ɘ": (0.4, 0.5, 0.0), "ɵ": (0.4, 0.5, 0.8), "ɤ": (0.4, 0.95, 0.0), "o": (0.4, 1.0, 0.9),
    "ə": (0.45, 0.5, 0.0), "ɛ": (0.65, 0.1, 0.0), "œ": (0.6, 0.15, 0.75), "ɜ": (0.6, 0.5, 0.0), "ɞ": (0.6, 0.5, 0.6),
    "ʌ": (0.72, 0.8, 0.0), "ɔ": (0.6, 1.0, 0.75), "æ": (0.85, 0.1, 0.0), "ɐ": (0.8, 0.5, 0.0), "a": (1.0, 0.35, 0.0),
    "ɶ": (0.95, 0.2, 0.5), "ɑ": (1.0, 1.0, 0.0), "ɒ": (0.9, 1.0, 0.5), "ɚ": (0.45, 0.5, 0.3), "ɝ": (0.5, 0.5, 0.3),
}  # fmt: skip

_CONSONANTS: dict[str, Part] = {}


def _consonants(letters: str, **degrees: float) -> None:
    for letter in letters:
        _CONSONANTS[letter] = replace(Part(letter, weight=0.5), **degrees)  # type: ignore[arg-type]


_consonants("pbɓʘ", closure=1, stop=1)
_consonants("mʙ", closure=1, nasal=1)
_consonants("ɸβ", labial=1)
_consonants("fvⱱ", dental_lip=1)
_consonants("ɱ", dental_lip=1, nasal=1)
_consonants("ʋ", dental_lip=0.7)
_consonants("w", round=1, labial=0.6)
_consonants("ʍ", round=1, labial=0.6)
_consonants("ɥ", round=1, labial=0.5)
_consonants("θð", dental=1)
_consonants("tdɗǀ", coronal=1, stop=1)
_consonants("ʈɖᶑǃ", coronal=1, stop=1, rhotic=0.3)
_consonants("n", coronal=1, nasal=1)
_consonants("ɳ", coronal=1, nasal=1, rhotic=0.3)
_consonants("sz", hissing=1)
_consonants("ʂʐ", hissing=0.6, hushing=0.6, rhotic=0.2)
_consonants("ʃʒɧ", hushing=1)
_consonants("ɕʑ", hissing=0.5, hushing=0.5)
_consonants("lɬɮǁ", coronal=1, lateral=1)
_consonants("ɫ", coronal=1, lateral=1, round=0.2)
_consonants("ɭɺ", coronal=1, lateral=1, rhotic=0.3)
_consonants("rɾ", coronal=1, rhotic=0.3)
_consonants("ɽ", coronal=1, rhotic=0.5)
_consonants("ɹɻ", rhotic=1, round=0.35)
_consonants("j", dorsal=0.6, spread=0.6)
_consonants("ʎ", coronal=0.5, lateral=1, spread=0.3)
_consonants("cɟʄǂ", dorsal=0.8, stop=1, spread=0.3)
_consonants("çʝ", dorsal=0.8, spread=0.4)
_consonants("ɲ", dorsal=0.8, nasal=1, spread=0.2)
_consonants("kɡɠ", dorsal=1, stop=1)
_consonants("ŋ", dorsal=1, nasal=1)
_consonants("xɣɰ", dorsal=1)
_consonants("ʟ", dorsal=1, lateral=1)
_consonants("qɢʛ", guttural=1, stop=1)
_consonants("ɴ", guttural=1, nasal=1)
_consonants("χʁʀ", guttural=1)
_consonants("ħʕʜʢʡ", guttural=1, open=0.3)
_consonants("hɦʔ", guttural=1)

_ONE_FOR_ANOTHER = {
    # Look-alikes, older letters, and the ASCII that espeak-ng falls back to where it has no IPA.
    "g": "ɡ", "ε": "ɛ", "ᵻ": "ɪ", "Φ": "ɸ", "φ": "ɸ", "β": "β", "θ": "θ", "ʦ": "ts", "ʣ": "dz", "ʧ": "tʃ", "ʤ": "dʒ",
    "ʨ": "tɕ", "ʥ": "dʑ", "ƛ": "tɬ", "S": "ʃ", "Z": "ʒ", "N": "ŋ", "T": "θ", "D": "ð", "X": "χ", "K": "ɬ", "E": "ɛ",
    "O": "ɔ", "A": "ɑ", "I": "ɪ", "U": "ʊ", "V": "ʌ", "Q": "ɣ", "R": "ʁ", "L": "ʎ", "J": "ɟ", "H": "ħ", "C": "ç",
    "B": "β", "F": "ɸ", "G": "ɢ", "M": "ɱ", "P": "p", "W": "ʍ", "Y": "ʏ", "@": "ə", "?": "ʔ", "ɿ": "ɨ", "ʅ": "ɨ",
    "ʮ": "ʉ", "ʯ": "ʉ", "ʗ": "ǃ", "ᴀ": "a", "ȵ": "ɲ", "ȶ": "c", "ȡ": "ɟ", "ɩ": "ɪ", "ɷ": "ʊ", "ʇ": "ǀ", "ʖ": "ǁ",
    "ᵐ": "m", "ᵑ": "ŋ", "ⁿ": "n", "ɼ": "r", "ɷ̈": "ʊ", "ı": "ɯ", "ə̃": "ə", "æ̃": "æ", "х": "x", "а": "a", "е": "e",
}  # fmt: skip

_SHORT_PARTS = frozenset("ᵐᵑⁿ")
_WEIGHTS = {
    # mark: (length, factor of the part's share of time)
    "ː": (1.0, 1.6), ":": (1.0, 1.6), "ˑ": (0.5, 1.3), "\u0306": (0.0, 0.6), "\u032f": (0.0, 0.6), "\u0311": (0.0, 0.6),
}  # fmt: skip
_ROUNDED = {
    # mark: (rounding, nearness of the lips). Emphatics: the tongue's root goes back, the lips a little forward.
    "ʷ": (0.8, 0.3), "ᵝ": (0.8, 0.3), "\u032b": (0.8, 0.3), "ᶣ": (0.7, 0.3), "ˤ": (0.35, 0.0), "ˠ": (0.35, 0.0),
    "\u0334": (0.35, 0.0),
}  # fmt: skip
_SHIFTS = {"\u0339": (0.2, 0.0), "\u031c": (-0.2, 0.0), "\u031e": (0.0, 0.12), "\u031d": (0.0, -0.12)}
"""mark: (more rounding, a vowel's more openness)"""
_PAUSES = frozenset({"", "_", "_:", "|", "‖"})
_NUMBERED = {"2": "ø", "9": "œ", "6": "ɐ", "3": "ɜ", "8": "ɵ", "7": "ɤ", "1": "ɨ"}
"""X-SAMPA's vowels that are numbers, where a symbol is nothing but one."""


def _marked(part: Part, mark: str) -> Part:
    """Apply a diacritic to a part; marks that lips and jaw don't show leave it as it is."""
    if mark in _WEIGHTS:
        length, weight = _WEIGHTS[mark]
        return replace(part, length=max(part.length, length), weight=part.weight * weight)
    if mark in _ROUNDED:
        rounding, labial = _ROUNDED[mark]
        return replace(part, round=max(part.round, rounding), spread=0.0, labial=max(part.labial, labial))
    if mark == "ʲ":
        return replace(part, spread=max(part.spread, 0.5) * (1 - part.round))
    if mark in "˞ʴʵ":
        return replace(part, rhotic=max(part.rhotic, 0.5), round=max(part.round, 0.3))
    if mark in _SHIFTS:
        more_round, more_open = _SHIFTS[mark]
        more_open *= part.vowel
        return replace(part, round=min(max(part.round + more_round, 0), 1), open=min(max(part.open + more_open, 0), 1))
    return part


def _letter(letter: str) -> Part | None:
    """Return the part that an IPA letter stands for, if it is in the tables."""
    if letter in _VOWELS:
        openness, back, rounding = _VOWELS[letter]
        spread = (1 - openness) * (1 - back) * (1 - rounding)
        rhotic = 0.5 if letter in "ɚɝ" else 0.0
        return Part(letter, True, 1.0, openness, back, rounding, spread, rhotic=rhotic)
    return _CONSONANTS.get(letter)


SILENCE = Part("")
UNKNOWN = Part("?", weight=0.5, guttural=1.0)
"""Stands for an unknown letter: a consonant that leaves lips and jaw to its neighbours."""


@lru_cache(maxsize=4096)
def parse(symbol: str) -> tuple[Part, ...]:
    """Parse a speech sound into its parts, in their order.

    Args:
        symbol: IPA, with or without length, stress, tone and tie marks; empty for silence.

    Returns:
        At least one part. An unknown letter is read as the Latin letter that it is made of, or else as UNKNOWN; so is
        a symbol without any letter (a tone by itself).
    """
    if symbol.strip() in _PAUSES:
        return (SILENCE,)
    parts: list[Part] = []
    for letter in unicodedata.normalize("NFD", symbol):
        if letter == "\u0327" and parts and parts[-1].letter == "c":
            parts[-1] = _known("ç")[0]  # NFD takes the cedilla off
        elif unicodedata.category(letter) in ("Ll", "Lu", "Lo") or letter in "@?" or letter in _SHORT_PARTS:
            parts.extend(_known(letter))
        elif parts:
            parts[-1] = _marked(parts[-1], letter)
    if not parts:
        parts = [part for mark in symbol if mark in _NUMBERED for part in _known(_NUMBERED[mark])]
    return tuple(parts) if parts else (UNKNOWN,)


def _known(letter: str) -> list[Part]:
    """Return the parts of one letter, whatever it is."""
    found = _letter(letter)
    if found is not None:
        return [found]
    meant = _ONE_FOR_ANOTHER.get(letter)
    if meant is None:
        meant = unicodedata.normalize("NFKD", letter.lower())
    parts = [part for one in meant if (part := _letter(one)) is not None]
    if letter in _SHORT_PARTS:
        return [replace(part, weight=0.3) for part in parts]
    return parts or [UNKNOWN]


def all_letters() -> tuple[str, ...]:
    """Return every IPA letter of the tables."""
    return (*_VOWELS, *_CONSONANTS)


FEATURES = (
    "silence", "vowel", "open", "open_squared", "round_vowel", "open_round", "spread_vowel", "back_vowel",
    "consonant", "closure", "labial", "dental_lip", "round_consonant", "hushing", "hissing", "dental", "coronal",
    "dorsal", "guttural", "rhotic", "lateral", "stop", "nasal", "spread_consonant", "open_consonant", "long",
)  # fmt: skip
"""Names of the coarticulation model's inputs, in the order of `features`."""


@lru_cache(maxsize=4096)
def _row(part: Part) -> tuple[float, ...]:
    if not part.letter:
        return (1.0,) + (0.0,) * (len(FEATURES) - 1)
    v, c = float(part.vowel), float(not part.vowel)
    return (
        0.0, v, v * part.open, v * part.open**2, v * part.round, v * part.round * part.open, v * part.spread,
        v * part.back, c, part.closure, part.labial, part.dental_lip, c * part.round, part.hushing, part.hissing,
        part.dental, part.coronal, part.dorsal, part.guttural, part.rhotic, part.lateral, part.stop, part.nasal,
        c * part.spread, c * part.open, v * part.length,
    )  # fmt: skip


def features(parts: tuple[Part, ...] | list[Part]) -> FloatArray:
    """Return (N, F) float32: one row of FEATURES a part."""
    return np.array([_row(part) for part in parts], dtype=np.float32).reshape(-1, len(FEATURES))
