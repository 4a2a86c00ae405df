"""How far a network opens and widens the mouth, measured and kept."""

from __future__ import annotations

import shutil
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
from tests.datasets.made_clips import spoken_clip

from mouthpiece.errors import InputError
from mouthpiece.motion.basis import OpeningRange, WidthRange, load_basis, load_ranges
from mouthpiece.motion.network import WEIGHTS, basis_path
from mouthpiece.motion.stream import MotionStream
from mouthpiece.training.motion.ranges import keep_ranges, measure_ranges
from mouthpiece.types import FloatArray


@pytest.fixture(scope="module")
def speeches() -> list[FloatArray]:
    return [spoken_clip(f"habit{i}").samples for i in range(10)]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A copy of the shipped network that may be written to."""
    copy = tmp_path / WEIGHTS.name
    shutil.copy(WEIGHTS, copy)
    shutil.copy(basis_path(WEIGHTS), basis_path(copy))
    return copy


def test_a_habit_is_measured_and_kept(weights: Path, speeches: list[FloatArray]) -> None:
    ranges = measure_ranges(weights, speeches)
    assert 0.001 < ranges[0].low < ranges[0].high < 0.25
    assert -0.2 < ranges[1].narrow < ranges[1].middle < ranges[1].wide < 0.2
    before = load_basis(basis_path(weights))
    keep_ranges(weights, *ranges)
    opening, width = load_ranges(basis_path(weights))
    assert astuple(opening) == pytest.approx(astuple(ranges[0]))
    assert astuple(width) == pytest.approx(astuple(ranges[1]))
    basis, geometry = load_basis(basis_path(weights))
    assert geometry == before[1]
    assert np.array_equal(basis.components, before[0].components)


def test_a_network_that_opens_twice_as_far_is_played_alike(weights: Path, speeches: list[FloatArray]) -> None:
    """With another unit in its basis the same network opens twice as far; its habit makes up for it."""
    keep_ranges(weights, *measure_ranges(weights, speeches))
    wide = weights.with_name("wide.onnx")
    shutil.copy(weights, wide)
    with np.load(basis_path(weights)) as file:
        arrays = dict(file)
    np.savez_compressed(basis_path(wide), **{**arrays, "components": 2 * arrays["components"]})
    near, far = (measure_ranges(path, speeches) for path in (weights, wide))
    assert far[0].high == pytest.approx(2 * near[0].high, rel=1e-3)
    assert far[1].middle == pytest.approx(2 * near[1].middle, abs=2e-4)
    keep_ranges(wide, *far)
    assert _played_high(wide, speeches[0]) == pytest.approx(_played_high(weights, speeches[0]), rel=0.05)


def _played_high(weights: Path, samples: FloatArray) -> float:
    from mouthpiece.datasets.motion_curves import chunks_of, play_on

    curves, _ = play_on(MotionStream(weights=weights), chunks_of(samples), np.arange(70) / 25)
    return float(np.percentile(curves.opening, 90))


def test_too_little_speech_is_told(weights: Path, speeches: list[FloatArray]) -> None:
    with pytest.raises(InputError, match=r"expected 10 s of speech .* heard"):
        measure_ranges(weights, speeches[:1])
    with pytest.raises(InputError, match=r"heard 0\.0 s"):
        measure_ranges(weights, [])


def test_a_basis_without_a_habit_has_the_usual_one(tmp_path: Path) -> None:
    with np.load(basis_path(WEIGHTS)) as file:
        arrays = {name: file[name] for name in file.files if name not in ("habit", "widths")}
    np.savez_compressed(tmp_path / "old.npz", **arrays)
    assert load_ranges(tmp_path / "old.npz") == (OpeningRange(), WidthRange())
    assert MotionStream().basis.size == load_basis(tmp_path / "old.npz")[0].size
