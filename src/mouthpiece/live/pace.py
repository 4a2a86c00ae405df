"""How fast and how large a live session draws: as told while the machine keeps up, less when it can't."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

STEPPED_FPS = (20.0, 15.0, 12.0)
"""Rates that a session steps down to, frames a second."""
STEPPED_SCALES = (0.75, 0.5)
"""Sizes that it steps down to after that, as shares of the picture's sides."""
WINDOW_S = 1.5
"""The load is judged over so much time."""
TOO_MUCH = 0.9
"""Share of the time spent on drawing from which on the session steps down."""
ENOUGH_ROOM = 0.65
"""Share that the next step up may be expected to take at most."""
PATIENCE_S, MOST_PATIENCE_S = 4.0, 60.0
"""How long there must be room before the session steps up; twice as long after each step up that did not hold."""
HELD_S = 10.0
"""A step up that lasted so long has held."""


@dataclass(frozen=True, slots=True)
class Step:
    """One rung of the ladder."""

    fps: float
    scale: float

    @property
    def work(self) -> float:
        """How much there is to draw a second, in proportion."""
        return self.fps * self.scale**2


def ladder(fps: float) -> tuple[Step, ...]:
    """From all that was asked for down to the least, slower first and then smaller."""
    rates = [fps, *(rate for rate in STEPPED_FPS if rate < fps)]
    return tuple(Step(rate, 1.0) for rate in rates) + tuple(Step(rates[-1], scale) for scale in STEPPED_SCALES)


class Pace:
    """Steps down the ladder when drawing takes all the time there is, and up again when there is room."""

    def __init__(self, steps: tuple[Step, ...]) -> None:
        self._steps = steps
        self._rung = 0
        self._lowest = len(steps) - 1
        self._spans: deque[tuple[float, float, float]] = deque()
        """Of the last WINDOW_S: when a frame was done, seconds since the one before, seconds of those spent waiting."""
        self._patience_s = PATIENCE_S
        self._room_since_s: float | None = None
        self._rose_s: float | None = None

    @property
    def step(self) -> Step:
        """Where it stands."""
        return self._steps[self._rung]

    @property
    def full(self) -> bool:
        """Whether all that was asked for is drawn."""
        return self._rung == 0

    def rest(self) -> None:
        """Nothing is drawn for a while: what was measured counts no more."""
        self._spans.clear()
        self._room_since_s = None

    def refuse(self) -> None:
        """The step just taken down is not possible: stay above it from now on."""
        self._lowest = max(self._rung - 1, 0)
        self._rung = self._lowest
        self.rest()

    def spent(self, now_s: float, elapsed_s: float, waited_s: float) -> bool:
        """A frame is done and its reader is back for the next.

        Args:
            now_s: when.
            elapsed_s: time since this was said last.
            waited_s: how much of it was spent waiting for the next frame to be due.

        Returns:
            Whether the step changed.
        """
        self._spans.append((now_s, elapsed_s, waited_s))
        while self._spans and self._spans[0][0] <= now_s - WINDOW_S:
            self._spans.popleft()
        elapsed_s = sum(span[1] for span in self._spans)
        if elapsed_s < 0.8 * WINDOW_S:
            return False
        load = 1 - min(sum(span[2] for span in self._spans) / elapsed_s, 1.0)
        if load > TOO_MUCH:
            return self._down(now_s)
        return self._up(now_s, load)

    def _down(self, now_s: float) -> bool:
        if self._rose_s is not None and now_s - self._rose_s < HELD_S:
            self._patience_s = min(2 * self._patience_s, MOST_PATIENCE_S)
        self._rose_s = None
        self.rest()
        if self._rung == self._lowest:
            return False
        self._rung += 1
        return True

    def _up(self, now_s: float, load: float) -> bool:
        if self._rose_s is not None and now_s - self._rose_s >= HELD_S:
            self._rose_s, self._patience_s = None, PATIENCE_S
        if self.full:
            return False
        expected = load * self._steps[self._rung - 1].work / self.step.work
        if expected > ENOUGH_ROOM:
            self._room_since_s = None
            return False
        if self._room_since_s is None:
            self._room_since_s = now_s
        if now_s - self._room_since_s < self._patience_s:
            return False
        self._rung -= 1
        self._rose_s = now_s
        self.rest()
        return True
