"""Ctrl-C and SIGTERM, made into a question that a job asks itself between two frames."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from mouthpiece.errors import Cancelled

EXIT_SIGNAL_BASE = 128
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(Exception):
    """A signal ended the job."""

    def __init__(self, number: int, text: str = "cancelled; nothing was written") -> None:
        super().__init__(text)
        self.exit_code = EXIT_SIGNAL_BASE + number


class Interruption:
    """While entered, the first signal only raises a flag, so that the job can tidy up; a second one doesn't wait.

    Calling it tells whether to stop, which is what `sync(cancelled=...)` asks.
    """

    def __init__(self, *, at_once: bool = False) -> None:
        """Make it.

        Args:
            at_once: the first signal doesn't wait either but raises KeyboardInterrupt: for jobs that never ask.
        """
        self.signal_number: int | None = None
        """The signal that came, or None."""
        self._at_once = at_once
        self._before: dict[signal.Signals, Any] = {}

    def __call__(self) -> bool:
        """Return whether to stop."""
        return self.signal_number is not None

    def __enter__(self) -> Interruption:
        """Take the signals over; outside the main thread Python can't, and they stay as they are."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _note(self, number: int, _: FrameType | None) -> None:
        again = self.signal_number is not None
        self.signal_number = number
        if again or self._at_once:
            raise KeyboardInterrupt


@contextmanager
def interruptible(text: str = "cancelled; nothing was written", *, at_once: bool = False) -> Iterator[Interruption]:
    """Let a signal end a job tidily.

    Args:
        text: what a stop means, for people.
        at_once: the first signal doesn't wait either: where a job may wait long for others, as for a server.

    Raises:
        Stopped: a signal came.
    """
    with Interruption(at_once=at_once) as interruption:
        try:
            yield interruption
        except (Cancelled, KeyboardInterrupt) as error:
            raise Stopped(interruption.signal_number or signal.SIGINT, text) from error
