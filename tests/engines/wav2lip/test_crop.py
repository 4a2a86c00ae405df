"""Crops against the published script's way (OpenCV's own resize of a slice), and what is done better."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from tests import scenes

from mouthpiece.engines.wav2lip.crop import (
    KNOWN_TILT_DEG,
    SIDE,
    CropBox,
    FaceCrop,
    crop_map,
    drawn_rgb,
    mean_box,
    network_face,
    shows_the_mouth,
    unknown_tilt_deg,
)
from mouthpiece.engines.wav2lip.options import CropOptions
from mouthpiece.testing.scenes import frame_of, moved, scaled
from mouthpiece.types import Picture, TrackedFrame

NO_PADS = (0, 0, 0, 0)
PUBLISHED_PADS = (0, 10, 0, 0)


def box_of(tracked: TrackedFrame, pads: tuple[int, int, int, int] = PUBLISHED_PADS) -> CropBox:
    assert tracked.face is not None
    box = CropBox.of(tracked.face, tracked.frame, pads)
    assert box is not None
    return box


def crop_of(tracked: TrackedFrame) -> FaceCrop:
    return FaceCrop.cut(tracked.frame, box_of(tracked))


def between(x0: int, y0: int, x1: int, y1: int) -> CropBox:
    """The box of the pixels [y0:y1, x0:x1]."""
    return CropBox((x0 + x1 - 1) / 2, (y0 + y1 - 1) / 2, x1 - x0, y1 - y0)


def rolled(tracked: TrackedFrame, degrees: float) -> TrackedFrame:
    """The picture and its face turned clockwise about the picture's middle."""
    assert tracked.face is not None
    rgb, turn = scenes.rotated(tracked.frame.rgb, degrees)
    landmarks = tracked.face.landmarks.copy()
    landmarks[:, :2] = landmarks[:, :2] @ turn[:, :2].T + turn[:, 2]
    spin = np.eye(3, dtype=np.float32)
    spin[:2, :2] = turn[:, :2]
    pose = replace(tracked.face.pose, rotation=(spin @ tracked.face.pose.rotation).astype(np.float32))
    return replace(tracked, frame=frame_of(rgb), face=replace(tracked.face, landmarks=landmarks, pose=pose))


def noise(side: int = 300) -> Picture:
    return np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize(("width", "height"), [(60, 75), (96, 96), (131, 160), (190, 192)])
def test_small_faces_are_resized_as_published(width: int, height: int) -> None:
    rgb = noise()
    crop = FaceCrop.cut(frame_of(rgb), between(40, 50, 40 + width, 50 + height))
    resized = cv2.resize(rgb[50 : 50 + height, 40 : 40 + width], (SIDE, SIDE))
    inner = np.abs(crop.rgb - resized)[1:-1, 1:-1]
    # At the slice's rim resize repeats the last pixel where the frame goes on; warpAffine rounds to 1/32 of a pixel.
    assert inner.max() <= 20
    assert inner.mean() <= 2.0


def test_large_faces_are_averaged_and_do_not_shimmer() -> None:
    rgb = noise(900)
    crop = FaceCrop.cut(frame_of(rgb), between(10, 10, 10 + 8 * SIDE, 10 + 8 * SIDE))
    area = cv2.resize(rgb[10 : 10 + 8 * SIDE, 10 : 10 + 8 * SIDE], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    assert np.abs(crop.rgb - area).max() <= 3


def test_the_box_spans_the_face_from_forehead_to_chin(people: dict[str, TrackedFrame]) -> None:
    for tracked in people.values():
        assert tracked.face is not None
        box = box_of(tracked, NO_PADS)
        inside = FaceCrop.cut(tracked.frame, box).located(tracked.face.landmarks[:, :2])
        assert inside.min() >= -0.6
        assert inside.max() <= SIDE - 0.4
        forehead, mouth, chin = inside[10, 1], inside[13, 1], inside[152, 1]
        assert forehead < 3
        assert SIDE * 0.6 < mouth < SIDE * 0.83
        assert chin > SIDE * 0.97
        # What is located is what is shown: the crop at a landmark has the frame's colour there.
        to_frame = crop_map(box, 1.0)
        there = inside @ to_frame[:, :2].T + to_frame[:, 2]
        np.testing.assert_allclose(there, tracked.face.landmarks[:, :2], atol=0.02)


def test_pads_are_pixels_of_the_frame(woman: TrackedFrame) -> None:
    bare, padded = box_of(woman, NO_PADS), box_of(woman, (3, 10, 5, -7))
    assert padded.width == pytest.approx(bare.width - 2)
    assert padded.height == pytest.approx(bare.height + 13)
    assert padded.x == pytest.approx(bare.x - 6)
    assert padded.y == pytest.approx(bare.y + 3.5)


def test_pads_end_where_the_picture_does(woman: TrackedFrame) -> None:
    everything = box_of(woman, (10_000, 10_000, 10_000, 10_000))
    assert (everything.width, everything.height) == (woman.frame.width, woman.frame.height)
    assert (everything.x, everything.y) == ((woman.frame.width - 1) / 2, (woman.frame.height - 1) / 2)


def test_pads_may_not_leave_nothing(woman: TrackedFrame) -> None:
    assert woman.face is not None
    assert CropBox.of(woman.face, woman.frame, (-10_000, 0, 0, 0)) is None
    assert CropBox.of(woman.face, woman.frame, (0, 0, -200, -200)) is None
    assert not shows_the_mouth(woman.face, woman.frame, (0, 0, -200, -200))
    assert not shows_the_mouth(woman.face, woman.frame, (-30, 150, 0, 0))
    assert shows_the_mouth(woman.face, woman.frame, CropOptions().pads)


def test_a_face_beyond_the_border_is_completed_and_not_squeezed(woman: TrackedFrame) -> None:
    assert woman.face is not None
    margin = 200
    out = moved(woman, 120, 90)
    wider = cv2.copyMakeBorder(out.frame.rgb, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    box = box_of(out)
    inside = replace(box, x=box.x + margin, y=box.y + margin)
    whole = FaceCrop.cut(frame_of(np.asarray(wider, dtype=np.uint8)), inside)
    assert np.abs(FaceCrop.cut(out.frame, box).rgb - whole.rgb).max() <= 1
    same = box_of(woman)
    assert box.width == pytest.approx(same.width, abs=0.01)
    assert box.height == pytest.approx(same.height, abs=10.01)


def test_little_tilts_stay_and_large_ones_go_without_a_jump() -> None:
    undone = [unknown_tilt_deg(roll) for roll in np.arange(-60, 60.1, 0.5)]
    assert np.abs(np.diff(undone)).max() <= 0.5 + 1e-9
    assert unknown_tilt_deg(KNOWN_TILT_DEG) == unknown_tilt_deg(-5) == 0
    assert unknown_tilt_deg(40) == 40 - KNOWN_TILT_DEG == -unknown_tilt_deg(-40)


@pytest.mark.parametrize("degrees", [-50, 40])
def test_a_tilted_head_is_turned_back_to_what_is_known(woman: TrackedFrame, degrees: float) -> None:
    assert woman.face is not None
    left = degrees / abs(degrees) * KNOWN_TILT_DEG - woman.face.pose.roll_deg
    tilted, known = crop_of(rolled(woman, degrees)), crop_of(rolled(woman, left))
    # The picture's size stays, so the corners that turn out of it differ; faces don't.
    face = np.s_[20:90, 15:80]
    assert scenes.psnr(tilted.rgb[face].astype(np.uint8), known.rgb[face].astype(np.uint8)) > 28


@pytest.mark.parametrize(("across", "down"), [(0.5, 1.0), (1.0, 0.6)])
def test_pixels_need_not_be_square(woman: TrackedFrame, across: float, down: float) -> None:
    stored = scaled(woman, across, down)
    crop, usual = crop_of(stored), FaceCrop.cut(woman.frame, box_of(woman, (0, round(10 / down), 0, 0)))
    assert scenes.psnr(crop.rgb.astype(np.uint8), usual.rgb.astype(np.uint8)) > 28


def test_tilt_and_pixel_aspect_go_together(woman: TrackedFrame) -> None:
    tilted = rolled(woman, 30)
    crop, usual = crop_of(scaled(tilted, 0.5, 1.0)), crop_of(tilted)
    assert scenes.psnr(crop.rgb.astype(np.uint8)[5:90, 5:90], usual.rgb.astype(np.uint8)[5:90, 5:90]) > 28
    assert scaled(tilted, 0.5, 1.0).frame.pixel_aspect == Fraction(2)


def test_the_network_sees_blue_first_and_no_lower_half(woman: TrackedFrame, man: TrackedFrame) -> None:
    crops = [crop_of(woman), crop_of(man)]
    faces = network_face(crops)
    assert faces.shape == (2, 6, SIDE, SIDE)
    assert faces.dtype == np.float32
    for face, crop in zip(faces, crops, strict=True):
        np.testing.assert_allclose(face[3], crop.rgb[..., 2] / 255)
        np.testing.assert_allclose(face[5], crop.rgb[..., 0] / 255)
        assert (face[:3, SIDE // 2 :] == 0).all()
        assert (face[:3, : SIDE // 2] == face[3:, : SIDE // 2]).all()
    np.testing.assert_allclose(drawn_rgb(faces[:, 3:]), [crop.rgb for crop in crops], atol=1e-4)


def test_boxes_are_averaged() -> None:
    mean = mean_box([CropBox(10, 20, 100, 120, 178), CropBox(14, 26, 104, 126, -178)])
    assert (mean.x, mean.y, mean.width, mean.height) == (12, 23, 102, 123)
    assert abs(mean.tilt_deg) == 180
