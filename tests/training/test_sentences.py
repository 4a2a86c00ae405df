"""What synthetic speakers say."""

from __future__ import annotations

import re

import numpy as np
import pytest

from mouthpiece.errors import OptionError
from mouthpiece.training.sentences import languages, nonsense, sentences


def test_there_are_enough_sentences_of_enough_languages() -> None:
    assert len(languages()) >= 24
    assert all(len(sentences(language)) >= 8 for language in languages())
    assert len(sentences("en")) >= 50
    assert len(sentences("ar")) >= 36
    assert {"de", "es", "fr", "hi", "cmn", "ru", "ja"} < set(languages())


def test_sentences_are_different_and_clean() -> None:
    for language in languages():
        found = sentences(language)
        assert len(set(found)) == len(found), language
        assert all(sentence == sentence.strip() and len(sentence) > 5 for sentence in found), language
    assert any(sentence.endswith("?") for sentence in sentences("en"))
    assert any(sentence.endswith("!") for sentence in sentences("en"))


def test_arabic_carries_its_vowel_signs() -> None:
    for sentence in sentences("ar"):
        letters = len(re.findall("[ء-ي]", sentence))
        signs = len(re.findall("[\u064b-\u0652]", sentence))
        assert signs > 0.25 * letters, sentence


def test_all_english_shares_its_sentences() -> None:
    assert sentences("en-gb-x-rp") == sentences("en")
    with pytest.raises(OptionError, match="'tlh'"):
        sentences("tlh")


@pytest.mark.parametrize("language", languages())
def test_made_up_words_use_the_languages_own_signs(language: str) -> None:
    text = nonsense(language, np.random.default_rng(1), 12)
    assert len(text.rstrip(".!?,").split(" ")) == 12
    known = set(" ".join(sentences(language)).lower()) | set(" .,!?")
    assert set(text) <= known
    assert text == nonsense(language, np.random.default_rng(1), 12)
    assert text != nonsense(language, np.random.default_rng(2), 12)
