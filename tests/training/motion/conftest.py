"""One basis and one clip's targets, which the tests of targets, examples and batches share."""

from __future__ import annotations

import pytest
from tests.datasets.made_clips import spoken_clip

from mouthpiece.datasets.motion_space import fit_basis, measure_motion
from mouthpiece.motion.basis import MotionBasis
from mouthpiece.training.motion.targets import Targets, face_targets


@pytest.fixture(scope="module")
def basis() -> MotionBasis:
    return fit_basis([measure_motion(spoken_clip(name)) for name in "ab"], 3)


@pytest.fixture(scope="module")
def targets(basis: MotionBasis) -> Targets:
    return face_targets(spoken_clip("a"), basis)
