"""The contract of open speech, whatever it is stored in: 16 kHz mono samples, the sound as stored, or its packets.

The clock starts at the first thing in the file: a sound track that begins later than the picture beside it starts with
silence, so that mouth and sound stay together. The encoder's own lead-in (priming) is skipped, as players do.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from av.audio.stream import AudioStream
from av.packet import Packet

from mouthpiece.errors import SpeechTooShortError
from mouthpiece.media.byte_source import ByteSource, MediaSource
from mouthpiece.media.mixing import mix
from mouthpiece.media.resampler import MonoResampler
from mouthpiece.media.sound_block import SoundBlock
from mouthpiece.notices import Notice
from mouthpiece.types import SAMPLE_RATE, FloatArray

BLOCK = SAMPLE_RATE // 4
"""Samples in a block that `samples` yields: 0.25 s."""
SHORTEST_S = Fraction(1, 50)
"""Less than this is no speech, seconds."""
METER_S = 30
"""Seconds of sounding audio that are metered before the mix of channels is decided."""
MIN_SAMPLE_RATE = 1000
"""Samples a second below which nothing is taken for speech, Hz."""


@dataclass(frozen=True, slots=True)
class SpeechInfo:
    """The properties of speech before it is decoded."""

    codec: str
    """How it is stored: aac, pcm_s16le, array, ..."""
    sample_rate: int
    """Samples a second as stored, Hz."""
    channels: int
    """Channels as stored."""
    layout: str
    """Their names: mono, stereo, 5.1, ..."""
    duration_s: float | None
    """Length that the file claims, seconds; `SpeechSource.duration_s` is the one that was counted."""
    container: str
    """The file's kind: wav, mp4, array, ..."""
    name: str
    """What messages call it."""
    warnings: tuple[Notice, ...] = ()
    """What is unusual about the file and what is done about it, one line each."""


class PacketTrack(ABC):
    """A sound track as stored, to be copied without decoding."""

    codec: str
    """FFmpeg's name of the codec."""

    @abstractmethod
    def open(self) -> Iterator[tuple[AudioStream, Iterator[tuple[Packet[AudioStream], Fraction]]]]:
        """Yield once: the stream as a template, and its packets with their times on the speech's clock, seconds."""


class SpeechSource(MediaSource[SpeechInfo]):
    """Speech, open for reading. A context manager; iterators end with it."""

    def __init__(self, info: SpeechInfo, data: ByteSource | None = None) -> None:
        super().__init__(info, data)
        self._duration_s: Fraction | None = None

    @property
    def duration_s(self) -> Fraction:
        """Length of what really decodes, exact: samples at 16 kHz / 16000. Reads the whole source once, streaming."""
        if self._duration_s is None:
            self._duration_s = whole_samples(sum((block.duration_s for block in self.blocks()), Fraction(0)))
        return self._duration_s

    @abstractmethod
    def blocks(self) -> Iterator[SoundBlock]:
        """Yield the sound as stored, from the clock's 0 on, holes filled with silence."""

    @abstractmethod
    def samples(self) -> Iterator[FloatArray]:
        """Yield (n,) float32 blocks in [-1, 1], mono at 16 kHz, of 0.25 s but for the last; anew at every call."""

    def packet_track(self) -> PacketTrack | None:
        """Return the stored packets, where they can be copied as they are."""
        return None

    def check_length(self) -> None:
        """Refuse speech that is too short.

        Raises:
            SpeechTooShortError: less than 20 ms.
        """
        if self.duration_s < SHORTEST_S:
            raise SpeechTooShortError(
                f"expected at least {float(SHORTEST_S) * 1000:g} ms of speech, {self.info.name} holds "
                f"{float(self.duration_s) * 1000:.1f} ms; give a longer recording"
            )

    def _mono(self, weights: dict[tuple[str, ...], FloatArray]) -> Iterator[FloatArray]:
        """Yield the blocks mixed and resampled, cut into even pieces, of exactly the counted length."""
        resampler = MonoResampler()
        pending: list[FloatArray] = []
        held = 0
        total = Fraction(0)
        given = 0
        for block in self.blocks():
            total += block.duration_s
            for piece in resampler.push(mix(block.samples, block.names, weights), block.sample_rate):
                pending.append(piece)
                held += len(piece)
            while held > BLOCK:
                joined = np.concatenate(pending)
                yield np.clip(joined[:BLOCK], -1.0, 1.0)
                given += BLOCK
                pending, held = [joined[BLOCK:]], held - BLOCK
        self._duration_s = whole_samples(total)
        rest = np.concatenate([*pending, *resampler.finish(), np.zeros(0, np.float32)])
        rest = _of_length(rest, int(self._duration_s * SAMPLE_RATE) - given)
        for start in range(0, len(rest), BLOCK):
            yield np.clip(rest[start : start + BLOCK], -1.0, 1.0)


def whole_samples(duration_s: Fraction) -> Fraction:
    """Round a length to whole samples at 16 kHz, seconds."""
    return Fraction(round(duration_s * SAMPLE_RATE), SAMPLE_RATE)


def _of_length(samples: FloatArray, length: int) -> FloatArray:
    """Cut samples, or fill them with silence: a resampler may be a sample off."""
    if len(samples) >= length:
        return samples[: max(length, 0)]
    return np.concatenate([samples, np.zeros(length - len(samples), np.float32)])
