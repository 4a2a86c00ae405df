"""How far a network opens the mouth in speech: measured once after training, kept in its basis, the range's prior.

Networks differ in how far they open: by their teachers, by how much of a mean they answer. What is played is the answer
spread over a lively mouth's range, so the player needs the range of a network's answers before the first one.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mouthpiece.errors import InputError
from mouthpiece.motion.basis import HIGH_SHARE, LOW_SHARE, MOTION_RATE, OpeningRange, load_basis, save_basis
from mouthpiece.motion.network import basis_path
from mouthpiece.motion.stream import MotionStream
from mouthpiece.speech import features
from mouthpiece.types import MEL_RATE, FloatArray, SpeechChunk

SPOKEN = 0.5
"""Voice activity from here on counts as speech."""
LEAST_FRAMES = 10 * MOTION_RATE
"""Less speech is too little to measure a network by."""
LEAST_LOW, LEAST_HIGH = 0.002, 0.01
"""The ends' least values: an untrained network may not open the mouth at all."""


def measure_opening_range(weights: Path, speeches: Iterable[FloatArray]) -> OpeningRange:
    """Measure the range of a network's openings in speech.

    Args:
        weights: the network, its basis beside it.
        speeches: (n,) recordings at SAMPLE_RATE, of many voices; all together at least ten seconds of speech.

    Raises:
        InputError: there is too little speech.
        WeightsError: network or basis are missing or damaged.
    """
    stream = MotionStream(weights=weights, gate=False, closure=False)
    openings = np.concatenate([np.zeros(0, np.float32), *(_spoken_openings(stream, one) for one in speeches)])
    if len(openings) < LEAST_FRAMES:
        raise InputError(
            f"expected {LEAST_FRAMES / MOTION_RATE:.0f} s of speech to learn how far the network opens the mouth, "
            f"heard {len(openings) / MOTION_RATE:.1f} s; give more recordings"
        )
    low, high = np.quantile(openings, [LOW_SHARE, HIGH_SHARE])
    low = max(float(low), LEAST_LOW)
    return OpeningRange(low, max(float(high), 2 * low, LEAST_HIGH))


def keep_opening_range(weights: Path, opening_range: OpeningRange) -> None:
    """Write a network's opening range into the basis beside it.

    Raises:
        WeightsError: the basis is missing or damaged.
    """
    basis, geometry = load_basis(basis_path(weights))
    save_basis(basis, geometry, basis_path(weights), opening_range)


def _spoken_openings(stream: MotionStream, samples: FloatArray) -> FloatArray:
    """Return the openings of a recording's motion frames in which somebody speaks."""
    log_mel, activity = features(samples)
    stream.reset()
    stream.push(SpeechChunk(0, samples, 0, log_mel, activity))
    stream.finish()
    spoken = np.flatnonzero(activity[:: MEL_RATE // MOTION_RATE] >= SPOKEN)
    return np.array([stream.at(frame / MOTION_RATE).opening for frame in spoken], dtype=np.float32)
