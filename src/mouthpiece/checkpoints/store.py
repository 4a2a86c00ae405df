"""Checkpoints in the cache: their files, what is remembered of them, and the locks of those that change them."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from mouthpiece.atomic_write import atomic_write
from mouthpiece.checkpoints import cache
from mouthpiece.checkpoints.catalogue import Checkpoint, checkpoint_named, how_to_get, known_checkpoints
from mouthpiece.errors import Cancelled, WeightsError

PIECE_BYTES = 1 << 20
LOCK_LOOK_S = 0.2
"""Interval at which a waiting process checks whether it is cancelled."""


class CheckpointState(StrEnum):
    """State of a checkpoint in the cache."""

    HERE = "here"
    MISSING = "not here"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Record:
    """Hash and origin of a file that came."""

    sha256: str
    """Of the file as it came, 64 lower-case hex digits."""
    origin: str
    """The URL that served it; ADDED for a user's own file; FOUND for one that lay there."""


ADDED = "added"
FOUND = "found"


def folder_of(name: str) -> Path:
    """Return the folder of a checkpoint of the catalogue. It may not exist.

    Raises:
        WeightsError: no checkpoint has that name.
    """
    return cache.cache_dir() / "checkpoints" / checkpoint_named(name).name


def cached_path(name: str) -> Path | None:
    """Return the file of a checkpoint, or None where it isn't here. Its bytes are not read.

    Raises:
        WeightsError: no checkpoint has that name.
    """
    folder = folder_of(name)
    return next((path for file in checkpoint_named(name).file_names if (path := folder / file).is_file()), None)


def read_record(name: str) -> Record | None:
    """Read the record of a checkpoint's file, or None."""
    try:
        return Record(**cache.read_json(folder_of(name) / "record.json"))
    except TypeError:
        return None


def write_record(name: str, record: Record) -> None:
    """Write the record of a file that came.

    Raises:
        WeightsError: the cache can't be written.
    """
    cache.write_json(folder_of(name) / "record.json", asdict(record))


def expected_sha256(name: str) -> str | None:
    """Return the hash that a checkpoint's file must have, None where that isn't known yet.

    It is that of what the user added, else the published one, else that of the first file that came.
    """
    record = read_record(name)
    if record and record.origin == ADDED:
        return record.sha256
    return checkpoint_named(name).sha256 or (record.sha256 if record else None)


def state_of(name: str, *, afresh: bool = False) -> CheckpointState:
    """Check whether a checkpoint is here and whole.

    Args:
        name: of the catalogue.
        afresh: read the bytes again, even if the file looks as it did when its hash was last taken.

    Raises:
        WeightsError: no checkpoint has that name, or its file can't be read.
    """
    path = cached_path(name)
    if path is None:
        return CheckpointState.MISSING
    expected = expected_sha256(name)
    if expected is None:  # a user laid it there: it counts from now on
        with contextlib.suppress(WeightsError):
            write_record(name, Record(cache.sha256_of(path), FOUND))
        return CheckpointState.HERE
    return CheckpointState.HERE if cache.sha256_of(path, afresh=afresh) == expected else CheckpointState.DAMAGED


def find_checkpoint(wanted: str | os.PathLike[str] | None, among: Sequence[str]) -> Path:
    """Find the file of weights that is meant.

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
        return _verified_path(here[0] if here else among[0])
    text = os.fspath(wanted)
    if text in among:
        return _verified_path(text)
    known = known_checkpoints()
    if text in known:
        title = known[text].title
        raise WeightsError(f"{text} can't be used here ({title}); expected a file or one of: {', '.join(among)}")
    path = Path(text)
    if path.is_file():
        return path
    if path.exists():
        raise WeightsError(f"expected a file of weights at {text}, found something else there")
    if path.suffix or len(path.parts) > 1:
        raise WeightsError(
            f"expected weights at {text}, found no file there; 'mouthpiece weights list' shows what can be fetched"
        )
    raise WeightsError(f"no weights are called {text!r}; known are: {', '.join(among)}; a file's path will do too")


def _verified_path(name: str) -> Path:
    """Return a checkpoint's file, its hash checked."""
    path = cached_path(name)
    if path is None:
        raise WeightsError(f"the weights {name} are not here; {how_to_get(checkpoint_named(name))}")
    if state_of(name) is CheckpointState.DAMAGED:
        raise WeightsError(
            f"the weights {name} at {path} are damaged (wrong sha256); "
            f"run 'mouthpiece weights remove {name}', then {how_to_get(checkpoint_named(name))}"
        )
    return path


def keep_file(source: Path, name: str, *, cancelled: Callable[[], bool] | None = None) -> Path:
    """Copy a user's own file into the cache, in place of the one there; the user's file stays as it is.

    Args:
        source: a file whose content was checked.
        name: of the catalogue.
        cancelled: asked between two pieces.

    Returns:
        The copy.

    Raises:
        WeightsError: the file can't be read or changed meanwhile, or the cache can't be written.
        DiskFullError: no room.
        Cancelled: as asked; nothing was kept.
    """
    meant = cache.sha256_of(source)
    checkpoint = checkpoint_named(name)
    named_so = Path(checkpoint.file_name).with_suffix(source.suffix.lower()).name
    folder = cache.ensure_folder(folder_of(name))
    target = folder / (named_so if named_so in checkpoint.file_names else checkpoint.file_name)
    cache.check_room(folder, source.stat().st_size)
    with locked(name, cancelled=cancelled):
        with cache.writing(), atomic_write(target) as beside:
            if _copied(source, beside, cancelled) != meant:
                raise WeightsError(f"{source} changed while it was copied; add it again when nothing writes to it")
            old = read_record(name)
            for other in checkpoint.file_names:
                (folder / other).unlink(missing_ok=True)
        if old and old.sha256 != meant:
            cache.remove_models(old.sha256)
        write_record(name, Record(meant, ADDED))
        remove_part(target)
    return target


def _copied(source: Path, target: Path, cancelled: Callable[[], bool] | None) -> str:
    """Copy, and return the sha256 of the copy."""
    import hashlib

    hasher = hashlib.sha256()
    with target.open("wb") as writing:
        for piece in _pieces(source):
            if cancelled and cancelled():
                raise Cancelled("stopped as asked; nothing was kept")
            hasher.update(piece)
            writing.write(piece)
    return hasher.hexdigest()


def _pieces(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes in pieces."""
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece
    except OSError as error:
        raise WeightsError(f"expected to read weights from {path}, got: {error.strerror or error}") from error


def remove(name: str) -> list[Path]:
    """Remove a checkpoint: its file, what was fetched of it, its record, the models exported from it.

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
        hashes = {record.sha256} if (record := read_record(name)) else set()
        if path and not record:
            hashes.add(cache.sha256_of(path))
        with cache.writing():
            shutil.rmtree(folder)
        for sha256 in hashes:
            gone += cache.remove_models(sha256)
    return gone


def part_path(target: Path) -> Path:
    """Return the file that gathers a target's bytes while it is being fetched."""
    return target.with_name(f"{target.name}.part")


def part_note_path(target: Path) -> Path:
    """Return the file that notes where those bytes come from."""
    return target.with_name(f"{target.name}.part.json")


def remove_part(target: Path) -> None:
    """Remove what was fetched of a file so far."""
    for path in (part_path(target), part_note_path(target)):
        path.unlink(missing_ok=True)


def remove_leftovers(name: str) -> None:
    """Remove what a killed process left half-made of a checkpoint's file; only while holding its lock."""
    for stray in folder_of(name).glob(f".{checkpoint_named(name).file_name}.*"):
        stray.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(
    name: str, *, waiting: Callable[[], None] | None = None, cancelled: Callable[[], bool] | None = None
) -> Iterator[None]:
    """Hold the lock of a checkpoint's files against other processes.

    Args:
        name: of the catalogue.
        waiting: called once if another process is at it.
        cancelled: asked while waiting.

    Raises:
        WeightsError: the cache can't be written.
        Cancelled: as asked.
    """
    import filelock

    lock = filelock.FileLock(cache.ensure_folder(cache.cache_dir() / "locks") / f"{checkpoint_named(name).name}.lock")
    waited = False
    while not lock.is_locked:
        with cache.writing():
            try:
                lock.acquire(timeout=LOCK_LOOK_S if waited else 0)
            except filelock.Timeout:
                if not waited and waiting:
                    waiting()
                waited = True
                if cancelled and cancelled():
                    raise Cancelled("stopped as asked while another process was at it") from None
    try:
        yield
    finally:
        lock.release()


def terms_shown(checkpoint: Checkpoint) -> bool:
    """Check whether these very terms were shown to this user before."""
    return cache.read_json(cache.cache_dir() / "terms.json").get(checkpoint.name) == checkpoint.licence


def note_terms_shown(checkpoint: Checkpoint) -> None:
    """Remember that the terms were shown.

    Raises:
        WeightsError: the cache can't be written.
    """
    path = cache.cache_dir() / "terms.json"
    cache.write_json(path, {**cache.read_json(path), checkpoint.name: checkpoint.licence})
