"""How fast and how large a live session draws: as told while the machine keeps up, less when it can't."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakSet

STEPPED_FPS = (20.0, 15.0, 12.0)
"""Rates that a session steps down to, frames a second."""
STEPPED_SCALES = (0.75, 0.5)
"""Sizes that it steps down to after that, as shares of the picture's sides."""
WINDOW_S = 1.5
"""The load is judged over so much time."""
TOO_MUCH = 0.9
"""Share of the time spent on drawing from which on the session steps down."""
MOSTLY = 0.7
"""Share of the time of computing from which on a session is too slow by itself, and not for its neighbours."""
ENOUGH_ROOM = 0.75
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


def quality_levels(fps: float) -> tuple[Step, ...]:
    """From all that was asked for down to the least, slower first and then smaller."""
    rates = [fps, *(rate for rate in STEPPED_FPS if rate < fps)]
    return tuple(Step(rate, 1.0) for rate in rates) + tuple(Step(rates[-1], scale) for scale in STEPPED_SCALES)


class PaceGroup:
    """The sessions that share a machine: when it can't keep up they step down in turn, so that all do alike."""

    def __init__(self) -> None:
        self._paces: WeakSet[QualityController] = WeakSet()
        self.lock = threading.Lock()

    def join(self, pace: QualityController) -> None:
        """One more session."""
        with self.lock:
            self._paces.add(pace)

    def others(self, pace: QualityController) -> list[QualityController]:
        """The other sessions that speak now. Whoever asks holds the lock."""
        return [other for other in self._paces if other is not pace and other.active]


class QualityController:
    """Steps down the ladder when drawing takes all the time there is, and up again when there is room.

    Used from one thread; those of a crowd look at each other.
    """

    def __init__(
        self, steps: tuple[Step, ...], crowd: PaceGroup | None = None, computed: Callable[[], float] = lambda: 0.0
    ) -> None:
        """Start at the top.

        Args:
            steps: the ladder.
            crowd: the neighbours.
            computed: seconds that the drawing thread has computed so far; asked now and then, as it may take a
                millisecond to tell.
        """
        self.active = False
        """Whether the session speaks."""
        self.rung = 0
        """Steps down from the top."""
        self.alone = False
        """Whether this session is slow all by itself: that is nobody else's business."""
        self._steps = steps
        self._lowest = len(steps) - 1
        self._told = False
        """Whether another session needs this one to step down."""
        self._crowd = crowd or PaceGroup()
        self._computed = computed
        self._own_from: tuple[float, float] | None = None
        """When `computed` was asked last, and what it said."""
        self._own = 0.0
        """Share of the time before that in which the thread computed."""
        self._spans: deque[tuple[float, float, float]] = deque()
        """What `spent` was told in the last WINDOW_S."""
        self._patience_s = PATIENCE_S
        self._room_since_s: float | None = None
        self._rose_s: float | None = None
        self._crowd.join(self)

    @property
    def step(self) -> Step:
        """Where it stands."""
        return self._steps[self.rung]

    @property
    def full(self) -> bool:
        """Whether all that was asked for is drawn."""
        return self.rung == 0

    @property
    def least(self) -> bool:
        """Whether it can go no lower."""
        return self.rung == self._lowest

    def rest(self) -> None:
        """Nothing is drawn for a while: what was measured counts no more."""
        self.active = False
        self._own_from, self._own = None, 0.0
        self._measure_anew()

    def refuse(self) -> None:
        """The step just taken down is not possible: stay above it from now on."""
        self._lowest = max(self.rung - 1, 0)
        self.rung = self._lowest
        self._measure_anew()

    def spent(self, now_s: float, elapsed_s: float, waited_s: float) -> bool:
        """A frame is done and its reader is back for the next.

        Args:
            now_s: when.
            elapsed_s: time since this was said last.
            waited_s: how much of it was spent waiting for the next frame to be due.

        Returns:
            Whether the step changed.
        """
        self.active = True
        self._ask_own_share(now_s)
        self._spans.append((now_s, elapsed_s, waited_s))
        while self._spans[0][0] <= now_s - WINDOW_S:
            self._spans.popleft()
        elapsed_s, waited_s = (sum(span[column] for span in self._spans) for column in (1, 2))
        with self._crowd.lock:
            if self._told:
                return self._down(now_s)
            if elapsed_s < 0.8 * WINDOW_S:
                return False
            load = 1 - min(waited_s / elapsed_s, 1.0)
            if load <= TOO_MUCH:
                return self._up(now_s, load)
            self.alone = self._own > MOSTLY
            return self._down(now_s) if self.alone else self._make_room(now_s)

    def _ask_own_share(self, now_s: float) -> None:
        if self._own_from is not None and now_s - self._own_from[0] < WINDOW_S / 2:
            return
        own_s = self._computed()
        if self._own_from is not None:
            self._own = (own_s - self._own_from[1]) / (now_s - self._own_from[0])
        self._own_from = now_s, own_s

    def _make_room(self, now_s: float) -> bool:
        """Step down, or let one do it that stands higher."""
        higher = [pace for pace in self._crowd.others(self) if pace.rung < self.rung]
        if not higher:
            return self._down(now_s)
        min(higher, key=lambda pace: pace.rung)._told = True
        self._measure_anew()
        return False

    def _down(self, now_s: float) -> bool:
        if self._rose_s is not None and now_s - self._rose_s < HELD_S:
            self._patience_s = min(2 * self._patience_s, MOST_PATIENCE_S)
        self._rose_s = None
        self._measure_anew()
        if self.least:
            return False
        self.rung += 1
        return True

    def _up(self, now_s: float, load: float) -> bool:
        if self._rose_s is not None and now_s - self._rose_s >= HELD_S:
            self._rose_s, self._patience_s = None, PATIENCE_S
        if self.full:
            return False
        expected = load * self._steps[self.rung - 1].work / self.step.work
        lower = any(pace.rung > self.rung and not pace.alone for pace in self._crowd.others(self))
        if lower or expected > ENOUGH_ROOM:
            self._room_since_s = None
            return False
        if self._room_since_s is None:
            self._room_since_s = now_s
        if now_s - self._room_since_s < self._patience_s:
            return False
        self.rung -= 1
        self.alone = False
        self._measure_anew()
        self._rose_s = now_s
        return True

    def _measure_anew(self) -> None:
        """What was measured counts no more: things changed."""
        self._told = False
        self._spans.clear()
        self._room_since_s = None
