"""Speech, whatever it is stored in: `open_speech` gives a `SpeechSource` that streams 16 kHz mono samples.

The clock starts at the first thing in the file: a sound track that begins later than the picture beside it starts with
silence, so that mouth and sound stay together. The encoder's own lead-in (priming) is skipped, as players do.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO

import av
import numpy as np
from av import AudioFrame, AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from numpy.typing import NDArray

from mouthpiece.errors import BrokenMediaError, InputError, NoSoundError, SpeechTooShortError
from mouthpiece.media.container import ByteSource, open_container
from mouthpiece.media.container import open_store as _open_store
from mouthpiece.media.lifetime import OpenSource
from mouthpiece.media.mixing import ChannelMeter, mixed
from mouthpiece.media.video import DecodeError, picture_streams
from mouthpiece.notices import Notice, notice
from mouthpiece.types import SAMPLE_RATE, FloatArray, Waveform

SpeechInput = str | os.PathLike[str] | BinaryIO | Waveform | NDArray[Any] | tuple[NDArray[Any], int]
"""A path, a binary file object, a `Waveform`, an array of samples at 16 kHz, or (array, sample rate in Hz).
Arrays are (n,), (n, channels) or (channels, n), floats in [-1, 1] or integers of any width."""

BLOCK = SAMPLE_RATE // 4
"""Samples in a block that `samples` yields: 0.25 s."""
SHORTEST_S = Fraction(1, 50)
"""Less than this is no speech, seconds."""
_METER_S = 30
"""Seconds of sounding audio heard before the mix of channels is decided."""
_GAP_S = Fraction(1, 10)
"""A hole in the time stamps longer than this is filled with silence."""
_LONGEST_GAP_S = 60
"""A longer hole, or one backwards, is a broken clock: the sound just goes on."""
_LONGEST_LEAD_S = 3600
_AUDIBLE = 1e-4
"""Samples above this (-80 dB) count as sound for the meter."""


MIN_SAMPLE_RATE = 1000
"""Samples a second below which nothing is taken for speech, Hz."""


@dataclass(frozen=True, slots=True)
class SpeechInfo:
    """What is known of the speech before it is played."""

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
    """What to call it in messages."""
    warnings: tuple[Notice, ...] = ()
    """What was found odd and what is done about it, one line each."""


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of sound as stored: all channels, own rate."""

    samples: FloatArray
    """(channels, n) float32 in [-1, 1], finite."""
    sample_rate: int
    """Hz."""
    names: tuple[str, ...]
    """Channel names: FL, FR, FC, LFE, ...; as many as channels."""
    layout: str
    """FFmpeg's name of the layout."""


class PacketTrack(ABC):
    """A sound track as stored, to be copied without decoding."""

    codec: str
    """FFmpeg's name of the codec."""

    @abstractmethod
    def open(self) -> Iterator[tuple[AudioStream, Iterator[tuple[Packet[AudioStream], Fraction]]]]:
        """Once: the stream to take as a template and its packets with their times on the speech's clock, seconds."""


class SpeechSource(OpenSource[SpeechInfo]):
    """Speech, open for reading. A context manager; iterators end with it."""

    def __init__(self, info: SpeechInfo) -> None:
        super().__init__(info)
        self._duration_s: Fraction | None = None

    @property
    def duration_s(self) -> Fraction:
        """Length of what really decodes, exact: samples at 16 kHz / 16000. Reads the whole source once, streaming."""
        if self._duration_s is None:
            self._duration_s = _counted(sum((_length(block) for block in self.blocks()), Fraction(0)))
        return self._duration_s

    @abstractmethod
    def blocks(self) -> Iterator[Block]:
        """The sound as stored, from the clock's 0 on, holes filled with silence."""

    @abstractmethod
    def samples(self) -> Iterator[FloatArray]:
        """(n,) float32 blocks in [-1, 1], mono at 16 kHz, of 0.25 s but for the last. Starts anew at every call."""

    def packet_track(self) -> PacketTrack | None:
        """The stored packets, where they can be copied as they are."""
        return None

    def _mono(self, weights: dict[tuple[str, ...], FloatArray]) -> Iterator[FloatArray]:
        """The blocks mixed and resampled, cut into even pieces, of exactly the counted length."""
        resampler = MonoResampler()
        pending: list[FloatArray] = []
        held = 0
        total = Fraction(0)
        given = 0
        for block in self.blocks():
            total += _length(block)
            for piece in resampler.push(mixed(block.samples, block.names, weights), block.sample_rate):
                pending.append(piece)
                held += len(piece)
            while held > BLOCK:
                joined = np.concatenate(pending)
                yield np.clip(joined[:BLOCK], -1.0, 1.0)
                given += BLOCK
                pending, held = [joined[BLOCK:]], held - BLOCK
        self._duration_s = _counted(total)
        rest = np.concatenate([*pending, *resampler.finish(), np.zeros(0, np.float32)])
        yield from _in_blocks(_fitted(rest, int(self._duration_s * SAMPLE_RATE) - given))


def _length(block: Block) -> Fraction:
    return Fraction(block.samples.shape[1], block.sample_rate)


def _counted(seconds: Fraction) -> Fraction:
    """Whole samples at 16 kHz."""
    return Fraction(round(seconds * SAMPLE_RATE), SAMPLE_RATE)


def _fitted(samples: FloatArray, length: int) -> FloatArray:
    """Cut or filled with silence: a resampler may be a sample off."""
    if len(samples) >= length:
        return samples[: max(length, 0)]
    return np.concatenate([samples, np.zeros(length - len(samples), np.float32)])


def _in_blocks(samples: FloatArray) -> Iterator[FloatArray]:
    for start in range(0, len(samples), BLOCK):
        yield np.clip(samples[start : start + BLOCK], -1.0, 1.0)


class MonoResampler:
    """Mono of any rate, even a changing one, to 16 kHz by libswresample; the filter's delay is made up for."""

    def __init__(self) -> None:
        self._rate = 0
        self._resampler: AudioResampler | None = None
        self._position = 0

    def push(self, mono: FloatArray, rate: int) -> list[FloatArray]:
        """What is ready after more samples."""
        ready: list[FloatArray] = []
        if rate != self._rate:
            ready = self.finish()
            self._rate = rate
            self._resampler = None if rate == SAMPLE_RATE else AudioResampler("fltp", "mono", SAMPLE_RATE)
            self._position = 0
        if self._resampler is None:
            return [*ready, mono]
        if len(mono) == 0:
            return ready
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(mono[None]), "fltp", "mono")
        frame.sample_rate = rate
        frame.time_base = Fraction(1, rate)
        frame.pts = self._position
        self._position += len(mono)
        return ready + _arrays(self._resampler.resample(frame))

    def finish(self) -> list[FloatArray]:
        """What the filter still held."""
        if self._resampler is None:
            return []
        rest = _arrays(self._resampler.resample(None))
        self._resampler, self._rate = None, 0
        return rest


def _arrays(frames: list[AudioFrame]) -> list[FloatArray]:
    return [np.asarray(frame.to_ndarray()[0], dtype=np.float32) for frame in frames]


# --- arrays ---------------------------------------------------------------------------------------------------------


class _ArraySpeech(SpeechSource):
    """Speech from memory."""

    def __init__(self, samples: FloatArray, sample_rate: int, warnings: tuple[Notice, ...]) -> None:
        names = ("FC",) if len(samples) == 1 else tuple(f"C{i}" for i in range(len(samples)))
        layout = {1: "mono", 2: "stereo"}.get(len(samples), f"{len(samples)} channels")
        super().__init__(
            SpeechInfo(
                codec="array",
                sample_rate=sample_rate,
                channels=len(samples),
                layout=layout,
                duration_s=samples.shape[1] / sample_rate,
                container="array",
                name="the array",
                warnings=warnings,
            )
        )
        self._samples = samples
        self._names = names
        self._duration_s = _counted(Fraction(samples.shape[1], sample_rate))
        meter = ChannelMeter(names)
        meter.push(samples[:, : _METER_S * sample_rate])
        self._weights = {names: meter.weights()}

    def blocks(self) -> Iterator[Block]:
        step = self._info.sample_rate // 4 or 1
        for start in range(0, self._samples.shape[1], step):
            yield Block(self._samples[:, start : start + step], self._info.sample_rate, self._names, self._info.layout)

    def samples(self) -> Iterator[FloatArray]:
        return self._mono(self._weights)


def _open_array(array: NDArray[Any], sample_rate: int) -> SpeechSource:
    """Raises InputError for shapes, types and rates that are no sound, NoSoundError for no samples."""
    if not isinstance(sample_rate, int | np.integer) or not MIN_SAMPLE_RATE <= sample_rate <= 768_000:
        raise InputError(f"expected a sample rate of {MIN_SAMPLE_RATE} to 768000 Hz, got {sample_rate!r}")
    if array.ndim not in (1, 2):
        raise InputError(f"expected samples of shape (n,), (n, channels) or (channels, n), got {array.shape}")
    if array.size == 0:
        raise NoSoundError("expected speech, got an array without a single sample")
    channels = array[None] if array.ndim == 1 else (array if array.shape[0] <= array.shape[1] else array.T)
    if len(channels) > 64:
        raise InputError(f"expected at most 64 channels, got an array of shape {array.shape}")
    values, bad = _clean(_to_float(channels))
    warnings = (_bad_samples(bad),) if bad else ()
    return _long_enough(_ArraySpeech(values, int(sample_rate), warnings))


def _to_float(samples: NDArray[Any]) -> FloatArray:
    """float32 of any sample type; integers by their full range.

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


def _clean(samples: FloatArray) -> tuple[FloatArray, int]:
    """Samples in [-1, 1] with silence where they were not finite, and how many were not."""
    finite = np.isfinite(samples)
    if finite.all():
        return np.clip(samples, -1.0, 1.0), 0
    return np.clip(np.where(finite, samples, np.float32(0)), -1.0, 1.0), int(samples.size - np.count_nonzero(finite))


def _bad_samples(count: int) -> Notice:
    return notice("sound-not-finite-count", count=count)


def _long_enough(source: SpeechSource) -> SpeechSource:
    if source.duration_s < SHORTEST_S:
        source.close()
        raise SpeechTooShortError(
            f"expected at least {float(SHORTEST_S) * 1000:g} ms of speech, {source.info.name} holds "
            f"{float(source.duration_s) * 1000:.1f} ms; give a longer recording"
        )
    return source


# --- files ----------------------------------------------------------------------------------------------------------


class _MediaSpeech(SpeechSource):
    """The first sound track of a file."""

    def __init__(self, store: ByteSource) -> None:
        self._store = store
        self._zero: Fraction | None = None
        self.continuous = True
        """Whether the packets' own times can be kept; False once a broken clock was found."""
        self._bad = 0
        with open_container(store) as container:
            streams = _sound_streams(container)
            if not streams:
                raise NoSoundError(f"expected speech, but {store.name} has no sound track; give another file")
            self._index = streams[0].index
            odd = (notice("several-sounds"),) if len(streams) > 1 else ()
            info = _speech_info(container, streams[0], store, odd)
        super().__init__(info)
        self._weights = self._listen()

    def _listen(self) -> dict[tuple[str, ...], FloatArray]:
        """Hear enough to decide how channels are mixed.

        Raises:
            NoSoundError: there is not a single sample.
            BrokenMediaError: there is none because all is damaged.
        """
        meters: dict[tuple[str, ...], ChannelMeter] = {}
        sounding = Fraction(0)
        total = Fraction(0)
        with closing(self._heard()) as blocks:
            for block in blocks:
                total += _length(block)
                meters.setdefault(block.names, ChannelMeter(block.names)).push(block.samples)
                if np.abs(block.samples).max(initial=0.0) > _AUDIBLE:
                    sounding += _length(block)
                if sounding > _METER_S:
                    break
            else:
                self._duration_s = _counted(total)
        if total == 0 and notice("sound-damaged") in self._late_warnings:
            raise BrokenMediaError(f"{self._store.name}: none of its sound can be decoded; get a whole copy")
        if total == 0:
            raise NoSoundError(f"expected speech, but {self._store.name} holds not a single sample of sound")
        return {names: meter.weights() for names, meter in meters.items()}

    def blocks(self) -> Iterator[Block]:
        return self._heard()

    def samples(self) -> Iterator[FloatArray]:
        return self._mono(self._weights)

    def packet_track(self) -> PacketTrack | None:
        if not self.continuous or self._zero is None:
            return None
        return _StoredTrack(self._store, self._index, self._zero, self._info.codec)

    def close(self) -> None:
        self._store.close()

    def _heard(self) -> Generator[Block]:
        """Decoded blocks on the clock that starts at 0."""
        position = Fraction(0)
        zero = self._zero
        with open_container(self._store) as container:
            stream = container.streams[self._index]
            assert isinstance(stream, AudioStream)
            for frame in self._decoded(container, stream):
                block, bad = _block_of(frame)
                if bad:
                    self._bad = max(self._bad, bad)
                    self._warn(notice("sound-not-finite"))
                if frame.pts is not None and frame.time_base is not None:
                    time_s = frame.pts * frame.time_base
                    if zero is None:
                        zero = self._zero = _clock_zero(container, time_s)
                    gap = time_s - zero - position
                    if self._is_hole(gap, lead=position == 0):
                        silence = _silence_before(block, gap)
                        position += _length(silence)
                        yield silence
                    elif abs(gap) > _GAP_S:
                        self._warn(notice("broken-sound-times"))
                        self.continuous = False
                        zero += gap
                position += _length(block)
                yield block
        if self._zero is None:
            self._zero = Fraction(0)

    @staticmethod
    def _is_hole(gap: Fraction, *, lead: bool) -> bool:
        return Fraction(0) < gap <= _LONGEST_LEAD_S if lead else _GAP_S < gap <= _LONGEST_GAP_S

    def _decoded(self, container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except DecodeError:
                self._warn(notice("sound-cut-off"))
                packet = None
            if packet is None:
                return
            try:
                frames = packet.decode()
            except DecodeError:
                self._warn(notice("sound-damaged"))
                continue
            yield from frames


class _StoredTrack(PacketTrack):
    """The packets of a file's sound track."""

    def __init__(self, store: ByteSource, index: int, zero: Fraction, codec: str) -> None:
        self._store = store
        self._index = index
        self._zero = zero
        self.codec = codec

    def open(self) -> Iterator[tuple[AudioStream, Iterator[tuple[Packet[AudioStream], Fraction]]]]:
        with open_container(self._store) as container:
            stream = container.streams[self._index]
            assert isinstance(stream, AudioStream)
            yield stream, self._packets(container, stream)

    def _packets(
        self, container: InputContainer, stream: AudioStream
    ) -> Iterator[tuple[Packet[AudioStream], Fraction]]:
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except DecodeError:
                return
            if packet is None:
                return
            time = packet.pts if packet.pts is not None else packet.dts
            if time is not None and packet.size:
                yield packet, time * packet.time_base - self._zero


def _sound_streams(container: InputContainer) -> list[AudioStream]:
    # A header that claims a few samples a second would make hours of speech out of a moment.
    contexts = ((s, s.codec_context) for s in container.streams.audio)
    return [s for s, context in contexts if context is not None and context.sample_rate >= MIN_SAMPLE_RATE]


def _speech_info(
    container: InputContainer, stream: AudioStream, store: ByteSource, odd: tuple[Notice, ...]
) -> SpeechInfo:
    duration_s = None
    if stream.duration and stream.time_base and stream.duration > 0:
        duration_s = float(stream.duration * stream.time_base)
    elif container.duration and container.duration > 0:
        duration_s = container.duration / av.time_base
    context = stream.codec_context
    return SpeechInfo(
        codec=context.codec.canonical_name,
        sample_rate=context.sample_rate,
        channels=context.channels,
        layout=layout_name(context.layout.name, context.channels),
        duration_s=duration_s,
        container=container.format.name.split(",")[0],
        name=store.name,
        warnings=odd,
    )


def layout_name(name: str, channels: int) -> str:
    """FFmpeg's name; files that name no layout get the obvious one."""
    return {1: "mono", 2: "stereo"}.get(channels, name)


def _clock_zero(container: InputContainer, first_sound_s: Fraction) -> Fraction:
    """When the file starts: with its picture or its sound, whichever is first."""
    starts = [
        stream.start_time * stream.time_base
        for stream in picture_streams(container)
        if stream.start_time is not None and stream.time_base is not None
    ]
    earliest = min([first_sound_s, *starts])
    return earliest if first_sound_s - earliest <= _LONGEST_LEAD_S else first_sound_s


def _silence_before(block: Block, gap: Fraction) -> Block:
    count = round(gap * block.sample_rate)
    return Block(np.zeros((block.samples.shape[0], count), np.float32), block.sample_rate, block.names, block.layout)


def _block_of(frame: AudioFrame) -> tuple[Block, int]:
    """A decoded frame as float channels, and how many of its samples were not finite."""
    layout = frame.layout
    count = layout.nb_channels
    if frame.format.name.startswith(("s64",)):
        frame = AudioResampler("dblp", layout, frame.sample_rate).resample(frame)[0]
    values = _to_float(frame.to_ndarray())
    if not frame.format.is_planar:
        values = values.reshape(-1, count).T
    clean, bad = _clean(values)
    names = tuple(channel.name for channel in layout.channels)
    if len(names) != count:
        names = tuple(f"C{i}" for i in range(count))
    return Block(clean, frame.sample_rate, names, layout.name), bad


def open_speech(source: SpeechInput) -> SpeechSource:
    """Open speech; what it is, is told by its content and never by its name.

    Raises:
        InputError: no such file, or an array that is no sound.
        NotMediaError: nothing that can be read.
        NoSoundError: no sound track, or not a single sample in it.
        BrokenMediaError: damaged so that nothing decodes.
        SpeechTooShortError: less than 20 ms.
    """
    if isinstance(source, Waveform):
        return _open_array(np.asarray(source.samples), source.sample_rate)
    if isinstance(source, tuple):
        return _open_array(np.asarray(source[0]), source[1])
    if isinstance(source, np.ndarray):
        return _open_array(source, SAMPLE_RATE)
    store = _open_store(source)
    try:
        opened = _MediaSpeech(store)
        if opened._duration_s is not None:
            _long_enough(opened)
    except BaseException:
        store.close()
        raise
    return opened
