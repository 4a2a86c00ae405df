"""Blocks of sound as stored, all channels at their own rate: made from decoded frames and arrays, and back."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from av import AudioFrame, AudioLayout, AudioResampler
from numpy.typing import NDArray

from mouthpiece.errors import InputError
from mouthpiece.types import FloatArray

_EVIDENT_LAYOUTS = {1: "mono", 2: "stereo"}


@dataclass(frozen=True, slots=True)
class SoundBlock:
    """A stretch of sound as stored."""

    samples: FloatArray
    """(channels, n) float32 in [-1, 1], finite."""
    sample_rate: int
    """Hz."""
    names: tuple[str, ...]
    """Channel names: FL, FR, FC, LFE, ...; as many as channels."""
    layout: str
    """FFmpeg's name of the layout."""

    @property
    def duration_s(self) -> Fraction:
        """Length, seconds."""
        return Fraction(self.samples.shape[1], self.sample_rate)

    def silence(self, duration_s: Fraction) -> SoundBlock:
        """Make a silent block of the same kind."""
        zeros = np.zeros((len(self.samples), round(duration_s * self.sample_rate)), np.float32)
        return SoundBlock(zeros, self.sample_rate, self.names, self.layout)


def layout_name(name: str, channels: int) -> str:
    """Return the name of a channel layout: the evident one of one or two channels, else FFmpeg's."""
    return _EVIDENT_LAYOUTS.get(channels, name)


def numbered_channels(count: int) -> tuple[str, ...]:
    """Return names for channels without names."""
    return tuple(f"C{i}" for i in range(count))


def block_of_frame(frame: AudioFrame) -> tuple[SoundBlock, int]:
    """Convert a decoded frame to a block; also return how many of its samples were not finite."""
    layout = frame.layout
    count = layout.nb_channels
    if frame.format.name.startswith("s64"):
        frame = AudioResampler("dblp", layout, frame.sample_rate).resample(frame)[0]
    values = to_float(frame.to_ndarray())
    if not frame.format.is_planar:
        values = values.reshape(-1, count).T
    clean, bad = silence_bad_samples(values)
    names = tuple(channel.name for channel in layout.channels)
    return SoundBlock(
        clean, frame.sample_rate, names if len(names) == count else numbered_channels(count), layout.name
    ), bad


def frame_of_block(block: SoundBlock) -> AudioFrame:
    """Convert a block to a frame; channels that no layout fits become their mean."""
    layout = layout_name(block.layout, len(block.samples))
    try:
        if AudioLayout(layout).nb_channels != len(block.samples):
            raise ValueError(layout)
    except ValueError:  # channels without names: all of them, evenly
        return frame_of_samples(block.samples.mean(axis=0, keepdims=True, dtype=np.float32), block.sample_rate)
    return frame_of_samples(block.samples, block.sample_rate, layout)


def frame_of_samples(samples: FloatArray, sample_rate: int, layout: str = "mono") -> AudioFrame:
    """Make a frame of (channels, n) float32 samples; its time base is one sample."""
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", layout)
    frame.sample_rate = sample_rate
    frame.time_base = Fraction(1, sample_rate)
    return frame


def to_float(samples: NDArray[Any]) -> FloatArray:
    """Convert samples of any type to float32; integers by their full range.

    Raises:
        InputError: not numbers.
    """
    kind = samples.dtype.kind
    if kind == "f":
        return samples.astype(np.float32)
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128.0) / 128.0
    if kind == "i":
        return (samples / float(-np.iinfo(samples.dtype).min)).astype(np.float32)
    raise InputError(f"expected samples of float, int8 to int64 or uint8, got {samples.dtype}")


def silence_bad_samples(samples: FloatArray) -> tuple[FloatArray, int]:
    """Clip samples to [-1, 1], silence those that are not finite, and return how many were not."""
    finite = np.isfinite(samples)
    if finite.all():
        return np.clip(samples, -1.0, 1.0), 0
    return np.clip(np.where(finite, samples, np.float32(0)), -1.0, 1.0), int(samples.size - np.count_nonzero(finite))
