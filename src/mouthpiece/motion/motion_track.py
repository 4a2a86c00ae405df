"""Motion that is there already, measured on somebody or made by hand: a track, played instead of a network's motion."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mouthpiece.errors import OptionError
from mouthpiece.motion.basis import (
    CHIN,
    LOWER_LIP,
    UPPER_LIP,
    MotionBasis,
    motion_row,
    width_of,
)
from mouthpiece.motion.blendshapes import CLOSED_OPENING
from mouthpiece.motion.shaping import MAX_INTENSITY, MAX_OPENING
from mouthpiece.motion.style import LEAST_SWING
from mouthpiece.types import MEL_RATE, FloatArray, Motion, MotionTrack, SpeechChunk, as_float

MOVING_S = 0.25
"""A mouth that moves within so much before or after a moment speaks, as far as a track tells."""


class MotionSource(Protocol):
    """The motion of a mouth over one speech: a network's, or a track's."""

    basis: MotionBasis

    @property
    def ready_until_s(self) -> float:
        """Moments before this one can be asked for now."""

    def push(self, chunk: SpeechChunk) -> None:
        """Take the next chunk of speech."""

    def finish(self) -> None:
        """End the speech."""

    def reset(self) -> None:
        """Forget the speech."""

    def at(self, time_s: float) -> Motion:
        """Return the mouth at a moment."""


def make_track(
    time_s: NDArray[np.float64],
    displacement: FloatArray,
    *,
    fps: float,
    opening: ArrayLike | None = None,
    activity: ArrayLike | None = None,
    closed: ArrayLike | None = None,
    seen: NDArray[np.bool_] | None = None,
    name: str = "the motion",
) -> MotionTrack:
    """Make a track; what is not given is estimated from the displacement.

    Args:
        time_s: (T,) seconds, ascending; at least one.
        displacement: (T, P, 3) of MOTION_POINTS, outer eye distances.
        fps: frames a second.
        opening: (T,).
        activity: (T,) in 0-1.
        closed: (T,) in 0-1.
        seen: (T,); all of them unless given.
        name: what messages call it.
    """
    opened = opening_of(displacement) if opening is None else as_float(opening)
    active = activity_of(opened, fps) if activity is None else as_float(activity)
    held = active * closeness_of(opened) if closed is None else as_float(closed)
    return MotionTrack(
        time_s,
        displacement,
        opened,
        width_of(displacement),
        jaw_of(displacement),
        active,
        held,
        np.ones(len(time_s), dtype=bool) if seen is None else seen,
        fps,
        name,
    )


class MotionPlayer:
    """A track in place of a motion network: the same for any speech. Speech is taken, and not listened to."""

    def __init__(self, track: MotionTrack, *, intensity: float = 1.0) -> None:
        """Choose how far the mouth moves.

        Args:
            track: what is played.
            intensity: factor of all displacements; 1 is as in the track. Openings beyond MAX_OPENING grow no further.

        Raises:
            OptionError: intensity is out of range.
            WeightsError: the motion basis is missing or damaged.
        """
        if not 0 <= intensity <= MAX_INTENSITY:
            raise OptionError(f"intensity expects a number from 0 to {MAX_INTENSITY:g}, got {intensity}")
        self.basis = MotionBasis.load()
        self._track = track
        self._intensity = intensity
        self.reset()

    def reset(self) -> None:
        """Forget the speech."""
        self._taken_s = 0.0
        self._finished = False

    @property
    def ready_until_s(self) -> float:
        """As much as was taken of the speech, seconds; infinite once it is over."""
        return float("inf") if self._finished else self._taken_s

    def push(self, chunk: SpeechChunk) -> None:
        """Take the next chunk of speech."""
        self._taken_s = (chunk.first_mel + len(chunk.log_mel)) / MEL_RATE

    def finish(self) -> None:
        """End the speech."""
        self._finished = True

    def at(self, time_s: float) -> Motion:
        """Return the mouth at a moment.

        Raises:
            OptionError: the speech of that moment has not arrived yet.
        """
        if time_s >= self.ready_until_s:
            raise OptionError(f"expected a moment before {self.ready_until_s:.2f} s, got {time_s:.3f} s")
        motion = self._track.at(time_s)
        if self._intensity == 1:
            return motion
        factor = self._intensity
        if motion.opening > 0:
            factor = min(factor, max(MAX_OPENING / motion.opening, 1.0))
        return Motion(np.float32(factor) * motion.displacement, factor * motion.opening, motion.activity, motion.closed)


def opening_of(displacement: FloatArray) -> FloatArray:
    """Return the distance of the inner lips' middles: (..., P, 3) -> (...)."""
    return as_float(displacement[..., motion_row(LOWER_LIP), 1] - displacement[..., motion_row(UPPER_LIP), 1])


def jaw_of(displacement: FloatArray) -> FloatArray:
    """Return how much lower than at rest the chin is: (..., P, 3) -> (...)."""
    return as_float(displacement[..., motion_row(CHIN), 1])


def activity_of(opening: FloatArray, fps: float) -> FloatArray:
    """Estimate when somebody speaks from when the mouth moves.

    Args:
        opening: (T,) outer eye distances.
        fps: frames a second.

    Returns:
        (T,) float32 in 0-1: 1 where openings within MOVING_S differ by LEAST_SWING or more.
    """
    reach = max(round(MOVING_S * fps), 1)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(opening, reach, mode="edge"), 2 * reach + 1)
    return as_float(np.clip(np.ptp(around, axis=1) / LEAST_SWING, 0, 1))


def closeness_of(opening: FloatArray) -> FloatArray:
    """Return how nearly lips touch, (T,) in 0-1: 1 where the opening is 0, 0 from CLOSED_OPENING on."""
    return as_float(1 - np.clip(opening / np.float32(CLOSED_OPENING), 0, 1))
