"""States of a live session's speech: at rest, speaking, closing; and in each the moment to show."""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from math import nextafter

import numpy as np

from mouthpiece.engines.base import Engine
from mouthpiece.live.inbox import GAP_S, AudioChunk, SpeechTimeline
from mouthpiece.speech import SpeechStream
from mouthpiece.types import SAMPLE_RATE, FloatArray

CLOSING_S = 0.35
"""Time after a stop in which the mouth comes to rest."""
CLOSING_SPEED = 2.0
"""How fast the speech's end is played after a stop."""
STEADY_S = 0.01
"""Unevenness of the motion that is accepted for showing the newest of the speech."""
MOST_HELD_BACK_S = 0.08
"""Longest delay of sound that comes in bursts, for even motion."""
BURSTS_S = 2.0
"""Window in which bursts are looked for."""
SILENCE_S = 0.02
"""Least length of silence that nobody sent."""
MOST_SILENCE_S = 1.0
"""Greatest length of it: a caller that took no frame in the meantime is owed no more."""
JUST_BEFORE_S = 1e-4
"""Margin below an engine's `ready_until_s`, for sums in floats to stay before it."""


class SpeechState(Enum):
    """State of a session's speech."""

    RESTING = auto()
    SPEAKING = auto()
    CLOSING = auto()


class SpeechPlayer:
    """Player of speech through an engine: feeds it sound, or silence where none came, and chooses moments to show.

    Used by the drawing thread alone.
    """

    def __init__(self, engine: Engine, now_s: float) -> None:
        """Reset the engine and begin at rest."""
        self._engine = engine
        self._stopped_s = now_s
        self.begin(now_s)
        self.state = SpeechState.RESTING

    def begin(self, now_s: float) -> None:
        """Begin a new speech."""
        self._engine.reset()
        self._stream = SpeechStream(live=True)
        self._timeline = SpeechTimeline()
        self._lags: deque[tuple[float, float]] = deque()
        """When a frame was due, and how far behind that the newest known moment was, over BURSTS_S."""
        self.state = SpeechState.SPEAKING
        self._moment_s = -1.0
        self.drawn_s = now_s
        """When a frame was drawn last."""
        self._filled_s, self._gap_s = now_s, GAP_S

    def finish(self, now_s: float) -> None:
        """End the speech: from now on the mouth closes."""
        self._engine.push(self._stream.finish())
        self._engine.finish()
        self.state, self._stopped_s = SpeechState.CLOSING, now_s

    def rest_if_closed(self, now_s: float) -> bool:
        """Come to rest CLOSING_S after the end; return whether that happened now."""
        if self.state is not SpeechState.CLOSING or now_s - self._stopped_s < CLOSING_S:
            return False
        self.state = SpeechState.RESTING
        return True

    def push(self, chunks: list[AudioChunk]) -> None:
        """Give the engine all that came since the frame before at once: that costs about what a part of it does."""
        if not chunks or self.state is not SpeechState.SPEAKING:
            return
        for chunk in chunks:
            self._timeline.add_sound(chunk)
        self._filled_s, self._gap_s = chunks[-1].arrived_s, GAP_S + len(chunks[-1].samples) / SAMPLE_RATE
        self._push_samples(np.concatenate([chunk.samples for chunk in chunks]))

    def fill_gap(self, now_s: float) -> None:
        """Give the engine silence by the clock where sound stays away."""
        away_s = now_s - self._filled_s
        if self.state is not SpeechState.SPEAKING or away_s < self._gap_s:
            return
        count = round(min(away_s, MOST_SILENCE_S) * SAMPLE_RATE)
        self._timeline.add_silence(count, now_s)
        self._push_samples(np.zeros(count, dtype=np.float32))
        self._filled_s, self._gap_s = now_s, SILENCE_S

    def next_moment(self, now_s: float) -> float | None:
        """Return the moment of the engine's speech to be shown; None while nothing new is known.

        While it speaks, that is the newest known, delayed a little where sound comes in bursts.
        """
        if self.state is SpeechState.CLOSING:
            return max(self._moment_s, 0.0) + CLOSING_SPEED * (now_s - self.drawn_s)
        newest_s = self._engine.ready_until_s - JUST_BEFORE_S
        self._lags.append((now_s, now_s - newest_s))
        while self._lags[0][0] < now_s - BURSTS_S:
            self._lags.popleft()
        if newest_s <= self._moment_s or newest_s < 0:
            return None
        lags = [lag for _, lag in self._lags]
        delay_s = min(max(lags) - STEADY_S, min(lags) + MOST_HELD_BACK_S)
        return min(newest_s, max(now_s - delay_s, nextafter(self._moment_s, newest_s), 0.0))

    def advance(self, moment_s: float, now_s: float) -> tuple[float, float] | None:
        """Go on to a moment that is drawn now; return its place as `SpeechTimeline.locate`."""
        self._moment_s, self.drawn_s = moment_s, now_s
        return self._timeline.locate(moment_s)

    def next_change_s(self, due_s: float, now_s: float) -> float:
        """Return when there is something to do, given when the next frame is due."""
        if self.state is SpeechState.SPEAKING and now_s >= due_s:
            return self._filled_s + self._gap_s  # sound that stays away until then is silence
        return min(due_s, self._stopped_s + CLOSING_S) if self.state is SpeechState.CLOSING else due_s

    def _push_samples(self, samples: FloatArray) -> None:
        self._engine.push(self._stream.push(samples))
