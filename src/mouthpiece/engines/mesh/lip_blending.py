"""The lip texture, and the drawing of the warped lower face with it or with the frame's own lips.

A talking source's own lips are stretched over teeth in one frame and pressed in the next; closed or opened from there
they smear, and the teeth or the dark between them ride along. So the lips of the one frame that shows them best, closed
or nearly, are drawn in the whole take.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from mouthpiece.engines.mesh import topology as topo
from mouthpiece.engines.mesh.maps import FaceMaps, LipMaps, MouthMaps
from mouthpiece.engines.mesh.resampling import Enlarged
from mouthpiece.types import Face, FloatArray, Picture, as_float

FEATHER = (0.03, 0.09)
"""Distance from the lips' outline up to which the texture is opaque, and from which on clear, outer eye distances."""
FEATHER_BELOW = 0.05
"""How much further it reaches beneath the lower lip."""
MAX_TURN_DEG = (16.0, 30.0)
"""Difference in turn up to which the texture is used wholly, and from which on not at all."""
MAX_ENLARGED = (1.4, 2.2)
"""The same for how much larger the face is than in the texture's frame."""
SEAM_WIDTH = 0.006
"""Half the width of the line drawn between closed lips, outer eye distances."""
_SEAM_RGB = np.array([0.85, 1.0, 1.0], dtype=np.float32)
"""Share of its darkness for each colour: light out of a seam has passed through lips."""
_MANY = 3000
"""Pixels that are enough to measure the light."""
_MAX_GAIN = 1.8
"""By how much the texture is made lighter or darker at most."""


@dataclass(frozen=True, slots=True)
class LipTexture:
    """One frame's lips, ready to be drawn in any other."""

    closed: tuple[Enlarged, Enlarged]
    """For lips that touch: the picture of the upper lip, and of the lower."""
    parted: tuple[Enlarged, Enlarged]
    """For lips drawn apart."""
    closed_seam: float
    """How much darker than the lips the line between closed ones must be drawn, 0-1."""
    on_grid: tuple[FloatArray, FloatArray]
    """(GRID_H, GRID_W, 4), for the upper and the lower lip's field, of each node of the chart's grid: displacement of
    its place in the texture's frame, steps of the grid; opacity 0-1: 1 on the lips and close by, falling to 0 on the
    skin around; whether the slit goes so far, 0-1."""
    to_pictures: FloatArray
    """(2, 5) affine: place on the grid in steps (and two values, ignored) -> place in these pictures."""
    yaw_deg: float
    scale: float
    """Pixels of one outer eye distance in the frame they were taken from."""

    def fits(self, face: Face) -> float:
        """Rate how well these lips suit a frame's face, 0-1: not where it is turned otherwise or far larger."""
        turned = abs(face.pose.yaw_deg - self.yaw_deg)
        by_turn = (MAX_TURN_DEG[1] - turned) / (MAX_TURN_DEG[1] - MAX_TURN_DEG[0])
        by_size = (MAX_ENLARGED[1] - face.pose.scale / self.scale) / (MAX_ENLARGED[1] - MAX_ENLARGED[0])
        return min(max(min(by_turn, by_size), 0.0), 1.0)

    def read(self, lip: int, places: FloatArray, parting: float) -> Picture:
        """Read the upper (0) or lower (1) lip of lips parted by 0-1, at places (h, w, 2) in its pictures; (h, w, 3)."""
        closed, parted = self.closed[lip], self.parted[lip]
        if parting <= 0 or closed is parted:
            return closed.read(places)
        if parting >= 1:
            return parted.read(places)
        mixed = cv2.addWeighted(closed.read(places), 1 - parting, parted.read(places), parting, 0)
        return np.asarray(mixed, dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class LipBlend:
    """The lip texture in one frame."""

    texture: LipTexture
    parting: float
    """0-1: how far the lips are drawn apart."""
    share: float
    """0-1: how far they replace the frame's own; below 1 the maps must hold the frame's own, too."""


def draw_lips(
    frame: Picture, maps: FaceMaps, blend: LipBlend | None = None, source: Enlarged | None = None
) -> tuple[Picture, FloatArray]:
    """Draw the lower face with both lips moved.

    Args:
        frame: the source.
        maps: where each pixel comes from.
        blend: lips to be drawn instead of the frame's own; the maps must be for them.
        source: the maps' reach of the frame, enlarged, where it is at hand.

    Returns:
        the picture of the maps' box (h, w, 3) uint8, and how far the mouth's inside shows in the mouth's rectangle,
        (h, w) float32 in 0-1 (empty where there is none).
    """
    if source is None:
        source = Enlarged.of(frame[maps.geometry.reach.slices])
    picture, mouth = source.read(maps.source), maps.mouth
    if mouth is None:
        return picture, np.zeros((0, 0), dtype=np.float32)
    above = np.clip(mouth.above + np.float32(0.5), 0, 1)
    below = np.clip(mouth.below + np.float32(0.5), 0, 1)
    part = picture[mouth.part]
    if mouth.own is not None:
        part[:] = _joined(source.read, source.read, mouth.own, above, below)
    if blend is not None and mouth.texture is not None and mouth.feather is not None:
        texture, parting = blend.texture, blend.parting
        upper, lower = (partial(texture.read, lip, parting=parting) for lip in (0, 1))
        lips = _joined(upper, lower, mouth.texture, above, below)
        seam = texture.closed_seam * (1 - parting)
        if seam > 0 and mouth.along is not None:
            lips = _with_seam(lips, mouth, mouth.along * np.float32(seam), max(0.6, SEAM_WIDTH * maps.geometry.eye))
        lips = _relit(lips, part, mouth.feather)
        opacity = as_float(mouth.feather * np.float32(blend.share))
        part[:] = cv2.blendLinear(lips, np.ascontiguousarray(part), opacity, 1 - opacity)
    return picture, np.clip(1 - above - below, 0, 1)


_Reader = Callable[[FloatArray], Picture]
"""Places (h, w, 2) -> picture (h, w, 3)."""


def _joined(upper: _Reader, lower: _Reader, lips: LipMaps, above: FloatArray, below: FloatArray) -> Picture:
    """Read each lip where it shows, and join them; (h, w, 3)."""
    rows = np.arange(len(above))
    end = int(rows[above.any(axis=1)].max(initial=-1)) + 1
    # Where they are nowhere side by side, the inside of the mouth lies between.
    start = min(int(rows[below.any(axis=1)].min(initial=len(above))), end)
    joined = np.empty((*above.shape, 3), dtype=np.uint8)
    joined[:end] = upper(lips[0][:end]) if end else 0
    if start < len(above):
        under = lower(lips[1][start:])
        band = end - start
        if band:
            share = above[start:end] / np.maximum(above[start:end] + below[start:end], np.float32(1e-6))
            joined[start:end] = cv2.blendLinear(
                np.ascontiguousarray(joined[start:end]), np.ascontiguousarray(under[:band]), share, 1 - share
            )
        joined[end:] = under[band:]
    return joined


def _with_seam(lips: Picture, mouth: MouthMaps, shade: FloatArray, width: float) -> Picture:
    """Darken lips (h, w, 3) by a shade (h, w) along the slit, as lips that meet shade each other."""
    # Lips that are pressed together overlap: they meet in the middle of the overlap.
    overlap = np.maximum(mouth.above + mouth.below, 0)
    away = (np.maximum(mouth.above, mouth.below) - overlap / 2) / np.float32(width)
    dark = shade * np.exp(-away * away)
    return np.asarray(lips * (1 - dark[..., None] * _SEAM_RGB) + np.float32(0.5), dtype=np.uint8)


def _relit(lips: Picture, around: Picture, feather: FloatArray) -> Picture:
    """Bring lips (h, w, 3) into the light of the picture around them, measured on the feather, where both show skin.

    The light may change from left to right, not from top to bottom: over the lips the skin is too narrow to measure.
    """
    step = max(1, round((feather.size / _MANY) ** 0.5))
    sparse = feather[::step, ::step]
    skin = ((sparse > 0.02) & (sparse < 0.7)).astype(np.uint8)
    pictures = [np.ascontiguousarray(picture[::step, ::step]) for picture in (around, lips)]
    half = sparse.shape[1] // 2
    gains = []
    for columns in (slice(None, half), slice(half, None)):
        mask = np.ascontiguousarray(skin[:, columns])
        if cv2.countNonZero(mask) < 4:
            return lips
        wanted, own = (np.array(cv2.mean(np.ascontiguousarray(p[:, columns]), mask)[:3]) for p in pictures)
        gains.append(np.clip((wanted + 1) / (own + 1), 1 / _MAX_GAIN, _MAX_GAIN))
    if max(float(np.abs(gain - 1).max()) for gain in gains) < 0.004:
        return lips
    # From the middle of one half to that of the other, as two pixels are enlarged.
    gain = cv2.resize(as_float(gains)[None], feather.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.multiply(lips, gain, dtype=cv2.CV_8U), dtype=np.uint8)


def lip_feather(neutral: FloatArray, grid: FloatArray) -> FloatArray:
    """Compute the lip texture's opacity (h, w) 0-1 at chart coordinates (h, w, 2), for a neutral shape (478, 3)."""
    outline = neutral[np.concatenate([topo.OUTER_UPPER, topo.OUTER_LOWER[-2:0:-1]]), :2]
    contour = np.ascontiguousarray(outline[:, None], dtype=np.float32)
    inside = np.full(grid.shape[:2], -np.inf, dtype=np.float32)
    reach = FEATHER[1] + FEATHER_BELOW
    near = ((grid > outline.min(axis=0) - reach) & (grid < outline.max(axis=0) + reach)).all(axis=2)
    inside[near] = [cv2.pointPolygonTest(contour, (float(x), float(y)), True) for x, y in grid[near]]
    # Of all of a mouth's outline, where its lower lip ends is seen worst.
    seam = float(neutral[topo.INNER_BOTTOM, 1])
    more = FEATHER_BELOW * np.clip((grid[..., 1] - seam) / 0.1, 0, 1)
    t = np.clip((inside + more + FEATHER[1]) / (FEATHER[1] - FEATHER[0]), 0, 1)
    return as_float(t * t * (3 - 2 * t))
