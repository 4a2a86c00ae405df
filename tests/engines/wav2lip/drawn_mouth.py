"""A generator without weights: what it is shown, with a jaw that drops as loud as the speech is.

It draws what the published network would have to: the masked half is a copy of the reference but for an open mouth
and a lowered chin. Colours, sharpness and their flicker can be spoiled as badly trained weights would do it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from mouthpiece.notices import Notice
from mouthpiece.types import FloatArray, as_float

SIDE = 96
MOUTH_HALF, JAW_HALF = 15.0, 34.0
"""Half widths of the drawn gap and of what drops with the jaw."""
WIDEST = 11.0
"""Rows that the jaw drops at most."""
TEETH_ROWS = 4.0
DARK, TEETH = (0.12, 0.10, 0.20), (0.72, 0.76, 0.78)
"""Blue, green, red."""


@dataclass
class DrawnMouth:
    """Called as every generator is."""

    cast: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Added to blue, green, red; levels."""
    blur: float = 0.0
    """Standard deviation, pixels of the crop."""
    widest: float = WIDEST
    description: str = "drawn, CPU"
    device: str = "CPU"
    warnings: tuple[Notice, ...] = ()
    batches: list[int] = field(default_factory=list)
    """How many pictures each call made."""

    def __call__(self, mel: FloatArray, face: FloatArray) -> FloatArray:
        """(n, 1, 80, 16) and (n, 6, 96, 96) -> (n, 3, 96, 96), float32 0-1."""
        assert mel.shape[1:] == (1, 80, 16)
        assert face.shape == (len(mel), 6, SIDE, SIDE)
        assert mel.dtype == face.dtype == np.float32
        self.batches.append(len(mel))
        return np.stack([self._picture(*pair) for pair in zip(mel, face, strict=True)])

    def _picture(self, mel: FloatArray, face: FloatArray) -> FloatArray:
        shown = np.ascontiguousarray(face[3:].transpose(1, 2, 0))
        assert (face[:3, SIDE // 2 :] == 0).all()
        assert (face[:3, : SIDE // 2] == face[3:, : SIDE // 2]).all()
        loud = float(np.clip((mel[0, 5:50, :6].mean() + 2.5) / 3.0, 0, 1))
        drawn = with_dropped_jaw(shown, loud * self.widest)
        if self.blur:
            drawn = as_float(cv2.GaussianBlur(drawn, (0, 0), self.blur))
        return as_float(np.clip(drawn + as_float(self.cast) / 255, 0, 1).transpose(2, 0, 1))


def lip_row(shown: FloatArray) -> float:
    """Where the lips meet: the darkest row of the lower face's middle."""
    column = cv2.GaussianBlur(shown[58:80, 42:54].mean(axis=(1, 2))[:, None], (1, 5), 1.0)
    return 58.0 + float(column.argmin())


def with_dropped_jaw(shown: FloatArray, drop: float) -> FloatArray:
    """Open the mouth of an upright face's crop by so many rows; (96, 96, 3) in and out."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    lips = lip_row(shown)
    gap = drop * np.clip(1 - ((x - 47.5) / MOUTH_HALF) ** 2, 0, 1)
    jaw = drop * np.exp(-(((x - 47.5) / JAW_HALF) ** 4)) * np.clip((y - lips) / 14, 0, 1)
    from_row = np.where(y > lips, np.maximum(y - np.maximum(gap, jaw), lips), y)
    drawn = cv2.remap(shown, x, as_float(from_row), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = (np.clip(np.minimum(y - lips, lips + gap - y) + 0.5, 0, 1) * np.clip(gap, 0, 1))[..., None]
    teeth = np.clip(lips + np.minimum(TEETH_ROWS, gap * 0.5) - y + 0.5, 0, 1)[..., None]
    hollow = as_float(DARK) + (as_float(TEETH) - as_float(DARK)) * teeth
    return as_float(drawn + (hollow - drawn) * inside)
