"""Finding where closed lips touch, in strips drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest
from tests.engines.mesh.rig import Puppet

from mouthpiece.engines.mesh import topology as topo
from mouthpiece.engines.mesh.neutral import PlaneMap
from mouthpiece.engines.mesh.seam import (
    CLOSED_OPENING,
    COLUMNS,
    NO_EDGES,
    REACH,
    ROWS,
    LipStrip,
    find_edges,
    lip_strip,
)
from mouthpiece.types import FloatArray, TrackedFrame

LIP, DARK, TOOTH = (170, 90, 90), (70, 30, 30), (225, 215, 205)
ROW = 2 * REACH / (ROWS - 1)
"""Height of a row, outer eye distances."""
MIDDLE = ROWS // 2


def strip(seam: FloatArray, teeth: int = 0, gap: float = 0.0) -> LipStrip:
    """Lips with a dark line at the given rows, and below it as many rows of teeth."""
    rgb = np.empty((ROWS, COLUMNS, 3), np.float32)
    rgb[:] = LIP
    for column, row in enumerate(np.round(seam).astype(int)):
        rgb[row - 1 : row + 2, column] = DARK
        rgb[row + 2 : row + 2 + teeth, column] = TOOTH
    return LipStrip(rgb, np.full(COLUMNS, gap, np.float32), gap)


@pytest.mark.parametrize("rows", [-9, -4, 0, 5, 10])
def test_a_seam_beside_the_landmarks_is_found(rows: int) -> None:
    edges = find_edges([strip(np.full(COLUMNS, MIDDLE + rows))])
    assert edges.upper == pytest.approx(np.full(COLUMNS, rows * ROW), abs=1.5 * ROW)
    assert edges.lower == pytest.approx(edges.upper, abs=1e-6)


def test_a_curved_seam_is_followed() -> None:
    bow = MIDDLE + 6 * np.sin(np.linspace(0, np.pi, COLUMNS))
    edges = find_edges([strip(bow)])
    assert edges.upper == pytest.approx((bow - MIDDLE) * ROW, abs=2 * ROW)


def test_what_the_landmarks_take_for_a_gap_is_taken_back() -> None:
    edges = find_edges([strip(np.full(COLUMNS, MIDDLE), gap=0.016)])
    assert edges.upper == pytest.approx(np.full(COLUMNS, 0.008), abs=1.5 * ROW)
    assert edges.lower == pytest.approx(np.full(COLUMNS, -0.008), abs=1.5 * ROW)


def test_teeth_between_the_lips_are_no_lip() -> None:
    edges = find_edges([strip(np.full(COLUMNS, MIDDLE - 3), teeth=6, gap=0.03)])
    between = (edges.lower + 0.015) - (edges.upper - 0.015)
    assert np.median(between) > 5 * ROW


def test_smooth_skin_tells_nothing() -> None:
    flat = LipStrip(np.full((ROWS, COLUMNS, 3), 150, np.float32), np.zeros(COLUMNS, np.float32), 0.0)
    edges = find_edges([flat])
    assert np.abs(edges.upper).max() < 1e-6


def test_noise_is_averaged_over_frames() -> None:
    rng = np.random.default_rng(4)
    clean = strip(np.full(COLUMNS, MIDDLE + 5))
    noisy = [
        LipStrip((clean.rgb + rng.normal(0, 25, clean.rgb.shape)).astype(np.float32), clean.gap, 0.0) for _ in range(12)
    ]
    assert find_edges(noisy).upper == pytest.approx(np.full(COLUMNS, 5 * ROW), abs=2 * ROW)


def test_open_mouths_are_left_to_the_landmarks() -> None:
    assert find_edges([]) is NO_EDGES
    assert find_edges([strip(np.full(COLUMNS, MIDDLE), gap=0.09)]) is NO_EDGES
    assert not NO_EDGES.correction(np.random.default_rng(0).random((478, 3)).astype(np.float32)).any()


def test_closed_frames_are_preferred_to_open_ones() -> None:
    shut, ajar = strip(np.full(COLUMNS, MIDDLE + 6)), strip(np.full(COLUMNS, MIDDLE - 6), gap=0.03)
    assert find_edges([ajar, shut]).upper == pytest.approx(find_edges([shut]).upper)


def test_corrections_fade_from_the_inner_rim_outwards(puppets: dict[str, Puppet]) -> None:
    neutral = puppets["woman_portrait"].engine._people[0].neutral
    shift = find_edges([strip(np.full(COLUMNS, MIDDLE + 5))]).correction(neutral)
    assert shift.shape == (478,)
    inner, middle, outer = (float(np.median(shift[p])) for p in (topo.INNER_UPPER, topo.MIDDLE_UPPER, topo.OUTER_UPPER))
    assert inner > middle > outer == 0
    lips = np.concatenate([topo.UPPER_LIP, topo.LOWER_LIP])
    assert not np.delete(shift, lips).any()


def test_strips_of_photos_have_the_lips_in_them(portraits: dict[str, TrackedFrame]) -> None:
    """The seam of a real closed mouth is darker than the lips around it."""
    tracked = portraits["woman_portrait"]
    assert tracked.face is not None
    found = lip_strip(tracked.frame.rgb, tracked.face, PlaneMap.of(tracked.face, 1.0))
    assert found.rgb.shape == (ROWS, COLUMNS, 3)
    assert found.opening == pytest.approx(0, abs=CLOSED_OPENING)
    luma = found.rgb.mean(axis=2)[:, COLUMNS // 4 : -COLUMNS // 4]
    assert luma.min(axis=0).mean() < 0.8 * np.median(luma)
