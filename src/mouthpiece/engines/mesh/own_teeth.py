"""The face's own upper teeth, lifted out of the frame that shows them best and hung on the skull."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mouthpiece.engines.mesh import topology as topo
from mouthpiece.engines.mesh.interior import MouthFrame, MouthScene
from mouthpiece.engines.mesh.target import PlaneMap
from mouthpiece.types import Face, FloatArray, Picture

MIN_OPENING = 0.03
"""Opening from which a frame shows enough of the inside, outer eye distances."""
MIN_HEIGHT_PX = 5.0
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
# What a tooth looks like: at least that bright against the light on the face, and at most that colourful.
MIN_BRIGHTNESS, MAX_SATURATION = 0.42, 0.42
MIN_SHARE = 0.12
"""Least part of the seen inside that must be teeth."""


@dataclass(frozen=True, slots=True)
class OwnTeeth:
    """Upper teeth in the skull's plane."""

    texture: FloatArray
    """(h, w, 4) float32: RGB 0-255 and opacity 0-1."""
    density: float
    """Texture pixels for one outer eye distance."""
    light: FloatArray
    """(3,) the light on the face in the frame that they were taken from."""
    edge: float
    """How far the middle teeth's cutting edge stands under the line of the closed lips, outer eye distances."""

    def lay_over(self, inside: FloatArray, scene: MouthScene, mouth: MouthFrame) -> FloatArray:
        """Draw the teeth over the rest of the mouth's inside.

        Args:
            inside: (h, w, 3) float32 0-255, the mouth's rectangle.
            scene: where and in which light.
            mouth: where the closed mouth lies.
        """
        maps = scene.maps
        assert maps.mouth is not None
        rows, columns = maps.mouth.part
        size = (columns.stop - columns.start, rows.stop - rows.start)
        affine = _texture_to_picture(scene.plane, scene.shift, mouth, self.density)
        affine[:, 2] -= [maps.box.x0 + columns.start, maps.box.y0 + rows.start]
        seen = cv2.warpAffine(self.texture, affine, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        opacity = seen[..., 3:]
        lit = seen[..., :3] * (scene.light / np.maximum(self.light, 1))
        return np.asarray(np.clip(lit + inside * (1 - opacity), 0, 255), dtype=np.float32)


def suitability(opening: float, scale: float, yaw_deg: float) -> float:
    """How well a frame may show the inside of its mouth; 0 where it doesn't."""
    if opening < MIN_OPENING or opening * scale < MIN_HEIGHT_PX or abs(yaw_deg) > MAX_YAW_DEG:
        return 0.0
    return min(opening, BEST_OPENING) / BEST_OPENING * (1 - abs(yaw_deg) / (2 * MAX_YAW_DEG))


def _texture_to_picture(plane: PlaneMap, shift: FloatArray, mouth: MouthFrame, density: float) -> FloatArray:
    """(2, 3) affine: texture pixels -> picture pixels."""
    base = mouth.centre + mouth.depth * plane.slant + shift + np.array([-HALF_WIDTH, TOP], dtype=np.float32)
    affine = np.empty((2, 3), dtype=np.float32)
    affine[:, :2] = plane.matrix / density
    affine[:, 2] = plane.matrix @ base + plane.centre
    return affine


def take_teeth(
    rgb: Picture, face: Face, mouth: MouthFrame, plane: PlaneMap, *, shift: FloatArray, light: FloatArray
) -> OwnTeeth | None:
    """Lift the upper teeth out of a frame.

    Args:
        rgb: the frame's picture.
        face: the face in it, mouth open.
        mouth: where the closed mouth lies.
        plane: the frame's plane map.
        shift: (2,) plane offset of the mouth on the head.
        light: (3,) the light on the face.

    Returns:
        None where no teeth are to be seen.
    """
    density = float(min(np.sqrt(abs(np.linalg.det(plane.matrix))), MAX_DENSITY))
    size = (int(2 * HALF_WIDTH * density) + 1, int((BOTTOM - TOP) * density) + 1)
    affine = _texture_to_picture(plane, shift, mouth, density)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    picture = np.asarray(cv2.warpAffine(rgb, affine, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)
    seen = _seen_inside(face, affine, size, density)
    if not seen.any():
        return None
    teeth = _tooth_like(picture, light, density) * seen
    if float(teeth.sum()) < MIN_SHARE * float(seen.sum()):
        return None
    extended, opacity = _towards_the_roots(picture, teeth, density)
    texture = np.concatenate([extended * opacity, opacity], axis=2).astype(np.float32)
    return OwnTeeth(texture, density, light, _cutting_edge(teeth, density))


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
    raw = np.clip((bright - MIN_BRIGHTNESS) / 0.12 + 0.5, 0, 1) * np.clip(
        (MAX_SATURATION - saturation) / 0.1 + 0.5, 0, 1
    )
    gap = max(1, round(0.012 * density))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * gap + 1, 2 * gap + 1))
    return np.asarray(cv2.morphologyEx(raw.astype(np.float32), cv2.MORPH_CLOSE, kernel), dtype=np.float32)


def _towards_the_roots(picture: Picture, teeth: FloatArray, density: float) -> tuple[FloatArray, FloatArray]:
    """Draw each column's uppermost seen tooth pixels on upwards, under the lip that will be lifted there.

    Returns:
        colour (h, w, 3) float32 and opacity (h, w, 1).
    """
    solid = teeth > 0.5
    rows = np.arange(len(teeth))[:, None]
    columns = solid.any(axis=0)
    first = np.where(columns, solid.argmax(axis=0), 0)
    inset = max(1, round(0.004 * density))
    source_row: NDArray[np.intp] = np.where(rows < first + inset, first + inset, rows)
    source_row = np.minimum(source_row, len(teeth) - 1)
    extended = np.take_along_axis(picture.astype(np.float32), source_row[..., None], axis=0)
    above = (rows < first) & columns & (rows > first - EXTEND * density)
    opacity = np.where(above, 1.0, teeth).astype(np.float32)
    soft = np.asarray(cv2.GaussianBlur(opacity, (0, 0), max(0.35, 0.003 * density)), dtype=np.float32)
    return extended, soft[..., None]
