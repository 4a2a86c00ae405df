"""Videos of every kind, against the ffmpeg program's own reading."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from tests.media.conftest import build_video, build_wav, grey_of, index_of, tone

from mouthpiece.errors import BrokenMediaError, InputError, NoPictureError, NotMediaError, PictureSizeError
from mouthpiece.media import open_face
from mouthpiece.notices import notice
from mouthpiece.options import Fit

Run = Callable[..., None]


def played(path: Path, duration: Fraction, fit: Fit = Fit.CUT) -> list[tuple[int, Fraction, Fraction]]:
    with open_face(path) as face:
        return [(index_of(f.rgb), f.time_s, f.duration_s) for f in face.frames(duration, fit)]


def quadrants(width: int, height: int) -> Callable[[int], np.ndarray]:
    def draw(index: int) -> np.ndarray:
        rgb = np.zeros((height, width, 3), np.uint8)
        rgb[: height // 2, : width // 2] = (220, 30, 30)
        rgb[: height // 2, width // 2 :] = (30, 200, 30)
        rgb[height // 2 :, : width // 2] = (30, 30, 220)
        rgb[height // 2 :, width // 2 :] = (200, 200, 200)
        return rgb

    return draw


@pytest.mark.parametrize("fps", [Fraction(12), Fraction(25), Fraction(30_000, 1001), Fraction(60)])
def test_rates_are_kept(tmp_path: Path, fps: Fraction) -> None:
    path = build_video(tmp_path / "a.mp4", fps=fps)
    with open_face(path) as face:
        assert face.info.fps == fps
        assert face.info.frame_count_estimate == 12
    frames = played(path, Fraction(100))
    assert [i for i, _, _ in frames] == list(range(12))
    assert [t for _, t, _ in frames] == [i / fps for i in range(12)]
    assert {d for _, _, d in frames} == {1 / fps}


@pytest.mark.parametrize("suffix", ["mkv", "webm", "avi", "mov", "ts", "flv"])
def test_containers(tmp_path: Path, suffix: str) -> None:
    codec = {"webm": "libvpx-vp9", "avi": "mpeg4", "flv": "flv1"}.get(suffix, "libx264")
    codec = "flv" if codec == "flv1" else codec
    path = build_video(
        tmp_path / f"a.{suffix}", codec=codec, options={"qmin": "1", "qmax": "2"} if suffix == "avi" else {}
    )
    frames = played(path, Fraction(100))
    assert [i for i, _, _ in frames] == list(range(12))
    assert [float(t) for _, t, _ in frames] == pytest.approx([i / 25 for i in range(12)], abs=1e-3)
    assert played(path, Fraction(1), Fit.PINGPONG)[-1][1] > Fraction(9, 10)


def test_variable_rate_is_exact(tmp_path: Path) -> None:
    times = [0, 300, 450, 1800, 2000, 2001, 9000]
    path = build_video(tmp_path / "v.mp4", frames=7, times=times, tick=Fraction(1, 90_000))
    frames = played(path, Fraction(10))
    assert [t for _, t, _ in frames] == [Fraction(t, 90_000) for t in times]
    assert [i for i, _, _ in frames] == list(range(7))


def test_long_stills_are_drawn_again(tmp_path: Path) -> None:
    path = build_video(tmp_path / "v.mp4", frames=3, times=[0, 2000, 2040], tick=Fraction(1, 1000))
    frames = played(path, Fraction(2))
    assert len(frames) > 20
    assert {i for i, _, _ in frames} == {0}
    assert sum(d for _, _, d in frames) == 2


def test_the_first_part_of_a_long_video(tmp_path: Path) -> None:
    path = build_video(tmp_path / "a.mp4", frames=40)
    frames = played(path, Fraction(11, 100), Fit.LOOP)
    assert [(i, d) for i, _, d in frames] == [(0, Fraction(1, 25)), (1, Fraction(1, 25)), (2, Fraction(3, 100))]


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
@pytest.mark.parametrize("flip", [False, True])
def test_display_matrix(tmp_path: Path, ffmpeg_frames: Any, rotation: int, flip: bool) -> None:
    path = tmp_path / "phone.mp4"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        stream.set_display_rotation(rotation, hflip=flip)
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(quadrants(96, 64)(0), "rgb24")))
        container.mux(stream.encode(None))
    turned = rotation in (90, -90)
    width, height = (64, 96) if turned else (96, 64)
    expected = ffmpeg_frames(path, width, height)[0]
    with open_face(path) as face:
        assert (face.info.width, face.info.height) == (width, height)
        assert face.info.pixel_aspect == (Fraction(3, 4) if turned else Fraction(4, 3))
        frame = next(face.frames(Fraction(1)))
    assert np.abs(frame.rgb.astype(int) - expected).mean() < 3
    assert frame.native.width == width  # type: ignore[attr-defined]


def test_interlaced(tmp_path: Path, run_ffmpeg: Run) -> None:
    path = tmp_path / "tv.mpg"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=s=128x96:r=50:d=1", "-vf", "tinterlace=interleave_top,setfield=tff",
               "-c:v", "mpeg2video", "-flags", "+ilme+ildct", "-b:v", "2M", path)  # fmt: skip
    with open_face(path) as face:
        assert notice("interlaced") in face.warnings
        frames = list(face.frames(Fraction(9, 10)))
    assert len(frames) == 23
    assert [f.time_s for f in frames[:3]] == [0, Fraction(1, 25), Fraction(2, 25)]
    assert not frames[5].native.interlaced_frame  # type: ignore[attr-defined]


def test_anamorphic(tmp_path: Path) -> None:
    path = build_video(tmp_path / "dv.mp4", context={"sample_aspect_ratio": Fraction(16, 11)})
    with open_face(path) as face:
        assert face.info.pixel_aspect == Fraction(16, 11)
        assert next(face.frames(Fraction(1))).pixel_aspect == Fraction(16, 11)


@pytest.mark.parametrize(
    ("codec", "pix_fmt"),
    [
        ("libx264", "yuv422p"),
        ("libx264", "yuv444p"),
        ("libx264", "yuvj420p"),
        ("libx264", "yuv420p10le"),
        ("libx264", "yuv422p10le"),
        ("libx265", "yuv420p12le"),
        ("ffv1", "gray"),
        ("libx264", "nv12"),
        ("ffv1", "bgra"),
        ("ffv1", "yuva420p"),
        ("ffv1", "gray16le"),
        ("prores_ks", "yuv422p10le"),
        ("mjpeg", "yuvj422p"),
        ("png", "rgb24"),
        ("png", "rgb48be"),
        ("libx264rgb", "rgb24"),
    ],
)
def test_pixel_formats_keep_their_colours(tmp_path: Path, ffmpeg_frames: Any, codec: str, pix_fmt: str) -> None:
    options = {"crf": "4", "x265-params": "log-level=none"} if "x26" in codec else {}
    suffix = "mov" if codec == "png" else "mkv"
    path = build_video(
        tmp_path / f"a.{suffix}", frames=3, codec=codec, pix_fmt=pix_fmt, picture=quadrants(96, 64), options=options
    )
    expected = ffmpeg_frames(path, 96, 64, "-vf", "scale=sws_flags=accurate_rnd+bilinear")[0]
    with open_face(path) as face:
        frame = next(face.frames(Fraction(1)))
    assert frame.native.format.name == "yuv420p"  # type: ignore[attr-defined]
    inside = np.s_[8:24, 8:40]
    assert np.abs(frame.rgb[inside].astype(int) - expected[inside]).max() <= 6


def test_hdr_stays_deep_and_tagged(tmp_path: Path) -> None:
    tags = {"color_primaries": 9, "color_trc": 16, "colorspace": 9, "color_range": 1}
    path = build_video(
        tmp_path / "hdr.mp4", codec="libx264", pix_fmt="yuv420p10le", context=tags, picture=quadrants(96, 64)
    )
    with open_face(path) as face:
        assert face.info.hdr
        assert (face.info.colours.primaries, face.info.colours.transfer, face.info.colours.matrix) == (9, 16, 9)
        frame = next(face.frames(Fraction(1)))
    assert frame.native.format.name == "yuv420p10le"  # type: ignore[attr-defined]
    assert frame.rgb.dtype == np.uint8


def test_edit_list_and_b_frames_start_at_zero(tmp_path: Path, run_ffmpeg: Run, ffmpeg_frames: Any) -> None:
    whole = build_video(tmp_path / "whole.mp4", frames=40, options={"bf": "2", "g": "20"})
    path = tmp_path / "cut.mp4"
    run_ffmpeg("-ss", "0.5", "-i", whole, "-c", "copy", path)
    frames = played(path, Fraction(10))
    expected = [index_of(rgb) for rgb in ffmpeg_frames(path, 96, 64)]
    assert [i for i, _, _ in frames] == expected
    assert frames[0][:2] == (expected[0], Fraction(0))
    assert expected[0] > 5


def test_late_picture_starts_at_zero(tmp_path: Path, run_ffmpeg: Run) -> None:
    video = build_video(tmp_path / "v.mp4")
    wav = build_wav(tmp_path / "a.wav", tone(2))
    path = tmp_path / "late.mkv"
    run_ffmpeg("-itsoffset", "0.7", "-i", video, "-i", wav, "-map", "0:v", "-map", "1:a", "-c:v", "copy", path)
    assert played(path, Fraction(1))[0] == (0, Fraction(0), Fraction(1, 25))


def test_two_picture_tracks(tmp_path: Path, run_ffmpeg: Run) -> None:
    a = build_video(tmp_path / "a.mp4")
    b = build_video(tmp_path / "b.mp4", size=(128, 96))
    path = tmp_path / "two.mkv"
    run_ffmpeg("-i", a, "-i", b, "-map", "0", "-map", "1", "-c", "copy", path)
    with open_face(path) as face:
        assert face.info.width == 96
        assert notice("several-pictures") in face.warnings


def test_cover_art_is_no_face(tmp_path: Path, run_ffmpeg: Run) -> None:
    from PIL import Image

    Image.new("RGB", (64, 64)).save(tmp_path / "cover.png")
    wav = build_wav(tmp_path / "a.wav", tone(1))
    path = tmp_path / "song.mp3"
    run_ffmpeg("-i", wav, "-i", tmp_path / "cover.png", "-map", "0", "-map", "1", "-c:v", "copy", path)
    with pytest.raises(NoPictureError):
        open_face(path)


def test_sound_is_no_face(tmp_path: Path) -> None:
    with pytest.raises(NoPictureError, match="no picture track"):
        open_face(build_wav(tmp_path / "a.wav", tone(1)))


def test_size_change_in_the_middle(tmp_path: Path) -> None:
    a = build_video(tmp_path / "a.ts", frames=5)
    b = build_video(tmp_path / "b.ts", frames=5, size=(128, 96))
    path = tmp_path / "both.ts"
    path.write_bytes(a.read_bytes() + b.read_bytes())
    with open_face(path) as face:
        frames = list(face.frames(Fraction(1), Fit.CUT))
        assert {f.rgb.shape for f in frames} == {(64, 96, 3)}
        assert len(frames) >= 9
        assert notice("size-changes") in face.warnings


def test_odd_size(tmp_path: Path) -> None:
    path = build_video(tmp_path / "odd.webm", size=(97, 63), codec="libvpx-vp9")
    with open_face(path) as face:
        assert (face.info.width, face.info.height) == (97, 63)
        assert notice("odd-size", width=97, height=63) in face.warnings
        assert next(face.frames(Fraction(1))).rgb.shape == (63, 97, 3)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "webm"])
@pytest.mark.parametrize("share", [0.02, 0.4, 0.8])
def test_truncated(tmp_path: Path, suffix: str, share: float) -> None:
    whole = build_video(
        tmp_path / f"w.{suffix}", frames=50, codec="libvpx-vp9" if suffix == "webm" else "libx264",
        picture=lambda i: np.random.default_rng(i).integers(0, 255, (64, 96, 3)).astype(np.uint8),
    )  # fmt: skip
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * share)])
    try:
        with open_face(path) as face:
            frames = list(face.frames(Fraction(3), Fit.LOOP))
    except InputError as error:
        assert "\n" not in str(error)
        assert isinstance(error, BrokenMediaError | NotMediaError)
    else:
        assert sum(f.duration_s for f in frames) == 3


def test_damaged_middle(tmp_path: Path) -> None:
    whole = build_video(tmp_path / "w.ts", frames=100, options={"g": "10"})
    data = bytearray(whole.read_bytes())
    rng = np.random.default_rng(0)
    for position in rng.integers(len(data) // 3, len(data) // 2, 60):
        data[position] = rng.integers(0, 255)
    path = tmp_path / "bad.ts"
    path.write_bytes(data)
    with open_face(path) as face:
        frames = list(face.frames(Fraction(4), Fit.PINGPONG))
    assert sum(f.duration_s for f in frames) == 4


def test_lying_sizes_are_refused(tmp_path: Path) -> None:
    path = build_video(tmp_path / "a.avi", codec="mjpeg", pix_fmt="yuvj420p")
    data = bytearray(path.read_bytes())
    at = data.index(b"strf") + 12
    data[at : at + 8] = (60_000).to_bytes(4, "little") + (50_000).to_bytes(4, "little")
    path.write_bytes(data)
    try:
        with open_face(path) as face:
            assert (face.info.width, face.info.height) == (96, 64)  # the pictures' own header is right
    except InputError as error:
        assert isinstance(error, PictureSizeError | BrokenMediaError)


def test_small_video_is_refused(tmp_path: Path) -> None:
    path = build_video(tmp_path / "a.mkv", size=(16, 16), codec="ffv1")
    with pytest.raises(PictureSizeError):
        open_face(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n"),
        ("list.txt", "ffconcat version 1.0\nfile 'secret.mp4'\n"),
        ("a.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"),
        ("a.mpd", "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'></MPD>"),
        ("ansi.txt", "\x1b[31mhello\x1b[0m\n" * 30),
    ],
)
def test_lists_of_other_files_are_refused(tmp_path: Path, name: str, text: str) -> None:
    build_video(tmp_path / "secret.mp4")
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises((NotMediaError, NoPictureError)):
        open_face(path)


@pytest.mark.parametrize(
    "name", ["http://127.0.0.1:9/a.mp4", "concat:a.mp4|b.mp4", "-", "pipe:0", "file:a.mp4", "lavfi:testsrc"]
)
def test_addresses_are_file_names(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="expected a file"):
        open_face(name)


@pytest.mark.parametrize(
    "name", ["concat:a.mp4", "foo%03d.png", "-", "video.wav", "no suffix", "فيديو.mp4", "a'b\"c $(d);e.mp4"]
)
def test_strange_names(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    build_video(tmp_path / "plain.mp4")
    monkeypatch.chdir(tmp_path)
    shutil.move("plain.mp4", name)
    assert played(Path(name), Fraction(1, 5))[2][0] == 2


def test_file_object(tmp_path: Path) -> None:
    path = build_video(tmp_path / "a.mp4")
    with path.open("rb") as file, open_face(file) as face:
        file.seek(17)
        one, two = face.frames(Fraction(1), Fit.PINGPONG), face.sample_frames()
        indices = [(index_of(a.rgb), index_of(b.rgb)) for a, b in zip(one, two, strict=False)]
    assert indices[:12] == [(i, i) for i in range(12)]
    assert grey_of(0) == 20


def test_real_clips(shared_data: Path, ffmpeg_frames: Any) -> None:
    path = shared_data / "clips" / "grid_s1_bbaf3s.mpg"
    expected = ffmpeg_frames(path, 360, 288)
    with open_face(path) as face:
        frames = list(face.frames(Fraction(100), Fit.CUT))
        sample_frames = list(face.sample_frames(8))
    assert len(frames) == len(expected)
    assert np.abs(frames[40].rgb.astype(int) - expected[40]).mean() < 2
    assert len(sample_frames) == 8


def test_a_photo_that_only_ffmpeg_reads(tmp_path: Path, run_ffmpeg: Run) -> None:
    path = tmp_path / "face.xwd"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc=s=96x64", "-frames:v", "1", path)
    with open_face(path) as face:
        assert face.info.is_photo
        assert len(list(face.frames(Fraction(1)))) == 25


def test_heic_is_refused_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "IMG_0001.jpg"
    path.write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 200)
    with pytest.raises(NotMediaError, match="JPEG"):
        open_face(path)
