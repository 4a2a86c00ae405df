"""The neutral face, its mouth closed, and its pose in each frame.

Chart coordinates q are the frontal canonical face (x, y; unit: outer eye distance). A frame's pose carries them into
the picture in two steps: chart -> plane (u = q + depth(q) * slant, the parallax of a turned head), plane -> pixels
(an affine map). Working in the plane keeps every field small, smooth and independent of the picture's size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mouthpiece.engines.mesh import topology as topo
from mouthpiece.motion.basis import motion_row
from mouthpiece.types import Face, FloatArray, as_float

CLOSING_SHARE_UPPER = 0.25
"""The upper lip's share in closing an open mouth; the lower lip and jaw do the rest."""
JAW_SHARE = 0.9
"""Share of the lower lip's motion that the lower teeth make."""


@dataclass(frozen=True, slots=True)
class PlaneMap:
    """Plane coordinates -> pixels of one frame, and how depth shifts the plane."""

    matrix: FloatArray
    """(2, 2): plane -> stored pixels."""
    centre: FloatArray
    """(2,): pixel of the plane's origin."""
    slant: FloatArray
    """(2,): plane shift for one unit of canonical depth."""

    @classmethod
    def of(cls, face: Face, pixel_aspect: float) -> PlaneMap:
        """Build the map of a tracked face."""
        pose = face.pose
        to_stored = np.array([[1 / pixel_aspect], [1.0]], dtype=np.float32)
        square = (pose.scale * pose.rotation[:2, :2]).astype(np.float32)
        slant = _inverse(square) @ (pose.scale * pose.rotation[:2, 2])
        return cls(square * to_stored, pose.centre * to_stored[:, 0], slant.astype(np.float32))

    @property
    def stretch(self) -> float:
        """Pixels of one outer eye distance."""
        (a, b), (c, d) = self.matrix.tolist()
        return float(abs(a * d - b * c) ** 0.5)

    def to_plane(self, pixels: FloatArray) -> FloatArray:
        """Bring pixels (n, 2) into the plane (n, 2)."""
        return as_float((pixels - self.centre) @ _inverse(self.matrix).T)

    def project(self, canonical: FloatArray) -> FloatArray:
        """Project canonical points or displacements (n, 3) into the plane (n, 2)."""
        return (canonical[:, :2] + canonical[:, 2:] * self.slant).astype(np.float32)


@dataclass(frozen=True, slots=True)
class FaceAlignment:
    """A frame's face beside the person's neutral one."""

    plane: PlaneMap
    shift: FloatArray
    """(2,) plane: offset of the mouth from its place by the pose."""
    shown: FloatArray
    """(P, 2) plane: how the source's own mouth is displaced."""
    pixels: FloatArray
    """(478, 2): the points in the frame, on the lips' edges as well as they are known."""


def jaw_displacement(displacement: FloatArray) -> FloatArray:
    """Return the (2,) plane displacement of the lower teeth, given the motion points': most of the lower lip's."""
    return np.asarray(displacement[motion_row(topo.INNER_BOTTOM)] * np.float32(JAW_SHARE))


def _inverse(matrix: FloatArray) -> FloatArray:
    """Invert a (2, 2) matrix: NumPy's own would take as long as all else that is done with it."""
    (a, b), (c, d) = matrix.tolist()
    size = a * d - b * c
    return np.array([[d / size, -b / size], [-c / size, a / size]], dtype=np.float32)


def canonical_shape(face: Face, pixel_aspect: float) -> FloatArray:
    """Take the pose out of a face's landmarks: (478, 3) float32 canonical; depth relative to the face's middle."""
    square = face.landmarks * np.array([pixel_aspect, 1, 1], dtype=np.float32)
    shifted = square - np.append(face.pose.centre, 0).astype(np.float32)
    shape = shifted @ face.pose.rotation / face.pose.scale
    # The mesh's depth has an origin of its own: the outer eye corners are canonical depth 0. Moving along the line
    # of sight leaves the picture as it is.
    depth = (face.pose.rotation @ shape[topo.OUTER_EYES].mean(axis=0))[2]
    return as_float(shape - depth * face.pose.rotation[2])


def opening(shape: FloatArray) -> float:
    """Distance of the inner lips of a canonical shape, in outer eye distances."""
    return float(shape[topo.INNER_BOTTOM, 1] - shape[topo.INNER_TOP, 1])


def closed(shape: FloatArray, opening_mode: FloatArray, motion_points: NDArray[np.intp]) -> FloatArray:
    """Close a canonical shape's mouth along the direction in which mouths open.

    Averaging the most closed frames instead would pick pressed lips and thin them.

    Args:
        shape: (478, 3).
        opening_mode: (P, 3): displacement of the motion points for one unit of opening.
        motion_points: (P,) their numbers.

    Returns:
        (478, 3) with the inner lips touching all along.
    """
    result = shape.copy()
    result[motion_points] -= max(opening(shape), 0.0) * opening_mode
    # The rest of the gap (the mode is the average mouth's) is closed pair by pair; each lip follows its inner edge.
    gaps = result[topo.INNER_LOWER] - result[topo.INNER_UPPER]
    across = result[topo.INNER_UPPER, 0]
    for lip, share in ((topo.UPPER_LIP, CLOSING_SHARE_UPPER), (topo.LOWER_LIP, CLOSING_SHARE_UPPER - 1)):
        for axis in range(3):
            result[lip, axis] += share * np.interp(result[lip, 0], across, gaps[:, axis])
    seam = (result[topo.INNER_UPPER] + result[topo.INNER_LOWER]) / 2
    result[topo.INNER_UPPER] = result[topo.INNER_LOWER] = seam
    return result
