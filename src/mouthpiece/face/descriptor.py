"""Small crops of faces brought to a common place, to compare what they look like."""

from __future__ import annotations

import cv2
import numpy as np

from mouthpiece.types import FloatArray, Picture


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
