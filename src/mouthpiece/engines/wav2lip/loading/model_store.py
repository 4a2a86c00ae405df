"""Models made from checkpoints and kept under `models_dir()`, a folder for each.

A folder's name holds the checkpoint's digest, what was made and by which versions. It appears under its name when it
is whole; one whose files are not as they were made is made again.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from mouthpiece.checkpoints.cache import KEY_DIGITS, ensure_folder, models_dir, read_json, writing

_RECORD = "made.json"
"""Sizes of the files by name; written last."""


def model_folder(digest: str, label: str) -> Path:
    """Return the folder of a model, which may not exist.

    Args:
        digest: sha256 of the checkpoint.
        label: what was made and with what: letters, digits, dots and dashes.
    """
    return models_dir() / f"{digest[:KEY_DIGITS]}-{label}"


def find_model(digest: str, label: str) -> Path | None:
    """Return the folder of a model that was made before and is whole, or None."""
    folder = model_folder(digest, label)
    return folder if _is_whole(folder) else None


def ensure_model(digest: str, label: str, make: Callable[[Path], None]) -> Path:
    """Return the folder of a model, made if it isn't there or is damaged.

    Args:
        digest: sha256 of the checkpoint.
        label: as for `model_folder`.
        make: fills an empty folder.

    Raises:
        WeightsError: the cache can't be written.
    """
    folder = model_folder(digest, label)
    if _is_whole(folder):
        return folder
    ensure_folder(folder.parent)
    with (
        writing(),
        tempfile.TemporaryDirectory(prefix=".making-", dir=folder.parent, ignore_cleanup_errors=True) as name,
    ):
        beside = Path(name)
        make(beside)
        sizes = {path.name: path.stat().st_size for path in sorted(beside.iterdir())}
        (beside / _RECORD).write_text(json.dumps(sizes), "utf-8")
        _put(beside, folder)
    return folder


def _put(beside: Path, folder: Path) -> None:
    """Rename the folder to its final name, unless another process was first."""
    if not _is_whole(folder):
        shutil.rmtree(folder, ignore_errors=True)
        try:
            beside.rename(folder)
        except OSError:
            if not _is_whole(folder):  # otherwise another process made the same meanwhile
                raise


def _is_whole(folder: Path) -> bool:
    sizes = read_json(folder / _RECORD)
    try:
        return bool(sizes) and all((folder / Path(name).name).stat().st_size == size for name, size in sizes.items())
    except OSError:
        return False
