"""Many channels into one without losing speech: which ones carry sound, and which of them are upside down."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mouthpiece.types import FloatArray

_ACTIVE = 1e-3
"""A channel with less than this share of the loudest one's energy (-30 dB) carries no speech of its own."""
_CENTRE_ACTIVE = 0.05
"""Film sound keeps its dialogue in the centre; a centre below this share (-13 dB) of the loudest does not."""
_CENTRE_SIDE = 0.1
"""Weight of the front left and right beside an active centre."""
_INVERTED = -0.5
"""A channel that correlates this much with the loudest one is the same sound upside down."""


class ChannelMeter:
    """Energy and correlation of channels, gathered while they are decoded."""

    def __init__(self, names: tuple[str, ...]) -> None:
        """Take channel names as FFmpeg gives them: FL, FR, FC, LFE, ..."""
        self._names = names
        self._products: NDArray[np.float64] = np.zeros((len(names), len(names)))

    def push(self, samples: FloatArray) -> None:
        """Add (channels, n) float32 samples."""
        self._products += np.asarray(samples @ samples.T, dtype=np.float64)

    def weights(self) -> FloatArray:
        """Return (channels,) float32 factors for adding up the channels; their absolute values sum to 1."""
        count = len(self._names)
        energy = np.diag(self._products)
        if count == 1 or energy.max() <= 0:
            return np.full(count, 1.0 / count, np.float32)
        weights = self._centred(energy) if self._has_dialogue_in_centre(energy) else self._summed(energy)
        return np.asarray(weights / np.abs(weights).sum(), dtype=np.float32)

    def _has_dialogue_in_centre(self, energy: NDArray[np.float64]) -> bool:
        return "FC" in self._names and bool(energy[self._names.index("FC")] > _CENTRE_ACTIVE * energy.max())

    def _centred(self, energy: NDArray[np.float64]) -> NDArray[np.float64]:
        parts = {"FC": 1.0, "FL": _CENTRE_SIDE, "FR": _CENTRE_SIDE}
        return np.array([parts.get(name, 0.0) for name in self._names]) * (energy > 0)

    def _summed(self, energy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weight all channels that sound, each the right way up."""
        speaking = np.array([name not in ("LFE", "LFE2") for name in self._names])
        loudest = int(np.argmax(np.where(speaking, energy, -1.0)))
        if energy[loudest] <= 0:
            speaking[:] = True
            loudest = int(np.argmax(energy))
        scale = np.sqrt(energy * energy[loudest])
        correlation = np.divide(self._products[loudest], scale, out=np.zeros(len(energy)), where=scale > 0)
        active = speaking & (energy > _ACTIVE * energy[loudest])
        return np.where(active, np.where(correlation < _INVERTED, -1.0, 1.0), 0.0)


def mix(samples: FloatArray, names: tuple[str, ...], weights: dict[tuple[str, ...], FloatArray]) -> FloatArray:
    """Mix (channels, n) samples to (n,) float32; channels that were never metered are averaged."""
    if len(samples) == 1:
        return np.asarray(samples[0], dtype=np.float32)
    own = weights.get(names)
    if own is None:
        return np.asarray(samples.mean(axis=0), dtype=np.float32)
    mono: FloatArray = np.einsum("c,cn->n", own, samples)
    return mono
