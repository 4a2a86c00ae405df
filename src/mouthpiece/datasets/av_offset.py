"""How far a clip's picture is from its sound in time, by the motion of the mouth.

    recording --mouth_evidence--> how well predicted and measured mouth agree at each lag --judge--> AvOffset

The opening that the packaged network predicts from the sound, bare, and the measured one are compared at every lag by
normalised cross-correlation, of the curves (which tell syllables apart) and of their velocities (which show the times)
in equal parts. (Lag by correlation of mouth and sound: Slaney & Covell, FaceSync, 2000.) A clip of a few seconds is
enough where the mouth moves; parts of one video are pooled, for they share one lag.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mouthpiece.datasets.motion_curves import chunks_of, measured_curves, play_on
from mouthpiece.datasets.options import LARGEST_LAG_S
from mouthpiece.datasets.recordings import Recording
from mouthpiece.motion.stream import MotionStream
from mouthpiece.speech import speech_stretches
from mouthpiece.types import SAMPLE_RATE, FloatArray, Phone, SpokenWord

STEP_S = 0.01
"""Lags are looked at so far apart."""
LAGS_S = np.arange(-round(LARGEST_LAG_S / STEP_S), round(LARGEST_LAG_S / STEP_S) + 1, dtype=np.float64) * STEP_S
"""(L,) lags looked at; positive: the picture comes late."""
IN_SYNC_S = 0.06
"""A picture less than one and a half frames (of 25 a second) off is in sync: the measurement is no finer than that."""
APART_S = 0.08
"""Peaks farther apart than this are two different answers."""

LEAST_SECONDS = 1.0
"""Of picture and sound together, needed to measure a lag."""
LEAST_SPEECH_S = 0.6
LEAST_MOTION = 0.025
"""Opening from its 5th to its 95th percentile under which a mouth counts as still: outer eye distances."""
LEAST_CURVE = 0.02
"""The same of a rig's curve, which runs from 0 to 1."""

# What agrees by chance falls with the root of the length; these are needed for a clip of SURE_SECONDS.
SURE_SECONDS = 3.0
SURE_PEAK, LEAST_PEAK = 0.45, 0.15
"""Agreement at the best lag, and what no length makes up for."""
SURE_MARGIN, LEAST_MARGIN = 0.12, 0.04
"""How far it stands above the next best answer."""


class Verdict(StrEnum):
    """What could be found out about a clip's lag."""

    IN_SYNC = "in-sync"
    SHIFTED = "shifted"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class AvOffset:
    """A clip's lag."""

    verdict: Verdict
    lag_s: float
    """How late the picture is, seconds; NaN where nothing could be measured."""
    confidence: float
    """0-1: 0.5 is where a lag begins to be believed."""
    agreement: float
    """Normalised cross-correlation at that lag, -1 to 1."""
    margin: float
    """How far it stands above the next best answer."""
    reason: str = ""
    """Why it is unsure, if it is."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """How well sound and mouth of a stretch of recording agree at each lag."""

    agreement: NDArray[np.float64] = field(repr=False)
    """(L,) normalised cross-correlation at LAGS_S."""
    seconds: float
    """Of picture that it was found in; 0 where nothing could be measured."""
    reason: str = ""
    """Why nothing could be measured."""


def mouth_evidence(recording: Recording) -> Evidence:
    """Correlate sound and mouth (or a rig's curves) of a recording at each lag.

    Raises:
        WeightsError: the packaged network or its basis is missing or damaged.
    """
    seconds = float(min(recording.seen.sum() / recording.fps, len(recording.samples) / SAMPLE_RATE))
    if seconds < LEAST_SECONDS:
        return _unmeasured(f"only {seconds:.1f} s of picture and sound")
    opening = measured_curves(recording).opening
    moved = np.subtract(*np.percentile(opening[recording.seen], [95, 5]))
    if moved < (LEAST_CURVE if recording.landmarks is None else LEAST_MOTION):
        return _unmeasured("the mouth hardly moves")
    predicted, spoken_s = _predicted_opening(recording.samples)
    if spoken_s < LEAST_SPEECH_S:
        return _unmeasured(f"only {spoken_s:.1f} s of speech")
    times_s = np.arange(recording.frames) / recording.fps
    agreement = [_agreement(predicted, opening, recording.seen, times_s, lag) for lag in LAGS_S]
    return Evidence(np.array(agreement), seconds)


def _unmeasured(reason: str) -> Evidence:
    return Evidence(np.zeros(len(LAGS_S)), 0.0, reason)


@lru_cache(maxsize=1)
def _stream() -> MotionStream:
    return MotionStream(gate=False, closure=False)


def _predicted_opening(samples: FloatArray) -> tuple[FloatArray, float]:
    """Return the (n,) opening that the network predicts from a sound, STEP_S apart, and the seconds of speech."""
    stream = _stream()
    stream.reset()
    chunks = list(chunks_of(samples))
    count = max(1, int(len(samples) / SAMPLE_RATE / STEP_S))
    curves, _ = play_on(stream, chunks, np.arange(count, dtype=np.float64) * STEP_S)
    stretches = speech_stretches(np.concatenate([chunk.activity for chunk in chunks]))
    return curves.opening, sum(end - start for start, end in stretches)


def _agreement(
    predicted: FloatArray, seen: FloatArray, measured: NDArray[np.bool_], times_s: NDArray[np.float64], lag_s: float
) -> float:
    """Correlate the frames that have sound at a lag."""
    at = times_s - lag_s
    inside = (at >= 0) & (at <= (len(predicted) - 1) * STEP_S)
    if inside.sum() < 3:
        return 0.0
    there = np.interp(at[inside], np.arange(len(predicted)) * STEP_S, predicted)
    here, known = seen[inside].astype(np.float64), measured[inside]
    moving = known & np.roll(known, 1) & np.roll(known, -1)
    shape = _cosine(there[known], here[known])
    velocity = _cosine(np.gradient(there)[moving], np.gradient(here)[moving])
    return (shape + velocity) / 2


def _cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the cosine of two centred curves; 0, not NaN, where one of them does not vary."""
    if len(a) < 3:
        return 0.0
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 1e-12 else 0.0


def judge(evidence: Sequence[Evidence]) -> AvOffset:
    """Find the lag that all parts of a video share."""
    measured = [part for part in evidence if part.seconds > 0]
    if not measured:
        reason = evidence[0].reason if evidence else "nothing was seen"
        return AvOffset(Verdict.UNSURE, float("nan"), 0.0, 0.0, 0.0, reason)
    seconds = sum(part.seconds for part in measured)
    pooled = np.sum([part.agreement * (part.seconds / seconds) for part in measured], axis=0)
    best = int(np.argmax(pooled))
    lag_s, peak = _between(pooled, best)
    margin = peak - _next_best(pooled, best)
    chance = np.sqrt(SURE_SECONDS / seconds)
    strength = min(
        peak / max(LEAST_PEAK, SURE_PEAK * min(chance, 1.5)), margin / max(LEAST_MARGIN, SURE_MARGIN * min(chance, 1.5))
    )
    found = AvOffset(Verdict.IN_SYNC, lag_s, _confidence(strength), float(peak), float(margin))
    if strength < 1:
        return replace(found, verdict=Verdict.UNSURE, reason="sound and mouth don't agree clearly at any lag")
    if best in (0, len(LAGS_S) - 1):
        return replace(found, verdict=Verdict.UNSURE, reason=f"further apart than {LARGEST_LAG_S:g} s")
    return found if abs(lag_s) < IN_SYNC_S else replace(found, verdict=Verdict.SHIFTED)


def _between(agreement: NDArray[np.float64], best: int) -> tuple[float, float]:
    """Return lag and height of the peak, by the parabola through the highest value and its neighbours."""
    if not 0 < best < len(agreement) - 1:
        return float(LAGS_S[best]), float(agreement[best])
    before, peak, after = agreement[best - 1 : best + 2]
    bend = before - 2 * peak + after
    shift = (before - after) / (2 * bend) if bend < 0 else 0.0
    return float(LAGS_S[best] + shift * STEP_S), float(peak - (before - after) * shift / 4)


def _next_best(agreement: NDArray[np.float64], best: int) -> float:
    """Return the height of the next peak, at least 0."""
    middle = agreement[1:-1]
    peaks = np.flatnonzero((middle >= agreement[:-2]) & (middle >= agreement[2:])) + 1
    others = agreement[peaks[np.abs(LAGS_S[peaks] - LAGS_S[best]) > APART_S]]
    return max(0.0, float(others.max(initial=0.0)))


def _confidence(strength: float) -> float:
    """Map strength, 1 being just enough, to 0-1."""
    return float(max(strength, 0.0) / (1 + max(strength, 0.0)))


def corrected(recording: Recording, lag_s: float) -> Recording:
    """Put a recording whose picture was `lag_s` late in sync by cutting: nothing is interpolated, nothing made up.

    A late picture loses the frames before its sound begins; an early one, the sound before its picture. Words and
    phones move along with the sound; those that are cut into are left out.
    """
    skipped = max(0, int(np.ceil(lag_s * recording.fps - 1e-6)))
    cut_s = skipped / recording.fps - lag_s
    first = round(cut_s * SAMPLE_RATE)
    last = len(recording.samples) - 1
    frames = min(recording.frames - skipped, int((last - first) / SAMPLE_RATE * recording.fps) + 1)
    part = slice(skipped, skipped + max(frames, 0))
    return replace(
        recording,
        samples=recording.samples[first:],
        words=tuple(
            SpokenWord(word.text, word.start_s - cut_s, word.end_s - cut_s)
            for word in recording.words
            if word.start_s >= cut_s
        ),
        phones=tuple(
            Phone(one.symbol, one.start_s - cut_s, one.end_s - cut_s)
            for one in recording.phones
            if one.start_s >= cut_s
        ),
        landmarks=None if recording.landmarks is None else recording.landmarks[part],
        seen=recording.seen[part],
        curves={name: curve[part] for name, curve in recording.curves.items()},
        offset_s=recording.offset_s + lag_s,
        start_s=recording.start_s + skipped / recording.fps,
    )
