"""Targets of faces, rigs and phones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tests.datasets.made_clips import rigged_clip, spoken_clip

from mouthpiece.motion.basis import MotionBasis
from mouthpiece.motion.coarticulation import CoarticulationModel
from mouthpiece.training.motion.targets import (
    PHONES,
    Targets,
    curve_targets,
    face_targets,
    fit_curve_mapping,
    phone_targets,
    resampled,
)
from mouthpiece.types import Phone


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
    made = phone_targets(clip, CoarticulationModel.load(basis=basis))
    assert made.opening[50] > 0.03 and abs(made.opening[65]) < 0.01 and made.closure[65] > 0.9 > made.closure[50]
    assert made.phone[50] == PHONES["a"] and made.phone[10] == 0 and made.phone[93] == PHONES["q"]
    assert made.taught.all() and made.taught.shape == (made.frames,)
    np.testing.assert_allclose(made.jaw, made.coefficients @ basis.jaw_weights, atol=1e-6)
    half = made.played(0.5, 2 * made.frames)
    np.testing.assert_array_equal(half.phone[::2], made.phone)
    assert half.taught.all()


def test_sounds_have_numbers_of_their_own() -> None:
    assert sorted(PHONES.values()) == list(range(1, len(PHONES) + 1)), "0 is what is not known"
    assert {"a", "m", "u", "q"} < set(PHONES)


def test_faces_are_not_taught(targets: Targets) -> None:
    assert not targets.taught.any()
