"""Builders of media, good and nasty, for the tests of the media room."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from mouthpiece.types import Picture

GREY_STEP = 4
GREY_BASE = 20
GREY_COUNT = 50
"""Different frames; then they repeat."""


def grey_of(index: int) -> int:
    """The grey that frame `index` of a built video is filled with."""
    return GREY_BASE + GREY_STEP * (index % GREY_COUNT)


def index_of(rgb: Picture) -> int:
    """Which frame of a built video this is."""
    return round((float(rgb[rgb.shape[0] // 4 :, rgb.shape[1] // 4 :].mean()) - GREY_BASE) / GREY_STEP)


def build_video(
    path: Path,
    *,
    frames: int = 12,
    size: tuple[int, int] = (96, 64),
    fps: Fraction = Fraction(25),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    times: Sequence[int] | None = None,
    tick: Fraction | None = None,
    options: dict[str, str] | None = None,
    context: dict[str, Any] | None = None,
    picture: Callable[[int], NDArray[Any]] | None = None,
    sound: NDArray[np.float32] | None = None,
    sound_rate: int = 48_000,
) -> Path:
    """A video whose frames are told apart by their grey (see `grey_of`), or drawn by `picture(index)`."""
    width, height = size
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=fps, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        if tick is not None:
            stream.codec_context.time_base = stream.time_base = tick
        for name, value in (context or {}).items():
            setattr(stream.codec_context, name, value)
        track: Any = None
        if sound is not None:
            track = container.add_stream("aac", rate=sound_rate)
            track.layout = "mono"
        for index in range(frames):
            rgb = picture(index) if picture else np.full((height, width, 3), grey_of(index), np.uint8)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb, dtype=np.uint8), "rgb24")
            frame.pts = times[index] if times else index
            frame.time_base = tick or 1 / fps
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if track is not None and sound is not None:
            block = av.AudioFrame.from_ndarray(sound[None].astype(np.float32), "fltp", "mono")
            block.sample_rate = sound_rate
            block.pts = 0
            container.mux(track.encode(block))
            container.mux(track.encode(None))
    return path


def tone(seconds: float, rate: int = 16_000, hz: float = 440.0, level: float = 0.3) -> NDArray[np.float32]:
    """A sine."""
    return (level * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def clicks(seconds: float, at_s: Sequence[float], rate: int = 48_000) -> NDArray[np.float32]:
    """Silence with short bursts that begin at the given times."""
    samples = np.zeros(round(seconds * rate), np.float32)
    burst = (0.8 * np.sin(2 * np.pi * 2000 * np.arange(rate // 100) / rate)).astype(np.float32)
    for time in at_s:
        start = round(time * rate)
        samples[start : start + len(burst)] = burst
    return samples


def onsets(samples: NDArray[np.float32], rate: int) -> list[float]:
    """When bursts begin, seconds."""
    loud = np.flatnonzero(np.abs(samples) > 0.2)
    return [float(i) / rate for k, i in enumerate(loud) if k == 0 or i - loud[k - 1] > rate // 10]


def build_wav(path: Path, samples: NDArray[Any], rate: int = 16_000) -> Path:
    """(n,) or (n, channels), any type that scipy writes."""
    from scipy.io import wavfile

    wavfile.write(path, rate, samples)
    return path


@pytest.fixture
def run_ffmpeg(ffmpeg: str) -> Callable[..., None]:
    """Runs the ffmpeg program with arguments."""

    def run(*arguments: str | Path) -> None:
        subprocess.run([ffmpeg, "-v", "error", "-y", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL)

    return run


@pytest.fixture
def ask_ffprobe(ffprobe: str) -> Callable[..., dict[str, Any]]:
    """What the ffprobe program says of a file, as JSON."""

    def ask(path: Path, *arguments: str) -> dict[str, Any]:
        import json

        command = [ffprobe, "-v", "error", "-of", "json", *(arguments or ("-show_streams", "-show_format")), str(path)]
        answer: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        return answer

    return ask


@pytest.fixture
def ffmpeg_frames(ffmpeg: str) -> Callable[..., NDArray[np.uint8]]:
    """(n, H, W, 3) RGB frames as the ffmpeg program decodes them, rotation applied."""

    def decode(path: Path, width: int, height: int, *arguments: str) -> NDArray[np.uint8]:
        command = [ffmpeg, "-v", "error", "-i", str(path), *arguments, "-fps_mode", "passthrough", "-f", "rawvideo"]
        raw = subprocess.run([*command, "-pix_fmt", "rgb24", "-"], check=True, capture_output=True).stdout
        return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)

    return decode


@pytest.fixture
def ffmpeg_samples(ffmpeg: str) -> Callable[..., NDArray[np.float32]]:
    """(n,) mono float samples of a file as the ffmpeg program decodes them."""

    def decode(path: Path, rate: int, *arguments: str) -> NDArray[np.float32]:
        command = [
            ffmpeg,
            "-v",
            "error",
            "-i",
            str(path),
            "-vn",
            *arguments,
            "-ac",
            "1",
            "-ar",
            str(rate),
            "-f",
            "f32le",
        ]
        return np.frombuffer(subprocess.run([*command, "-"], check=True, capture_output=True).stdout, np.float32)

    return decode
