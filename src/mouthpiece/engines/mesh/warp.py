"""The smooth warp of the lower face: two fields that agree everywhere but at the mouth's slit.

A field is a displacement of the chart, given at the motion points and spread by Gaussian radial basis functions. What
hangs on the upper lip and what hangs on the lower lip move by two fields of their own; the difference between the two
is held at zero outside the mouth's corners, so that nothing can open there. A tapering window stills the rim.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mouthpiece.engines.mesh import topology as topo
from mouthpiece.engines.mesh.lips import BareLips, LentLips
from mouthpiece.engines.mesh.target import PlaneMap
from mouthpiece.types import Box, FloatArray, Picture, as_float

# The chart's grid: the lower face with a margin, in outer eye distances. Linear interpolation between nodes errs by
# about STEP^2 / 8 * displacement / REACH^2: a tenth of a pixel on a face that fills a 720p picture.
X0, X1, Y0, Y1 = -0.72, 0.72, 0.21, 1.68
STEP = 0.03
GRID_W, GRID_H = round((X1 - X0) / STEP) + 1, round((Y1 - Y0) / STEP) + 1
REACH = 0.16
"""Standard deviation of the radial basis functions."""
STIFFNESS = 0.03
"""Regularisation of the interpolation: how much measuring noise to iron out."""
SPLIT_TAPER = 0.05
"""Over what distance inside the corners the two lips part company."""
SLIT_BEYOND = 0.3
"""Where between the mesh's inner (0) and outer (1) corners the lips' line ends."""
_BEYOND = (0.5, 0.3)
"""Distance from the slit up to which a lip's field is held as it is at the slit, the other way about."""
ITERATIONS = 4
"""Fixed-point steps to invert a field; each gains about a factor of three."""
_HEM_RIM = 0.02
"""Cover below which lent lips end."""
_FAR = 3.0
"""Pixels from the slit beyond which a pixel is surely one lip's alone."""
SEAM_WIDTH = 0.006
"""Half the width of the line drawn between closed lips, outer eye distances."""
_SEAM_RGB = np.array([0.85, 1.0, 1.0], dtype=np.float32)
"""How much of its darkness each colour takes: what light comes out of a seam has passed through lips."""
_MANY = 3000
"""Pixels that are enough to tell the light."""
_MAX_GAIN = 1.8
"""By how much lent lips are made lighter or darker at most."""


@dataclass(frozen=True, slots=True)
class LipFields:
    """Displacements of the chart, (GRID_H, GRID_W, 2) each: what hangs on the upper lip, what hangs on the lower."""

    shown: tuple[FloatArray, FloatArray]
    """Of the mouth that the frame shows."""
    wanted: tuple[FloatArray, FloatArray]
    """Of the mouth that it shall show."""


@dataclass(frozen=True, slots=True)
class LipMaps:
    """For each pixel of the mouth's rectangle: where to look for either lip."""

    upper: FloatArray
    """(h, w, 2) pixel of what the upper lip carries."""
    lower: FloatArray
    """(h, w, 2) the same for the lower lip."""


@dataclass(frozen=True, slots=True)
class MouthMaps:
    """The rectangle around the mouth, where each lip has maps of its own."""

    part: tuple[slice, slice]
    """Rows and columns of the lower face's box."""
    above: FloatArray
    """(h, w) pixels above the slit (negative: beneath), judged with the upper lip's field."""
    below: FloatArray
    """(h, w) pixels beneath the slit, judged with the lower lip's field."""
    own: LipMaps | None
    """Into the frame itself; None where its own lips are not needed."""
    lent: LipMaps | None
    """Into the pictures of lent lips."""
    hem: FloatArray | None
    """(h, w) 0-1: where lent lips cover what is around."""
    along: FloatArray | None
    """(h, w) 0-1: whether the slit goes so far to the side; None where no line is to be drawn along it."""

    def cropped(self, rows: slice, columns: slice) -> MouthMaps:
        """A part of the rectangle, without the lips' maps: for what lies between them."""
        down, right = self.part
        part = (
            slice(down.start + rows.start, down.start + rows.stop),
            slice(right.start + columns.start, right.start + columns.stop),
        )
        return MouthMaps(part, self.above[rows, columns], self.below[rows, columns], None, None, None, None)


@dataclass(frozen=True, slots=True)
class FaceMaps:
    """For each pixel of the lower face: where to look in the source."""

    box: Box
    """The region, inside the frame."""
    source: FloatArray
    """(h, w, 2) source pixel; meaningless inside the mouth's rectangle."""
    window: FloatArray
    """(h, w) 0-1: 1 where the warp acts, falling to 0 at the rim."""
    mouth: MouthMaps | None
    """None where the mouth lies outside the picture."""
    eye: float
    """Pixels of one outer eye distance."""


def _grid() -> FloatArray:
    """Chart coordinates of the grid's nodes, (GRID_H, GRID_W, 2)."""
    x, y = np.meshgrid(np.linspace(X0, X1, GRID_W), np.linspace(Y0, Y1, GRID_H))
    return np.stack([x, y], axis=-1).astype(np.float32)


def _smoothstep(edge0: float, edge1: float, value: FloatArray) -> FloatArray:
    """0 below edge0, 1 above edge1, smooth between; the edges may be swapped."""
    t = np.clip((value - edge0) / (edge1 - edge0), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


GRID = _grid()


def _sample(field: FloatArray, at: FloatArray) -> FloatArray:
    """Read a grid field (GRID_H, GRID_W, d) at chart coordinates (h, w, 2), bilinearly."""
    map_x = (at[..., 0] - np.float32(X0)) * np.float32(1 / STEP)
    map_y = (at[..., 1] - np.float32(Y0)) * np.float32(1 / STEP)
    return np.asarray(cv2.remap(field, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _spread(field: FloatArray, affine: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Bring a grid field (GRID_H, GRID_W) or (GRID_H, GRID_W, d) to pixels, (h, w) or (h, w, d)."""
    return as_float(cv2.warpAffine(field, affine, size, borderMode=cv2.BORDER_REPLICATE))


class LipWarp:
    """The two fields of one face, ready to be driven."""

    def __init__(self, neutral: FloatArray, motion_points: NDArray[np.intp]) -> None:
        """Build the operators.

        Args:
            neutral: (468, 3) canonical shape with the mouth closed.
            motion_points: (P,) numbers of the points that move.
        """
        points = np.asarray(motion_points)
        self._neutral = neutral
        upper_only = np.setdiff1d(topo.UPPER_LIP, topo.CORNERS)
        lower_only = np.setdiff1d(topo.LOWER_LIP, topo.CORNERS)
        # The mesh's inner corners lie inside the picture's: a dark line goes on, and must part too.
        ends = (1 - SLIT_BEYOND) * neutral[[78, 308], :2] + SLIT_BEYOND * neutral[[61, 291], :2]
        corners = as_float(ends)
        seam = as_float(np.concatenate([corners, neutral[topo.INNER_UPPER, :2]]))
        order = np.argsort(seam[:, 0])
        seam = seam[order]
        seam_y = np.interp(neutral[points, 0], seam[:, 0], seam[:, 1])
        between = (neutral[points, 0] > corners[:, 0].min()) & (neutral[points, 0] < corners[:, 0].max())
        is_upper = np.isin(points, upper_only) | (
            between & (neutral[points, 1] < seam_y) & ~np.isin(points, lower_only)
        )
        is_lower = np.isin(points, lower_only) | (between & (neutral[points, 1] >= seam_y) & ~is_upper)
        is_lower &= ~np.isin(points, topo.CORNERS)
        is_upper &= ~np.isin(points, topo.CORNERS)
        self._upper_rows, self._lower_rows = np.flatnonzero(~is_lower), np.flatnonzero(~is_upper)
        positions = neutral[points, :2]
        window = self._window(neutral)
        self.window = window
        self._spread_upper = self._operator(positions[self._upper_rows], window)
        self._spread_lower = self._operator(positions[self._lower_rows], window)
        columns = GRID[0, :, 0]
        slit_y = np.interp(columns, seam[:, 0], seam[:, 1])
        slit_row = as_float(slit_y)[None]
        self.slit_y = as_float(cv2.GaussianBlur(slit_row, (5, 1), 0.8, borderType=cv2.BORDER_REPLICATE))[0]
        """(GRID_W,) chart y of the closed lips' line over the grid's columns."""
        self._side = (self.slit_y[None, :] - GRID[..., 1])[..., None].astype(np.float32)
        left, right = float(corners[:, 0].min()), float(corners[:, 0].max())
        self.corners_x = (left, right)
        inside = np.minimum(GRID[..., 0] - left, right - GRID[..., 0])
        self.split = _smoothstep(-0.005, SPLIT_TAPER, inside)[..., None]
        """(GRID_H, GRID_W, 1) 0-1: 1 between the corners, 0 beyond them."""
        # Beyond the slit a lip's field shows nowhere; left to run out there it would be too steep to be inverted.
        first_below = np.argmax(GRID[..., 1] >= self.slit_y[None, :], axis=0)
        rows = np.arange(GRID_H)[:, None]
        self._spread_upper = self._held_beyond(self._spread_upper, np.minimum(rows, first_below[None]))
        self._spread_lower = self._held_beyond(self._spread_lower, np.maximum(rows, first_below[None] - 1))
        spread_all = self._operator(neutral[points, :2], np.ones_like(window))
        reference = neutral[points, 2].mean()
        depth = spread_all @ (neutral[points, 2:] - reference) + reference
        self._depth = np.ascontiguousarray(depth.reshape(GRID_H, GRID_W, 1).astype(np.float32))
        self._soft_window = _smoothstep(0.0, 0.06, window)
        moving = window > 0
        # The outline tells the extent.
        outline = moving & (cv2.erode(moving.astype(np.uint8), np.ones((3, 3), dtype=np.uint8), borderValue=0) == 0)
        self._extent = GRID[outline], self._depth[outline]

    @staticmethod
    def _window(neutral: FloatArray) -> FloatArray:
        """(GRID_H, GRID_W) 0-1: where the face may move: from under the nose to under the chin, from cheek to cheek."""
        nose_y = float(neutral[topo.NOSE_BASE, 1].mean())
        chin_y = float(neutral[topo.CHIN, 1])
        x, y = GRID[..., 0], GRID[..., 1]
        half = 0.68
        top = _smoothstep(nose_y - 0.20, nose_y + 0.02, y)
        # Beside the nose the cheeks follow the mouth from higher up.
        bottom = _smoothstep(chin_y + 0.36, chin_y + 0.02, y)
        side = _smoothstep(half, half - 0.32, np.abs(x))
        return (top * bottom * side).astype(np.float32)

    @staticmethod
    def _operator(positions: FloatArray, window: FloatArray) -> FloatArray:
        """(GRID_H * GRID_W, n): displacements at the positions -> displacements of the grid."""

        def kernel(a: FloatArray, b: FloatArray) -> FloatArray:
            distance2 = ((a[:, None] - b[None]) ** 2).sum(axis=2)
            return np.asarray(np.exp(-distance2 / (2 * REACH**2)))

        gram = kernel(positions.astype(np.float64), positions.astype(np.float64))
        weights = np.linalg.inv(gram + STIFFNESS * np.eye(len(positions)))
        spread = kernel(GRID.reshape(-1, 2).astype(np.float64), positions.astype(np.float64)) @ weights
        return np.ascontiguousarray((spread * window.reshape(-1, 1)).astype(np.float32))

    def _held_beyond(self, spread: FloatArray, rows: NDArray[np.intp]) -> FloatArray:
        """Let an operator say beyond the slit what it says at the slit, within the corners.

        Args:
            spread: (GRID_H * GRID_W, n).
            rows: (GRID_H, GRID_W) for each node the nearest row of its column on the lip's own side, or just across.
        """
        grid = spread.reshape(GRID_H, GRID_W, -1)
        held = _smoothstep(*_BEYOND, np.abs(self._side)) * self.split
        return np.ascontiguousarray((grid + (grid[rows, np.arange(GRID_W)] - grid) * held).reshape(spread.shape))

    def fields(self, shown: FloatArray, wanted: FloatArray) -> LipFields:
        """Spread displacements over the chart.

        Args:
            shown: (P, 2) displacement of the motion points in the mouth that the frame shows.
            wanted: (P, 2) the same in the mouth that it shall show.
        """
        both = np.concatenate([shown, wanted], axis=1).astype(np.float32)
        upper = self._product(self._spread_upper, both[self._upper_rows])
        lower = self._product(self._spread_lower, both[self._lower_rows])
        middle, half = (upper + lower) / 2, (lower - upper) / 2 * self.split
        upper, lower = as_float(middle - half), as_float(middle + half)
        return LipFields((upper[..., :2], lower[..., :2]), (upper[..., 2:], lower[..., 2:]))

    @staticmethod
    def _product(spread: FloatArray, displacements: FloatArray) -> FloatArray:
        """Operator times displacements (n, 4), as a grid (GRID_H, GRID_W, 4).

        By OpenCV, which stays in this thread: numpy's product wakes BLAS threads that wait for each other under load.
        """
        nothing = np.zeros((0, 0), dtype=np.float32)
        return as_float(cv2.gemm(spread, displacements, 1.0, nothing, 0.0)).reshape(GRID_H, GRID_W, 4)

    def maps(
        self,
        plane: PlaneMap,
        shift: FloatArray,
        fields: LipFields,
        frame_size: tuple[int, int],
        lent: LentLips | None = None,
        *,
        own: bool = True,
    ) -> FaceMaps | None:
        """Work out where every pixel of the lower face comes from.

        Args:
            plane: the frame's plane map.
            shift: (2,) plane: what the frame's mouth is off from where the pose puts it.
            fields: of the mouth that the frame shows and of the one that it shall show.
            frame_size: (width, height).
            lent: lips to be drawn instead of the frame's own.
            own: whether the frame's own are needed (too).

        Returns:
            None where the face lies outside the picture.
        """
        box = self._pixel_box(plane, shift).clipped(*frame_size)
        if box.width < 2 or box.height < 2:
            return None
        loans = (lent.upper, lent.lower) if lent is not None else (None, None)
        upper, lower = (
            self._inverted(plane, shift, field) for field in zip(fields.wanted, fields.shown, loans, strict=True)
        )
        above = upper[..., 2] > 0
        chosen = np.where(above[..., None], upper[..., :2], lower[..., :2])
        affine, size = self._to_pixels(plane, shift, box), (box.width, box.height)
        source, window = _spread(chosen, affine, size), _spread(self._soft_window, affine, size)
        seam = lent is not None and lent.closed.seam > 0
        mouth = self._mouth_maps(plane, shift, box, (upper, lower), own=own, seam=seam)
        return FaceMaps(box, source, window, mouth, _stretch(plane))

    def _inverted(
        self, plane: PlaneMap, shift: FloatArray, field: tuple[FloatArray, FloatArray, FloatArray | None]
    ) -> FloatArray:
        """Invert one lip's field over the plane's grid (it has the chart's extent: motion is small against its margin).

        Args:
            plane: the frame's plane map.
            shift: (2,) plane: what the frame's mouth is off.
            field: wanted and shown displacements of the chart (GRID_H, GRID_W, 2), and what lent lips say of it.

        Returns:
            (GRID_H, GRID_W, 3): source x, y in pixels and height over the slit in pixels; of a loan (GRID_H, GRID_W, 4)
            what it says there, too: (GRID_H, GRID_W, 7).
        """
        target, source, loan = field
        forward = as_float(target + self._depth * plane.slant)
        chart = as_float(GRID - forward)
        for _ in range(ITERATIONS - 1):
            chart = as_float(GRID - _sample(forward, chart))
        values = _sample(as_float(np.concatenate([source + self._depth * plane.slant, self._side], axis=2)), chart)
        # x and y through the plane's map, the height by its stretch: one affine map of three channels.
        located = np.zeros((3, 4), dtype=np.float32)
        located[:2, :2], located[2, 2] = plane.matrix, _stretch(plane)
        located[:2, 3] = plane.matrix @ shift + plane.centre
        values[..., :2] += chart
        known = cv2.transform(values, located)
        return as_float(known if loan is None else np.dstack([known, _sample(loan, chart)]))

    def located(self, plane: PlaneMap, shift: FloatArray, shown: FloatArray) -> FloatArray:
        """(GRID_H, GRID_W, 2): the pixel in which a frame shows each point of the chart, by one lip's shown field."""
        return as_float((GRID + shown + self._depth * plane.slant + shift) @ plane.matrix.T + plane.centre)

    def _mouth_maps(
        self,
        plane: PlaneMap,
        shift: FloatArray,
        box: Box,
        sides: tuple[FloatArray, FloatArray],
        *,
        own: bool,
        seam: bool,
    ) -> MouthMaps | None:
        """Both lips' maps where they differ, and where lent ones go."""
        upper, lower = sides
        unsure = (np.abs(upper[..., 2]) < _FAR + 1) | (np.abs(lower[..., 2]) < _FAR + 1)
        unsure |= (upper[..., 2] > 0) != (lower[..., 2] > 0)
        unsure &= self.split[..., 0] > 0
        cover = None
        if upper.shape[2] > 3:
            cover = np.where(upper[..., 2:3] > 0, upper[..., 5:], lower[..., 5:])
            unsure |= cover[..., 0] > _HEM_RIM
        rows, columns = np.flatnonzero(unsure.any(axis=1)), np.flatnonzero(unsure.any(axis=0))
        if not len(rows):
            return None
        low = GRID[max(rows[0] - 1, 0), max(columns[0] - 1, 0)]
        high = GRID[min(rows[-1] + 1, GRID_H - 1), min(columns[-1] + 1, GRID_W - 1)]
        around = np.array([[low[0], low[1]], [high[0], low[1]], [low[0], high[1]], [high[0], high[1]]], np.float32)
        rectangle = _bounds(as_float((around + shift) @ plane.matrix.T + plane.centre))
        x0, y0 = max(rectangle.x0, box.x0), max(rectangle.y0, box.y0)
        x1, y1 = min(rectangle.x1, box.x1), min(rectangle.y1, box.y1)
        if x1 - x0 < 2 or y1 - y0 < 2:
            return None
        affine = self._to_pixels(plane, shift, Box(x0, y0, x1, y1))
        size = (x1 - x0, y1 - y0)
        part = (slice(y0 - box.y0, y1 - box.y0), slice(x0 - box.x0, x1 - box.x0))

        def spread(field: FloatArray) -> FloatArray:
            return _spread(np.ascontiguousarray(field), affine, size)

        return MouthMaps(
            part,
            above=spread(upper[..., 2]),
            below=spread(-lower[..., 2]),
            own=LipMaps(spread(upper[..., :2]), spread(lower[..., :2])) if own or cover is None else None,
            lent=LipMaps(spread(upper[..., 3:5]), spread(lower[..., 3:5])) if cover is not None else None,
            hem=spread(cover[..., 0]) if cover is not None else None,
            along=spread(cover[..., 1]) if cover is not None and seam else None,
        )

    def _pixel_box(self, plane: PlaneMap, shift: FloatArray) -> Box:
        """Bounding box of everything that may move, in the picture."""
        chart, depth = self._extent
        # The window is drawn on the plane's grid, the depth shifts what it shows: room for both.
        points = np.concatenate([chart, chart + depth * plane.slant])
        return _bounds(as_float((points + shift) @ plane.matrix.T + plane.centre))

    @staticmethod
    def _to_pixels(plane: PlaneMap, shift: FloatArray, box: Box) -> FloatArray:
        """(2, 3) affine: grid node indices -> pixels of the box."""
        linear = plane.matrix * np.float32(STEP)
        origin = plane.matrix @ (np.array([X0, Y0], dtype=np.float32) + shift) + plane.centre - [box.x0, box.y0]
        return np.concatenate([linear, origin[:, None]], axis=1).astype(np.float32)


def _stretch(plane: PlaneMap) -> float:
    """Pixels of one outer eye distance."""
    return float(np.sqrt(abs(np.linalg.det(plane.matrix))))


def _bounds(points: FloatArray) -> Box:
    """The smallest whole-pixel box around points (n, 2)."""
    low, high = np.floor(points.min(axis=0)), np.ceil(points.max(axis=0)) + 1
    return Box(int(low[0]), int(low[1]), int(high[0]), int(high[1]))


def _read(frame: Picture, source: FloatArray) -> Picture:
    """Read a picture at source pixels (h, w, 2), bicubically: sharpness must match what stands beside."""
    # The stubs want two maps; one of two channels is what OpenCV makes of them anyway.
    remap = cast("Callable[..., Picture]", cv2.remap)
    return remap(frame, source, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


@dataclass(frozen=True, slots=True)
class Loan:
    """Lips lent for one frame."""

    lips: BareLips
    share: float
    """0-1: how far they replace the frame's own; below 1 the maps must hold the frame's own, too."""


def draw_lips(frame: Picture, maps: FaceMaps, loan: Loan | None = None) -> tuple[Picture, FloatArray]:
    """Draw the lower face with both lips moved.

    Args:
        frame: the source.
        maps: where each pixel comes from.
        loan: lips to be drawn instead of the frame's own; the maps must be for them.

    Returns:
        the picture of the maps' box (h, w, 3) uint8, and how far the mouth's inside shows in the mouth's rectangle,
        (h, w) float32 in 0-1 (empty where there is none).
    """
    picture, mouth = np.asarray(_read(frame, maps.source), dtype=np.uint8), maps.mouth
    if mouth is None:
        return picture, np.zeros((0, 0), dtype=np.float32)
    above = np.clip(mouth.above + np.float32(0.5), 0, 1)
    below = np.clip(mouth.below + np.float32(0.5), 0, 1)
    part = picture[mouth.part]
    if mouth.own is not None:
        part[:] = _joined(frame, frame, mouth.own, above, below)
    if loan is not None and mouth.lent is not None and mouth.hem is not None:
        lent = _joined(loan.lips.upper, loan.lips.lower, mouth.lent, above, below)
        if loan.lips.seam > 0 and mouth.along is not None:
            lent = _with_seam(lent, mouth, mouth.along * np.float32(loan.lips.seam), max(0.6, SEAM_WIDTH * maps.eye))
        lent = _in_the_light_of(part, lent, mouth.hem)
        hem = as_float(mouth.hem * np.float32(loan.share))
        part[:] = cv2.blendLinear(lent, np.ascontiguousarray(part), hem, 1 - hem)
    return picture, np.clip(1 - above - below, 0, 1)


def _joined(upper: Picture, lower: Picture, lips: LipMaps, above: FloatArray, below: FloatArray) -> Picture:
    """Read each lip from its own picture where it shows, and join them; (h, w, 3)."""
    rows = np.arange(len(above))
    end = int(rows[above.any(axis=1)].max(initial=-1)) + 1
    # Where they are nowhere side by side, what lies between is the mouth's inside.
    start = min(int(rows[below.any(axis=1)].min(initial=len(above))), end)
    seen = np.empty((*above.shape, 3), dtype=np.uint8)
    seen[:end] = _read(upper, lips.upper[:end]) if end else 0
    if start < len(above):
        under = np.asarray(_read(lower, lips.lower[start:]), dtype=np.uint8)
        band = end - start
        if band:
            share = above[start:end] / np.maximum(above[start:end] + below[start:end], np.float32(1e-6))
            seen[start:end] = cv2.blendLinear(
                np.ascontiguousarray(seen[start:end]), np.ascontiguousarray(under[:band]), share, 1 - share
            )
        seen[end:] = under[band:]
    return seen


def _with_seam(lips: Picture, mouth: MouthMaps, shade: FloatArray, width: float) -> Picture:
    """Darken lips (h, w, 3) by a shade (h, w) along the slit, as lips that meet shade each other."""
    # Lips that are pressed together overlap: they meet in the middle of what both of them would cover.
    overlap = np.maximum(mouth.above + mouth.below, 0)
    away = (np.maximum(mouth.above, mouth.below) - overlap / 2) / np.float32(width)
    dark = shade * np.exp(-away * away)
    return np.asarray(lips * (1 - dark[..., None] * _SEAM_RGB) + np.float32(0.5), dtype=np.uint8)


def _in_the_light_of(around: Picture, lent: Picture, hem: FloatArray) -> Picture:
    """Bring lent lips (h, w, 3) into the light of the picture around them, told from the hem, where both show skin.

    The light may change from left to right, not from top to bottom: over the lips the skin is too narrow to tell.
    """
    step = max(1, round((hem.size / _MANY) ** 0.5))
    sparse = hem[::step, ::step]
    skin = ((sparse > 0.02) & (sparse < 0.7)).astype(np.uint8)
    pictures = [np.ascontiguousarray(picture[::step, ::step]) for picture in (around, lent)]
    half = sparse.shape[1] // 2
    gains = []
    for columns in (slice(None, half), slice(half, None)):
        mask = np.ascontiguousarray(skin[:, columns])
        if cv2.countNonZero(mask) < 4:
            return lent
        here, there = (np.array(cv2.mean(np.ascontiguousarray(p[:, columns]), mask)[:3]) for p in pictures)
        gains.append(np.clip((here + 1) / (there + 1), 1 / _MAX_GAIN, _MAX_GAIN))
    if max(float(np.abs(gain - 1).max()) for gain in gains) < 0.004:
        return lent
    place = ((np.arange(hem.shape[1], dtype=np.float32) + 0.5) / max(hem.shape[1] / 2, 1.0) - 0.5).clip(0, 1)[:, None]
    gain = as_float(gains[0] + (gains[1] - gains[0]) * place)[None]
    return np.asarray(np.clip(lent * gain + np.float32(0.5), 0, 255), dtype=np.uint8)
