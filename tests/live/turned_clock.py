"""A clock that tests turn, and a session that lives by it."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from mouthpiece.live import Clock, LiveFrame, LiveSession
from mouthpiece.types import SAMPLE_RATE, FloatArray

CHUNK_S = 0.02


class Score(Clock):
    """A clock that goes on when somebody waits, and what happens when."""

    def __init__(self) -> None:
        self._now_s = 1000.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def now(self) -> float:
        """Seconds."""
        return self._now_s

    def at(self, when_s: float, what: Callable[[], None]) -> None:
        """Let something happen."""
        heapq.heappush(self._events, (when_s, next(self._order), what))

    def spend(self, seconds: float) -> None:
        """Time passes."""
        end_s = self._now_s + seconds
        while self._events and self._events[0][0] <= end_s:
            self._now_s, _, what = heapq.heappop(self._events)
            what()
        self._now_s = end_s

    def wait(self, changed: threading.Condition, seconds: float) -> None:
        """Time passes until something happens."""
        end_s = self._now_s + seconds
        if self._events and self._events[0][0] <= end_s:
            end_s = self._events[0][0]
        self.spend(max(end_s - self._now_s, 0.0))


@dataclass
class Effort:
    """How long drawing takes."""

    seconds: float = 0.0
    by_size: bool = False
    """Whether that is for the picture's full size, and less for smaller ones."""
    drawn: list[float] = field(default_factory=list)
    """The moments drawn."""


@dataclass
class Stage:
    """A session with a clock of its own and an engine as slow as told."""

    clock: Score
    effort: Effort
    live: LiveSession

    def speak(self, samples: FloatArray, start_s: float | None = None, chunk_s: float = CHUNK_S) -> float:
        """Let sound arrive as it is spoken; when the last of it has arrived."""
        when_s = self.clock.now() if start_s is None else start_s
        size = round(chunk_s * SAMPLE_RATE)
        for start in range(0, len(samples), size):
            part = samples[start : start + size]
            when_s += len(part) / SAMPLE_RATE
            self.clock.at(when_s, partial(self.live.push, part))
        return when_s

    def play(self, seconds: float) -> list[tuple[float, LiveFrame]]:
        """Take frames for so long, each with the time when it came."""
        frames, end_s = [], self.clock.now() + seconds
        while (left_s := end_s - self.clock.now()) > 1e-9:
            frame = self.live.next_frame(left_s)
            if frame is not None:
                frames.append((self.clock.now(), frame))
        return frames
