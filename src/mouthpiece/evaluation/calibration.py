"""Which audio offset suits an engine and its weights, measured on what the engine draws.

    face, speech --pipeline.draw--> frames --face tracker--> drawn mouths --datasets.av_offset--> how late they come

A mouth that comes late by so much is cured by showing speech that comes later by as much: the lag found is the offset.
It is rounded to steps, and the engine draws once more with it to see whether the lag is gone.

The drawn mouth is compared with the motion that the packaged network predicts from the speech. The lag is no finer than
what that network has learned: docs/calibrating.md says how far real recordings in sync lie apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mouthpiece import samples
from mouthpiece.datasets.av_offset import LAGS_S, AvOffset, Evidence, Verdict, judge, mouth_evidence
from mouthpiece.datasets.measuring import KEPT_POINTS, canonical_landmarks, filled, read_sound
from mouthpiece.datasets.options import LARGEST_LAG_S
from mouthpiece.datasets.recordings import Recording
from mouthpiece.evaluation.options import CalibrationOptions
from mouthpiece.face import FaceChoice, FaceTracker
from mouthpiece.notices import Notice
from mouthpiece.options import SyncOptions
from mouthpiece.pipeline import draw
from mouthpiece.types import SAMPLE_RATE, FloatArray

LONGEST_S = 30.0
"""So much of each speech is drawn: more adds little."""


@dataclass(frozen=True, slots=True)
class OffsetTrial:
    """How well mouth and speech agree with an offset."""

    offset_s: float
    agreement: float
    """Normalised cross-correlation, -1 to 1."""


@dataclass(frozen=True, slots=True)
class SpeechLag:
    """The lag found with one speech."""

    name: str
    lag_s: float
    """How late the mouth comes, seconds; NaN where nothing could be measured."""
    confidence: float
    reason: str = ""
    """Why nothing could be measured, if so."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was found."""

    engine: str
    offset_s: float | None
    """The best offset; None where there is none to be sure of."""
    lag_s: float
    """How late the mouth comes without it, seconds, unrounded; NaN where nothing could be measured."""
    confidence: float
    """0-1: 0.5 is where a lag begins to be believed."""
    agreement: float
    """At that lag, before rounding."""
    left_s: float
    """How late the mouth still comes with the offset; drawn again where it was changed."""
    trials: tuple[OffsetTrial, ...]
    """Agreement over the range, a step apart."""
    by_speech: tuple[SpeechLag, ...]
    """The lag with each speech alone."""
    reason: str = ""
    """Why there is no offset, if so."""
    warnings: tuple[Notice, ...] = ()
    """What the user should know."""


def calibrate(
    options: CalibrationOptions | None = None,
    *,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    cancelled: Callable[[], bool] | None = None,
) -> Calibration:
    """Find the audio offset that puts an engine's mouth in sync.

    Args:
        options: the engine, its weights, a face, recordings, how finely to look.
        progress: called with (drawings done, drawings in all); there are fewer where the offset stays.
        cancelled: asked before each frame.

    Returns:
        The offset, or why there is none.

    Raises:
        MouthpieceError: as `pipeline.draw` does.
    """
    options = options or CalibrationOptions()
    face = options.face or samples.sample_face()
    speeches = options.speech or tuple(samples.sample_speech(language) for language in samples.LANGUAGES)

    def measure(sync: SyncOptions, done: int) -> list[Evidence]:
        evidence: list[Evidence] = []
        for speech in speeches:
            progress(done + len(evidence), 2 * len(speeches))
            evidence.append(mouth_evidence(record_drawn(face, speech, sync, cancelled=cancelled)))
        return evidence

    evidence = measure(options.sync, 0)
    found = judge(evidence)
    calibration = Calibration(
        engine=options.sync.engine.name,
        offset_s=None,
        lag_s=found.lag_s,
        confidence=found.confidence,
        agreement=found.agreement,
        left_s=found.lag_s,
        trials=_trials(evidence, options),
        by_speech=tuple(_speech_lag(*pair) for pair in zip(speeches, evidence, strict=True)),
        reason=_why_not(found, options),
    )
    if calibration.reason:
        return calibration
    offset_s = best_offset(found.lag_s, options)
    if offset_s == options.sync.audio_offset_s:
        return replace(calibration, offset_s=offset_s)
    again = judge(measure(replace(options.sync, audio_offset_s=offset_s), len(speeches)))
    progress(2 * len(speeches), 2 * len(speeches))
    if again.verdict is Verdict.UNSURE or abs(again.lag_s) >= abs(found.lag_s):
        reason = f"with an offset of {offset_s * 1000:+.0f} ms the mouth is no better in sync"
        return replace(calibration, left_s=again.lag_s, reason=reason)
    return replace(calibration, offset_s=offset_s, left_s=again.lag_s)


def best_offset(lag_s: float, options: CalibrationOptions) -> float:
    """Return the offset that cancels a lag, in steps; a lag of no more than a step is left as it is."""
    begin_s = options.sync.audio_offset_s
    if abs(lag_s) <= options.step_s:
        return begin_s
    return round(round((begin_s + lag_s) / options.step_s) * options.step_s, 6)


def _why_not(found: AvOffset, options: CalibrationOptions) -> str:
    """Return why there is no offset to be sure of; empty where there is one."""
    if found.verdict is Verdict.UNSURE:
        return found.reason
    offset_s = options.sync.audio_offset_s + found.lag_s
    if abs(offset_s) > options.range_s:
        most = f"{options.range_s * 1000:g} ms"
        return f"the best offset seems to be {offset_s * 1000:+.0f} ms, beyond the {most} looked at; widen --range-ms"
    return ""


def _trials(evidence: Sequence[Evidence], options: CalibrationOptions) -> tuple[OffsetTrial, ...]:
    """Return the agreement over the range; nothing where nothing could be measured."""
    seconds = np.array([part.seconds for part in evidence])
    if not seconds.sum():
        return ()
    pooled = np.average([part.agreement for part in evidence], axis=0, weights=seconds)
    steps = math.floor(options.range_s / options.step_s + 1e-9)
    offsets_s = np.arange(-steps, steps + 1) * options.step_s
    lags_s = offsets_s - options.sync.audio_offset_s
    known = np.abs(lags_s) <= LARGEST_LAG_S + 1e-9
    agreement = np.interp(lags_s[known], LAGS_S, pooled)
    return tuple(OffsetTrial(round(float(o), 6), float(a)) for o, a in zip(offsets_s[known], agreement, strict=True))


def _speech_lag(speech: Path, evidence: Evidence) -> SpeechLag:
    found = judge([evidence])
    return SpeechLag(speech.name, found.lag_s, found.confidence, found.reason)


def record_drawn(
    face: Path, speech: Path, sync: SyncOptions, *, cancelled: Callable[[], bool] | None = None
) -> Recording:
    """Measure the mouth that an engine draws as a real one's: at most LONGEST_S of it, nothing is written.

    Args:
        face: a photo or a video.
        speech: a recording.
        sync: the engine and its options.
        cancelled: asked before each frame.

    Raises:
        MouthpieceError: as `pipeline.draw` does.
    """
    tracker = FaceTracker(FaceChoice(sync.face), sync.engine.device, smooth=False)
    times_s: list[float] = []
    rows: list[FloatArray | None] = []
    with closing(draw(face, speech, sync, cancelled=cancelled)) as frames:
        for frame in frames:
            if frame.time_s >= LONGEST_S:
                break
            seen = tracker.track(frame).face
            times_s.append(float(frame.time_s))
            rows.append(canonical_landmarks(seen, float(frame.pixel_aspect))[KEPT_POINTS] if seen else None)
    step_s, nearest = _even_clock(np.array(times_s))
    landmarks, measured = filled(rows)
    return Recording(
        corpus="calibration",
        name=speech.stem,
        split="",
        fps=1 / step_s,
        samples=read_sound(speech)[: round(len(nearest) * step_s * SAMPLE_RATE)],
        words=(),
        landmarks=landmarks[nearest],
        seen=measured[nearest],
        points=KEPT_POINTS,
    )


def _even_clock(times_s: NDArray[np.float64]) -> tuple[float, NDArray[np.intp]]:
    """Return the seconds from tick to tick and the frame shown at each, (T,): frames may come unevenly."""
    if len(times_s) < 2:
        return 1.0, np.arange(len(times_s), dtype=np.intp)
    step_s = float(np.median(np.diff(times_s)))
    ticks_s = np.arange(round((times_s[-1] - times_s[0]) / step_s) + 1) * step_s + times_s[0]
    return step_s, np.maximum(np.searchsorted(times_s, ticks_s + step_s / 2) - 1, 0)


def trial_table(calibration: Calibration) -> str:
    """Format offsets and agreement as a Markdown table; the row nearest to the offset is marked."""
    lines = ["| offset, ms | agreement |  |", "| ---: | ---: | --- |"]
    best = calibration.offset_s
    for trial in calibration.trials:
        chosen = best is not None and abs(trial.offset_s - best) < 1e-6
        lines.append(f"| {trial.offset_s * 1000:+.0f} | {trial.agreement:.3f} | {'best' if chosen else ''} |")
    return "\n".join(lines)
