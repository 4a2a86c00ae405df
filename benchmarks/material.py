"""What the benchmarks are run on, made from the recordings and pictures of a data folder."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from mouthpiece.types import SAMPLE_RATE, FloatArray, Picture, Waveform

CANVAS = (1280, 720)
"""Columns and rows of 720p."""
CLIP_720P = Path("clips") / "grid_s22_on_720p.mp4"
ENGLISH = Path("audio") / "en_male_watson.wav"
PORTRAIT = Path("photos") / "woman_portrait.png"


def read_speech(path: Path, seconds: float | None = None) -> FloatArray:
    """A file's sound, (n,) float32, mono, 16 kHz; its beginning where `seconds` is given."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        frames += resampler.resample(None)
    samples: FloatArray = np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32)
    return samples if seconds is None else samples[: round(seconds * SAMPLE_RATE)]


def speech_of_length(path: Path, seconds: float) -> Waveform:
    """A file's sound, over and over until it is long enough."""
    samples = read_speech(path)
    return Waveform(np.resize(samples, round(seconds * SAMPLE_RATE)))


def write_wav(wave: Waveform, path: Path) -> None:
    """Write 16-bit PCM."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=wave.sample_rate, layout="mono")
        block = np.clip(np.rint(wave.samples * 32767), -32768, 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
        frame.sample_rate = wave.sample_rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def read_photo(path: Path) -> Picture:
    """A picture file as (H, W, 3) RGB."""
    bgr = cv2.imread(str(path))
    if bgr is None:
        raise FileNotFoundError(f"expected a picture at {path}")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def with_height(picture: Picture, height: int) -> Picture:
    """The picture made that high, where it is higher; even sides."""
    if picture.shape[0] <= height:
        return np.ascontiguousarray(picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2])
    width = round(picture.shape[1] * height / picture.shape[0] / 2) * 2
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def on_canvas(picture: Picture, size: tuple[int, int] = CANVAS) -> Picture:
    """The picture made as high as a grey canvas, in its middle."""
    width, height = size
    fitted = with_height(picture, height)
    canvas = np.full((height, width, 3), 128, dtype=np.uint8)
    top, left = (height - fitted.shape[0]) // 2, max(0, (width - fitted.shape[1]) // 2)
    canvas[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted[:, :width]
    return canvas


def endless(path: Path) -> Iterator[av.VideoFrame]:
    """A video's pictures, from the beginning again after the last."""
    while True:
        with av.open(str(path)) as container:
            container.streams.video[0].thread_type = "AUTO"
            yield from container.decode(video=0)


def write_looped_video(path: Path, out: Path, seconds: float) -> None:
    """A video repeated until it lasts so long, without sound: H.264, crf 20, a frame rate of its own."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        fps = stream.average_rate or Fraction(25)
        size = stream.codec_context.width, stream.codec_context.height
    with av.open(str(out), "w") as target:
        video = target.add_stream("libx264", rate=fps, options={"preset": "veryfast", "crf": "20"})
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        for number, frame in zip(range(round(seconds * fps)), endless(path), strict=False):
            frame.pts, frame.time_base = number, 1 / fps
            frame.pict_type = av.video.frame.PictureType.NONE
            target.mux(video.encode(frame))
        target.mux(video.encode(None))
