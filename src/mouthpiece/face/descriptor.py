"""Face descriptors: small crops of the upper face, brought to a common place and light, to tell people apart by."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from mouthpiece.types import FloatArray, Picture

DESCRIPTOR_CROP = (24, 20)
"""Columns and rows of the crop."""
DESCRIPTOR_LENGTH = DESCRIPTOR_CROP[0] * DESCRIPTOR_CROP[1]

# Outer eye corners and the point under the nose, and their places in the crop.
_POINTS = [33, 263, 2]
_TARGET = np.array([[4, 7], [19, 7], [11.5, 18]], dtype=np.float32)


@lru_cache(maxsize=1)
def _mean_descriptor() -> FloatArray:
    """Read the mean of raw descriptors over people, (480,) float32; made by tools/make_mean_descriptor.py."""
    mean: FloatArray = np.load(Path(__file__).with_name("mean_descriptor.npy"), allow_pickle=False)
    return mean


def face_descriptor(rgb: Picture, landmarks: FloatArray) -> FloatArray:
    """Describe the upper face by its difference from the mean one: (480,) float32 of unit norm.

    Place, light and contrast make no difference; the likeness of two descriptors is their product, -1 to 1.
    """
    own = raw_descriptor(rgb, landmarks) - _mean_descriptor()
    return (own / max(float(np.linalg.norm(own)), 1e-6)).astype(np.float32)


def raw_descriptor(rgb: Picture, landmarks: FloatArray) -> FloatArray:
    """Bring the upper face, in grey, to a common place, light and contrast: (480,) float32 of unit norm."""
    crop = normalised_crop(rgb, landmarks[_POINTS, :2], _TARGET, DESCRIPTOR_CROP)
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32).reshape(-1)
    grey -= grey.mean()
    return (grey / max(float(np.linalg.norm(grey)), 1e-6)).astype(np.float32)


def normalised_crop(rgb: Picture, points: FloatArray, target: FloatArray, size: tuple[int, int]) -> Picture:
    """Warp a picture so that three points fall on given places of a small crop.

    Args:
        rgb: (H, W, 3) uint8.
        points: (3, 2) pixels of the picture.
        target: (3, 2) pixels of the crop.
        size: (width, height) of the crop.

    Returns:
        (height, width, 3) uint8.
    """
    to_crop = cv2.getAffineTransform(np.ascontiguousarray(points, dtype=np.float32), target)
    # Shrink in two steps: a straight warp of a large face to two dozen pixels would alias.
    shrink = max(1, int(1 / max(float(np.linalg.norm(to_crop[:, 0])), 1e-6) / 2))
    shrink = min(shrink, 16)
    crop = cv2.warpAffine(rgb, to_crop * shrink, (size[0] * shrink, size[1] * shrink), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
