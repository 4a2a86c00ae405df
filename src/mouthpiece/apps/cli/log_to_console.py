"""What the library notes in its log while a command runs, told to people: that it tries precisions first, say."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from mouthpiece.apps.cli.console import print_err
from mouthpiece.apps.cli.parameters import Invocation


class _Teller(logging.Handler):
    """Each record as one line on stderr."""

    def __init__(self, invocation: Invocation) -> None:
        super().__init__(logging.INFO)
        self._invocation = invocation

    def emit(self, record: logging.LogRecord) -> None:
        """Tell it, unless nobody wants to hear."""
        if not self._invocation.quiet:
            print_err(f"mouthpiece: {record.getMessage()}")


@contextmanager
def told_to_people(invocation: Invocation) -> Iterator[None]:
    """While entered, what mouthpiece logs is told; the log stays as it is for whoever else reads it."""
    log, teller = logging.getLogger("mouthpiece"), _Teller(invocation)
    before = log.level
    log.addHandler(teller)
    log.setLevel(min(before, logging.INFO) if before else logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(teller)
        log.setLevel(before)
