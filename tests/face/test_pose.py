"""Head pose: the signs that `HeadPose` promises, on projections made by hand and on real pictures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from tests import scenes
from tests.stand_in_media import PARTED

from mouthpiece.face import FaceTracker, head_pose, reference_face
from mouthpiece.face.pose import RIGID_POINTS, fit_similarity
from mouthpiece.types import FloatArray, Picture

NOSE_TIP, CHIN, FOREHEAD = 4, 152, 10
LEFT_EYE, RIGHT_EYE = 33, 263
SCALE, CENTRE = 140.0, np.array([311.0, 204.0])


def seen(rotation: Rotation) -> FloatArray:
    """The reference face under a rotation, as the mesh would report it: (478, 3) pixels."""
    turned = reference_face() @ rotation.as_matrix().T * SCALE
    turned[:, :2] += CENTRE
    return np.asarray(turned, dtype=np.float32)


def test_the_reference_face_keeps_the_canonical_conventions() -> None:
    face = reference_face()
    assert face.shape == (478, 3)
    assert face.dtype == np.float32
    eyes = face[[LEFT_EYE, RIGHT_EYE]]
    assert np.linalg.norm(eyes[1] - eyes[0]) == pytest.approx(1, abs=0.02)
    assert eyes.mean(axis=0) == pytest.approx(np.zeros(3), abs=0.02)
    assert eyes[0, 0] < 0 < eyes[1, 0]
    assert face[FOREHEAD, 1] < 0 < face[NOSE_TIP, 1] < face[CHIN, 1]
    assert face[NOSE_TIP, 2] < -0.1, "z points away from the viewer: the nose is nearest"
    assert np.abs(face[NOSE_TIP, 0]) < 0.02


@pytest.mark.parametrize("degrees", [-50, -20, -5, 0, 5, 20, 50])
@pytest.mark.parametrize("name", ["yaw", "pitch", "roll"])
def test_angles_come_back(name: str, degrees: float) -> None:
    # About the canonical axes: x to the right, y down, z away.
    axis = {"yaw": [0, -1, 0], "pitch": [1, 0, 0], "roll": [0, 0, 1]}[name]
    square = seen(Rotation.from_rotvec(np.radians(degrees) * np.array(axis)))
    pose = head_pose(square)
    told = {"yaw": pose.yaw_deg, "pitch": pose.pitch_deg, "roll": pose.roll_deg}
    assert abs(told.pop(name)) == pytest.approx(abs(degrees), abs=0.1)
    assert list(told.values()) == pytest.approx([0, 0], abs=0.1)
    assert pose.scale == pytest.approx(SCALE, rel=1e-3)
    assert pose.centre == pytest.approx(CENTRE, abs=0.1)


def test_signs_are_those_of_the_picture() -> None:
    """What the docstrings say in words, read off the projected points."""
    frontal = seen(Rotation.identity())

    def nose(square: FloatArray) -> FloatArray:
        eyes: FloatArray = square[NOSE_TIP, :2] - square[[LEFT_EYE, RIGHT_EYE], :2].mean(axis=0)
        return eyes

    for axis in np.eye(3):
        for angle in (-25, 25):
            square = seen(Rotation.from_rotvec(np.radians(angle) * axis))
            pose, moved = head_pose(square), nose(square) - nose(frontal)
            if abs(pose.yaw_deg) > 1:
                assert np.sign(pose.yaw_deg) == np.sign(moved[0]), "positive: the nose points to the picture's right"
            if abs(pose.pitch_deg) > 1:
                assert np.sign(pose.pitch_deg) == -np.sign(moved[1]), "positive: the nose points up"
            if abs(pose.roll_deg) > 1:
                lowered = square[RIGHT_EYE, 1] - square[LEFT_EYE, 1]
                assert np.sign(pose.roll_deg) == np.sign(lowered), "positive: clockwise, the right eye sinks"


def test_the_pose_projects_as_documented() -> None:
    square = seen(Rotation.from_euler("xyz", [11, -17, 23], degrees=True))
    pose = head_pose(square)
    projected = pose.scale * (reference_face() @ pose.rotation.T)[:, :2] + pose.centre
    assert projected == pytest.approx(square[:, :2], abs=0.05)
    assert np.linalg.det(pose.rotation) == pytest.approx(1, abs=1e-4)


def test_a_speaking_mouth_does_not_turn_the_head() -> None:
    rng = np.random.default_rng(1)
    square = seen(Rotation.identity())
    low = reference_face()[:, 1] > 0.75
    square[low, 1] += 25
    square[low] += rng.normal(0, 2, (int(low.sum()), 3))
    pose = head_pose(square.astype(np.float32))
    assert [pose.yaw_deg, pose.pitch_deg, pose.roll_deg] == pytest.approx([0, 0, 0], abs=0.2)
    assert pose.scale == pytest.approx(SCALE, rel=2e-3)


def test_similarity_against_scipy() -> None:
    rng = np.random.default_rng(7)
    source = rng.normal(size=(30, 3))
    truth = Rotation.from_euler("zyx", [40, -30, 15], degrees=True)
    target = 3.7 * truth.apply(source) + [5, -2, 9] + rng.normal(0, 0.05, source.shape)
    rotation, scale, shift = fit_similarity(source, target)
    oracle, _ = Rotation.align_vectors(target - target.mean(axis=0), source - source.mean(axis=0))
    assert rotation == pytest.approx(oracle.as_matrix(), abs=1e-5)
    assert scale == pytest.approx(3.7, rel=0.02)
    residual = np.mean((scale * source @ rotation.T + shift - target) ** 2)
    for factor in (0.99, 1.01):
        assert residual < np.mean((factor * scale * source @ rotation.T + shift - target) ** 2)


def test_a_mirrored_cloud_gives_no_mirrored_pose() -> None:
    source = reference_face()[RIGID_POINTS].astype(np.float64)
    rotation, _, _ = fit_similarity(source, source * [-1, 1, 1])
    assert np.linalg.det(rotation) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("degrees", [-25, 15, 25])
def test_a_tilted_photo_is_as_much_rolled(raw: FaceTracker, woman: Picture, degrees: float) -> None:
    upright = raw.track(scenes.frame(woman)).face
    raw.reset()
    tilted = raw.track(scenes.frame(scenes.rotated(woman, degrees)[0])).face
    assert upright is not None
    assert tilted is not None
    assert tilted.pose.roll_deg - upright.pose.roll_deg == pytest.approx(degrees, abs=1.5)
    assert tilted.pose.scale == pytest.approx(upright.pose.scale, rel=0.02)
    expected = Rotation.from_rotvec(np.radians(degrees) * np.array([0, 0, 1])) * Rotation.from_matrix(
        upright.pose.rotation
    )
    off = expected.inv() * Rotation.from_matrix(tilted.pose.rotation)
    assert np.degrees(off.magnitude()) < 2.5


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.real_media) if name in PARTED else name for name in scenes.PHOTOS]
)
def test_a_mirrored_photo_turns_the_other_way(raw: FaceTracker, photos: dict[str, Picture], name: str) -> None:
    one = raw.track(scenes.frame(photos[name])).face
    raw.reset()
    other = raw.track(scenes.frame(np.ascontiguousarray(photos[name][:, ::-1]))).face
    assert one is not None
    assert other is not None
    assert other.pose.yaw_deg == pytest.approx(-one.pose.yaw_deg, abs=3)
    assert other.pose.roll_deg == pytest.approx(-one.pose.roll_deg, abs=1.5)
    assert other.pose.pitch_deg == pytest.approx(one.pose.pitch_deg, abs=2)
