"""Words to phones: each word's sounds, stretched or compressed to fill the word's time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mouthpiece.phones.files import fill_silences
from mouthpiece.types import Phone, SpokenWord

Pronouncer = Callable[[str], Sequence[Phone]]
"""A word's phones with their times when it is spoken alone, from any moment on."""


def pronounce_words(words: Sequence[SpokenWord], pronounce: Pronouncer) -> tuple[Phone, ...]:
    """Convert words to phones.

    Args:
        words: in time order.
        pronounce: called once for each different word.

    Returns:
        Phones and silences from 0 to the last word's end without gaps. Within a word the phones have the proportions
        that `pronounce` gives them; a word that it has no phones for becomes silence.
    """
    by_word: dict[str, tuple[Phone, ...]] = {}
    phones: list[Phone] = []
    for word in words:
        if word.text not in by_word:
            sounds = (phone for phone in pronounce(word.text) if phone.symbol and phone.end_s > phone.start_s)
            by_word[word.text] = tuple(sounds)
        phones += _stretched(by_word[word.text], word)
    return fill_silences(phones, max((word.end_s for word in words), default=0.0))


def _stretched(phones: Sequence[Phone], word: SpokenWord) -> list[Phone]:
    total_s = sum(phone.end_s - phone.start_s for phone in phones)
    fitted: list[Phone] = []
    now_s = word.start_s
    for phone in phones:
        end_s = now_s + (phone.end_s - phone.start_s) / total_s * (word.end_s - word.start_s)
        fitted.append(Phone(phone.symbol, now_s, end_s))
        now_s = end_s
    return fitted
