"""The face's own teeth, lifted out of the frame that shows them best.

Upper teeth hang on the skull, lower ones on the jaw.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mouthpiece.engines.mesh import topology as topo
from mouthpiece.engines.mesh.interior import MouthFrame, MouthScene, texture_to_picture
from mouthpiece.engines.mesh.target import PlaneMap
from mouthpiece.types import Face, FloatArray, Picture, as_float

MIN_OPENING = 0.03
"""Opening from which a frame shows enough of the inside, outer eye distances."""
MIN_HEIGHT_PX = 8.0
"""The same in pixels."""
BEST_OPENING = 0.11
"""Wider mouths show no more teeth, and are rarer and more blurred."""
MAX_YAW_DEG = 20.0
# The texture's extent around the middle of the closed lips' line, in outer eye distances.
HALF_WIDTH, TOP, BOTTOM = 0.36, -0.16, 0.20
EXTEND = 0.05
"""How far beyond what was seen the teeth are drawn out towards their roots, outer eye distances."""
MAX_DENSITY = 480.0
"""Pixels for one outer eye distance at most."""
# What a tooth looks like: at least that bright against the light on the face, and at most that much more colourful.
MIN_BRIGHTNESS, MAX_EXTRA_SATURATION = 0.42, 0.22
MIN_WIDTH = 0.16
"""Least width of a row of teeth, outer eye distances: less is a glint."""
MIN_SHARE = 0.12
"""Least part of the seen inside that must be teeth."""


LOWER_FROM = 0.58
"""Teeth whose middle lies further down the seen inside than this share of its height are lower teeth."""


@dataclass(frozen=True, slots=True)
class OwnTeeth:
    """One row of teeth, in the teeth's plane."""

    texture: FloatArray
    """(h, w, 4) float32: RGB 0-255, premultiplied, and opacity 0-1."""
    density: float
    """Texture pixels for one outer eye distance."""
    light: FloatArray
    """(3,) the light on the face in the frame that they were taken from."""
    lower: bool
    """Whether they are the lower teeth, and move with the jaw."""
    jaw: FloatArray
    """(2,) plane displacement of the jaw in the frame that they were taken from."""
    edge: float
    """How far the middle teeth's cutting edge stands under the line of the closed lips then, outer eye distances."""

    def lay_over(self, inside: FloatArray, scene: MouthScene, mouth: MouthFrame, jaw: FloatArray) -> FloatArray:
        """Draw the teeth over what is behind them.

        Args:
            inside: (h, w, 3) float32 0-255, the mouth's rectangle.
            scene: where and in which light.
            mouth: where the closed mouth lies.
            jaw: (2,) plane displacement of the jaw now.
        """
        corner = np.array([-HALF_WIDTH, TOP], dtype=np.float32)
        if self.lower:
            corner = corner + jaw - self.jaw
        seen = scene.place(self.texture, mouth, corner, 1 / self.density)
        lit = seen[..., :3] * (scene.light / np.maximum(self.light, 1))
        return as_float(np.clip(lit + inside * (1 - seen[..., 3:]), 0, 255))


def suitability(opening: float, scale: float, yaw_deg: float) -> float:
    """How well a frame may show the inside of its mouth; 0 where it doesn't."""
    if opening < MIN_OPENING or opening * scale < MIN_HEIGHT_PX or abs(yaw_deg) > MAX_YAW_DEG:
        return 0.0
    return min(opening, BEST_OPENING) / BEST_OPENING * (1 - abs(yaw_deg) / (2 * MAX_YAW_DEG))


@dataclass(frozen=True, slots=True)
class TeethSource:
    """A frame with an open mouth."""

    rgb: Picture
    face: Face
    plane: PlaneMap
    shift: FloatArray
    """(2,) plane offset of the mouth on the head."""
    jaw: FloatArray
    """(2,) plane displacement of the jaw from closed."""
    light: FloatArray
    """(3,) the light on the face."""


def take_teeth(source: TeethSource, mouth: MouthFrame) -> OwnTeeth | None:
    """Lift the row of teeth that a frame shows.

    Args:
        source: the frame.
        mouth: where the closed mouth lies.

    Returns:
        None where no teeth are to be seen.
    """
    plane, light = source.plane, source.light
    density = float(min(np.sqrt(abs(np.linalg.det(plane.matrix))), MAX_DENSITY))
    size = (int(2 * HALF_WIDTH * density) + 1, int((BOTTOM - TOP) * density) + 1)
    corner = np.array([-HALF_WIDTH, TOP], dtype=np.float32)
    affine = texture_to_picture(plane, source.shift, mouth, corner, 1 / density)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    picture = np.asarray(
        cv2.warpAffine(source.rgb, affine, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )
    seen = _seen_inside(source.face, affine, size, density)
    if not seen.any():
        return None
    teeth = _one_row(_tooth_like(picture, light, density) * seen, density)
    if float(teeth.sum()) < MIN_SHARE * float(seen.sum()):
        return None
    lower = _place_between_lips(teeth, seen) > LOWER_FROM
    if lower:
        extended, opacity = (layer[::-1] for layer in _towards_the_roots(picture[::-1], teeth[::-1], density))
    else:
        extended, opacity = _towards_the_roots(picture, teeth, density)
    texture = as_float(np.concatenate([extended * opacity, opacity], axis=2))
    return OwnTeeth(texture, density, light, lower, source.jaw, _cutting_edge(teeth, density))


def _place_between_lips(teeth: FloatArray, seen: FloatArray) -> float:
    """Where the teeth's middle lies between the upper (0) and the lower (1) end of the seen inside."""
    rows = np.arange(len(teeth))[:, None]
    columns = (teeth.sum(axis=0) > 0.5) & (seen.sum(axis=0) > 1)
    if not columns.any():
        return 0.0
    inside = seen[:, columns] > 0.5
    first, last = inside.argmax(axis=0), len(inside) - 1 - inside[::-1].argmax(axis=0)
    middle = (teeth[:, columns] * rows).sum(axis=0) / teeth[:, columns].sum(axis=0)
    weights = teeth[:, columns].sum(axis=0)
    place = (middle - first) / np.maximum(last - first, 1)
    return float((place * weights).sum() / weights.sum())


def _cutting_edge(teeth: FloatArray, density: float) -> float:
    """Median lower end of the middle teeth, outer eye distances under the line of the closed lips."""
    middle = teeth[:, teeth.shape[1] * 2 // 5 : teeth.shape[1] * 3 // 5 + 1] > 0.5
    middle = middle[:, middle.any(axis=0)] if middle.any() else teeth > 0.5
    last = len(middle) - 1 - middle[::-1].argmax(axis=0)
    return float(np.median(last[middle.any(axis=0)])) / density + TOP


def _seen_inside(face: Face, affine: FloatArray, size: tuple[int, int], density: float) -> FloatArray:
    """(h, w) float32 0-1: what lies clear of the lips' inner rim."""
    rim = np.concatenate([topo.INNER_UPPER, topo.INNER_LOWER[-2:0:-1]])
    back = cv2.invertAffineTransform(affine)
    outline = face.landmarks[rim, :2] @ back[:, :2].T + back[:, 2]
    mask = np.zeros(size[::-1], dtype=np.uint8)
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    clear = max(1, round(0.006 * density))
    clean = cv2.erode(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * clear + 1, 2 * clear + 1)))
    return (clean / np.float32(255)).astype(np.float32)


def _tooth_like(picture: Picture, light: FloatArray, density: float) -> FloatArray:
    """(h, w) float32 0-1: bright and pale as teeth are; the dark lines between teeth count as teeth."""
    colour = picture.astype(np.float32)
    brightest, palest = colour.max(axis=2), colour.min(axis=2)
    bright = brightest / max(float(light.max()), 1.0)
    saturation = (brightest - palest) / np.maximum(brightest, 1)
    most = MAX_EXTRA_SATURATION + (float(light.max()) - float(light.min())) / max(float(light.max()), 1.0)
    raw = np.clip((bright - MIN_BRIGHTNESS) / 0.12 + 0.5, 0, 1)
    raw *= np.clip((most - saturation) / 0.1 + 0.5, 0, 1)
    gap = max(1, round(0.012 * density))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * gap + 1, 2 * gap + 1))
    return as_float(cv2.morphologyEx(as_float(raw), cv2.MORPH_CLOSE, kernel))


def _one_row(teeth: FloatArray, density: float) -> FloatArray:
    """Keep the largest connected piece; nothing if that is too narrow for a row of teeth."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((teeth > 0.5).astype(np.uint8))
    if count < 2:
        return np.zeros_like(teeth)
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    if stats[largest, cv2.CC_STAT_WIDTH] < MIN_WIDTH * density:
        return np.zeros_like(teeth)
    near = cv2.dilate((labels == largest).astype(np.uint8), np.ones((3, 3), dtype=np.uint8))
    return as_float(teeth * near)


def _towards_the_roots(picture: Picture, teeth: FloatArray, density: float) -> tuple[FloatArray, FloatArray]:
    """Draw each column's uppermost seen tooth pixels on upwards, under the lip that will be lifted there.

    Returns:
        colour (h, w, 3) float32 and opacity (h, w, 1).
    """
    solid = teeth > 0.5
    rows = np.arange(len(teeth))[:, None]
    columns = solid.any(axis=0)
    first = np.where(columns, solid.argmax(axis=0), 0)
    # The first rows still have the lip's colour in them, the last ones what is beneath: the purest lie between.
    thickness = solid.sum(axis=0)
    purest = first + np.maximum(thickness * 2 // 5, 0)
    source_row: NDArray[np.intp] = np.minimum(np.where(rows < purest, purest, rows), len(teeth) - 1)
    extended = np.take_along_axis(picture.astype(np.float32), source_row[..., None], axis=0)
    above = (rows <= purest) & columns & (rows > first - EXTEND * density)
    opacity = np.where(above, 1.0, teeth).astype(np.float32)
    soft = np.asarray(cv2.GaussianBlur(opacity, (0, 0), max(0.35, 0.003 * density)), dtype=np.float32)
    return extended, soft[..., None]
