"""The phones of a speech, from whatever the user gave for them, checked against its length."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

from mouthpiece.errors import InputError
from mouthpiece.notices import Notice, notice
from mouthpiece.options import PhonesInput
from mouthpiece.phones.files import fill_silences, read_phones
from mouthpiece.phones.pronunciation import pronounce_words
from mouthpiece.types import Phone, SpokenWord

BEYOND_S = 0.1
"""Phones may end so much after the speech without a warning."""
SHORT_S = 3.0
"""If phones end so much before the speech, there is a warning: perhaps they are another recording's."""


@dataclass(frozen=True, slots=True)
class PhoneTranscript:
    """The phones of a speech, as far as they are known."""

    phones: tuple[Phone, ...] = ()
    """Sounds in IPA and silences (empty symbol), from 0 on, without gaps; empty where they are unknown."""
    source: str = ""
    """Where that is from, for people."""
    warnings: tuple[Notice, ...] = ()
    """What is unusual about them, one line each."""


def find_phones(given: PhonesInput, duration_s: float, *, language: str = "en") -> PhoneTranscript:
    """Read the phones of a speech.

    Args:
        given: a file, or phones in time order.
        duration_s: length of the speech.
        language: of the words, where a file has words and no phones: espeak-ng's code (`en`, `ar`, `de` ...).

    Raises:
        InputError: the file can't be used, or belongs to another speech.
        MissingExtraError: it has words only, and the extra 'speech', which pronounces them, is not installed.
    """
    if given is None:
        return PhoneTranscript()
    if isinstance(given, str | os.PathLike):
        file = read_phones(given)
        source = f"{file.name} ({file.format}{f', tier {file.tier!r}' if file.tier else ''})"
        if file.phones:
            return _check_duration(PhoneTranscript(file.phones, source, file.warnings), duration_s, file.name)
        within = [word for word in file.words if word.start_s < duration_s]
        phones = pronounce_with_espeak(within or file.words, file.name, language)
        note = notice("words-spelled", file=file.name, language=language)
        return _check_duration(PhoneTranscript(phones, source, (*file.warnings, note)), duration_s, file.name)
    return _check_duration(PhoneTranscript(_check_phones(given), "phones as given"), duration_s, "the list of phones")


def pronounce_with_espeak(words: Sequence[SpokenWord], name: str, language: str) -> tuple[Phone, ...]:
    """Convert words to phones as espeak-ng pronounces them.

    Args:
        words: in time order.
        name: where they are from, for messages.
        language: espeak-ng's code.

    Raises:
        InputError: espeak-ng can't pronounce one of them.
        MissingExtraError: the extra 'speech' is not installed.
        OptionError: it has no such language.
    """
    from mouthpiece.synthesis.espeak import EspeakSynthesiser

    with EspeakSynthesiser() as synthesiser:

        def pronounce(word: str) -> tuple[Phone, ...]:
            if not any(sign.isalnum() for sign in word):
                return ()  # Punctuation with a time of its own.
            try:
                return synthesiser.say(word, voice=language).phones
            except InputError as error:
                raise InputError(f"expected words that espeak-ng can say in {name}, but: {error}") from error

        return pronounce_words(words, pronounce)


def _check_phones(phones: Sequence[Phone]) -> tuple[Phone, ...]:
    """Check phones as they were given, and fill the silences between them.

    Raises:
        InputError: they are none, or their times make no sense.
    """
    now_s = 0.0
    for number, phone in enumerate(phones, start=1):
        if not isinstance(phone, Phone):
            raise InputError(f"expected phones as mouthpiece.Phone, number {number} is {type(phone).__name__}")
        if not (math.isfinite(phone.start_s) and math.isfinite(phone.end_s)) or phone.start_s < 0:
            raise InputError(f"expected times from 0 on, phone {number} has {phone.start_s:g} to {phone.end_s:g} s")
        if phone.end_s <= phone.start_s or phone.start_s < now_s - 1e-6:
            raise InputError(
                f"expected phones one after the other, number {number} is from {phone.start_s:g} to {phone.end_s:g} s "
                f"after one that ends at {now_s:g} s"
            )
        now_s = phone.end_s
    if not any(phone.symbol for phone in phones):
        raise InputError("expected phones, got silence only; give None where they are unknown")
    return fill_silences(phones, now_s)


def _check_duration(transcript: PhoneTranscript, duration_s: float, name: str) -> PhoneTranscript:
    """Check a transcript against the speech's length; warn where they differ.

    Raises:
        InputError: all of them lie beyond its end.
    """
    sounding = [phone for phone in transcript.phones if phone.symbol]
    if not sounding:
        raise InputError(f"expected sounds in {name}, found none; give another file")
    first_s, last_s, end_s = sounding[0].start_s, sounding[-1].end_s, transcript.phones[-1].end_s
    if first_s >= duration_s:
        raise InputError(
            f"expected sounds within the speech's {duration_s:.2f} s, {name} begins at {first_s:.2f} s; "
            "check that both are of the same recording and that times are in seconds"
        )
    warnings = list(transcript.warnings)
    if last_s > duration_s + BEYOND_S:
        warnings.append(notice("phones-too-long", file=name, last_s=last_s, speech_s=duration_s))
    elif end_s < duration_s - SHORT_S:
        warnings.append(notice("phones-too-short", file=name, last_s=end_s, speech_s=duration_s))
    return PhoneTranscript(transcript.phones, transcript.source, tuple(warnings))
