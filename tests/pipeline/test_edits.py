"""Cuts between drawing and writing, to the frame and to the sample."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from mouthpiece.errors import OptionError
from mouthpiece.pipeline.edits import EditList
from mouthpiece.types import FloatArray, Frame

RATES = [Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001), Fraction(119, 7)]
SAMPLE_RATES = [16_000, 44_100, 11_025, 7]
Stretches = tuple[tuple[Fraction, Fraction], ...]


def seconds(*ends: str) -> Stretches:
    """Stretches from pairs of ends."""
    times = [Fraction(end) for end in ends]
    return tuple(zip(times[::2], times[1::2], strict=True))


def video(count: int, fps: Fraction) -> Iterator[Frame]:
    """Frames that show their own number."""
    for i in range(count):
        rgb = np.full((2, 2, 3), i, np.uint8)
        yield Frame(i / fps, 1 / fps, rgb, source_time_s=i / fps)


def numbers(frames: list[Frame]) -> list[int]:
    return [int(frame.rgb[0, 0, 0]) for frame in frames]


def in_blocks(sound: FloatArray, size: int) -> Iterator[FloatArray]:
    for start in range(0, len(sound), size):
        yield sound[start : start + size]


@pytest.mark.parametrize("fps", RATES)
def test_without_cuts_everything_stays(fps: Fraction) -> None:
    frames = list(video(20, fps))
    kept = list(EditList().frames(iter(frames)))
    assert all(a is b for a, b in zip(kept, frames, strict=True))
    sound = np.arange(100, dtype=np.float32)
    assert np.array_equal(np.concatenate(list(EditList().samples(in_blocks(sound, 7), 16_000))), sound)
    assert EditList().duration_s(Fraction(22, 7)) == Fraction(22, 7)


@pytest.mark.parametrize("fps", RATES)
def test_frames_that_begin_in_a_kept_stretch_stay_and_move_together(fps: Fraction) -> None:
    """Whole frames: a cut at each frame's own time takes exactly what lies between."""
    kept = ((3 / fps, 7 / fps), (10 / fps, 11 / fps), (15 / fps, 20 / fps))
    found = list(EditList(kept).frames(video(20, fps)))
    assert numbers(found) == [3, 4, 5, 6, 10, 15, 16, 17, 18, 19]
    assert [frame.time_s for frame in found] == [i / fps for i in range(10)]
    assert {frame.duration_s for frame in found} == {1 / fps}
    assert [frame.source_time_s for frame in found] == [i / fps for i in numbers(found)]


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("kept", [seconds("0.1", "0.4"), seconds("0", "0.333", "0.334", "0.5"), seconds("0.2", "9")])
def test_every_frame_is_where_its_beginning_is(fps: Fraction, kept: Stretches) -> None:
    """Against a count of its own: a frame stays if its beginning does, and moves by what was removed before it."""
    count = 20
    found = list(EditList(kept).frames(video(count, fps)))
    expected = [i for i in range(count) if any(start <= i / fps < end for start, end in kept)]
    assert numbers(found) == expected
    for number, frame in zip(expected, found, strict=True):
        before_s = sum((min(end, number / fps) - min(start, number / fps) for start, end in kept), Fraction(0))
        assert frame.time_s == before_s
        end_s = next(end for start, end in kept if start <= number / fps < end)
        assert frame.duration_s == min(1 / fps, end_s - number / fps) > 0
    assert all(a.time_s + a.duration_s <= b.time_s for a, b in pairwise(found))


def test_a_cut_within_a_frame_shortens_it() -> None:
    [first, second] = EditList(seconds("0", "0.05")).frames(video(5, Fraction(25)))
    assert (first.duration_s, second.duration_s) == (Fraction(1, 25), Fraction(1, 100))


@pytest.mark.parametrize("sample_rate", SAMPLE_RATES)
@pytest.mark.parametrize("block", [1, 7, 64, 10_000])
@pytest.mark.parametrize(
    "kept", [seconds("0.1", "0.4"), seconds("0", "1/3", "1/3", "1/2", "0.9", "1"), seconds("0.25", "99"), ()]
)
def test_sound_is_cut_at_the_nearest_sample(sample_rate: int, block: int, kept: Stretches) -> None:
    """However it is cut into blocks."""
    sound = np.arange(min(sample_rate, 3000), dtype=np.float32)
    found = [*EditList(kept).samples(in_blocks(sound, block), sample_rate), np.zeros(0, np.float32)]
    parts = [sound[round(start * sample_rate) : round(end * sample_rate)] for start, end in kept]
    assert np.array_equal(np.concatenate(found), np.concatenate([*parts, np.zeros(0, np.float32)]))


def test_picture_and_sound_stay_together() -> None:
    """After any number of cuts, what a frame shows is heard with it, to half a sample for each cut."""
    fps, sample_rate = Fraction(30000, 1001), 44_100
    kept = tuple((Fraction(i, 7), Fraction(i, 7) + Fraction(1, 13)) for i in range(12))
    edits = EditList(kept)
    sound = np.arange(2 * sample_rate, dtype=np.float32)
    heard = np.concatenate(list(edits.samples(in_blocks(sound, 999), sample_rate)))
    for frame in edits.frames(video(60, fps)):
        assert frame.source_time_s is not None
        if (at := round(frame.time_s * sample_rate)) < len(heard):
            assert abs(float(heard[at]) - float(frame.source_time_s * sample_rate)) <= len(kept)
    assert len(heard) == pytest.approx(float(edits.duration_s(Fraction(2)) * sample_rate), abs=len(kept))


@pytest.mark.parametrize(
    ("kept", "whole", "left"),
    [
        (seconds("0", "1"), "2", "1"),
        (seconds("0.5", "1", "1.5", "3"), "2", "1"),
        (seconds("3", "4"), "2", "0"),
        ((), "2", "0"),
        (seconds("1/3", "2/3"), "22/7", "1/3"),
    ],
)
def test_what_is_left_of_a_length(kept: Stretches, whole: str, left: str) -> None:
    assert EditList(kept).duration_s(Fraction(whole)) == Fraction(left)


@pytest.mark.parametrize(
    "kept",
    [
        seconds("1", "1"),
        seconds("2", "1"),
        seconds("-1", "1"),
        seconds("0", "2", "1", "3"),
        seconds("3", "4", "1", "2"),
    ],
)
def test_stretches_out_of_order_are_refused(kept: Stretches) -> None:
    with pytest.raises(OptionError, match="expected stretches in order"):
        EditList(kept)


def test_nothing_is_kept_of_nothing() -> None:
    assert list(EditList(()).frames(video(5, Fraction(25)))) == []
    assert list(EditList(seconds("0", "1")).samples(iter(()), 16_000)) == []
