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
from mouthpiece.engines.mesh.lattice import Lattice
from mouthpiece.engines.mesh.lips import LentLips
from mouthpiece.engines.mesh.neutral import PlaneMap
from mouthpiece.engines.mesh.resampling import Enlarged, times_enlarged
from mouthpiece.types import Box, FloatArray, Picture, as_float

# The chart's grid: the lower face with a margin, in outer eye distances. Linear interpolation between nodes errs by
# about STEP^2 / 8 * displacement / REACH^2: a tenth of a pixel on a face that fills a 720p picture.
X0, X1, Y0, Y1 = -0.72, 0.72, 0.21, 1.68
STEP = 0.03
_CORNER = np.array([X0, Y0], dtype=np.float32)
GRID_W, GRID_H = round((X1 - X0) / STEP) + 1, round((Y1 - Y0) / STEP) + 1
REACH = 0.16
"""Standard deviation of the radial basis functions."""
STIFFNESS = 0.03
"""Regularisation of the interpolation: how much measuring noise to iron out."""
_LEAST_STRENGTH = 0.005
"""How strong a pattern of displacements must be, against that, to be spread at all."""
SPLIT_TAPER = 0.05
"""Over what distance inside the corners the two lips part company."""
_SPLIT_BEFORE = 0.005
"""How far outside them they begin to."""
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
_BESIDE = 2
"""Pixels kept around the lower face: a bicubic reading looks so far."""
_BEYOND_SLIT = 2
"""Rows of nodes beyond the slit for which a lip's field is still worked out."""
_SURELY = 1e4
"""Height in pixels said of nodes that are further from it."""
_ALONE = 1 << 18
"""Multiplications in one product up to which BLAS starts no threads of its own."""


@dataclass(frozen=True, slots=True)
class Sight:
    """How a frame shows the lower face: all of its maps that does not depend on what the mouth shall do."""

    box: Box
    """The region that may move, inside the frame."""
    reach: Box
    """The part of the frame that its pixels come from."""
    lattice: Lattice
    """Over `box`."""
    places: FloatArray
    """(rows, columns, 2): where on the chart's grid the lattice's nodes lie, columns and rows of its nodes."""
    between: NDArray[np.bool_]
    """(rows, columns): which nodes of the lattice lie between the mouth's corners."""
    window: FloatArray
    """(h, w) 0-1: 1 where the warp acts, falling to 0 at the rim."""
    drift: FloatArray
    """(GRID_H, GRID_W, 2): how the head's turn moves the chart, in steps of its grid."""
    shown: tuple[FloatArray, FloatArray]
    """(GRID_H, GRID_W, 3): for the upper and the lower lip's field the drift and what the shown mouth adds to it, steps
    of the grid; and the height over the slit in pixels."""
    to_source: FloatArray
    """(2, 4) affine: grid's columns and rows (and a third value that doesn't count) -> pixels of `reach`, enlarged."""
    to_row: FloatArray
    """(3,) affine: grid's columns and rows -> row of the lattice."""
    eye: float
    """Pixels of one outer eye distance."""


@dataclass(frozen=True, slots=True)
class LipMaps:
    """For each pixel of the mouth's rectangle: where to look for either lip."""

    upper: FloatArray
    """(h, w, 2) place in an enlarged picture of what the upper lip carries."""
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
    reach: Box
    """The part of the frame that its pixels come from."""
    source: FloatArray
    """(h, w, 2) place in `reach`, enlarged; meaningless inside the mouth's rectangle."""
    window: FloatArray
    """(h, w) 0-1: 1 where the warp acts, falling to 0 at the rim."""
    mouth: MouthMaps | None
    """None where the mouth lies outside the picture."""
    eye: float
    """Pixels of one outer eye distance."""


@dataclass(frozen=True, slots=True)
class _Side:
    """One lip's field, inverted: for each node of some rows of the lattice what shows there."""

    rows: slice
    places: FloatArray
    """(rows, columns, 2) of the chart's grid."""
    source: FloatArray
    """(rows, columns, 2) place in the frame's reach, enlarged."""
    height: FloatArray
    """(rows, columns) pixels over the slit."""
    lent: FloatArray | None
    """(rows, columns, 2) place in the lent lip's enlarged picture."""
    hem: FloatArray | None
    """(rows, columns) 0-1: how far lent lips cover it."""
    along: FloatArray | None
    """(rows, columns) 0-1: whether the slit goes so far."""


@dataclass(frozen=True, slots=True)
class _Sides:
    """Both lips' fields, inverted; where only one is, the other lip is out of reach."""

    upper: _Side
    """From the first row on."""
    lower: _Side
    """To the last row."""
    over: NDArray[np.bool_]
    """(rows, columns) of the rows that both have: whether the upper lip shows there."""

    def chosen(self, upper: FloatArray, lower: FloatArray) -> FloatArray:
        """Of what the sides say of their own rows, what shows at each node of the lattice."""
        both, rows = self._both, self.lower.rows.stop
        result = np.empty((rows, *upper.shape[1:]), dtype=np.float32)
        result[: both.start] = upper[: both.start]
        result[both.stop :] = lower[both.stop - both.start :]
        over = self.over if upper.ndim == 2 else self.over[..., None]
        result[both] = np.where(over, upper[both], lower[: both.stop - both.start])
        return result

    def heights(self) -> tuple[FloatArray, FloatArray]:
        """(rows, columns) of the whole lattice: pixels over the slit by the upper and by the lower lip's field."""
        whole = self.lower.rows.stop, self.upper.height.shape[1]
        upper, lower = np.full(whole, -_SURELY, dtype=np.float32), np.full(whole, _SURELY, dtype=np.float32)
        upper[self.upper.rows], lower[self.lower.rows] = self.upper.height, self.lower.height
        return upper, lower

    @property
    def _both(self) -> slice:
        return slice(self.lower.rows.start, self.upper.rows.stop)


def _grid() -> FloatArray:
    """Chart coordinates of the grid's nodes, (GRID_H, GRID_W, 2)."""
    x, y = np.meshgrid(np.linspace(X0, X1, GRID_W), np.linspace(Y0, Y1, GRID_H))
    return np.stack([x, y], axis=-1).astype(np.float32)


def _smoothstep(edge0: float, edge1: float, value: FloatArray) -> FloatArray:
    """0 below edge0, 1 above edge1, smooth between; the edges may be swapped."""
    t = np.clip((value - edge0) / (edge1 - edge0), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


GRID = _grid()


def _sample(field: FloatArray, places: FloatArray) -> FloatArray:
    """Read a grid field (GRID_H, GRID_W, d) at columns and rows of the grid (h, w, 2), bilinearly."""
    # The stubs want two maps; one of two channels is what OpenCV makes of them anyway.
    remap = cast("Callable[..., FloatArray]", cv2.remap)
    return remap(field, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _extent(window: FloatArray) -> FloatArray:
    """Points of the chart (n, 2) around all that a window on the grid shows."""
    square = np.ones((3, 3), dtype=np.uint8)
    # Interpolated, it reaches a node further than it says.
    drawn = cv2.dilate((window > 0).astype(np.uint8), square, borderValue=0)
    return as_float(GRID[(drawn > 0) & (cv2.erode(drawn, square, borderValue=0) == 0)])


def _gaussians(positions: FloatArray) -> tuple[NDArray[np.float64], FloatArray]:
    """Radial basis functions around positions (n, 2).

    Returns:
        what they are at the positions (n, n), and on the grid (GRID_H * GRID_W, n).
    """

    def gaussian(a: FloatArray, b: FloatArray) -> NDArray[np.float64]:
        distance = a.astype(np.float64)[:, None] - b.astype(np.float64)[None]
        return np.asarray(np.exp(-(distance**2) / (2 * REACH**2)))

    x, y = positions[:, 0], positions[:, 1]
    # On a grid the kernel of both axes is a product of one for each.
    rows, columns = as_float(gaussian(GRID[:, 0, 1], y)), as_float(gaussian(GRID[0, :, 0], x))
    return gaussian(x, x) * gaussian(y, y), (rows[:, None] * columns[None]).reshape(GRID_H * GRID_W, -1)


class _Spread:
    """The operator that spreads displacements of points over the chart's grid."""

    def __init__(self, to_shapes: FloatArray, shapes: FloatArray) -> None:
        """Lay out an operator for speed.

        Args:
            to_shapes: (n, r) displacements of n points -> how much of each shape is in them.
            shapes: (GRID_H * GRID_W, r).
        """
        self._to_shapes = to_shapes
        # In pieces: a product of all would wake BLAS threads, which wait for each other under load.
        size = max(1, _ALONE // (2 * shapes.shape[1]))
        self._pieces = [np.ascontiguousarray(shapes[at : at + size].T) for at in range(0, len(shapes), size)]

    def __call__(self, displacements: FloatArray) -> FloatArray:
        """Displacements (n, 2) -> (2, GRID_H, GRID_W)."""
        amounts = displacements.T @ self._to_shapes
        products = [amounts @ piece for piece in self._pieces]
        return as_float(np.concatenate(products, axis=1).reshape(2, GRID_H, GRID_W))


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
        self.window = self._window(neutral)
        columns = GRID[0, :, 0]
        slit_y = np.interp(columns, seam[:, 0], seam[:, 1])
        slit_row = as_float(slit_y)[None]
        self.slit_y = as_float(cv2.GaussianBlur(slit_row, (5, 1), 0.8, borderType=cv2.BORDER_REPLICATE))[0]
        """(GRID_W,) chart y of the closed lips' line over the grid's columns."""
        self._side = as_float(self.slit_y[None, :] - GRID[..., 1])
        left, right = float(corners[:, 0].min()), float(corners[:, 0].max())
        self.corners_x = (left, right)
        self._corner_columns = (left - _SPLIT_BEFORE - X0) / STEP, (right + _SPLIT_BEFORE - X0) / STEP
        slit = (columns > left - STEP) & (columns < right + STEP)
        places = np.column_stack([np.flatnonzero(slit), (self.slit_y[slit] - Y0) / STEP])
        self._slit = np.ascontiguousarray(as_float(places)[None])
        """(1, n, 2): columns and rows of the grid along the closed lips' line."""
        inside = np.minimum(GRID[..., 0] - left, right - GRID[..., 0])
        self.split = _smoothstep(-_SPLIT_BEFORE, SPLIT_TAPER, inside)
        """(GRID_H, GRID_W) 0-1: 1 between the corners, 0 beyond them."""
        self._half_split = self.split / 2
        # Beyond the slit a lip's field shows nowhere; left to run out there it would be too steep to be inverted.
        first_below = np.argmax(GRID[..., 1] >= self.slit_y[None, :], axis=0)
        rows = np.arange(GRID_H)[:, None]
        self._spread_upper = self._operator(points[self._upper_rows], np.minimum(rows, first_below[None]))
        self._spread_lower = self._operator(points[self._lower_rows], np.maximum(rows, first_below[None] - 1))
        self._depth = self._depth_over_grid(points)
        self._soft_window = _smoothstep(0.0, 0.06, self.window)
        self._extent = _extent(self.window)

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

    def _operator(self, points: NDArray[np.intp], nearest: NDArray[np.intp]) -> _Spread:
        """Spread displacements of points over the grid, by radial basis functions within the window.

        Args:
            points: (n,) of the mesh.
            nearest: (GRID_H, GRID_W) for each node the row of its column whose word counts beyond the slit.
        """
        gram, over_grid = _gaussians(self._neutral[points, :2])
        strength, shapes = np.linalg.eigh(gram)
        # The others say so little against the noise that they are ironed out anyway.
        clear = strength > _LEAST_STRENGTH * STIFFNESS
        spread = over_grid @ as_float(shapes[:, clear] / (strength[clear] + STIFFNESS)) * self.window.reshape(-1, 1)
        # Beyond the slit a lip's field says what it says at the slit, within the corners.
        grid = spread.reshape(GRID_H, GRID_W, -1)
        held = (_smoothstep(*_BEYOND, np.abs(self._side)) * self.split)[..., None]
        grid = grid + (grid[nearest, np.arange(GRID_W)] - grid) * held
        return _Spread(as_float(shapes[:, clear]), as_float(grid.reshape(spread.shape)))

    def _depth_over_grid(self, points: NDArray[np.intp]) -> FloatArray:
        """(GRID_H, GRID_W): the depth of the face, given that of points (n,)."""
        gram, over_grid = _gaussians(self._neutral[points, :2])
        depth, middle = self._neutral[points, 2], self._neutral[points, 2].mean()
        weights = np.linalg.solve(gram + STIFFNESS * np.eye(len(points)), depth - middle)
        return as_float(over_grid @ as_float(weights) + middle).reshape(GRID_H, GRID_W)

    def fields(self, displacement: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Spread the displacement of the motion points (P, 2) over the chart.

        Returns:
            (GRID_H, GRID_W, 2) each: what hangs on the upper lip, what hangs on the lower.
        """
        upper = self._spread_upper(displacement[self._upper_rows])
        lower = self._spread_lower(displacement[self._lower_rows])
        middle, half = (upper + lower) * np.float32(0.5), (lower - upper) * self._half_split
        return as_float(cv2.merge(list(middle - half))), as_float(cv2.merge(list(middle + half)))

    def sight(self, plane: PlaneMap, shift: FloatArray, shown: FloatArray, frame_size: tuple[int, int]) -> Sight | None:
        """Study how a frame shows the lower face.

        Args:
            plane: the frame's plane map.
            shift: (2,) plane: what the frame's mouth is off from where the pose puts it.
            shown: (P, 2) displacement of the motion points in the mouth that the frame shows.
            frame_size: (width, height).

        Returns:
            None where the face lies outside the picture.
        """
        box = self._pixel_box(plane, shift).clipped(*frame_size)
        if box.width < 2 or box.height < 2:
            return None
        reach = Box(box.x0 - _BESIDE, box.y0 - _BESIDE, box.x1 + _BESIDE, box.y1 + _BESIDE).clipped(*frame_size)
        # As close as the grid's nodes where a turned head brings these closest.
        lattice = Lattice(max(1, round(float(np.hypot(*plane.matrix).min()) * STEP)), box.height, box.width)
        # Where the nodes lie on the grid, by the inverse of where the grid lies in the picture.
        to_box = grid_to_pixels(plane, shift, box, 1)
        back, (x, y) = cv2.invertAffineTransform(to_box), lattice.places()
        places = np.empty((lattice.rows, lattice.columns, 2), dtype=np.float32)
        for axis in (0, 1):
            np.add.outer(y * back[axis, 1] + back[axis, 2], x * back[axis, 0], out=places[..., axis])
        window = np.ascontiguousarray(lattice.spread(_sample(self._soft_window, places), lattice.all))
        to_source = grid_to_pixels(plane, shift, reach, times_enlarged(reach.width, reach.height))
        drift, eye = self.drift(plane), plane.stretch
        height = self._side * np.float32(eye)
        fields = self.fields(shown)
        upper, lower = (_stacked(drift + field * np.float32(1 / STEP), height) for field in fields)
        return Sight(
            box,
            reach,
            lattice,
            places,
            between=_sample(self.split, places) > 0,
            window=window,
            drift=drift,
            shown=(upper, lower),
            to_source=unheeding(to_source, 1),
            to_row=as_float((to_box[1] - [0, 0, float(y[0])]) / lattice.cell),
            eye=eye,
        )

    def drift(self, plane: PlaneMap) -> FloatArray:
        """(GRID_H, GRID_W, 2): how a turned head moves the chart, in steps of its grid."""
        return as_float(self._depth[..., None] * (plane.slant / np.float32(STEP)))

    def maps(self, sight: Sight, wanted: FloatArray, lent: LentLips | None = None, *, own: bool = True) -> FaceMaps:
        """Work out where every pixel of the lower face comes from.

        Args:
            sight: of the frame.
            wanted: (P, 2) displacement of the motion points in the mouth that it shall show.
            lent: lips to be drawn instead of the frame's own.
            own: whether the frame's own are needed (too).
        """
        forward = tuple(field * np.float32(1 / STEP) + sight.drift for field in self.fields(wanted))
        rows = self._rows_along_the_slit(sight, forward)
        own_rows = slice(0, rows.stop), slice(rows.start, sight.lattice.rows)
        loans = (None, None) if lent is None else ((lent.upper, lent.to_pictures), (lent.lower, lent.to_pictures))
        upper, lower = map(_inverted, (sight, sight), forward, sight.shown, own_rows, loans)
        sides = self._together(upper, lower, rows)
        source = sight.lattice.spread(sides.chosen(upper.source, lower.source), sight.lattice.all)
        seam = lent is not None and lent.closed_seam > 0
        mouth = _mouth_maps(sight, sides, own=own, seam=seam)
        return FaceMaps(sight.box, sight.reach, source, sight.window, mouth, sight.eye)

    def _rows_along_the_slit(self, sight: Sight, forward: tuple[FloatArray, ...]) -> slice:
        """Rows of the lattice with all of the slit that may show, and of what is between the lips."""
        moved = np.concatenate([self._slit[0] + _sample(field, self._slit)[0] for field in forward])
        rows = moved @ sight.to_row[:2] + sight.to_row[2]
        last = sight.lattice.rows
        start = min(max(int(rows.min()) - _BEYOND_SLIT, 0), last - 1)
        return slice(start, min(max(int(rows.max()) + 2 + _BEYOND_SLIT, start + 1), last))

    def _together(self, upper: _Side, lower: _Side, rows: slice) -> _Sides:
        """Both sides of the slit; beyond the corners, where there is none, they agree."""
        above, x = upper.height[rows], upper.places[rows, :, 0]
        left, right = self._corner_columns
        same = lower.height[: rows.stop - rows.start]
        np.copyto(same, above, where=(x < left) | (x > right))
        return _Sides(upper, lower, above > 0)

    def _pixel_box(self, plane: PlaneMap, shift: FloatArray) -> Box:
        """Bounding box of everything that may move, in the picture."""
        return _bounds(as_float((self._extent + shift) @ plane.matrix.T + plane.centre))


def grid_to_pixels(plane: PlaneMap, shift: FloatArray, part: Box, times: int) -> FloatArray:
    """(2, 3) affine: columns and rows of the chart's grid -> pixels of a part of the frame, enlarged."""
    origin = plane.matrix @ (_CORNER + shift) + plane.centre
    affine = np.empty((2, 3), dtype=np.float32)
    affine[:, :2] = plane.matrix * np.float32(times * STEP)
    affine[0, 2] = (float(origin[0]) - part.x0) * times + (times - 1) / 2
    affine[1, 2] = (float(origin[1]) - part.y0) * times + (times - 1) / 2
    return affine


def unheeding(affine: FloatArray, values: int) -> FloatArray:
    """An affine map (2, 3) of points that carry so many values along that don't count, (2, 3 + values)."""
    result = np.zeros((2, 3 + values), dtype=np.float32)
    result[:, :2], result[:, -1] = affine[:, :2], affine[:, 2]
    return result


def _stacked(points: FloatArray, value: FloatArray) -> FloatArray:
    """(h, w, 2) and (h, w) -> (h, w, 3)."""
    result = np.empty((*value.shape, 3), dtype=np.float32)
    result[..., :2], result[..., 2] = points, value
    return result


def _inverted(
    sight: Sight,
    forward: FloatArray,
    shown: FloatArray,
    rows: slice,
    loan: tuple[FloatArray, FloatArray] | None,
) -> _Side:
    """Invert one lip's field at some rows of the lattice's nodes.

    Args:
        sight: of the frame.
        forward: where the field and the head's turn move the grid (GRID_H, GRID_W, 2), steps.
        shown: what the sight says of that lip.
        rows: of nodes.
        loan: what lent lips say of that lip, and their way to their pictures.
    """
    start = sight.places[rows]
    places = start
    for _ in range(ITERATIONS):
        places = start - _sample(forward, places)
    values = _sample(shown, places)
    values[..., :2] += places
    source, height = as_float(cv2.transform(values, sight.to_source)), np.ascontiguousarray(values[..., 2])
    if loan is None:
        return _Side(rows, places, source, height, None, None, None)
    lips, to_pictures = loan
    said = _sample(lips, places)
    said[..., :2] += places
    return _Side(rows, places, source, height, as_float(cv2.transform(said, to_pictures)), said[..., 2], said[..., 3])


def _mouth_maps(sight: Sight, sides: _Sides, *, own: bool, seam: bool) -> MouthMaps | None:
    """Both lips' maps where they differ, and where lent ones go."""
    upper, lower = sides.upper, sides.lower
    above, beneath = sides.heights()
    unsure = (np.abs(above) < _FAR + 1) | (np.abs(beneath) < _FAR + 1)
    unsure |= (above > 0) != (beneath > 0)
    unsure &= sight.between
    hem = along = None
    if upper.hem is not None and lower.hem is not None:
        hem = sides.chosen(upper.hem, lower.hem)
        unsure |= hem > _HEM_RIM
    if seam and upper.along is not None and lower.along is not None:
        along = sides.chosen(upper.along, lower.along)
    rows, columns = np.flatnonzero(unsure.any(axis=1)), np.flatnonzero(unsure.any(axis=0))
    if not len(rows):
        return None
    lattice = sight.lattice
    nodes = lattice.around(slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
    part = lattice.pixels(nodes)
    if any(one.stop - one.start < 2 for one in part):
        return None

    def both(of_upper: FloatArray | None, of_lower: FloatArray | None) -> LipMaps | None:
        if of_upper is None or of_lower is None:
            return None
        # What lies on the other side is read from neither.
        whole = np.zeros((2, lattice.rows, lattice.columns, 2), dtype=np.float32)
        whole[0, upper.rows], whole[1, lower.rows] = of_upper, of_lower
        return LipMaps(lattice.spread(whole[0], nodes), lattice.spread(whole[1], nodes))

    return MouthMaps(
        part,
        above=lattice.spread(above, nodes),
        below=-lattice.spread(beneath, nodes),
        own=both(upper.source, lower.source) if own or hem is None else None,
        lent=both(upper.lent, lower.lent),
        hem=lattice.spread(hem, nodes) if hem is not None else None,
        along=lattice.spread(along, nodes) if along is not None else None,
    )


def _bounds(points: FloatArray) -> Box:
    """The smallest whole-pixel box around points (n, 2)."""
    low, high = np.floor(points.min(axis=0)), np.ceil(points.max(axis=0)) + 1
    return Box(int(low[0]), int(low[1]), int(high[0]), int(high[1]))


@dataclass(frozen=True, slots=True)
class Loan:
    """Lips lent for one frame."""

    lips: LentLips
    parting: float
    """0-1: how far they are drawn apart."""
    share: float
    """0-1: how far they replace the frame's own; below 1 the maps must hold the frame's own, too."""


def draw_lips(
    frame: Picture, maps: FaceMaps, loan: Loan | None = None, source: Enlarged | None = None
) -> tuple[Picture, FloatArray]:
    """Draw the lower face with both lips moved.

    Args:
        frame: the source.
        maps: where each pixel comes from.
        loan: lips to be drawn instead of the frame's own; the maps must be for them.
        source: the maps' reach of the frame, enlarged, where it is at hand.

    Returns:
        the picture of the maps' box (h, w, 3) uint8, and how far the mouth's inside shows in the mouth's rectangle,
        (h, w) float32 in 0-1 (empty where there is none).
    """
    if source is None:
        source = Enlarged.of(frame[maps.reach.slices])
    picture, mouth = source.read(maps.source), maps.mouth
    if mouth is None:
        return picture, np.zeros((0, 0), dtype=np.float32)
    above = np.clip(mouth.above + np.float32(0.5), 0, 1)
    below = np.clip(mouth.below + np.float32(0.5), 0, 1)
    part = picture[mouth.part]
    if mouth.own is not None:
        part[:] = _joined(source.read, source.read, mouth.own, above, below)
    if loan is not None and mouth.lent is not None and mouth.hem is not None:
        lips, parting = loan.lips, loan.parting
        lent = _joined(
            lambda places: lips.read_upper(places, parting),
            lambda places: lips.read_lower(places, parting),
            mouth.lent,
            above,
            below,
        )
        seam = lips.seam(parting)
        if seam > 0 and mouth.along is not None:
            lent = _with_seam(lent, mouth, mouth.along * np.float32(seam), max(0.6, SEAM_WIDTH * maps.eye))
        lent = _in_the_light_of(part, lent, mouth.hem)
        hem = as_float(mouth.hem * np.float32(loan.share))
        part[:] = cv2.blendLinear(lent, np.ascontiguousarray(part), hem, 1 - hem)
    return picture, np.clip(1 - above - below, 0, 1)


_Reader = Callable[[FloatArray], Picture]
"""Places (h, w, 2) -> picture (h, w, 3)."""


def _joined(upper: _Reader, lower: _Reader, lips: LipMaps, above: FloatArray, below: FloatArray) -> Picture:
    """Read each lip where it shows, and join them; (h, w, 3)."""
    rows = np.arange(len(above))
    end = int(rows[above.any(axis=1)].max(initial=-1)) + 1
    # Where they are nowhere side by side, what lies between is the mouth's inside.
    start = min(int(rows[below.any(axis=1)].min(initial=len(above))), end)
    seen = np.empty((*above.shape, 3), dtype=np.uint8)
    seen[:end] = upper(lips.upper[:end]) if end else 0
    if start < len(above):
        under = lower(lips.lower[start:])
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
    # From the middle of one half to that of the other, which is how two pixels are made many.
    gain = cv2.resize(as_float(gains)[None], hem.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.multiply(lent, gain, dtype=cv2.CV_8U), dtype=np.uint8)
