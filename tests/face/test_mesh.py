"""The face mesh network: measuring where it is told to look."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from tests import scenes

from mouthpiece.face import FaceDetector, FaceMesh, FaceTracker
from mouthpiece.face.attention import LEFT_EYE_POINTS, LIP_POINTS, RIGHT_EYE_POINTS
from mouthpiece.face.mesh import CROP_FACTOR, LEFT_IRIS, MESH_POINTS, RIGHT_IRIS
from mouthpiece.face.tracker import crop_around
from mouthpiece.types import FloatArray, Picture


@pytest.fixture(scope="module")
def mesh(_raw_tracker: FaceTracker) -> FaceMesh:
    return FaceMesh()


def test_landmarks_follow_the_picture_not_the_crop(mesh: FaceMesh, raw: FaceTracker, woman: Picture) -> None:
    face = raw.track(scenes.frame(woman)).face
    assert face is not None
    middle, side = face.landmarks[:, :2].mean(axis=0), 1.5 * face.box.height
    first, score = mesh.measure(woman, middle, side, 0.0)
    assert first.shape == (478, 3)
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


def test_irises_lie_within_their_eyes(raw: FaceTracker, woman: Picture) -> None:
    face = raw.track(scenes.frame(woman)).face
    assert face is not None
    middle, side = face.landmarks[:, :2].mean(axis=0), 1.5 * face.box.height
    for eyes in (False, True):
        landmarks, _ = FaceMesh(eyes=eyes).measure(woman, middle, side, 0.0)
        for corners, iris in (((33, 133), LEFT_IRIS), ((362, 263), RIGHT_IRIS)):
            left, right = landmarks[list(corners), 0]
            assert left < landmarks[iris, 0].mean() < right
            assert bool(np.ptp(landmarks[iris, 0]) > 0.2 * (right - left)) == eyes, "points of a rim, or one place"


def test_what_is_not_asked_for_makes_no_difference(raw: FaceTracker, woman: Picture) -> None:
    face = raw.track(scenes.frame(woman)).face
    assert face is not None
    middle, side = face.landmarks[:, :2].mean(axis=0), 1.5 * face.box.height
    lips, everything = (FaceMesh(eyes=eyes).measure(woman, middle, side, 0.0)[0] for eyes in (False, True))
    same = np.setdiff1d(np.arange(MESH_POINTS), [*LEFT_EYE_POINTS, *RIGHT_EYE_POINTS])
    np.testing.assert_allclose(lips[same], everything[same], atol=0.01)


@pytest.mark.real_media
@pytest.mark.parametrize("eyes", [False, True])
def test_it_measures_what_mediapipe_measures(shared_data: Path, eyes: bool) -> None:
    """The oracle is MediaPipe's own answer to the same pictures (tools/make_mediapipe_landmarks.py)."""
    detector, mesh = FaceDetector(), FaceMesh(eyes=eyes)
    away: list[float] = []
    openings: list[tuple[float, float]] = []
    with np.load(Path(__file__).with_name("mediapipe_landmarks.npz")) as recorded:
        for name in recorded.files:
            with av.open(str(shared_data / name)) as container:
                pictures = [np.asarray(f.to_ndarray(format="rgb24"), np.uint8) for f in container.decode(video=0)][::12]
            for rgb, theirs in zip(pictures, recorded[name], strict=False):
                ours = _followed(detector, mesh, rgb)
                width = float(np.ptp(theirs[:MESH_POINTS, 0]))
                away += (
                    np.linalg.norm(ours[list(LIP_POINTS), :2] - theirs[list(LIP_POINTS), :2], axis=1) / width
                ).tolist()
                openings.append((ours[14, 1] - ours[13, 1], theirs[14, 1] - theirs[13, 1]))
                if eyes:
                    iris = np.linalg.norm(ours[MESH_POINTS:, :2] - theirs[MESH_POINTS:, :2], axis=1) / width
                    assert np.median(iris) < 0.01
    assert np.median(away) < 0.005
    made, real = np.array(openings).T
    lively = real > 0.01 * np.median(real) + 1
    assert np.median(np.abs(made - real)[lively] / real[lively]) < 0.05
    assert np.polyfit(real, made, 1)[0] == pytest.approx(1, abs=0.05)


def _followed(detector: FaceDetector, mesh: FaceMesh, rgb: Picture) -> FloatArray:
    """The landmarks as while a face is followed: the crop comes from the landmarks before."""
    found = detector.detect(rgb)[0]
    eye_line = found.eyes[1] - found.eyes[0]
    crop = found.centre, found.size * CROP_FACTOR, float(np.arctan2(eye_line[1], eye_line[0]))
    for _ in range(4):
        landmarks, _ = mesh.measure(rgb, *crop)
        crop = crop_around(landmarks)
    return landmarks
