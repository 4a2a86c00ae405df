"""The motion of a measured face: displacement from the person's own closed mouth, and a basis for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mouthpiece.datasets.recordings import Recording
from mouthpiece.datasets.rig import OPEN_ABOVE
from mouthpiece.errors import OptionError
from mouthpiece.motion.basis import (
    CHIN,
    LOWER_LIP,
    MOTION_POINTS,
    UPPER_LIP,
    MotionBasis,
    mirror_rows,
    motion_row,
    width_of,
)
from mouthpiece.types import FloatArray

COMPONENTS = 12
CLOSED_PERCENTILE = 4.0
"""Opening that counts as closed in a clip, percentile of its frames."""
QUIET_PERCENTILE = 25.0
"""Frames below this percentile of opening make the resting shape."""
DEPTH_WEIGHT = 0.4
"""Depth is guessed by the face mesh, not measured: it counts less in the basis."""
LIP_WEIGHT = 1.6
"""The lips count more than cheeks and jaw line."""
JAW_NARROWS = -0.115
"""How far corners come in for a unit of opening by the jaw alone: MakeHuman's head (CC0) with the face unit jawOpen."""
LIMIT_PERCENTILE = 99.9
LIMIT_MARGIN = 1.3

# Inner and outer ring of the lips, in the mesh's numbering.
LIP_POINTS = (
    0, 11, 12, 13, 14, 15, 16, 17, 37, 38, 39, 40, 41, 42, 61, 62, 72, 73, 74, 76, 77, 78, 80, 81, 82, 84, 85, 86, 87,
    88, 89, 90, 91, 95, 96, 146, 178, 179, 180, 181, 183, 184, 185, 191, 267, 268, 269, 270, 271, 272, 291, 292, 302,
    303, 304, 306, 307, 308, 310, 311, 312, 314, 315, 316, 317, 318, 319, 320, 321, 324, 325, 375, 402, 403, 404, 405,
    407, 408, 409, 415,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MeasuredMotion:
    """A clip's motion."""

    displacement: FloatArray
    """(T, P, 3) float32 from the closed, resting mouth, symmetrical, canonical units."""
    opening: FloatArray
    """(T,) float32: the inner lips' distance; about 0 when closed."""
    width: FloatArray
    """(T,) float32: how much farther apart than at rest the corners are."""
    jaw: FloatArray
    """(T,) float32: how much lower than at rest the chin is."""


def lip_distance(shapes: FloatArray) -> FloatArray:
    """Return the distance of the inner lips' middles, downwards: (T, P, 3) shapes of MOTION_POINTS -> (T,)."""
    distance: FloatArray = shapes[:, motion_row(LOWER_LIP), 1] - shapes[:, motion_row(UPPER_LIP), 1]
    return distance


def symmetrical(displacement: FloatArray) -> FloatArray:
    """Return the part of displacements (..., P, 3) that both halves of the face share."""
    mirrored = displacement[..., mirror_rows(), :] * np.array([-1, 1, 1], dtype=np.float32)
    return ((displacement + mirrored) / 2).astype(np.float32)


def measure_motion(recording: Recording) -> MeasuredMotion:
    """Displacement of a clip's lower face from its own closed mouth.

    The resting shape is the mean of the clip's less open frames, moved along the direction of opening to the opening
    that counts as closed. (The mean of the most closed frames alone would be one of pressed, thinned lips.)
    """
    if recording.landmarks is None:
        raise OptionError(f"expected a recording of a face, {recording.name} holds rig curves; use measured_curves")
    shapes = recording.shapes(MOTION_POINTS)  # (T, P, 3)
    opening = lip_distance(shapes)
    quiet = opening <= np.percentile(opening, QUIET_PERCENTILE)
    rest = shapes[quiet].mean(axis=0)
    closed_at = float(np.percentile(opening, CLOSED_PERCENTILE))
    rest = rest + (closed_at - opening[quiet].mean()) * _opening_mode(shapes, opening)
    displacement = symmetrical(shapes - rest)
    jaw = displacement[:, motion_row(CHIN), 1]
    return MeasuredMotion(displacement, lip_distance(displacement), width_of(displacement), jaw)


@dataclass(frozen=True, slots=True)
class SpeakerHabit:
    """What one speaker's corners do as the mouth opens: some smile with every vowel, most come in with the jaw."""

    slope: float
    """Width for a unit of opening, by regression over the frames with lips apart."""
    mode: FloatArray
    """(P, 3): displacement that goes with a unit of width, at the same opening."""

    @classmethod
    def fit(cls, clips: Sequence[MeasuredMotion]) -> SpeakerHabit:
        """Fit the habit of the one speaker of all these clips."""
        opening = np.concatenate([clip.opening for clip in clips]).astype(np.float64)
        width = np.concatenate([clip.width for clip in clips]).astype(np.float64)
        moved = np.concatenate([clip.displacement.reshape(len(clip.opening), -1) for clip in clips])
        apart = opening > OPEN_ABOVE  # long pauses would hide what speech does
        given = np.stack([np.ones_like(opening), opening, width], axis=1)[apart]
        mode = np.linalg.lstsq(given, moved[apart], rcond=None)[0][2].reshape(-1, 3)
        slope = np.linalg.lstsq(given[:, :2], width[apart], rcond=None)[0][1]
        return cls(float(slope), mode.astype(np.float32))

    def normalised(self, motion: MeasuredMotion) -> MeasuredMotion:
        """Return a motion of this speaker as one whose corners go with the jaw alone; its opening stays.

        Networks that learn from few people would give all others their smile.
        """
        excess = np.float32(self.slope - JAW_NARROWS) * motion.opening
        displacement = motion.displacement - excess[:, None, None] * self.mode
        return MeasuredMotion(
            displacement, lip_distance(displacement), width_of(displacement), displacement[:, motion_row(CHIN), 1]
        )


def _opening_mode(shapes: FloatArray, opening: FloatArray) -> FloatArray:
    """Fit how the shape changes with a unit of opening, (P, 3), by regression over a clip."""
    centred = opening - opening.mean()
    mode = np.tensordot(centred, shapes - shapes.mean(axis=0), axes=1) / max(float(centred @ centred), 1e-9)
    return mode.astype(np.float32)


def fit_basis(clips: Sequence[MeasuredMotion], components: int = COMPONENTS) -> MotionBasis:
    """Principal components of motion around rest, over all clips.

    Args:
        clips: motion of the training clips.
        components: K.

    Returns:
        A basis whose coefficients have a mean square of 1 over these clips, largest component first, the first ones
        opening the mouth when positive.
    """
    motion = np.concatenate([clip.displacement for clip in clips]).astype(np.float64)  # (N, P, 3)
    weights = _point_weights()
    flat = (motion * weights).reshape(len(motion), -1)
    values, vectors = np.linalg.eigh(flat.T @ flat / len(flat))
    order = np.argsort(values)[::-1][:components]
    scale = np.sqrt(values[order])
    shapes = (vectors[:, order].T * scale[:, None]).reshape(components, len(MOTION_POINTS), 3) / weights
    opens = shapes[:, motion_row(LOWER_LIP), 1] - shapes[:, motion_row(UPPER_LIP), 1]
    shapes *= np.where(opens < 0, -1.0, 1.0)[:, None, None]
    coefficients = project(motion.astype(np.float32), shapes.astype(np.float32))
    limit = np.percentile(np.abs(coefficients), LIMIT_PERCENTILE, axis=0) * LIMIT_MARGIN
    return MotionBasis(
        mean=np.zeros((len(MOTION_POINTS), 3), dtype=np.float32),
        components=symmetrical(shapes.astype(np.float32)),
        rest=np.zeros(components, dtype=np.float32),
        limit=limit.astype(np.float32),
    )


def _point_weights() -> NDArray[np.float64]:
    """Return how much each point and axis counts, (P, 3)."""
    lips = np.isin(MOTION_POINTS, LIP_POINTS)
    return np.outer(np.where(lips, LIP_WEIGHT, 1.0), [1.0, 1.0, DEPTH_WEIGHT])


def project(displacement: FloatArray, components: FloatArray) -> FloatArray:
    """Project displacements on a basis, in its own weighting: (T, P, 3), (K, P, 3) -> (T, K) coefficients."""
    weights = _point_weights()
    rows = (components * weights).reshape(len(components), -1)
    coefficients = (displacement * weights).reshape(len(displacement), -1) @ rows.T / (rows**2).sum(axis=1)
    return np.asarray(coefficients, dtype=np.float32)
