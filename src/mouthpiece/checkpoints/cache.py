"""Where weights are kept on this machine, and what is remembered of them.

    cache_dir()/
      checkpoints/NAME/FILE      the weights, with FILE.part while they are being fetched
      checkpoints/NAME/record.json   hash and origin of what first came
      models/                    exported models, made from checkpoints
      locks/NAME.lock            held by the process that fetches or adds
      hashes.json                hashes of files as they were when last looked at
      terms.json                 whose licence terms were shown

Nothing is made before something is to be kept, and nothing here ever downloads.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from mouthpiece.checkpoints import catalogue
from mouthpiece.checkpoints.catalogue import Checkpoint, checkpoint_named, how_to_get
from mouthpiece.errors import Cancelled, DiskFullError, WeightsError

ENVIRONMENT = "MOUTHPIECE_CACHE"
"""The environment variable that moves the cache."""
SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors")
"""What a file of weights may be called by."""
SPARE_BYTES = 64 << 20
"""What is to stay free on the disk, whatever is kept there."""
KEY_DIGITS = 12
"""Digits of a checkpoint's sha256 by which the names of its exported models tell where they come from."""
REMEMBERED_HASHES = 200
PIECE_BYTES = 1 << 20
LOCK_LOOK_S = 0.2
"""How often a process that waits asks whether it should go on waiting."""


class State(StrEnum):
    """What is in the cache of a checkpoint."""

    HERE = "here"
    MISSING = "not here"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Record:
    """What is remembered of a file that came."""

    sha256: str
    """Of the file as it came, 64 lower-case hex digits."""
    origin: str
    """The URL that served it; ADDED for a user's own file; FOUND for one that lay there."""


ADDED = "added"
FOUND = "found"


def cache_dir() -> Path:
    """The cache folder, absolute; it may not exist.

    MOUTHPIECE_CACHE names it, else it is the user's cache folder by the platform's convention.
    """
    if chosen := os.environ.get(ENVIRONMENT):
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("mouthpiece", appauthor=False))


def made(folder: Path) -> Path:
    """The folder, made if need be, for this user alone.

    Raises:
        WeightsError: it can't be made.
    """
    try:
        for missing in reversed([f for f in (folder, *folder.parents) if not f.exists()]):
            missing.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise unwritable(error) from error
    if not folder.is_dir():
        raise unwritable(NotADirectoryError(errno.ENOTDIR, "a file is in the way"))
    return folder


def unwritable(error: OSError) -> WeightsError | DiskFullError:
    """What to tell a user whose cache can't be written."""
    if error.errno == errno.ENOSPC:
        return DiskFullError(f"the disk of {cache_dir()} is full; make room or set {ENVIRONMENT} to a folder elsewhere")
    return WeightsError(
        f"expected to write into the cache {cache_dir()}, got: {error.strerror or error}; "
        f"set {ENVIRONMENT} to a folder that can be written"
    )


def check_room(folder: Path, wanted: int) -> None:
    """See that a disk has room for so many bytes more.

    Raises:
        DiskFullError: it hasn't.
    """
    free = shutil.disk_usage(folder).free
    if free < wanted + SPARE_BYTES:
        raise DiskFullError(
            f"expected room for {size_said(wanted + SPARE_BYTES)} in {folder}, got {size_said(free)}; "
            f"make room or set {ENVIRONMENT} to a folder on another disk"
        )


def size_said(size: int) -> str:
    """Bytes for people: 436 MB."""
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB" if size >= 1000 else f"{size} bytes"


def folder_of(name: str) -> Path:
    """Where a checkpoint of the catalogue is kept. It may not exist.

    Raises:
        WeightsError: no checkpoint has that name.
    """
    return cache_dir() / "checkpoints" / checkpoint_named(name).name


def cached_path(name: str) -> Path | None:
    """The file of a checkpoint, or None where it isn't here. Its bytes are not looked at.

    Raises:
        WeightsError: no checkpoint has that name.
    """
    published = folder_of(name) / catalogue.CATALOGUE[name].file_name
    kept = [path for suffix in SUFFIXES if (path := published.with_suffix(suffix)).is_file()]
    return kept[0] if kept else None


def record_of(name: str) -> Record | None:
    """What is remembered of a checkpoint's file, or None."""
    try:
        return Record(**read_json(folder_of(name) / "record.json"))
    except TypeError:
        return None


def remember(name: str, record: Record) -> None:
    """Remember what came.

    Raises:
        WeightsError: the cache can't be written.
    """
    _write_json(folder_of(name) / "record.json", asdict(record))


def expected_sha256(name: str) -> str | None:
    """The hash that a checkpoint's file must have, None where that isn't known yet.

    It is that of what the user added, else the published one, else that of the first file that came.
    """
    record = record_of(name)
    if record and record.origin == ADDED:
        return record.sha256
    return checkpoint_named(name).sha256 or (record.sha256 if record else None)


def state_of(name: str, *, afresh: bool = False) -> State:
    """Whether a checkpoint is here and whole.

    Args:
        name: of the catalogue.
        afresh: read the bytes again, even if the file looks as it did when its hash was last taken.

    Raises:
        WeightsError: no checkpoint has that name, or its file can't be read.
    """
    path = cached_path(name)
    if path is None:
        return State.MISSING
    expected = expected_sha256(name)
    if expected is None:  # a user laid it there: it counts from now on
        with contextlib.suppress(WeightsError):
            remember(name, Record(sha256_of(path), FOUND))
        return State.HERE
    return State.HERE if sha256_of(path, afresh=afresh) == expected else State.DAMAGED


def find_checkpoint(wanted: str | os.PathLike[str] | None, among: Sequence[str]) -> Path:
    """The file of weights that is meant.

    Args:
        wanted: one of `among` or an existing file; None for the first of `among` that is in the cache.
        among: names of the catalogue that will do, the best one first; the first is recommended where none is here.

    Returns:
        A file; one of the cache has the right bytes.

    Raises:
        WeightsError: it isn't here, is damaged or another network's; the one line says how to get it.
    """
    if wanted is None:
        here = [name for name in among if cached_path(name)]
        return _whole(here[0] if here else among[0])
    said = os.fspath(wanted)
    if said in among:
        return _whole(said)
    if said in catalogue.CATALOGUE:
        title = catalogue.CATALOGUE[said].title
        raise WeightsError(f"{said} can't be used here ({title}); expected a file or one of: {', '.join(among)}")
    path = Path(said)
    if path.is_file():
        return path
    if path.exists():
        raise WeightsError(f"expected a file of weights at {said}, found something else there")
    if path.suffix or len(path.parts) > 1:
        raise WeightsError(
            f"expected weights at {said}, found no file there; 'mouthpiece weights list' shows what can be fetched"
        )
    raise WeightsError(f"no weights are called {said!r}; known are: {', '.join(among)}; a file's path will do too")


def _whole(name: str) -> Path:
    """A checkpoint's file, its hash looked at."""
    path = cached_path(name)
    if path is None:
        raise WeightsError(f"the weights {name} are not here; {how_to_get(catalogue.CATALOGUE[name])}")
    if state_of(name) is State.DAMAGED:
        raise WeightsError(
            f"the weights {name} at {path} are damaged (wrong sha256); "
            f"run 'mouthpiece weights remove {name}', then {how_to_get(catalogue.CATALOGUE[name])}"
        )
    return path


def sha256_of(path: Path, *, afresh: bool = False) -> str:
    """The sha256 of a file, remembered by path, size and time of change.

    Args:
        path: the file.
        afresh: read it again, whatever is remembered.

    Returns:
        64 lower-case hex digits.

    Raises:
        WeightsError: the file can't be read.
    """
    memory = cache_dir() / "hashes.json"
    key = str(path.absolute())
    try:
        before = _looks(path)
        known = read_json(memory)
        if not afresh and isinstance(entry := known.get(key), list) and entry[:2] == before and len(entry) == 3:
            return str(entry[2])
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        steady = _looks(path) == before
    except OSError as error:
        raise WeightsError(f"expected to read weights from {path}, got: {error.strerror or error}") from error
    if steady:
        known.pop(key, None)
        kept = list(known.items())[1 - REMEMBERED_HASHES :]
        with contextlib.suppress(WeightsError):  # a cache that can't be written costs time, no more
            _write_json(memory, {**dict(kept), key: [*before, found]})
    return found


def _looks(path: Path) -> list[int]:
    """What changes when a file does: size and time of change, nanoseconds."""
    seen = path.stat()
    return [seen.st_size, seen.st_mtime_ns]


def keep_file(source: Path, name: str, *, cancelled: Callable[[], bool] | None = None) -> Path:
    """Copy a user's own file into the cache, in place of what was there; the user's file stays as it is.

    Args:
        source: a file whose content was looked at.
        name: of the catalogue.
        cancelled: asked between two pieces.

    Returns:
        The copy.

    Raises:
        WeightsError: the file can't be read or changed meanwhile, or the cache can't be written.
        DiskFullError: no room.
        Cancelled: as asked; nothing was kept.
    """
    meant = sha256_of(source)
    suffix = source.suffix.lower() if source.suffix.lower() in SUFFIXES else ".pth"
    folder = made(folder_of(name))
    target = folder / Path(catalogue.CATALOGUE[name].file_name).with_suffix(suffix)
    check_room(folder, source.stat().st_size)
    with locked(name, cancelled=cancelled):
        with _beside(target) as beside:
            if _copied(source, beside, cancelled) != meant:
                raise WeightsError(f"{source} changed while it was copied; add it again when nothing writes to it")
            old = record_of(name)
            for other in SUFFIXES:
                target.with_suffix(other).unlink(missing_ok=True)
            beside.replace(target)
        if old and old.sha256 != meant:
            forget_models(old.sha256)
        remember(name, Record(meant, ADDED))
        forget_part(target)
    return target


def _copied(source: Path, target: Path, cancelled: Callable[[], bool] | None) -> str:
    """Copy, and tell the sha256 of what was copied."""
    hasher = hashlib.sha256()
    with target.open("wb") as writing:
        for piece in _pieces(source):
            if cancelled and cancelled():
                raise Cancelled("stopped as asked; nothing was kept")
            hasher.update(piece)
            writing.write(piece)
    return hasher.hexdigest()


def _pieces(path: Path) -> Iterator[bytes]:
    """A file's bytes."""
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece
    except OSError as error:
        raise WeightsError(f"expected to read weights from {path}, got: {error.strerror or error}") from error


def remove(name: str) -> list[Path]:
    """Take a checkpoint away: its file, what was fetched of it, what is remembered, the models exported from it.

    Returns:
        What was removed: the file and the models.

    Raises:
        WeightsError: no checkpoint has that name, or the cache can't be written.
    """
    folder = folder_of(name)
    if not folder.exists():
        return []
    gone = [path] if (path := cached_path(name)) else []
    with locked(name):
        hashes = {record.sha256} if (record := record_of(name)) else set()
        if path and not record:
            hashes.add(sha256_of(path))
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise unwritable(error) from error
        for sha256 in hashes:
            gone += forget_models(sha256)
    return gone


def models_dir() -> Path:
    """Where exported models are kept, their names holding the first KEY_DIGITS of their checkpoint's sha256."""
    return cache_dir() / "models"


def forget_models(sha256: str) -> list[Path]:
    """Remove the models exported from a checkpoint.

    Returns:
        What was removed.
    """
    folder = models_dir()
    models = [entry for entry in folder.iterdir() if sha256[:KEY_DIGITS] in entry.name] if folder.is_dir() else []
    for model in models:
        if model.is_dir() and not model.is_symlink():
            shutil.rmtree(model, ignore_errors=True)
        else:
            model.unlink(missing_ok=True)
    return models


def part_of(target: Path) -> Path:
    """Where the bytes of a file gather while it is being fetched."""
    return target.with_name(f"{target.name}.part")


def part_note(target: Path) -> Path:
    """Where it is noted what those bytes belong to."""
    return target.with_name(f"{target.name}.part.json")


def forget_part(target: Path) -> None:
    """Remove what was fetched of a file so far."""
    for path in (part_of(target), part_note(target)):
        path.unlink(missing_ok=True)


def sweep(name: str) -> None:
    """Remove what a killed process left half-made of a checkpoint's file; for whoever holds its lock."""
    folder = folder_of(name)
    for pattern in ("tmp*", f".{catalogue.CATALOGUE[name].file_name}.*"):  # pooch's and ours
        for stray in folder.glob(pattern):
            stray.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(
    name: str, *, waiting: Callable[[], None] | None = None, cancelled: Callable[[], bool] | None = None
) -> Iterator[None]:
    """Be the only process that changes a checkpoint's files.

    Args:
        name: of the catalogue.
        waiting: called once if another process is at it.
        cancelled: asked while waiting.

    Raises:
        WeightsError: the cache can't be written.
        Cancelled: as asked.
    """
    import filelock

    lock = filelock.FileLock(made(cache_dir() / "locks") / f"{checkpoint_named(name).name}.lock")
    said = False
    while not lock.is_locked:
        try:
            lock.acquire(timeout=LOCK_LOOK_S if said else 0)
        except filelock.Timeout:
            if not said and waiting:
                waiting()
            said = True
            if cancelled and cancelled():
                raise Cancelled("stopped as asked while another process was at it") from None
        except OSError as error:
            raise unwritable(error) from error
    try:
        yield
    finally:
        lock.release()


def terms_shown(checkpoint: Checkpoint) -> bool:
    """Whether these very terms were shown to this user before."""
    return read_json(cache_dir() / "terms.json").get(checkpoint.name) == checkpoint.licence


def note_terms_shown(checkpoint: Checkpoint) -> None:
    """Remember that the terms were shown.

    Raises:
        WeightsError: the cache can't be written.
    """
    path = cache_dir() / "terms.json"
    _write_json(path, {**read_json(path), checkpoint.name: checkpoint.licence})


def read_json(path: Path) -> dict[str, Any]:
    """An object that was kept; an empty one where there is none or where it can't be read: it is only a memory."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write_json(path: Path, content: dict[str, Any]) -> None:
    """Keep an object, whole or not at all."""
    made(path.parent)
    with _beside(path) as beside:
        beside.write_text(json.dumps(content, indent=1), "utf-8")
        beside.replace(path)


@contextlib.contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A new file beside a target, gone afterwards unless it was renamed."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        os.close(handle)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(error) from error
