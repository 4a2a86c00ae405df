"""Examples, their alterations and batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.datasets.made_clips import rigged_clip, spoken_clip

from mouthpiece.datasets.motion_space import fit_basis, measure_motion
from mouthpiece.motion.basis import MotionBasis, NetworkGeometry
from mouthpiece.motion.coarticulation import CoarticulationModel
from mouthpiece.motion.network import SILENT_LOG_MEL
from mouthpiece.training import acoustics
from mouthpiece.training.motion.batches import MotionBatches, alter_mel
from mouthpiece.training.motion.examples import (
    Example,
    augment,
    levelled_log_mel,
    load_examples,
    noise_bank,
    save_examples,
)
from mouthpiece.training.motion.targets import (
    Targets,
    common_phones,
    curve_targets,
    face_targets,
    fit_curve_mapping,
    phone_targets,
    resampled,
)
from mouthpiece.types import MEL_BANDS, SAMPLE_RATE, Phone


@pytest.fixture(scope="module")
def basis() -> MotionBasis:
    return fit_basis([measure_motion(spoken_clip(name)) for name in "ab"], 3)


@pytest.fixture(scope="module")
def targets(basis: MotionBasis) -> Targets:
    return face_targets(spoken_clip("a"), basis)


def test_resampling_goes_through_the_frames_and_holds_the_ends() -> None:
    values = np.sin(np.arange(20) / 3).astype(np.float32)
    fine = resampled(values, 25.0, 60)
    np.testing.assert_allclose(fine[:39:2], values, atol=1e-6)
    np.testing.assert_allclose(fine[3:37:2], np.sin(np.arange(1, 18) / 3 + 1 / 6), atol=0.01)
    np.testing.assert_allclose(fine[39:], values[-1], atol=1e-6)
    fast = resampled(values, 25.0, 20, speed=2.0)
    np.testing.assert_allclose(fast, values, atol=1e-6)


def test_targets_know_speech_and_touching_lips(targets: Targets) -> None:
    assert targets.frames == 150
    assert targets.activity[40:120].all() and not targets.activity[:19].any() and not targets.activity[131:].any()
    assert targets.closure[targets.opening > 0.02].max() == 0
    assert targets.closure_weight[:19].max() == 0
    assert targets.shape_weight[60] == 1 and 0 < targets.shape_weight[5] < 1


def test_parts_beyond_the_ends_count_for_nothing(targets: Targets) -> None:
    part = targets.part(-10, 200)
    assert part.frames == 200
    assert not part.shape_weight[:10].any() and not part.opening_weight[160:].any()
    np.testing.assert_array_equal(part.opening[10:160], targets.opening)


def test_a_rig_opens_when_a_face_would(basis: MotionBasis) -> None:
    rigs = [rigged_clip(name) for name in "ab"]
    faces = [face_targets(spoken_clip(name), basis) for name in "ab"]
    mapping = fit_curve_mapping(rigs, faces)
    made = curve_targets(rigs[0], mapping, basis.size)
    assert np.corrcoef(made.opening, faces[0].opening)[0, 1] > 0.95
    assert np.corrcoef(made.jaw, made.opening)[0, 1] > 0.999 and made.jaw_weight.max() == 1
    assert not made.shape_weight.any() and not made.closure_weight.any() and 0 < made.opening_weight.max() < 1


def test_known_phones_teach_everything(basis: MotionBasis) -> None:
    clip = spoken_clip("a")
    phones = (Phone("a", 0.8, 1.2), Phone("m", 1.2, 1.4), Phone("u", 1.4, 1.8), Phone("q", 1.8, 1.9))
    clip = replace(clip, landmarks=None, phones=phones, words=())
    numbers = common_phones([clip], most=3)
    assert sorted(numbers.values()) == [1, 2, 3]
    made = phone_targets(clip, CoarticulationModel.load(basis=basis), numbers)
    assert made.opening[50] > 0.03 and abs(made.opening[65]) < 0.01 and made.closure[65] > 0.9 > made.closure[50]
    assert made.phone[50] == numbers["a"] and made.phone[10] == 0 and made.phone[93] == numbers.get("q", 0)
    np.testing.assert_allclose(made.jaw, made.coefficients @ basis.jaw_weights, atol=1e-6)
    half = made.played(0.5, 2 * made.frames)
    np.testing.assert_array_equal(half.phone[::2], made.phone)


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


def test_augmentations_keep_sound_and_targets_together(targets: Targets) -> None:
    clip = spoken_clip("a")
    made = augment(clip, targets, 5, seed=1)
    assert len({example.targets.frames for example in made}) > 2
    for example in made:
        assert abs(len(example.log_mel) - 2 * example.targets.frames) <= 2
        loud = example.log_mel.astype(np.float32).mean(axis=1)[::2]
        frames = min(len(loud), example.targets.frames)
        assert np.corrcoef(loud[:frames], example.targets.opening[:frames])[0, 1] > 0.5
    again = augment(clip, targets, 5, seed=1)
    assert all(np.array_equal(a.log_mel, b.log_mel) for a, b in zip(made, again, strict=True))


def test_level_does_not_matter(targets: Targets) -> None:
    samples = spoken_clip("a").samples
    loud, quiet = (levelled_log_mel((samples * gain).astype(np.float32), targets.activity) for gain in (1.0, 0.05))
    np.testing.assert_allclose(loud.astype(np.float32), quiet.astype(np.float32), atol=0.05)


def test_examples_survive_their_file(targets: Targets, tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "examples.npz"
    made = augment(spoken_clip("a"), targets, 3, seed=1)
    save_examples(made, path)
    back = load_examples(path)
    for a, b in zip(made, back, strict=True):
        assert a.name == b.name
        np.testing.assert_array_equal(a.log_mel, b.log_mel)
        for name in Targets.__dataclass_fields__:
            np.testing.assert_allclose(getattr(a.targets, name), getattr(b.targets, name))


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


def test_speed_moves_pitch_and_tempo() -> None:
    tone = np.sin(2 * np.pi * 400 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    for speed in (0.8, 1.25):
        played = acoustics.at_speed(tone, speed)
        assert len(played) == int(SAMPLE_RATE / speed)
        peak = np.argmax(np.abs(np.fft.rfft(played))) * SAMPLE_RATE / len(played)
        assert peak == pytest.approx(400 * speed, abs=3)


def test_noises_are_level_and_various() -> None:
    rng = np.random.default_rng(0)
    made = [acoustics.noise(SAMPLE_RATE, rng) for _ in range(12)]
    for sound in made:
        assert np.isfinite(sound).all() and np.sqrt((sound**2).mean()) == pytest.approx(0.1, rel=1e-3)


def test_a_room_lengthens_a_click_and_a_telephone_cuts_bass() -> None:
    click = np.zeros(8000, dtype=np.float32)
    click[100] = 1
    wet = acoustics.in_room(click, np.random.default_rng(0))
    assert (
        wet[100] == pytest.approx(1, abs=0.01) and np.abs(wet[1000:2000]).max() > 1e-4 and not wet[:99].round(6).any()
    )
    bass = np.sin(2 * np.pi * 60 * np.arange(8000) / SAMPLE_RATE).astype(np.float32)
    assert acoustics.band_limited(bass, 300, 3400).std() < 0.05 * bass.std()
