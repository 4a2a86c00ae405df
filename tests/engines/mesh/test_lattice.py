"""Fields brought from a lattice's nodes to pixels."""

from __future__ import annotations

import numpy as np
import pytest

from mouthpiece.engines.mesh.lattice import Lattice
from mouthpiece.types import FloatArray

SIZES = [(1, 7, 9), (2, 31, 20), (4, 40, 41), (5, 64, 63), (7, 3, 50)]


def slope(lattice: Lattice) -> FloatArray:
    """(rows, columns, 2): the column and the row of each node."""
    x, y = lattice.places()
    return np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32)


@pytest.mark.parametrize(("cell", "height", "width"), SIZES)
def test_a_slope_comes_back_exactly(cell: int, height: int, width: int) -> None:
    lattice = Lattice(cell, height, width)
    field = slope(lattice)
    assert field.shape == (lattice.rows, lattice.columns, 2)
    assert lattice.pixels(lattice.all) == (slice(0, height), slice(0, width))
    spread = lattice.spread(field, lattice.all)
    assert spread[..., 0] == pytest.approx(np.tile(np.arange(width), (height, 1)), abs=1e-4)
    assert spread[..., 1] == pytest.approx(np.tile(np.arange(height)[:, None], (1, width)), abs=1e-4)


@pytest.mark.parametrize(("cell", "height", "width"), SIZES)
def test_a_part_is_part_of_the_whole(cell: int, height: int, width: int) -> None:
    lattice = Lattice(cell, height, width)
    field = np.random.default_rng(1).random((lattice.rows, lattice.columns), dtype=np.float32)
    nodes = lattice.around(slice(1, lattice.rows - 1), slice(2, 3))
    part = lattice.pixels(nodes)
    assert lattice.spread(field, nodes) == pytest.approx(lattice.spread(field, lattice.all)[part], abs=1e-6)
