"""The face mesh network: measuring where it is told to look."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from tests import scenes

from mouthpiece.face import FaceMesh, FaceTracker
from mouthpiece.types import Picture


@pytest.fixture(scope="module")
def mesh(_raw_tracker: FaceTracker) -> FaceMesh:
    return FaceMesh()


def test_landmarks_follow_the_picture_not_the_crop(mesh: FaceMesh, raw: FaceTracker, woman: Picture) -> None:
    face = raw.track(scenes.frame(woman)).face
    assert face is not None
    middle, side = face.landmarks[:, :2].mean(axis=0), 1.5 * face.box.height
    first, score = mesh.measure(woman, middle, side, 0.0)
    assert first.shape == (468, 3)
    assert first.dtype == np.float32
    assert score > 0.9
    for shift, grow, tilt in (([8, -6], 1.0, 0.0), ([0, 0], 1.08, 0.0), ([0, 0], 1.0, 0.1)):
        again, _ = mesh.measure(woman, middle + np.array(shift), side * grow, tilt)
        off = np.linalg.norm(again[:, :2] - first[:, :2], axis=1) / face.pose.scale
        assert np.median(off) < 0.02


def test_inner_lips_are_where_the_picture_is_red(raw: FaceTracker, photos: dict[str, Picture]) -> None:
    """Lips are redder than the skin beside them; the mesh has never heard of colour names."""
    rgb = photos["woman_portrait.png"]
    face = raw.track(scenes.frame(rgb)).face
    assert face is not None
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB).astype(np.float32)[..., 1]

    def redness(*points: int) -> float:
        xy = np.round(face.landmarks[list(points), :2]).astype(int)
        return float(np.mean([lab[y - 2 : y + 3, x - 2 : x + 3].mean() for x, y in xy]))

    assert redness(12, 15) > redness(205, 425, 164, 200) + 5


def test_no_face_scores_low(mesh: FaceMesh) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (256, 256, 3)).astype(np.uint8)
    for empty in (noise, np.full((256, 256, 3), 120, np.uint8)):
        assert mesh.measure(empty, np.array([128, 128]), 200, 0.0)[1] < 0.5


def test_wide_pixels(mesh: FaceMesh, raw: FaceTracker, woman: Picture) -> None:
    face = raw.track(scenes.frame(woman)).face
    assert face is not None
    middle, side = face.landmarks[:, :2].mean(axis=0), 1.5 * face.box.height
    square, _ = mesh.measure(woman, middle, side, 0.0)
    half = np.asarray(cv2.resize(woman, (320, 640), interpolation=cv2.INTER_AREA), np.uint8)
    wide, score = mesh.measure(half, middle, side, 0.0, pixel_aspect=2.0)
    assert score > 0.9
    assert np.median(np.linalg.norm(wide - square, axis=1)) / face.pose.scale < 0.02
