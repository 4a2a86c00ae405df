"""Lips cut out of a frame, and pictures of either lip alone.

Landmarks miss the lips' inner edges by a pixel or three; therefore each lip is read from a picture of its own, in which
everything that is no lip - the inside that the edges enclose, and nearby pixels like teeth or the dark - is painted
over with the lip's own nearest colours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from mouthpiece.engines.mesh import topology as topo
from mouthpiece.engines.mesh.seam import COLUMNS, LipEdges
from mouthpiece.types import Box, Face, FloatArray, Frame, Picture, as_float

MARGIN = 0.22
"""Margin kept around a frame's lips, outer eye distances."""
REACH = 0.035
"""How far from the lips' inner edges pixels that are no lip are sought, outer eye distances."""
EDGE_REACH = 0.06
"""How far from the landmarks the edges of parted lips are sought, outer eye distances."""
NEAR_MIDDLE = 0.03
"""How far from the middle between the landmarks' edges it may begin."""
_EDGE_STEP = 0.5
"""Pixels between samples on the way there."""
CORNER_TAPER = 0.07
"""Distance from the corners within which their own dark stays more and more as it is."""
OPEN_FROM, OPEN_AT = 0.008, 0.030
"""Gap from which, and from which on surely, lips may be open."""
WIDE_FROM, WIDE_AT = 0.085, 0.145
"""The same for a gap that suffices by itself, whatever shows in it; landmarks find the edges of such lips well."""
FOREIGN_FROM, FOREIGN_AT = 0.15, 0.40
"""Share of the enclosed pixels that are like no lip, from which, and from which on surely, the lips are open."""
# Beside its lip a tooth is at least so much brighter and so much paler, and the dark at most that bright.
TOOTH_BRIGHTER, TOOTH_PALER, DARK = 1.0, 0.82, 0.80
LINE_GOES_PX = (80.0, 160.0)
"""Outer eye distance in pixels up to which lips that part keep the dark line, and from which on they lose it: where it
is a pixel wide, it alone makes a mouth's edge readable."""
SOFT = 0.10
"""Width of these thresholds."""
SEAM_SHADE = 0.5
"""How much darker than the lips the line between them is drawn where the source has none."""
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Shares of red, green and blue in brightness (BT.601)."""
_Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LipRim:
    """The lips' inner edges in a picture, and points to sample the lips' colours at."""

    upper: FloatArray
    """(11, 2) pixels, `INNER_UPPER`."""
    lower: FloatArray
    """(11, 2) pixels, `INNER_LOWER`."""
    on_upper: FloatArray
    """(n, 2) pixels amid the upper lip."""
    on_lower: FloatArray
    """(n, 2) pixels amid the lower lip."""
    gap: float
    """Distance of the edges in the middle, outer eye distances."""
    eye: float
    """Pixels of one outer eye distance."""

    @classmethod
    def of(cls, pixels: FloatArray, eye: float) -> LipRim:
        """Take the rim of a face's points (478, 2) in pixels."""
        upper, lower = pixels[topo.INNER_UPPER], pixels[topo.INNER_LOWER]
        amid = []
        for inner, outer in ((topo.INNER_UPPER, topo.OUTER_UPPER), (topo.INNER_LOWER, topo.OUTER_LOWER)):
            rows = slice(2, -2)
            shares = (0.45, 0.65)
            amid.append(np.concatenate([(1 - s) * pixels[inner[rows]] + s * pixels[outer[rows]] for s in shares]))
        middle = len(upper) // 2
        gap = float(np.linalg.norm(lower[middle] - upper[middle])) / eye
        return cls(as_float(upper), as_float(lower), as_float(amid[0]), as_float(amid[1]), gap, eye)

    @property
    def along(self) -> FloatArray:
        """(2,) direction from the left corner to the right one."""
        way = self.upper[-1] - self.upper[0]
        return as_float(way / max(float(np.linalg.norm(way)), 1e-6))

    @property
    def down(self) -> FloatArray:
        """(2,) direction from the upper lip to the lower one."""
        along = self.along
        return np.array([-along[1], along[0]], dtype=np.float32)

    def places_along(self, line: FloatArray) -> FloatArray:
        """Project points (n, 2) onto the line between the corners: (n,), 0 at the left one, 1 at the right one."""
        left, right, along = self.upper[0], self.upper[-1], self.along
        return as_float((line - left) @ along / max(float((right - left) @ along), 1e-6))


@dataclass(frozen=True, slots=True)
class LipView:
    """A frame's lips, cut out."""

    rgb: Picture
    """(h, w, 3) a copy of the frame's part."""
    box: Box
    """Where that part lies in the frame."""
    face: Face
    pixel_aspect: float
    sharpness: float
    """How much detail the lips show, against their brightness and size."""

    @property
    def corner(self) -> FloatArray:
        """(2,) pixel of the frame that is the first of `rgb`."""
        return np.array([self.box.x0, self.box.y0], dtype=np.float32)

    def rim(self) -> LipRim:
        """Take the rim of the landmarks, pixels of `rgb`."""
        return LipRim.of(as_float(self.face.landmarks[:, :2] - self.corner), self.face.pose.scale)

    @classmethod
    def of(cls, frame: Frame, face: Face) -> LipView | None:
        """Cut a frame's lips out; None where they aren't wholly in the picture."""
        points = face.landmarks[np.concatenate([topo.OUTER_UPPER, topo.OUTER_LOWER]), :2]
        aspect = float(frame.pixel_aspect)
        margin = MARGIN * face.pose.scale * np.array([1 / aspect, 1.0])
        low, high = np.floor(points.min(axis=0) - margin), np.ceil(points.max(axis=0) + margin)
        whole = Box(int(low[0]), int(low[1]), int(high[0]) + 1, int(high[1]) + 1)
        box = whole.clipped(frame.width, frame.height)
        if box != whole:
            return None
        rgb = frame.rgb[box.slices].copy()
        return cls(rgb, box, face, aspect, _sharpness(rgb, face.pose.scale))


def _sharpness(rgb: Picture, eye: float) -> float:
    """Contrast of fine detail, as a share of the brightness; of the same face at the same size, blur lowers it."""
    grey = as_float(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))
    size = max(0.8, 0.006 * eye)
    fine = cv2.GaussianBlur(grey, (0, 0), size) - cv2.GaussianBlur(grey, (0, 0), 2 * size)
    return float(fine.std()) / max(float(grey.mean()), 1.0)


@dataclass(frozen=True, slots=True)
class IsolatedLips:
    """A picture of lips, once for each lip."""

    upper: Picture
    """(h, w, 3) to read the upper lip from."""
    lower: Picture
    """(h, w, 3) to read the lower lip from."""
    seam: float
    """How much darker than the lips the line between them must be drawn, 0-1: 0 where the pictures hold one."""


def isolate_lips(part: Picture, rim: LipRim, *, parted: bool) -> IsolatedLips:
    """Paint over everything that is no lip in a picture of lips.

    Args:
        part: the picture, (h, w, 3).
        rim: of its lips.
        parted: whether they are for a mouth drawn open: then the dark line between closed lips goes, too.
    """
    inside, below = _inside_and_below(rim.upper, rim.lower, part.shape[:2])
    near = _near(rim, part.shape[:2]) * _away_from_corners(rim, part.shape[:2])
    likeness = _likeness(part, rim)
    openness = _openness(rim, inside, likeness)
    line_goes = min(max((rim.eye - LINE_GOES_PX[0]) / (LINE_GOES_PX[1] - LINE_GOES_PX[0]), openness), 1.0)
    pictures = []
    for (tooth, dark), own_side in zip(likeness, (~below, below), strict=True):
        foreign = np.maximum(tooth * np.float32(openness), dark * np.float32(line_goes if parted else openness)) * near
        foreign = np.maximum(foreign, inside * np.float32(openness))
        pictures.append(_painted_over(part, as_float(foreign), own_side, rim.eye))
    return IsolatedLips(pictures[0], pictures[1], 0.0 if parted else SEAM_SHADE * openness)


def _likeness(part: Picture, rim: LipRim) -> list[tuple[FloatArray, FloatArray]]:
    """Compare each pixel with the upper and with the lower lip: (h, w) 0-1 likeness to a tooth, and to the dark."""
    luma = as_float(part @ LUMA)
    brightest = part.max(axis=2).astype(np.float32)
    saturation = (brightest - part.min(axis=2)) / np.maximum(brightest, np.float32(1))
    likeness = []
    for amid in (rim.on_upper, rim.on_lower):
        lip_luma, lip_saturation = _median_at(luma, amid), _median_at(saturation, amid)
        brighter = np.clip((luma / lip_luma - TOOTH_BRIGHTER) / SOFT, 0, 1)
        paler = np.clip((TOOTH_PALER - saturation / lip_saturation) / SOFT, 0, 1)
        likeness.append((as_float(brighter * paler), as_float(np.clip((DARK - luma / lip_luma) / SOFT, 0, 1))))
    return likeness


def parted_edges(part: Picture, rim: LipRim) -> LipEdges | None:
    """Find the edges of parted lips, by the teeth or the dark between them.

    Returns:
        None where neither shows: then the lips are closed, whatever the landmarks.
    """
    likeness = _likeness(part, rim)
    inside, _ = _inside_and_below(rim.upper, rim.lower, part.shape[:2])
    if _openness(rim, inside, likeness) < 0.5:
        return None
    down = rim.down
    share = np.linspace(0, 1, COLUMNS, dtype=np.float32)
    lines = []
    for line in (rim.upper, rim.lower):
        place = rim.places_along(line)
        lines.append(as_float(np.stack([np.interp(share, place, line[:, axis]) for axis in (0, 1)], axis=-1)))
    middle = (lines[0] + lines[1]) / 2
    count = round(EDGE_REACH * rim.eye / _EDGE_STEP)
    offsets = np.arange(-count, count + 1, dtype=np.float32) * np.float32(_EDGE_STEP)
    places = as_float(middle[:, None] + offsets[None, :, None] * down)
    # The corners' own dark is no gap.
    fade = np.clip(np.minimum(share, 1 - share) / 0.15, 0, 1) * (1 - _wide(rim))
    found = []
    for line, (tooth, dark), upwards in zip(lines, likeness, (True, False), strict=True):
        foreign = cv2.remap(np.maximum(tooth, dark), places[..., 0], places[..., 1], cv2.INTER_LINEAR)
        near = round(NEAR_MIDDLE * rim.eye / _EDGE_STEP)
        ends, known = _end_of_foreign(foreign > 0.5, count, upwards=upwards, near=near)
        moved = (offsets[ends] - (line - middle) @ down) / rim.eye
        if known.any():
            moved = np.interp(share, share[known], moved[known])
        found.append(_smooth(as_float(moved * fade)))
    return LipEdges(found[0], found[1])


def parted_rim(part: Picture, rim: LipRim) -> LipRim | None:
    """Move a rim from the landmarks onto the edges of parted lips; None where they aren't parted."""
    edges = parted_edges(part, rim)
    if edges is None:
        return None
    moved = []
    for line, edge in ((rim.upper, edges.upper), (rim.lower, edges.lower)):
        offset = np.interp(rim.places_along(line), np.linspace(0, 1, COLUMNS), edge) * rim.eye
        moved.append(as_float(line + offset[:, None] * rim.down))
    return replace(rim, upper=moved[0], lower=moved[1])


def _end_of_foreign(foreign: _Flags, middle: int, *, upwards: bool, near: int) -> tuple[NDArray[np.intp], _Flags]:
    """Walk each column of pixels that are no lip (columns, n) to its end, from the one nearest to the middle.

    Returns:
        the ends, and which columns have any.
    """
    bridge = np.ones((1, 2 * max(1, near // 4) + 1), dtype=np.uint8)
    filled = cv2.morphologyEx(foreign.astype(np.uint8), cv2.MORPH_CLOSE, bridge) > 0
    ends = np.full(len(foreign), middle)
    known = np.zeros(len(foreign), dtype=np.bool_)
    step = -1 if upwards else 1
    for column, flags in enumerate(filled):
        candidates = np.flatnonzero(flags[middle - near : middle + near + 1]) + middle - near
        if not len(candidates):
            continue
        end, known[column] = int(candidates[np.abs(candidates - middle).argmin()]), True
        while 0 < end < len(flags) - 1 and flags[end + step]:
            end += step
        ends[column] = end
    return ends, known


def _smooth(values: FloatArray) -> FloatArray:
    """Iron out single columns (n,) that were taken in by a highlight or a gap between teeth."""
    padded = np.pad(values, 3, mode="edge")
    median = np.median(np.lib.stride_tricks.sliding_window_view(padded, 7), axis=1)
    return as_float(cv2.GaussianBlur(as_float(median)[None], (9, 1), 2.0)).reshape(-1)


def _openness(rim: LipRim, inside: FloatArray, likeness: list[tuple[FloatArray, FloatArray]]) -> float:
    """Estimate how surely the lips are open, 0-1: the landmarks leave a gap, and its pixels are like no lip."""
    by_gap = min(max((rim.gap - OPEN_FROM) / (OPEN_AT - OPEN_FROM), 0.0), 1.0)
    area = float(inside.sum())
    if not by_gap or area < 1:
        return 0.0
    foreign = np.minimum(*(np.maximum(tooth, dark) for tooth, dark in likeness))
    share = float((foreign * inside).sum()) / area
    by_colour = min(max((share - FOREIGN_FROM) / (FOREIGN_AT - FOREIGN_FROM), 0.0), 1.0)
    return by_gap * max(by_colour, _wide(rim))


def _wide(rim: LipRim) -> float:
    """Estimate how surely lips are apart, and their landmarks right, by the gap alone; 0-1."""
    return min(max((rim.gap - WIDE_FROM) / (WIDE_AT - WIDE_FROM), 0.0), 1.0)


def teeth_shown(part: Picture, rim: LipRim) -> float:
    """Measure the share of the inside between the lips' edges that is like teeth, 0-1."""
    inside, _ = _inside_and_below(rim.upper, rim.lower, part.shape[:2])
    tooth, _ = _likeness(part, rim)[0]
    return float((tooth * inside).sum()) / max(float(inside.sum()), 1.0)


def _inside_and_below(upper: FloatArray, lower: FloatArray, size: tuple[int, ...]) -> tuple[FloatArray, _Flags]:
    """Mask the inside that the edges enclose (h, w) float32 0-1, and all beneath their middle line (h, w) bool."""
    mask = np.zeros(size, dtype=np.uint8)
    outline = np.concatenate([upper, lower[-2:0:-1]])
    cv2.fillPoly(mask, [_fixed(outline)], 255, lineType=cv2.LINE_AA, shift=4)
    middle = (upper + lower) / 2
    along = (middle[-1] - middle[0]) / max(float(np.linalg.norm(middle[-1] - middle[0])), 1e-6)
    far = 2 * float(sum(size))
    down = np.array([-along[1], along[0]], dtype=np.float32)
    first, last = middle[0] - far * along, middle[-1] + far * along
    region = np.concatenate([first[None], middle, last[None], (last + far * down)[None], (first + far * down)[None]])
    beneath = np.zeros(size, dtype=np.uint8)
    cv2.fillPoly(beneath, [_fixed(region)], 255, shift=4)
    return as_float(mask / np.float32(255)), beneath > 0


def _fixed(points: FloatArray) -> NDArray[np.int32]:
    """Return points in sixteenths of a pixel."""
    return np.round(points * 16).astype(np.int32)


def _near(rim: LipRim, size: tuple[int, ...]) -> FloatArray:
    """Return (h, w) 0-1: 1 within half the reach of the inside that the edges enclose, 0 beyond it."""
    outline = [_fixed(np.concatenate([rim.upper, rim.lower[-2:0:-1]]))]
    away = np.full(size, 255, dtype=np.uint8)
    cv2.fillPoly(away, outline, 0, cv2.LINE_8, 4)
    cv2.polylines(away, outline, True, 0, 1, cv2.LINE_8, 4)
    distance = cv2.distanceTransform(away, cv2.DIST_L2, 3)
    return as_float(np.clip(2 - 2 * distance / max(1.0, REACH * rim.eye), 0, 1))


def _away_from_corners(rim: LipRim, size: tuple[int, ...]) -> FloatArray:
    """Return (h, w) 0-1: 0 at and beyond the corners, 1 from CORNER_TAPER inwards."""
    left, right = rim.upper[0], rim.upper[-1]
    length = max(float(np.linalg.norm(right - left)), 1e-6)
    along = (right - left) / length
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    place = (x - left[0]) * along[0] + (y - left[1]) * along[1]
    return as_float(np.clip(np.minimum(place, length - place) / (CORNER_TAPER * rim.eye), 0, 1))


def _median_at(values: FloatArray, points: FloatArray) -> float:
    """Take the median of a picture's values (h, w) at points (n, 2)."""
    columns = np.clip(np.round(points[:, 0]).astype(int), 0, values.shape[1] - 1)
    rows = np.clip(np.round(points[:, 1]).astype(int), 0, values.shape[0] - 1)
    return max(float(np.median(values[rows, columns])), 1e-3)


def _painted_over(part: Picture, foreign: FloatArray, own_side: _Flags, eye: float) -> Picture:
    """Paint pixels that are no lip over with the nearest ones that are."""
    spread = max(1, round(0.005 * eye))
    kernel = np.ones((2 * spread + 1, 2 * spread + 1), dtype=np.uint8)
    wide = as_float(cv2.dilate(foreign, kernel))
    own = own_side & (wide < 0.25)
    if not own.any() or float(foreign.max()) < 0.02:
        return part
    _, labels = cv2.distanceTransformWithLabels((~own).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    colours = np.zeros((int(labels.max()) + 1, 3), dtype=np.uint8)
    colours[labels[own]] = part[own]
    nearest = cv2.GaussianBlur(colours[labels], (0, 0), max(0.6, 0.008 * eye))
    weight = np.maximum(cv2.GaussianBlur(wide, (0, 0), max(0.5, 0.004 * eye)), foreign)
    return np.asarray(cv2.blendLinear(nearest, part, as_float(weight), as_float(1 - weight)), dtype=np.uint8)
