"""Sound on its way in: what waits to be heard, and which of the sender's samples a moment of the speech was.

Three clocks meet here. The *sender* counts the samples that it sent since the start. The *engine* hears a stream
without gaps: silence put in where sound stayed away, nothing where sound was lost. *Arrival* is wall-clock time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from mouthpiece.errors import OptionError
from mouthpiece.types import SAMPLE_RATE, FloatArray

BACKLOG_S = 1.0
"""Sound that waits longer than this to be heard is dropped, the oldest first."""
GAP_S = 0.15
"""Sound that is so late counts as stayed away; silence takes its place."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Sound that arrived at once."""

    samples: FloatArray
    """(n,) float32 in [-1, 1]."""
    first: int
    """The sender's count of samples[0]."""
    arrived_s: float
    """When, by the session's clock."""


class Inbox:
    """Sound that arrived and was not heard yet: about a second of it at most. Whoever uses it holds the lock."""

    def __init__(self) -> None:
        self._limit = round(BACKLOG_S * SAMPLE_RATE)
        self.clear()

    def clear(self) -> None:
        """A new speech begins; the next sample is its first."""
        self._pieces: deque[Piece] = deque()
        self._waiting = 0
        self._sent = 0
        self.lost = 0
        """Samples dropped of this speech."""

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return self._waiting > 0

    def put(self, samples: FloatArray, arrived_s: float) -> None:
        """Sound arrives: (n,) float32, the inbox's own from now on."""
        if len(samples):
            self._pieces.append(Piece(samples, self._sent, arrived_s))
            self._sent += len(samples)
            self._waiting += len(samples)
        while self._waiting > self._limit:
            self._drop(self._waiting - self._limit)

    def take(self) -> list[Piece]:
        """All that waits, in order."""
        taken = list(self._pieces)
        self._pieces.clear()
        self._waiting = 0
        return taken

    def _drop(self, most: int) -> None:
        """Drop up to so many samples of the oldest piece."""
        oldest = self._pieces.popleft()
        dropped = min(most, len(oldest.samples))
        if dropped < len(oldest.samples):
            # A copy: a view would keep the dropped part alive.
            rest = oldest.samples[dropped:].copy()
            self._pieces.appendleft(Piece(rest, oldest.first + dropped, oldest.arrived_s))
        self._waiting -= dropped
        self.lost += dropped


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A stretch of what the engine heard."""

    start: int
    """The engine's count of its first sample."""
    first: int
    """The sender's count of it."""
    moves: bool
    """Whether the sender's count goes on in it; not in silence that nobody sent."""
    arrived_s: float


class Heard:
    """What the engine heard of a speech, and where in it each moment lies. For one thread."""

    def __init__(self) -> None:
        self._stretches: deque[_Stretch] = deque()
        self.samples = 0
        """Samples that the engine heard."""
        self._sent = 0

    @property
    def seconds(self) -> float:
        """How much the engine heard."""
        return self.samples / SAMPLE_RATE

    def sound(self, piece: Piece) -> None:
        """The engine hears a piece."""
        self._stretches.append(_Stretch(self.samples, piece.first, True, piece.arrived_s))
        self.samples += len(piece.samples)
        self._sent = piece.first + len(piece.samples)

    def silence(self, count: int, now_s: float) -> None:
        """The engine hears samples of silence that nobody sent."""
        self._stretches.append(_Stretch(self.samples, self._sent, False, now_s))
        self.samples += count

    def place(self, moment_s: float) -> tuple[float, float] | None:
        """Where a moment of the engine's speech lies; earlier ones are forgotten.

        Returns:
            The sender's time, seconds since its first sample, and when that sample arrived; None if nothing was heard.
        """
        sample = int(moment_s * SAMPLE_RATE)
        while len(self._stretches) > 1 and self._stretches[1].start <= sample:
            self._stretches.popleft()
        if not self._stretches:
            return None
        here = self._stretches[0]
        on = min(max(sample, here.start), self.samples) - here.start if here.moves else 0
        return (here.first + on) / SAMPLE_RATE, here.arrived_s


def as_sound(samples: FloatArray) -> FloatArray:
    """Samples as the engines take them: a copy in float32, within [-1, 1], silence where they are not finite.

    Raises:
        OptionError: they are not one channel of floats.
    """
    array = np.asarray(samples)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.floating):
        raise OptionError(
            f"expected mono samples of shape (n,) as floats in [-1, 1], got {array.dtype} of shape {array.shape}; "
            "mix the channels and divide integers by their range first"
        )
    finite = np.nan_to_num(array, copy=True, nan=0.0, posinf=0.0, neginf=0.0)
    return np.clip(finite, -1.0, 1.0).astype(np.float32)
