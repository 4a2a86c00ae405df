"""A mouth over time, whoever moves it: the speaker, the engine's motion, or a picture that was read.

All are displacements of MOTION_POINTS from the speaker's own closed, resting mouth, in outer eye distances; so what is
read of them can be compared frame by frame.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mouthpiece.datasets.motion_curves import motions_at
from mouthpiece.datasets.motion_space import measure_motion, symmetrical
from mouthpiece.datasets.recordings import Recording
from mouthpiece.motion.basis import (
    CHIN,
    LEFT_CORNER,
    LOWER_LIP,
    MOTION_POINTS,
    RIGHT_CORNER,
    UPPER_LIP,
    motion_row,
    width_of,
)
from mouthpiece.motion.stream import MotionStream
from mouthpiece.types import FloatArray, SpeechChunk

NARROWED = ((LEFT_CORNER, RIGHT_CORNER), (40, 270), (37, 267))
"""Mesh points that come nearer to each other as lips are rounded: corners, and two of the upper lip's rim. (Of real
mouths each tells rounded sounds from spread ones, the rim better than the corners; docs/evaluation.md.)"""


@dataclass(frozen=True, slots=True)
class Mouth:
    """A mouth at the T frames of a clip."""

    displacement: FloatArray = field(repr=False)
    """(T, P, 3) float32 of MOTION_POINTS from the speaker's closed, resting mouth, symmetrical, canonical units."""
    seen: NDArray[np.bool_] = field(repr=False)
    """(T,) whether the frame was read."""

    @property
    def opening(self) -> FloatArray:
        """(T,): distance of the inner lips; about 0 where they touch."""
        return self._row(LOWER_LIP, 1) - self._row(UPPER_LIP, 1)

    @property
    def width(self) -> FloatArray:
        """(T,): how much farther apart than at rest the corners are."""
        return width_of(self.displacement)

    @property
    def jaw(self) -> FloatArray:
        """(T,): how much lower than at rest the chin is."""
        return self._row(CHIN, 1)

    @property
    def rounding(self) -> FloatArray:
        """(T,): how much narrower than at rest the lips are, mean of NARROWED; negative where they are spread."""
        across = [self._row(left, 0) - self._row(right, 0) for left, right in NARROWED]
        return np.asarray(np.mean(across, axis=0), dtype=np.float32)

    @property
    def lower_lip(self) -> FloatArray:
        """(T,): how much lower than at rest the lower lip's inner edge is; above the closed line, it meets the upper
        teeth."""
        return self._row(LOWER_LIP, 1)

    def _row(self, point: int, axis: int) -> FloatArray:
        return self.displacement[:, motion_row(point), axis]


def real_mouth(recording: Recording) -> tuple[Mouth, FloatArray]:
    """Return what a speaker did, and their closed, resting mouth, (P, 3), symmetrical.

    Raises:
        OptionError: the recording shows no face.
    """
    moved = measure_motion(recording).displacement
    rest = symmetrical(recording.shapes(MOTION_POINTS)[:1])[0] - moved[0]
    return Mouth(moved, recording.seen), np.asarray(rest, dtype=np.float32)


def rendered_mouth(recording: Recording, rest: FloatArray) -> Mouth:
    """Return what rendered pictures show, counted from the speaker's real closed mouth.

    Args:
        recording: the landmarks of the pictures.
        rest: as of `real_mouth`. (A made mouth's own most closed frames would pass for closed even where it never is.)
    """
    return Mouth(symmetrical(recording.shapes(MOTION_POINTS)) - rest, recording.seen)


def played_mouth(stream: MotionStream, chunks: Iterable[SpeechChunk], times_s: NDArray[np.float64]) -> Mouth:
    """Return what the mesh engine would be told to draw.

    Args: as of `mouthpiece.datasets.motion_curves.play_on`.
    """
    moved = np.stack([motion.displacement for motion in motions_at(stream, chunks, times_s)])
    return Mouth(moved, np.ones(len(times_s), dtype=bool))
