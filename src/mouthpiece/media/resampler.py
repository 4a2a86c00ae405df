"""Streaming resampling by libswresample: sound of any rate, even a changing one, to one rate and layout."""

from __future__ import annotations

import numpy as np
from av import AudioFrame, AudioResampler

from mouthpiece.media.sound_block import frame_of_samples
from mouthpiece.types import SAMPLE_RATE, FloatArray


class FrameResampler:
    """Frames of any rate and layout, even changing ones, to float32 frames of one; the filter's delay is made up for.

    Where the rate or the layout changes, what the filter still holds comes out first.
    """

    def __init__(self, layout: str, sample_rate: int) -> None:
        self._target = (layout, sample_rate)
        self._source: tuple[int, str] | None = None
        self._resampler: AudioResampler | None = None
        self._position = 0

    def push(self, frame: AudioFrame) -> list[AudioFrame]:
        """Return what is ready after another frame, whose time stamp is set here."""
        ready: list[AudioFrame] = []
        source = (frame.sample_rate, frame.layout.name)
        if self._resampler is None or source != self._source:
            ready = self.finish()
            self._source = source
            self._resampler = AudioResampler("fltp", *self._target)
            self._position = 0
        frame.pts = self._position
        self._position += frame.samples
        return ready + self._resampler.resample(frame)

    def finish(self) -> list[AudioFrame]:
        """Return what the filter still holds."""
        rest = [] if self._resampler is None else self._resampler.resample(None)
        self._resampler = None
        return [frame for frame in rest if frame is not None]


class MonoResampler:
    """Mono samples of any rate, even a changing one, to 16 kHz; those of 16 kHz pass as they are."""

    def __init__(self) -> None:
        self._frames = FrameResampler("mono", SAMPLE_RATE)

    def push(self, mono: FloatArray, sample_rate: int) -> list[FloatArray]:
        """Return what is ready after (n,) float32 more samples."""
        if sample_rate == SAMPLE_RATE:
            return [*self.finish(), mono]
        return _arrays(self._frames.push(frame_of_samples(mono[None], sample_rate))) if len(mono) else []

    def finish(self) -> list[FloatArray]:
        """Return what the filter still holds."""
        return _arrays(self._frames.finish())


def _arrays(frames: list[AudioFrame]) -> list[FloatArray]:
    return [np.asarray(frame.to_ndarray()[0], dtype=np.float32) for frame in frames]
