"""Speech from memory: arrays of samples of any type, rate and number of channels."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mouthpiece.errors import InputError, NoSoundError
from mouthpiece.media.mixing import ChannelMeter
from mouthpiece.media.sound_block import SoundBlock, layout_name, numbered_channels, silence_bad_samples, to_float
from mouthpiece.media.speech_source import METER_S, MIN_SAMPLE_RATE, SpeechInfo, SpeechSource, whole_samples
from mouthpiece.notices import notice
from mouthpiece.types import FloatArray

_MAX_SAMPLE_RATE = 768_000
_MAX_CHANNELS = 64


class ArraySpeech(SpeechSource):
    """Speech from memory."""

    def __init__(self, array: NDArray[Any], sample_rate: int, name: str = "the array") -> None:
        """Take an array of samples.

        Args:
            array: (n,), (n, channels) or (channels, n).
            sample_rate: Hz.
            name: what messages call it.

        Raises:
            InputError: a shape, type or rate that is no sound.
            NoSoundError: no samples.
            SpeechTooShortError: less than 20 ms.
        """
        samples, bad = silence_bad_samples(to_float(_channels(array, sample_rate)))
        count, length = samples.shape
        super().__init__(
            SpeechInfo(
                codec="array",
                sample_rate=int(sample_rate),
                channels=count,
                layout=layout_name(f"{count} channels", count),
                duration_s=length / sample_rate,
                container="array",
                name=name,
                warnings=(notice("sound-not-finite-count", count=bad),) if bad else (),
            )
        )
        self._samples = samples
        self._names = ("FC",) if count == 1 else numbered_channels(count)
        self._duration_s = whole_samples(Fraction(length, self.info.sample_rate))
        self.check_length()
        meter = ChannelMeter(self._names)
        meter.push(samples[:, : METER_S * self.info.sample_rate])
        self._weights = {self._names: meter.weights()}

    def blocks(self) -> Iterator[SoundBlock]:
        step = self._info.sample_rate // 4 or 1
        for start in range(0, self._samples.shape[1], step):
            samples = self._samples[:, start : start + step]
            yield SoundBlock(samples, self._info.sample_rate, self._names, self._info.layout)

    def samples(self) -> Iterator[FloatArray]:
        return self._mono(self._weights)


def _channels(array: NDArray[Any], sample_rate: int) -> NDArray[Any]:
    """Check an array of samples and return it as (channels, n)."""
    if not isinstance(sample_rate, int | np.integer) or not MIN_SAMPLE_RATE <= sample_rate <= _MAX_SAMPLE_RATE:
        raise InputError(f"expected a sample rate of {MIN_SAMPLE_RATE} to {_MAX_SAMPLE_RATE} Hz, got {sample_rate!r}")
    if array.ndim not in (1, 2):
        raise InputError(f"expected samples of shape (n,), (n, channels) or (channels, n), got {array.shape}")
    if array.size == 0:
        raise NoSoundError("expected speech, got an array without a single sample")
    channels = array[None] if array.ndim == 1 else (array if array.shape[0] <= array.shape[1] else array.T)
    if len(channels) > _MAX_CHANNELS:
        raise InputError(f"expected at most {_MAX_CHANNELS} channels, got an array of shape {array.shape}")
    return channels
