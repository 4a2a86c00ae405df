"""From espeak-ng's phoneme events to sounds with their true times in the samples.

    (sample, name) of every event, samples --> Phone, Phone, ...

The events mark when espeak-ng begins a sound's characteristic part, which is not when the sound begins:

- a stop's event comes with its burst; the closure before, in which the lips are already shut, is silence that the
  events count to the sound before. It is found in the samples: espeak-ng's silence is (almost) zero.
- the event of a vowel after a nasal or a liquid comes after the transition, 20 ms late in running speech and 60 in a
  slow word: lips that were closed for an m would open that much too late. The transition is found in the spectrum: of
  all ways to split the stretch in two, the one after which both parts vary least. After a voiced stop the event comes
  late too; the release is found alike.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mouthpiece.types import FloatArray, Phone

QUIET = 3e-4
"""Samples within this of zero are silence."""
LONGEST_CLOSURE_S = 0.12
"""A closure after a pause is counted for so long; before, the lips were idle."""
LONGEST_QUIET_S = 0.3
"""How far back a closure is looked for."""
SHORTEST_PAUSE_S = 0.06
"""Shorter quiet before a sound that isn't a stop belongs to the sound; shorter gaps in a word to what is before."""
LATEST_VOWEL_S = 0.11
"""How late a vowel's event may come."""
SHORTEST_CONSONANT_S = 0.025
"""What is left of a nasal or liquid at least."""
VOICE_ONSET_S = 0.012
"""From the release of a voiced stop to its vowel."""
RELEASE_RISE = 0.7
"""By so much (natural log of power, mean over bands) a release is louder than the closure before."""
HOP_S = 0.004
WINDOW_S = 0.016
BAND_EDGES_HZ = (0, 250, 500, 800, 1200, 1800, 2600, 3600, 5000, 8000)

STOPS = frozenset("pbtdkɡgqɢcɟʈɖʔɓɗʄɠʛʘǀǃǂǁ")
"""First letters of sounds that begin with a closure, affricates included."""
VOICED_STOPS = frozenset("bdɡɢɟɖɓɗʄɠʛ")
"""Those among them whose vowel is marked late; affricates (more than one base letter) aren't."""
NASALS = frozenset("mnŋɲɳɴɱ")
LIQUIDS = frozenset("wjlɫʎɭɹrɻɥɰʀ")
"""Sounds after which, as after nasals, espeak-ng marks vowels late: found by what each consonant between two vowels
does to the spectrum. v ʋ ð ɾ ʁ and the fricatives are marked rightly."""
VOWELS = frozenset("aeiouyæœøɐɑɒɔəɘɚɛɜɝɞɤɨɪɯɵɶʉʊʌʏɿʅᵻ")
_MARKS = re.compile(r"\([^)]*\)|[ˈˌ'\"|‖%=_:;!?0-9˥˦˧˨˩-]")
"""Stress, tones, language switches and espeak-ng's own signs."""
_SPELT = {
    "ts.": "ʈʂ", "dz.": "ɖʐ", "s.": "ʂ", "z.": "ʐ", "t.": "ʈ", "d.": "ɖ", "n.": "ɳ", "l.": "ɭ", "r.": "ɽ", "a.": "ɑ",
    "sx": "ɧ", "ss": "s", "A": "ɑ", "E": "ɛ", "I": "ɪ", "O": "ɔ", "U": "ʊ", "`": "ʼ",
}  # fmt: skip
"""espeak-ng's own letters where it has no IPA."""
_ALONE = {"ʲ": "j", "ʷ": "w", "ʰ": "h"}
"""Off-glides that come as sounds of their own."""
_ARABIC = {"s̪": "sˤ", "t̪": "tˤ"}
"""How espeak-ng writes two of Arabic's emphatics."""
_ASPIRATED = re.compile(r"(?<=[pbtdkɡgqcɟʈɖsʂɕʃzʒʑʐ])h$")


@dataclass(frozen=True, slots=True)
class _TimedSound:
    """A phone while its times are being found, in samples."""

    symbol: str
    start: int
    end: int


def ipa_symbols(name: str) -> tuple[str, ...]:
    """Convert an event's name to the sounds in it, IPA without stress and tones; none if it holds no sound.

    Mostly one. Where espeak-ng spells a vowel and the nasal or liquid behind it as one (`onɡ`, `ɔːɹ`), two.
    """
    symbol = unicodedata.normalize("NFD", _MARKS.sub("", name)).replace("ç", "ç").strip()
    for written, meant in _SPELT.items():
        symbol = symbol.replace(written, meant)
    symbol = _ALONE.get(symbol, symbol)
    symbol = _ASPIRATED.sub("ʰ", symbol.replace(".", "").replace("g", "ɡ"))
    if symbol and symbol[0] in VOWELS:
        if symbol.endswith("nɡ"):
            return symbol[:-2], "ŋ"
        if len(symbol) > 1 and symbol[-1] in NASALS | set("lɹr"):
            return symbol[:-1], symbol[-1]
    return (symbol,) if symbol else ()


def phones_from_events(events: Sequence[tuple[int, str]], samples: FloatArray, rate: int) -> tuple[Phone, ...]:
    """Return sounds with their times.

    Args:
        events: (sample, name) in order; an empty name is a pause.
        samples: (n,) float32 in [-1, 1], the synthesised sound, unaltered.
        rate: samples a second of both.

    Returns:
        Phones that follow each other without gap from 0 to the end; silence has an empty symbol.
    """
    sounds = _spans(events, len(samples))
    sounds = _with_closures(sounds, samples, rate)
    sounds = _with_early_vowels(sounds, samples, rate)
    sounds = _tidy(sounds, len(samples), int(SHORTEST_PAUSE_S * rate))
    return tuple(Phone(sound.symbol, sound.start / rate, sound.end / rate) for sound in sounds)


def arabic_symbols(phones: Sequence[Phone]) -> tuple[Phone, ...]:
    """Write Arabic's emphatics as such; espeak-ng distinguishes ظ from ذ by the vowel alone."""
    following = [phone.symbol for phone in phones[1:]] + [""]
    found = []
    for phone, after in zip(phones, following, strict=True):
        symbol = "ðˤ" if phone.symbol == "ð" and after[:1] == "ɑ" else _ARABIC.get(phone.symbol, phone.symbol)
        found.append(Phone(symbol, phone.start_s, phone.end_s))
    return tuple(found)


def _spans(events: Sequence[tuple[int, str]], count: int) -> list[_TimedSound]:
    """Stretch every event from its sample to the next one's; what is before the first is silence."""
    spans = [_TimedSound("", 0, min(events[0][0], count))] if events else [_TimedSound("", 0, count)]
    starts = [min(start, count) for start, _ in events] + [count]
    for (_, name), start, end in zip(events, starts[:-1], starts[1:], strict=True):
        symbols = ipa_symbols(name)
        if not name or not symbols:
            # A sign without a sound of its own (a tone, a change of language) takes no time, else it is a pause.
            spans.append(_TimedSound("", start, end))
            continue
        middle = start + int(0.6 * (end - start))
        spans += [_TimedSound(symbols[0], start, end if len(symbols) == 1 else middle)]
        spans += [_TimedSound(symbol, middle, end) for symbol in symbols[1:]]
    return [span for span in spans if span.end > span.start]


def _with_closures(sounds: list[_TimedSound], samples: FloatArray, rate: int) -> list[_TimedSound]:
    """Give the silence before a sound to the sound if it is a stop, or if the silence is short."""
    found: list[_TimedSound] = []
    loud = np.abs(samples) > QUIET
    for sound in sounds:
        start = sound.start
        if sound.symbol and found:
            before = found[-1]
            quiet = _quiet_before(loud, start, int(LONGEST_QUIET_S * rate))
            if sound.symbol[0] in STOPS:
                if not before.symbol:
                    quiet = min(quiet, int(LONGEST_CLOSURE_S * rate))
                start -= quiet
            elif before.symbol and quiet >= SHORTEST_PAUSE_S * rate:
                found.append(_TimedSound("", start - quiet, start))
                before = _TimedSound(before.symbol, before.start, start - quiet)
                found[-2] = before
            elif before.symbol:
                start -= quiet
            _cut_off(found, start)
        found.append(_TimedSound(sound.symbol, start, sound.end))
    return found


def _cut_off(sounds: list[_TimedSound], start: int) -> None:
    """Cut off sounds at a sample; those that lie wholly behind it go."""
    while sounds and sounds[-1].start >= start and start > 0:
        sounds.pop()
    if sounds and sounds[-1].end > start:
        last = sounds.pop()
        if start > last.start:
            sounds.append(_TimedSound(last.symbol, last.start, start))


def _quiet_before(loud: NDArray[np.bool_], at: int, most: int) -> int:
    """Count the silent samples before one, `most` at most."""
    first = max(at - most, 0)
    sounding = np.flatnonzero(loud[first:at])
    return at - first - (int(sounding[-1]) + 1 if len(sounding) else 0)


def _with_early_vowels(sounds: list[_TimedSound], samples: FloatArray, rate: int) -> list[_TimedSound]:
    """Move the start of vowels after nasals, liquids and voiced stops to where the spectrum changes."""
    moved = list(sounds)
    for index in range(1, len(moved)):
        before, vowel = moved[index - 1], moved[index]
        if vowel.symbol[:1] not in VOWELS or before.end != vowel.start:
            continue
        first = max(before.start + int(SHORTEST_CONSONANT_S * rate), vowel.start - int(LATEST_VOWEL_S * rate))
        start = vowel.start
        if before.symbol[:1] in NASALS | LIQUIDS:
            start, _ = _change(samples, rate, first, vowel.start)
        elif before.symbol[:1] in VOICED_STOPS and not before.symbol[1:].strip("ʰʱʲʷːˤˠ̪̊"):
            release, rise = _change(samples, rate, first, vowel.start)
            if rise > RELEASE_RISE:
                start = min(release + int(VOICE_ONSET_S * rate), vowel.start)
        moved[index - 1] = _TimedSound(before.symbol, before.start, start)
        moved[index] = _TimedSound(vowel.symbol, start, vowel.end)
    return moved


def _change(samples: FloatArray, rate: int, first: int, last: int) -> tuple[int, float]:
    """Find the sample between two at which the spectrum changes most for good, and how much louder it gets there.

    The last one, and 0, if there is too little between.
    """
    hop, window = int(HOP_S * rate), int(WINDOW_S * rate)
    centres = np.arange(first, last, hop)
    if len(centres) < 4:
        return last, 0.0
    index = np.clip(centres[:, None] + np.arange(window) - window // 2, 0, len(samples) - 1)
    power = np.abs(np.fft.rfft(samples[index] * np.hanning(window), axis=1)) ** 2  # (T, bins)
    edges = np.searchsorted(np.fft.rfftfreq(window, 1 / rate), BAND_EDGES_HZ)
    bands = np.log(np.add.reduceat(power, edges[:-1], axis=1) + 1e-4)  # (T, bands)
    total, squares = np.cumsum(bands, axis=0), np.cumsum(bands**2, axis=0)
    sizes = np.arange(1, len(bands))[:, None]
    left = squares[:-1] - total[:-1] ** 2 / sizes
    right = squares[-1] - squares[:-1] - (total[-1] - total[:-1]) ** 2 / (len(bands) - sizes)
    best = int(np.argmin((left + right).sum(axis=1))) + 1
    # What gets louder counts as soon as the window's rim touches it.
    return int(centres[best]) + window // 3 - hop // 2, float(bands[best:].mean() - bands[:best].mean())


def _tidy(sounds: list[_TimedSound], count: int, shortest: int) -> list[_TimedSound]:
    """Remove gaps, empty sounds and too short inner silences, join silences in a row, and fill up to the end."""
    kept: list[_TimedSound] = []
    for index, sound in enumerate(sounds):
        start = kept[-1].end if kept else 0
        if sound.end <= start:
            continue
        inner = kept and any(later.symbol for later in sounds[index + 1 : index + 2])
        if kept and not sound.symbol and (not kept[-1].symbol or (inner and sound.end - start < shortest)):
            kept[-1] = _TimedSound(kept[-1].symbol, kept[-1].start, sound.end)
        else:
            kept.append(_TimedSound(sound.symbol, start, sound.end))
    if kept and kept[-1].end < count:
        kept.append(_TimedSound("", kept[-1].end, count))
    return kept
