"""Motion to be written and read."""

from __future__ import annotations

import numpy as np
import pytest

from mouthpiece.motion.basis import MotionBasis
from mouthpiece.motion.motion_track import make_track
from mouthpiece.types import MotionTrack


@pytest.fixture
def babble() -> MotionTrack:
    """Two seconds of a mouth that opens, rounds and shuts, 25 frames a second."""
    basis, times = MotionBasis.load(), np.arange(50) / 25
    coefficients = np.zeros((50, basis.size), dtype=np.float32)
    coefficients[:, 0] = 1.2 - 1.2 * np.cos(2 * np.pi * 2 * times)
    coefficients[:, 1] = np.sin(2 * np.pi * 1.3 * times)
    coefficients[:, 2] = 0.5 * np.sin(2 * np.pi * 0.7 * times)
    displacement = np.tensordot(coefficients, basis.components, axes=1).astype(np.float32)
    seen = np.ones(50, dtype=bool)
    seen[7] = False
    return make_track(times, displacement, fps=25.0, seen=seen)
