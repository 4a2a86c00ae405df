"""Laying patches over frames, against plain arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from tests import scenes

from mouthpiece.compositing import paste
from mouthpiece.types import Box, FloatArray, Patch, Picture

BOX = Box(20, 10, 60, 45)


def noise(seed: int, height: int, width: int) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def patch(alpha: FloatArray, box: Box = BOX) -> Patch:
    return Patch(box, noise(5, box.height, box.width), alpha)


def ramp() -> FloatArray:
    x = np.linspace(0, 1, BOX.width, dtype=np.float32)
    return np.tile(x, (BOX.height, 1))


def test_outside_the_box_nothing_changes() -> None:
    before = noise(1, 80, 100)
    frame = scenes.frame(before.copy())
    pasted = paste(frame, patch(ramp()))
    outside = np.ones((80, 100), bool)
    outside[BOX.slices] = False
    assert np.array_equal(pasted.rgb[outside], before[outside])
    assert not np.array_equal(pasted.rgb[BOX.slices], before[BOX.slices])
    assert pasted.rgb is frame.rgb, "the frame's own picture is written into, nothing is copied"
    assert pasted.changed == (BOX,)


def test_blending_is_the_weighted_mean() -> None:
    before, over, alpha = noise(1, 80, 100), patch(ramp()), ramp()[..., None].astype(np.float64)
    pasted = paste(scenes.frame(before.copy()), over)
    expected = over.rgb * alpha + before[BOX.slices] * (1 - alpha)
    assert np.abs(pasted.rgb[BOX.slices] - expected).max() <= 1


@pytest.mark.parametrize("opacity", [0.0, 1.0])
def test_both_ends_are_exact(opacity: float) -> None:
    before = noise(1, 80, 100)
    over = patch(np.full((BOX.height, BOX.width), opacity, np.float32))
    pasted = paste(scenes.frame(before.copy()), over)
    assert np.array_equal(pasted.rgb[BOX.slices], over.rgb if opacity else before[BOX.slices])


def test_alpha_zero_is_exact_beside_opaque_pixels() -> None:
    before = noise(2, 80, 100)
    alpha = (ramp() > 0.5).astype(np.float32)
    pasted = paste(scenes.frame(before.copy()), patch(alpha))
    assert np.array_equal(pasted.rgb[BOX.slices][alpha == 0], before[BOX.slices][alpha == 0])


def test_patches_add_up_in_what_changed() -> None:
    frame = scenes.frame(noise(1, 80, 100))
    one, two = patch(ramp()), patch(ramp()[:5, :8], Box(0, 0, 8, 5))
    assert paste(paste(frame, one), two).changed == (BOX, Box(0, 0, 8, 5))


def test_a_patch_up_to_the_rim_and_an_empty_one() -> None:
    whole = Box(0, 0, 100, 80)
    pasted = paste(scenes.frame(noise(1, 80, 100)), patch(np.ones((80, 100), np.float32), whole))
    assert np.array_equal(pasted.rgb, noise(5, 80, 100))
    frame = scenes.frame(noise(1, 80, 100))
    empty = Box(10, 10, 10, 20)
    assert paste(frame, Patch(empty, np.zeros((10, 0, 3), np.uint8), np.zeros((10, 0), np.float32))) is frame


def test_time_and_shape_are_kept() -> None:
    frame = scenes.frame(noise(1, 80, 100), 7)
    pasted = paste(frame, patch(ramp()))
    assert (pasted.time_s, pasted.duration_s, pasted.pixel_aspect) == (
        frame.time_s,
        frame.duration_s,
        frame.pixel_aspect,
    )
