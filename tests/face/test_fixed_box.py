"""A face in a box of the user's."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from tests import scenes

from mouthpiece.engines.wav2lip.crop import CropBox, FaceCrop
from mouthpiece.errors import OptionError
from mouthpiece.face import FixedBoxTracker, head_pose
from mouthpiece.types import Box, Face

GREY = np.full((240, 320, 3), 110, np.uint8)


def placed(box: Box, pixel_aspect: Fraction = Fraction(1)) -> Face:
    face = FixedBoxTracker(box, 320, 240).track(scenes.frame(GREY, pixel_aspect=pixel_aspect)).face
    assert face is not None
    return face


@pytest.mark.parametrize("box", [Box(50, 40, 150, 160), Box(0, 0, 320, 240), Box(101, 33, 140, 201)])
def test_the_face_fills_the_box_exactly(box: Box) -> None:
    assert placed(box).box == box


def test_it_looks_at_us() -> None:
    face = placed(Box(50, 40, 150, 159))
    assert (face.pose.yaw_deg, face.pose.pitch_deg, face.pose.roll_deg) == (0, 0, 0)
    assert face.score == 1
    measured = head_pose(face.landmarks)
    assert measured.scale == pytest.approx(face.pose.scale, rel=0.05)
    assert np.abs(measured.centre - face.pose.centre).max() < 3
    assert abs(measured.yaw_deg) < 0.5
    mouth = face.landmarks[[13, 14], :2].mean(axis=0)
    assert mouth[0] == pytest.approx(99.5, abs=1)
    assert 115 < mouth[1] < 145  # the lower half


def test_pixels_that_are_not_square() -> None:
    """As stored the box is the same; the pose counts in square pixels."""
    box, aspect = Box(50, 40, 150, 160), Fraction(4, 3)
    oblong, square = placed(box, aspect), placed(box)
    assert np.array_equal(oblong.landmarks[:, :2], square.landmarks[:, :2])
    assert oblong.pose.scale == pytest.approx(square.pose.scale * 4 / 3)
    assert oblong.pose.centre[0] == pytest.approx(square.pose.centre[0] * 4 / 3)


@pytest.mark.parametrize("box", [Box(50, 40, 146, 136), Box(10, 20, 138, 164), Box(100, 5, 160, 85)])
def test_the_published_network_sees_exactly_the_box(box: Box) -> None:
    """As the published script cuts and resizes it."""
    noise = np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    picture = np.asarray(cv2.resize(noise, (320, 240), interpolation=cv2.INTER_CUBIC), np.uint8)
    frame = scenes.frame(picture)
    crop_box = CropBox.of(placed(box), frame, (0, 0, 0, 0))
    assert crop_box is not None
    seen = FaceCrop.cut(frame, crop_box).rgb
    published = cv2.resize(picture[box.slices], (96, 96)).astype(np.float32)
    inner = (slice(1, -1), slice(1, -1))  # at the rim of a crop that is resized, one sees beyond and the other can't
    assert np.abs(seen - published)[inner].max() <= 8
    assert np.abs(seen - published)[inner].mean() < 0.7


def test_every_frame_has_it_and_it_is_always_the_same_one() -> None:
    tracker = FixedBoxTracker(Box(50, 40, 150, 160), 320, 240)
    tracked = list(map(tracker.track, scenes.frames([GREY, GREY * 0, GREY])))
    tracker.reset()
    tracked.append(tracker.track(scenes.frame(GREY, 3)))
    first = tracked[0].face
    assert first is not None
    assert np.linalg.norm(first.descriptor) == pytest.approx(1)
    for one in tracked:
        assert (one.skip_reason, one.shot, one.faces_seen) == (None, 0, 1)
        assert one.face is not None
        assert np.array_equal(one.face.landmarks, first.landmarks)
        assert float(one.face.descriptor @ first.descriptor) == pytest.approx(1)


@pytest.mark.parametrize(
    "box",
    [Box(-1, 40, 150, 160), Box(50, 40, 321, 160), Box(50, 40, 150, 241), Box(50, 40, 81, 160), Box(150, 40, 50, 9)],
)
def test_boxes_that_can_not_be(box: Box) -> None:
    with pytest.raises(OptionError, match=r"within the picture of 320x240, .* got( -?\d+){4}$") as caught:
        FixedBoxTracker(box, 320, 240)
    assert "\n" not in str(caught.value)
