"""The face's own inside of the mouth, lifted out of the frame that shows it best.

It is parted along its darkest level: what hangs above it - the upper teeth - stays with the skull, what lies beneath
it - lower teeth, tongue - goes with the jaw. Opened wider than in that frame, the two part; what then shows between
them is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mouthpiece.engines.mesh.interior import UPPER_EDGE_BELOW_SEAM_MM, MouthFrame, MouthScene, texture_to_picture
from mouthpiece.engines.mesh.lips import LipRim, parted_rim
from mouthpiece.engines.mesh.neutral import PlaneMap
from mouthpiece.types import FloatArray, Picture, as_float

MIN_OPENING = 0.03
"""Opening from which a frame shows enough of the inside, outer eye distances."""
MIN_HEIGHT_PX = 4.0
"""The same in pixels."""
BEST_OPENING = 0.11
"""Wider mouths show no more, and are rarer and more blurred."""
MAX_YAW_DEG = 20.0
TOOTHLESS, ENOUGH_TEETH = 0.3, 0.05
"""What a frame without teeth is worth beside one with them, and the share of teeth that is enough."""
# The texture's extent around the middle of the closed lips' line, in outer eye distances.
HALF_WIDTH, TOP, BOTTOM = 0.36, -0.16, 0.28
EXTEND = 0.06
"""How far beyond what was seen both parts are drawn on under the lips, outer eye distances."""
UNDER_LIP = 0.4
"""How bright the end of that still is."""
MAX_DENSITY = 480.0
"""Pixels for one outer eye distance at most."""
LIPS_OWN = 0.006
"""How far from the lips' edges their own colour may reach inwards, outer eye distances."""
SPLIT_FROM, SPLIT_TO, SPLIT_SOFT = 0.2, 0.85, 0.08
"""Shares of the seen height between which the two parts are told apart, and how softly they meet."""
MIN_GAP_BELOW = 0.07
"""Gap from which what lies beneath the split is the mouth's floor, not the lower lip's moist inner side."""
MAX_DROP = 0.035
"""How far the upper part is let down at most, outer eye distances."""
MIDDLE_PRICE = 0.25
"""What it costs to part them away from the middle, in units of brightness."""
DARKEST = 12
"""Percentile of what is seen that the darkness behind is taken from."""
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class OwnMouth:
    """The inside of a mouth, in the teeth's plane."""

    upper: FloatArray
    """(h, w, 4) float32: RGB 0-255, premultiplied, and opacity 0-1: what stays with the skull."""
    lower: FloatArray
    """(h, w, 4) the same of what goes with the jaw."""
    density: float
    """Texture pixels for one outer eye distance."""
    light: FloatArray
    """(3,) the light on the face in the frame that it was taken from."""
    jaw: FloatArray
    """(2,) plane displacement of the jaw in that frame."""
    dark: FloatArray
    """(3,) RGB 0-255 of the darkness behind in that frame."""
    drop: float
    """How far the upper part is let down from where it was seen, outer eye distances: lips that speak lift less."""

    def lay_over(self, inside: FloatArray, scene: MouthScene, mouth: MouthFrame, jaw: FloatArray) -> FloatArray:
        """Draw it over what is behind.

        Args:
            inside: (h, w, 3) float32 0-255, the mouth's rectangle.
            scene: where and in which light.
            mouth: where the closed mouth lies.
            jaw: (2,) plane displacement of the jaw now.
        """
        corner = np.array([-HALF_WIDTH, TOP], dtype=np.float32)
        relit = as_float(scene.light / np.maximum(self.light, 1)) * scene.let_in
        for texture, moved in ((self.lower, jaw - self.jaw), (self.upper, np.array([0, self.drop]))):
            seen = scene.place(texture, mouth, as_float(corner + moved), 1 / self.density)
            inside = as_float(seen[..., :3] * relit + inside * (1 - seen[..., 3:]))
        return as_float(np.clip(inside, 0, 255))


def suitability(opening: float, scale: float, yaw_deg: float) -> float:
    """How well a frame may show the inside of its mouth; 0 where it doesn't."""
    if opening < MIN_OPENING or opening * scale < MIN_HEIGHT_PX or abs(yaw_deg) > MAX_YAW_DEG:
        return 0.0
    return min(opening, BEST_OPENING) / BEST_OPENING * (1 - abs(yaw_deg) / (2 * MAX_YAW_DEG))


def worth_of_teeth(shown: float) -> float:
    """What a frame is worth, 0-1, by how much of its mouth is teeth: without them a mouth looks toothless."""
    return TOOTHLESS + (1 - TOOTHLESS) * min(shown / ENOUGH_TEETH, 1.0)


@dataclass(frozen=True, slots=True)
class MouthSource:
    """A picture with an open mouth."""

    rgb: Picture
    rim: LipRim
    """Where the landmarks see its lips, pixels of `rgb`."""
    plane: PlaneMap
    """Plane -> pixels of `rgb`."""
    shift: FloatArray
    """(2,) plane offset of the mouth on the head."""
    jaw: FloatArray
    """(2,) plane displacement of the jaw from closed."""
    light: FloatArray
    """(3,) the light on the face."""


def take_mouth(source: MouthSource, mouth: MouthFrame) -> OwnMouth | None:
    """Lift the inside of a mouth that a picture shows.

    Args:
        source: the picture.
        mouth: where the closed mouth lies.

    Returns:
        None where nothing of it is to be seen.
    """
    rim = parted_rim(source.rgb, source.rim)
    if rim is None:
        return None
    plane = source.plane
    density = min(plane.stretch, MAX_DENSITY)
    size = (int(2 * HALF_WIDTH * density) + 1, int((BOTTOM - TOP) * density) + 1)
    corner = np.array([-HALF_WIDTH, TOP], dtype=np.float32)
    affine = texture_to_picture(plane, source.shift, mouth, corner, 1 / density)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    picture: Picture = np.asarray(
        cv2.warpAffine(source.rgb, affine, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8
    )
    seen = _seen_inside(rim, affine, size, density)
    columns = np.flatnonzero(seen.sum(axis=0) >= max(2.0, MIN_OPENING / 2 * density))
    if len(columns) < 4:
        return None
    first = seen.argmax(axis=0)
    height = seen.sum(axis=0)
    split = _darkest_level(picture, first, height, columns)
    upper, lower = (_part(picture, seen, split, density, above=above) for above in (True, False))
    if rim.gap < MIN_GAP_BELOW:
        lower *= 0
    dark = np.percentile(picture[seen], DARKEST, axis=0)
    edge = _cutting_edge(picture, seen, split, columns) / density + TOP
    drop = min(max(UPPER_EDGE_BELOW_SEAM_MM * mouth.mm - edge, 0.0), MAX_DROP)
    return OwnMouth(upper, lower, density, source.light, source.jaw, as_float(dark), drop)


def _seen_inside(rim: LipRim, affine: FloatArray, size: tuple[int, int], density: float) -> NDArray[np.bool_]:
    """(h, w): what lies clear of the lips' inner edges."""
    outline = np.concatenate([rim.upper, rim.lower[-2:0:-1]])
    back = cv2.invertAffineTransform(affine)
    points = outline @ back[:, :2].T + back[:, 2]
    mask = np.zeros(size[::-1], dtype=np.uint8)
    cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 1, lineType=cv2.LINE_8, shift=4)
    clear = max(1, round(LIPS_OWN * density))
    return cv2.erode(mask, np.ones((2 * clear + 1, 1), dtype=np.uint8)) > 0


def _darkest_level(
    picture: Picture, first: NDArray[np.intp], height: NDArray[np.intp], columns: NDArray[np.intp]
) -> float:
    """Share of the seen height at which the middle of the mouth is darkest."""
    middle = columns[len(columns) // 4 : -(len(columns) // 4)]
    shares = np.linspace(0, 1, 33, dtype=np.float32)
    rows = first[middle][:, None] + shares[None] * (height[middle][:, None] - 1)
    luma = as_float(picture @ _LUMA)
    profile = luma[np.round(rows).astype(int), middle[:, None]].mean(axis=0)
    profile = cv2.GaussianBlur(as_float(profile)[None], (5, 1), 1.0, borderType=cv2.BORDER_REPLICATE).reshape(-1)
    price = profile / max(float(profile.max()), 1.0) + MIDDLE_PRICE * np.abs(shares - 0.5)
    price[(shares < SPLIT_FROM) | (shares > SPLIT_TO)] = np.inf
    return float(shares[int(price.argmin())])


def _cutting_edge(picture: Picture, seen: NDArray[np.bool_], split: float, columns: NDArray[np.intp]) -> float:
    """Row of the texture in which the upper teeth end in the middle of the mouth; without any, that of the split."""
    middle = columns[len(columns) // 3 : -(len(columns) // 3)]
    first, height = seen.argmax(axis=0)[middle], seen.sum(axis=0)[middle]
    last = np.round(first + split * height).astype(int)
    luma = as_float(picture @ _LUMA)
    ends = []
    for column, start, stop in zip(middle, first, last, strict=True):
        above = luma[start : stop + 1, column]
        bright = np.flatnonzero(above > (float(above.max()) + float(above.min())) / 2)
        ends.append(start + (bright[-1] if len(bright) else stop - start))
    return float(np.median(ends))


def _part(picture: Picture, seen: NDArray[np.bool_], split: float, density: float, *, above: bool) -> FloatArray:
    """What lies above or beneath the split, drawn on under its lip; premultiplied RGBA (h, w, 4)."""
    if not above:
        return as_float(_part(picture[::-1], seen[::-1], 1 - split, density, above=True)[::-1])
    rows = np.arange(len(seen), dtype=np.float32)[:, None]
    columns, height = seen.any(axis=0), seen.sum(axis=0)
    first = np.where(columns, seen.argmax(axis=0), 0)
    # The first rows still have the lip's colour in them.
    purest = (first + np.maximum(height // 6, 0)).astype(np.float32)
    down = (rows - first) / np.maximum(height, 1)
    opacity = np.clip((split - down) / (2 * SPLIT_SOFT) + 0.5, 0, 1)
    opacity = opacity * opacity * (3 - 2 * opacity)
    opacity *= columns & (rows > first - EXTEND * density)
    source_row = np.clip(np.maximum(rows, purest), 0, len(seen) - 1).astype(np.intp)
    # What is drawn on lies in the lip's shade.
    shade = 1 - (1 - UNDER_LIP) * np.clip((purest - rows) / (EXTEND * density), 0, 1)
    extended = (
        np.take_along_axis(picture.astype(np.float32), source_row[..., None], axis=0) * as_float(shade)[..., None]
    )
    soft = as_float(cv2.GaussianBlur(as_float(opacity), (0, 0), max(0.5, 0.01 * density)))[..., None]
    return as_float(np.concatenate([extended * soft, soft], axis=2))
