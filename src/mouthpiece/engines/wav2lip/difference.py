"""Differences between pictures of another precision and those of f32, and their limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mouthpiece.types import FloatArray

MAX_RMS = 10 ** (-43.8 / 20)
"""Most that pictures may differ from those of f32, root mean square: 43.8 dB, what the default encoding loses of a
sharp, moving picture (docs/decisions/0003-x264-settings.md). That is 1.6 steps of 8 bits."""
MAX_RELATIVE = 0.03
"""The same, over the standard deviation of f32's: 30 dB, for networks that draw pictures without contrast."""
MAX_DIFFERENCE = 16 / 255
"""Most that any one value may differ by."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Difference of pictures from those of f32; 1 is from black to white."""

    rms: float
    greatest: float
    relative: float
    """`rms` over the standard deviation of f32's pictures."""

    @classmethod
    def between(cls, pictures: FloatArray, reference: FloatArray) -> Difference:
        """Compare pictures of the same inputs."""
        off = pictures.astype(np.float64) - reference
        rms = float(np.sqrt(np.mean(off**2)))
        spread = float(reference.std(dtype=np.float64))
        return cls(rms, float(np.abs(off).max()), rms / spread if spread > 0 else float(rms > 0))

    @property
    def is_small(self) -> bool:
        """Whether the pictures are as good."""
        return self.rms <= MAX_RMS and self.relative <= MAX_RELATIVE and self.greatest <= MAX_DIFFERENCE
