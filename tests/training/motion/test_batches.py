"""Batches, and how sequences are altered on the way."""

from __future__ import annotations

import numpy as np
from tests.datasets.made_clips import spoken_clip

from mouthpiece.motion.basis import MotionBasis, NetworkGeometry
from mouthpiece.motion.network import SILENT_LOG_MEL
from mouthpiece.training.motion.batches import MotionBatches, alter_mel
from mouthpiece.training.motion.examples import (
    Example,
    augment,
    noise_bank,
)
from mouthpiece.training.motion.targets import (
    Targets,
    face_targets,
)
from mouthpiece.types import MEL_BANDS


def test_pieces_count_for_nothing_at_their_joints(basis: MotionBasis) -> None:
    targets = [face_targets(spoken_clip(name), basis) for name in "ab"]
    corpora = [[augment(spoken_clip(name), t, 1, 1)[0]] for name, t in zip("ab", targets, strict=True)]
    geometry = NetworkGeometry(past=20, ahead=10, block=100)
    noises = noise_bank(2, 3.0, 1)
    pieced = MotionBatches(corpora, [0, 1], noises, geometry, batch=8, size=basis.size, seed=1, noise_share=0, splice=1)
    whole = MotionBatches(corpora, [0, 1], noises, geometry, batch=8, size=basis.size, seed=1, noise_share=0)
    rng = np.random.default_rng(3)
    batch, plain = pieced.draw(rng), whole.draw(rng)
    inside = batch.shape_weight[:, 30:70]
    assert ((inside == 0).sum(dim=1) >= 6).any(), "a joint in the middle of some sequence"
    steps = (batch.opening[:, 1:] - batch.opening[:, :-1]).abs()
    counted = (batch.opening_weight[:, 1:] > 0) & (batch.opening_weight[:, :-1] > 0)
    usual = (plain.opening[:, 1:] - plain.opening[:, :-1]).abs().max()
    assert (steps * counted).max() <= usual * 1.5 + 1e-6, "no jump counts"


def test_batches_have_their_shapes_and_depend_on_the_seed_alone(targets: Targets) -> None:
    geometry = NetworkGeometry(96, 20, 50)
    examples = augment(spoken_clip("a"), targets, 2, seed=1)
    noises = noise_bank(2, 2.0, 1)

    def batches(seed: int) -> MotionBatches:
        return MotionBatches([examples], [1.0], noises, geometry, batch=6, size=3, seed=seed)

    first, same, other = (next(iter(batches(seed))) for seed in (1, 1, 2))
    assert first.log_mel.shape == (6, geometry.input_mels, MEL_BANDS)
    assert first.coefficients.shape == (6, 50, 3) and first.opening.shape == (6, 50)
    assert bool((first.log_mel == same.log_mel).all()) and not bool((first.log_mel == other.log_mel).all())
    assert bool(first.log_mel.isfinite().all())


def test_nobody_speaks_in_noise(targets: Targets) -> None:
    geometry = NetworkGeometry(96, 20, 50)
    examples = [Example("a", np.zeros((300, MEL_BANDS), np.float16), targets)]
    noises = noise_bank(2, 2.0, 1)
    batches = MotionBatches([examples], [1.0], noises, geometry, batch=8, size=3, seed=1, noise_share=1.0)
    batch = next(iter(batches))
    assert not batch.activity.any() and not batch.coefficients.any() and bool((batch.shape_weight > 0).all())


def test_altered_sound_stays_sound() -> None:
    rng = np.random.default_rng(0)
    mel = rng.normal(-10, 3, (200, MEL_BANDS)).astype(np.float32)
    noise = rng.normal(-10, 1, (200, MEL_BANDS)).astype(np.float32)
    for _ in range(20):
        altered = alter_mel(mel.copy(), noise, rng)
        assert altered.shape == mel.shape and altered.dtype == np.float32
        assert np.isfinite(altered).all() and altered.min() >= SILENT_LOG_MEL - 1e-4
