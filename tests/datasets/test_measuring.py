"""Faces measured in videos: parts, clocks, words."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mouthpiece.datasets.layouts import ClipSource
from mouthpiece.datasets.measuring import (
    GAP_S,
    KEPT_POINTS,
    MIN_SEEN,
    PART_S,
    _evenly,
    _PartCutter,
    _SoundTrack,
    filled,
    measure_video,
    picture_lead_s,
    read_curves,
    words_between,
)
from mouthpiece.datasets.recordings import Recording
from mouthpiece.errors import InputError, NoFaceError, NoPictureError
from mouthpiece.types import SAMPLE_RATE, FloatArray, SpokenWord

FPS = 25
Row = tuple[float, int, FloatArray | None]


def _row(index: int, shot: int = 0, *, seen: bool = True) -> Row:
    landmarks = np.full((len(KEPT_POINTS), 3), index, dtype=np.float32)
    return index / FPS, shot, landmarks if seen else None


def _parts(rows: list[Row]) -> list[tuple[int, int]]:
    """(first frame, frames) of each part."""
    return [(part.first, len(part.rows)) for part in _PartCutter(FPS).parts(iter(rows))]


def test_a_clip_is_one_part() -> None:
    assert _parts([_row(i) for i in range(75)]) == [(0, 75)]
    assert _parts([_row(i) for i in range(30)]) == [(0, 30)]
    assert _parts([_row(i) for i in range(20)]) == []


def test_another_person_is_another_part() -> None:
    rows = [_row(i, shot=int(i >= 75)) for i in range(150)]
    assert _parts(rows) == [(0, 75), (75, 75)]
    # Too short to know a person's rest by.
    assert _parts([_row(i, shot=int(i >= 30)) for i in range(150)]) == [(30, 120)]


def test_a_long_video_comes_in_parts() -> None:
    part = round(PART_S * FPS)
    assert _parts([_row(i) for i in range(2 * part + 60)]) == [(0, part), (part, part), (2 * part, 60)]


def test_where_nobody_is_seen_a_part_ends() -> None:
    gap = round(GAP_S * FPS)
    rows = [_row(i, seen=not 100 <= i < 100 + 2 * gap) for i in range(250)]
    assert _parts(rows) == [(0, 100), (100 + 2 * gap, 250 - 100 - 2 * gap)]
    # A title, then somebody: the tracker's shot counts up when they come.
    assert _parts([_row(i, shot=int(i > 40), seen=i > 40) for i in range(140)]) == [(41, 99)]
    # Short gaps stay in, and are not called seen.
    (part,) = _PartCutter(FPS).parts(_row(i, seen=i % 10 != 3) for i in range(100))
    landmarks, seen = filled(part.rows)
    assert part.seen == seen.sum() == 90 and landmarks[3, 0, 0] in (2, 4)
    assert _parts([_row(i, seen=i % 10 < 10 * MIN_SEEN - 1) for i in range(100)]) == []


def test_frames_that_come_evenly_stay_as_they_are() -> None:
    rows = [_row(i) for i in range(10)]
    assert all(a[2] is b[2] for a, b in zip(_evenly(iter(rows), Fraction(FPS)), rows, strict=True))


def test_frames_that_come_unevenly_are_interpolated() -> None:
    times_s = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.06, 60))
    times_s -= times_s[0]

    def rows() -> Iterator[Row]:
        for time_s in times_s:
            yield float(time_s), 0, np.full((1, 3), np.sin(5 * time_s), dtype=np.float32)

    even = list(_evenly(rows(), Fraction(FPS)))
    at_s = np.array([row[0] for row in even])
    np.testing.assert_allclose(np.diff(at_s), 1 / FPS)
    assert at_s[-1] <= times_s[-1] + 0.004 and len(even) > 50
    values = np.array([row[2][0, 0] for row in even if row[2] is not None])
    assert np.abs(values - np.sin(5 * at_s)).max() < 0.03
    # Nothing is made up over a second without pictures, nor between two people.
    gap = [_row(0), (1.0, 0, _row(25)[2])]
    assert sum(row[2] is None for row in _evenly(iter(gap), Fraction(FPS))) == 24
    people = [_row(0), (0.06, 1, _row(1)[2])]
    assert [row[2] is None for row in _evenly(iter(people), Fraction(FPS))] == [False, True]
    # Twice the rate asked for: every other frame.
    fast = [(i / 50, 0, np.full((1, 3), i, dtype=np.float32)) for i in range(10)]
    assert [row[2][0, 0] for row in _evenly(iter(fast), Fraction(FPS)) if row[2] is not None] == [0, 2, 4, 6, 8]


@pytest.mark.parametrize("lead_s", [Fraction(0), Fraction(1, 10)])
def test_sound_is_cut_on_the_pictures_clock(lead_s: Fraction) -> None:
    whole = np.arange(10 * SAMPLE_RATE, dtype=np.float32)
    sound = _SoundTrack(iter(np.array_split(whole, 77)), lead_s)
    lead = round(lead_s * SAMPLE_RATE)
    for start_s, end_s in ((0.0, 2.0), (2.0, 3.5), (6.0, 8.0)):
        first, last = (round(at_s * SAMPLE_RATE) + lead for at_s in (start_s, end_s))
        np.testing.assert_array_equal(sound.between(start_s, end_s), whole[first:last])
    assert len(sound.between(9.5, 11.0)) == SAMPLE_RATE // 2 - lead
    assert len(sound.between(11.0, 12.0)) == 0


def test_words_move_along() -> None:
    words = (SpokenWord("a", 0.0, 1.0), SpokenWord("b", 1.5, 2.5), SpokenWord("c", 3.0, 4.0))
    assert words_between(words, 1.0, 2.0) == (SpokenWord("b", 0.5, 1.0),)
    assert words_between(words, 0.5, 3.5) == (
        SpokenWord("a", 0.0, 0.5),
        SpokenWord("b", 1.0, 2.0),
        SpokenWord("c", 2.5, 3.0),
    )


def test_a_rig_must_fit_its_names(shared_data: Path, tmp_path: Path) -> None:
    sound = shared_data / "facegood_mandarin" / "1114_3_16.flac"
    path = tmp_path / "x.npz"
    np.savez(path, weights=np.zeros((4, 2)), names=np.array(["a"]), fps=30)
    with pytest.raises(InputError, match=r"expected weights \(frames, 1\).*got \(4, 2\)"):
        read_curves(ClipSource("c", "x", sound, curves=path))
    path.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(InputError, match="expected arrays weights, names and fps"):
        read_curves(ClipSource("c", "x", sound, curves=path))


@pytest.mark.usefixtures("face_models")
def test_two_people_in_one_video(shared_data: Path, tmp_path: Path, ffmpeg: str, grid_clips: list[Recording]) -> None:
    unseen = shared_data / "grid_unseen_dev"
    listed = tmp_path / "list.txt"
    names = ("s5_bbae8n", "s22_lbbc2a")
    listed.write_text("".join(f"file '{unseen / name}_224.mp4'\n" for name in names), encoding="utf-8")
    video = tmp_path / "two.mkv"
    # The sound starts 80 ms before the picture; 25 units of an .align are a millisecond.
    subprocess.run(
        [
            *(ffmpeg, "-v", "error", "-f", "concat", "-safe", "0", "-itsoffset", "0.08", "-i", str(listed)),
            *("-f", "concat", "-safe", "0", "-i", str(listed), "-map", "0:v", "-map", "1:a"),
            *("-c:v", "libx264", "-crf", "12", "-c:a", "flac", str(video)),
        ],
        check=True,
    )
    assert picture_lead_s(video) == pytest.approx(0.08, abs=0.002)
    align = tmp_path / "two.align"
    align.write_text("50000 60000 early\n100000 125000 late\n", encoding="utf-8")
    parts = list(measure_video(ClipSource("c", "two", video, align=align)))
    assert [part.name for part in parts] == ["two", "two+2"]
    assert [part.start_s for part in parts] == [0.0, 3.0]
    assert [part.frames for part in parts] == [75, 75] and all(part.seen.all() for part in parts)
    assert parts[0].words == (SpokenWord("early", 2.0, 2.4),) and parts[1].words == (SpokenWord("late", 1.0, 2.0),)
    by_name = {clip.name: clip for clip in grid_clips}
    for part, name in zip(parts, names, strict=True):
        alone = by_name[name]
        assert part.landmarks is not None and alone.landmarks is not None
        assert np.sqrt(((part.landmarks - alone.landmarks) ** 2).mean()) < 0.004
    # The picture came 80 ms after its sound: that much of the sound is before it.
    start = round(0.08 * SAMPLE_RATE)
    np.testing.assert_allclose(parts[0].samples[:-start], by_name[names[0]].samples[start:], atol=2e-4)


@pytest.mark.usefixtures("face_models")
def test_what_shows_no_face_or_no_motion_is_told(shared_data: Path, tmp_path: Path, ffmpeg: str) -> None:
    empty = tmp_path / "empty.mp4"
    sound = ("-f", "lavfi", "-i", "sine=duration=2")
    subprocess.run(
        [ffmpeg, "-v", "error", "-f", "lavfi", "-i", "testsrc=size=160x120:duration=2", *sound, str(empty)], check=True
    )
    with pytest.raises(NoFaceError, match=r"empty: expected one face for 2 s and more, saw it in 0 of 50 frames"):
        list(measure_video(ClipSource("c", "empty", empty)))
    with pytest.raises(NoPictureError):
        list(measure_video(ClipSource("c", "x", shared_data / "audio" / "ja_watson.wav")))
