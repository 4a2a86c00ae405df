"""Where the features of a face lie: the reference face, bent to a person's shape."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tools.avatars.drawing import closed, curve
from tools.avatars.people import Shape

REFERENCE = Path(__file__).parents[2] / "src/mouthpiece/face/reference.npy"

# Point numbers of the 478-point mesh, the picture's right half from the middle outwards or top to bottom.
OVAL = [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152]
EYE_UPPER = [362, 398, 384, 385, 386, 387, 388, 466, 263]
EYE_LOWER = [263, 249, 390, 373, 374, 380, 381, 382, 362]
BROW_UPPER, BROW_LOWER = [336, 296, 334, 293, 300], [285, 295, 282, 283, 276]
LIP_TOP = [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291]
LIP_BOTTOM = [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291]
INNER_TOP = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308]
INNER_BOTTOM = [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308]

EYE_CENTRE = np.array([0.345, -0.008])
MOUTH_CENTRE = np.array([0.0, 0.775])
NOSE_CENTRE = np.array([0.0, 0.36])


@dataclass(frozen=True)
class Face:
    """Features of one face; curves are (n, 2), of the picture's right half where there are two."""

    points: NDArray[np.float64]
    """(478, 3), z towards the viewer."""
    outline: NDArray[np.float64]
    """Closed outline of the bald head."""
    eye_upper: NDArray[np.float64]
    """Inner to outer corner."""
    eye_lower: NDArray[np.float64]
    """Outer to inner corner."""
    eye_centre: NDArray[np.float64]
    brow: NDArray[np.float64]
    """Middle line, inner to outer end."""
    lip_top: NDArray[np.float64]
    lip_line: NDArray[np.float64]
    lip_bottom: NDArray[np.float64]
    nose_tip: NDArray[np.float64]
    nose_base: float
    """y of where the nose meets the lip."""
    wing: NDArray[np.float64]
    """Middle of the right nose wing."""
    chin: NDArray[np.float64]

    @property
    def collar(self) -> float:
        """y that neck and clothes are measured from."""
        return float(self.chin[1]) - 0.11

    def lips(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Closed outlines of the upper and the lower lip."""
        upper = np.concatenate([self.lip_top, self.lip_line[::-1]])
        return upper, np.concatenate([self.lip_line, self.lip_bottom[::-1]])


def near(points: NDArray[np.float64], centre: NDArray[np.float64], reach: tuple[float, float]) -> NDArray[np.float64]:
    """How much each point (n, 2) belongs to a place, (n, 1) in 0-1: 1 in it, falling off around it."""
    distance = np.sqrt((((points - centre) / reach) ** 2).sum(axis=1, keepdims=True))
    return np.asarray(np.clip(1.6 - distance, 0, 1) ** 2 * (3 - 2 * np.clip(1.6 - distance, 0, 1)))


def features(shape: Shape) -> Face:
    """Bend the reference face."""
    points = np.load(REFERENCE).astype(np.float64)
    points[:, 2] *= -1
    partner = np.linalg.norm(points[:, None] - (points * [-1, 1, 1])[None], axis=2).argmin(axis=1)
    points = (points + points[partner] * [-1, 1, 1]) / 2
    _close_mouth(points)
    _bend_mouth(points, shape)
    _bend_nose(points, shape)
    _bend_eyes(points, shape)
    _bend_head(points, shape)
    flat = points[:, :2]
    brow = (flat[BROW_UPPER] + flat[BROW_LOWER]) / 2
    brow[:, 1] = brow[:, 1].mean() + (brow[:, 1] - brow[:, 1].mean()) * shape.brow_arch - shape.brow_height
    brow = curve(brow)
    return Face(
        points=points,
        outline=_outline(flat, shape),
        eye_upper=curve(flat[EYE_UPPER]),
        eye_lower=curve(flat[EYE_LOWER]),
        eye_centre=(flat[362] + flat[263]) / 2,
        brow=brow,
        lip_top=curve(flat[LIP_TOP]),
        lip_line=curve(np.concatenate([flat[[61]], (flat[INNER_TOP] + flat[INNER_BOTTOM])[1:-1] / 2, flat[[291]]])),
        lip_bottom=curve(flat[LIP_BOTTOM]),
        nose_tip=points[4],
        nose_base=float(flat[2, 1]),
        wing=flat[294] * [0.86, 1.0],
        chin=flat[152],
    )


def _close_mouth(points: NDArray[np.float64]) -> None:
    """Bring the lips of the reference, which are a little open, together."""
    for top, bottom in zip(INNER_TOP, INNER_BOTTOM, strict=True):
        points[top] = points[bottom] = (points[top] + points[bottom]) / 2
    line = points[INNER_TOP]
    # Relaxed lips meet in a long shallow M: full in the middle, a little lower at both sides of it.
    share = np.abs(line[:, 0]) / np.abs(line[:, 0]).max()
    line[:, 1] += 0.006 * np.sin(np.pi * np.clip(share, 0, 1)) - 0.002
    points[INNER_TOP] = points[INNER_BOTTOM] = line


def _bend_mouth(points: NDArray[np.float64], shape: Shape) -> None:
    weight = near(points[:, :2], MOUTH_CENTRE, (0.30, 0.17))[:, 0]
    offset = points[:, :2] - MOUTH_CENTRE
    fullness = np.where(offset[:, 1] < 0, shape.upper_lip, shape.lower_lip)
    points[:, 0] += weight * offset[:, 0] * (shape.mouth_width - 1)
    points[:, 1] += weight * offset[:, 1] * (fullness - 1)
    points[:, 1] -= weight * shape.mouth_lift
    points[:, 1] -= weight * shape.smile * ((offset[:, 0] / 0.27) ** 2 - 0.25)


def _bend_nose(points: NDArray[np.float64], shape: Shape) -> None:
    weight = near(points[:, :2], NOSE_CENTRE, (0.20, 0.20))[:, 0]
    points[:, 0] += weight * points[:, 0] * (shape.nose_width - 1)
    points[:, 1] += weight * 0.5 * (shape.nose_length - 1)
    bridge = near(points[:, :2], np.array([0.0, 0.24]), (0.16, 0.34))[:, 0]
    points[:, 2] += bridge * (points[:, 2] - 0.24) * (shape.nose_height - 1)


def _bend_eyes(points: NDArray[np.float64], shape: Shape) -> None:
    for side in (1.0, -1.0):
        centre = EYE_CENTRE * [side, 1]
        weight = near(points[:, :2], centre, (0.20, 0.12))
        offset = points[:, :2] - centre
        turn = shape.eye_tilt * offset[:, 0] * side
        scaled = offset * shape.eye_size * [1, shape.eye_open] - np.stack([0 * turn, turn], axis=1)
        points[:, :2] += weight * (scaled - offset)
        points[:, 2] -= (near(points[:, :2], centre, (0.17, 0.09)) * shape.eye_depth)[:, 0]


def _bend_head(points: NDArray[np.float64], shape: Shape) -> None:
    x, y = points[:, 0].copy(), points[:, 1].copy()
    outer = np.clip((np.abs(x) - 0.30) / 0.40, 0, 1)
    low = np.clip((y - 0.25) / 0.75, 0, 1)
    points[:, 0] *= 1 + outer * ((shape.width - 1) + low * (shape.jaw - 1)) + low**3 * (shape.chin_width - 1)
    points[:, 1] -= np.clip(y - 0.12, 0, None) * (1 - shape.lower_face)
    points[:, 1] += np.clip((y - 0.90) / 0.30, 0, 1) * shape.chin
    cheek = near(np.abs(points[:, :2]), np.array([0.46, 0.42]), (0.22, 0.24))[:, 0]
    points[:, 2] += cheek * shape.cheeks
    points[:, 0] += cheek * np.sign(points[:, 0]) * shape.cheeks * 0.5


def _outline(flat: NDArray[np.float64], shape: Shape) -> NDArray[np.float64]:
    """Face below, skull above."""
    side = flat[OVAL][6:]
    widest = float(side[:3, 0].max())
    top = -1.24 - shape.forehead
    crown = [(0.0, top), (widest * 0.42, top + 0.07), (widest * 0.78, top + 0.30), (widest * 0.97, top + 0.68)]
    return closed(curve(np.concatenate([crown, side]), 240))
