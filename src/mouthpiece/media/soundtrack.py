"""The output's sound: the user's own packets where the container can hold them, else encoded anew."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from av import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet

from mouthpiece.media.resampler import FrameResampler
from mouthpiece.media.sound_block import frame_of_block, frame_of_samples
from mouthpiece.media.speech_source import PacketTrack, SpeechSource

AnyPacket: TypeAlias = "Packet[Any]"
Mux: TypeAlias = "Callable[[AnyPacket | list[AnyPacket]], None]"
"""Hands packets to the container."""

_PCM = frozenset({"pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le"})
COPIED_CODECS: dict[str, frozenset[str]] = {
    # What common players open, not all that the container could carry: browsers stay mute on AC-3 or Opus in MP4.
    "mp4": frozenset({"aac", "mp3"}),
    "mov": frozenset({"aac", "mp3", "alac", "ac3", "pcm_s16le", "pcm_s24le"}),
    "matroska": _PCM | {"aac", "mp3", "mp2", "ac3", "eac3", "opus", "vorbis", "flac", "alac", "dts", "truehd"},
    "webm": frozenset({"opus", "vorbis"}),
}
"""Container -> codecs whose packets are copied."""
_LEAST_MP3_RATE_IN_MP4 = 16_000
"""Hz. Telephone recordings often have less; the MP4 standard, and FFmpeg with it, refuses them."""

_ENCODERS = {"webm": "libopus"}
_AAC_RATES = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)
_OPUS_RATES = (48_000, 24_000, 16_000, 12_000, 8_000)
_BIT_RATE_PER_CHANNEL = {"aac": 128_000, "libopus": 80_000}
"""Bits a second, generous for speech."""


class SoundTrack(ABC):
    """A track that is written along with the picture."""

    @abstractmethod
    def advance(self, time_s: Fraction) -> None:
        """Write everything that starts before `time_s`."""

    @abstractmethod
    def finish(self, end_s: Fraction) -> None:
        """Write the rest, up to `end_s`."""

    @abstractmethod
    def close(self) -> None:
        """Release the source."""


def add_sound(container: OutputContainer, speech: SpeechSource, duration_s: Fraction, mux: Mux) -> SoundTrack:
    """Add a sound track to the container, which must not have been started: copied if it can be, else encoded."""
    kind = container.format.name
    track = speech.packet_track()
    if track is not None and _is_copied(track.codec, speech.info.sample_rate, kind):
        return _CopiedSound(container, track, duration_s, mux)
    return _EncodedSound(container, speech, duration_s, mux, _ENCODERS.get(kind, "aac"))


def _is_copied(codec: str, sample_rate: int, kind: str) -> bool:
    """Decide whether sound of a codec and rate (Hz) goes into a kind of container as it is."""
    if codec == "mp3" and kind == "mp4" and sample_rate < _LEAST_MP3_RATE_IN_MP4:
        return False
    return codec in COPIED_CODECS.get(kind, frozenset())


class _CopiedSound(SoundTrack):
    """The user's packets with their times moved to the output's clock."""

    def __init__(self, container: OutputContainer, track: PacketTrack, duration_s: Fraction, mux: Mux) -> None:
        self._opened = track.open()
        template, self._packets = next(self._opened)
        self._stream: AudioStream = container.add_stream_from_template(template)
        self._end = duration_s
        self._mux = mux
        self._waiting: tuple[Packet[AudioStream], Fraction] | None = None
        self._latest_dts: int | None = None

    def advance(self, time_s: Fraction) -> None:
        while True:
            entry = self._waiting or next(self._packets, None)
            self._waiting = None
            if entry is None or entry[1] >= self._end:
                self._packets = iter(())
                return
            if entry[1] >= time_s:
                self._waiting = entry
                return
            self._write(*entry)

    def _write(self, packet: Packet[AudioStream], time_s: Fraction) -> None:
        shift = packet.dts - packet.pts if packet.dts is not None and packet.pts is not None else 0
        packet.pts = round(time_s / packet.time_base)
        packet.dts = packet.pts + shift
        if self._latest_dts is not None and packet.dts <= self._latest_dts:
            return  # a container accepts no time twice
        self._latest_dts = packet.dts
        packet.stream = self._stream
        self._mux(packet)

    def finish(self, end_s: Fraction) -> None:
        self.advance(min(end_s, self._end))

    def close(self) -> None:
        if isinstance(self._opened, Generator):
            self._opened.close()


class _EncodedSound(SoundTrack):
    """The speech in its own rate, mono or stereo, encoded."""

    def __init__(
        self, container: OutputContainer, speech: SpeechSource, duration_s: Fraction, mux: Mux, codec: str
    ) -> None:
        channels = min(speech.info.channels, 2)
        layout = "mono" if channels == 1 else "stereo"
        self._rate = _encoder_rate(codec, speech.info.sample_rate)
        stream = container.add_stream(codec, rate=self._rate)
        assert isinstance(stream, AudioStream)
        self._stream = stream
        context = stream.codec_context
        context.layout = layout
        context.bit_rate = _BIT_RATE_PER_CHANNEL[codec] * channels
        self._mux = mux
        self._samples_left = round(duration_s * self._rate)
        self._position = 0
        self._blocks = speech.blocks()
        self._resampler = FrameResampler(layout, self._rate)
        self._frames: Iterator[AudioFrame] = self._all_frames()

    def _all_frames(self) -> Iterator[AudioFrame]:
        for block in self._blocks:
            yield from self._resampler.push(frame_of_block(block))
        yield from self._resampler.finish()

    def advance(self, time_s: Fraction) -> None:
        while self._samples_left > 0 and Fraction(self._position, self._rate) < time_s:
            frame = next(self._frames, None)
            if frame is None:
                self._samples_left = 0
                return
            self._encode(frame)

    def _encode(self, frame: AudioFrame) -> None:
        if frame.samples > self._samples_left:
            kept = np.asarray(frame.to_ndarray()[:, : self._samples_left], dtype=np.float32)
            frame = frame_of_samples(kept, frame.sample_rate, frame.layout.name)
        self._samples_left -= frame.samples
        frame.pts = self._position
        frame.time_base = Fraction(1, self._rate)
        self._position += frame.samples
        self._mux(list(self._stream.encode(frame)))

    def finish(self, end_s: Fraction) -> None:
        self._samples_left = min(self._samples_left, max(0, round(end_s * self._rate) - self._position))
        self.advance(end_s + 1)
        self._mux(list(self._stream.encode(None)))

    def close(self) -> None:
        if isinstance(self._blocks, Generator):
            self._blocks.close()


def _encoder_rate(codec: str, rate: int) -> int:
    """Return the lowest rate that the encoder takes and that loses nothing, Hz."""
    rates = _OPUS_RATES if codec == "libopus" else _AAC_RATES
    return min((each for each in rates if each >= rate), default=rates[0])
