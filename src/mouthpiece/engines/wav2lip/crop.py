"""Cutting the face out of a frame as the published network expects it: 96 x 96 pixels, forehead to chin.

The published script takes the box of a face detector (S3FD: forehead to chin, cheek to cheek), adds pads, clips it to
the picture, averages the boxes of five neighbouring frames and resizes what is inside. Here the box is that of the
face mesh, which spans the same part of the face and trembles less. Three things differ where they only help: heads
tilted far are turned upright, faces that leave the picture are not squeezed, and large faces are averaged down
instead of being sampled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from mouthpiece.types import Face, FloatArray, Frame, as_float

SIDE = 96
"""Columns and rows of the network's pictures."""
MASKED_FROM = SIDE // 2
"""First row that is blacked out in the frame to be drawn."""
SMOOTH_FRAMES = 5
"""Frames whose boxes are averaged; the published number."""
KNOWN_TILT_DEG = 12.0
"""Tilt of the head in the picture's plane that the network was trained with; only what exceeds it is undone."""
MIN_CROP_PX = 8.0
"""Least side of a crop that shows a face."""
MIN_SHARE = 0.25
"""Least part of the face's own width and height that pads have to leave."""

_INNER_LIPS = [13, 14]


@dataclass(frozen=True, slots=True)
class CropBox:
    """A rectangle around a face, turned by `tilt_deg` about its middle. Unit: square pixels of the frame's height."""

    x: float
    """Middle."""
    y: float
    width: float
    height: float
    tilt_deg: float = 0.0
    """Clockwise."""

    @classmethod
    def of(cls, face: Face, frame: Frame, pads: tuple[int, int, int, int]) -> CropBox | None:
        """Return the box of a face with pads (top, bottom, left, right; pixels of the frame).

        Pads end at the picture's border; the face itself may cross it.

        Returns:
            None where negative pads leave too little of the face.
        """
        aspect = float(frame.pixel_aspect)
        tilt_deg = unknown_tilt_deg(face.pose.roll_deg)
        upright = _turned(-tilt_deg)
        points = face.landmarks[:, :2].astype(np.float64) * [aspect, 1.0] @ upright.T
        low, high = points.min(axis=0) - 0.5, points.max(axis=0) + 0.5
        top, bottom, left, right = pads
        before, after = np.array([left * aspect, top]), np.array([right * aspect, bottom])
        first, last = _picture_in(upright, frame.width * aspect, float(frame.height))
        padded_low = np.maximum(low - before, np.minimum(first, low))
        padded_high = np.minimum(high + after, np.maximum(last, high))
        size = padded_high - padded_low
        if (size < np.maximum(MIN_SHARE * (high - low), MIN_CROP_PX * np.array([aspect, 1.0]))).any():
            return None
        x, y = (padded_low + padded_high) / 2 @ upright
        return cls(float(x), float(y), float(size[0]), float(size[1]), tilt_deg)


def unknown_tilt_deg(roll_deg: float) -> float:
    """Return how much of a head's tilt is to be undone, degrees: none of a little, and no jump where it begins."""
    return float(np.sign(roll_deg)) * max(0.0, abs(roll_deg) - KNOWN_TILT_DEG)


def mean_box(boxes: Sequence[CropBox]) -> CropBox:
    """Average boxes of neighbouring frames; there must be one at least."""
    x, y, width, height = np.array([[box.x, box.y, box.width, box.height] for box in boxes]).mean(axis=0).tolist()
    first_deg = boxes[0].tilt_deg
    turns_deg = [(box.tilt_deg - first_deg + 180) % 360 - 180 for box in boxes]
    return CropBox(x, y, width, height, first_deg + sum(turns_deg) / len(boxes))


def _turned(degrees: float) -> NDArray[np.float64]:
    """Return the (2, 2) clockwise rotation (y points down)."""
    angle = np.radians(degrees)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _picture_in(
    upright: NDArray[np.float64], width: float, height: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the picture's first and last coordinates along the axes of a turned box, (2,) each."""
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) - 0.5
    along = corners @ upright.T
    return along.min(axis=0), along.max(axis=0)


@dataclass(frozen=True, slots=True)
class FaceCrop:
    """A face cut out of a frame for the network, and its place there."""

    to_frame: NDArray[np.float64]
    """(2, 3): pixels of the crop -> pixels of the frame as stored; pixel centres at integers in both."""
    rgb: FloatArray
    """(SIDE, SIDE, 3) float32, 0-255: the frame as it is."""

    @classmethod
    def cut(cls, frame: Frame, box: CropBox) -> FaceCrop:
        """Cut a box out of a frame; beyond the picture its border is repeated."""
        to_frame = crop_map(box, float(frame.pixel_aspect))
        # Bilinear sampling, as published, reads every pixel up to two a step; of larger faces the mean is taken.
        step = float(np.linalg.norm(to_frame[:, :2], axis=0).max())
        fine = max(1, ceil(step / 2))
        finer = to_frame.copy()
        finer[:, :2] /= fine
        finer[:, 2] += to_frame[:, :2] @ np.full(2, 0.5 / fine - 0.5)
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        sampled = cv2.warpAffine(
            frame.rgb, finer, (SIDE * fine, SIDE * fine), flags=how, borderMode=cv2.BORDER_REPLICATE
        )
        if fine > 1:
            sampled = cv2.resize(sampled, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        return cls(to_frame, sampled.astype(np.float32))

    def to_crop(self) -> NDArray[np.float64]:
        """Return the (2, 3) map from pixels of the frame to pixels of the crop."""
        return np.asarray(cv2.invertAffineTransform(self.to_frame), dtype=np.float64)

    def located(self, points: FloatArray) -> FloatArray:
        """Map (n, 2) pixels of the frame to (n, 2) pixels of the crop."""
        there = self.to_crop()
        return as_float(points @ there[:, :2].T + there[:, 2])


def crop_map(box: CropBox, pixel_aspect: float) -> NDArray[np.float64]:
    """Return the (2, 3) map from pixels of the crop to pixels of the frame as stored."""
    scale = np.array([box.width, box.height]) / SIDE
    matrix = _turned(box.tilt_deg) * scale
    shift = np.array([box.x, box.y]) - matrix @ np.full(2, (SIDE - 1) / 2)
    to_stored = np.array([[1 / pixel_aspect], [1.0]])
    return np.asarray(np.hstack([matrix, shift[:, None]]) * to_stored, dtype=np.float64)


def network_face(crops: Sequence[FaceCrop]) -> FloatArray:
    """Make the network's input of crops, (n, 6, SIDE, SIDE) float32 0-1.

    Three channels of the frame with the lower half blacked out, then three of the whole; blue, green, red each.
    """
    faces = np.empty((len(crops), 6, SIDE, SIDE), dtype=np.float32)
    for face, crop in zip(faces, crops, strict=True):
        face[3:] = crop.rgb[..., ::-1].transpose(2, 0, 1)
    faces[:, 3:] /= 255
    faces[:, :3] = faces[:, 3:]
    faces[:, :3, MASKED_FROM:] = 0
    return faces


def drawn_rgb(pictures: FloatArray) -> FloatArray:
    """Convert the network's pictures, (n, 3, SIDE, SIDE) blue, green, red in 0-1, to (n, SIDE, SIDE, 3) RGB, 0-255."""
    return np.ascontiguousarray(pictures[:, ::-1].transpose(0, 2, 3, 1) * np.float32(255), dtype=np.float32)


def shows_the_mouth(face: Face, frame: Frame, pads: tuple[int, int, int, int]) -> bool:
    """Check that the face's mouth lies in the half of the crop that the network draws."""
    box = CropBox.of(face, frame, pads)
    if box is None:
        return False
    there = cv2.invertAffineTransform(crop_map(box, float(frame.pixel_aspect)))
    x, y = there[:, :2] @ face.landmarks[_INNER_LIPS, :2].mean(axis=0) + there[:, 2]
    return bool(0 <= x < SIDE and MASKED_FROM <= y < SIDE)
