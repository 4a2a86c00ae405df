"""What is said, from whatever the user gave for it, made to fit the speech."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

from mouthpiece.errors import InputError
from mouthpiece.notices import Notice, notice
from mouthpiece.options import PhonesInput
from mouthpiece.phones.files import SpokenWord, read_phones, with_silences
from mouthpiece.phones.spelling import spell
from mouthpiece.types import Phone

BEYOND_S = 0.1
"""Phones may end so much after the speech without a word about it."""
SHORT_S = 3.0
"""If phones end so much before the speech, it is said: perhaps they are another recording's."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is said in a speech, as far as it is known."""

    phones: tuple[Phone, ...] = ()
    """Sounds in IPA and silences (empty symbol), from 0 on, without gaps; empty where nothing is known."""
    source: str = ""
    """Where that is from, for people."""
    warnings: tuple[Notice, ...] = ()
    """What was odd, one line each."""


def find_phones(given: PhonesInput, duration_s: float, *, language: str = "en") -> Said:
    """Read what is said.

    Args:
        given: a file, or phones in time order.
        duration_s: length of the speech.
        language: of the words, where a file has words and no phones: espeak-ng's code (`en`, `ar`, `de` ...).

    Raises:
        InputError: the file can't be used, or belongs to another speech.
        MissingExtraError: it has words only, and the extra 'speech', which knows how they sound, is not installed.
    """
    if given is None:
        return Said()
    if isinstance(given, str | os.PathLike):
        file = read_phones(given)
        source = f"{file.name} ({file.format}{f', tier {file.tier!r}' if file.tier else ''})"
        if file.phones:
            return _fitting(Said(file.phones, source, file.warnings), duration_s, file.name)
        heard = [word for word in file.words if word.start_s < duration_s]
        spelled = spell_words(heard or file.words, file.name, language)
        note = notice("words-spelled", file=file.name, language=language)
        return _fitting(Said(spelled, source, (*file.warnings, note)), duration_s, file.name)
    return _fitting(Said(_checked(given), "phones as given"), duration_s, "the list of phones")


def spell_words(words: Sequence[SpokenWord], name: str, language: str) -> tuple[Phone, ...]:
    """The phones of words as espeak-ng pronounces them.

    Args:
        words: in time order.
        name: where they are from, for messages.
        language: espeak-ng's code.

    Raises:
        InputError: espeak-ng can't say one of them.
        MissingExtraError: the extra 'speech' is not installed.
        OptionError: it doesn't speak that language.
    """
    from mouthpiece.synthesis.espeak import Speaker

    with Speaker() as speaker:

        def pronounce(word: str) -> tuple[Phone, ...]:
            if not any(sign.isalnum() for sign in word):
                return ()  # Punctuation with a time of its own.
            try:
                return speaker.say(word, voice=language).phones
            except InputError as error:
                raise InputError(f"expected words that espeak-ng can say in {name}, but: {error}") from error

        return spell(words, pronounce)


def _checked(phones: Sequence[Phone]) -> tuple[Phone, ...]:
    """Phones as they were given, with the silences between them.

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
        raise InputError("expected phones, got silence only; give None where nobody knows what is said")
    return with_silences(phones, now_s)


def _fitting(said: Said, duration_s: float, name: str) -> Said:
    """Phones beside the speech's length.

    Raises:
        InputError: all of them lie beyond its end.
    """
    sounding = [phone for phone in said.phones if phone.symbol]
    if not sounding:
        raise InputError(f"expected sounds in {name}, found none that can be said; give another file")
    first_s, last_s, end_s = sounding[0].start_s, sounding[-1].end_s, said.phones[-1].end_s
    if first_s >= duration_s:
        raise InputError(
            f"expected sounds within the speech's {duration_s:.2f} s, {name} begins at {first_s:.2f} s; "
            "check that both are of the same recording and that times are in seconds"
        )
    odd = list(said.warnings)
    if last_s > duration_s + BEYOND_S:
        odd.append(notice("phones-too-long", file=name, last_s=last_s, speech_s=duration_s))
    elif end_s < duration_s - SHORT_S:
        odd.append(notice("phones-too-short", file=name, last_s=end_s, speech_s=duration_s))
    return Said(said.phones, said.source, tuple(odd))
