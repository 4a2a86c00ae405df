"""The texture of the face's own mouth interior, extracted from the frame that shows it best.

It is split along its darkest level: the upper part - upper teeth - stays with the skull, the lower - lower teeth,
tongue - goes with the jaw. Opened wider than in that frame, the two part; the procedural interior fills the gap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from mouthpiece.engines.mesh.interior import UPPER_EDGE_BELOW_SEAM_MM, MouthFrame, MouthScene, texture_to_picture
from mouthpiece.engines.mesh.lips import LUMA, LipRim, LipView, parted_rim
from mouthpiece.engines.mesh.neutral import FaceAlignment, jaw_displacement
from mouthpiece.types import FloatArray, Picture, as_float

MIN_OPENING = 0.025
"""Opening from which a frame shows enough of the inside, outer eye distances."""
MIN_HEIGHT_PX = 4.0
"""The same in pixels."""
BEST_OPENING = 0.16
"""Wider mouths show no more, and are rarer and more blurred."""
MAX_YAW_DEG = 20.0
TOOTHLESS, ENOUGH_TEETH = 0.3, 0.05
"""Weight of a frame without teeth beside one with them, and the share of teeth that is enough."""
# The texture's extent around the middle of the closed lips' line, in outer eye distances.
HALF_WIDTH, TOP, BOTTOM = 0.36, -0.16, 0.28
EXTEND = 0.06
"""How far beyond the visible inside both parts are extended under the lips, outer eye distances."""
UNDER_LIP = 0.4
"""Brightness at the end of that."""
MAX_DENSITY = 480.0
"""Pixels for one outer eye distance at most."""
LIPS_OWN = 0.006
"""How far from the lips' edges their own colour may reach inwards, outer eye distances."""
SPLIT_FROM, SPLIT_TO, SPLIT_SOFT = 0.2, 0.85, 0.08
"""Shares of the visible height between which the two parts are split, and how softly they meet."""
MIN_GAP_BELOW = 0.10
"""Gap from which the mouth's floor lies beneath the split, not the lower lip's moist inner side."""
MAX_DROP = 0.035
"""How far the upper part is let down at most, outer eye distances."""
MIDDLE_PRICE = 0.25
"""Cost of a split away from the middle, in units of brightness."""
DARKEST = 12
"""Percentile of the visible inside that the darkness behind is taken from."""


@dataclass(frozen=True, slots=True)
class MouthInteriorTexture:
    """The inside of a mouth, in the teeth's plane."""

    upper: FloatArray
    """(h, w, 4) float32: RGB 0-255, premultiplied, and opacity 0-1: the part that stays with the skull."""
    lower: FloatArray
    """(h, w, 4) the same of the part that goes with the jaw."""
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
        """Draw it over the inside behind it.

        Args:
            inside: (h, w, 3) float32 0-255, the mouth's rectangle.
            scene: place and light.
            mouth: the closed mouth.
            jaw: (2,) plane displacement of the jaw now.
        """
        corner = np.array([-HALF_WIDTH, TOP], dtype=np.float32)
        relit = as_float(scene.light / np.maximum(self.light, 1)) * scene.let_in
        for texture, moved in ((self.lower, jaw - self.jaw), (self.upper, np.array([0, self.drop]))):
            seen = scene.place(texture, mouth, as_float(corner + moved), 1 / self.density)
            inside = as_float(seen[..., :3] * relit + inside * (1 - seen[..., 3:]))
        return as_float(np.clip(inside, 0, 255))


def suitability(opening: float, scale: float, yaw_deg: float) -> float:
    """Rate how well a frame may show the inside of its mouth; 0 where it doesn't."""
    if opening < MIN_OPENING or opening * scale < MIN_HEIGHT_PX or abs(yaw_deg) > MAX_YAW_DEG:
        return 0.0
    return min(opening, BEST_OPENING) / BEST_OPENING * (1 - abs(yaw_deg) / (2 * MAX_YAW_DEG))


def teeth_weight(shown: float) -> float:
    """Weigh a frame, 0-1, by the share of teeth in its mouth: without them a mouth looks toothless."""
    return TOOTHLESS + (1 - TOOTHLESS) * min(shown / ENOUGH_TEETH, 1.0)


def extract_interior(
    view: LipView, alignment: FaceAlignment, mouth: MouthFrame, light: FloatArray
) -> MouthInteriorTexture | None:
    """Extract the inside of a mouth from a frame.

    Args:
        view: the frame's lips.
        alignment: of the frame's face.
        mouth: the closed mouth.
        light: (3,) on the face.

    Returns:
        None where nothing of it is visible.
    """
    rim = parted_rim(view.rgb, view.rim())
    if rim is None:
        return None
    plane = replace(alignment.plane, centre=as_float(alignment.plane.centre - view.corner))
    density = min(plane.stretch, MAX_DENSITY)
    size = (int(2 * HALF_WIDTH * density) + 1, int((BOTTOM - TOP) * density) + 1)
    corner = np.array([-HALF_WIDTH, TOP], dtype=np.float32)
    affine = texture_to_picture(plane, alignment.shift, mouth, corner, 1 / density)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    picture: Picture = np.asarray(
        cv2.warpAffine(view.rgb, affine, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8
    )
    seen = _visible_inside(rim, affine, size, density)
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
    return MouthInteriorTexture(upper, lower, density, light, jaw_displacement(alignment.shown), as_float(dark), drop)


def _visible_inside(rim: LipRim, affine: FloatArray, size: tuple[int, int], density: float) -> NDArray[np.bool_]:
    """Mask (h, w) the inside that lies clear of the lips' inner edges."""
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
    """Find the share of the visible height at which the middle of the mouth is darkest."""
    middle = columns[len(columns) // 4 : -(len(columns) // 4)]
    shares = np.linspace(0, 1, 33, dtype=np.float32)
    rows = first[middle][:, None] + shares[None] * (height[middle][:, None] - 1)
    luma = as_float(picture @ LUMA)
    profile = luma[np.round(rows).astype(int), middle[:, None]].mean(axis=0)
    profile = cv2.GaussianBlur(as_float(profile)[None], (5, 1), 1.0, borderType=cv2.BORDER_REPLICATE).reshape(-1)
    price = profile / max(float(profile.max()), 1.0) + MIDDLE_PRICE * np.abs(shares - 0.5)
    price[(shares < SPLIT_FROM) | (shares > SPLIT_TO)] = np.inf
    return float(shares[int(price.argmin())])


def _cutting_edge(picture: Picture, seen: NDArray[np.bool_], split: float, columns: NDArray[np.intp]) -> float:
    """Find the row of the texture in which the upper teeth end in the middle; without any, that of the split."""
    middle = columns[len(columns) // 3 : -(len(columns) // 3)]
    first, height = seen.argmax(axis=0)[middle], seen.sum(axis=0)[middle]
    last = np.round(first + split * height).astype(int)
    luma = as_float(picture @ LUMA)
    ends = []
    for column, start, stop in zip(middle, first, last, strict=True):
        above = luma[start : stop + 1, column]
        bright = np.flatnonzero(above > (float(above.max()) + float(above.min())) / 2)
        ends.append(start + (bright[-1] if len(bright) else stop - start))
    return float(np.median(ends))


def _part(picture: Picture, seen: NDArray[np.bool_], split: float, density: float, *, above: bool) -> FloatArray:
    """Extract the part above or beneath the split, extended under its lip; premultiplied RGBA (h, w, 4)."""
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
    # The extension lies in the lip's shade.
    shade = 1 - (1 - UNDER_LIP) * np.clip((purest - rows) / (EXTEND * density), 0, 1)
    extended = (
        np.take_along_axis(picture.astype(np.float32), source_row[..., None], axis=0) * as_float(shade)[..., None]
    )
    soft = as_float(cv2.GaussianBlur(as_float(opacity), (0, 0), max(0.5, 0.01 * density)))[..., None]
    return as_float(np.concatenate([extended * soft, soft], axis=2))
