"""Displacement from the closed mouth, and the basis for it."""

from __future__ import annotations

import numpy as np
import pytest
from tests.datasets.made_clips import rigged_clip, spoken_clip

from mouthpiece.datasets.motion_space import fit_basis, measure_motion, project, symmetrical
from mouthpiece.errors import OptionError


def test_the_opening_is_found_again() -> None:
    clip = spoken_clip("a")
    assert clip.landmarks is not None
    true = clip.landmarks[:, 14, 1] - clip.landmarks[:, 13, 1]
    measured = measure_motion(clip)
    assert np.corrcoef(measured.opening, true)[0, 1] > 0.995
    assert abs(np.percentile(measured.opening, 5)) < 0.003
    assert measured.opening.max() == pytest.approx(0.08, abs=0.006)
    assert np.corrcoef(measured.jaw, true)[0, 1] > 0.98
    assert np.corrcoef(measured.width, true)[0, 1] < -0.9


def test_one_sided_motion_becomes_even() -> None:
    rng = np.random.default_rng(0)
    even = symmetrical(rng.normal(size=(4, 174, 3)).astype(np.float32))
    np.testing.assert_allclose(symmetrical(even), even, atol=1e-6)


def test_the_basis_says_what_it_was_fitted_to() -> None:
    clips = [measure_motion(spoken_clip(name)) for name in "abc"]
    basis = fit_basis(clips, 4)
    motion = np.concatenate([clip.displacement for clip in clips])
    coefficients = project(motion, basis.components)
    np.testing.assert_allclose((coefficients**2).mean(axis=0), 1, rtol=0.02)
    assert basis.opening_weights[0] > 0
    opening = np.concatenate([clip.opening for clip in clips])
    assert np.corrcoef(basis.opening(coefficients), opening)[0, 1] > 0.99
    made = np.stack([basis.displacement(row) for row in coefficients])
    assert np.abs(made - motion).mean() < 0.001


def test_rigs_have_no_shape_to_measure() -> None:
    with pytest.raises(OptionError, match="rig curves"):
        measure_motion(rigged_clip("a"))
