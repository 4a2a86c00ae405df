"""Sound that arrives at a live session: its queue, and the timeline from the engine's moments to the sender's samples.

Three clocks meet here. The *sender* counts the samples that it sent since the start. The *engine* gets a stream
without gaps: silence put in where sound stayed away, nothing where sound was lost. *Arrival* is wall-clock time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from mouthpiece.errors import OptionError
from mouthpiece.types import SAMPLE_RATE, FloatArray

BACKLOG_S = 1.0
"""Longest sound that waits for the engine; more of it drops the oldest."""
GAP_S = 0.15
"""Sound that is so late counts as stayed away; silence takes its place."""


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """Sound that arrived at once."""

    samples: FloatArray
    """(n,) float32 in [-1, 1]."""
    first: int
    """The sender's count of samples[0]."""
    arrived_s: float
    """Arrival, seconds of the session's clock."""


class Inbox:
    """Queue of sound that arrived and has not gone to the engine: BACKLOG_S at most. Guarded by the caller's lock."""

    def __init__(self) -> None:
        self._limit = round(BACKLOG_S * SAMPLE_RATE)
        self.clear()

    def clear(self) -> None:
        """Empty the queue and count from 0: a new speech begins."""
        self._chunks: deque[AudioChunk] = deque()
        self._waiting = 0
        self._sent = 0
        self.lost = 0
        """Samples dropped of this speech."""

    def __bool__(self) -> bool:
        """Return whether anything waits."""
        return self._waiting > 0

    def put(self, samples: FloatArray, arrived_s: float) -> None:
        """Append sound, (n,) float32, which belongs to the inbox from now on; drop the oldest beyond the limit."""
        if len(samples):
            self._chunks.append(AudioChunk(samples, self._sent, arrived_s))
            self._sent += len(samples)
            self._waiting += len(samples)
        while self._waiting > self._limit:
            self._drop(self._waiting - self._limit)

    def take(self) -> list[AudioChunk]:
        """Remove and return all that waits, in order."""
        taken = list(self._chunks)
        self._chunks.clear()
        self._waiting = 0
        return taken

    def _drop(self, most: int) -> None:
        """Drop up to so many samples of the oldest chunk."""
        oldest = self._chunks.popleft()
        dropped = min(most, len(oldest.samples))
        if dropped < len(oldest.samples):
            # A copy: a view would keep the dropped part alive.
            rest = oldest.samples[dropped:].copy()
            self._chunks.appendleft(AudioChunk(rest, oldest.first + dropped, oldest.arrived_s))
        self._waiting -= dropped
        self.lost += dropped


@dataclass(frozen=True, slots=True)
class _Segment:
    """Consecutive samples that went to the engine: one chunk, or silence."""

    start: int
    """The engine's count of its first sample."""
    first: int
    """The sender's count of it."""
    is_sent: bool
    """Whether the sender's count goes on in it; not in silence that nobody sent."""
    arrived_s: float


class SpeechTimeline:
    """Map from the engine's moments to the sender's time and the time of arrival. For one thread."""

    def __init__(self) -> None:
        self._segments: deque[_Segment] = deque()
        self.samples = 0
        """Samples that went to the engine."""
        self._sent = 0

    def add_sound(self, chunk: AudioChunk) -> None:
        """Append a chunk that goes to the engine."""
        self._segments.append(_Segment(self.samples, chunk.first, True, chunk.arrived_s))
        self.samples += len(chunk.samples)
        self._sent = chunk.first + len(chunk.samples)

    def add_silence(self, count: int, now_s: float) -> None:
        """Append samples of silence that nobody sent."""
        self._segments.append(_Segment(self.samples, self._sent, False, now_s))
        self.samples += count

    def locate(self, moment_s: float) -> tuple[float, float] | None:
        """Locate a moment of the engine's speech; earlier ones are forgotten.

        Returns:
            The sender's time, seconds since its first sample, and when that sample arrived; None before any sound.
        """
        sample = int(moment_s * SAMPLE_RATE)
        while len(self._segments) > 1 and self._segments[1].start <= sample:
            self._segments.popleft()
        if not self._segments:
            return None
        segment = self._segments[0]
        offset = min(max(sample, segment.start), self.samples) - segment.start if segment.is_sent else 0
        return (segment.first + offset) / SAMPLE_RATE, segment.arrived_s


def as_samples(samples: FloatArray) -> FloatArray:
    """Return a copy of samples as engines take them: float32, within [-1, 1], 0 where they are not finite.

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
