"""The cache folder: where it is, and files and hashes kept in it.

    cache_dir()/
      checkpoints/NAME/FILE      the weights, with FILE.part while they are being fetched
      checkpoints/NAME/record.json   hash and origin of the file that came
      models/                    exported models, made from checkpoints
      locks/NAME.lock            held by the process that fetches or adds
      hashes.json                hashes of files as they were when last read
      terms.json                 licence terms that were shown

Nothing is made before something is to be kept, and nothing here ever downloads.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mouthpiece.atomic_write import atomic_write
from mouthpiece.errors import DiskFullError, WeightsError

ENVIRONMENT = "MOUTHPIECE_CACHE"
"""The environment variable that moves the cache."""
SPARE_BYTES = 64 << 20
"""Room that stays free on the disk, whatever is kept there."""
KEY_DIGITS = 12
"""Digits of a checkpoint's sha256 in the names of its exported models."""
REMEMBERED_HASHES = 200


def cache_dir() -> Path:
    """Return the cache folder, absolute; it may not exist.

    MOUTHPIECE_CACHE names it, else it is the user's cache folder by the platform's convention.
    """
    if chosen := os.environ.get(ENVIRONMENT):
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("mouthpiece", appauthor=False))


def ensure_folder(folder: Path) -> Path:
    """Make a folder if need be, for this user alone.

    Raises:
        WeightsError: it can't be made.
    """
    with writing():
        for missing in reversed([f for f in (folder, *folder.parents) if not f.exists()]):
            missing.mkdir(mode=0o700, exist_ok=True)
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "a file is in the way")
    return folder


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Turn what the system reports of the cache's files into one line for people.

    Raises:
        WeightsError: the cache can't be written.
        DiskFullError: no room.
    """
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            text = f"the disk of {cache_dir()} is full; make room or set {ENVIRONMENT} to a folder elsewhere"
            raise DiskFullError(text) from error
        raise WeightsError(
            f"expected to write into the cache {cache_dir()}, got: {error.strerror or error}; "
            f"set {ENVIRONMENT} to a folder that can be written"
        ) from error


def check_room(folder: Path, wanted: int) -> None:
    """Check that a disk has room for so many bytes more.

    Raises:
        DiskFullError: it hasn't.
    """
    free = shutil.disk_usage(folder).free
    if free < wanted + SPARE_BYTES:
        raise DiskFullError(
            f"expected room for {format_size(wanted + SPARE_BYTES)} in {folder}, got {format_size(free)}; "
            f"make room or set {ENVIRONMENT} to a folder on another disk"
        )


def format_size(size: int) -> str:
    """Format bytes for people: 436 MB."""
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB" if size >= 1000 else f"{size} bytes"


def models_dir() -> Path:
    """Return the folder of exported models, named by the first KEY_DIGITS of their checkpoint's sha256."""
    return cache_dir() / "models"


def remove_models(sha256: str) -> list[Path]:
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


def sha256_of(path: Path, *, afresh: bool = False) -> str:
    """Compute the sha256 of a file, remembered by path, size and time of change.

    Args:
        path: the file.
        afresh: read it again, whatever is remembered.

    Returns:
        64 lower-case hex digits.

    Raises:
        WeightsError: the file can't be read.
    """
    import hashlib

    memory = cache_dir() / "hashes.json"
    key = str(path.absolute())
    try:
        before = _fingerprint(path)
        known = read_json(memory)
        if not afresh and isinstance(entry := known.get(key), list) and entry[:2] == before and len(entry) == 3:
            return str(entry[2])
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        steady = _fingerprint(path) == before
    except OSError as error:
        raise WeightsError(f"expected to read weights from {path}, got: {error.strerror or error}") from error
    if steady:
        remember(memory, key, [*before, found], REMEMBERED_HASHES)
    return found


def _fingerprint(path: Path) -> list[int]:
    """Return size and time of change, nanoseconds: one of them changes when a file does."""
    seen = path.stat()
    return [seen.st_size, seen.st_mtime_ns]


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; an empty one where there is none or where it can't be read."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object, whole or not at all."""
    ensure_folder(path.parent)
    with writing(), atomic_write(path) as beside:
        beside.write_text(json.dumps(content, indent=1), "utf-8")


def remember(path: Path, key: str, value: Any, most: int) -> None:
    """Put a value into a JSON object of at most so many; a cache that can't be written costs time, no more."""
    known = read_json(path)
    known.pop(key, None)
    with contextlib.suppress(WeightsError, DiskFullError):
        write_json(path, {**dict(list(known.items())[1 - most :]), key: value})
