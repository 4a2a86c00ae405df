"""The detector on real photos, checked against the mesh (another network) and against the photos' own geometry."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from tests import scenes

from mouthpiece.errors import WeightsError
from mouthpiece.face import Detection, FaceDetector, FaceTracker
from mouthpiece.face.models import DETECTOR_FILE, MODELS_VARIABLE, model_path
from mouthpiece.types import Picture


@pytest.mark.parametrize("name", scenes.PHOTOS)
def test_finds_the_one_face_of_a_photo(
    detector: FaceDetector, raw: FaceTracker, photos: dict[str, Picture], name: str
) -> None:
    [found] = detector.detect(photos[name])
    assert found.score > 0.6
    face = raw.track(scenes.frame(photos[name])).face
    assert face is not None
    # The mesh sees where the eyes' corners are; the detector must put each eye between them.
    scale = face.pose.scale
    for eye, corners in zip(found.eyes, ([33, 133], [362, 263]), strict=True):
        assert np.linalg.norm(eye - face.landmarks[corners, :2].mean(axis=0)) < 0.12 * scale
    assert np.linalg.norm(found.keypoints[3] - face.landmarks[[13, 14], :2].mean(axis=0)) < 0.2 * scale
    low, high = face.landmarks[:, :2].min(axis=0), face.landmarks[:, :2].max(axis=0)
    shared = np.prod(np.minimum(high, found.corners[2:]) - np.maximum(low, found.corners[:2]))
    total = np.prod(high - low) + np.prod(found.corners[2:] - found.corners[:2]) - shared
    assert shared / total > 0.5


def test_a_face_elsewhere_and_smaller_is_found_there(detector: FaceDetector, woman: Picture) -> None:
    [here] = detector.detect(woman)
    small = cv2.resize(woman, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    [there] = detector.detect(scenes.on_canvas(np.asarray(small, np.uint8), 900, 500, 500, 130))
    expected = here.keypoints / 2 + [500, 130]
    assert np.abs(there.keypoints - expected).max() < 0.12 * here.size / 2
    assert there.size == pytest.approx(here.size / 2, rel=0.1)


def test_several_faces_surest_first(detector: FaceDetector, photos: dict[str, Picture]) -> None:
    row = [photos[n] for n in ("man_head_crop.jpg", "woman_portrait.png", "boy_3d_cartoon.png")]
    found = detector.detect(scenes.side_by_side(*row))
    assert len(found) == 3
    assert [d.score for d in found] == sorted((d.score for d in found), reverse=True)
    assert sorted(int(d.centre[0] // 640) for d in found) == [0, 1, 2]


def test_nobody_in_what_is_no_face(detector: FaceDetector, photos: dict[str, Picture]) -> None:
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 256, (300, 400, 3)).astype(np.uint8)
    ramp = np.tile(np.linspace(0, 255, 400).astype(np.uint8)[None, :, None], (300, 1, 3))
    body = photos["man_half_body.png"][320:]
    for empty in (noise, ramp, np.zeros((300, 400, 3), np.uint8), np.full((40, 900, 3), 255, np.uint8), body):
        assert detector.detect(empty) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4000, 1), (2, 3)])
def test_any_shape_is_looked_at(detector: FaceDetector, shape: tuple[int, int]) -> None:
    assert detector.detect(np.full((*shape, 3), 90, np.uint8)) == []


def test_wide_pixels_are_made_square(detector: FaceDetector, woman: Picture) -> None:
    [square] = detector.detect(woman)
    half = cv2.resize(woman, (320, 640), interpolation=cv2.INTER_AREA)
    [wide] = detector.detect(np.asarray(half, np.uint8), pixel_aspect=2.0)
    assert np.abs(wide.keypoints - square.keypoints).max() < 0.05 * square.size
    assert wide.size == pytest.approx(square.size, rel=0.05)


def test_a_detection_knows_its_geometry() -> None:
    points = np.arange(12, dtype=np.float32).reshape(6, 2)
    found = Detection(0.9, np.array([10, 20, 40, 60], np.float32), points)
    assert found.size == 40
    assert found.centre.tolist() == [25, 40]
    assert found.eyes.tolist() == points[:2].tolist()


def test_a_missing_model_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    with pytest.raises(WeightsError, match=MODELS_VARIABLE):
        model_path("no-such-model.tflite")
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    assert model_path(DETECTOR_FILE).is_file(), "an empty folder of one's own doesn't hide the installed model"
