"""The library's log while a command runs, printed for people: that it tries precisions first, for example."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from mouthpiece.apps.cli.console import Console


class _ConsoleHandler(logging.Handler):
    """Prints each record as one line on stderr."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print it, unless people want errors only."""
        self._console.note(f"mouthpiece: {record.getMessage()}")


@contextmanager
def log_to_console(console: Console) -> Iterator[None]:
    """Print what mouthpiece logs while entered; the log stays as it is for its other readers."""
    log, handler = logging.getLogger("mouthpiece"), _ConsoleHandler(console)
    before = log.level
    log.addHandler(handler)
    log.setLevel(min(before, logging.INFO) if before else logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)
