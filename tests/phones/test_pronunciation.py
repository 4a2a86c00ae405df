"""Words become phones within their own time."""

from __future__ import annotations

import pytest

from mouthpiece.phones.pronunciation import pronounce_words
from mouthpiece.types import Phone, SpokenWord

SPOKEN = {
    "two": (Phone("", 0.0, 0.05), Phone("t", 0.05, 0.10), Phone("uː", 0.10, 0.25), Phone("", 0.25, 0.5)),
    "a": (Phone("eɪ", 0.0, 0.2),),
    "hm": (),
}


def test_phones_fill_their_word_in_their_own_proportions() -> None:
    words = [
        SpokenWord("two", 1.0, 1.4),
        SpokenWord("a", 1.4, 1.5),
        SpokenWord("hm", 1.5, 1.8),
        SpokenWord("a", 2.0, 2.1),
    ]
    asked: list[str] = []

    def pronounce(word: str) -> tuple[Phone, ...]:
        asked.append(word)
        return SPOKEN[word]

    phones = pronounce_words(words, pronounce)
    assert asked == ["two", "a", "hm"], "each word once"
    assert [phone.symbol for phone in phones] == ["", "t", "uː", "eɪ", "", "eɪ"]
    assert [phone.start_s for phone in phones] == pytest.approx([0.0, 1.0, 1.1, 1.4, 1.5, 2.0])
    assert [phone.end_s for phone in phones] == pytest.approx([1.0, 1.1, 1.4, 1.5, 2.0, 2.1])


def test_no_words_no_phones() -> None:
    assert pronounce_words([], lambda _: ()) == ()
