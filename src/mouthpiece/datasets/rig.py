"""Readings of measured faces and rig curves: what counts as closed, what opens and widens."""

from __future__ import annotations

import numpy as np

from mouthpiece.datasets.recordings import Recording
from mouthpiece.motion.basis import MOTION_RATE
from mouthpiece.types import SAMPLE_RATE, FloatArray

CLOSED_BELOW, OPEN_ABOVE = 0.008, 0.020
"""Opening under which lips count as touching, and over which as surely apart."""

# Rig curves that open the mouth, widen it, narrow it (FACEGOOD's names).
OPENING_CURVE = "mouth_stretch_c"
WIDENING_CURVES = ("mouth_lipCornerPull", "mouth_lipStretch")
NARROWING_CURVES = ("mouth_pucker", "mouth_funnel", "mouth_oo", "mouth_oh")


def motion_frames(samples: int) -> int:
    """Return the number of motion frames of so many samples."""
    return max(1, -(-samples * MOTION_RATE // SAMPLE_RATE))


def rig_width(recording: Recording) -> FloatArray:
    """Return how wide minus how round a rig's mouth is, (T,)."""
    names = recording.curves
    wide = sum((names[n] for n in names if n.startswith(WIDENING_CURVES)), np.zeros(recording.frames, np.float32))
    narrow = sum((names[n] for n in names if n.startswith(NARROWING_CURVES)), np.zeros(recording.frames, np.float32))
    return np.asarray(wide - narrow, dtype=np.float32)
