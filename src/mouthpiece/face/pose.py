"""Head pose, fitted to the rigid part of a face mesh."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mouthpiece.types import FloatArray, HeadPose

# fmt: off
RIGID_POINTS = np.array([
    33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 10, 151, 9, 8, 67, 297, 109, 338, 54, 284, 21, 251, 162, 389, 127, 356,
    234, 454, 93, 323,
])
# fmt: on
"""Eye corners, nose bridge, forehead, temples, in the mesh's numbering: speech and mimic leave them alone."""


@lru_cache(maxsize=1)
def reference_face() -> FloatArray:
    """Read the mean face in canonical coordinates, (478, 3) float32; made by tools/make_reference_face.py."""
    shape: FloatArray = np.load(Path(__file__).with_name("reference.npy"), allow_pickle=False)
    return shape


def fit_similarity(source: NDArray[np.floating], target: NDArray[np.floating]) -> tuple[FloatArray, float, FloatArray]:
    """Fit the least-squares similarity target ~ scale * source @ rotation.T + shift (Umeyama 1991).

    Args:
        source: (n, 3).
        target: (n, 3).

    Returns:
        rotation (3, 3), scale, shift (3,).
    """
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    centred = source - source_mean
    u, s, vt = np.linalg.svd((target - target_mean).T @ centred)
    flip = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * flip) @ vt
    scale = float((s * flip).sum() / (centred**2).sum())
    shift = target_mean - scale * rotation @ source_mean
    return rotation.astype(np.float32), scale, shift.astype(np.float32)


def head_pose(square: FloatArray) -> HeadPose:
    """Fit the pose of a measured face, landmarks (478, 3) in square pixels."""
    rotation, scale, shift = fit_similarity(reference_face()[RIGID_POINTS], square[RIGID_POINTS])
    return HeadPose(rotation, scale, shift[:2].copy())
