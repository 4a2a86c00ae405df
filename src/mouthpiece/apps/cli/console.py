"""The command line's way out: text for people on stderr, results on stdout, JSON lines on stdout for programs.

Each command gets one `Console`: it holds who listens (`json`, `quiet`, `debug`), prints notices and results for them,
and shows the progress of a job.
"""

from __future__ import annotations

import json
import math
import os
import sys
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from fractions import Fraction
from time import monotonic
from typing import TYPE_CHECKING, Any

from mouthpiece.apps.durations import format_clock
from mouthpiece.errors import OutputError
from mouthpiece.notices import Notice

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from mouthpiece.types import Box

EVENT_EVERY_S = 0.2
"""Least time between two progress events."""
LINE_EVERY_S = 10.0
"""Least time between two lines in a log."""
BAR_REFRESHES_A_SECOND = 8

# Line ends and control characters would break the promise of one line; the others can turn the terminal's text around.
_BREAKING = {"Cc", "Zl", "Zp"}
_TURNING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class StdoutClosed(Exception):
    """Whoever read our standard output has gone."""


def one_line(text: str) -> str:
    """Return the text with control characters and line ends as escapes, whatever a file name brings."""
    return "".join(_escaped(c) for c in text)


def _escaped(char: str) -> str:
    if unicodedata.category(char) in _BREAKING or char in _TURNING:
        return char.encode("unicode_escape").decode("ascii")
    return char


def print_err(line: str) -> None:
    """Print one line for people, on stderr. A stderr that can't be written is no reason to fail."""
    try:
        print(one_line(line), file=sys.stderr, flush=True)
    except (OSError, ValueError):
        return


def print_out(text: str) -> None:
    """Print text to stdout.

    Raises:
        StdoutClosed: nobody reads it any more.
        OutputError: it can't be written.
    """
    try:
        print(text, flush=True)
    except BrokenPipeError as error:
        raise StdoutClosed from error
    except OSError as error:
        raise OutputError(f"standard output can't be written: {error.strerror}") from error


def print_event(event: str, content: Mapping[str, Any]) -> None:
    """Print one JSON line to stdout; plain ASCII, so that no terminal's encoding can spoil it."""
    print_out(json.dumps({"event": event, **content}, allow_nan=False))


def as_json(value: Any) -> Any:
    """Convert to what json.dumps takes: dataclasses become objects, paths text, fractions numbers, NaN null."""
    if isinstance(value, Notice):
        return {"code": value.code, "message": value.text, "values": as_json(value.values)}
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: as_json(getattr(value, f.name)) for f in fields(value) if f.repr}
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if hasattr(value, "tolist"):  # numpy's arrays and numbers
        return as_json(value.tolist())
    return _plain_json(value)


def _plain_json(value: Any) -> str | int | float | bool | None:
    """Convert one value of a JSON document."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, Fraction | float):
        return float(value) if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)


@dataclass
class Console:
    """One run of a command: who listens, and what is printed for them. Travels as the context's `obj`."""

    json: bool = False
    """Whether programs read JSON lines on standard output."""
    quiet: bool = False
    """Whether people get errors only."""
    debug: bool = False
    """Whether tracebacks are shown."""

    def event(self, name: str, content: Mapping[str, Any]) -> None:
        """Print an event where programs listen."""
        if self.json:
            print_event(name, content)

    def note(self, line: str) -> None:
        """Print a line for people, unless they want errors only."""
        if not self.quiet:
            print_err(line)

    def report(self, event: str, content: Mapping[str, Any], line: str) -> None:
        """Print an event for programs, or else a line for people."""
        if self.json:
            print_event(event, content)
        else:
            self.note(line)

    def show(self, event: str, content: Any, lines: Iterable[str]) -> None:
        """Print what a command was asked for, on stdout: an event for programs, else lines for people."""
        if self.json:
            print_event(event, as_json(content))
        else:
            for line in lines:
                print_out(one_line(line))

    def warn(self, notices: Iterable[Notice]) -> None:
        """Print what the user should know beside the result, one by one."""
        for notice in notices:
            self.report("warning", as_json(notice), f"mouthpiece: warning: {notice.text}")

    def progress(self, description: str, *, lines: bool = True) -> ProgressDisplay:
        """Follow a job; use as a context.

        Args:
            description: what is done, for people.
            lines: whether a log gets a line now and then.
        """
        return ProgressDisplay(self, description, lines=lines)


class ProgressDisplay:
    """How far a job is: a bar on a terminal, now and then a line in a log, events for programs.

    Use as a context: leaving it takes the bar off the screen.
    """

    def __init__(self, console: Console, description: str, *, lines: bool) -> None:
        self._console = console
        self._description = description
        self._lines = lines
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._printed_s = -math.inf if console.json else monotonic()

    def __enter__(self) -> ProgressDisplay:
        """Show an empty bar at once where there is a terminal: the first step may take a second."""
        if sys.stderr.isatty() and not (self._console.json or self._console.quiet):
            from rich.console import Console as Terminal
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar

            columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[text]}"))
            terminal = Terminal(stderr=True)
            self._bar = Bar(*columns, console=terminal, transient=True, refresh_per_second=BAR_REFRESHES_A_SECOND)
            self._task = self._bar.add_task(self._description, total=None, text="")
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()
            self._bar = None

    def update(
        self,
        done: float,
        total: float | None,
        *,
        text: str,
        content: Mapping[str, Any],
        description: str | None = None,
    ) -> None:
        """Take note of how far the job is.

        Args:
            done: so much of `total`.
            total: None where it isn't known.
            text: that for people.
            content: that for programs.
            description: what is done now, if that changed.
        """
        self._description = description or self._description
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=self._description, completed=done, total=total, text=text)
        elif self._console.json:
            if self._is_due(EVENT_EVERY_S) or done == total:
                self._printed_s = monotonic()
                print_event("progress", content)
        elif self._lines and self._is_due(LINE_EVERY_S):
            self._printed_s = monotonic()
            self._console.note(f"{self._description}: {text}")

    def _is_due(self, every_s: float) -> bool:
        return monotonic() - self._printed_s >= every_s


class ItemProgress:
    """How far a job over many items is, with the time left; call it with how many are done of how many.

    The first call's items may have been there before: the pace is that of the others.
    """

    def __init__(self, display: ProgressDisplay, items: str) -> None:
        """Begin.

        Args:
            display: where it is shown.
            items: what they are called: clips.
        """
        self._display = display
        self._items = items
        self._started_s = monotonic()
        self._done_before: int | None = None

    def __call__(self, done: int, total: int) -> None:
        """Take note of how many are done."""
        if self._done_before is None or done < self._done_before:  # a job that goes on, or the next corpus
            self._started_s, self._done_before = monotonic(), max(done - 1, 0)
        left_s = (monotonic() - self._started_s) / max(done - self._done_before, 1) * (total - done)
        content = {self._items: done, f"total_{self._items}": total, "left_s": round(left_s, 3)}
        text = f"{done} of {total} {self._items}, {format_clock(left_s)} left"
        self._display.update(done, total, text=text, content=content)


def box_text(box: Box) -> str:
    """Format where a box is and how large."""
    return f"{box.width}x{box.height} pixels at ({box.x0}, {box.y0})"


def forget_stdout() -> None:
    """Let Python's own flush at exit go nowhere."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return
