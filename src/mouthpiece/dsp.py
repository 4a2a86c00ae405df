"""Signal processing: ramps, windows and filterbanks of spectra, resampling."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mouthpiece.errors import OptionError
from mouthpiece.types import SAMPLE_RATE, FloatArray

# Slaney's mel scale (Auditory Toolbox, 1998): linear below 1 kHz, logarithmic above.
_LINEAR_HZ_PER_MEL = 200.0 / 3
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27
SOFT_EDGE_HZ = 300.0
"""Width of the slope of resampling's low-pass, below half of the lower sample rate."""


def hz_to_mel(hz: float) -> float:
    """Convert a frequency to Slaney's mel scale."""
    if hz < _BREAK_HZ:
        return hz / _LINEAR_HZ_PER_MEL
    return float(_BREAK_MEL + np.log(hz / _BREAK_HZ) / _LOG_STEP)


def mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert Slaney's mel scale to frequencies, Hz."""
    above = _BREAK_HZ * np.exp(_LOG_STEP * (np.maximum(mel, _BREAK_MEL) - _BREAK_MEL))
    return np.where(mel < _BREAK_MEL, mel * _LINEAR_HZ_PER_MEL, above)


def mel_filterbank(
    bands: int, fft: int, lowest_hz: float, highest_hz: float, sample_rate: int = SAMPLE_RATE
) -> FloatArray:
    """Make triangles of equal area, evenly spaced on Slaney's mel scale.

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


def ramp(value: float, start: float, full: float) -> float:
    """Return 0 up to `start`, 1 from `full` on, straight between."""
    return min(max((value - start) / (full - start), 0.0), 1.0)


def hann(length: int) -> NDArray[np.float64]:
    """Make a periodic Hann window, (length,) float64: 0 at its first sample, and again one beyond its last."""
    phase = 2 * np.pi * np.arange(length) / length
    return np.asarray(0.5 - 0.5 * np.cos(phase), dtype=np.float64)


def resample(samples: FloatArray, rate: int) -> FloatArray:
    """Resample a whole sound to 16 kHz by its spectrum: no delay, no aliasing. (n,) -> (m,).

    Both last equally long, to the sample. Streams are resampled by `mouthpiece.media.resampler`.
    """
    if rate == SAMPLE_RATE or not len(samples):
        return samples
    common = math.gcd(rate, SAMPLE_RATE)
    step, new_step = rate // common, SAMPLE_RATE // common
    # Whole steps, in a number that is quick to transform; zeros at the end keep the end out of the beginning.
    blocks = _fast_length(len(samples) // step + 2)
    spectrum = np.fft.rfft(samples.astype(np.float64), blocks * step)
    kept = blocks * min(step, new_step) // 2 + 1
    hz = np.arange(kept) * (rate / (blocks * step))
    edge = min(rate, SAMPLE_RATE) / 2
    slope = np.clip((edge - hz) / SOFT_EDGE_HZ, 0, 1)
    spectrum = spectrum[:kept] * (0.5 - 0.5 * np.cos(np.pi * slope))
    made = np.fft.irfft(spectrum, blocks * new_step) * (new_step / step)
    return made[: round(len(samples) * new_step / step)].astype(np.float32)


def _fast_length(number: int) -> int:
    """Return the smallest even number from `number` on that has no prime factor above 5."""
    number += number % 2
    while True:
        rest = number
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return number
        number += 2
