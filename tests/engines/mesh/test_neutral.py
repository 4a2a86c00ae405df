"""The frontal face and its way into a frame."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from tests import scenes
from tests.engines.mesh.rig import look

from mouthpiece.engines.mesh import topology as topo
from mouthpiece.engines.mesh.neutral import PlaneMap, canonical_shape, closed, opening
from mouthpiece.face import FaceTracker, reference_face
from mouthpiece.motion.basis import MotionBasis
from mouthpiece.types import Face, FloatArray, HeadPose, TrackedFrame


def posed(
    rotation: Rotation, scale: float, centre: tuple[float, float], aspect: float = 1.0
) -> tuple[Face, FloatArray]:
    """The reference face as tracked under a pose, and its canonical shape."""
    matrix = rotation.as_matrix().astype(np.float32)
    shape = reference_face()
    square = scale * shape @ matrix.T + np.array([*centre, 0], np.float32)
    pose = HeadPose(matrix, scale, np.array(centre, np.float32))
    stored = (square / np.array([aspect, 1, 1])).astype(np.float32)
    return Face(stored, pose, 1.0, np.zeros(1, np.float32)), shape


POSES = [(0, 0, 0), (20, 0, 0), (0, -25, 0), (10, 30, -40)]


@pytest.mark.parametrize("angles", POSES)
@pytest.mark.parametrize("aspect", [1.0, 16 / 11, 0.5])
def test_the_pose_is_taken_out(angles: tuple[float, float, float], aspect: float) -> None:
    face, shape = posed(Rotation.from_euler("xyz", angles, degrees=True), 83.0, (200.0, 150.0), aspect)
    assert canonical_shape(face, aspect) == pytest.approx(shape, abs=0.02)
    level = canonical_shape(face, aspect)[topo.OUTER_EYES, 2].mean()
    assert level == pytest.approx(0, abs=1e-4), "the outer eye corners are depth 0"


@pytest.mark.parametrize("angles", POSES)
@pytest.mark.parametrize("aspect", [1.0, 16 / 11, 0.5])
def test_the_plane_leads_back_to_the_pixels(angles: tuple[float, float, float], aspect: float) -> None:
    face, shape = posed(Rotation.from_euler("xyz", angles, degrees=True), 83.0, (200.0, 150.0), aspect)
    plane = PlaneMap.of(face, aspect)
    pixels = plane.project(shape) @ plane.matrix.T + plane.centre
    assert pixels == pytest.approx(face.landmarks[:, :2], abs=0.02)
    assert plane.to_plane(pixels) == pytest.approx(plane.project(shape), abs=1e-4)


def test_seen_from_the_front_depth_shifts_nothing() -> None:
    face, _ = posed(Rotation.identity(), 50.0, (0.0, 0.0))
    assert PlaneMap.of(face, 1.0).slant == pytest.approx([0, 0], abs=1e-6)


def test_photos_agree_with_themselves_turned(portraits: dict[str, TrackedFrame], tracker: FaceTracker) -> None:
    for tracked in portraits.values():
        assert tracked.face is not None
        shape = canonical_shape(tracked.face, 1.0)
        turned = look(tracker, scenes.rotated(tracked.frame.rgb, -20)[0]).face
        assert turned is not None
        off = canonical_shape(turned, 1.0) - shape
        assert np.linalg.norm(off[:, :2], axis=1).mean() < 0.02


@pytest.mark.parametrize("wide", [0.0, 0.02, 0.1, 0.2])
def test_closing_closes_all_along(portraits: dict[str, TrackedFrame], basis: MotionBasis, wide: float) -> None:
    for tracked in portraits.values():
        assert tracked.face is not None
        shape = canonical_shape(tracked.face, 1.0)
        shape[basis.points] += wide * basis.opening_mode
        before = shape.copy()
        shut = closed(shape, basis.opening_mode, basis.points)
        assert np.array_equal(shape, before), "what it is given stays as it is"
        assert np.array_equal(shut[topo.INNER_UPPER], shut[topo.INNER_LOWER])
        assert opening(shut) == 0
        still = np.setdiff1d(np.arange(478), basis.points)
        assert np.array_equal(shut[still], shape[still]), "nose, eyes and forehead have no part in it"
        again = closed(shut, basis.opening_mode, basis.points)
        assert again == pytest.approx(shut, abs=1e-5), "closed is closed"


def test_the_closed_mouth_does_not_depend_on_how_open_it_was(
    portraits: dict[str, TrackedFrame], basis: MotionBasis
) -> None:
    face = portraits["woman_portrait"].face
    assert face is not None
    shape = canonical_shape(face, 1.0)
    resting = closed(shape, basis.opening_mode, basis.points)
    for wide in (0.03, 0.12):
        opened = shape.copy()
        opened[basis.points] += wide * basis.opening_mode
        off = closed(opened, basis.opening_mode, basis.points) - resting
        assert np.linalg.norm(off[:, :2], axis=1).max() < 0.012


def test_closing_keeps_the_lips_full(portraits: dict[str, TrackedFrame], basis: MotionBasis) -> None:
    """Lips meet; they are not pressed thin."""
    face = portraits["man_head_crop"].face
    assert face is not None
    shape = canonical_shape(face, 1.0)
    shut = closed(shape, basis.opening_mode, basis.points)

    def thickness(of: FloatArray) -> list[float]:
        return [float(of[13, 1] - of[0, 1]), float(of[17, 1] - of[14, 1])]

    assert thickness(shut) == pytest.approx(thickness(shape), rel=0.35)
