"""How far a job over many clips is: a bar on a terminal, now and then a line in a log, events for programs."""

from __future__ import annotations

import math
import sys
from time import monotonic
from typing import TYPE_CHECKING

from mouthpiece.apps.cli.console import BAR_REFRESHES_A_SECOND, JSON_PROGRESS_EVERY_S, clock, print_err, print_event

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

LINE_EVERY_S = 10.0
"""Least time between two lines in a log."""


class ClipProgress:
    """Follows one job. Use as a context: leaving it takes a bar off the screen."""

    def __init__(self, what: str, *, json_lines: bool = False, quiet: bool = False) -> None:
        """Say nothing yet.

        Args:
            what: what is done with the clips: `preparing`.
            json_lines: tell programs, on stdout.
            quiet: tell people nothing.
        """
        self._what = what
        self._json = json_lines
        self._silent = quiet and not json_lines
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._started = monotonic()
        self._told = -math.inf if json_lines else self._started
        self._done_before: int | None = None

    def __enter__(self) -> ClipProgress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()
            self._bar = None

    def __call__(self, done: int, total: int) -> None:
        """Take note of how far the job is."""
        if self._silent:
            return
        if self._done_before is None or done < self._done_before:  # a job that goes on, or the next corpus
            self._started, self._done_before = monotonic(), max(done - 1, 0)
        left_s = (monotonic() - self._started) / max(done - self._done_before, 1) * (total - done)
        if self._json:
            self._tell_programs(done, total, left_s)
        elif sys.stderr.isatty():
            self._move_bar(done, total, left_s)
        elif monotonic() - self._told >= LINE_EVERY_S:
            self._told = monotonic()
            print_err(f"{self._what}: {done} of {total} clips, {clock(left_s)} left")

    def _tell_programs(self, done: int, total: int, left_s: float) -> None:
        if monotonic() - self._told < JSON_PROGRESS_EVERY_S and done < total:
            return
        self._told = monotonic()
        print_event("progress", {"clips": done, "total_clips": total, "left_s": round(left_s, 3)})

    def _move_bar(self, done: int, total: int, left_s: float) -> None:
        if self._bar is None or self._task is None:
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar

            columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[said]}"))
            self._bar = Bar(
                *columns, console=Console(stderr=True), transient=True, refresh_per_second=BAR_REFRESHES_A_SECOND
            )
            self._task = self._bar.add_task(self._what, total=total, said="")
            self._bar.start()
        said = f"{done}/{total} clips  {clock(left_s)} left"
        self._bar.update(self._task, completed=done, total=total, said=said)
