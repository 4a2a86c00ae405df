"""Displacement from the closed mouth, and the basis for it."""

from __future__ import annotations

import numpy as np
import pytest
from tests.datasets.made_clips import rigged_clip, spoken_clip

from mouthpiece.datasets.motion_space import (
    JAW_NARROWS,
    MeasuredMotion,
    SpeakerHabit,
    fit_basis,
    lip_distance,
    measure_motion,
    project,
    symmetrical,
)
from mouthpiece.errors import OptionError
from mouthpiece.motion.basis import CHIN, LOWER_LIP, MOTION_POINTS, motion_row, width_of
from mouthpiece.types import FloatArray


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


def speaking(opening: FloatArray, width: FloatArray) -> MeasuredMotion:
    """A face of which lower lip, chin and corners move, and cheeks with the corners."""
    moved = np.zeros((len(opening), len(MOTION_POINTS), 3), dtype=np.float32)
    moved[:, motion_row(LOWER_LIP), 1], moved[:, motion_row(CHIN), 1] = opening, opening / 2
    for left, right, share in ((61, 291, 0.5), (207, 427, 0.1)):
        moved[:, motion_row(left), 0], moved[:, motion_row(right), 0] = -share * width, share * width
    return MeasuredMotion(moved, lip_distance(moved), width_of(moved), moved[:, motion_row(CHIN), 1])


def slope(of: FloatArray, over: FloatArray) -> float:
    return float(np.polyfit(over, of, 1)[0])


@pytest.mark.parametrize("smile", [0.4, 0.0, -0.5])
def test_a_speakers_smile_is_taken_out_and_nothing_else(smile: float) -> None:
    rng = np.random.default_rng(6)
    clips = []
    for _ in range(3):
        opening = rng.uniform(0, 0.2, 200).astype(np.float32)
        own = rng.normal(0, 0.02, 200).astype(np.float32)
        clips.append((own, speaking(opening, smile * opening + own)))
    habit = SpeakerHabit.fit([clip for _, clip in clips])
    assert habit.slope == pytest.approx(smile, abs=0.03)
    for own, clip in clips:
        made = habit.normalised(clip)
        np.testing.assert_allclose(made.opening, clip.opening, atol=1e-5)
        np.testing.assert_allclose(made.jaw, clip.jaw, atol=1e-5)
        rest = made.width - JAW_NARROWS * made.opening
        np.testing.assert_allclose(rest, own, atol=0.03 * 0.2 + 1e-4, err_msg="a width of its own stays")
        cheeks = made.displacement[:, motion_row(427), 0]
        np.testing.assert_allclose(cheeks, 0.1 * made.width, atol=1e-4, err_msg="cheeks go with the corners")
    everything = [habit.normalised(clip) for _, clip in clips]
    opening, width = (np.concatenate([getattr(clip, name) for clip in everything]) for name in ("opening", "width"))
    assert slope(width, opening) == pytest.approx(JAW_NARROWS, abs=0.01)


def test_closed_lips_have_no_habit() -> None:
    """Pauses, however long, hide nothing of what speech does."""
    rng = np.random.default_rng(7)
    opening = rng.uniform(0.03, 0.2, 200).astype(np.float32)
    own = rng.normal(0, 0.01, 200).astype(np.float32)
    pause = np.zeros(4000, dtype=np.float32)
    alone = SpeakerHabit.fit([speaking(opening, 0.4 * opening + own)])
    paused = SpeakerHabit.fit([speaking(opening, 0.4 * opening + own), speaking(pause, pause + np.float32(0.05))])
    assert paused.slope == pytest.approx(alone.slope, abs=1e-6)
    np.testing.assert_allclose(paused.mode, alone.mode, atol=1e-5)
