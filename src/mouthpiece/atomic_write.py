"""Files that appear whole or not at all: written under a hidden name beside their place, then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mouthpiece.errors import OutputError


@contextmanager
def atomic_write(target: Path) -> Iterator[Path]:
    """Give a hidden path beside a file; what is written there takes the file's place at the end of the block.

    Whatever ends the block early leaves the file as it was, and nothing beside it.

    Args:
        target: the file, new or to be replaced.

    Yields:
        A path in the same folder, free, with the target's suffix.

    Raises:
        OSError: the file can't be replaced; `write_text` shows how callers put that.
    """
    hidden = target.with_name(f".{target.name}.{os.urandom(4).hex()}{target.suffix}")
    try:
        yield hidden
        hidden.replace(target)
    finally:
        hidden.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all.

    Raises:
        OutputError: it can't be written.
    """
    try:
        with atomic_write(path) as hidden:
            hidden.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror}; give another place") from error
