"""Texts for synthetic speech: real sentences of many languages, and words that don't exist.

    sentences.txt --read--> sentences by language;  --harvest syllables, shuffle--> made-up words

Real sentences give a language's own rhythm and frequent sounds; made-up words give what sentences rarely hold, so that
nearly every sound stands beside every other.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from mouthpiece.errors import OptionError

if TYPE_CHECKING:
    from numpy.random import Generator

_FILE = Path(__file__).with_name("sentences.txt")
_VOWELS = (
    "aeiouyàáâãäåæèéêëìíîïòóôõöøùúûüýāăąēėęěīįıōőœūůűųơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ"
    "аеёиоуыэюяієїαεηιοωυάέήίόώύაეიოუ"
)
"""Vowel letters of the alphabets among the languages."""
_SIGNS = "".join(chr(code) for code in range(0x300, 0xE00) if unicodedata.category(chr(code)).startswith("M"))
"""Marks that belong to the letter before them."""
ENDINGS = (".", ".", ".", "!", "?", ",")
"""What follows a group of made-up words."""


@cache
def _by_language() -> dict[str, tuple[str, ...]]:
    """Read the file's sections."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        heading = re.fullmatch(r"\[([\w-]+)\]", line)
        if heading:
            lines = found.setdefault(heading[1], [])
        elif line and not line.startswith("#"):
            lines.append(line)
    return {language: tuple(sentences) for language, sentences in found.items()}


def languages() -> tuple[str, ...]:
    """Return the codes of the languages with sentences, espeak-ng's; `en` stands for all kinds of English."""
    return tuple(_by_language())


def sentences(language: str) -> tuple[str, ...]:
    """Return the real sentences of a language; `en-us`, `en-gb`, ... share those of `en`.

    Raises:
        OptionError: there are none.
    """
    every = _by_language()
    found = every.get(language) or every.get(language.split("-", maxsplit=1)[0])
    if found is None:
        raise OptionError(f"expected a language with sentences, got {language!r}; one of {', '.join(every)}")
    return found


def nonsense(language: str, rng: Generator, words: int) -> str:
    """Make up words of a language's own syllables, in its own letters, with punctuation.

    Args:
        language: as for `sentences`.
        rng: what to draw from.
        words: how many.
    """
    syllables = _syllables(language)
    made = []
    for index in range(words):
        count = int(rng.choice((1, 2, 2, 3, 3, 4)))
        word = "".join(syllables[int(i)] for i in rng.integers(len(syllables), size=count))
        last = index + 1 == words
        made.append(word + (str(rng.choice(ENDINGS[:-1])) if last else "," if rng.random() < 0.15 else ""))
    return " ".join(made)


@cache
def _syllables(language: str) -> tuple[str, ...]:
    """Return different pieces of words that may stand as a syllable."""
    words = re.findall(rf"[^\W\d_]+(?:[{_SIGNS}]*[^\W\d_]*)*", " ".join(sentences(language)).lower())
    pieces = {piece for word in words for piece in _split(word)}
    return tuple(sorted(pieces))


def _split(word: str) -> Sequence[str]:
    """Split a word: alphabets before a consonant with its vowel, other scripts by two or three signs."""
    vowel, other = f"[{_VOWELS}]", f"[^{_VOWELS}]"
    if re.search(vowel, word):
        return re.findall(rf"{other}*{vowel}+(?:{other}+(?={other}{vowel}|$))?", word)
    return re.findall(rf"\w[{_SIGNS}]*(?:\w[{_SIGNS}]*)?", word)
