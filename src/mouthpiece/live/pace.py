"""Rate and size at which a live session draws: in full while the machine keeps up, stepped down when it can't."""

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
"""Window over which the load is measured, seconds."""
MOST_LOAD = 0.9
"""Share of the time spent on drawing above which the session steps down."""
MOST_OWN_LOAD = 0.7
"""Share of the time of computing above which a session is too slow by itself, and not for its neighbours."""
LOAD_WITH_ROOM = 0.75
"""Greatest load that may be expected of the next level up."""
PATIENCE_S, MOST_PATIENCE_S = 4.0, 60.0
"""How long there must be room before the session steps up; twice as long after each step up that did not hold."""
HELD_S = 10.0
"""A step up that lasted so long has held."""


@dataclass(frozen=True, slots=True)
class QualityLevel:
    """A rate and a size to draw at."""

    fps: float
    scale: float

    @property
    def work(self) -> float:
        """Pixels to draw a second, in proportion."""
        return self.fps * self.scale**2


def quality_levels(fps: float) -> tuple[QualityLevel, ...]:
    """Return the levels from all that was asked for down to the least: slower first, then smaller."""
    rates = [fps, *(rate for rate in STEPPED_FPS if rate < fps)]
    smaller = tuple(QualityLevel(rates[-1], scale) for scale in STEPPED_SCALES)
    return tuple(QualityLevel(rate, 1.0) for rate in rates) + smaller


class PaceGroup:
    """The sessions that share a machine: when it can't keep up they step down in turn, so that all do alike."""

    def __init__(self) -> None:
        self._members: WeakSet[QualityController] = WeakSet()
        self.lock = threading.Lock()

    def join(self, controller: QualityController) -> None:
        """Add a session's controller; the group holds no strong reference to it."""
        with self.lock:
            self._members.add(controller)

    def others(self, controller: QualityController) -> list[QualityController]:
        """Return the controllers of the other sessions that speak now; the caller holds the lock."""
        return [other for other in self._members if other is not controller and other.active]


class QualityController:
    """Steps down when drawing takes all the time there is, and up again when there is room.

    Used from one thread; those of a group read one another's level.
    """

    def __init__(
        self,
        levels: tuple[QualityLevel, ...],
        group: PaceGroup | None = None,
        computed: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Start at the highest level.

        Args:
            levels: as `quality_levels` returns them.
            group: the sessions on the same machine.
            computed: returns the seconds that the drawing thread has computed so far; called now and then, as a call
                may take a millisecond.
        """
        self.active = False
        """Whether the session speaks."""
        self.steps = 0
        """Steps down from the highest level."""
        self.is_slow_alone = False
        """Whether the session is too slow by itself: its neighbours then don't wait for it."""
        self._levels = levels
        self._most_steps = len(levels) - 1
        self._must_step_down = False
        """Whether another session needs this one to step down."""
        self._group = group or PaceGroup()
        self._computed = computed
        self._own_since: tuple[float, float] | None = None
        """When `computed` was called last, and what it returned."""
        self._own_load = 0.0
        """Share of the time before that in which the thread computed."""
        self._spans: deque[tuple[float, float, float]] = deque()
        """Arguments of `record_frame` over the last WINDOW_S."""
        self._patience_s = PATIENCE_S
        self._room_since_s: float | None = None
        self._rose_s: float | None = None
        self._group.join(self)

    @property
    def level(self) -> QualityLevel:
        """The present level."""
        return self._levels[self.steps]

    @property
    def is_full(self) -> bool:
        """Whether all that was asked for is drawn."""
        return self.steps == 0

    @property
    def is_lowest(self) -> bool:
        """Whether there is no level below."""
        return self.steps == self._most_steps

    def pause(self) -> None:
        """Forget all measurements: nothing is drawn for a while."""
        self.active = False
        self._own_since, self._own_load = None, 0.0
        self._restart()

    def rule_out_level(self) -> None:
        """Step back up from a level that is not possible, and never down to it again."""
        self._most_steps = self.steps = max(self.steps - 1, 0)
        self._restart()

    def record_frame(self, now_s: float, elapsed_s: float, waited_s: float) -> bool:
        """Record that a frame is done and its reader is back for the next.

        Args:
            now_s: when.
            elapsed_s: time since the frame before.
            waited_s: share of it, seconds, that was spent waiting for the next frame to be due.

        Returns:
            Whether the level changed.
        """
        self.active = True
        self._measure_own_load(now_s)
        self._spans.append((now_s, elapsed_s, waited_s))
        while self._spans[0][0] <= now_s - WINDOW_S:
            self._spans.popleft()
        elapsed_s, waited_s = (sum(span[column] for span in self._spans) for column in (1, 2))
        with self._group.lock:
            if self._must_step_down:
                return self._step_down(now_s)
            if elapsed_s < 0.8 * WINDOW_S:
                return False
            load = 1 - min(waited_s / elapsed_s, 1.0)
            if load <= MOST_LOAD:
                return self._step_up_if_room(now_s, load)
            self.is_slow_alone = self._own_load > MOST_OWN_LOAD
            return self._step_down(now_s) if self.is_slow_alone else self._make_room(now_s)

    def _measure_own_load(self, now_s: float) -> None:
        if self._own_since is not None and now_s - self._own_since[0] < WINDOW_S / 2:
            return
        own_s = self._computed()
        if self._own_since is not None:
            self._own_load = (own_s - self._own_since[1]) / (now_s - self._own_since[0])
        self._own_since = now_s, own_s

    def _make_room(self, now_s: float) -> bool:
        """Step down, or make a session of a higher level do so."""
        higher = [other for other in self._group.others(self) if other.steps < self.steps]
        if not higher:
            return self._step_down(now_s)
        min(higher, key=lambda other: other.steps)._must_step_down = True
        self._restart()
        return False

    def _step_down(self, now_s: float) -> bool:
        if self._rose_s is not None and now_s - self._rose_s < HELD_S:
            self._patience_s = min(2 * self._patience_s, MOST_PATIENCE_S)
        self._rose_s = None
        self._restart()
        if self.is_lowest:
            return False
        self.steps += 1
        return True

    def _step_up_if_room(self, now_s: float, load: float) -> bool:
        if self._rose_s is not None and now_s - self._rose_s >= HELD_S:
            self._rose_s, self._patience_s = None, PATIENCE_S
        if self.is_full:
            return False
        expected = load * self._levels[self.steps - 1].work / self.level.work
        lower = any(other.steps > self.steps and not other.is_slow_alone for other in self._group.others(self))
        if lower or expected > LOAD_WITH_ROOM:
            self._room_since_s = None
            return False
        if self._room_since_s is None:
            self._room_since_s = now_s
        if now_s - self._room_since_s < self._patience_s:
            return False
        self.steps -= 1
        self.is_slow_alone = False
        self._restart()
        self._rose_s = now_s
        return True

    def _restart(self) -> None:
        """Begin to measure anew."""
        self._must_step_down = False
        self._spans.clear()
        self._room_since_s = None
