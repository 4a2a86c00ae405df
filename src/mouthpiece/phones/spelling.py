"""Words to phones: each word's sounds, stretched or squeezed to fill the time in which it is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mouthpiece.phones.files import SpokenWord, with_silences
from mouthpiece.types import Phone

Pronounce = Callable[[str], Sequence[Phone]]
"""A word's phones with the times that they have when somebody says it alone, from any moment on."""


def spell(words: Sequence[SpokenWord], pronounce: Pronounce) -> tuple[Phone, ...]:
    """The phones of words.

    Args:
        words: in time order.
        pronounce: asked once for each different word.

    Returns:
        Phones and silences from 0 to the last word's end without gaps. Within a word the phones have the proportions
        that `pronounce` gives them; a word that it says nothing for becomes silence.
    """
    known: dict[str, tuple[Phone, ...]] = {}
    phones: list[Phone] = []
    for word in words:
        if word.text not in known:
            known[word.text] = _sounding(pronounce(word.text))
        phones += _fitted(known[word.text], word)
    return with_silences(phones, max((word.end_s for word in words), default=0.0))


def _sounding(phones: Sequence[Phone]) -> tuple[Phone, ...]:
    """Phones without the silence before, after and between them."""
    return tuple(phone for phone in phones if phone.symbol and phone.end_s > phone.start_s)


def _fitted(phones: Sequence[Phone], word: SpokenWord) -> list[Phone]:
    total_s = sum(phone.end_s - phone.start_s for phone in phones)
    fitted: list[Phone] = []
    now_s = word.start_s
    for phone in phones:
        end_s = now_s + (phone.end_s - phone.start_s) / total_s * (word.end_s - word.start_s)
        fitted.append(Phone(phone.symbol, now_s, end_s))
        now_s = end_s
    return fitted
