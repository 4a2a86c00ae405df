"""Resampling of pictures between their pixels: about as sharp as a bicubic reading, at a fraction of its price.

A picture is enlarged bicubically once, which OpenCV does many pixels at a time, and then read bilinearly at every
place asked for. Enlarged by an odd number, pixel centres fall on pixel centres: still pixels stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np

from mouthpiece.types import FloatArray, Picture

remap = cast("Callable[..., Any]", cv2.remap)
"""OpenCV's, whose stubs want two maps; it turns them into one of two channels anyway."""
TIMES = 3
MAX_PIXELS = 700_000
"""Pictures with more pixels are read bicubically as they are: enlarged, they would take too much memory."""


def times_enlarged(width: int, height: int) -> int:
    """Decide how many times a picture of that size is enlarged."""
    return TIMES if width * height <= MAX_PIXELS else 1


@dataclass(frozen=True, slots=True)
class Enlarged:
    """A picture made ready to be read between its pixels."""

    picture: Picture
    """(times * h, times * w, 3)."""
    times: int
    """How many times it was enlarged; odd."""

    @classmethod
    def of(cls, picture: Picture) -> Enlarged:
        """Make a picture (h, w, 3) ready; of one that is not enlarged no copy is taken."""
        times = times_enlarged(picture.shape[1], picture.shape[0])
        if times == 1:
            return cls(picture, 1)
        large = cv2.resize(picture, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
        return cls(np.asarray(large, dtype=np.uint8), times)

    def read(self, places: FloatArray) -> Picture:
        """Read at places (h, w, 2) in pixels of the enlarged picture; beyond its rim the rim goes on.

        Pixel x of the original is at times * x + (times - 1) / 2.
        """
        how = cv2.INTER_LINEAR if self.times > 1 else cv2.INTER_CUBIC
        return np.asarray(remap(self.picture, places, None, how, borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8)
