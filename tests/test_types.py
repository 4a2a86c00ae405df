"""The values that rooms hand to each other."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, is_dataclass
from fractions import Fraction

import numpy as np
import pytest

from mouthpiece import types
from mouthpiece.types import Box, Face, Frame, HeadPose, Progress, SkipReason, Waveform


def test_boxes() -> None:
    box = Box(3, 5, 10, 9)
    assert (box.width, box.height) == (7, 4)
    picture = np.zeros((20, 30))
    picture[box.slices] = 1
    assert picture.sum() == 28
    assert np.argwhere(picture).min(axis=0).tolist() == [5, 3]


@pytest.mark.parametrize(
    ("box", "clipped"),
    [
        (Box(-5, -5, 5, 5), Box(0, 0, 5, 5)),
        (Box(90, 40, 200, 300), Box(90, 40, 100, 50)),
        (Box(10, 10, 20, 20), Box(10, 10, 20, 20)),
        (Box(-9, -9, -1, -1), Box(0, 0, 0, 0)),
        (Box(200, 60, 300, 90), Box(100, 50, 100, 50)),
    ],
)
def test_clipping(box: Box, clipped: Box) -> None:
    assert box.clipped(100, 50) == clipped
    assert clipped.width >= 0
    assert clipped.height >= 0


def test_a_frame_knows_its_size() -> None:
    frame = Frame(Fraction(1, 3), Fraction(1, 30), np.zeros((40, 70, 3), np.uint8))
    assert (frame.width, frame.height) == (70, 40)
    assert frame.pixel_aspect == 1
    assert frame.changed == ()


def test_a_face_knows_its_box() -> None:
    landmarks = np.full((478, 3), 50, np.float32)
    landmarks[0] = [10.2, 20.7, -3]
    landmarks[1] = [99.5, 80.0, 8]
    pose = HeadPose(np.eye(3, dtype=np.float32), 40, np.zeros(2, np.float32))
    box = Face(landmarks, pose, 0.9, np.zeros(4, np.float32)).box
    assert box == Box(10, 20, 101, 81)
    assert all(box.x0 <= x < box.x1 and box.y0 <= y < box.y1 for x, y in landmarks[:, :2])


def test_progress_tells_speed_and_rest() -> None:
    assert (Progress(0, 100, 0.0, 0.0).speed, Progress(0, 100, 0.0, 3.0).left_s) == (0.0, 0.0)
    half = Progress(50, 100, 2.0, 0.5)
    assert half.speed == 4.0
    assert half.left_s == 0.5
    assert Progress(120, 100, 4.8, 1.0).left_s == 0.0, "more frames than estimated"


def test_waveform_duration() -> None:
    assert Waveform(np.zeros(8000, np.float32)).duration_s == 0.5
    assert Waveform(np.zeros(8000, np.float32), 8000).duration_s == 1.0


def test_reasons_are_stable_words() -> None:
    assert [str(reason) for reason in SkipReason] == [
        "no-face",
        "too-small",
        "turned-away",
        "outside-picture",
        "hidden-mouth",
    ]


def test_values_are_frozen_and_without_room_for_more() -> None:
    values = [v for v in vars(types).values() if is_dataclass(v) and isinstance(v, type)]
    assert len(values) >= 10
    for value in values:
        assert value.__dataclass_params__.frozen, value  # type: ignore[attr-defined]
        assert "__slots__" in vars(value), value
    box = Box(0, 0, 1, 1)
    with pytest.raises(FrozenInstanceError):
        setattr(box, fields(box)[0].name, 5)
