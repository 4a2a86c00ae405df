"""The chart's grid over the lower face, and the two displacement fields on it, which agree but at the mouth's slit.

A field is a displacement of the chart, given at the motion points and spread by Gaussian radial basis functions. The
upper lip and the lower lip move by fields of their own; the difference between the two is held at zero outside the
mouth's corners, so that nothing can open there. A tapering window stills the rim.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mouthpiece.engines.mesh import topology as topo
from mouthpiece.engines.mesh.neutral import PlaneMap
from mouthpiece.engines.mesh.resampling import remap
from mouthpiece.types import Box, FloatArray, as_float

# The lower face with a margin, in outer eye distances. Linear interpolation between nodes errs by about
# STEP^2 / 8 * displacement / REACH^2: a tenth of a pixel on a face that fills a 720p picture.
X0, X1, Y0, Y1 = -0.72, 0.72, 0.21, 1.68
STEP = 0.03
GRID_W, GRID_H = round((X1 - X0) / STEP) + 1, round((Y1 - Y0) / STEP) + 1
_CORNER = np.array([X0, Y0], dtype=np.float32)


def _grid() -> FloatArray:
    x, y = np.meshgrid(np.linspace(X0, X1, GRID_W), np.linspace(Y0, Y1, GRID_H))
    return np.stack([x, y], axis=-1).astype(np.float32)


GRID = _grid()
"""(GRID_H, GRID_W, 2): chart coordinates of the nodes."""
REACH = 0.16
"""Standard deviation of the radial basis functions."""
STIFFNESS = 0.03
"""Regularisation of the interpolation: how much measuring noise to iron out."""
_LEAST_STRENGTH = 0.005
"""How strong a pattern of displacements must be, against that, to be spread at all."""
SPLIT_TAPER = 0.05
"""Over what distance inside the corners the two fields part."""
_SPLIT_BEFORE = 0.005
"""How far outside them they begin to."""
SLIT_BEYOND = 0.3
"""Where between the mesh's inner (0) and outer (1) corners the lips' line ends."""
_BEYOND = (0.5, 0.3)
"""Distance from the slit up to which a lip's field is held as it is at the slit, the other way about."""
_ALONE = 1 << 18
"""Multiplications in one product up to which BLAS starts no threads of its own."""


class LipFields:
    """The operators that spread one face's motion over the chart, once for each lip."""

    def __init__(self, neutral: FloatArray, motion_points: NDArray[np.intp]) -> None:
        """Build the operators.

        Args:
            neutral: (478, 3) canonical shape with the mouth closed.
            motion_points: (P,) numbers of the points that move.
        """
        points = np.asarray(motion_points)
        self._neutral = neutral
        # The mesh's inner corners lie inside the picture's: a dark line goes on, and must part too.
        ends = (1 - SLIT_BEYOND) * neutral[[78, 308], :2] + SLIT_BEYOND * neutral[[61, 291], :2]
        corners = as_float(ends)
        seam = as_float(np.concatenate([corners, neutral[topo.INNER_UPPER, :2]]))
        seam = seam[np.argsort(seam[:, 0])]
        self._upper_rows, self._lower_rows = _rows_of_lips(neutral[points], points, seam, corners)
        self.window = _window(neutral)
        """(GRID_H, GRID_W) 0-1: where the face may move."""
        columns = GRID[0, :, 0]
        slit_row = as_float(np.interp(columns, seam[:, 0], seam[:, 1]))[None]
        slit_y = as_float(cv2.GaussianBlur(slit_row, (5, 1), 0.8, borderType=cv2.BORDER_REPLICATE))[0]
        self.height = as_float(slit_y[None, :] - GRID[..., 1])
        """(GRID_H, GRID_W): chart height over the closed lips' line."""
        left, right = float(corners[:, 0].min()), float(corners[:, 0].max())
        self.corners_x = (left, right)
        self.corner_columns = (left - _SPLIT_BEFORE - X0) / STEP, (right + _SPLIT_BEFORE - X0) / STEP
        """Columns of the grid between which the fields differ."""
        between = (columns > left - STEP) & (columns < right + STEP)
        places = np.column_stack([np.flatnonzero(between), (slit_y[between] - Y0) / STEP])
        self.slit = np.ascontiguousarray(as_float(places)[None])
        """(1, n, 2): columns and rows of the grid along the closed lips' line."""
        inside = np.minimum(GRID[..., 0] - left, right - GRID[..., 0])
        self.split = smoothstep(-_SPLIT_BEFORE, SPLIT_TAPER, inside)
        """(GRID_H, GRID_W) 0-1: 1 between the corners, 0 beyond them."""
        self._half_split = self.split / 2
        # Beyond the slit a lip's field shows nowhere; left to run out there it would be too steep to be inverted.
        first_below = np.argmax(GRID[..., 1] >= slit_y[None, :], axis=0)
        rows = np.arange(GRID_H)[:, None]
        self._spread_upper = self._operator(points[self._upper_rows], np.minimum(rows, first_below[None]))
        self._spread_lower = self._operator(points[self._lower_rows], np.maximum(rows, first_below[None] - 1))
        self._depth = self._depth_over_grid(points)

    def _operator(self, points: NDArray[np.intp], nearest: NDArray[np.intp]) -> _SpreadOperator:
        """Spread displacements of points over the grid, by radial basis functions within the window.

        Args:
            points: (n,) of the mesh.
            nearest: (GRID_H, GRID_W) for each node the row of its column whose value counts beyond the slit.
        """
        gram, over_grid = _gaussians(self._neutral[points, :2])
        strength, shapes = np.linalg.eigh(gram)
        # The others are so weak against the noise that they are ironed out anyway.
        clear = strength > _LEAST_STRENGTH * STIFFNESS
        spread = over_grid @ as_float(shapes[:, clear] / (strength[clear] + STIFFNESS)) * self.window.reshape(-1, 1)
        # Beyond the slit a lip's field has the value at the slit, within the corners.
        grid = spread.reshape(GRID_H, GRID_W, -1)
        held = (smoothstep(*_BEYOND, np.abs(self.height)) * self.split)[..., None]
        grid = grid + (grid[nearest, np.arange(GRID_W)] - grid) * held
        return _SpreadOperator(as_float(shapes[:, clear]), as_float(grid.reshape(spread.shape)))

    def _depth_over_grid(self, points: NDArray[np.intp]) -> FloatArray:
        """Interpolate the depth of the face, given that of points (n,), over the grid; (GRID_H, GRID_W)."""
        gram, over_grid = _gaussians(self._neutral[points, :2])
        depth, middle = self._neutral[points, 2], self._neutral[points, 2].mean()
        weights = np.linalg.solve(gram + STIFFNESS * np.eye(len(points)), depth - middle)
        return as_float(over_grid @ as_float(weights) + middle).reshape(GRID_H, GRID_W)

    def spread(self, displacement: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Spread the displacement of the motion points (P, 2) over the chart.

        Returns:
            (GRID_H, GRID_W, 2) each: the upper lip's field, the lower lip's.
        """
        upper = self._spread_upper(displacement[self._upper_rows])
        lower = self._spread_lower(displacement[self._lower_rows])
        middle, half = (upper + lower) * np.float32(0.5), (lower - upper) * self._half_split
        return as_float(cv2.merge(list(middle - half))), as_float(cv2.merge(list(middle + half)))

    def drift(self, plane: PlaneMap) -> FloatArray:
        """Compute how a turned head moves the chart, (GRID_H, GRID_W, 2) in steps of its grid."""
        return as_float(self._depth[..., None] * (plane.slant / np.float32(STEP)))


class _SpreadOperator:
    """A linear operator from displacements of points to a field on the grid."""

    def __init__(self, to_shapes: FloatArray, shapes: FloatArray) -> None:
        """Lay the operator out for speed: points' displacements -> amounts of shapes (n, r) -> grid (nodes, r)."""
        self._to_shapes = to_shapes
        # In pieces: a product of all would wake BLAS threads, which wait for each other under load.
        size = max(1, _ALONE // (2 * shapes.shape[1]))
        self._pieces = [np.ascontiguousarray(shapes[at : at + size].T) for at in range(0, len(shapes), size)]

    def __call__(self, displacements: FloatArray) -> FloatArray:
        """Apply it to displacements (n, 2); (2, GRID_H, GRID_W)."""
        amounts = displacements.T @ self._to_shapes
        products = [amounts @ piece for piece in self._pieces]
        return as_float(np.concatenate(products, axis=1).reshape(2, GRID_H, GRID_W))


def _rows_of_lips(
    shape: FloatArray, points: NDArray[np.intp], seam: FloatArray, corners: FloatArray
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find the motion points that drive the upper lip's field, and the lower lip's; those beside the mouth drive both.

    `shape` (P, 3) is that of the motion points, `points` (P,) their numbers, `seam` (n, 2) the closed lips' line by x,
    `corners` (2, 2) its ends.
    """
    upper_only = np.setdiff1d(topo.UPPER_LIP, topo.CORNERS)
    lower_only = np.setdiff1d(topo.LOWER_LIP, topo.CORNERS)
    seam_y = np.interp(shape[:, 0], seam[:, 0], seam[:, 1])
    between = (shape[:, 0] > corners[:, 0].min()) & (shape[:, 0] < corners[:, 0].max())
    is_upper = np.isin(points, upper_only) | (between & (shape[:, 1] < seam_y) & ~np.isin(points, lower_only))
    is_lower = np.isin(points, lower_only) | (between & (shape[:, 1] >= seam_y) & ~is_upper)
    is_lower &= ~np.isin(points, topo.CORNERS)
    is_upper &= ~np.isin(points, topo.CORNERS)
    return np.flatnonzero(~is_lower), np.flatnonzero(~is_upper)


def _window(neutral: FloatArray) -> FloatArray:
    """Return (GRID_H, GRID_W) 0-1: where the face may move, from under the nose to under the chin, cheek to cheek."""
    nose_y = float(neutral[topo.NOSE_BASE, 1].mean())
    chin_y = float(neutral[topo.CHIN, 1])
    x, y = GRID[..., 0], GRID[..., 1]
    half = 0.68
    top = smoothstep(nose_y - 0.20, nose_y + 0.02, y)
    # Beside the nose the cheeks follow the mouth from higher up.
    # The lowest chins leave less room to the grid's end, where all must be still.
    bottom = smoothstep(min(chin_y + 0.36, Y1), chin_y + 0.02, y)
    side = smoothstep(half, half - 0.32, np.abs(x))
    return (top * bottom * side).astype(np.float32)


def _gaussians(positions: FloatArray) -> tuple[NDArray[np.float64], FloatArray]:
    """Evaluate radial basis functions around positions (n, 2).

    Returns:
        their values at the positions (n, n), and on the grid (GRID_H * GRID_W, n).
    """

    def gaussian(a: FloatArray, b: FloatArray) -> NDArray[np.float64]:
        distance = a.astype(np.float64)[:, None] - b.astype(np.float64)[None]
        return np.asarray(np.exp(-(distance**2) / (2 * REACH**2)))

    x, y = positions[:, 0], positions[:, 1]
    # On a grid the kernel of both axes is a product of one for each.
    rows, columns = as_float(gaussian(GRID[:, 0, 1], y)), as_float(gaussian(GRID[0, :, 0], x))
    return gaussian(x, x) * gaussian(y, y), (rows[:, None] * columns[None]).reshape(GRID_H * GRID_W, -1)


def sample(field: FloatArray, places: FloatArray) -> FloatArray:
    """Read a field (GRID_H, GRID_W, d) at columns and rows of the grid (h, w, 2), bilinearly."""
    return as_float(remap(field, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def smoothstep(edge0: float, edge1: float, value: FloatArray) -> FloatArray:
    """Return 0 below edge0, 1 above edge1, smooth between; the edges may be swapped."""
    t = np.clip((value - edge0) / (edge1 - edge0), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


def grid_to_pixels(plane: PlaneMap, shift: FloatArray, part: Box, times: int) -> FloatArray:
    """Return the (2, 3) affine from columns and rows of the grid to pixels of a part of the frame, enlarged."""
    origin = plane.matrix @ (_CORNER + shift) + plane.centre
    affine = np.empty((2, 3), dtype=np.float32)
    affine[:, :2] = plane.matrix * np.float32(times * STEP)
    affine[0, 2] = (float(origin[0]) - part.x0) * times + (times - 1) / 2
    affine[1, 2] = (float(origin[1]) - part.y0) * times + (times - 1) / 2
    return affine


def ignoring_values(affine: FloatArray, values: int) -> FloatArray:
    """Widen an affine map (2, 3) to points that carry so many further values, which it ignores: (2, 3 + values)."""
    result = np.zeros((2, 3 + values), dtype=np.float32)
    result[:, :2], result[:, -1] = affine[:, :2], affine[:, 2]
    return result
