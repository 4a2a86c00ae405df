"""Pictures made smaller, turned, cut and held still; the ffmpeg program's own filters are the oracle."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tests import scenes
from tests.media.conftest import build_video, grey_of, index_of

from mouthpiece.errors import OptionError
from mouthpiece.media import FaceSource, VideoWriter, open_face
from mouthpiece.notices import notice
from mouthpiece.options import Fit, FrameTransform
from mouthpiece.types import Box, Picture

ALL = (0, -1, 0, -1)


def scene(width: int = 160, height: int = 120) -> Callable[[int], Picture]:
    """Something without symmetry, smooth enough to survive 4:2:0, that changes from frame to frame."""

    def draw(index: int) -> Picture:
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        red = 40 + 180 * x / width
        green = 40 + 180 * y / height
        blue = 128 + 90 * np.sin(x / 23 + y / 31 + index / 5)
        return np.stack([red, green, blue], axis=2).astype(np.uint8)

    return draw


def video(path: Path, size: tuple[int, int] = (160, 120), **more: Any) -> Path:
    options = {"crf": "4", "preset": "veryfast"}
    return build_video(path, size=size, picture=scene(*size), options=options, **more)


def first(source: FaceSource) -> Picture:
    return next(source.frames(Fraction(1))).rgb


def test_the_default_is_the_very_same_source(tmp_path: Path) -> None:
    for path in (video(tmp_path / "a.mp4"), build_video(tmp_path / "b.gif", codec="gif", pix_fmt="rgb8")):
        with open_face(path) as plain:
            assert plain.transformed(FrameTransform()) is plain
    with open_face(scene()(0)) as photo:
        assert photo.transformed(FrameTransform(static=True)) is photo


TRANSFORMS = {
    "scale=80:60": FrameTransform(resize_factor=2),
    "scale=52:40": FrameTransform(resize_factor=3),
    "transpose=clock": FrameTransform(rotate=True),
    "crop=100:60:20:10": FrameTransform(crop=(10, 70, 20, 120)),
    "crop=101:61:21:11:exact=1": FrameTransform(crop=(11, 72, 21, 122)),
    "crop=140:110:20:10": FrameTransform(crop=(10, -1, 20, 4000)),
    "scale=80:60,transpose=clock,crop=40:60:10:20": FrameTransform(resize_factor=2, rotate=True, crop=(20, -1, 10, 50)),
}


@pytest.mark.parametrize("filters", TRANSFORMS)
@pytest.mark.parametrize("kind", ["video", "photo"])
def test_against_ffmpegs_own_filters(
    tmp_path: Path, ffmpeg_frames: Callable[..., NDArray[np.uint8]], filters: str, kind: str
) -> None:
    path = video(tmp_path / "a.mp4") if kind == "video" else tmp_path / "a.png"
    if kind == "photo":
        cv2.imwrite(str(path), scene()(0)[..., ::-1])
    with open_face(path, transform=TRANSFORMS[filters]) as face:
        assert face.info.is_photo == (kind == "photo")
        ours = first(face)
        assert ours.shape[1::-1] == (face.info.width, face.info.height)
        # RGB first: ffmpeg can cut that anywhere.
        theirs = ffmpeg_frames(path, face.info.width, face.info.height, "-vf", f"format=gbrp,{filters}")[0]
        assert next(iter(face.sample_frames())).rgb.shape == ours.shape
    likeness = scenes.psnr(ours, np.asarray(theirs))
    shifted = [np.roll(theirs, step, axis)[2:-2, 2:-2] for axis in (0, 1) for step in (-1, 1)]
    assert likeness > 33
    assert all(scenes.psnr(ours[2:-2, 2:-2], other) < likeness - 1 for other in shifted)


@pytest.mark.parametrize("transform", [FrameTransform(rotate=True), FrameTransform(crop=(10, 70, 20, 120))])
def test_what_nobody_touches_is_written_as_decoded(tmp_path: Path, transform: FrameTransform) -> None:
    """No detour through RGB: the planes that leave are the decoder's own."""
    path = video(tmp_path / "a.mp4", frames=3)
    with av.open(str(path)) as container:
        luma = next(container.decode(video=0)).to_ndarray()[:120]
    expected = np.rot90(luma, -1) if transform.rotate else luma[10:70, 20:120]
    with open_face(path, transform=transform) as face:
        native = next(face.frames(Fraction(1))).native
    assert isinstance(native, av.VideoFrame)
    assert native.format.name == "yuv420p"
    assert np.array_equal(native.to_ndarray()[: native.height], expected)


@pytest.mark.parametrize("fit", list(Fit))
def test_a_framed_video_plays_like_the_whole_one(tmp_path: Path, fit: Fit) -> None:
    path = build_video(tmp_path / "a.mp4", frames=7, options={"g": "3"})
    transform = FrameTransform(resize_factor=2)
    with open_face(path) as plain, open_face(path, transform=transform) as face:
        length = Fraction(20, 25)
        expected = [(f.time_s, f.duration_s, f.source_time_s, index_of(f.rgb)) for f in plain.frames(length, fit)]
        got = [(f.time_s, f.duration_s, f.source_time_s, index_of(f.rgb)) for f in face.frames(length, fit)]
        sampled = [(f.time_s, index_of(f.rgb)) for f in plain.sample_frames()]
        assert [(f.time_s, index_of(f.rgb)) for f in face.sample_frames()] == sampled
    assert got == expected


def test_a_long_video_is_sampled_by_seeking(tmp_path: Path) -> None:
    path = build_video(tmp_path / "a.mp4", frames=500, options={"g": "25", "preset": "ultrafast"})
    with open_face(path, transform=FrameTransform(rotate=True)) as face:
        sampled = list(face.sample_frames(10))
    assert len(sampled) == 10
    assert all(f.rgb.shape == (96, 64, 3) for f in sampled)
    assert float(sampled[-1].time_s) > 15


@pytest.mark.parametrize("matrix", [None, 1, 6])
def test_colours_stay_where_the_size_would_have_told_them(
    tmp_path: Path, ffmpeg_frames: Callable[..., NDArray[np.uint8]], matrix: int | None
) -> None:
    """Untagged 720p is BT.709 for players, untagged 360p is BT.601."""
    saturated = np.full((720, 1280, 3), (200, 40, 60), np.uint8)
    context = {} if matrix is None else {"colorspace": matrix}
    path = build_video(tmp_path / "a.mp4", frames=2, size=(1280, 720), picture=lambda _: saturated, context=context)
    with open_face(path) as plain:
        expected = first(plain)[360, 640].astype(int)
    with open_face(path, transform=FrameTransform(resize_factor=2)) as face:
        assert np.abs(first(face)[180, 320].astype(int) - expected).max() <= 2
        with VideoWriter(tmp_path / "o.mp4", face.info, None, duration_s=Fraction(2, 25)) as writer:
            for frame in face.frames(Fraction(2, 25)):
                writer.write(frame)
        assert face.info.colours.matrix == (matrix or 1)
    written = ffmpeg_frames(tmp_path / "o.mp4", 640, 360, "-vf", "scale=in_color_matrix=bt709") if not matrix else None
    if written is not None:
        assert np.abs(written[0][180, 320].astype(int) - expected).max() <= 4


def test_non_square_pixels_turn_with_the_picture(tmp_path: Path, ask_ffprobe: Callable[..., dict[str, Any]]) -> None:
    path = video(tmp_path / "a.mp4", context={"sample_aspect_ratio": Fraction(4, 3)})
    with open_face(path, transform=FrameTransform(rotate=True, resize_factor=2)) as face:
        assert face.info.pixel_aspect == Fraction(3, 4)
        frames = list(face.frames(Fraction(4, 25)))
        assert all(f.pixel_aspect == Fraction(3, 4) for f in frames)
        with VideoWriter(tmp_path / "o.mp4", face.info, None, duration_s=Fraction(4, 25)) as writer:
            for frame in frames:
                writer.write(frame)
    stream = ask_ffprobe(tmp_path / "o.mp4")["streams"][0]
    assert (stream["width"], stream["height"], stream["sample_aspect_ratio"]) == (60, 80, "3:4")


@pytest.mark.parametrize("crop", [(10, 70, 20, 100), (11, 71, 21, 101), (11, 72, 20, 101)])
def test_high_dynamic_range_stays_deep(
    tmp_path: Path, ask_ffprobe: Callable[..., dict[str, Any]], crop: tuple[int, int, int, int]
) -> None:
    path = video(
        tmp_path / "a.mp4",
        codec="libx265",
        pix_fmt="yuv420p10le",
        context={"color_trc": 16, "color_primaries": 9, "colorspace": 9},
        frames=4,
    )
    transform = FrameTransform(resize_factor=1, rotate=True, crop=crop)
    with open_face(path, transform=transform) as face:
        assert face.info.hdr
        frames = list(face.frames(Fraction(2, 25)))
        assert all(isinstance(f.native, av.VideoFrame) and f.native.format.name == "yuv420p10le" for f in frames)
        frames[1] = replace(frames[1], changed=(Box(3, 3, 40, 40),))
        with VideoWriter(tmp_path / "o.mp4", face.info, None, duration_s=Fraction(2, 25)) as writer:
            for frame in frames:
                writer.write(frame)
    stream = ask_ffprobe(tmp_path / "o.mp4")["streams"][0]
    assert stream["pix_fmt"] == ("yuv444p10le" if (crop[1] - crop[0]) % 2 else "yuv420p10le")
    assert stream["color_transfer"] == "smpte2084"
    assert (stream["width"], stream["height"]) == (crop[3] - crop[2], crop[1] - crop[0])


def test_odd_sizes(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", size=(162, 122))
    with open_face(path, transform=FrameTransform(resize_factor=2)) as face:
        assert (face.info.width, face.info.height, face.warnings) == (80, 60, ())
    with open_face(path, transform=FrameTransform(crop=(0, 61, 0, 80))) as face:
        assert face.warnings == (notice("odd-size", width=80, height=61),)
    odd = video(tmp_path / "b.mp4", size=(161, 121), pix_fmt="yuv444p")
    with open_face(odd, transform=FrameTransform(crop=(1, -1, 1, -1))) as face:
        assert (face.info.width, face.info.height, face.warnings) == (160, 120, ())
        assert scenes.psnr(first(face), scene(161, 121)(0)[1:, 1:]) > 35


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001)])
def test_static_holds_the_first_picture_at_the_videos_rate(tmp_path: Path, fps: Fraction) -> None:
    path = build_video(tmp_path / "a.mp4", frames=9, fps=fps)
    with open_face(path, transform=FrameTransform(static=True)) as face:
        assert (face.info.is_photo, face.info.fps, face.info.duration_s) == (True, fps, None)
        frames = list(face.frames(30 / fps))
        assert [f.time_s for f in frames] == [i / fps for i in range(30)]
        assert {index_of(f.rgb) for f in frames} == {0}
        assert frames[0].rgb is not frames[1].rgb
        assert frames[0].native is frames[1].native
        assert [index_of(f.rgb) for f in face.sample_frames()] == [0]


def test_static_keeps_shape_and_depth(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", context={"sample_aspect_ratio": Fraction(4, 3)})
    with open_face(path, transform=FrameTransform(static=True, rotate=True)) as face:
        frame = next(face.frames(Fraction(1)))
        assert (frame.width, frame.height, frame.pixel_aspect) == (120, 160, Fraction(3, 4))
        assert isinstance(frame.native, av.VideoFrame)
        assert frame.native.format.name == "yuv420p"


def test_static_for_a_slow_animation(tmp_path: Path) -> None:
    """One picture a second is no rate for a mouth."""
    from PIL import Image

    pictures = [Image.new("RGB", (64, 64), (grey_of(i),) * 3) for i in range(3)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=1000)
    with open_face(tmp_path / "a.gif", transform=FrameTransform(static=True)) as face:
        assert face.info.fps == 25


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"resize_factor": 0}, "resize_factor expects a whole number from 1, got 0"),
        ({"crop": (0, -1, 0)}, "four numbers"),
        ({"crop": (-1, -1, 0, -1)}, "got -1 -1 0 -1"),
        ({"crop": (50, 50, 0, -1)}, "top < bottom"),
        ({"crop": (0, -1, 60, 20)}, "left < right"),
    ],
)
def test_what_makes_no_sense(values: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        FrameTransform(**values)


@pytest.mark.parametrize(
    "transform",
    [FrameTransform(resize_factor=5), FrameTransform(crop=(0, 20, *ALL[2:])), FrameTransform(crop=(500, -1, 0, -1))],
)
@pytest.mark.parametrize("kind", ["video", "photo"])
def test_too_little_left(tmp_path: Path, transform: FrameTransform, kind: str) -> None:
    face = video(tmp_path / "a.mp4") if kind == "video" else scene()(0)
    with pytest.raises(OptionError, match="of 160x120; take more of it"):
        open_face(face, transform=transform)


PLAY = """
import resource, sys
from fractions import Fraction
from mouthpiece.media import open_face
from mouthpiece.options import Fit, FrameTransform
with open_face(sys.argv[1], transform=FrameTransform(resize_factor=4)) as face:
    count = sum(1 for _ in face.frames(Fraction(int(sys.argv[2]), 25), Fit.PINGPONG))
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
"""


def test_of_what_is_played_backwards_only_framed_pictures_are_kept(tmp_path: Path) -> None:
    """110 whole pictures are 150 MB, transformed 10 MB."""
    path = build_video(tmp_path / "a.mp4", frames=110, size=(1280, 720), options={"preset": "ultrafast"})

    def megabytes(frames: int) -> int:
        command = [sys.executable, "-c", PLAY, str(path), str(frames)]
        count, peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        assert int(count) == frames
        return int(peak)

    assert megabytes(200) < megabytes(60) + 40
