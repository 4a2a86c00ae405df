"""Forced alignment: the times of the phones of a recording whose words are known, against espeak-ng's rendering.

    text --espeak-ng--> speech whose phones have times --dynamic time warping--> the recording's phones

Both are compared by their cepstra. The espeak rendering gets a frame of silence between any two words, which the
recording may take as long as it likes for, or none of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mouthpiece.errors import InputError
from mouthpiece.speech import features, log_mel, mfcc
from mouthpiece.synthesis.espeak import EspeakSynthesiser, SynthesisedSpeech
from mouthpiece.types import MEL_RATE, SAMPLE_RATE, FloatArray, Phone, SpokenWord

SLACK_S = 0.03
"""How far a word may lie outside the times that are given for it."""
SHORTEST_PHONE_S = 0.02
"""A phone lasts at least so long, if its neighbours leave room."""
SHORTEST_PAUSE_S = 0.06
"""Silence between words that is shorter belongs to the words."""
RANGE = 9.0
"""What is so much (natural log of power) below the loudest counts as silence."""
LETTERS = {"a": "eigh", "z": "zed"}
"""How to spell letters that espeak-ng would not name by themselves."""
_WEIGHTS = np.concatenate([[0.5, *[1.0] * 12], [2.0, *[3.0] * 12]]).astype(np.float32)
"""What cepstra and their slopes count: the level less than the spectrum's shape."""
_STEPS = np.array([0.15, 0.0, 0.15, 0.5], dtype=np.float32)
"""Price of going on by so many frames of the rendering with one frame of the recording."""
_FORBIDDEN = np.float32(1e6)


@dataclass(frozen=True, slots=True)
class _Template:
    """A rendering to compare with, J frames, silences put in between its words."""

    cepstra: FloatArray
    """(J, C)."""
    silent: np.ndarray
    """(J,) bool: the frames that were put in."""
    phone: np.ndarray
    """(J,) which of `symbols`; that of the sound before where silent."""
    word: np.ndarray
    """(J,) which word; -1 where silent."""
    symbols: tuple[str, ...]


@contextmanager
def _started(speaker: EspeakSynthesiser | None) -> Iterator[EspeakSynthesiser]:
    """Give the speaker, or start one for the time being."""
    if speaker is not None:
        yield speaker
    else:
        with EspeakSynthesiser() as started:
            yield started


def align_text(
    samples: FloatArray, text: str, voice: str = "en-gb", *, speaker: EspeakSynthesiser | None = None
) -> tuple[Phone, ...]:
    """Align the phones of a recording whose text is known.

    Args:
        samples: (n,) mono, SAMPLE_RATE; up to a minute or so at once.
        text: what is said, from the first word to the last.
        voice: espeak-ng's language code.
        speaker: who renders; one is started if not given.

    Returns:
        The sounds in order, without the silences.

    Raises:
        InputError: nobody speaks in the recording, or there is nothing to say in the text.
        MissingExtraError: espeak-ng is not installed.
    """
    _, activity = features(samples)
    spoken = np.flatnonzero(activity > 0.5)
    if not len(spoken):
        raise InputError("expected speech to align, found a recording in which nobody speaks")
    with _started(speaker) as started:
        rendering = started.say(text, voice=voice)
        wanted_s = (spoken[-1] - spoken[0]) / MEL_RATE
        # A rendering at about the recording's pace needs least warping.
        pace = np.clip(len(rendering.samples) / SAMPLE_RATE / max(wanted_s, 0.1), 0.55, 2.2)
        rendering = started.say(text, voice=voice, rate_wpm=int(np.clip(160 * pace, 80, 380)))
    template = _template(rendering)
    cepstra = _cepstra(samples)
    limits = np.array([[spoken[0] / MEL_RATE - SLACK_S, spoken[-1] / MEL_RATE + SLACK_S]])
    path = _warp(cepstra, template, np.repeat(limits, template.word.max() + 1, axis=0))
    return _phones(path, template)


def align_phones(
    samples: FloatArray,
    words: Sequence[SpokenWord],
    voice: str = "en-gb",
    *,
    speaker: EspeakSynthesiser | None = None,
    rendered: dict[str, SynthesisedSpeech] | None = None,
) -> tuple[Phone, ...]:
    """Align the phones of a recording whose words and their times are known.

    Args:
        samples: (n,) mono, SAMPLE_RATE.
        words: in order; the phones of each fill its time.
        voice: espeak-ng's language code.
        speaker: who renders; one is started if not given.
        rendered: words rendered before in this voice, added to; pass the same for many recordings to save time.

    Returns:
        The sounds in order, without the silences.

    Raises:
        InputError: there are no words.
        MissingExtraError: espeak-ng is not installed.
    """
    if not words:
        raise InputError("expected words to align, got none")
    cepstra = _cepstra(samples)
    rendered = {} if rendered is None else rendered
    phones: list[Phone] = []
    with _started(speaker) as started:
        for word in words:
            if word.text not in rendered:
                rendered[word.text] = _render_word(started, word.text, voice)
            phones += _align_word(cepstra, word, rendered[word.text])
    return tuple(phones)


def _render_word(speaker: EspeakSynthesiser, text: str, voice: str) -> SynthesisedSpeech:
    """Render a word by itself, without the silence around it."""
    rendering = speaker.say(LETTERS.get(text, text), voice=voice, rate_wpm=150)
    sounds = [phone for phone in rendering.phones if phone.symbol]
    if not sounds:
        raise InputError(f"expected words to align, got {text!r}, of which espeak-ng says nothing")
    first, last = sounds[0].start_s, sounds[-1].end_s
    samples = rendering.samples[int(first * SAMPLE_RATE) : int(last * SAMPLE_RATE)]
    moved = tuple(Phone(phone.symbol, phone.start_s - first, phone.end_s - first) for phone in sounds)
    return SynthesisedSpeech(samples, moved, rendering.words)


def _align_word(cepstra: FloatArray, word: SpokenWord, rendering: SynthesisedSpeech) -> list[Phone]:
    """Align the sounds of one word, which fill its time."""
    first, end = round(word.start_s * MEL_RATE), round(word.end_s * MEL_RATE)
    real, made = cepstra[first : max(end, first + 2)], _cepstra(rendering.samples)
    if len(real) < 2 or len(made) < 2 or word.end_s <= word.start_s:
        return []
    # Each without its mean: another voice, another microphone.
    path = _warp_whole(real - real.mean(axis=0), made - made.mean(axis=0))
    inner = [phone.start_s * MEL_RATE for phone in rendering.phones[1:]]
    times = [
        word.start_s + float(path[path[:, 1] == min(round(at), len(made) - 1), 0].mean()) / MEL_RATE for at in inner
    ]
    edges = np.array([word.start_s, *times, word.end_s])
    shortest = min(SHORTEST_PHONE_S * 1.5, (word.end_s - word.start_s) / len(rendering.phones) * 0.6)
    for index in range(1, len(edges) - 1):
        edges[index] = max(edges[index], edges[index - 1] + shortest)
    for index in range(len(edges) - 2, 0, -1):
        edges[index] = min(edges[index], edges[index + 1] - shortest)
    return [
        Phone(phone.symbol, float(start), float(stop))
        for phone, (start, stop) in zip(rendering.phones, pairwise(edges), strict=True)
    ]


def _warp_whole(real: FloatArray, made: FloatArray) -> np.ndarray:
    """Warp one word onto another in time from end to end (Sakoe & Chiba 1978): (pairs, 2) frame numbers."""
    cost = np.sqrt(((real[:, None] - made[None]) ** 2).sum(axis=2)).tolist()
    rows, columns = len(real), len(made)
    total = [[np.inf] * (columns + 1) for _ in range(rows + 1)]
    total[0][0] = 0.0
    for i in range(1, rows + 1):
        above, here, costs = total[i - 1], total[i], cost[i - 1]
        for j in range(1, columns + 1):
            here[j] = costs[j - 1] + min(above[j - 1], above[j], here[j - 1])
    i, j = rows, columns
    pairs = []
    while i > 0 and j > 0:
        pairs.append((i - 1, j - 1))
        options = (total[i - 1][j - 1], total[i - 1][j], total[i][j - 1])
        which = options.index(min(options))
        i, j = (i - 1, j - 1) if which == 0 else (i - 1, j) if which == 1 else (i, j - 1)
    return np.array(pairs[::-1])


def _cepstra(samples: FloatArray) -> FloatArray:
    """Return normalised cepstra and how they change, (M, C); the level of silence is the same in all recordings."""
    mel = log_mel(samples)
    mel = np.maximum(mel, mel.max() - RANGE)
    cepstra = mfcc(mel)
    cepstra = cepstra[:, : 2 * (cepstra.shape[1] // 3)]
    # Mean and spread of what is not silence: of the voice, not of how long it pauses.
    loud = mel.max(axis=1) > mel.max() - 0.7 * RANGE
    mean = cepstra[loud].mean(axis=0)
    return np.asarray((cepstra - mean) * _WEIGHTS, dtype=np.float32)


def _template(rendering: SynthesisedSpeech) -> _Template:
    """Collect the frames of a rendering's sounds, with a silent one before, between and after its words."""
    cepstra = _cepstra(rendering.samples)
    sounds = [phone for phone in rendering.phones if phone.symbol]
    if not sounds:
        raise InputError("expected words to align, got a text of which espeak-ng says nothing")
    time_s = np.arange(len(cepstra)) / MEL_RATE
    starts = np.array([phone.start_s for phone in sounds])
    # A sound belongs to the word in which its middle lies.
    middles = np.array([(phone.start_s + phone.end_s) / 2 for phone in sounds])
    word_starts = np.array([word.start_s for word in rendering.words]) if rendering.words else np.zeros(1)
    word_of = np.maximum.accumulate(np.clip(np.searchsorted(word_starts, middles, side="right") - 1, 0, None))
    kept_frames: list[int] = [-1]
    kept_phones: list[int] = [0]
    for index, phone in enumerate(sounds):
        frames = np.flatnonzero((time_s >= phone.start_s) & (time_s < phone.end_s))
        if not len(frames):
            frames = np.array([min(round(float(starts[index]) * MEL_RATE), len(cepstra) - 1)])
        if index and word_of[index] != word_of[index - 1]:
            kept_frames.append(-1)
            kept_phones.append(index - 1)
        kept_frames += [int(frame) for frame in frames]
        kept_phones += [index] * len(frames)
    kept_frames.append(-1)
    kept_phones.append(len(sounds) - 1)
    frames_array, phone_of = np.array(kept_frames), np.array(kept_phones)
    silent = frames_array < 0
    word = np.where(silent, -1, word_of[phone_of])
    return _Template(cepstra[frames_array], silent, phone_of, word, tuple(sound.symbol for sound in sounds))


def _warp(cepstra: FloatArray, template: _Template, limits: np.ndarray) -> np.ndarray:
    """Find the template's frame for every frame of the recording, (M,), by the path that costs least.

    Args:
        cepstra: (M, C).
        template: J frames.
        limits: (words, 2) seconds between which each word must lie.
    """
    level = cepstra[:, 0]
    silence = cepstra[level <= np.quantile(level, 0.08)].mean(axis=0)
    pattern = np.where(template.silent[:, None], silence, template.cepstra)
    time_s = np.arange(len(cepstra)) / MEL_RATE
    word = np.maximum(template.word, 0)
    low = np.where(template.silent, -np.inf, limits[word, 0])
    high = np.where(template.silent, np.inf, limits[word, 1])
    total = np.full(len(pattern), _FORBIDDEN, dtype=np.float32)
    came = np.zeros((len(cepstra), len(pattern)), dtype=np.int8)
    # Steps are priced by what frames that belong together differ by.
    unit = np.float32(np.median(np.sqrt(((pattern[:, None] - cepstra[None, ::7]) ** 2).sum(axis=2)).min(axis=0)))
    steps = _STEPS * unit
    unpopular = np.where(template.silent, 0.6 * unit, 0.0)
    stay = np.where(template.silent, 0.0, steps[0]).astype(np.float32)
    padded = np.full(len(pattern) + 3, 1e12, dtype=np.float32)
    for frame in range(len(cepstra)):
        cost = np.sqrt(((pattern - cepstra[frame]) ** 2).sum(axis=1))
        cost = cost + unpopular + _FORBIDDEN * ((time_s[frame] < low) | (time_s[frame] > high))
        if frame == 0:
            total[:] = 1e12
            total[0] = cost[0]
            total[1] = cost[1]
            continue
        padded[3:] = total
        options = np.stack([total + stay, padded[2:-1] + steps[1], padded[1:-2] + steps[2], padded[:-3] + steps[3]])
        came[frame] = options.argmin(axis=0)
        total = options.min(axis=0) + cost
    path = np.empty(len(cepstra), dtype=np.intp)
    at = len(pattern) - 1
    if total[-2] < total[-1]:
        at -= 1
    for frame in range(len(cepstra) - 1, -1, -1):
        path[frame] = at
        at -= int(came[frame, at])
    return path


def _phones(path: np.ndarray, template: _Template) -> tuple[Phone, ...]:
    """Return the sounds with the times at which the path passes them."""
    count = len(template.symbols)
    sounding = ~template.silent[path]
    phone = template.phone[path]
    starts, ends = np.full(count, np.nan), np.full(count, np.nan)
    for index in range(count):
        frames = np.flatnonzero(sounding & (phone == index))
        if len(frames):
            starts[index], ends[index] = frames[0], frames[-1] + 1
    _fill_gaps(starts, ends)
    starts, ends = starts / MEL_RATE, ends / MEL_RATE
    for index in range(1, count):
        if 0 < starts[index] - ends[index - 1] < SHORTEST_PAUSE_S:
            starts[index] = ends[index - 1] = (starts[index] + ends[index - 1]) / 2
    _lengthen(starts, ends)
    return tuple(
        Phone(symbol, float(start), float(end))
        for symbol, start, end in zip(template.symbols, starts, ends, strict=True)
        if end > start
    )


def _fill_gaps(starts: np.ndarray, ends: np.ndarray) -> None:
    """Give sounds that the path jumped over a place between their neighbours."""
    known = np.flatnonzero(~np.isnan(starts))
    for index in np.flatnonzero(np.isnan(starts)):
        before, after = known[known < index], known[known > index]
        at = ends[before[-1]] if len(before) else starts[after[0]]
        starts[index] = ends[index] = at


def _lengthen(starts: np.ndarray, ends: np.ndarray) -> None:
    """Give sounds that are too short time of their longer neighbours; in place."""
    for index in range(len(starts)):
        missing = SHORTEST_PHONE_S - (ends[index] - starts[index])
        if missing <= 1e-9:
            continue
        for other, edge in ((index - 1, -1), (index + 1, 1)):
            if not 0 <= other < len(starts):
                continue
            spare = (ends[other] - starts[other]) - 2 * SHORTEST_PHONE_S
            touching = starts[index] - ends[other] if edge < 0 else starts[other] - ends[index]
            if spare <= 0 or touching > 1e-6:
                continue
            taken = min(spare, missing)
            missing -= taken
            if edge < 0:
                ends[other] -= taken
                starts[index] -= taken
            else:
                starts[other] += taken
                ends[index] += taken
            if missing <= 1e-9:
                break
