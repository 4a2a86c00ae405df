"""Pictures read between their pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from tests import scenes

from mouthpiece.engines.mesh import resampling
from mouthpiece.engines.mesh.resampling import Enlarged
from mouthpiece.types import FloatArray, Picture, TrackedFrame


def places(rgb: Picture, off: tuple[float, float]) -> FloatArray:
    """(h, w, 2): all pixels of a picture, moved."""
    x, y = (np.arange(size, dtype=np.float32) + by for size, by in zip(rgb.shape[1::-1], off, strict=True))
    x, y = np.meshgrid(x, y)
    return np.stack([x, y], axis=-1).astype(np.float32)


@pytest.mark.parametrize("most", [resampling.MAX_PIXELS, 0])
def test_what_does_not_move_stays(
    portraits: dict[str, TrackedFrame], monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(resampling, "MAX_PIXELS", most)
    rgb = portraits["woman_portrait"].frame.rgb
    enlarged = Enlarged.of(rgb)
    assert enlarged.times == (resampling.TIMES if most else 1)
    at = places(rgb, (0, 0)) * enlarged.times + (enlarged.times - 1) / 2
    assert np.array_equal(enlarged.read(at.astype(np.float32)), rgb)


@pytest.mark.parametrize("off", [(0.5, 0.0), (0.5, 0.5), (0.3, -0.2)])
def test_between_pixels_it_is_as_a_bicubic_reading(
    portraits: dict[str, TrackedFrame], off: tuple[float, float]
) -> None:
    for tracked in portraits.values():
        rgb = tracked.frame.rgb
        at = places(rgb, off)
        oracle = np.asarray(cv2.remap(rgb, at[..., 0], at[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))
        enlarged = Enlarged.of(rgb)
        read = enlarged.read(at * np.float32(enlarged.times) + np.float32((enlarged.times - 1) / 2))
        inner = slice(3, -3), slice(3, -3)
        assert scenes.psnr(read[inner], np.asarray(oracle[inner], np.uint8)) > 44
