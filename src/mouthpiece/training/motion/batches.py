"""Batches of examples, drawn at random and altered on the way; noises teach the mouth to keep still.

examples by corpus, noises --MotionBatches--> Batch
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset

from mouthpiece.motion.basis import MELS_PER_FRAME, NetworkGeometry
from mouthpiece.motion.network import SILENT_LOG_MEL
from mouthpiece.training.motion.examples import Example
from mouthpiece.training.motion.targets import QUIET_WEIGHT, Targets, cut_rows
from mouthpiece.types import MEL_BANDS, FloatArray

JOINT_FRAMES = 6
"""Motion frames to either side of a joint of two pieces that count for nothing."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The sequences of one step."""

    log_mel: Tensor
    """(B, M, MEL_BANDS)."""
    coefficients: Tensor
    """(B, T, K)."""
    opening: Tensor
    width: Tensor
    jaw: Tensor
    activity: Tensor
    closure: Tensor
    shape_weight: Tensor
    opening_weight: Tensor
    jaw_weight: Tensor
    closure_weight: Tensor
    phone: Tensor
    taught: Tensor
    """All (B, T)."""

    def to(self, device: torch.device) -> Batch:
        """Copy to another device."""
        return replace(self, **{name: getattr(self, name).to(device) for name in Batch.__dataclass_fields__})


class MotionBatches(IterableDataset[Batch]):
    """An endless stream of batches, drawn at random and altered on the way."""

    def __init__(
        self,
        corpora: Sequence[Sequence[Example]],
        shares: Sequence[float],
        noises: Sequence[NDArray[np.float16]],
        geometry: NetworkGeometry,
        *,
        batch: int,
        size: int,
        seed: int,
        noise_share: float = 0.08,
        splice: float = 0.0,
    ) -> None:
        """Keep what batches are drawn from.

        Args:
            corpora: examples, by corpus.
            shares: of each corpus in a batch; need not add up to 1.
            noises: log-mels of noises.
            geometry: of the network, `block` being the motion frames of one sequence.
            batch: sequences in a batch.
            size: K.
            seed: of everything random here.
            noise_share: share of sequences in which nobody speaks.
            splice: share of sequences of all but the first corpus that are spliced together from several examples, so
                that nothing longer than a syllable or two can be learned by heart from a corpus of few minutes.
        """
        self._corpora = [list(examples) for examples in corpora]
        self._shares = np.array(shares, dtype=float) / float(sum(shares))
        frames = [np.array([example.targets.frames for example in examples], dtype=float) for examples in corpora]
        self._lengths = [lengths / lengths.sum() for lengths in frames]
        self._noises = list(noises)
        self._geometry = geometry
        self._batch = batch
        self._size = size
        self._seed = seed
        self._noise_share = noise_share
        self._splice = splice

    def __iter__(self) -> Iterator[Batch]:
        """Draw batches for ever."""
        rng = np.random.default_rng(self._seed)
        while True:
            yield self.draw(rng)

    def draw(self, rng: np.random.Generator) -> Batch:
        """Draw one batch."""
        mels, parts = zip(*(self._sequence(rng) for _ in range(self._batch)), strict=True)
        stacked = {
            name: torch.from_numpy(np.stack([getattr(part, name) for part in parts]))
            for name in Targets.__dataclass_fields__
        }
        return Batch(log_mel=torch.from_numpy(np.stack(mels)), **stacked)

    def _sequence(self, rng: np.random.Generator) -> tuple[FloatArray, Targets]:
        if rng.random() < self._noise_share:
            return self._still(rng)
        corpus = int(rng.choice(len(self._corpora), p=self._shares))
        mel, part = self._cut(corpus, rng)
        if corpus > 0 and rng.random() < self._splice:
            mel, part = self._spliced(mel, part, corpus, rng)
        return alter_mel(mel, self._pick_noise(rng), rng), part

    def _cut(self, corpus: int, rng: np.random.Generator) -> tuple[FloatArray, Targets]:
        """Cut a random stretch of a random example."""
        examples = self._corpora[corpus]
        example = examples[int(rng.choice(len(examples), p=self._lengths[corpus]))]
        span = self._geometry.block
        first = int(rng.integers(-span // 4, max(example.targets.frames - 3 * span // 4, 1 - span // 4)))
        start = first * MELS_PER_FRAME - self._geometry.past
        mel = cut_rows(example.log_mel, start, self._geometry.input_mels, SILENT_LOG_MEL)
        return mel, example.targets.part(first, span)

    def _spliced(
        self, mel: FloatArray, part: Targets, corpus: int, rng: np.random.Generator
    ) -> tuple[FloatArray, Targets]:
        """Replace the end of a stretch by one or two others; nothing counts close to the joints."""
        span = self._geometry.block
        values = {name: getattr(part, name).copy() for name in Targets.__dataclass_fields__}
        for joint in sorted(rng.integers(1, span, int(rng.integers(1, 3)))):
            other_mel, other = self._cut(corpus, rng)
            start = self._geometry.past + int(joint) * MELS_PER_FRAME
            mel[start:] = other_mel[start:]
            for name, value in values.items():
                value[joint:] = getattr(other, name)[joint:]
            for name in ("shape_weight", "opening_weight", "jaw_weight", "closure_weight", "phone"):
                values[name][max(joint - JOINT_FRAMES, 0) : joint + JOINT_FRAMES] = 0
        return mel, Targets(**values)

    def _still(self, rng: np.random.Generator) -> tuple[FloatArray, Targets]:
        """Make a noise, or silence, and a mouth at rest."""
        mel = self._pick_noise(rng) + np.float32(rng.uniform(-9, 1))
        if rng.random() < 0.2:
            mel = np.full_like(mel, SILENT_LOG_MEL)
        ones = np.ones(self._geometry.block, dtype=np.float32)
        rest = np.zeros((self._geometry.block, self._size), dtype=np.float32)
        none, little = ones * 0, ones * QUIET_WEIGHT
        still = Targets(
            coefficients=rest,
            opening=none,
            width=none,
            jaw=none,
            activity=none,
            closure=ones,
            shape_weight=little,
            opening_weight=little,
            jaw_weight=little,
            closure_weight=none,
            phone=none,
            taught=ones * (rng.random() < 0.5),
        )
        return np.maximum(mel, SILENT_LOG_MEL).astype(np.float32), still

    def _pick_noise(self, rng: np.random.Generator) -> FloatArray:
        noise = self._noises[int(rng.integers(len(self._noises)))]
        start = int(rng.integers(max(len(noise) - self._geometry.input_mels, 1)))
        return cut_rows(noise, start, self._geometry.input_mels, SILENT_LOG_MEL)


def alter_mel(mel: FloatArray, noise: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Alter voice, microphone, level and background: (M, MEL_BANDS) -> the same shape.

    Vocal tract length (Jaitly & Hinton 2013), a smooth equaliser, added noise, level, and patches blanked out
    (SpecAugment, Park et al. 2019).
    """
    if rng.random() < 0.7:
        mel = _stretch_bands(mel, float(np.exp(rng.uniform(-0.17, 0.17))))
    if rng.random() < 0.7:
        knots = rng.normal(0, 0.7, 6)
        mel = mel + np.interp(np.linspace(0, 5, MEL_BANDS), np.arange(6), knots).astype(np.float32)
    if rng.random() < 0.6:
        snr_db = rng.uniform(0, 35)
        mel = np.logaddexp(mel, noise - np.float32(snr_db * np.log(10) / 10))
    if rng.random() < 0.5:
        # A microphone's own noise.
        hiss = rng.uniform(SILENT_LOG_MEL, -8) + rng.gumbel(0, 0.5, mel.shape)
        mel = np.logaddexp(mel, hiss)
    mel = mel + np.float32(rng.normal(0, 0.6))
    mel = np.maximum(mel, SILENT_LOG_MEL).astype(np.float32)
    for _ in range(int(rng.integers(0, 3))):
        low, width = int(rng.integers(MEL_BANDS)), int(rng.integers(1, 10))
        mel[:, low : low + width] = mel.mean()
    if rng.random() < 0.3:
        start, length = int(rng.integers(len(mel))), int(rng.integers(1, 8))
        mel[start : start + length] = mel.mean(axis=0)
    return mel


def _stretch_bands(mel: FloatArray, factor: float) -> FloatArray:
    """Move the spectrum's features up or down by a factor of the band number."""
    position = np.clip(np.arange(MEL_BANDS) / factor, 0, MEL_BANDS - 1)
    low = np.minimum(position.astype(int), MEL_BANDS - 2)
    share = (position - low).astype(np.float32)
    return np.asarray(mel[:, low] * (1 - share) + mel[:, low + 1] * share, dtype=np.float32)
