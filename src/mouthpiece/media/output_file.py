"""Files that appear whole or not at all: under a temporary name until they are complete."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from mouthpiece.errors import DiskFullError, OptionError, OutputError, OutputExistsError

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""Suffix of OUT -> FFmpeg's container."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_LONGEST_NAME = 255
"""Bytes of a file name on common file systems."""


def check_output(
    out: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    forbidden: Iterable[object] = (),
    suffixes: Collection[str] = CONTAINERS,
) -> Path:
    """Check that a result may be written there; costs nothing and touches nothing.

    Args:
        out: where the result goes; symbolic links are followed.
        overwrite: whether a file already there may be replaced.
        forbidden: the inputs; those that are paths must not be the same file as `out`, links included.
        suffixes: what `out` may end with; those of videos unless given.

    Returns:
        The path with links resolved.

    Raises:
        OptionError: a suffix that names no known container.
        OutputExistsError: a file is there and `overwrite` is False.
        OutputError: the folder is missing or read-only, `out` is a folder or a device, or one of the inputs.
    """
    given = Path(os.fsdecode(out))
    try:
        path = given.resolve()
        exists = path.exists()
    except (OSError, ValueError, RuntimeError) as error:
        raise OutputError(f"can't write to {given}: {getattr(error, 'strerror', None) or error}") from error
    if path.is_dir():
        name = f"result{next(iter(suffixes))}"
        raise OutputError(f"expected a file name for OUT, {given} is a folder; add a name such as {name}")
    if given.suffix.lower() not in suffixes:
        raise OptionError(f"expected OUT to end with {', '.join(suffixes)}, got {given.name!r}; choose one of them")
    if exists and not path.is_file():
        raise OutputError(f"expected a file name for OUT, {given} is a device or a pipe")
    for source in forbidden:
        if _same_file(path, source):
            raise OutputError(f"OUT {given} is the input file itself; choose another name")
    if exists and not overwrite:
        raise OutputExistsError(f"{given} exists already; choose another name or allow overwriting (--yes)")
    _check_folder(path.parent)
    return path


def _same_file(path: Path, source: object) -> bool:
    if not isinstance(source, str | os.PathLike):
        name = getattr(source, "name", None)
        if not isinstance(name, str):
            return False
        source = name
    try:
        return path.exists() and path.samefile(Path(os.fsdecode(source)))
    except (OSError, ValueError):
        return False


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise OutputError(f"expected a folder at {folder}, found none; create it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"the folder {folder} can't be written to; choose another one")


@contextlib.contextmanager
def whole_file(path: Path, *, overwrite: bool) -> Iterator[OutputFile]:
    """Give a file to write to; it appears under its name when the block ends, or not at all.

    Args:
        path: as `check_output` returned it.
        overwrite: whether a file in the way may be replaced.

    Raises:
        OutputError: it can't be created or written.
    """
    file = OutputFile(path, overwrite=overwrite)
    try:
        yield file
    except OSError as error:
        file.discard()
        raise file.failure(error) from error
    except BaseException:
        file.discard()
        raise
    file.commit()


CommitHook = Callable[[Path], None]
"""Is given a whole file before it appears under its name: it may check or rewrite it in place; raising refuses it."""


class OutputFile:
    """A file under a temporary name in the target's folder. `commit` gives it its name, `discard` removes it."""

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        """Create the temporary file.

        Raises:
            OutputError: it can't be created.
        """
        self._path = path
        self._overwrite = overwrite
        self._temporary = path.with_name(_temporary_name(path.name))
        try:
            self._raw = io.FileIO(self._temporary, "x+")  # O_EXCL; the mode obeys the umask
        except OSError as error:
            raise self.failure(error) from error
        self.error: OSError | None = None

    # What PyAV calls. -------------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> int:
        """Write all of it, or keep the error."""
        try:
            view = memoryview(data)
            while view:
                view = view[self._raw.write(view) or 0 :]
        except OSError as error:
            self.error = self.error or error
            raise
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position, as files do."""
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        """Return the position, as files do."""
        return self._raw.tell()

    def flush(self) -> None:
        """Do nothing, as nothing is buffered; zip archives ask for it."""

    @property
    def closed(self) -> bool:
        """Whether the file is closed: PyAV writes no trailer then."""
        return self._raw.closed

    def reopen(self, url: str, flags: int, options: dict[str, str]) -> BinaryIO:
        """Open a reader of what was written so far; moving an MP4's index to its front needs it."""
        return self._temporary.open("rb")

    # The end. ---------------------------------------------------------------------------------------------------------

    def commit(self, hooks: Iterable[CommitHook] = ()) -> None:
        """Flush everything to the disk and give the file its name.

        Args:
            hooks: called with the whole file before that.

        Raises:
            OutputError, DiskFullError: that failed; nothing is left behind.
            Whatever a hook raises: likewise.
        """
        try:
            os.fsync(self._raw.fileno())
            self._raw.close()
            for hook in hooks:
                hook(self._temporary)
            self._rename()
        except OSError as error:
            self.discard()
            raise self.failure(error) from error
        except BaseException:
            self.discard()
            raise
        _sync_folder(self._path.parent)

    def _rename(self) -> None:
        if self._overwrite:
            self._temporary.replace(self._path)
            return
        try:
            os.link(self._temporary, self._path)  # unlike rename, never replaces what came up meanwhile
        except FileExistsError as error:
            raise OutputExistsError(f"{self._path} came up meanwhile; choose another name") from error
        except OSError:  # a file system without hard links
            if self._path.exists():
                raise OutputExistsError(f"{self._path} came up meanwhile") from None
            self._temporary.replace(self._path)
            return
        self._temporary.unlink()

    def discard(self) -> None:
        """Close and remove the temporary file."""
        with contextlib.suppress(OSError):
            self._raw.close()
        with contextlib.suppress(OSError):
            self._temporary.unlink()

    def failure(self, error: BaseException) -> OutputError:
        """Make the error to raise for one met while writing."""
        cause = getattr(self, "error", None) or error
        number = getattr(cause, "errno", None)
        if number in _FULL:
            return DiskFullError(f"the disk of {self._path.parent} is full; make room or choose another folder")
        return OutputError(f"can't write {self._path}: {getattr(cause, 'strerror', None) or cause}")


def _temporary_name(name: str) -> str:
    """Make a hidden name, not to be confused with a whole video's."""
    tail = f".{secrets.token_hex(4)}.part"
    kept = os.fsencode(name)[: _LONGEST_NAME - 1 - len(tail)]
    return f".{kept.decode('utf-8', 'ignore')}{tail}"


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
