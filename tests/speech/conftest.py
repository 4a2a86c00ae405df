"""Real speech for the speech room's tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from mouthpiece.types import SAMPLE_RATE, FloatArray

Read = Callable[[str], FloatArray]


@pytest.fixture(scope="session")
def read(shared_data: Path) -> Read:
    """Reads the sound of a file of the shared data: mono, 16 kHz."""

    def _read(name: str) -> FloatArray:
        with av.open(str(shared_data / name)) as container:
            resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
            frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
            frames += resampler.resample(None)
        return np.concatenate([frame.to_ndarray()[0] for frame in frames])

    return _read


@pytest.fixture(scope="session")
def english(read: Read) -> FloatArray:
    """12 s of a man speaking English."""
    return read("audio/en_male_watson.wav")[: 12 * SAMPLE_RATE]
