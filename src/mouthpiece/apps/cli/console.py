"""What the command line says, and where: people read stderr, programs read JSON lines on stdout.

One reporter follows one job. Which one depends on who listens: `JsonReporter`, `BarReporter` (a terminal),
`LineReporter` (a log) or `QuietReporter`.
"""

from __future__ import annotations

import json
import math
import os
import sys
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from enum import Enum
from fractions import Fraction
from time import monotonic
from typing import TYPE_CHECKING, Any

from mouthpiece.errors import OutputError

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from mouthpiece.pipeline import SyncResult
    from mouthpiece.types import Box, Progress

JSON_PROGRESS_EVERY_S = 0.2
"""Least time between two progress events."""
BAR_REFRESHES_A_SECOND = 8

# Line ends and control characters would break the promise of one line; the others can turn the terminal's text around.
_BREAKING = {"Cc", "Zl", "Zp"}
_TURNING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class StdoutClosed(Exception):
    """Whoever read our standard output has gone."""


def one_line(text: str) -> str:
    """The text with control characters and line ends shown as escapes, whatever a file name brings."""
    return "".join(_shown(c) for c in text)


def _shown(char: str) -> str:
    if unicodedata.category(char) in _BREAKING or char in _TURNING:
        return char.encode("unicode_escape").decode("ascii")
    return char


def print_err(line: str) -> None:
    """One line to people, on stderr. A stderr that can't be written is no reason to fail."""
    try:
        print(one_line(line), file=sys.stderr, flush=True)
    except (OSError, ValueError):
        return


def print_out(text: str) -> None:
    """Text to stdout.

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


def print_event(event: str, content: dict[str, Any]) -> None:
    """One JSON line to stdout; plain ASCII, so that no terminal's encoding can spoil it."""
    print_out(json.dumps({"event": event, **content}, allow_nan=False))


def warn(warnings: Iterable[str], *, json_lines: bool, quiet: bool) -> None:
    """What the user should know beside the result, one by one: events for programs, else lines for people."""
    for warning in warnings:
        if json_lines:
            print_event("warning", {"message": warning})
        elif not quiet:
            print_err(f"mouthpiece: warning: {warning}")


def as_json(value: Any) -> Any:
    """What json.dumps takes: dataclasses become objects, paths text, fractions numbers, NaN and infinity null."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: as_json(getattr(value, f.name)) for f in fields(value) if f.repr}
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if hasattr(value, "tolist"):  # numpy's arrays and numbers
        return as_json(value.tolist())
    return _plain_json(value)


def _plain_json(value: Any) -> str | int | float | bool | None:
    """One value of a JSON document."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, Fraction | float):
        return float(value) if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)


class Reporter(ABC):
    """Follows one job. Use as a context: leaving it takes a bar off the screen."""

    def __enter__(self) -> Reporter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:  # noqa: B027 - most have nothing to take down
        """Take away what is drawn."""

    def progress(self, progress: Progress) -> None:  # noqa: B027 - most have nothing to say
        """Take note of how far the job is."""

    @abstractmethod
    def result(self, result: SyncResult) -> None:
        """The job is done."""


class QuietReporter(Reporter):
    """Says nothing."""

    def result(self, result: SyncResult) -> None:
        """Nothing."""


class LineReporter(Reporter):
    """One closing line, and one for each warning."""

    def result(self, result: SyncResult) -> None:
        """Say what came out."""
        self.close()
        warn(result.warnings, json_lines=False, quiet=False)
        print_err(closing_line(result))


class JsonReporter(Reporter):
    """Events for programs."""

    def __init__(self) -> None:
        self._said_at = -math.inf

    def progress(self, progress: Progress) -> None:
        """At most a few events a second."""
        now = monotonic()
        if now - self._said_at < JSON_PROGRESS_EVERY_S and progress.frames < progress.total_frames:
            return
        self._said_at = now
        content = as_json(progress) | {"speed": round(progress.speed, 3), "left_s": round(progress.left_s, 3)}
        print_event("progress", content)

    def result(self, result: SyncResult) -> None:
        """Warnings one by one, then everything."""
        warn(result.warnings, json_lines=True, quiet=False)
        print_event("result", as_json(result) | {"speed": round(result.speed, 3)})


class BarReporter(LineReporter):
    """A bar with frames, speed and time left; it disappears when the job ends."""

    def __init__(self) -> None:
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> BarReporter:
        """Show an empty bar at once: the first frame may take a second."""
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[said]}"))
        self._bar = Bar(
            *columns, console=Console(stderr=True), transient=True, refresh_per_second=BAR_REFRESHES_A_SECOND
        )
        self._task = self._bar.add_task("reading", total=None, said="")
        self._bar.start()
        return self

    def close(self) -> None:
        """Take the bar away."""
        if self._bar:
            self._bar.stop()
            self._bar = None

    def progress(self, progress: Progress) -> None:
        """Move the bar."""
        if self._bar is None or self._task is None:
            return
        total = max(progress.total_frames, progress.frames)
        said = f"{progress.frames}/{total} frames  {progress.speed:.1f}x real time  {clock(progress.left_s)} left"
        self._bar.update(self._task, description="syncing", completed=progress.frames, total=total, said=said)


def choose_reporter(*, json_lines: bool, quiet: bool) -> Reporter:
    """The reporter for whoever listens. With `json_lines`, stdout gets the events even when `quiet`."""
    if json_lines:
        return JsonReporter()
    if quiet:
        return QuietReporter()
    return BarReporter() if sys.stderr.isatty() else LineReporter()


def clock(seconds: float) -> str:
    """Seconds as 0:07 or 1:02:03."""
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def box_said(box: Box) -> str:
    """Where and how large."""
    return f"{box.width}x{box.height} pixels at ({box.x0}, {box.y0})"


def closing_line(result: SyncResult) -> str:
    """What came out, in one line; what else a person should know stands in the result's warnings."""
    line = (
        f"{os.fspath(result.path)}: {result.seconds:.2f} s, {result.frames} frames, "
        f"made in {result.elapsed_s:.1f} s ({result.speed:.1f}x real time)"
    )
    if result.faces_seen > 1 and result.face_chosen is not None:
        line += f", the face of {box_said(result.face_chosen)}"
    return line
