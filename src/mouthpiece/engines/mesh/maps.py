"""Maps of the lower face: for each pixel, where in the source it comes from."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mouthpiece.engines.mesh.fields import sample
from mouthpiece.engines.mesh.lattice import Lattice
from mouthpiece.types import Box, FloatArray, as_float

ITERATIONS = 4
"""Fixed-point steps to invert a field; each gains about a factor of three."""
_FEATHER_RIM = 0.02
"""Cover below which the lip texture ends."""
_FAR = 3.0
"""Pixels from the slit beyond which a pixel is surely one lip's alone."""
_SURELY = 1e4
"""Height in pixels given to nodes that are further from it."""


@dataclass(frozen=True, slots=True)
class FrameGeometry:
    """The lower face in a frame: all of its maps that does not depend on the wanted motion."""

    box: Box
    """The region that may move, inside the frame."""
    reach: Box
    """The part of the frame that its pixels come from."""
    lattice: Lattice
    """Over `box`."""
    places: FloatArray
    """(rows, columns, 2): places of the lattice's nodes on the chart's grid, in its columns and rows."""
    between: NDArray[np.bool_]
    """(rows, columns): which nodes of the lattice lie between the mouth's corners."""
    window: FloatArray
    """(h, w) 0-1: 1 where the warp acts, falling to 0 at the rim."""
    drift: FloatArray
    """(GRID_H, GRID_W, 2): how the head's turn moves the chart, in steps of its grid."""
    shown: tuple[FloatArray, FloatArray]
    """(GRID_H, GRID_W, 3): for the upper and the lower lip's field the drift plus the field of the shown mouth, steps
    of the grid; and the height over the slit in pixels."""
    to_source: FloatArray
    """(2, 4) affine: grid's columns and rows (and a third value, ignored) -> pixels of `reach`, enlarged."""
    to_row: FloatArray
    """(3,) affine: grid's columns and rows -> row of the lattice."""
    eye: float
    """Pixels of one outer eye distance."""


LipMaps = tuple[FloatArray, FloatArray]
"""For each pixel of the mouth's rectangle the place in an enlarged picture to read the upper lip, and the lower lip at,
(h, w, 2) each."""


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
    texture: LipMaps | None
    """Into the pictures of the lip texture."""
    feather: FloatArray | None
    """(h, w) 0-1: opacity of the lip texture."""
    along: FloatArray | None
    """(h, w) 0-1: whether the slit goes so far to the side; None where no line is to be drawn along it."""

    def cropped(self, rows: slice, columns: slice) -> MouthMaps:
        """Crop to a part of the rectangle, without the lips' maps: for the inside between them."""
        down, right = self.part
        part = (
            slice(down.start + rows.start, down.start + rows.stop),
            slice(right.start + columns.start, right.start + columns.stop),
        )
        return MouthMaps(part, self.above[rows, columns], self.below[rows, columns], None, None, None, None)


@dataclass(frozen=True, slots=True)
class FaceMaps:
    """For each pixel of the lower face: the place in the source to read it at."""

    geometry: FrameGeometry
    source: FloatArray
    """(h, w, 2), of the geometry's box: place in its reach, enlarged; meaningless inside the mouth's rectangle."""
    mouth: MouthMaps | None
    """None where the mouth lies outside the picture."""


@dataclass(frozen=True, slots=True)
class InvertedField:
    """One lip's field, inverted at the nodes of some rows of the lattice."""

    rows: slice
    places: FloatArray
    """(rows, columns, 2) of the chart's grid."""
    source: FloatArray
    """(rows, columns, 2) place in the frame's reach, enlarged."""
    height: FloatArray
    """(rows, columns) pixels over the slit."""
    texture: FloatArray | None
    """(rows, columns, 4): place in the lip texture's enlarged picture, its opacity, whether the slit goes so far."""

    @classmethod
    def of(
        cls,
        geometry: FrameGeometry,
        forward: FloatArray,
        shown: FloatArray,
        rows: slice,
        texture: tuple[FloatArray, FloatArray] | None,
    ) -> InvertedField:
        """Invert a field by fixed-point iteration.

        Args:
            geometry: of the frame.
            forward: displacement of the grid by the field and the head's turn (GRID_H, GRID_W, 2), steps.
            shown: the geometry's `shown` of that lip.
            rows: of nodes.
            texture: the lip texture's values of that lip on the grid, and the affine map into its pictures.
        """
        start = geometry.places[rows]
        places = start
        for _ in range(ITERATIONS):
            places = start - sample(forward, places)
        values = sample(shown, places)
        values[..., :2] += places
        source, height = as_float(cv2.transform(values, geometry.to_source)), np.ascontiguousarray(values[..., 2])
        if texture is None:
            return cls(rows, places, source, height, None)
        on_grid, to_pictures = texture
        values = sample(on_grid, places)
        values[..., :2] += places
        values[..., :2] = cv2.transform(values, to_pictures)
        return cls(rows, places, source, height, values)


@dataclass(frozen=True, slots=True)
class InvertedFields:
    """Both lips' fields, inverted; where only one is, the other lip is out of reach."""

    upper: InvertedField
    """From the first row on."""
    lower: InvertedField
    """To the last row."""
    over: NDArray[np.bool_]
    """(rows, columns) of the rows that both have: whether the upper lip shows there."""

    @classmethod
    def of(
        cls, upper: InvertedField, lower: InvertedField, rows: slice, corner_columns: tuple[float, float]
    ) -> InvertedFields:
        """Join both fields, which share `rows`; beyond the corners, where there is no slit, they are made to agree."""
        above, x = upper.height[rows], upper.places[rows, :, 0]
        left, right = corner_columns
        shared = lower.height[: rows.stop - rows.start]
        np.copyto(shared, above, where=(x < left) | (x > right))
        return cls(upper, lower, above > 0)

    def chosen(self, upper: FloatArray, lower: FloatArray) -> FloatArray:
        """Choose, of values at the fields' own rows, those of the lip that shows at each node of the lattice."""
        both, rows = slice(self.lower.rows.start, self.upper.rows.stop), self.lower.rows.stop
        result = np.empty((rows, *upper.shape[1:]), dtype=np.float32)
        result[: both.start] = upper[: both.start]
        result[both.stop :] = lower[both.stop - both.start :]
        over = self.over if upper.ndim == 2 else self.over[..., None]
        result[both] = np.where(over, upper[both], lower[: both.stop - both.start])
        return result

    def mouth_maps(self, geometry: FrameGeometry, *, own: bool, seam: bool) -> MouthMaps | None:
        """Map both lips where they differ, and where the lip texture goes.

        Args:
            geometry: of the frame.
            own: whether the frame's own lips are needed.
            seam: whether a line is drawn along the slit.
        """
        upper, lower = self.upper, self.lower
        above, beneath = self._heights()
        unsure = (np.abs(above) < _FAR + 1) | (np.abs(beneath) < _FAR + 1)
        unsure |= (above > 0) != (beneath > 0)
        unsure &= geometry.between
        feather = along = None
        if upper.texture is not None and lower.texture is not None:
            feather = self.chosen(upper.texture[..., 2], lower.texture[..., 2])
            unsure |= feather > _FEATHER_RIM
            if seam:
                along = self.chosen(upper.texture[..., 3], lower.texture[..., 3])
        rows, columns = np.flatnonzero(unsure.any(axis=1)), np.flatnonzero(unsure.any(axis=0))
        if not len(rows):
            return None
        lattice = geometry.lattice
        nodes = lattice.around(slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
        part = lattice.pixels(nodes)
        if any(one.stop - one.start < 2 for one in part):
            return None

        def both(of_upper: FloatArray | None, of_lower: FloatArray | None) -> LipMaps | None:
            if of_upper is None or of_lower is None:
                return None
            # Beyond the slit neither lip is read.
            whole = np.zeros((2, lattice.rows, lattice.columns, 2), dtype=np.float32)
            whole[0, upper.rows], whole[1, lower.rows] = of_upper[..., :2], of_lower[..., :2]
            return (lattice.spread(whole[0], nodes), lattice.spread(whole[1], nodes))

        return MouthMaps(
            part,
            above=lattice.spread(above, nodes),
            below=-lattice.spread(beneath, nodes),
            own=both(upper.source, lower.source) if own or feather is None else None,
            texture=both(upper.texture, lower.texture),
            feather=lattice.spread(feather, nodes) if feather is not None else None,
            along=lattice.spread(along, nodes) if along is not None else None,
        )

    def _heights(self) -> tuple[FloatArray, FloatArray]:
        """Return (rows, columns) of the whole lattice: pixels over the slit by the upper and the lower lip's field."""
        whole = self.lower.rows.stop, self.upper.height.shape[1]
        upper, lower = np.full(whole, -_SURELY, dtype=np.float32), np.full(whole, _SURELY, dtype=np.float32)
        upper[self.upper.rows], lower[self.lower.rows] = self.upper.height, self.lower.height
        return upper, lower
