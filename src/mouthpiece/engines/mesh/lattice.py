"""A coarse lattice of nodes over a box of pixels, to evaluate smooth fields on and bring them to the pixels at once.

The lattice stands straight in the picture, whatever the face's tilt, so that bringing a field to the pixels is a mere
enlargement, which OpenCV does many times faster than an affine warp.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mouthpiece.types import FloatArray, as_float

Part = tuple[slice, slice]
"""Rows and columns."""


@dataclass(frozen=True, slots=True)
class Lattice:
    """Nodes in the middle of square cells that cover a box, and one cell more on each side."""

    cell: int
    """Pixels from node to node."""
    height: int
    """Rows of the box."""
    width: int
    """Columns of the box."""

    @property
    def rows(self) -> int:
        """Rows of nodes."""
        return -(-self.height // self.cell) + 2

    @property
    def columns(self) -> int:
        """Columns of nodes."""
        return -(-self.width // self.cell) + 2

    @property
    def all(self) -> Part:
        """All nodes."""
        return slice(0, self.rows), slice(0, self.columns)

    def places(self) -> tuple[FloatArray, FloatArray]:
        """Return the columns (columns,) and rows (rows,) of the box's pixels at the nodes; they may be halves."""
        first = (self.cell - 1) / 2 - self.cell
        x, y = (first + self.cell * np.arange(count, dtype=np.float32) for count in (self.columns, self.rows))
        return as_float(x), as_float(y)

    def around(self, rows: slice, columns: slice) -> Part:
        """Widen a range of nodes by their neighbours."""
        return (
            slice(max(rows.start - 1, 0), min(rows.stop + 1, self.rows)),
            slice(max(columns.start - 1, 0), min(columns.stop + 1, self.columns)),
        )

    def pixels(self, nodes: Part) -> Part:
        """Return the box's rows and columns between the outermost of some nodes; none where these lie beside it."""
        down, across = (
            slice(
                max((part.start - 1) * self.cell + self.cell // 2, 0),
                min((part.stop - 1) * self.cell - self.cell // 2, size),
            )
            for part, size in zip(nodes, (self.height, self.width), strict=True)
        )
        return down, across

    def spread(self, field: FloatArray, nodes: Part) -> FloatArray:
        """Interpolate a field between some nodes.

        Args:
            field: (rows, columns) or (rows, columns, d), of all nodes.
            nodes: those to use.

        Returns:
            (h, w) or (h, w, d) of `pixels(nodes)`; a view of something larger.
        """
        some = field[nodes]
        size = some.shape[1] * self.cell, some.shape[0] * self.cell
        large = cv2.resize(some, size, interpolation=cv2.INTER_LINEAR)
        down, across = (
            slice(part.start - (first.start - 1) * self.cell, part.stop - (first.start - 1) * self.cell)
            for part, first in zip(self.pixels(nodes), nodes, strict=True)
        )
        return as_float(large[down, across])
