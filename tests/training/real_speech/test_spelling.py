"""Texts to sounds: by espeak-ng, by Arabic's letters, by Yoruba's and Tagalog's."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import pytest

from mouthpiece.errors import InputError
from mouthpiece.motion.phonetics import UNKNOWN, parse
from mouthpiece.synthesis.espeak import EspeakSynthesiser
from mouthpiece.training.real_speech.arabic_letters import arabic_words
from mouthpiece.training.real_speech.latin_letters import tagalog_words, yoruba_words
from mouthpiece.training.real_speech.sound_classes import CLASSES, SILENCE, classes_of
from mouthpiece.training.real_speech.spelling import SpeltWord, ipa_sounds, render, words_of_rendering


def written(words: Sequence[SpeltWord]) -> list[str]:
    """Each word's slots: `a|i` is a choice, `a?` may be missing."""
    return [unicodedata.normalize("NFC", one) for one in _written(words)]


def _written(words: Sequence[SpeltWord]) -> list[str]:
    return [" ".join("|".join(s.choices) + "?" * s.optional for s in word.slots) for word in words]


@pytest.mark.parametrize(
    ("text", "sounds"),
    [
        ("يَكْتُبُ", "j a k t u b u?"),
        ("كِتَابٌ", "k i t aː b u? n?"),
        ("مُدَرِّسَةٌ", "m u d a rː i s a t? u? n?"),
        ("شُكْرًا", "ʃ u k r a? n?"),
        ("نُور", "n uː r a|i|u?"),
        ("بَيْت", "b a j t a|i|u?"),
        ("يَوْم", "j a w m a|i|u?"),
        ("آمَنَ", "ʔ aː m a n a?"),
        ("إِلَى", "ʔ i l aː"),
        ("كَتَبُوا", "k a t a b uː"),
        ("الشَّمْسُ", "ʔ? a? ʃː a m s u?"),
        ("القَمَر", "ʔ? a? l q a m a r a|i|u?"),
        ("وَالقَمَر", "w a l q a m a r a|i|u?"),
        ("كتب", "k a|i|u? t a|i|u? b a|i|u?"),
        ("نور", "n a|i|u? uː|w a|i|u? r a|i|u?"),
        ("هذا", "h aː ð aː"),
    ],
)
def test_arabic_is_spelt_as_far_as_it_is_marked(text: str, sounds: str) -> None:
    assert written(arabic_words(text)) == [sounds]


def test_what_is_not_arabic_is_passed_over() -> None:
    assert [word.text for word in arabic_words("نعم، abc «لا».")] == ["نعم", "لا"]
    assert arabic_words("...") == ()


def test_yoruba() -> None:
    assert written(yoruba_words("Ọgbọ́n ṣe pàtàkì, ohun")) == ["ɔ ɡb ɔ̃", "ʃ e|ɛ", "kp a t a k i", "o|ɔ h ũ"]


def test_tagalog() -> None:
    assert written(tagalog_words("Ang mga bata ng Maynila")) == [
        "ʔ? a ŋ", "m a ŋ a", "b a t a", "n a ŋ", "m a j n i l a",
    ]  # fmt: skip


def test_words_of_a_rendering_have_their_own_sounds(speaker: EspeakSynthesiser) -> None:
    words = words_of_rendering(render(speaker, "Nun begannen die Römer.", "de-DE"))
    assert [word.text for word in words] == ["Nun", "begannen", "die", "Römer."] or words[-1].text == "Römer"
    assert written(words)[0] == "n uː n" and written(words)[2].split()[0] == "d"


def test_a_language_that_nothing_speaks_is_refused(speaker: EspeakSynthesiser) -> None:
    with pytest.raises(InputError, match="xx-YY"):
        render(speaker, "hello", "xx-YY")
    assert render(speaker, "她好", "zh-CN").phones
    assert render(speaker, "Eg syng", "nn").phones


def test_ipa_is_divided_into_sounds() -> None:
    assert ipa_sounds("xijaːraːt") == ("x", "i", "j", "aː", "r", "aː", "t")
    assert ipa_sounds("sˤifr") == ("sˤ", "i", "f", "r")
    assert ipa_sounds("sitta") == ("s", "i", "tː", "a")
    assert ipa_sounds("dʒiːm") == ("dʒ", "iː", "m")


def test_every_sound_that_is_spelt_has_a_class_and_a_mouth() -> None:
    texts = arabic_words("وأهمها على صعيد صناعة الأفلام ظِلٌّ خُذْ ثَوْبًا غَيْث ضَيْف قِطّ شَجَرَة إذا آخر مسؤول شيء")
    spelt = [*texts, *yoruba_words("abdeẹfggbhijklmnoọprsṣtuwy"), *tagalog_words("abkdeghilmnngoprstuwy ñ ts")]
    symbols = {choice for word in spelt for slot in word.slots for choice in slot.choices}
    assert len(symbols) > 40
    for symbol in symbols:
        assert UNKNOWN not in parse(symbol)
        assert all(0 < number < len(CLASSES) for number in classes_of(symbol))


def test_classes_of_sounds() -> None:
    assert classes_of("") == (SILENCE,)
    assert [CLASSES[number] for number in classes_of("aɪ")] == ["a", "ɪ"]
    assert [CLASSES[number] for number in classes_of("tʃ")] == ["t", "ʃ"]
    assert classes_of("aː") == classes_of("a") and len(classes_of("sˤː")) == 1
    assert len(set(CLASSES)) == len(CLASSES)
