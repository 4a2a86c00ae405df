"""Classes of speech sounds that a small acoustic model can tell apart, shared by all languages.

A sound is one class, or several one after the other: a diphthong is two vowels, an affricate a stop and a fricative.
"""

from __future__ import annotations

from functools import lru_cache

from mouthpiece.motion.phonetics import parse

_MEMBERS = (
    "i", "ɪᵻɨ", "yʏøœ", "e", "ɛ", "æ", "aɐ", "ɑɒ", "ʌ", "əɘɜɵɞ", "ɚɝ", "ɔ", "oɤ", "ʊ", "uʉɯ",
    "pɸ", "bɓ", "tʈ", "dɖɗ", "kc", "ɡɟɠ", "qɢ", "ʔ", "m", "nɳɱ", "ɲ", "ŋɴ", "f", "vʋβⱱ", "θ", "ð", "s", "z", "ʃʂɕ",
    "ʒʐʑ", "ç", "xχ", "ɣʁɰ", "ħʜ", "ʕʢ", "hɦ", "lɫɭʎʟɬɮ", "rɾɽʀ", "ɹɻ", "jʝɥ", "wʍ",
)  # fmt: skip
SILENCE = 0
"""Number of the class of silence."""
CLASSES = ("", *(letters[0] for letters in _MEMBERS))
"""Every class by the first of its letters, silence first."""
_NUMBER = {letter: number for number, letters in enumerate(_MEMBERS, start=1) for letter in letters}
_OTHER = _NUMBER["ə"]


@lru_cache(maxsize=4096)
def classes_of(symbol: str) -> tuple[int, ...]:
    """Return the classes that a sound goes through, by number.

    Args:
        symbol: IPA; empty for silence.
    """
    numbers = [SILENCE if not part.letter else _NUMBER.get(part.letter, _OTHER) for part in parse(symbol)]
    return tuple(number for index, number in enumerate(numbers) if index == 0 or number != numbers[index - 1])
