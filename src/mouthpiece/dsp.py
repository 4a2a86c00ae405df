"""Windows and filterbanks of spectra: what every mel spectrogram here is made with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mouthpiece.errors import OptionError
from mouthpiece.types import SAMPLE_RATE, FloatArray

# Slaney's mel scale (Auditory Toolbox, 1998): linear below 1 kHz, logarithmic above.
_LINEAR_HZ_PER_MEL = 200.0 / 3
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27


def hz_to_mel(hz: float) -> float:
    """Slaney's mel scale."""
    if hz < _BREAK_HZ:
        return hz / _LINEAR_HZ_PER_MEL
    return float(_BREAK_MEL + np.log(hz / _BREAK_HZ) / _LOG_STEP)


def mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's mel scale, backwards."""
    above = _BREAK_HZ * np.exp(_LOG_STEP * (np.maximum(mel, _BREAK_MEL) - _BREAK_MEL))
    return np.where(mel < _BREAK_MEL, mel * _LINEAR_HZ_PER_MEL, above)


def mel_filterbank(
    bands: int, fft: int, lowest_hz: float, highest_hz: float, sample_rate: int = SAMPLE_RATE
) -> FloatArray:
    """Triangles of equal area, evenly spaced on Slaney's mel scale.

    Args:
        bands: how many.
        fft: points of the Fourier transform whose bins are weighted.
        lowest_hz: where the first triangle begins.
        highest_hz: where the last one ends.
        sample_rate: of the sound, Hz.

    Returns:
        (bands, fft // 2 + 1) float32, read-only: weights of a spectrum's bins; each triangle's area is 1 when measured
        in Hz.

    Raises:
        OptionError: the band is empty or not below half the sample rate, or there is no triangle or no transform.
    """
    if bands < 1 or fft < 2 or not 0 <= lowest_hz < highest_hz <= sample_rate / 2:
        raise OptionError(
            f"expected 1 band or more between 0 and {sample_rate / 2:g} Hz, "
            f"got {bands} from {lowest_hz:g} to {highest_hz:g} Hz of {fft} points"
        )
    edges = mel_to_hz(np.linspace(hz_to_mel(lowest_hz), hz_to_mel(highest_hz), bands + 2))  # (B + 2,)
    lower, centre, upper = edges[:-2, None], edges[1:-1, None], edges[2:, None]  # (B, 1)
    hz = np.arange(fft // 2 + 1) * (sample_rate / fft)
    rising = (hz - lower) / (centre - lower)
    falling = (upper - hz) / (upper - centre)
    triangles = np.maximum(0, np.minimum(rising, falling)) * 2 / (upper - lower)
    bank: FloatArray = triangles.astype(np.float32)
    bank.setflags(write=False)
    return bank


def hann(length: int) -> NDArray[np.float64]:
    """Periodic Hann window, (length,) float64: 0 at its first sample, and again one beyond its last."""
    phase = 2 * np.pi * np.arange(length) / length
    return np.asarray(0.5 - 0.5 * np.cos(phase), dtype=np.float64)
