"""Face detection: BlazeFace, back-camera model (Bazarevsky et al. 2019, arXiv:1907.05047)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mouthpiece.face.models import DETECTOR_FILE, model_path
from mouthpiece.inference import Network
from mouthpiece.types import FloatArray, Picture, as_float

INPUT_SIZE = 256
# (cells a side, anchors a cell): strides 16 and 32 of the 256-pixel input.
ANCHOR_GRIDS = ((16, 2), (8, 6))
MIN_SCORE = 0.5
"""Score from which a detection is passed to the mesh, which decides."""
SAME_FACE_OVERLAP = 0.3
_RIGHT_EYE, _LEFT_EYE = 0, 1


@dataclass(frozen=True, slots=True)
class Detection:
    """A detected face, in square pixels of the picture."""

    score: float
    """0-1."""
    corners: FloatArray
    """(4,) float32: x0, y0, x1, y1."""
    keypoints: FloatArray
    """(6, 2) float32: right eye, left eye, nose tip, mouth, right ear, left ear (the person's own right and left)."""

    @property
    def size(self) -> float:
        """Longer side, pixels."""
        return float(max(self.corners[2] - self.corners[0], self.corners[3] - self.corners[1]))

    @property
    def centre(self) -> FloatArray:
        """(2,) float32: middle of the box."""
        return as_float((self.corners[:2] + self.corners[2:]) / 2)

    @property
    def eyes(self) -> FloatArray:
        """(2, 2) float32: right eye, left eye."""
        return self.keypoints[[_RIGHT_EYE, _LEFT_EYE]]


def _anchors() -> FloatArray:
    """Anchor centres, (896, 2) float32 in 0-1."""
    rows = []
    for cells, repeats in ANCHOR_GRIDS:
        y, x = np.mgrid[0:cells, 0:cells]
        centres = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) / cells
        rows.append(np.repeat(centres, repeats, axis=0))
    return as_float(np.concatenate(rows))


def _overlap(box: FloatArray, others: FloatArray) -> FloatArray:
    """Intersection over union of one box (4,) with others (n, 4) -> (n,)."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    total = np.prod(box[2:] - box[:2]) + np.prod(others[:, 2:] - others[:, :2], axis=1) - shared
    return np.asarray(shared / np.maximum(total, 1e-6), dtype=np.float32)


class FaceDetector:
    """A detector of faces in whole pictures."""

    def __init__(self, device: str = "CPU") -> None:
        """Load the model.

        Raises:
            WeightsError: the model is not installed.
            EngineError: the device can't run it.
        """
        self._network = Network(model_path(DETECTOR_FILE), device)
        self._anchors = _anchors()

    def detect(self, rgb: Picture, pixel_aspect: float = 1.0) -> list[Detection]:
        """Find the faces of a picture, surest first, in square pixels (x times `pixel_aspect`).

        Args:
            rgb: (H, W, 3) uint8.
            pixel_aspect: width of a pixel over its height.
        """
        height, width = rgb.shape[:2]
        scale = INPUT_SIZE / max(height, width * pixel_aspect)
        small_size = (max(1, round(width * pixel_aspect * scale)), max(1, round(height * scale)))
        small = cv2.resize(rgb, small_size, interpolation=cv2.INTER_AREA)
        canvas = np.zeros((INPUT_SIZE, INPUT_SIZE, 3), dtype=np.uint8)
        left, top = (INPUT_SIZE - small_size[0]) // 2, (INPUT_SIZE - small_size[1]) // 2
        canvas[top : top + small_size[1], left : left + small_size[0]] = small
        found = self._decode(canvas)
        shift = np.array([left, top], dtype=np.float32)
        return [
            Detection(
                score,
                ((box.reshape(2, 2) - shift) / scale).reshape(4).astype(np.float32),
                ((points - shift) / scale).astype(np.float32),
            )
            for score, box, points in found
        ]

    def _decode(self, canvas: NDArray[np.uint8]) -> list[tuple[float, FloatArray, FloatArray]]:
        """Run on the letterboxed input -> (score, box (4,), keypoints (6, 2)) in input pixels, overlaps merged."""
        regressors, logits = self._network(canvas[None].astype(np.float32) / 127.5 - 1)
        scores = 1 / (1 + np.exp(-np.clip(logits.reshape(-1), -80, 80)))
        sure = np.flatnonzero(scores >= MIN_SCORE)
        sure = sure[np.argsort(-scores[sure], kind="stable")]
        raw = regressors.reshape(-1, 8, 2)[sure]
        anchors = self._anchors[sure] * INPUT_SIZE
        centres = raw[:, 0] + anchors
        boxes = np.concatenate([centres - raw[:, 1] / 2, centres + raw[:, 1] / 2], axis=1)
        points = raw[:, 2:] + anchors[:, None]
        weights = scores[sure]
        result = []
        left = np.arange(len(sure))
        while len(left):
            same = _overlap(boxes[left[0]], boxes[left]) > SAME_FACE_OVERLAP
            same[0] = True
            group, left = left[same], left[~same]
            share = weights[group] / weights[group].sum()
            result.append(
                (
                    float(weights[group[0]]),
                    np.einsum("n,nk->k", share, boxes[group]).astype(np.float32),
                    np.einsum("n,nkd->kd", share, points[group]).astype(np.float32),
                )
            )
        return result
