"""How far a network opens and widens the mouth in speech: measured once after training, kept in its basis, the ranges'
prior.

Networks differ in how far they go: by their teachers, by how much of a mean they answer. What is played is the answer
spread over a lively mouth's range, so the player needs the range of a network's answers before the first one.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mouthpiece.errors import InputError
from mouthpiece.motion.basis import (
    HIGH_SHARE,
    LOW_SHARE,
    MOTION_RATE,
    OpeningRange,
    WidthRange,
    load_basis,
    save_basis,
    width_of,
)
from mouthpiece.motion.network import basis_path
from mouthpiece.motion.stream import MotionStream
from mouthpiece.speech import features
from mouthpiece.types import MEL_RATE, FloatArray, SpeechChunk

SPOKEN = 0.5
"""Voice activity from here on counts as speech."""
LEAST_FRAMES = 10 * MOTION_RATE
"""Less speech is too little to measure a network by."""
LEAST_LOW, LEAST_HIGH, LEAST_WIDTH = 0.002, 0.01, 0.004
"""Least ends of the opening, and least distance of a width's ends from its middle: an untrained network may not move
the mouth at all."""


def measure_ranges(weights: Path, speeches: Iterable[FloatArray]) -> tuple[OpeningRange, WidthRange]:
    """Measure the ranges of a network's openings and widths in speech.

    Args:
        weights: the network, its basis beside it.
        speeches: (n,) recordings at SAMPLE_RATE, of many voices; all together at least ten seconds of speech.

    Raises:
        InputError: there is too little speech.
        WeightsError: network or basis are missing or damaged.
    """
    stream = MotionStream(weights=weights, gate=False, closure=False)
    read = np.concatenate([np.zeros((0, 2), np.float32), *(_spoken_readings(stream, one) for one in speeches)])
    if len(read) < LEAST_FRAMES:
        raise InputError(
            f"expected {LEAST_FRAMES / MOTION_RATE:.0f} s of speech to learn how far the network opens the mouth, "
            f"heard {len(read) / MOTION_RATE:.1f} s; give more recordings"
        )
    low, high = (float(value) for value in np.quantile(read[:, 0], [LOW_SHARE, HIGH_SHARE]))
    low = max(low, LEAST_LOW)
    narrow, middle, wide = (float(value) for value in np.quantile(read[:, 1], [LOW_SHARE, 0.5, HIGH_SHARE]))
    return (
        OpeningRange(low, max(high, 2 * low, LEAST_HIGH)),
        WidthRange(min(narrow, middle - LEAST_WIDTH), middle, max(wide, middle + LEAST_WIDTH)),
    )


def keep_ranges(weights: Path, opening_range: OpeningRange, width_range: WidthRange) -> None:
    """Write a network's ranges into the basis beside it.

    Raises:
        WeightsError: the basis is missing or damaged.
    """
    basis, geometry = load_basis(basis_path(weights))
    save_basis(basis, geometry, basis_path(weights), opening_range, width_range)


def _spoken_readings(stream: MotionStream, samples: FloatArray) -> FloatArray:
    """Return opening and width of a recording's motion frames in which somebody speaks, (n, 2)."""
    log_mel, activity = features(samples)
    stream.reset()
    stream.push(SpeechChunk(0, samples, 0, log_mel, activity))
    stream.finish()
    spoken = np.flatnonzero(activity[:: MEL_RATE // MOTION_RATE] >= SPOKEN)
    motions = [stream.at(frame / MOTION_RATE) for frame in spoken]
    read = [(motion.opening, width_of(motion.displacement)) for motion in motions]
    return np.array(read, dtype=np.float32).reshape(-1, 2)
