"""From a text to the sounds that may be heard in it: words of slots, each one sound or one of several, or perhaps none.

    text --espeak-ng, or the letters' own rules--> words --> slots

Where writing leaves a sound open (the vowels of plain Arabic, the dots of hasty Yoruba), the slot holds what it may be,
and the recording decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mouthpiece.errors import InputError, OptionError
from mouthpiece.synthesis.espeak import EspeakSynthesiser, SynthesisedSpeech

RATE_WPM = 140
EVENT_S = 0.005
"""A sound that ends within this of a word's start is not the word's."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a word."""

    choices: tuple[str, ...]
    """IPA of the sounds that may stand there."""
    optional: bool = False
    """Whether there may be none."""


@dataclass(frozen=True, slots=True)
class SpeltWord:
    """A word as it may sound."""

    text: str
    slots: tuple[Slot, ...]


ESPEAK_VOICES = {"zh": "cmn", "no": "nb", "nn": "nb"}
"""espeak-ng's codes of languages that it names otherwise or has only a neighbour of; others by their own."""


def espeak_voice(language: str) -> str:
    """Return espeak-ng's code for a BCP-47 tag, without its region."""
    base = language.partition("-")[0].lower()
    return ESPEAK_VOICES.get(base, base)


def words_of_rendering(rendering: SynthesisedSpeech) -> tuple[SpeltWord, ...]:
    """Divide what espeak-ng says into words, each with its sounds.

    A sound belongs to the last word that begins before its end: its start may lie before the word's, where it begins
    with a closure.
    """
    sounds = [phone for phone in rendering.phones if phone.symbol]
    starts = np.array([word.start_s for word in rendering.words])
    if not len(starts):
        return (SpeltWord("", tuple(Slot((sound.symbol,)) for sound in sounds)),)
    words: list[tuple[str, list[Slot]]] = [(word.text, []) for word in rendering.words]
    for sound in sounds:
        index = int(np.searchsorted(starts, sound.end_s - EVENT_S)) - 1
        words[max(index, 0)][1].append(Slot((sound.symbol,)))
    return tuple(SpeltWord(text, tuple(slots)) for text, slots in words if slots)


def ipa_sounds(ipa: str) -> tuple[str, ...]:
    """Divide a word in IPA into its sounds: every letter with the marks behind it."""
    sounds: list[str] = []
    for sign in ipa:
        if sounds and sign in "ːˑˤʰʷʲˠ̩̯̃͡":
            sounds[-1] += sign
        elif sign.isalpha() or sign in "ʔʕ":
            sounds.append(sign)
    for first in range(len(sounds) - 1, 0, -1):
        if (sounds[first - 1], sounds[first][0]) in (("d", "ʒ"), ("t", "ʃ")):
            sounds[first - 1 : first + 1] = [sounds[first - 1] + sounds[first]]
        elif sounds[first - 1] == sounds[first] and sounds[first] not in "aiueo":
            sounds[first - 1 : first + 1] = [sounds[first] + "ː"]
    return tuple(sounds)


def render(speaker: EspeakSynthesiser, text: str, language: str, variant: str | None = None) -> SynthesisedSpeech:
    """Let espeak-ng read a text in the voice of a BCP-47 language.

    Raises:
        InputError: it has no voice for the language, or can't read the text.
    """
    try:
        return speaker.say(text, voice=espeak_voice(language), variant=variant, rate_wpm=RATE_WPM)
    except OptionError as error:
        raise InputError(f"nothing here says how {language} is pronounced") from error
