"""What comes out, read by the ffmpeg and ffprobe programs."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from tests.media.conftest import build_video, build_wav, clicks, index_of, onsets, tone

from mouthpiece.errors import Cancelled, DiskFullError, MouthpieceError, OptionError, OutputError, OutputExistsError
from mouthpiece.media import VideoWriter, open_face, open_speech
from mouthpiece.options import Fit, Quality
from mouthpiece.types import Box

Run = Callable[..., None]
Ask = Callable[..., dict[str, Any]]


def write(
    face: Any,
    speech: Any,
    out: Path,
    *,
    change: Box | None = None,
    duration_s: Fraction | None = None,
    fit: Fit = Fit.PINGPONG,
    **options: Any,
) -> VideoWriter:
    """Face and speech to a file; `change` turns a box to its negative."""
    with open_face(face) as source, open_speech(speech) as voice:
        length = duration_s or voice.duration_s
        with VideoWriter(out, source.info, voice, duration_s=length, **options) as writer:
            for frame in source.frames(length, fit):
                if change is None:
                    writer.write(frame)
                    continue
                frame.rgb[change.slices] = 255 - frame.rgb[change.slices]
                writer.write(dataclasses.replace(frame, changed=(change,)))
    return writer


def times(ask: Ask, path: Path, kind: str = "v") -> list[float]:
    packets = ask(path, "-select_streams", f"{kind}:0", "-show_entries", "packet=pts_time")["packets"]
    return sorted(float(p["pts_time"]) for p in packets)


def leftovers(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    return build_wav(tmp_path / "voice.wav", tone(1, 48_000), 48_000)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return build_video(tmp_path / "face.mp4")


@pytest.mark.parametrize(
    ("suffix", "picture", "sound"),
    [
        ("mp4", "h264", "aac"),
        ("m4v", "h264", "aac"),
        ("mov", "h264", "pcm_s16le"),
        ("mkv", "h264", "pcm_s16le"),
        ("webm", "vp9", "opus"),
        ("MP4", "h264", "aac"),
    ],
)
def test_containers(tmp_path: Path, video: Path, ask_ffprobe: Ask, suffix: str, picture: str, sound: str) -> None:
    voice = build_wav(tmp_path / "v.wav", (tone(1, 48_000) * 32_767).astype(np.int16), 48_000)
    out = tmp_path / f"out.{suffix}"
    writer = write(video, voice, out)
    assert writer.frames_written == 25
    assert writer.path == out
    report = ask_ffprobe(out)
    assert [s["codec_name"] for s in report["streams"]] == [picture, sound]
    assert float(report["format"]["duration"]) == pytest.approx(1, abs=0.025)
    comment = {k.lower(): v for k, v in report["format"]["tags"].items()}["comment"]
    assert "mouthpiece" in comment
    assert "synthesised" in comment
    assert times(ask_ffprobe, out) == pytest.approx([i / 25 for i in range(25)], abs=6e-4)


def test_only_the_result_is_left(tmp_path: Path, video: Path, voice: Path) -> None:
    write(video, voice, tmp_path / "out.mp4")
    assert leftovers(tmp_path) == ["face.mp4", "out.mp4", "voice.wav"]


def test_index_stands_in_front(tmp_path: Path, video: Path, voice: Path) -> None:
    write(video, voice, tmp_path / "out.mp4")
    data = (tmp_path / "out.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_permissions_obey_the_umask(tmp_path: Path, video: Path, voice: Path) -> None:
    before = os.umask(0o027)
    try:
        write(video, voice, tmp_path / "out.mp4")
    finally:
        os.umask(before)
    assert (tmp_path / "out.mp4").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_variable_rate_is_exact(tmp_path: Path, ask_ffprobe: Ask, suffix: str) -> None:
    stamps = [0, 300, 450, 1800, 2000, 2100, 9000, 12_000]
    video = build_video(tmp_path / "v.mp4", frames=8, times=stamps, tick=Fraction(1, 90_000))
    out = tmp_path / f"out.{suffix}"
    write(video, tone(0.3), out)
    report = ask_ffprobe(
        out, "-show_entries", "stream=time_base", "-show_entries", "packet=pts", "-select_streams", "v:0"
    )
    tick = Fraction(report["streams"][0]["time_base"])
    got = sorted(int(p["pts"]) * tick for p in report["packets"])
    assert got[:8] == [Fraction(s, 90_000) for s in stamps]


@pytest.mark.parametrize("fps", [Fraction(12), Fraction(24_000, 1001), Fraction(60)])
def test_photo_rates(tmp_path: Path, ask_ffprobe: Ask, fps: Fraction) -> None:
    out = tmp_path / "out.mp4"
    with (
        open_face(np.full((64, 64, 3), 90, np.uint8), photo_fps=fps) as face,
        VideoWriter(out, face.info, None, duration_s=Fraction(1)) as writer,
    ):
        for frame in face.frames(Fraction(1)):
            writer.write(frame)
    stream = ask_ffprobe(out)["streams"][0]
    assert Fraction(stream["r_frame_rate"]) == fps
    assert float(stream["duration"]) == pytest.approx(1, abs=2e-4)


def test_unchanged_parts_are_the_source_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Encoded without loss, everything outside the box must be bit for bit what the source decodes to."""
    from mouthpiece.media import writer

    monkeypatch.setitem(writer.X264_OPTIONS, Quality.GOOD, {"preset": "ultrafast", "qp": "0"})
    noise = np.random.default_rng(0).integers(0, 255, (5, 64, 96, 3)).astype(np.uint8)
    video = build_video(tmp_path / "face.mp4", frames=5, picture=lambda i: noise[i])
    box = Box(21, 11, 50, 40)
    write(video, tone(0.2), tmp_path / "out.mp4", change=box)
    with av.open(str(video)) as a, av.open(str(tmp_path / "out.mp4")) as b:
        pairs = list(zip(a.decode(video=0), b.decode(video=0), strict=True))
    assert len(pairs) == 5
    for before, after in pairs:
        one, two = before.to_ndarray(), after.to_ndarray()
        differs = np.argwhere(one[:64] != two[:64])
        assert differs.min(axis=0).tolist() >= [10, 20]
        assert differs.max(axis=0).tolist() <= [40, 50]
        negative = 255 - before.to_ndarray(format="rgb24")[15:36, 25:46].astype(int)
        assert (
            np.abs(
                after.to_ndarray(format="rgb24")[15:36, 25:46].astype(int).mean((0, 1)) - negative.mean((0, 1))
            ).max()
            < 4
        )


@pytest.mark.parametrize("box", [Box(-20, -20, 500, 500), Box(95, 63, 96, 64), Box(0, 0, 1, 1), Box(10, 10, 10, 10)])
def test_boxes_at_the_rim(tmp_path: Path, video: Path, box: Box) -> None:
    write(video, tone(0.2), tmp_path / "out.mp4", change=box.clipped(96, 64))
    with open_face(tmp_path / "out.mp4") as face:
        assert next(face.frames(Fraction(1))).rgb.shape == (64, 96, 3)


@pytest.mark.parametrize("suffix", ["mp4", "webm", "mkv"])
def test_colour_tags_and_aspect_are_kept(tmp_path: Path, ask_ffprobe: Ask, suffix: str) -> None:
    tags = {
        "color_primaries": 5,
        "color_trc": 6,
        "colorspace": 5,
        "color_range": 2,
        "sample_aspect_ratio": Fraction(4, 3),
    }
    video = build_video(tmp_path / "v.mp4", context=tags)
    out = tmp_path / f"out.{suffix}"
    writer = write(video, tone(0.5), out, change=Box(10, 10, 40, 40))
    stream = ask_ffprobe(out)["streams"][0]
    assert (stream["color_range"], stream["color_space"]) == ("pc", "bt470bg")
    assert Fraction(stream.get("display_aspect_ratio", "2:1").replace(":", "/")) == 2
    assert bool(writer.warnings) == (suffix == "webm")
    with open_face(video) as a, open_face(out) as b:
        one, two = next(a.frames(Fraction(1))).rgb, next(b.frames(Fraction(1))).rgb
    assert abs(float(one[50:, 60:].mean()) - float(two[50:, 80:].mean())) < 2


def test_hdr_leaves_as_it_came(tmp_path: Path, ask_ffprobe: Ask) -> None:
    tags = {"color_primaries": 9, "color_trc": 16, "colorspace": 9, "color_range": 1}
    ramp = np.broadcast_to(np.linspace(0, 255, 96).astype(np.uint8)[None, :, None], (64, 96, 3))
    video = build_video(
        tmp_path / "hdr.mkv", codec="ffv1", pix_fmt="yuv420p10le", context=tags, picture=lambda i: ramp, frames=5
    )
    for suffix in ("mp4", "webm"):
        out = tmp_path / f"out.{suffix}"
        writer = write(video, tone(0.2), out, change=Box(10, 10, 40, 40))
        assert any("high dynamic range" in warning.text for warning in writer.warnings)
        stream = ask_ffprobe(out)["streams"][0]
        deep = "yuv420p" if suffix == "webm" else "yuv420p10le"  # PyAV's VP9 encoder has 8 bits
        assert (stream["pix_fmt"], stream["color_transfer"]) == (deep, "smpte2084")
        with open_face(video) as a, open_face(out) as b:
            one, two = next(a.frames(Fraction(1))).rgb, next(b.frames(Fraction(1))).rgb
        assert np.abs(one[45:].astype(int) - two[45:].astype(int)).max() < 8
        assert np.abs(255 - one[15:35, 15:35].astype(int) - two[15:35, 15:35].astype(int)).mean() < 6


def test_hdr_in_8_bits_when_asked(tmp_path: Path, ask_ffprobe: Ask) -> None:
    tags = {"color_primaries": 9, "color_trc": 18, "colorspace": 9, "color_range": 1}
    video = build_video(tmp_path / "hdr.mkv", codec="ffv1", pix_fmt="yuv420p10le", context=tags, frames=5)
    out = tmp_path / "out.mp4"
    with open_face(video) as face:
        writer = VideoWriter(out, face.info, None, duration_s=Fraction(1, 5), eight_bit=True)
        with writer:
            for frame in face.frames(Fraction(1, 5)):
                writer.write(frame)
    assert any("8 bits only" in warning.text for warning in writer.warnings)
    stream = ask_ffprobe(out)["streams"][0]
    assert (stream["pix_fmt"], stream["color_transfer"]) == ("yuv420p", "arib-std-b67")
    with open_face(video) as a, open_face(out) as b:
        one, two = next(a.frames(Fraction(1))).rgb, next(b.frames(Fraction(1))).rgb
    assert np.abs(one.astype(int) - two.astype(int)).mean() < 4


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
def test_odd_sizes(tmp_path: Path, ffmpeg_frames: Any, ask_ffprobe: Ask, suffix: str) -> None:
    photo = tmp_path / "odd.png"
    rgb = np.zeros((63, 97, 3), np.uint8)
    rgb[:, 40:] = (200, 60, 30)
    Image.fromarray(rgb).save(photo)
    out = tmp_path / f"out.{suffix}"
    write(photo, tone(0.2), out, change=Box(80, 50, 97, 63))
    assert ask_ffprobe(out)["streams"][0]["pix_fmt"] == ("yuv420p" if suffix == "webm" else "yuv444p")
    frame = ffmpeg_frames(out, 97, 63)[2].astype(int)
    assert np.abs(frame[20, 60] - (200, 60, 30)).max() < 8
    assert np.abs(frame[60, 94] - (55, 195, 225)).max() < 8


def test_photo_colours_survive(tmp_path: Path, ffmpeg_frames: Any, ask_ffprobe: Ask) -> None:
    out = tmp_path / "out.mp4"
    write(np.full((64, 96, 3), (180, 90, 40), np.uint8), tone(0.2), out)
    stream = ask_ffprobe(out)["streams"][0]
    assert (stream["color_space"], stream["color_range"], stream["color_primaries"]) == ("bt709", "tv", "bt709")
    assert np.abs(ffmpeg_frames(out, 96, 64)[1].astype(int) - (180, 90, 40)).max() < 6


@pytest.mark.parametrize(
    ("stored", "suffix", "copied"),
    [
        ("m4a", "mp4", True),
        ("mp3", "mp4", True),
        ("m4a", "mov", True),
        ("m4a", "mkv", True),
        ("mp3", "mkv", True),
        ("flac", "mkv", True),
        ("opus", "mkv", True),
        ("ogg", "mkv", True),
        ("ac3", "mkv", True),
        ("opus", "webm", True),
        ("ogg", "webm", True),
        ("aac", "mp4", True),
        ("ts", "mp4", True),
        ("opus", "mp4", False),
        ("flac", "mp4", False),
        ("ac3", "mp4", False),
        ("m4a", "webm", False),
    ],
)
def test_sound_is_copied_and_stays_in_time(
    tmp_path: Path, video: Path, run_ffmpeg: Run, ffmpeg_samples: Any, stored: str, suffix: str, copied: bool
) -> None:
    at = [0.25, 0.8, 1.53]
    wav = build_wav(tmp_path / "v.wav", clicks(2, at), 48_000)
    speech = tmp_path / f"speech.{stored}"
    run_ffmpeg("-i", wav, *(["-c:a", "aac"] if stored == "ts" else []), speech)
    out = tmp_path / f"out.{suffix}"
    write(video, speech, out)
    with open_speech(speech) as before, open_speech(out) as after:
        one, two = np.concatenate(list(before.samples())), np.concatenate(list(after.samples()))
    independent = ffmpeg_samples(out, 16_000, "-af", "aresample=async=1:first_pts=0")
    # MKV can't hide what the AAC and MP3 encoders put in front: the picture waits for it, and the two stay together.
    shift = 0.0
    if suffix == "mkv":
        with av.open(str(out)) as container:
            shift = float(next(container.decode(video=0)).time or 0)
    assert shift < 0.03
    expected = [t + shift for t in onsets(one, 16_000)]
    assert onsets(two, 16_000) == pytest.approx(expected, abs=0.004)
    assert onsets(independent, 16_000) == pytest.approx(expected, abs=0.008)
    assert onsets(one, 16_000) == pytest.approx(at, abs=0.025)
    assert sound_copied(speech, out) == copied
    if copied:
        assert len(packets_of(out)) >= len(packets_of(speech)) - 2


@pytest.mark.parametrize(("suffix", "copied"), [("mp4", False), ("mov", True)])
def test_telephone_mp3_goes_where_it_may(
    tmp_path: Path, video: Path, run_ffmpeg: Run, suffix: str, copied: bool
) -> None:
    speech = tmp_path / "speech.mp3"
    run_ffmpeg("-i", build_wav(tmp_path / "v.wav", clicks(1, [0.25]), 48_000), "-ar", "8000", speech)
    out = tmp_path / f"out.{suffix}"
    write(video, speech, out)
    assert sound_copied(speech, out) == copied
    with open_speech(out) as after:
        assert onsets(np.concatenate(list(after.samples())), 16_000) == pytest.approx([0.25], abs=0.03)


def packets_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        data = [bytes(p) for p in container.demux(container.streams.audio[0]) if p.size]
    # A raw AAC stream (ADTS) repeats a 7-byte header that MP4 says once.
    return [d[7:] if path.suffix in (".aac", ".ts") and d[:2] in (b"\xff\xf1", b"\xff\xf9") else d for d in data]


def sound_copied(speech: Path, out: Path) -> bool:
    """Whether the sound of a result is the speech's own packets."""
    packets = packets_of(out)
    return bool(packets) and packets == packets_of(speech)[: len(packets)]


def test_flash_and_click_come_together(tmp_path: Path, ffmpeg_samples: Any, ffmpeg_frames: Any) -> None:
    """A video whose own sound is used as speech: flash and click must stay at the same time."""
    flash = 15

    def draw(index: int) -> np.ndarray:
        return np.full((64, 96, 3), 230 if index == flash else 20, np.uint8)

    source = build_video(tmp_path / "clap.mp4", frames=40, picture=draw, sound=clicks(1.6, [flash / 25]))
    for suffix in ("mp4", "mkv", "webm"):
        out = tmp_path / f"out.{suffix}"
        write(source, source, out)
        with av.open(str(out)) as container:
            flashes = [
                float(f.time or 0) for f in container.decode(video=0) if f.to_ndarray(format="gray").mean() > 120
            ]
        heard = onsets(ffmpeg_samples(out, 16_000, "-af", "aresample=async=1:first_pts=0"), 16_000)
        assert heard == pytest.approx(flashes, abs=0.008), suffix


def test_late_sound_stays_late(tmp_path: Path, video: Path, run_ffmpeg: Run, ffmpeg_samples: Any) -> None:
    wav = build_wav(tmp_path / "a.wav", clicks(1, [0.2]), 48_000)
    late = tmp_path / "late.mp4"
    run_ffmpeg("-i", video, "-itsoffset", "0.5", "-i", wav, "-c:v", "copy", "-c:a", "aac", late)
    for suffix in ("mp4", "webm"):
        out = tmp_path / f"out.{suffix}"
        write(video, late, out)
        assert sound_copied(late, out) == (suffix == "mp4")
        samples = ffmpeg_samples(out, 16_000, "-af", "aresample=async=1:first_pts=0")
        assert onsets(samples, 16_000) == pytest.approx([0.7], abs=0.008)


def test_surround_is_encoded_as_stereo(tmp_path: Path, video: Path, run_ffmpeg: Run, ask_ffprobe: Ask) -> None:
    wav = build_wav(tmp_path / "a.wav", np.stack([tone(1)] * 6, 1))
    flac = tmp_path / "a.flac"
    run_ffmpeg("-i", wav, "-channel_layout", "5.1", flac)
    write(video, flac, tmp_path / "out.mp4")
    sound = ask_ffprobe(tmp_path / "out.mp4")["streams"][1]
    assert (sound["codec_name"], sound["channels"], sound["sample_rate"]) == ("aac", 2, "16000")


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
def test_cut_trims_the_sound(tmp_path: Path, video: Path, ask_ffprobe: Ask, suffix: str) -> None:
    wav = build_wav(tmp_path / "long.wav", tone(5, 44_100), 44_100)
    out = tmp_path / f"out.{suffix}"
    write(video, wav, out, fit=Fit.CUT)
    assert float(ask_ffprobe(out)["format"]["duration"]) == pytest.approx(12 / 25, abs=0.12)
    assert times(ask_ffprobe, out)[-1] == pytest.approx(11 / 25, abs=1e-3)


def test_silent_video_without_speech(tmp_path: Path, video: Path, ask_ffprobe: Ask) -> None:
    with open_face(video) as face, VideoWriter(tmp_path / "o.mp4", face.info, None, duration_s=Fraction(1)) as writer:
        for frame in face.frames(Fraction(1)):
            writer.write(frame)
    assert len(ask_ffprobe(tmp_path / "o.mp4")["streams"]) == 1


@pytest.mark.parametrize("quality", list(Quality))
@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_qualities(tmp_path: Path, video: Path, quality: Quality, suffix: str) -> None:
    write(video, tone(0.4), tmp_path / f"o.{suffix}", quality=quality)
    with open_face(tmp_path / f"o.{suffix}") as face:
        assert [index_of(f.rgb) for f in face.frames(Fraction(2, 5), Fit.CUT)] == list(range(10))


def test_large_photo(tmp_path: Path, ask_ffprobe: Ask) -> None:
    photo = np.full((4000, 6000, 3), 120, np.uint8)
    write(photo, tone(0.1), tmp_path / "o.mp4", quality=Quality.DRAFT)
    stream = ask_ffprobe(tmp_path / "o.mp4")["streams"][0]
    assert (stream["width"], stream["height"]) == (6000, 4000)


# --- where it must not be written -----------------------------------------------------------------------------------


def refused(face: Path, out: Path, **options: Any) -> MouthpieceError:
    with open_face(face) as source, open_speech(tone(0.2)) as voice, pytest.raises(MouthpieceError) as caught:
        VideoWriter(out, source.info, voice, duration_s=voice.duration_s, **options)
    assert "\n" not in str(caught.value)
    return caught.value


def test_outputs_refused(tmp_path: Path, video: Path) -> None:
    (tmp_path / "there.mp4").write_bytes(b"precious")
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "link.mp4").symlink_to(video)
    os.link(video, tmp_path / "hard.mp4")
    before = leftovers(tmp_path)
    assert isinstance(refused(video, tmp_path / "there.mp4"), OutputExistsError)
    assert isinstance(refused(video, tmp_path / "folder.mp4", overwrite=True), OutputError)
    assert isinstance(refused(video, tmp_path / "no" / "out.mp4"), OutputError)
    assert isinstance(refused(video, tmp_path / "out.avi"), OptionError)
    assert isinstance(refused(video, tmp_path / "out"), OptionError)
    assert isinstance(refused(video, tmp_path / ("x" * 300 + ".mp4")), OutputError)
    for same in (video, tmp_path / "link.mp4", tmp_path / "hard.mp4", tmp_path / "." / "face.mp4"):
        error = refused(video, same, overwrite=True, forbidden=(video,))
        assert type(error) is OutputError
        assert "input" in str(error)
    assert leftovers(tmp_path) == before


def test_overwriting(tmp_path: Path, video: Path, voice: Path) -> None:
    out = tmp_path / "there.mp4"
    out.write_bytes(b"old")
    write(video, voice, out, overwrite=True)
    assert out.stat().st_size > 1000
    assert leftovers(tmp_path) == ["face.mp4", "there.mp4", "voice.wav"]


def test_a_file_that_comes_up_meanwhile_is_not_lost(tmp_path: Path, video: Path) -> None:
    out = tmp_path / "out.mp4"
    length = Fraction(1, 5)
    with (
        pytest.raises(OutputExistsError),
        open_face(video) as face,
        VideoWriter(out, face.info, None, duration_s=length) as writer,
    ):
        for frame in face.frames(length):
            writer.write(frame)
        out.write_bytes(b"precious")
    assert out.read_bytes() == b"precious"
    assert leftovers(tmp_path) == ["face.mp4", "out.mp4"]


def test_read_only_folder(tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *arguments: False)  # root may write anywhere else
    error = refused(video, tmp_path / "out.mp4")
    assert type(error) is OutputError
    assert "can't be written to" in str(error)


def test_unwritable_folder_at_opening(tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    def refuse(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(io, "FileIO", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        write(video, tone(0.2), tmp_path / "out.mp4")
    assert leftovers(tmp_path) == ["face.mp4"]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
@pytest.mark.parametrize("room", [0, 3000, 60_000])
def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, room: int) -> None:
    import io

    written = 0

    class Small(io.FileIO):
        def write(self, data: Any) -> int:
            nonlocal written
            if written + len(data) > room:
                raise OSError(28, "No space left on device")
            written += len(data)
            return super().write(data)

    noise = np.random.default_rng(0).integers(0, 255, (4, 192, 192, 3)).astype(np.uint8)
    video = build_video(tmp_path / "face.mp4", frames=12, size=(192, 192), picture=lambda i: noise[i % 4])
    monkeypatch.setattr(io, "FileIO", Small)
    with pytest.raises(DiskFullError, match="full"):
        write(video, tone(0.5), tmp_path / f"out.{suffix}")
    assert leftovers(tmp_path) == ["face.mp4"]


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of 64 KiB at the folder; where none may be mounted, a limit on the size of files does as well."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0:
        try:
            yield
        finally:
            subprocess.run(["umount", str(folder)], check=True)
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_really_full_disk(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (256, 256, 3)).astype(np.uint8)
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, 32_000).astype(np.float32)
    small = tmp_path / "small"
    with small_disk(small):
        with pytest.raises(DiskFullError):
            write(noise, sound, small / "out.mp4")
        assert leftovers(small) == []


def test_full_disk_at_the_very_end(tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError):
        write(video, tone(0.2), tmp_path / "out.mp4")
    assert leftovers(tmp_path) == ["face.mp4"]


@pytest.mark.parametrize("error", [Cancelled("stop"), KeyboardInterrupt(), ValueError("x")])
@pytest.mark.parametrize("after", [0, 3])
def test_leaving_by_an_exception_leaves_nothing(tmp_path: Path, video: Path, error: BaseException, after: int) -> None:
    with (
        pytest.raises(type(error)),
        open_face(video) as face,
        open_speech(tone(1)) as speech,
        VideoWriter(tmp_path / "out.mp4", face.info, speech, duration_s=speech.duration_s) as writer,
    ):
        for number, frame in enumerate(face.frames(speech.duration_s)):
            if number == after:
                raise error
            writer.write(frame)
    assert leftovers(tmp_path) == ["face.mp4"]


def test_kill_9_leaves_nothing_under_the_name(tmp_path: Path, video: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(
        f"""
from fractions import Fraction
import numpy as np
from mouthpiece.media import VideoWriter, open_face
with open_face({str(video)!r}) as face, VideoWriter({str(tmp_path / "out.mp4")!r}, face.info, None,
        duration_s=Fraction(1000)) as writer:
    for number, frame in enumerate(face.frames(Fraction(1000))):
        writer.write(frame)
        if number == 30:
            print("going", flush=True)
"""
    )
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, env=dict(os.environ))
    assert process.stdout is not None
    assert process.stdout.readline() == b"going\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize(
    "name", ["out put.mp4", "مخرج.mp4", 'it\'s "mine" $(x);.mp4', "%d.mp4", "concat:x.mp4", "-.mp4"]
)
def test_strange_names(tmp_path: Path, video: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(video, tone(0.2), Path(name))
    with open_face(tmp_path / name) as face:
        assert face.info.codec == "h264"
    assert leftovers(tmp_path) == sorted(["face.mp4", name])


def test_writing_through_a_link(tmp_path: Path, video: Path) -> None:
    target = tmp_path / "real.mp4"
    (tmp_path / "link.mp4").symlink_to(target)
    write(video, tone(0.2), tmp_path / "link.mp4")
    assert target.is_file()
    assert (tmp_path / "link.mp4").is_symlink()
