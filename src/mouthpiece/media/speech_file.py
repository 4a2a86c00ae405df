"""Speech from a file: the first sound track of any container that FFmpeg reads."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from fractions import Fraction

import numpy as np
from av import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet

from mouthpiece.errors import BrokenMediaError, NoSoundError
from mouthpiece.media.byte_source import ByteSource
from mouthpiece.media.container import (
    claimed_duration_s,
    decode_packets,
    format_name,
    open_container,
    picture_streams,
    read_packets,
)
from mouthpiece.media.mixing import ChannelMeter
from mouthpiece.media.sound_block import SoundBlock, block_of_frame, layout_name
from mouthpiece.media.speech_source import (
    METER_S,
    MIN_SAMPLE_RATE,
    PacketTrack,
    SpeechInfo,
    SpeechSource,
    whole_samples,
)
from mouthpiece.notices import notice
from mouthpiece.types import FloatArray

_GAP_S = Fraction(1, 10)
"""A hole in the time stamps longer than this is filled with silence."""
_LONGEST_GAP_S = 60
"""A longer hole, or one backwards, is a broken clock: the sound just goes on."""
_LONGEST_LEAD_S = 3600
_AUDIBLE = 1e-4
"""Samples above this (-80 dB) count as sound for the meter."""
_DAMAGED = notice("sound-damaged")


class SpeechFile(SpeechSource):
    """The first sound track of a file."""

    def __init__(self, data: ByteSource) -> None:
        """Open the track and decode enough of it to decide how its channels are mixed.

        Raises:
            NotMediaError: nothing that can be read.
            NoSoundError: no sound track, or not a single sample in it.
            BrokenMediaError: damaged so that nothing decodes.
            SpeechTooShortError: less than 20 ms.
        """
        with open_container(data) as container:
            streams = _sound_streams(container)
            if not streams:
                raise NoSoundError(f"expected speech, but {data.name} has no sound track; give another file")
            self._index = streams[0].index
            info = _info(container, streams[0], data.name, several=len(streams) > 1)
        super().__init__(info, data)
        self._zero: Fraction | None = None
        self._continuous = True
        """Whether the packets' own times can be kept; False once a broken clock was found."""
        self._weights = self._meter_channels()
        if self._duration_s is not None:
            self.check_length()

    def _meter_channels(self) -> dict[tuple[str, ...], FloatArray]:
        meters: dict[tuple[str, ...], ChannelMeter] = {}
        sounding = Fraction(0)
        total = Fraction(0)
        with closing(self.blocks()) as blocks:
            for block in blocks:
                total += block.duration_s
                meters.setdefault(block.names, ChannelMeter(block.names)).push(block.samples)
                if np.abs(block.samples).max(initial=0.0) > _AUDIBLE:
                    sounding += block.duration_s
                if sounding > METER_S:
                    break
            else:
                self._duration_s = whole_samples(total)
        if total == 0 and _DAMAGED in self.warnings:
            raise BrokenMediaError(f"{self.info.name}: none of its sound can be decoded; get a whole copy")
        if total == 0:
            raise NoSoundError(f"expected speech, but {self.info.name} holds not a single sample of sound")
        return {names: meter.weights() for names, meter in meters.items()}

    def samples(self) -> Iterator[FloatArray]:
        return self._mono(self._weights)

    def packet_track(self) -> PacketTrack | None:
        if not self._continuous or self._zero is None or self._data is None:
            return None
        return _StoredTrack(self._data, self._index, self._zero, self._info.codec)

    def blocks(self) -> Generator[SoundBlock]:
        assert self._data is not None
        position = Fraction(0)
        zero = self._zero
        with open_container(self._data) as container:
            for frame in self._decode(container):
                block, bad = block_of_frame(frame)
                if bad:
                    self._warn(notice("sound-not-finite"))
                if frame.pts is not None and frame.time_base is not None:
                    time_s = frame.pts * frame.time_base
                    if zero is None:
                        zero = self._zero = _clock_zero(container, time_s)
                    gap = time_s - zero - position
                    if _is_hole(gap, lead=position == 0):
                        silence = block.silence(gap)
                        position += silence.duration_s
                        yield silence
                    elif abs(gap) > _GAP_S:
                        self._warn(notice("broken-sound-times"))
                        self._continuous = False
                        zero += gap
                position += block.duration_s
                yield block
        if self._zero is None:
            self._zero = Fraction(0)

    def _decode(self, container: InputContainer) -> Iterator[AudioFrame]:
        return decode_packets(
            container,
            container.streams[self._index],
            on_break=lambda: self._warn(notice("sound-cut-off")),
            on_damage=lambda: self._warn(_DAMAGED),
        )


class _StoredTrack(PacketTrack):
    """The packets of a file's sound track."""

    def __init__(self, data: ByteSource, index: int, zero: Fraction, codec: str) -> None:
        self._data = data
        self._index = index
        self._zero = zero
        self.codec = codec

    def open(self) -> Iterator[tuple[AudioStream, Iterator[tuple[Packet[AudioStream], Fraction]]]]:
        with open_container(self._data) as container:
            stream = container.streams[self._index]
            assert isinstance(stream, AudioStream)
            yield stream, self._packets(container, stream)

    def _packets(
        self, container: InputContainer, stream: AudioStream
    ) -> Iterator[tuple[Packet[AudioStream], Fraction]]:
        for packet in read_packets(container, stream):
            time = packet.pts if packet.pts is not None else packet.dts
            if time is not None and packet.size:
                yield packet, time * packet.time_base - self._zero


def _sound_streams(container: InputContainer) -> list[AudioStream]:
    # A header that claims a few samples a second would make hours of speech out of a moment.
    contexts = ((s, s.codec_context) for s in container.streams.audio)
    return [s for s, context in contexts if context is not None and context.sample_rate >= MIN_SAMPLE_RATE]


def _info(container: InputContainer, stream: AudioStream, name: str, *, several: bool) -> SpeechInfo:
    context = stream.codec_context
    return SpeechInfo(
        codec=context.codec.canonical_name,
        sample_rate=context.sample_rate,
        channels=context.channels,
        layout=layout_name(context.layout.name, context.channels),
        duration_s=claimed_duration_s(container, stream),
        container=format_name(container),
        name=name,
        warnings=(notice("several-sounds"),) if several else (),
    )


def _is_hole(gap: Fraction, *, lead: bool) -> bool:
    return Fraction(0) < gap <= _LONGEST_LEAD_S if lead else _GAP_S < gap <= _LONGEST_GAP_S


def _clock_zero(container: InputContainer, first_sound_s: Fraction) -> Fraction:
    """Return when the file starts: with its picture or its sound, whichever is first."""
    starts = [
        stream.start_time * stream.time_base
        for stream in picture_streams(container)
        if stream.start_time is not None and stream.time_base is not None
    ]
    earliest = min([first_sound_s, *starts])
    return earliest if first_sound_s - earliest <= _LONGEST_LEAD_S else first_sound_s
