"""Tables and reports that commands write: whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from mouthpiece.errors import OutputError


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8 beside its place, and put it there when it is whole.

    Raises:
        OutputError: it can't be written.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            unfinished.write_text(text, encoding="utf-8")
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror}; give another place") from error
