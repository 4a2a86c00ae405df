"""The face mesh with attention (Grishchenko et al. 2020, arXiv:2006.10962) and its point numbers.

478 points: the 468 of the face mesh (Kartynnik et al. 2019, arXiv:1907.06724), lips and eyes among them refined by
networks of their own, and five of each iris, its centre first. The numbers are the published topology's; "left" and
"right" are the picture's, not the person's.
"""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from mouthpiece.face.attention import (
    EYES,
    IRISES,
    LEFT_EYE_POINTS,
    LIP_POINTS,
    LIPS,
    MESH,
    RIGHT_EYE_POINTS,
    SCORE,
    read_attention_mesh,
)
from mouthpiece.face.models import MESH_FILE, model_path
from mouthpiece.inference import Network
from mouthpiece.types import FloatArray, Picture

POINTS = 478
MESH_POINTS = 468
"""Points without the irises."""
INPUT_SIZE = 192
CROP_FACTOR = 1.5
"""Side of the crop over the longer side of the face's box, as in the mesh's training."""
LEFT_IRIS, RIGHT_IRIS = slice(468, 473), slice(473, 478)
"""Centre, then the rim's right, top, left and bottom."""
EYE_RIM = 16
"""The first points of an eye's region: the rim of its opening."""

OUTER_EYE_LEFT, OUTER_EYE_RIGHT = 33, 263
INNER_LIP_TOP, INNER_LIP_BOTTOM = 13, 14
LIP_EDGES = [61, 291, 0, 17]
"""Corners of the mouth, top of the upper and bottom of the lower lip."""


_REGIONS = tuple(np.array(points, dtype=np.intp) for points in (LIP_POINTS, LEFT_EYE_POINTS, RIGHT_EYE_POINTS))
_read_lips = partial(read_attention_mesh, outputs=(MESH, SCORE, LIPS))
_read_all = partial(read_attention_mesh, outputs=(MESH, SCORE, LIPS, *EYES, *IRISES))


class FaceMesh:
    """A network that measures 478 landmarks in a square, upright crop."""

    def __init__(self, device: str = "CPU", *, eyes: bool = False) -> None:
        """Load the model.

        Args:
            device: OpenVINO device.
            eyes: refine eyelids and measure irises, too; else these networks don't run, the lids are the coarse mesh's,
                and all points of an iris lie in the middle of its eye.

        Raises:
            WeightsError: the model is not installed.
            EngineError: the device can't run it.
        """
        self._network = Network(model_path(MESH_FILE), device, reader=_read_all if eyes else _read_lips)

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
            landmarks (478, 3) float32 in square pixels (z: the same unit, smaller is nearer), and the model's
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
        points, logit, *refined = self._network(crop[None].astype(np.float32) * (1 / 255))
        landmarks = _refined(points.reshape(MESH_POINTS, 3), [region.reshape(-1, 2) for region in refined])
        result = np.empty_like(landmarks)
        result[:, :2] = landmarks[:, :2] @ to_picture[:, :2].T + to_picture[:, 2]
        result[:, 2] = landmarks[:, 2] * scale
        return result, float(1 / (1 + np.exp(-np.clip(logit.reshape(-1)[0], -80, 80))))


def _refined(mesh: FloatArray, regions: list[FloatArray]) -> FloatArray:
    """Put refined points in the coarse mesh's place: (468, 3) and lips, eyes, irises, (n, 2) each -> (478, 3).

    Depth stays the coarse mesh's; an iris has the mean depth of its eye's rim. That is MediaPipe's own way.
    """
    landmarks = np.empty((POINTS, 3), dtype=np.float32)
    landmarks[:MESH_POINTS] = mesh
    for numbers, region in zip(_REGIONS, regions[:3], strict=False):
        landmarks[numbers, :2] = region
    for place, (eye, iris) in enumerate(zip(_REGIONS[1:], (LEFT_IRIS, RIGHT_IRIS), strict=True)):
        landmarks[iris] = landmarks[eye[:EYE_RIM]].mean(axis=0)
        if len(regions) > place + 3:
            landmarks[iris, :2] = regions[place + 3]
    return landmarks
