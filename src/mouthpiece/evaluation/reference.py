"""What a recording shows that the mouth should do: measured faces, rig curves, or the coarticulation model's motion.

Of a rig, the jaw's curve stands for the opening; synthetic speech with known phones is judged by what the teacher does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mouthpiece.datasets.motion_curves import Curves, measured_curves
from mouthpiece.datasets.recordings import Recording
from mouthpiece.datasets.rig import CLOSED_BELOW, OPEN_ABOVE, motion_frames
from mouthpiece.errors import InputError
from mouthpiece.motion.basis import MOTION_RATE
from mouthpiece.motion.coarticulation import CoarticulationModel
from mouthpiece.speech import features, speech_stretches
from mouthpiece.types import FloatArray, SpokenWord

PAUSE_S = 0.3
"""Pauses shorter than this don't count as silence."""
CLOSING_S, OPENING_S = 0.15, 0.1
"""Time at a pause's start and end in which the mouth may still close, and already open."""
TAUGHT_CLOSED, TAUGHT_OPEN = 0.9, 0.1
"""The teacher's closure above which lips count as touching, and under which as surely apart."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What a recording shows that the mouth should do, T frames."""

    curves: Curves
    touching: NDArray[np.bool_]
    """(T,) the lips touch."""
    certain: NDArray[np.bool_]
    """(T,) it is known whether they do."""
    metric: bool
    """Whether the curves are in outer eye distances; a rig's are not."""


def reference_of(recording: Recording, teacher: CoarticulationModel | None = None) -> Reference:
    """Read from a recording what the mouth should do.

    Args:
        recording: of any kind.
        teacher: for synthetic speech; loaded if not given.

    Raises:
        InputError: it has neither face nor curves nor phones.
    """
    if recording.landmarks is not None or recording.curves:
        curves = measured_curves(recording)
        metric = recording.landmarks is not None
        # A rig's curve doesn't show touching lips.
        certain = ((curves.opening < CLOSED_BELOW) | (curves.opening > OPEN_ABOVE)) & metric & recording.seen
        return Reference(curves, curves.opening < CLOSED_BELOW, certain, metric)
    if recording.phones:
        return _taught(recording, teacher or CoarticulationModel.load())
    raise InputError(f"{recording.name}: expected a face, rig curves or phones to judge by, found none; leave it out")


def _taught(recording: Recording, teacher: CoarticulationModel) -> Reference:
    """Take what the coarticulation model would do."""
    count = motion_frames(len(recording.samples))
    taught = teacher.motion(recording.phones, count)
    basis = teacher.basis
    at_s = np.arange(recording.frames) / recording.fps

    def at_frames(values: FloatArray) -> FloatArray:
        return np.interp(at_s, np.arange(count) / MOTION_RATE, values).astype(np.float32)

    curves = Curves(
        at_frames(taught.opening),
        at_frames(taught.coefficients @ basis.width_weights),
        at_frames(taught.coefficients @ basis.jaw_weights),
    )
    closure = at_frames(taught.closure)
    certain = (closure > TAUGHT_CLOSED) | (closure < TAUGHT_OPEN)
    return Reference(curves, closure > TAUGHT_CLOSED, certain, metric=True)


def stretches(recording: Recording) -> list[tuple[float, float]]:
    """Return (start_s, end_s) of speech: by words or phones where they are known, else by voice activity."""
    if recording.words:
        return joined_words(recording.words)
    sounding = [SpokenWord(phone.symbol, phone.start_s, phone.end_s) for phone in recording.phones if phone.symbol]
    return joined_words(sounding) or speech_stretches(features(recording.samples)[1])


def joined_words(words: Sequence[SpokenWord]) -> list[tuple[float, float]]:
    """Join words with less than PAUSE_S between them to stretches."""
    joined: list[tuple[float, float]] = []
    for word in words:
        if joined and word.start_s - joined[-1][1] < PAUSE_S:
            joined[-1] = (joined[-1][0], word.end_s)
        else:
            joined.append((word.start_s, word.end_s))
    return joined


def in_speech(times_s: NDArray[np.float64], spoken: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
    """Return which moments lie in a stretch or so near that the mouth opens or closes for it, (T,)."""
    inside = [(times_s > start - OPENING_S) & (times_s < end + CLOSING_S) for start, end in spoken]
    return np.any(inside, axis=0) if inside else np.zeros(len(times_s), dtype=bool)
