"""Blending of the network's small picture into the frame so that neither its edge nor its size shows.

The small picture holds no finer detail than 96 pixels can; what the frame holds beyond them is given back to it: all
of it where the network drew what the frame shows, so that there the frame's own pixels stay, and no more than its grain
where it drew something else. Before that its colours are brought to the frame's, judged where it only had to copy.

Where the drawing is off from the frame by a few levels, it is taken for a copy that trembles, and the frame stays.
"""

from __future__ import annotations

import cv2
import numpy as np

from mouthpiece.engines.wav2lip.crop import MASKED_FROM, SIDE, FaceCrop
from mouthpiece.types import Box, FloatArray, Frame, Patch, TrackedFrame, as_float

# Face mesh: the jaw from ear to ear, then back over the cheeks along the base of the nose.
_JAW = [58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288]
_CHEEKS = [427, 426, 326, 164, 97, 206, 207]
_OUTER_LIPS = [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146]
_INNER_LIPS = [13, 14]

# Lengths in pixels of the crop (96 of them span the face).
JAW_INSET = 0.9
"""The mask's jaw line is that of the face drawn in to so much of its width, lest it meet the background."""
FEATHER_PX = 2.3
"""Standard deviation of the mask's blur."""
RIM_PX = 2.0, 7.0
"""Distances from the crop's rim up to which the mask is nothing, and from which on the rim doesn't matter."""
CHIN_DROP_PX = 9
"""How far below the face's jaw line a drawn chin is followed."""
CHIN_CHANGED = 8.0, 18.0
"""Difference of drawing and frame from which, and from which on surely, the chin was drawn there; levels."""
MOUTH_ZONE_PX = 7
"""How far around the lips the mouth is expected to be drawn otherwise than the frame shows it."""

COLOUR_LIMIT = 32.0
"""Greatest change of a colour channel, levels."""
COLOUR_OUTLIER = 12.0
"""A difference of so many levels from the usual counts half: it is something drawn otherwise, not a cast."""
COLOUR_UPPER = 0.1
"""What a difference in the upper half weighs: the network had that half before its eyes when it copied it."""
COLOUR_SIDE = SIDE // 3
COLOUR_BLUR = 4.0
"""Standard deviation of the colour correction's blur, in pixels of 1 / COLOUR_SIDE of the crop."""
COLOUR_MEMORY = 0.7
"""How much of a shot's local correction so far stays in the next frame's: lamps don't flicker, drawings do."""

SAME, OTHER = 5.0, 12.0
"""Difference of drawing and frame up to which it is a copy, and at which little of the frame's own detail is left;
levels."""
COPY_POWER = 3
"""How much sooner than its fine detail the frame itself gives way to the drawing."""
SAME_REACH_PX = 5
GRAIN = 3.0
"""Fine detail of the frame up to this stays everywhere: a camera's grain and skin, but no shapes; levels."""
DETAIL_MEMORY = 0.8
"""How much of the detail so far stays in the next frame's: it goes at once and comes back slowly."""

ALPHA_FLOOR = 0.01
"""Less of the mask than this is nothing."""


_EVIDENCE = as_float(np.where(np.arange(COLOUR_SIDE) * SIDE < MASKED_FROM * COLOUR_SIDE, COLOUR_UPPER, 1.0)[:, None])


class Blender:
    """Blending of one face in one shot, in order: colours and detail are smoothed from frame to frame."""

    def __init__(self) -> None:
        self._colour: FloatArray | None = None
        self._detail: FloatArray | None = None

    def patch(self, drawn: FloatArray, crop: FaceCrop, tracked: TrackedFrame, strength: float = 1.0) -> Patch | None:
        """Lay a drawn face over its frame.

        Args:
            drawn: (SIDE, SIDE, 3) float32 RGB, 0-255, the network's picture of the crop.
            crop: the crop of the frame that it was drawn from.
            tracked: the frame with the face.
            strength: 0-1, how much of it shows.

        Returns:
            The patch, or None where the lower face lies outside the picture.
        """
        assert tracked.face is not None
        points = crop.located(tracked.face.landmarks[:, :2])
        mouth = mouth_zone(points)
        drawn = drawn + self._smooth_colour(drawn, crop.rgb, mouth)
        changed = change(drawn, crop.rgb)
        detail = self._smooth_detail(kept_detail(changed, mouth))
        # Where it all but copied, what is left is the network's trembling.
        drawn += (crop.rgb - drawn) * detail[..., None] ** COPY_POWER
        alpha = face_mask(points, changed)
        return _lay_out(drawn, detail, alpha * np.float32(min(strength, 1.0)), crop, tracked.frame)

    def _smooth_colour(self, drawn: FloatArray, shown: FloatArray, mouth: FloatArray) -> FloatArray:
        """Return the correction of the drawing's colours, (SIDE, SIDE, 3) levels.

        A cast of the whole drawing is taken out as it comes, lest it flickers; what differs from place to place is
        judged by fewer pixels and steadied.
        """
        whole, local = colour_correction(drawn, shown, mouth)
        self._colour = local if self._colour is None else COLOUR_MEMORY * self._colour + (1 - COLOUR_MEMORY) * local
        added = np.clip(whole + self._colour, -COLOUR_LIMIT, COLOUR_LIMIT)
        return as_float(cv2.resize(added, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR))

    def _smooth_detail(self, now: FloatArray) -> FloatArray:
        """Smooth how much of the frame's own detail stays, (SIDE, SIDE) 0-1."""
        past = now if self._detail is None else self._detail
        self._detail = np.minimum(now, DETAIL_MEMORY * past + (1 - DETAIL_MEMORY) * now)
        return self._detail


def mouth_zone(points: FloatArray) -> FloatArray:
    """Return the mask of where the mouth may be drawn otherwise than in the frame, (SIDE, SIDE) float32 0-1, feathered.

    Args:
        points: (478, 2) landmarks in pixels of the crop.
    """
    zone = _filled(points[_OUTER_LIPS])
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * MOUTH_ZONE_PX + 1, 2 * MOUTH_ZONE_PX + 1))
    return as_float(cv2.GaussianBlur(cv2.dilate(zone, reach), (0, 0), FEATHER_PX))


def colour_correction(drawn: FloatArray, shown: FloatArray, mouth: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Estimate the correction of a drawing's colours to match the frame's, from where it is a copy.

    Args:
        drawn, shown: (SIDE, SIDE, 3) float32, 0-255.
        mouth: (SIDE, SIDE) 0-1, where it need not be a copy.

    Returns:
        (3,) float32 levels for the whole picture, and (COLOUR_SIDE, COLOUR_SIDE, 3) besides, smooth.
    """
    size = (COLOUR_SIDE, COLOUR_SIDE)
    difference = cv2.resize(shown - drawn, size, interpolation=cv2.INTER_AREA)
    copied = _EVIDENCE * (1 - cv2.resize(mouth, size, interpolation=cv2.INTER_AREA))
    sure = difference[copied > 0.9]
    usual = as_float(np.median(sure, axis=0)) if len(sure) else np.zeros(3, dtype=np.float32)
    residue = difference - usual
    weight = copied / (1 + np.square(residue / COLOUR_OUTLIER).max(axis=2))
    near = cv2.GaussianBlur(weight, (0, 0), COLOUR_BLUR)
    local = cv2.GaussianBlur(residue * weight[..., None], (0, 0), COLOUR_BLUR) / (near + 0.02)[..., None]
    return usual, as_float(local)


def change(drawn: FloatArray, shown: FloatArray) -> FloatArray:
    """Measure how far a drawing is from the frame, (SIDE, SIDE) float32 levels, grain aside."""
    blurred = cv2.GaussianBlur(drawn - shown, (0, 0), 1.0)
    return as_float(np.abs(blurred).max(axis=2))


def kept_detail(changed: FloatArray, mouth: FloatArray) -> FloatArray:
    """Return how much of the frame's own fine detail belongs on the drawing, (SIDE, SIDE) float32 0-1.

    All of it where the frame was copied, none near what was drawn otherwise. A mouth counts as one thing: highlights
    on lips move with them, also where lips lie on lips.
    """
    near = as_float(cv2.dilate(changed, np.ones((SAME_REACH_PX, SAME_REACH_PX), dtype=np.uint8)))
    inside = changed[mouth > 0.5]
    moved = as_float(np.percentile(inside, 90) if len(inside) else 0)
    kept = _likeness(near) * (1 - mouth * (1 - _likeness(moved)))
    return as_float(cv2.GaussianBlur(kept, (0, 0), 1.5))


def _likeness(difference: FloatArray) -> FloatArray:
    """Map a difference in levels to 1 for a copy, towards 0 for something else."""
    return as_float(np.exp(-np.square(np.maximum(difference - SAME, 0) / (OTHER - SAME))))


def face_mask(points: FloatArray, changed: FloatArray) -> FloatArray:
    """Return the mask of the drawing over the frame, (SIDE, SIDE) float32 0-1, nothing at the crop's rim.

    From below the nose to the chin, inside the jaw line, and further down where the drawn chin dropped.

    Args:
        points: (478, 2) landmarks in pixels of the crop.
        changed: (SIDE, SIDE) how far the drawing is from the frame, levels.
    """
    jaw = points[_JAW].copy()
    middle = points[_INNER_LIPS, 0].mean()
    jaw[:, 0] = middle + (jaw[:, 0] - middle) * JAW_INSET
    face = _filled(np.concatenate([jaw, points[_CHEEKS]]))
    low, high = CHIN_CHANGED
    drawn_there = np.clip((changed - low) / (high - low), 0, 1)
    band = cv2.dilate(face, _downwards(CHIN_DROP_PX))
    # A chin hangs together: what changed counts only as far as everything between it and the face did.
    mouth_row = int(np.clip(points[_INNER_LIPS, 1].mean(), 0, SIDE - 1))
    chin = np.zeros_like(face)
    chin[mouth_row:] = np.minimum.accumulate(np.maximum(face, drawn_there * band)[mouth_row:], axis=0)
    soft = cv2.GaussianBlur(np.maximum(face, chin), (0, 0), FEATHER_PX) * _WINDOW
    return as_float(np.clip((soft - ALPHA_FLOOR) / (1 - 2 * ALPHA_FLOOR), 0, 1))


def _rim_window() -> FloatArray:
    """Return a window, 1 in the crop's middle and 0 at its rim."""
    none, whole = RIM_PX
    away = np.minimum(np.arange(SIDE), np.arange(SIDE)[::-1])
    step = np.clip((away - none) / (whole - none), 0, 1)
    step = step * step * (3 - 2 * step)
    return as_float(np.minimum(step[:, None], step[None]))


_WINDOW = _rim_window()


def _downwards(reach: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return a structuring element that dilates down and a little sideways."""
    element = np.zeros((2 * reach + 1, 5), dtype=np.uint8)
    element[: reach + 1] = 1
    return element


def _filled(outline: FloatArray) -> FloatArray:
    """Fill an outline, (SIDE, SIDE) float32 0-1."""
    canvas = np.zeros((SIDE, SIDE), dtype=np.uint8)
    inside = np.clip(outline, -SIDE, 2 * SIDE)
    cv2.fillPoly(canvas, [np.rint(inside * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return as_float(canvas / np.float32(255))


def _lay_out(drawn: FloatArray, detail: FloatArray, alpha: FloatArray, crop: FaceCrop, frame: Frame) -> Patch | None:
    """Resample a drawing and its mask to the frame's own pixels, and add the frame's detail."""
    box = _box_of(alpha, crop).clipped(frame.width, frame.height)
    if not box.width or not box.height:
        return None
    there = crop.to_crop()
    there[:, 2] += there[:, :2] @ [box.x0, box.y0]
    size = (box.width, box.height)
    how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    large, shown = (
        cv2.warpAffine(small, there, size, flags=how, borderMode=cv2.BORDER_REPLICATE) for small in (drawn, crop.rgb)
    )
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    kept, mask = (cv2.warpAffine(small, there, size, flags=how) for small in (detail, alpha))
    fine = np.subtract(frame.rgb[box.slices], shown, dtype=np.float32)
    grain = np.clip(fine, -GRAIN, GRAIN)
    large += grain
    fine -= grain
    fine *= kept[..., None]
    rgb = np.empty(large.shape, dtype=np.uint8)
    cv2.add(large, fine, rgb, dtype=cv2.CV_8U)  # rounded and clipped
    return Patch(box, rgb, np.clip(mask, 0, 1))


def _box_of(alpha: FloatArray, crop: FaceCrop) -> Box:
    """Return the pixels of the frame that a mask covers; the box may leave the picture."""
    rows, columns = np.flatnonzero(alpha.max(axis=1)), np.flatnonzero(alpha.max(axis=0))
    if not len(rows):
        return Box(0, 0, 0, 0)
    x, y = columns[[0, -1, 0, -1]] + [-1, 1, -1, 1], rows[[0, 0, -1, -1]] + [-1, -1, 1, 1]
    corners = np.stack([x, y], axis=1) @ crop.to_frame[:, :2].T + crop.to_frame[:, 2]
    low, high = np.floor(corners.min(axis=0)).astype(int), np.ceil(corners.max(axis=0)).astype(int)
    return Box(int(low[0]), int(low[1]), int(high[0]) + 1, int(high[1]) + 1)
