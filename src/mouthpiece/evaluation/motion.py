"""How well mouth motion made from speech agrees with what was measured on the speakers' faces.

Everything is measured on the motion as the engine plays it: through the stream, with gate, closure and intensity, at
the times of the clip's own frames. Beside it stands the energy envelope, the simplest thing that moves a mouth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mouthpiece.engines.mesh.motion import (
    CHIN,
    LEFT_CORNER,
    RIGHT_CORNER,
    WEIGHTS,
    MotionStream,
    basis_path,
    load_basis,
)
from mouthpiece.errors import InputError
from mouthpiece.speech import features, speech_stretches
from mouthpiece.training.corpora import Recording, Word, load_recording
from mouthpiece.training.motion_data import CLOSED_BELOW, OPEN_ABOVE, OPENING_CURVE, rig_width
from mouthpiece.training.motion_space import measure_motion
from mouthpiece.types import SAMPLE_RATE, FloatArray, SpeechChunk

LEAK_ABOVE = 0.02
"""An opening beyond this (outer eye distances) in a pause is a leak."""
PAUSE_S = 0.3
"""Pauses shorter than this don't count as silence."""
CLOSING_S, OPENING_S = 0.15, 0.1
"""Time at a pause's start and end in which the mouth may still close, and already open."""
MAX_LAG = 5
"""Frames to either side at which a lag is looked for."""
ENVELOPE_S = 0.04
"""Window of the energy envelope."""


@dataclass(frozen=True, slots=True)
class Curves:
    """Opening, width and jaw at the frames of a clip, each (T,) float32; None where not known."""

    opening: FloatArray
    width: FloatArray | None = None
    jaw: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class MotionScore:
    """Agreement over the clips of one split of a corpus. NaN where a corpus can't tell."""

    corpus: str
    split: str
    clips: int
    network_r: float
    """Mean over clips of Pearson's r of the bare network's opening, without gate and closure: mouths open to breathe
    before they speak, which the network knows and the engine, told to keep still in pauses, leaves out."""
    opening_r: float
    """The same of the opening as the engine plays it, all frames of the clip."""
    opening_r_speaking: float
    """The same over the frames from a little before the first word to a little after the last of each stretch."""
    opening_r_pooled: float
    """One r over the frames of all clips together: counts differences between clips too."""
    width_r: float
    jaw_r: float
    opening_mae: float
    """Mean absolute error of the opening, outer eye distances, at intensity 1."""
    lag_frames: int
    """Shift of the motion that agrees best, frames; positive when the motion comes late."""
    clips_within_a_frame: float
    """Share of clips whose own best lag is at most one frame."""
    closure_auc: float
    """Area under the curve of telling touching lips from open ones by the opening, inside words."""
    silence_leak: float
    """Share of frames in pauses with an opening beyond LEAK_ABOVE."""
    spread_ratio: float
    """Standard deviation of the opening over that of the measured one, mean over clips."""
    envelope_r: float
    """Mean over clips of r between the energy envelope and the measured opening."""


def play(
    samples: FloatArray,
    times_s: NDArray[np.float64],
    weights: Path = WEIGHTS,
    intensity: float = 1.0,
    *,
    bare: bool = False,
) -> tuple[Curves, FloatArray]:
    """The motion that the mesh engine would play for a speech.

    Args:
        samples: (n,) mono, SAMPLE_RATE.
        times_s: (T,) ascending moments.
        weights: the network.
        intensity: as of the engine.
        bare: without gate and closure.

    Returns:
        Its curves at these moments, and the gate, (T,) 0-1.
    """
    log_mel, activity = features(samples)
    stream = MotionStream(intensity=intensity, weights=weights, gate=not bare, closure=not bare)
    stream.hear(SpeechChunk(0, samples, 0, log_mel, activity))
    stream.finish()
    # Whole, not streamed: every moment is still remembered.
    motions = [stream.at(float(time_s)) for time_s in times_s]
    moved = np.stack([motion.displacement for motion in motions])
    basis = stream.basis
    opening = np.array([motion.opening for motion in motions], dtype=np.float32)
    width = moved[:, basis.row(RIGHT_CORNER), 0] - moved[:, basis.row(LEFT_CORNER), 0]
    gate = np.array([motion.activity for motion in motions], dtype=np.float32)
    return Curves(opening, width, moved[:, basis.row(CHIN), 1]), gate


def measured_curves(recording: Recording) -> Curves:
    """What was measured on the speaker; of a rig, its jaw curve stands for the opening."""
    if recording.landmarks is not None:
        measured = measure_motion(recording)
        return Curves(measured.opening, measured.width, measured.jaw)
    return Curves(recording.curves[OPENING_CURVE], rig_width(recording))


def energy_envelope(samples: FloatArray, times_s: NDArray[np.float64]) -> FloatArray:
    """Root mean square of the sound around each moment, (T,)."""
    half = int(ENVELOPE_S / 2 * SAMPLE_RATE)
    sums = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    centre = np.round(times_s * SAMPLE_RATE).astype(int)
    low, high = np.clip(centre - half, 0, len(samples)), np.clip(centre + half, 0, len(samples))
    return np.asarray(np.sqrt((sums[high] - sums[low]) / (2 * half)), dtype=np.float32)


def correlation(a: FloatArray, b: FloatArray) -> float:
    """Pearson's r; NaN where one of them does not vary."""
    if len(a) < 3 or float(a.std()) < 1e-9 or float(b.std()) < 1e-9:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def lagged_correlation(made: FloatArray, measured: FloatArray, lag: int) -> float:
    """r when the made curve is taken `lag` frames later."""
    if lag >= 0:
        return correlation(made[lag:], measured[: len(measured) - lag])
    return correlation(made[:lag], measured[-lag:])


def area_under_curve(score: FloatArray, positive: NDArray[np.bool_]) -> float:
    """Chance that a positive scores higher than a negative (Mann-Whitney), ties counting half; NaN without both."""
    wins = int(positive.sum()) * int((~positive).sum())
    if wins == 0:
        return float("nan")
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    below = float(ranks[positive].sum()) - int(positive.sum()) * (int(positive.sum()) + 1) / 2
    return below / wins


def stretches(recording: Recording) -> list[tuple[float, float]]:
    """(start_s, end_s) of speech: by the words where they are known, else by the speech room's voice activity."""
    if not recording.words:
        return speech_stretches(features(recording.samples)[1])
    return joined_words(recording.words)


def joined_words(words: Sequence[Word]) -> list[tuple[float, float]]:
    """Stretches of words with less than PAUSE_S between them."""
    joined: list[tuple[float, float]] = []
    for word in words:
        if joined and word.start_s - joined[-1][1] < PAUSE_S:
            joined[-1] = (joined[-1][0], word.end_s)
        else:
            joined.append((word.start_s, word.end_s))
    return joined


def in_speech(times_s: NDArray[np.float64], spoken: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
    """(T,): within a stretch, or in the moments around it in which the mouth opens and closes."""
    inside = [(times_s > start - OPENING_S) & (times_s < end + CLOSING_S) for start, end in spoken]
    return np.any(inside, axis=0) if inside else np.zeros(len(times_s), dtype=bool)


def evaluate_motion(
    cache: Path,
    corpus: str,
    split: str,
    *,
    weights: Path = WEIGHTS,
    intensity: float = 1.0,
    limit: int | None = None,
) -> MotionScore | None:
    """Score a network on the prepared clips of one split of a corpus.

    Args:
        cache: folder that `training.corpora.prepare_corpus` filled.
        corpus: the corpus's name.
        split: train, val, test or unseen.
        weights: the network, its basis beside it.
        intensity: as of the engine.
        limit: at most so many clips.

    Returns:
        The score, or None where the split has no clips.

    Raises:
        InputError: the cache does not hold the corpus.
        WeightsError: network or basis are missing or damaged.
    """
    paths = sorted(cache.glob(f"{corpus}.*.npz"))
    if not paths:
        raise InputError(f"expected prepared clips of {corpus} in {cache}, found none; prepare the corpus first")
    load_basis(basis_path(weights))
    rows: list[_ClipScore] = []
    for path in paths:
        recording = load_recording(path)
        if recording.split == split and (limit is None or len(rows) < limit):
            rows.append(_score_clip(recording, weights, intensity))
    return _summary(corpus, split, rows) if rows else None


@dataclass(frozen=True, slots=True)
class _ClipScore:
    made: Curves
    bare: FloatArray
    measured: Curves
    envelope: FloatArray
    speaking: NDArray[np.bool_]
    has_face: bool


def _score_clip(recording: Recording, weights: Path, intensity: float) -> _ClipScore:
    times_s = np.arange(recording.frames) / recording.fps
    made, _ = play(recording.samples, times_s, weights, intensity)
    bare = play(recording.samples, times_s, weights, intensity, bare=True)[0].opening
    speaking = in_speech(times_s, stretches(recording))
    envelope = energy_envelope(recording.samples, times_s)
    return _ClipScore(made, bare, measured_curves(recording), envelope, speaking, recording.landmarks is not None)


def _summary(corpus: str, split: str, rows: list[_ClipScore]) -> MotionScore:
    faces = [row for row in rows if row.has_face]
    lags = np.arange(-MAX_LAG, MAX_LAG + 1)
    by_lag = np.array(
        [[lagged_correlation(r.made.opening, r.measured.opening, int(lag)) for lag in lags] for r in rows]
    )
    best = lags[np.argmax(np.nan_to_num(by_lag, nan=-1.0), axis=1)]
    made = np.concatenate([row.made.opening for row in rows])
    measured = np.concatenate([row.measured.opening for row in rows])
    speaking = np.concatenate([row.speaking for row in rows])
    # A rig's curve says nothing of touching lips.
    known = np.concatenate([np.full(len(row.speaking), row.has_face) for row in rows])
    certain = speaking & known & ((measured < CLOSED_BELOW) | (measured > OPEN_ABOVE))
    return MotionScore(
        corpus=corpus,
        split=split,
        clips=len(rows),
        network_r=_mean([correlation(row.bare, row.measured.opening) for row in rows]),
        opening_r=_mean([correlation(row.made.opening, row.measured.opening) for row in rows]),
        opening_r_speaking=_mean(
            [correlation(row.made.opening[row.speaking], row.measured.opening[row.speaking]) for row in rows]
        ),
        opening_r_pooled=correlation(made, measured),
        width_r=_mean([_optional(row.made.width, row.measured.width) for row in rows]),
        jaw_r=_mean([_optional(row.made.jaw, row.measured.jaw) for row in rows]),
        opening_mae=_mean([float(np.abs(row.made.opening - row.measured.opening).mean()) for row in faces]),
        lag_frames=int(lags[np.argmax(np.nanmean(by_lag, axis=0))]),
        clips_within_a_frame=float(np.mean(np.abs(best) <= 1)),
        closure_auc=area_under_curve(-made[certain], measured[certain] < CLOSED_BELOW),
        silence_leak=float((made[~speaking] > LEAK_ABOVE).mean()) if (~speaking).any() else float("nan"),
        spread_ratio=_mean([float(row.made.opening.std() / max(row.measured.opening.std(), 1e-6)) for row in faces]),
        envelope_r=_mean([correlation(row.envelope, row.measured.opening) for row in rows]),
    )


def _optional(a: FloatArray | None, b: FloatArray | None) -> float:
    return float("nan") if a is None or b is None else correlation(a, b)


def _mean(values: Sequence[float]) -> float:
    """Mean of what is known; NaN if nothing is."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


_COLUMNS = (
    ("r network", "network_r", ".3f"),
    ("r as played", "opening_r", ".3f"),
    ("while speaking", "opening_r_speaking", ".3f"),
    ("pooled", "opening_r_pooled", ".3f"),
    ("energy envelope", "envelope_r", ".3f"),
    ("r width", "width_r", ".3f"),
    ("r jaw", "jaw_r", ".3f"),
    ("MAE", "opening_mae", ".4f"),
    ("lag, frames", "lag_frames", "d"),
    ("within 1", "clips_within_a_frame", ".0%"),
    ("closure AUC", "closure_auc", ".3f"),
    ("silence leak", "silence_leak", ".1%"),
    ("spread ratio", "spread_ratio", ".2f"),
)


def score_table(scores: Sequence[MotionScore]) -> str:
    """Scores as a Markdown table; a dash where a corpus can't tell."""
    heads = ["set", "clips", *(title for title, _, _ in _COLUMNS)]
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    for score in scores:
        values = [getattr(score, name) for _, name, _ in _COLUMNS]
        cells = [
            "-" if isinstance(value, float) and np.isnan(value) else format(value, form)
            for value, (_, _, form) in zip(values, _COLUMNS, strict=True)
        ]
        lines.append("| " + " | ".join([f"{score.corpus} {score.split}", str(score.clips), *cells]) + " |")
    return "\n".join(lines)
