"""Videos shorter than the speech: every way to go on, in bounded memory."""

from __future__ import annotations

import dataclasses
import itertools
import tracemalloc
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.media.conftest import build_video, index_of

from mouthpiece.errors import BrokenMediaError
from mouthpiece.media import open_face, playback
from mouthpiece.media.frame_reader import DecodedFrame, FrameReader
from mouthpiece.media.playback import MovingSource
from mouthpiece.media.video import VideoFrameReader
from mouthpiece.options import Fit


def order(path: Path, count: int, fit: Fit, fps: int = 25) -> list[int]:
    with open_face(path) as face:
        return [index_of(f.rgb) for f in face.frames(Fraction(count, fps), fit)]


def back_and_forth(frames: int, count: int) -> list[int]:
    once = [*range(frames), *range(frames - 2, 0, -1)]
    return list(itertools.islice(itertools.cycle(once), count))


def test_loop(tmp_path: Path) -> None:
    assert order(build_video(tmp_path / "a.mp4", frames=5), 13, Fit.LOOP) == [0, 1, 2, 3, 4] * 2 + [0, 1, 2]


def test_hold(tmp_path: Path) -> None:
    path = build_video(tmp_path / "a.mp4", frames=5)
    assert order(path, 50, Fit.HOLD) == [0, 1, 2, 3] + [4] * 46
    with open_face(path) as face:
        frames = list(face.frames(Fraction(2), Fit.HOLD))
    assert [f.time_s for f in frames] == [Fraction(i, 25) for i in range(50)]
    assert frames[-1].source_time_s == Fraction(4, 25)


def test_cut(tmp_path: Path) -> None:
    assert order(build_video(tmp_path / "a.mp4", frames=5), 50, Fit.CUT) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("room", [1, 4, 1000])
@pytest.mark.parametrize(
    ("suffix", "codec", "options"),
    [
        ("mp4", "libx264", {"g": "10", "bf": "2"}),
        ("mp4", "libx264", {"g": "250", "bf": "3"}),
        ("mkv", "libx264", {"g": "7", "x264-params": "open-gop=1:bframes=3"}),
        ("ts", "libx264", {"g": "8"}),
        ("webm", "libvpx-vp9", {"g": "9"}),
        ("mpg", "mpeg2video", {"g": "6", "bf": "2", "qmax": "2"}),
        ("mov", "prores_ks", {}),
        ("gif", "gif", {}),
    ],
)
def test_pingpong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, suffix: str, codec: str, options: dict[str, str]
) -> None:
    monkeypatch.setattr(playback, "REPEAT_BYTES", 0)
    monkeypatch.setattr(playback, "REVERSE_BYTES", room * 96 * 64 * 2)
    pix_fmt = {"gif": "rgb8", "prores_ks": "yuv422p10le"}.get(codec, "yuv420p")
    path = build_video(tmp_path / f"a.{suffix}", frames=26, codec=codec, options=options, pix_fmt=pix_fmt)
    got = order(path, 80, Fit.PINGPONG)
    forward = order(path, 26, Fit.CUT)
    if codec == "gif":  # eight bits of colour don't tell all frames apart
        assert got == [forward[i] for i in back_and_forth(26, 80)]
    else:
        assert forward == list(range(26))
        assert got == back_and_forth(26, 80)


def decoded_for(path: Path, count: int, fit: Fit, monkeypatch: pytest.MonkeyPatch) -> tuple[list[int], int]:
    """Which pictures come in so many frames, and how many are decoded for them."""
    decoded = 0
    original = VideoFrameReader._converted

    def counted(reader: VideoFrameReader, *arguments: object) -> DecodedFrame:
        nonlocal decoded
        decoded += 1
        frame: DecodedFrame = original(reader, *arguments)  # type: ignore[arg-type]
        return frame

    with monkeypatch.context() as patched:
        patched.setattr(VideoFrameReader, "_converted", counted)
        return order(path, count, fit), decoded


@pytest.mark.parametrize("fit", [Fit.PINGPONG, Fit.LOOP])
@pytest.mark.parametrize("frames", [2, 3, 9])
def test_what_fits_into_memory_is_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fit: Fit, frames: int
) -> None:
    path = build_video(tmp_path / "a.mp4", frames=frames)
    got, decoded = decoded_for(path, 40, fit, monkeypatch)
    assert decoded == frames
    monkeypatch.setattr(playback, "REPEAT_BYTES", 0)
    slowly, more = decoded_for(path, 40, fit, monkeypatch)
    assert got == slowly
    assert more > frames


@pytest.mark.parametrize("said", [9, None])
def test_of_more_pictures_than_the_file_says_none_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: int | None
) -> None:
    monkeypatch.setattr(playback, "REPEAT_BYTES", 9 * 96 * 64 * 2)
    path = build_video(tmp_path / "a.mp4", frames=12)
    with open_face(path) as face:
        assert isinstance(face, MovingSource)
        face._info = dataclasses.replace(face.info, frame_count_estimate=said)
        got = [index_of(f.rgb) for f in face.frames(Fraction(2), Fit.PINGPONG)]
    assert got == back_and_forth(12, 50)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_pingpong_of_almost_nothing(tmp_path: Path, frames: int) -> None:
    path = build_video(tmp_path / "a.mp4", frames=frames)
    expected = {1: [0] * 7, 2: [0, 1, 0, 1, 0, 1, 0], 3: [0, 1, 2, 1, 0, 1, 2]}[frames]
    assert order(path, 7, Fit.PINGPONG) == expected


def test_pingpong_keeps_each_picture_its_duration(tmp_path: Path) -> None:
    path = build_video(tmp_path / "a.mp4", frames=4, times=[0, 10, 30, 60], tick=Fraction(1, 1000))
    with open_face(path) as face:
        frames = list(face.frames(Fraction(1, 5), Fit.PINGPONG))
    by_picture = {index_of(f.rgb): f.duration_s for f in frames[:3]}
    assert frames[4].duration_s == by_picture[2]
    assert frames[5].duration_s == by_picture[1]
    for one, two in itertools.pairwise(frames):
        assert one.time_s + one.duration_s == two.time_s


def test_pingpong_where_seeking_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playback, "REPEAT_BYTES", 0)
    path = build_video(tmp_path / "a.mp4", frames=20, options={"g": "5"})
    with open_face(path) as face:
        assert isinstance(face, MovingSource)
        whole = type(face._reader).play

        def nowhere(reader: FrameReader, from_pts: int | None = None) -> Iterator[DecodedFrame]:
            return iter(()) if from_pts is not None else whole(reader)

        monkeypatch.setattr(type(face._reader), "play", nowhere)
        got = [index_of(f.rgb) for f in face.frames(Fraction(40, 25), Fit.PINGPONG)]
    assert got == back_and_forth(20, 40)


def test_a_frame_belongs_to_who_holds_it(tmp_path: Path) -> None:
    path = build_video(tmp_path / "a.mp4", frames=3)
    with open_face(path) as face:
        for number, frame in enumerate(face.frames(Fraction(1), Fit.PINGPONG)):
            assert index_of(frame.rgb) == back_and_forth(3, 25)[number]
            assert frame.rgb.flags.writeable
            frame.rgb[:] = 255


def test_exactly_as_long_as_asked(tmp_path: Path) -> None:
    path = build_video(tmp_path / "a.mp4", frames=7, fps=Fraction(30_000, 1001))
    length = Fraction(31_337, 16_000)
    for fit in (Fit.LOOP, Fit.PINGPONG, Fit.HOLD):
        with open_face(path) as face:
            frames = list(face.frames(length, fit))
        assert frames[0].time_s == 0
        assert frames[-1].time_s + frames[-1].duration_s == length
        assert all(a.time_s + a.duration_s == b.time_s for a, b in itertools.pairwise(frames))


def test_samples_of_a_short_video(tmp_path: Path) -> None:
    path = build_video(tmp_path / "a.mp4", frames=40)
    with open_face(path) as face:
        times = [float(f.time_s) for f in face.sample_frames(8)]
        assert times == pytest.approx([i / 5 for i in range(8)], abs=0.041)
        assert len(list(face.sample_frames(100))) == 40
        assert list(face.sample_frames(0)) == []


@pytest.mark.parametrize(("gop", "least"), [(25, 15), (10_000, 15)])
def test_samples_of_a_long_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gop: int, least: int) -> None:
    path = build_video(tmp_path / "a.mp4", frames=500, fps=Fraction(10), options={"g": str(gop), "sc_threshold": "0"})
    decoded = 0
    with open_face(path) as face:
        assert isinstance(face, MovingSource)
        assert isinstance(face._reader, VideoFrameReader)
        original = VideoFrameReader._converted

        def counted(reader: object, *arguments: object) -> DecodedFrame:
            nonlocal decoded
            decoded += 1
            frame: DecodedFrame = original(reader, *arguments)  # type: ignore[arg-type]
            return frame

        monkeypatch.setattr(VideoFrameReader, "_converted", counted)
        times = [float(f.time_s) for f in face.sample_frames(16)]
    assert len(times) >= least
    assert decoded < 100
    assert len(set(times)) == len(times)
    assert max(times) > (40 if gop == 25 else 7)


def test_memory_does_not_grow_with_the_video(tmp_path: Path) -> None:
    def peak(frames: int) -> int:
        path = build_video(tmp_path / f"{frames}.mp4", frames=frames, size=(320, 240), options={"g": "12"})
        tracemalloc.start()
        with open_face(path) as face:
            for frame in face.frames(Fraction(frames, 10), Fit.PINGPONG):
                assert frame.rgb is not None
        high = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return high

    assert peak(240) < peak(24) + 200_000


def test_nothing_that_decodes(tmp_path: Path) -> None:
    path = build_video(tmp_path / "a.mp4", frames=10)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    data[start : start + 4000] = (
        np.random.default_rng(1).integers(0, 255, 4000).astype(np.uint8).tobytes()[: len(data) - start]
    )
    path.write_bytes(data)
    with pytest.raises(BrokenMediaError, match="can't be"):
        open_face(path)
