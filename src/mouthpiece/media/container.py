"""Opening what the user gave: plain bytes, known by their content, that lead to no other file and to no network."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import stat
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NoReturn

import av
import av.error
from av.container import InputContainer

from mouthpiece.errors import BrokenMediaError, InputError, MouthpieceError, NotMediaError

MAX_PIXELS = 2**26
"""Pixels of the largest picture that is opened: 64 megapixels."""

_READ_BYTES = 1 << 16
"""Bytes that FFmpeg asks for at a time."""

_FOREIGN_FORMATS = frozenset(
    # Playlists and scripts that open other files or addresses, devices, and demuxers that turn any text into pictures.
    (
        "adf",
        "alsa",
        "applehttp",
        "avfoundation",
        "avisynth",
        "bin",
        "bktr",
        "concat",
        "concatf",
        "dash",
        "decklink",
        "dshow",
        "fbdev",
        "ffmetadata",
        "gdigrab",
        "hls",
        "idf",
        "iec61883",
        "image2",
        "image2pipe",
        "imf",
        "jack",
        "kmsgrab",
        "lavfi",
        "libcdio",
        "libdc1394",
        "ndi",
        "openal",
        "oss",
        "pulse",
        "rtp",
        "rtsp",
        "sap",
        "sdp",
        "sndio",
        "tty",
        "txd",
        "vapoursynth",
        "vfwcap",
        "video4linux2,v4l2",
        "webm_dash_manifest",
        "x11grab",
        "xbin",
        "xcbgrab",
    )
)

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


class ByteSource(ABC):
    """Bytes that can be read several times at once, each reader with a position of its own."""

    name: str
    """What to call it in messages: the file's name, or `<file object>`."""
    path: Path | None = None
    """Where it lies, when it is a file of its own."""

    @abstractmethod
    def open(self) -> BinaryIO:
        """A new reader at the first byte."""

    @abstractmethod
    def close(self) -> None:
        """Give back what the store holds; a file object of the caller's stays open."""

    def start(self, count: int) -> bytes:
        """The first `count` bytes, fewer when there are no more."""
        with self.open() as reader:
            return reader.read(count)


class _PathStore(ByteSource):
    """A file on disk, opened anew by every reader."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name

    def open(self) -> BinaryIO:
        assert self.path is not None
        try:
            return self.path.open("rb")
        except OSError as error:
            raise InputError(f"{self.name} can't be read: {error.strerror}; check its permissions") from error

    def close(self) -> None:
        """Nothing is held."""


class _SharedCursor(io.RawIOBase):
    """A reader of a file object that others read too: it seeks before every read."""

    def __init__(self, file: BinaryIO, lock: threading.Lock) -> None:
        super().__init__()
        self._file = file
        self._lock = lock
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_SET:
            self._position = offset
        elif whence == os.SEEK_CUR:
            self._position += offset
        else:
            with self._lock:
                self._position = self._file.seek(offset, os.SEEK_END)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        with self._lock:
            self._file.seek(self._position)
            data = self._file.read(len(view))
        view[: len(data)] = data
        self._position += len(data)
        return len(data)


class _FileStore(ByteSource):
    """A seekable file object, the caller's or our own temporary one."""

    def __init__(self, file: BinaryIO, *, own: bool) -> None:
        self.name = "<file object>"
        self._file = file
        self._own = own
        self._lock = threading.Lock()

    def open(self) -> BinaryIO:
        return io.BufferedReader(_SharedCursor(self._file, self._lock), _READ_BYTES)

    def close(self) -> None:
        if self._own:
            self._file.close()


def open_store(source: str | os.PathLike[str] | BinaryIO) -> ByteSource:
    """Bytes to read from a path or a binary file object (read from its beginning, whatever its position).

    What can't seek (a pipe) is first copied to an unnamed temporary file. Names are file names and nothing else:
    `http://...`, `concat:...` and `-` are looked for on disk.

    Raises:
        InputError: no such file, a folder, or not a file at all.
        NotMediaError: it is empty.
    """
    store = _store_of(source)
    try:
        if not store.start(1):
            raise NotMediaError(f"expected a picture, video or sound, but {store.name} is empty")
    except BaseException:
        store.close()
        raise
    return store


def _store_of(source: str | os.PathLike[str] | BinaryIO) -> ByteSource:
    if isinstance(source, str | os.PathLike):
        return _path_store(Path(os.fsdecode(source)))
    if not hasattr(source, "read"):
        raise InputError(f"expected a path, a binary file object or an array, got {type(source).__name__}")
    if isinstance(source, io.TextIOBase):
        raise InputError("expected a file object opened for bytes, got one opened for text; open it with mode 'rb'")
    seekable = getattr(source, "seekable", None)
    if seekable is not None and seekable():
        return _FileStore(source, own=False)
    return _spooled(source)


def _path_store(path: Path) -> ByteSource:
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"expected a file at {path}, but: {reason}; check the path") from error
    if stat.S_ISREG(mode):
        return _PathStore(path)
    if stat.S_ISFIFO(mode):
        with path.open("rb") as pipe:
            return _spooled(pipe)
    kind = "a folder" if stat.S_ISDIR(mode) else "a device"
    raise InputError(f"expected a file at {path}, found {kind}")


def _spooled(stream: BinaryIO) -> ByteSource:
    """A copy on disk of something that can be read only once."""
    spool = tempfile.TemporaryFile()  # noqa: SIM115 - the store closes it
    try:
        shutil.copyfileobj(stream, spool)
    except BaseException:
        spool.close()
        raise
    return _FileStore(spool, own=True)


class _Nameless:
    """A reader without a name, so that FFmpeg can't guess the format from a suffix."""

    def __init__(self, reader: BinaryIO) -> None:
        self._reader = reader
        self.read = reader.read
        self.seek = reader.seek
        self.tell = reader.tell

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True


def _refuse_other_files(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    """Called by FFmpeg when a format wants to open something else."""
    raise PermissionError("the file points at other files")


@lru_cache(maxsize=1)
def _allowed_formats() -> str:
    return ",".join(sorted(av.formats_available - _FOREIGN_FORMATS))


@contextlib.contextmanager
def open_container(store: ByteSource) -> Iterator[InputContainer]:
    """FFmpeg's reading of the bytes, closed at the end.

    Raises:
        NotMediaError: nothing that FFmpeg knows, or a list of other files.
        BrokenMediaError: it begins like media but its header can't be read.
    """
    with store.open() as reader:
        try:
            container = av.open(
                _Nameless(reader),
                "r",
                options={"max_pixels": str(MAX_PIXELS)},
                container_options={"format_whitelist": _allowed_formats(), "protocol_whitelist": "none"},
                metadata_errors="replace",
                buffer_size=_READ_BYTES,
                io_open=_refuse_other_files,
            )
        except MouthpieceError:
            raise
        except (av.error.FFmpegError, OSError, EOFError, ValueError) as error:
            raise unreadable(store) from error
        try:
            yield container
        finally:
            container.close()


def unreadable(store: ByteSource) -> InputError:
    """The right error for bytes that can't be opened: damaged media, or something else altogether."""
    start = store.start(64)
    for offset, magic, kind in _MEDIA_STARTS:
        if start[offset : offset + len(magic)] == magic:
            return BrokenMediaError(
                f"{store.name} begins like {kind} but can't be read: it is damaged or incomplete; get a whole copy"
            )
    return NotMediaError(
        f"expected a picture, video or sound, but {store.name} holds nothing of a known kind; "
        "give a file such as JPEG, PNG, MP4, WAV or MP3"
    )
