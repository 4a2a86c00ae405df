"""What the tests of motion share."""

from __future__ import annotations

import pytest

from mouthpiece.face import FaceTracker
from mouthpiece.motion.basis import MotionBasis


@pytest.fixture(scope="session")
def tracker(face_models: None) -> FaceTracker:
    """A tracker without smoothing."""
    return FaceTracker(smooth=False)


@pytest.fixture(scope="session")
def basis() -> MotionBasis:
    """The shipped motion space."""
    return MotionBasis.load()
