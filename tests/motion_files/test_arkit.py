"""From ARKit's blendshapes back to motion: the formulas' other direction."""

from __future__ import annotations

import numpy as np
import pytest

from mouthpiece.motion.basis import MOTION_POINTS, MotionBasis
from mouthpiece.motion.blendshapes import ARKIT_NAMES, JAW_FULL, Readings, blendshapes
from mouthpiece.motion.shaping import MAX_OPENING
from mouthpiece.motion_files.arkit import COLUMNS, mouth_motion
from mouthpiece.types import FloatArray


def mouth(**weights: float) -> Readings:
    """The readings of a mouth with these shapes, both sides alike."""
    columns = {name: np.array([value], np.float32) for shape, value in weights.items() for name in COLUMNS[shape]}
    return Readings.of(mouth_motion(columns)[0])


def test_all_columns_are_arkits() -> None:
    assert {name for names in COLUMNS.values() for name in names} <= set(ARKIT_NAMES)


def test_nothing_is_rest_to_the_bit() -> None:
    moved = mouth_motion({name: np.zeros(3, np.float32) for name in ARKIT_NAMES})
    assert moved.shape == (3, len(MOTION_POINTS), 3)
    assert not moved.any()


def test_the_jaw_opens_the_mouth_and_the_lips_can_keep_it_shut() -> None:
    opened, shut = mouth(jawOpen=0.4), mouth(jawOpen=0.4, mouthClose=0.4)
    assert opened.drop == pytest.approx(0.4 * JAW_FULL, rel=0.1)
    assert opened.opening > 0.08
    assert shut.opening == pytest.approx(0, abs=0.004)
    assert shut.drop > 0.6 * opened.drop


def test_rounding_narrows_and_stretching_widens() -> None:
    rest = mouth(jawOpen=0.0)
    assert mouth(mouthPucker=1.0).width < mouth(mouthPucker=0.5).width < rest.width - 0.015
    assert mouth(mouthFunnel=1.0).width < rest.width - 0.03
    assert mouth(mouthStretch=1.0).width > rest.width + 0.015
    smile, frown = mouth(mouthSmile=1.0), mouth(mouthFrown=1.0)
    assert smile.width > rest.width + 0.015
    assert smile.corner_lift > rest.corner_lift > frown.corner_lift


def test_lips_bare_the_teeth() -> None:
    assert mouth(mouthUpperUp=0.6).upper_lift > 0.015
    assert mouth(mouthUpperUp=0.6).opening > 0.02
    assert mouth(mouthLowerDown=0.6).opening > 0.03
    assert mouth(mouthShrugLower=1.0).chin < -0.008


@pytest.mark.parametrize("weight", [1.0, 1.7])
def test_no_mouth_opens_further_than_the_engine_shows(weight: float) -> None:
    assert mouth(jawOpen=weight, mouthLowerDown=weight, mouthUpperUp=weight).opening < 1.1 * MAX_OPENING


def test_shapes_of_speech_come_back() -> None:
    """Random mouths of the motion space -> blendshapes -> mouths: what one sees of a mouth stays."""
    basis, random = MotionBasis.load(), np.random.default_rng(5)
    coefficients = random.normal(0, 1, (400, basis.size)).astype(np.float32)
    before = np.tensordot(coefficients, basis.components, axes=1).astype(np.float32)
    opens = Readings.of(before).opening > 0
    weights = blendshapes(before)
    after = mouth_motion({name: weights[:, index] for index, name in enumerate(ARKIT_NAMES)}, basis)

    def agreement(name: str) -> float:
        first, second = (getattr(Readings.of(moved[opens]), name) for moved in (before, after))
        return float(np.corrcoef(first, second)[0, 1])

    assert agreement("opening") > 0.97
    assert agreement("drop") > 0.9
    assert agreement("width") > 0.6


def test_a_side_alone_counts_as_both() -> None:
    left: FloatArray = np.array([0.8], np.float32)
    both = mouth_motion({"jawOpen": left, "mouthSmileLeft": left, "mouthSmileRight": left})
    np.testing.assert_array_equal(mouth_motion({"jawOpen": left, "mouthSmileLeft": left}), both)
