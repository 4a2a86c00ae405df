"""What the user gave as plain bytes: a path or a file object, and the base of the sources that read them."""

from __future__ import annotations

import io
import os
import shutil
import stat
import tempfile
import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import BinaryIO, Generic, Protocol, Self, TypeVar

from mouthpiece.errors import InputError, NotMediaError
from mouthpiece.notices import Notice

READ_BYTES = 1 << 16
"""Bytes read at a time."""

FileInput = str | os.PathLike[str] | BinaryIO
"""A path or a binary file object."""


class ByteSource(ABC):
    """Bytes that can be read several times at once, each reader with a position of its own."""

    name: str
    """What messages call it: the file's name, or `<file object>`, unless the caller named it."""

    @abstractmethod
    def open(self) -> BinaryIO:
        """Open a new reader at the first byte."""

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Release what is held; a file object of the caller's stays open."""

    def start(self, count: int) -> bytes:
        """Read the first `count` bytes, fewer when there are no more."""
        with self.open() as reader:
            return reader.read(count)


class _PathSource(ByteSource):
    """A file on disk, opened anew by every reader."""

    def __init__(self, path: Path, name: str | None) -> None:
        self._path = path
        self.name = name or path.name

    def open(self) -> BinaryIO:
        try:
            return self._path.open("rb")
        except OSError as error:
            raise InputError(f"{self.name} can't be read: {error.strerror}; check its permissions") from error


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


class _FileObjectSource(ByteSource):
    """A seekable file object, the caller's or our own temporary one."""

    def __init__(self, file: BinaryIO, name: str | None, *, owned: bool) -> None:
        self.name = name or "<file object>"
        self._file = file
        self._owned = owned
        self._lock = threading.Lock()

    def open(self) -> BinaryIO:
        return io.BufferedReader(_SharedCursor(self._file, self._lock), READ_BYTES)

    def close(self) -> None:
        if self._owned:
            self._file.close()


def open_bytes(source: FileInput, name: str | None = None) -> ByteSource:
    """Open a path or a binary file object (read from its beginning, whatever its position).

    What can't seek (a pipe) is first copied to an unnamed temporary file. Names are file names and nothing else:
    `http://...`, `concat:...` and `-` are looked for on disk.

    Args:
        source: where the bytes are.
        name: what messages call it; the file's own name unless given.

    Raises:
        InputError: no such file, a folder, or not a file at all.
        NotMediaError: it is empty.
    """
    data = _byte_source(source, name)
    try:
        if not data.start(1):
            raise NotMediaError(f"expected a picture, video or sound, but {data.name} is empty")
    except BaseException:
        data.close()
        raise
    return data


def _byte_source(source: FileInput, name: str | None) -> ByteSource:
    if isinstance(source, str | os.PathLike):
        return _of_path(Path(os.fsdecode(source)), name)
    if not hasattr(source, "read"):
        raise InputError(f"expected a path, a binary file object or an array, got {type(source).__name__}")
    if isinstance(source, io.TextIOBase):
        raise InputError("expected a file object opened for bytes, got one opened for text; open it with mode 'rb'")
    seekable = getattr(source, "seekable", None)
    if seekable is not None and seekable():
        return _FileObjectSource(source, name, owned=False)
    return _spool(source, name)


def _of_path(path: Path, name: str | None) -> ByteSource:
    shown = name or path
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"expected a file at {shown}, but: {reason}; check the path") from error
    if stat.S_ISREG(mode):
        return _PathSource(path, name)
    if stat.S_ISFIFO(mode):
        with path.open("rb") as pipe:
            return _spool(pipe, name)
    kind = "a folder" if stat.S_ISDIR(mode) else "a device"
    raise InputError(f"expected a file at {shown}, found {kind}")


def _spool(stream: BinaryIO, name: str | None) -> ByteSource:
    """Copy to disk what can be read only once."""
    spool = tempfile.TemporaryFile()  # noqa: SIM115 - its byte source closes it
    try:
        shutil.copyfileobj(stream, spool)
    except BaseException:
        spool.close()
        raise
    return _FileObjectSource(spool, name, owned=True)


class SourceInfo(Protocol):
    """The properties of a source before it is decoded."""

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What the user should know."""


Info = TypeVar("Info", bound=SourceInfo)


class MediaSource(ABC, Generic[Info]):
    """A source, open for reading. A context manager; iterators end with it."""

    def __init__(self, info: Info, data: ByteSource | None) -> None:
        """Take over the bytes, if there are any: `close` closes them."""
        self._info = info
        self._data = data
        self._late_warnings: list[Notice] = []

    @property
    def info(self) -> Info:
        """The properties found before decoding."""
        return self._info

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """`info.warnings` and what came up while reading since."""
        return self._info.warnings + tuple(self._late_warnings)

    def _warn(self, warning: Notice) -> None:
        if warning not in self._late_warnings and warning not in self._info.warnings:
            self._late_warnings.append(warning)

    def close(self) -> None:
        """Release the file."""
        if self._data is not None:
            self._data.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
