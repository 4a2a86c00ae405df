"""How far a network opens the mouth, measured and kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.datasets.made_clips import spoken_clip

from mouthpiece.errors import InputError
from mouthpiece.motion.basis import OpeningRange, load_basis, load_opening_range
from mouthpiece.motion.network import WEIGHTS, basis_path
from mouthpiece.motion.stream import MotionStream
from mouthpiece.training.motion.opening_range import keep_opening_range, measure_opening_range
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
    opening_range = measure_opening_range(weights, speeches)
    assert 0.001 < opening_range.low < opening_range.high < 0.2
    before = load_basis(basis_path(weights))
    keep_opening_range(weights, opening_range)
    kept = load_opening_range(basis_path(weights))
    assert kept.low == pytest.approx(opening_range.low) and kept.high == pytest.approx(opening_range.high)
    basis, geometry = load_basis(basis_path(weights))
    assert geometry == before[1]
    assert np.array_equal(basis.components, before[0].components)


def test_a_network_that_opens_twice_as_far_is_played_alike(weights: Path, speeches: list[FloatArray]) -> None:
    """With another unit in its basis the same network opens twice as far; its habit makes up for it."""
    keep_opening_range(weights, measure_opening_range(weights, speeches))
    wide = weights.with_name("wide.onnx")
    shutil.copy(weights, wide)
    with np.load(basis_path(weights)) as file:
        arrays = dict(file)
    np.savez_compressed(basis_path(wide), **{**arrays, "components": 2 * arrays["components"]})
    near, far = (measure_opening_range(path, speeches) for path in (weights, wide))
    assert far.high == pytest.approx(2 * near.high, rel=1e-3)
    keep_opening_range(wide, far)
    assert _played_high(wide, speeches[0]) == pytest.approx(_played_high(weights, speeches[0]), rel=0.05)


def _played_high(weights: Path, samples: FloatArray) -> float:
    from mouthpiece.datasets.motion_curves import chunks_of, play_on

    curves, _ = play_on(MotionStream(weights=weights), chunks_of(samples), np.arange(70) / 25)
    return float(np.percentile(curves.opening, 90))


def test_too_little_speech_is_told(weights: Path, speeches: list[FloatArray]) -> None:
    with pytest.raises(InputError, match=r"expected 10 s of speech .* heard"):
        measure_opening_range(weights, speeches[:1])
    with pytest.raises(InputError, match=r"heard 0\.0 s"):
        measure_opening_range(weights, [])


def test_a_basis_without_a_habit_has_the_usual_one(tmp_path: Path) -> None:
    with np.load(basis_path(WEIGHTS)) as file:
        arrays = {name: file[name] for name in file.files if name != "habit"}
    np.savez_compressed(tmp_path / "old.npz", **arrays)
    assert load_opening_range(tmp_path / "old.npz") == OpeningRange()
    assert MotionStream().basis.size == load_basis(tmp_path / "old.npz")[0].size
