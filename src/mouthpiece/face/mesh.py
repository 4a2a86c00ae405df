"""The 468-point face mesh (Kartynnik et al. 2019, arXiv:1907.06724) and its point numbers.

The numbers are the published topology's; "left" and "right" are the picture's, not the person's.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mouthpiece.face.models import MESH_FILE, model_path
from mouthpiece.inference import Network
from mouthpiece.types import FloatArray, Picture

POINTS = 468
INPUT_SIZE = 192
CROP_FACTOR = 1.5
"""Side of the crop over the longer side of the face's box, as in the mesh's training."""

OUTER_EYE_LEFT, OUTER_EYE_RIGHT = 33, 263
INNER_LIP_TOP, INNER_LIP_BOTTOM = 13, 14
LIP_EDGES = [61, 291, 0, 17]
"""Corners of the mouth, top of the upper and bottom of the lower lip."""


class FaceMesh:
    """A network that measures 468 landmarks in a square, upright crop."""

    def __init__(self, device: str = "CPU") -> None:
        """Load the model.

        Raises:
            WeightsError: the model is not installed.
            EngineError: the device can't run it.
        """
        self._network = Network(model_path(MESH_FILE), device)

    def measure(
        self, rgb: Picture, centre: NDArray[np.floating], size: float, angle: float, pixel_aspect: float = 1.0
    ) -> tuple[FloatArray, float]:
        """Measure the face inside a square.

        Args:
            rgb: (H, W, 3) uint8.
            centre: (2,) middle of the square, square pixels.
            size: side of the square, square pixels.
            angle: tilt of the face, radians clockwise.
            pixel_aspect: width of a pixel over its height.

        Returns:
            landmarks (468, 3) float32 in square pixels (z: the same unit, smaller is nearer), and the model's
            score of a face, 0-1.
        """
        scale = size / INPUT_SIZE
        cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
        half = (INPUT_SIZE - 1) / 2
        to_picture = np.array([[cos, -sin, 0], [sin, cos, 0]], dtype=np.float64)
        to_picture[:, 2] = np.asarray(centre, dtype=np.float64) - to_picture[:, :2] @ [half, half]
        stored = to_picture.copy()
        stored[0] /= pixel_aspect
        crop = cv2.warpAffine(
            rgb,
            stored,
            (INPUT_SIZE, INPUT_SIZE),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        points, logit = self._network(crop[None].astype(np.float32) * (1 / 255))
        landmarks = points.reshape(POINTS, 3)
        result = np.empty_like(landmarks)
        result[:, :2] = landmarks[:, :2] @ to_picture[:, :2].T + to_picture[:, 2]
        result[:, 2] = landmarks[:, 2] * scale
        return result, float(1 / (1 + np.exp(-np.clip(logit.reshape(-1)[0], -80, 80))))
