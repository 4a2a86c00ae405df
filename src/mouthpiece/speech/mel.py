"""Mel spectrogram, the input of the motion networks.

Frame m is centred on sample m * MEL_HOP and spans the 25 ms around it, with zeros beyond both ends of the speech.
Speech of n samples has `frame_count(n)` = ceil(n / MEL_HOP) frames: every m whose centre lies inside it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from mouthpiece import dsp
from mouthpiece.errors import OptionError
from mouthpiece.types import MEL_BANDS, MEL_HOP, FloatArray, as_float

WINDOW = 400
"""Samples of a frame, under a periodic Hann window: 25 ms."""
AHEAD = WINDOW // 2
"""Samples after a frame's centre that it needs: 12.5 ms."""
FFT = 512
"""Points of the Fourier transform; the window stands in zeros."""
BINS = FFT // 2 + 1
"""Frequencies of a power spectrum, SAMPLE_RATE / FFT = 31.25 Hz apart."""
LOWEST_HZ = 55.0
HIGHEST_HZ = 7600.0
POWER_FLOOR = 1e-7
"""Mel power below this counts as this: white noise at about -77 dBFS."""
LOG_FLOOR = float(np.log(np.float32(POWER_FLOOR)))
"""The least value in a log-mel spectrogram: silence."""

_BLOCK = 512
"""Frames worked on at a time, so that an hour of speech does not become an hour of windows in memory."""

CEPSTRA = 13
"""Mel-frequency cepstral coefficients of a frame."""
DELTA_REACH = 4
"""Frames to either side over which their changes are measured."""


def frame_count(samples: int) -> int:
    """Count the mel frames of so many samples."""
    return -(-samples // MEL_HOP)


@lru_cache(maxsize=1)
def mel_filterbank() -> FloatArray:
    """Build triangles of equal area, evenly spaced on Slaney's mel scale from LOWEST_HZ to HIGHEST_HZ.

    Returns:
        (MEL_BANDS, BINS) float32, read-only: weights of the power spectrum's bins; each triangle's area is 1 when
        measured in Hz.
    """
    return dsp.mel_filterbank(MEL_BANDS, FFT, LOWEST_HZ, HIGHEST_HZ)


@lru_cache(maxsize=1)
def _hann() -> FloatArray:
    """Return the periodic Hann window, (WINDOW,)."""
    return as_float(dsp.hann(WINDOW))


@lru_cache(maxsize=1)
def _bank_columns() -> FloatArray:
    """Return the filterbank in the order of the matrix product, (BINS, MEL_BANDS)."""
    return np.ascontiguousarray(mel_filterbank().T)


def power_spectrum(windows: FloatArray) -> FloatArray:
    """Compute power spectra of windows.

    Args:
        windows: (m, WINDOW) float32 samples.

    Returns:
        (m, BINS) float32. A row does not depend on the rows beside it, not even in its last bit.
    """
    spectrum = np.fft.rfft(windows * _hann(), FFT)
    return np.asarray(spectrum.real**2 + spectrum.imag**2, dtype=np.float32)


def mel_power(power: FloatArray) -> FloatArray:
    """Sum power spectra to mel power: (m, BINS) -> (m, MEL_BANDS), float32."""
    # One product per frame: a single large one rounds a row differently with the number of rows beside it, and then
    # speech in chunks would differ from the same speech in one piece.
    mel: FloatArray = np.matmul(power[:, None, :], _bank_columns())
    return mel[:, 0, :]


def log_compress(mel: FloatArray) -> FloatArray:
    """Take the natural logarithm above the floor: (m, MEL_BANDS) power -> (m, MEL_BANDS), float32."""
    floored: FloatArray = np.maximum(mel, np.float32(POWER_FLOOR))
    return np.log(floored)


def as_mono(samples: FloatArray) -> FloatArray:
    """Check that samples are one channel and make them float32.

    Raises:
        OptionError: they have more than one dimension, or are not floating-point numbers.
    """
    array = np.asarray(samples)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.floating):
        raise OptionError(
            f"expected mono samples of shape (n,) as floats in [-1, 1], got {array.dtype} of shape {array.shape}; "
            "mix the channels and divide integers by their range first"
        )
    return np.asarray(array, dtype=np.float32)


def log_mel(samples: FloatArray) -> FloatArray:
    """Compute the log-mel spectrogram of a whole speech, its level as recorded.

    Args:
        samples: (n,) float32 in [-1, 1], SAMPLE_RATE.

    Returns:
        (ceil(n / MEL_HOP), MEL_BANDS) float32: natural log of the mel power, LOG_FLOOR at least.

    Raises:
        OptionError: the samples are not one channel of floats.
    """
    samples = as_mono(samples)
    frames = frame_count(len(samples))
    mel = np.empty((frames, MEL_BANDS), dtype=np.float32)
    if frames == 0:
        return mel
    padded = np.zeros((frames - 1) * MEL_HOP + WINDOW, dtype=np.float32)
    inside = samples[: len(padded) - AHEAD]
    padded[AHEAD : AHEAD + len(inside)] = inside
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::MEL_HOP]
    for start in range(0, frames, _BLOCK):
        block = slice(start, start + _BLOCK)
        mel[block] = log_compress(mel_power(power_spectrum(windows[block])))
    return mel


def mfcc(log_mel: FloatArray, count: int = CEPSTRA) -> FloatArray:
    """Compute mel-frequency cepstral coefficients with their first and second changes.

    The orthonormal cosine transform (type II) of each log-mel frame (Davis & Mermelstein, 1980); the changes are the
    slope of the line and the curvature of the parabola fitted to a frame and DELTA_REACH frames to either side (Furui,
    1986), the first and last frame repeated beyond the ends.

    Args:
        log_mel: (T, B) log-mel spectrogram.
        count: coefficients to keep, the level's own (number 0) among them.

    Returns:
        (T, 3 * count) float32: coefficients, slopes per frame, curvatures per frame squared.

    Raises:
        OptionError: the spectrogram has another shape, or fewer bands than coefficients are asked for.
    """
    if log_mel.ndim != 2 or not 0 < count <= log_mel.shape[1]:
        raise OptionError(
            f"expected {count} cepstra of a (T, B) log-mel with at least as many bands, got {log_mel.shape}"
        )
    cepstra = log_mel.astype(np.float64) @ _cosines(log_mel.shape[1], count)
    reach = np.arange(-DELTA_REACH, DELTA_REACH + 1)
    bowl = reach**2 - (reach**2).mean()
    slopes = _weighted_sums(cepstra, reach / (reach**2).sum())
    curvatures = _weighted_sums(cepstra, 2 * bowl / (bowl**2).sum())
    return np.concatenate([cepstra, slopes, curvatures], axis=1).astype(np.float32)


def _cosines(bands: int, count: int) -> np.ndarray:
    """Return the orthonormal DCT-II, (bands, count)."""
    phase = np.outer(np.arange(bands) + 0.5, np.arange(count)) * np.pi / bands
    cosines: np.ndarray = np.cos(phase) * np.sqrt(2 / bands)
    cosines[:, 0] /= np.sqrt(2)
    return cosines


def _weighted_sums(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum each row's neighbourhood with weights, (T, n) -> (T, n); the end rows are repeated beyond the ends."""
    if len(values) == 0:
        return values
    half = len(weights) // 2
    padded = np.pad(values, ((half, half), (0, 0)), mode="edge")
    sums: np.ndarray = sum(
        (weight * padded[i : i + len(values)] for i, weight in enumerate(weights)), np.zeros_like(values)
    )
    return sums
