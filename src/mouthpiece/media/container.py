"""FFmpeg's reading of the bytes: known formats only, that lead to no other file and to no network."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, BinaryIO, NoReturn

import av
import av.error
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from mouthpiece.errors import BrokenMediaError, InputError, UnknownMediaError
from mouthpiece.media.byte_source import READ_BYTES, ByteSource
from mouthpiece.media.info import MAX_PIXELS

DecodeError = (av.error.FFmpegError, ValueError, EOFError, OSError)
"""What decoding damaged data may raise."""
Callback = Callable[[], None]

_FOREIGN_FORMATS = frozenset((
    "adf", "alsa", "applehttp", "avfoundation", "avisynth", "bin", "bktr", "concat", "concatf", "dash", "decklink",
    "dshow", "fbdev", "ffmetadata", "gdigrab", "hls", "idf", "iec61883", "image2", "image2pipe", "imf", "jack",
    "kmsgrab", "lavfi", "libcdio", "libdc1394", "ndi", "openal", "oss", "pulse", "rtp", "rtsp", "sap", "sdp", "sndio",
    "tty", "txd", "vapoursynth", "vfwcap", "video4linux2,v4l2", "webm_dash_manifest", "x11grab", "xbin", "xcbgrab",
))  # fmt: skip
"""Playlists and scripts that open other files or addresses, devices, and demuxers that turn any text into pictures."""

_MEDIA_STARTS: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftyp", "MP4"),
    (4, b"moov", "QuickTime"),
    (4, b"mdat", "QuickTime"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska"),
    (0, b"RIFF", "RIFF"),
    (0, b"OggS", "Ogg"),
    (0, b"fLaC", "FLAC"),
    (0, b"ID3", "MP3"),
    (0, b"\x89PNG", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"GIF8", "GIF"),
    (0, b"\x00\x00\x01\xba", "MPEG"),
    (0, b"FORM", "AIFF"),
    (0, b"FLV", "FLV"),
)
"""(offset, bytes, name): how files begin that certainly are media, to tell damaged from foreign ones."""


class _NamelessReader:
    """A reader without a name, so that FFmpeg can't guess the format from a suffix."""

    def __init__(self, reader: BinaryIO) -> None:
        self.read = reader.read
        self.seek = reader.seek
        self.tell = reader.tell
        self.readable = reader.readable
        self.seekable = reader.seekable


def _refuse_other_files(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    """Refuse to open something else, which some formats ask FFmpeg for."""
    raise PermissionError("the file points at other files")


@lru_cache(maxsize=1)
def _allowed_formats() -> str:
    return ",".join(sorted(av.formats_available - _FOREIGN_FORMATS))


@contextlib.contextmanager
def open_container(data: ByteSource) -> Iterator[InputContainer]:
    """Open the bytes with FFmpeg; closed at the end of the block.

    Raises:
        UnknownMediaError: nothing that FFmpeg can read, or a list of other files.
        BrokenMediaError: it begins like media but its header can't be read.
    """
    with data.open() as reader:
        try:
            container = av.open(
                _NamelessReader(reader),
                "r",
                options={"max_pixels": str(MAX_PIXELS)},
                container_options={"format_whitelist": _allowed_formats(), "protocol_whitelist": "none"},
                metadata_errors="replace",
                buffer_size=READ_BYTES,
                io_open=_refuse_other_files,
            )
        except DecodeError as error:
            raise unreadable(data) from error
        try:
            yield container
        finally:
            container.close()


def unreadable(data: ByteSource) -> InputError:
    """Make the error for bytes that can't be opened: damaged media, or something else altogether."""
    start = data.start(64)
    for offset, magic, kind in _MEDIA_STARTS:
        if start[offset : offset + len(magic)] == magic:
            return BrokenMediaError(
                f"{data.name} begins like {kind} but can't be read: it is damaged or incomplete; get a whole copy"
            )
    return UnknownMediaError(
        f"expected a picture, video or sound, but {data.name} holds nothing of a known kind; "
        "give a file such as JPEG, PNG, MP4, WAV or MP3"
    )


def format_name(container: InputContainer) -> str:
    """Return FFmpeg's name of the container, the first where it has several."""
    return container.format.name.split(",")[0]


def claimed_duration_s(container: InputContainer, stream: Any = None) -> float | None:
    """Return the length that a stream, else its container, claims in its header, seconds; None where neither does."""
    if stream is not None and stream.duration and stream.time_base and stream.duration > 0:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration and container.duration > 0 else None


def picture_streams(container: InputContainer) -> list[VideoStream]:
    """Return the container's moving pictures, without cover art."""
    return [s for s in container.streams.video if not s.disposition & Disposition.attached_pic and s.codec_context]


def _ignore() -> None:
    """Do nothing."""


def read_packets(container: InputContainer, stream: Any, on_break: Callback = _ignore) -> Iterator[Any]:
    """Read a stream's packets up to the end of the file, or to a break in it, for which `on_break` is called."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except DecodeError:
            on_break()
            return
        if packet is None:
            return
        yield packet


def decode_packets(
    container: InputContainer, stream: Any, on_break: Callback = _ignore, on_damage: Callback = _ignore
) -> Iterator[Any]:
    """Decode a stream's frames; `on_damage` is called for every packet that can't be decoded, which is passed over."""
    for packet in read_packets(container, stream, on_break):
        try:
            frames = packet.decode()
        except DecodeError:
            on_damage()
            continue
        yield from frames
