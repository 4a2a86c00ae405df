"""Finding the edges of lips that touch, or nearly do.

Landmarks miss them by a few pixels; opened along the wrong line, lips leave the dark seam, or a row of teeth, hanging
on one of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mouthpiece.engines.mesh import topology as topo
from mouthpiece.engines.mesh.neutral import PlaneMap
from mouthpiece.types import Face, FloatArray, Picture

COLUMNS, ROWS = 41, 37
REACH = 0.045
"""How far above and below the landmarks' line the strip goes, outer eye distances."""
CLOSED_OPENING = 0.008
"""Measured opening up to which lips touch."""
PARTED_OPENING = 0.02
"""Opening up to which the edges are sought at all; wider open, the landmarks lie well on them."""
STEP_COST, AWAY_COST = 0.35, 0.17
"""Price of one row's step between columns, and of the full reach away from the landmarks, in units of contrast."""
# Between parted lips: at least that much brighter than the seam and that much paler than the lips.
TOOTH_BRIGHTER, TOOTH_PALER = 1.25, 0.72
_OFFSETS = np.linspace(-REACH, REACH, ROWS, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class LipStrip:
    """The strip around the lips' line, straightened."""

    rgb: FloatArray
    """(ROWS, COLUMNS, 3) float32 0-255: row by offset from the line, column from corner to corner."""
    gap: FloatArray
    """(COLUMNS,) the landmarks' gap between the lips, outer eye distances."""
    opening: float
    """The gap in the middle."""


@dataclass(frozen=True, slots=True)
class LipEdges:
    """Displacements of the inner lip landmarks, down the face, onto the lips' edges."""

    upper: FloatArray
    """(COLUMNS,) outer eye distances, from corner to corner."""
    lower: FloatArray
    """(COLUMNS,)"""

    def correction(self, shape: FloatArray) -> FloatArray:
        """Return shifts along y (478,) of canonical points (478, 3): whole at the inner rim, fading outwards."""
        shift = np.zeros(len(shape), dtype=np.float32)
        rings = (
            (topo.INNER_UPPER, self.upper, 1.0),
            (topo.INNER_LOWER, self.lower, 1.0),
            (topo.MIDDLE_UPPER, self.upper, 0.6),
            (topo.MIDDLE_LOWER, self.lower, 0.6),
            (topo.MIDDLE_UPPER_INNER, self.upper, 0.3),
            (topo.MIDDLE_LOWER_OUTER, self.lower, 0.3),
        )
        left, right = shape[78, 0], shape[308, 0]
        for points, edge, share in rings:
            along = (shape[points, 0] - left) / max(float(right - left), 1e-6) * (COLUMNS - 1)
            shift[points] = share * np.interp(along, np.arange(COLUMNS), edge)
        return shift


NO_EDGES = LipEdges(np.zeros(COLUMNS, dtype=np.float32), np.zeros(COLUMNS, dtype=np.float32))


def lip_strip(rgb: Picture, face: Face, plane: PlaneMap) -> LipStrip:
    """Straighten the strip around a frame's lips."""
    upper = plane.to_plane(face.landmarks[topo.INNER_UPPER, :2])
    lower = plane.to_plane(face.landmarks[topo.INNER_LOWER, :2])
    middle = (upper + lower) / 2
    order = np.argsort(middle[:, 0])
    middle, gaps = middle[order], (lower - upper)[order, 1]
    x = np.linspace(middle[0, 0], middle[-1, 0], COLUMNS, dtype=np.float32)
    y = np.interp(x, middle[:, 0], middle[:, 1]).astype(np.float32)
    points = np.stack([np.broadcast_to(x, (ROWS, COLUMNS)), y + _OFFSETS[:, None]], axis=-1)
    pixels = (points @ plane.matrix.T + plane.centre).astype(np.float32)
    strip = cv2.remap(rgb, pixels[..., 0], pixels[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    gap = np.interp(x, middle[:, 0], gaps).astype(np.float32)
    return LipStrip(strip.astype(np.float32), gap, float(gap[COLUMNS // 2]))


def find_edges(strips: list[LipStrip]) -> LipEdges:
    """Find where the lips' edges really are.

    Args:
        strips: of one person's frames; may be empty. All whose lips touch are averaged; if there are none, the least
            open one is read, teeth between the lips and all.

    Returns:
        `NO_EDGES` where no mouth is closed enough.
    """
    closed = [s for s in strips if s.opening < CLOSED_OPENING]
    if not closed:
        least = min(strips, key=lambda s: s.opening, default=None)
        closed = [least] if least is not None and least.opening < PARTED_OPENING else []
    if not closed:
        return NO_EDGES
    mean = np.mean([s.rgb for s in closed], axis=0).astype(np.float32)
    gap = np.mean([s.gap for s in closed], axis=0).astype(np.float32)
    luma = cv2.GaussianBlur(cv2.cvtColor(mean, cv2.COLOR_RGB2GRAY), (3, 3), 0.7)
    seam, sure = _dark_seam(luma)
    top, bottom = _teeth_around(mean, luma, seam)
    upper = _OFFSETS[top] * sure + gap / 2
    lower = _OFFSETS[bottom] * sure - gap / 2
    return LipEdges(_smooth(upper), _smooth(lower))


def _smooth(values: FloatArray) -> FloatArray:
    return np.asarray(cv2.GaussianBlur(values[None].astype(np.float32), (7, 1), 1.4)[0], dtype=np.float32)


def _dark_seam(luma: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
    """Find the row of the seam for each column, and how sure it is (0-1)."""
    around = np.median(luma, axis=0)
    contrast = (luma - around) / np.maximum(around, 1)
    path = _cheapest_path(contrast + AWAY_COST * np.abs(_OFFSETS / REACH)[:, None])
    sure = np.clip(-contrast[path, np.arange(COLUMNS)] / 0.15, 0, 1)
    return path, sure.astype(np.float32)


def _teeth_around(
    rgb: FloatArray, luma: FloatArray, seam: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find the first and last row of teeth around the seam for each column; the seam itself where there are none."""
    high, low = rgb.max(axis=2), rgb.min(axis=2)
    saturation = (high - low) / np.maximum(high, 1)
    # Beside the corners the strip's rim is skin already.
    lips = np.median(saturation[[0, 1, 2, -3, -2, -1], COLUMNS // 4 : -COLUMNS // 4])
    columns = np.arange(COLUMNS)
    raw = (luma > TOOTH_BRIGHTER * luma[seam, columns]) & (saturation < TOOTH_PALER * lips)
    raw[:, : COLUMNS // 8] = raw[:, -COLUMNS // 8 :] = False
    filled = cv2.morphologyEx(raw.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 7), dtype=np.uint8))
    tooth = cv2.dilate(filled, np.ones((3, 3), dtype=np.uint8)) > 0
    top, bottom = seam.copy(), seam.copy()
    for column in columns:
        for rows, ends in ((range(int(seam[column]), -1, -1), top), (range(int(seam[column]), ROWS), bottom)):
            missed = 0
            for row in rows:
                if tooth[row, column]:
                    ends[column], missed = row, 0
                else:
                    missed += 1
                    if missed > 4:
                        break
    return top, bottom


def _cheapest_path(cost: FloatArray) -> NDArray[np.intp]:
    """Find the cheapest smooth path through the columns (dynamic programming), rows (COLUMNS,)."""
    rows = np.arange(len(cost))
    step = STEP_COST * np.abs(rows[:, None] - rows[None]) / len(cost)
    total, back = cost[:, 0], []
    for column in cost.T[1:]:
        through = total[None] + step
        back.append(through.argmin(axis=1))
        total = through.min(axis=1) + column
    path = [int(total.argmin())]
    for came_from in reversed(back):
        path.append(int(came_from[path[-1]]))
    return np.array(path[::-1])
