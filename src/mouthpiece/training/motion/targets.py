"""Targets that a motion network learns: what a mouth does during a stretch of speech, and how much each of it counts.

A corpus of faces teaches everything; one of rig curves teaches opening and width only; speech with known phones is
taught by the coarticulation model. Another kind of teacher needs nothing but a function that makes `Targets`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mouthpiece.datasets.motion_space import SpeakerHabit, measure_motion, project
from mouthpiece.datasets.recordings import Recording
from mouthpiece.datasets.rig import CLOSED_BELOW, OPEN_ABOVE, OPENING_CURVE, motion_frames, rig_width
from mouthpiece.motion.basis import MELS_PER_FRAME, MOTION_RATE, MotionBasis
from mouthpiece.motion.coarticulation import CoarticulationModel
from mouthpiece.motion.phonetics import all_letters, parse
from mouthpiece.speech import features
from mouthpiece.training.acoustics import catmull_rom
from mouthpiece.types import MEL_RATE, FloatArray, SpokenWord

LEAD_S, LAG_S = 0.10, 0.08
"""Mouths leave their rest before the sound and come back after it."""
JAW_TELLS_OPENING = 0.4
"""How much a rig's jaw counts for the opening: lips close and round themselves over an open jaw."""
QUIET_WEIGHT = 0.3
"""How much the shape counts where nobody speaks (the gate decides there)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """What a stretch of speech should look like, T motion frames at MOTION_RATE."""

    coefficients: FloatArray
    """(T, K)."""
    opening: FloatArray
    """(T,)."""
    width: FloatArray
    """(T,)."""
    jaw: FloatArray
    """(T,) how much lower than at rest the chin is."""
    activity: FloatArray
    """(T,) 0-1."""
    closure: FloatArray
    """(T,) 0-1: lips touch."""
    shape_weight: FloatArray
    """(T,) how much `coefficients` count; 0 where they are not known."""
    opening_weight: FloatArray
    """(T,) the same for opening and width."""
    jaw_weight: FloatArray
    """(T,) the same for the jaw."""
    closure_weight: FloatArray
    """(T,) the same for closure."""
    phone: FloatArray
    """(T,) whole numbers: number of the phone, as counted by the maker; 0 where it is not known."""
    taught: FloatArray
    """(T,) 1 where the coarticulation model is the source, 0 where somebody's face is."""

    @property
    def frames(self) -> int:
        """T."""
        return len(self.opening)

    def part(self, first: int, count: int) -> Targets:
        """Cut frames [first, first + count); past the ends the mouth rests, and only the activity of 0 counts."""
        return Targets(**{n: cut_rows(getattr(self, n), first, count, 0.0) for n in Targets.__dataclass_fields__})

    def played(self, speed: float, count: int) -> Targets:
        """Return `count` frames of the same speech played `speed` times as fast."""
        nearest = np.minimum(np.round(np.arange(count) * speed).astype(int), self.frames - 1)
        values = {name: resampled(getattr(self, name), MOTION_RATE, count, speed) for name in _CURVES}
        return Targets(**values, **{name: getattr(self, name)[nearest] for name in _STEPS})


_STEPS = ("phone", "taught")
_CURVES = tuple(name for name in Targets.__dataclass_fields__ if name not in _STEPS)


def cut_rows(array: np.ndarray, first: int, count: int, beyond: float) -> np.ndarray:
    """Cut rows [first, first + count) of an array, `beyond` where it has none."""
    out = np.full((count, *array.shape[1:]), beyond, dtype=np.float32)
    begin, end = max(first, 0), min(first + count, len(array))
    if begin < end:
        out[begin - first : end - first] = array[begin:end]
    return out


def resampled(values: FloatArray, fps: float, count: int, speed: float = 1.0) -> FloatArray:
    """Resample values at `fps` (frame n at n / fps) to MOTION_RATE, the speech played `speed` times as fast.

    Catmull-Rom between the frames, held beyond the ends; (N, ...) -> (count, ...).
    """
    position = np.clip(np.arange(count) / MOTION_RATE * speed * fps, 0, len(values) - 1)
    index = np.minimum(np.floor(position).astype(int), max(len(values) - 2, 0))
    t = (position - index).reshape(-1, *[1] * (values.ndim - 1)).astype(np.float32)
    before, start, end, after = (values[np.clip(index + k, 0, len(values) - 1)] for k in (-1, 0, 1, 2))
    return catmull_rom(before, start, end, after, t)


def words_activity(words: Sequence[SpokenWord], count: int) -> FloatArray:
    """Return 1 from a little before each word until a little after it, else 0, (count,)."""
    time_s = np.arange(count) / MOTION_RATE
    spoken = [(time_s >= word.start_s - LEAD_S) & (time_s <= word.end_s + LAG_S) for word in words]
    return np.asarray(np.any(spoken, axis=0) if spoken else np.zeros(count), dtype=np.float32)


def widened_activity(samples: FloatArray, count: int) -> FloatArray:
    """Return voice activity at MOTION_RATE, widened a little, (count,)."""
    _, activity = features(samples)
    padded = np.pad(activity, (int(LAG_S * MEL_RATE) // 2, int(LEAD_S * MEL_RATE)))
    widened = np.lib.stride_tricks.sliding_window_view(padded, int(LAG_S * MEL_RATE) // 2 + int(LEAD_S * MEL_RATE) + 1)
    return cut_rows(widened.max(axis=1)[::MELS_PER_FRAME], 0, count, 0.0)


def face_targets(
    recording: Recording,
    basis: MotionBasis,
    habit: SpeakerHabit | None = None,
) -> Targets:
    """Make the targets of a clip whose face was measured.

    Args:
        recording: the clip.
        basis: the motion space.
        habit: of the speaker, to be taken out.
    """
    measured = measure_motion(recording)
    if habit is not None:
        measured = habit.normalised(measured)
    count = motion_frames(len(recording.samples))
    coefficients = resampled(project(measured.displacement, basis.components), recording.fps, count)
    opening = basis.opening(coefficients)
    seen = resampled(recording.seen.astype(np.float32), recording.fps, count) > 0.99
    spoken = words_activity(recording.words, count) if recording.words else widened_activity(recording.samples, count)
    weight = (seen * (QUIET_WEIGHT + (1 - QUIET_WEIGHT) * spoken)).astype(np.float32)
    closure = np.clip((OPEN_ABOVE - opening) / (OPEN_ABOVE - CLOSED_BELOW), 0, 1)
    return Targets(
        coefficients=coefficients,
        opening=opening,
        width=(coefficients @ basis.width_weights).astype(np.float32),
        jaw=(coefficients @ basis.jaw_weights).astype(np.float32),
        activity=spoken,
        closure=closure.astype(np.float32),
        shape_weight=weight,
        opening_weight=weight,
        jaw_weight=weight,
        closure_weight=(seen * spoken).astype(np.float32),
        phone=phone_numbers(recording, count),
        taught=np.zeros(count, dtype=np.float32),
    )


@dataclass(frozen=True, slots=True)
class CurveMapping:
    """From a rig's curves to opening and width, while speaking.

    The jaw's curve is scaled, so that closed stays closed and r with it is not bent; width has no such zero, and is
    matched by how often each value occurs.
    """

    opening_scale: float
    """Opening that goes with a jaw curve of 1."""
    jaw_scale: float
    """How much lower the chin is at a jaw curve of 1."""
    rig_width: FloatArray
    width: FloatArray
    """Both (Q,): values at the same quantiles."""


WIDE_QUANTILE = 0.95
"""Openings that are compared between a rig and measured faces."""
_QUANTILES = np.linspace(0.01, 0.99, 50)


def fit_curve_mapping(rigs: Sequence[Recording], faces: Sequence[Targets]) -> CurveMapping:
    """Fit rig curves to measured faces, both while speaking: wide openings, and all quantiles of the width."""
    speaking = [widened_activity(rig.samples, motion_frames(len(rig.samples))) > 0.5 for rig in rigs]
    opening = [
        resampled(rig.curves[OPENING_CURVE], rig.fps, len(on))[on] for rig, on in zip(rigs, speaking, strict=True)
    ]
    width = [resampled(rig_width(rig), rig.fps, len(on))[on] for rig, on in zip(rigs, speaking, strict=True)]
    spoken = [face.activity * face.shape_weight > 0.5 for face in faces]
    rig_wide = _wide(opening)
    return CurveMapping(
        _wide([face.opening[on] for face, on in zip(faces, spoken, strict=True)]) / rig_wide,
        _wide([face.jaw[on] for face, on in zip(faces, spoken, strict=True)]) / rig_wide,
        _quantiles(width),
        _quantiles([face.width[on] for face, on in zip(faces, spoken, strict=True)]),
    )


def _wide(pieces: Sequence[np.ndarray]) -> float:
    return max(float(np.quantile(np.concatenate(pieces), WIDE_QUANTILE)), 1e-6)


def _quantiles(pieces: Sequence[np.ndarray]) -> FloatArray:
    # Equal neighbours (a curve that rests at 0) would make the mapping a step.
    values = np.quantile(np.concatenate(pieces), _QUANTILES)
    return np.asarray(values + np.arange(len(values)) * 1e-6, dtype=np.float32)


def curve_targets(recording: Recording, mapping: CurveMapping, size: int) -> Targets:
    """Make the targets of a clip that has rig curves: jaw and width, the opening as far as it goes with the jaw; no
    shape."""
    count = motion_frames(len(recording.samples))
    curve = resampled(recording.curves[OPENING_CURVE], recording.fps, count)
    width = np.interp(rig_width(recording), mapping.rig_width, mapping.width).astype(np.float32)
    activity = widened_activity(recording.samples, count)
    zeros = np.zeros(count, dtype=np.float32)
    weight = (QUIET_WEIGHT + (1 - QUIET_WEIGHT) * activity).astype(np.float32)
    return Targets(
        coefficients=np.zeros((count, size), dtype=np.float32),
        opening=curve * np.float32(mapping.opening_scale),
        width=resampled(width, recording.fps, count),
        jaw=curve * np.float32(mapping.jaw_scale),
        activity=activity,
        closure=zeros,
        shape_weight=zeros,
        opening_weight=weight * np.float32(JAW_TELLS_OPENING),
        jaw_weight=weight,
        closure_weight=zeros,
        phone=zeros,
        taught=zeros,
    )


PHONES = {letter: number for number, letter in enumerate(all_letters(), start=1)}
"""Number of each sound that is told apart: of an IPA letter."""


def phone_targets(recording: Recording, teacher: CoarticulationModel) -> Targets:
    """Make the targets of speech whose phones are known.

    Args:
        recording: speech with phones.
        teacher: the coarticulation model, in the motion space of the training.
    """
    count = motion_frames(len(recording.samples))
    basis, taught = teacher.basis, teacher.motion(recording.phones, count)
    weight = (QUIET_WEIGHT + (1 - QUIET_WEIGHT) * taught.activity).astype(np.float32)
    return Targets(
        coefficients=taught.coefficients,
        opening=taught.opening,
        width=(taught.coefficients @ basis.width_weights).astype(np.float32),
        jaw=(taught.coefficients @ basis.jaw_weights).astype(np.float32),
        activity=taught.activity,
        closure=taught.closure,
        shape_weight=weight,
        opening_weight=weight,
        jaw_weight=weight,
        closure_weight=taught.activity,
        phone=phone_numbers(recording, count),
        taught=np.ones(count, dtype=np.float32),
    )


def phone_numbers(recording: Recording, count: int) -> FloatArray:
    """Return the number of the sound at each motion frame, (count,), one of PHONES; 0 where it is not known."""
    number = np.zeros(count, dtype=np.float32)
    for phone in recording.phones:
        parts = parse(phone.symbol)
        edges = np.linspace(phone.start_s, phone.end_s, len(parts) + 1) * MOTION_RATE
        for part, first, end in zip(parts, edges[:-1], edges[1:], strict=True):
            number[round(first) : round(end)] = PHONES.get(part.letter, 0)
    return number
