"""Smoothing of landmarks that takes out their jitter without making them late."""

from __future__ import annotations

import numpy as np

from mouthpiece.types import FloatArray

# Chosen with benchmarks/landmark_smoothing.py. A raw mesh trembles by a few thousandths of the outer eye distance.
MIN_CUTOFF_HZ = 0.3
SPEED_GAIN = 20.0
"""Extra cut-off, Hz, for each eye distance a second of speed."""
SPEED_CUTOFF_HZ = 2.0


def _smoothing_factor(cutoff_hz: FloatArray | float, step_s: float) -> FloatArray:
    """Weight of the new value in a first-order low-pass."""
    rate = 2 * np.pi * np.asarray(cutoff_hz, dtype=np.float32) * step_s
    return np.asarray(rate / (rate + 1), dtype=np.float32)


class OneEuroFilter:
    """A low-pass whose cut-off rises with speed (Casiez, Roussel, Vogel 2012), for all landmarks of one face.

    The speed that opens the filter is shared by the whole face for the rigid motion of the head, and each landmark's
    own for the rest, so that a head turn does not make single points lag behind their neighbours.
    """

    def __init__(
        self,
        min_cutoff_hz: float = MIN_CUTOFF_HZ,
        speed_gain: float = SPEED_GAIN,
        speed_cutoff_hz: float = SPEED_CUTOFF_HZ,
    ) -> None:
        """Choose how much jitter to remove (`min_cutoff_hz`) and how fast to let go (`speed_gain`)."""
        self._min_cutoff_hz = min_cutoff_hz
        self._speed_gain = speed_gain
        self._speed_cutoff_hz = speed_cutoff_hz
        self._time_s = 0.0
        self._value: FloatArray | None = None
        self._velocity: FloatArray | None = None

    def reset(self) -> None:
        """Forget the past: the next value passes as it is."""
        self._value = self._velocity = None

    def __call__(self, value: FloatArray, time_s: float, unit: float) -> FloatArray:
        """Filter the next measurement.

        Args:
            value: (n, d) float32, pixels.
            time_s: its time; going back or standing still restarts the filter.
            unit: outer eye distance, pixels: makes speeds comparable between large and small faces.
        """
        step_s = time_s - self._time_s
        self._time_s = time_s
        if self._value is None or self._velocity is None or not 0 < step_s < 0.5:
            self._value, self._velocity = value.copy(), np.zeros_like(value)
            return value
        velocity = (value - self._value) / step_s
        self._velocity = self._velocity + _smoothing_factor(self._speed_cutoff_hz, step_s) * (velocity - self._velocity)
        rigid = self._velocity.mean(axis=0)
        own = np.linalg.norm((self._velocity - rigid)[:, :2], axis=1)
        speed = (np.linalg.norm(rigid[:2]) + own) / max(unit, 1e-6)
        factor = _smoothing_factor((self._min_cutoff_hz + self._speed_gain * speed).astype(np.float32), step_s)
        self._value = self._value + factor[:, None] * (value - self._value)
        return self._value.astype(np.float32)
