"""Real speech for the export of mouth shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mouthpiece.types import SAMPLE_RATE, FloatArray


@pytest.fixture(scope="session")
def speech(shared_data: Path) -> FloatArray:
    """Six seconds of an English man, (n,) at 16 kHz."""
    from scipy.io import wavfile

    rate, samples = wavfile.read(shared_data / "audio" / "en_male_watson.wav")
    assert rate == SAMPLE_RATE
    return np.asarray(samples[SAMPLE_RATE : 7 * SAMPLE_RATE] / 32768, np.float32)
