"""The smooth warp of one face's lower half, from the mouth that a frame shows to a wanted one."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mouthpiece.engines.mesh.fields import GRID, STEP, LipFields, grid_to_pixels, ignoring_values, sample, smoothstep
from mouthpiece.engines.mesh.lattice import Lattice
from mouthpiece.engines.mesh.lip_blending import LipTexture
from mouthpiece.engines.mesh.maps import FaceMaps, FrameGeometry, InvertedField, InvertedFields
from mouthpiece.engines.mesh.neutral import PlaneMap
from mouthpiece.engines.mesh.resampling import times_enlarged
from mouthpiece.types import Box, FloatArray, as_float

_BESIDE = 2
"""Pixels kept around the lower face: a bicubic reading needs so many."""
_BEYOND_SLIT = 2
"""Rows of nodes beyond the slit for which a lip's field is still worked out."""


class LipWarp:
    """The warp of one face, ready to be driven."""

    def __init__(self, neutral: FloatArray, motion_points: NDArray[np.intp]) -> None:
        """Build the fields, of a canonical shape (478, 3) with the mouth closed and the points (P,) that move."""
        self.fields = LipFields(neutral, motion_points)
        self._soft_window = smoothstep(0.0, 0.06, self.fields.window)
        self._extent = _extent(self.fields.window)

    def geometry(
        self, plane: PlaneMap, shift: FloatArray, shown: FloatArray, frame_size: tuple[int, int]
    ) -> FrameGeometry | None:
        """Work out the lower face's geometry in a frame.

        Args:
            plane: the frame's plane map.
            shift: (2,) plane: offset of the frame's mouth from its place by the pose.
            shown: (P, 2) displacement of the motion points in the mouth that the frame shows.
            frame_size: (width, height).

        Returns:
            None where the face lies outside the picture.
        """
        box = _bounds(as_float((self._extent + shift) @ plane.matrix.T + plane.centre)).clipped(*frame_size)
        if box.width < 2 or box.height < 2:
            return None
        reach = Box(box.x0 - _BESIDE, box.y0 - _BESIDE, box.x1 + _BESIDE, box.y1 + _BESIDE).clipped(*frame_size)
        # As close as the grid's nodes where a turned head brings these closest.
        lattice = Lattice(max(1, round(float(np.hypot(*plane.matrix).min()) * STEP)), box.height, box.width)
        # Places of the nodes on the grid, by the inverse of the grid's way into the picture.
        to_box = grid_to_pixels(plane, shift, box, 1)
        back, (x, y) = cv2.invertAffineTransform(to_box), lattice.places()
        places = np.empty((lattice.rows, lattice.columns, 2), dtype=np.float32)
        for axis in (0, 1):
            np.add.outer(y * back[axis, 1] + back[axis, 2], x * back[axis, 0], out=places[..., axis])
        window = np.ascontiguousarray(lattice.spread(sample(self._soft_window, places), lattice.all))
        to_source = grid_to_pixels(plane, shift, reach, times_enlarged(reach.width, reach.height))
        drift, eye = self.fields.drift(plane), plane.stretch
        height = self.fields.height * np.float32(eye)
        upper, lower = (
            as_float(np.dstack([drift + field * np.float32(1 / STEP), height])) for field in self.fields.spread(shown)
        )
        return FrameGeometry(
            box,
            reach,
            lattice,
            places,
            between=sample(self.fields.split, places) > 0,
            window=window,
            drift=drift,
            shown=(upper, lower),
            to_source=ignoring_values(to_source, 1),
            to_row=as_float((to_box[1] - [0, 0, float(y[0])]) / lattice.cell),
            eye=eye,
        )

    def maps(
        self, geometry: FrameGeometry, wanted: FloatArray, texture: LipTexture | None = None, *, own: bool = True
    ) -> FaceMaps:
        """Work out where every pixel of the lower face comes from.

        Args:
            geometry: of the frame.
            wanted: (P, 2) displacement of the motion points in the mouth that it shall show.
            texture: lips to be drawn instead of the frame's own.
            own: whether the frame's own are needed (too).
        """
        forward = [field * np.float32(1 / STEP) + geometry.drift for field in self.fields.spread(wanted)]
        rows = self._rows_along_the_slit(geometry, forward)
        own_rows = slice(0, rows.stop), slice(rows.start, geometry.lattice.rows)
        on_grid = (None, None) if texture is None else tuple((lip, texture.to_pictures) for lip in texture.on_grid)
        upper, lower = (
            InvertedField.of(geometry, *each) for each in zip(forward, geometry.shown, own_rows, on_grid, strict=True)
        )
        fields = InvertedFields.of(upper, lower, rows, self.fields.corner_columns)
        source = geometry.lattice.spread(fields.chosen(upper.source, lower.source), geometry.lattice.all)
        mouth = fields.mouth_maps(geometry, own=own, seam=texture is not None and texture.closed_seam > 0)
        return FaceMaps(geometry, source, mouth)

    def _rows_along_the_slit(self, geometry: FrameGeometry, forward: list[FloatArray]) -> slice:
        """Find the rows of the lattice with all of the slit that may show, and the inside between the lips."""
        slit = self.fields.slit
        moved = np.concatenate([slit[0] + sample(field, slit)[0] for field in forward])
        rows = moved @ geometry.to_row[:2] + geometry.to_row[2]
        last = geometry.lattice.rows
        start = min(max(int(rows.min()) - _BEYOND_SLIT, 0), last - 1)
        return slice(start, min(max(int(rows.max()) + 2 + _BEYOND_SLIT, start + 1), last))


def _extent(window: FloatArray) -> FloatArray:
    """Find points of the chart (n, 2) around all that a window on the grid shows."""
    square = np.ones((3, 3), dtype=np.uint8)
    # Interpolated, the window reaches a node further.
    drawn = cv2.dilate((window > 0).astype(np.uint8), square, borderValue=0)
    return as_float(GRID[(drawn > 0) & (cv2.erode(drawn, square, borderValue=0) == 0)])


def _bounds(points: FloatArray) -> Box:
    """Return the smallest whole-pixel box around points (n, 2)."""
    low, high = np.floor(points.min(axis=0)), np.ceil(points.max(axis=0)) + 1
    return Box(int(low[0]), int(low[1]), int(high[0]), int(high[1]))
