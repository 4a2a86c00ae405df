"""One face that speaks as somebody speaks."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from enum import Enum, auto
from math import nextafter
from types import TracebackType
from typing import Protocol, Self

import numpy as np

from mouthpiece.compositing import paste
from mouthpiece.engines.base import Engine, EngineJob
from mouthpiece.engines.registry import load_engine
from mouthpiece.live.inbox import GAP_S, Heard, Inbox, Piece, as_sound
from mouthpiece.live.pace import PaceGroup, QualityController, quality_levels
from mouthpiece.live.portrait import Still
from mouthpiece.media import FaceInput
from mouthpiece.notices import Notice
from mouthpiece.options import LiveOptions
from mouthpiece.speech import SpeechStream
from mouthpiece.types import SAMPLE_RATE, FloatArray, Picture

RESTING_FPS = 2.0
"""Frames a second of a face at rest: each of them the same."""
CLOSING_S = 0.35
"""After a stop, the mouth has so long to come to rest; then it is at rest."""
CLOSING_SPEED = 2.0
"""How fast the speech's end is played after a stop."""
STEADY_S = 0.01
"""How unevenly frames may show the speech so that they show the newest of it."""
MOST_HELD_BACK_S = 0.08
"""Sound that comes in lumps is held back for even motion, but not longer than this."""
LUMPS_S = 2.0
"""Lumps are looked for in so much time."""
SILENCE_S = 0.02
"""Silence that nobody sent is heard in pieces of at least this length."""
MOST_SILENCE_S = 1.0
"""And of at most this: who asked for no frame in the meantime is owed no more."""
JUST_BEFORE_S = 1e-4
"""Moments before an engine's `ready_until_s` can be drawn: so long before, for sums in floats to stay before it."""
SHORTEST_WAIT_S = 0.0005
"""Waits are no shorter, lest rounding makes them nothing."""
STATS_S = 10.0
"""Latency is told of the frames of so much time."""
FPS_S = 3.0
"""The rate of frames is told of so much time."""
FAR_BELOW = 0.8
"""Share of the lowest rate below which it is no longer told as the rate."""


class Clock(Protocol):
    """What time it is, and how to wait: another one than the wall clock makes tests exact."""

    def now(self) -> float:
        """Seconds; never goes back."""

    def wait(self, changed: threading.Condition, seconds: float) -> None:
        """Wait until `changed` (held by the caller) is notified, or for so long; it may return early."""


class _WallClock:
    """Real time."""

    def now(self) -> float:
        return time.monotonic()

    def wait(self, changed: threading.Condition, seconds: float) -> None:
        changed.wait(seconds)


@dataclass(frozen=True, slots=True)
class LiveFrame:
    """A picture of the speaking face."""

    rgb: Picture
    """(H, W, 3) uint8, the receiver's own."""
    moment_s: float
    """What of the sound it shows, seconds of the sender's time: samples sent since the start over 16000."""
    index: int
    """Counts the session's frames."""
    latency_s: float
    """From the arrival of the sample that it shows until now; 0 for a face at rest."""


@dataclass(frozen=True, slots=True)
class LiveStats:
    """How a session does."""

    fps: float
    """Frames a second over the last 3 s."""
    p50_ms: float
    """Median latency of the speaking frames of the last 10 s: from the arrival of the sample that a frame shows until
    the frame is handed out, the engine's look-ahead included; 0 where there were none."""
    p95_ms: float
    """95 of 100 of them were no slower."""
    dropped: int
    """Frames since the start of the speech that were due and not drawn."""
    width: int
    height: int
    said: str
    """What was stepped down, for people; empty where nothing was."""
    lost_s: float = 0.0
    """Speech since its start that came faster than it could be heard, seconds."""


_HERE = PaceGroup()
"""The sessions of this process."""


class _State(Enum):
    RESTING = auto()
    SPEAKING = auto()
    CLOSING = auto()


def open_live(face: FaceInput, options: LiveOptions | None = None, *, clock: Clock | None = None) -> LiveSession:
    """Make a face ready to speak along with somebody.

    Args:
        face: a photo, or a video of which the first picture is taken: path, binary file object, or picture array.
        options: everything else.
        clock: another clock than the wall's.

    Returns:
        The session, at rest; use it in a `with` block or close it.

    Raises:
        InputError: the face can't be used.
        EngineError: the engine can't run.
    """
    return LiveSession(face, options or LiveOptions(), clock or _WallClock())


class LiveSession:
    """A face that speaks along. `next_frame` is called from one thread, all else from any."""

    def __init__(self, face: FaceInput, options: LiveOptions, clock: Clock) -> None:
        """As `open_live`."""
        self.options = options
        self._clock = clock
        self._still = Still(face, options)
        self._tracked = self._still.whole
        self._engine = _load(options)
        self._engine.prepare([self._tracked])
        self._pace = QualityController(quality_levels(options.fps), _HERE, time.thread_time)
        self._rest: dict[float, Picture] = {}
        """The face at rest at each scale."""

        # What several threads touch, under this lock.
        self._changed = threading.Condition()
        self._inbox = Inbox()
        self._asked: bool | None = None
        """True: start; False: stop; None: nothing new."""
        self._wants_sound = False
        """Whether the drawing thread waits for sound, and not for its next frame's time alone."""
        self._started = False
        self._closed = False
        self._counts = _Counts()

        # What the drawing thread alone touches.
        self._state = _State.RESTING
        self._index = 0
        self._due_s = clock.now()
        self._drawn_s = clock.now()
        self._waited_s = 0.0
        self._starved = False
        """Whether the next frame waits for sound."""
        self._moment_s = 0.0
        self._sent_s = 0.0
        self._begin(clock.now())
        self._state = _State.RESTING

    def __enter__(self) -> Self:
        """The session."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    @property
    def engine(self) -> str:
        """Name of the engine."""
        return self.options.engine.name

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What the user should know of how the engine runs."""
        return self._engine.warnings

    @property
    def faces_seen(self) -> int:
        """How many faces the picture shows; one of them speaks."""
        return self._still.whole.faces_seen

    @property
    def width(self) -> int:
        """Columns of the pictures as they are drawn now."""
        return self._tracked.frame.width

    @property
    def height(self) -> int:
        """Rows of them."""
        return self._tracked.frame.height

    @property
    def fps(self) -> float:
        """Frames a second that the session means to draw now, while somebody speaks."""
        return self._pace.step.fps

    @property
    def started(self) -> bool:
        """Whether sound is listened to."""
        return self._started

    def start(self) -> None:
        """Begin a new speech: the next sample heard is its first."""
        with self._changed:
            self._inbox.clear()
            self._asked = self._started = True
            self._counts = _Counts()
            self._changed.notify_all()

    def stop(self) -> None:
        """End the speech: the mouth comes to rest within half a second, and sound is ignored until the next start."""
        with self._changed:
            if self._started:
                self._asked, self._started = False, False
            self._changed.notify_all()

    def push(self, samples: FloatArray, arrived_s: float | None = None) -> None:
        """Take sound as it comes; returns at once. Ignored unless started.

        Args:
            samples: (n,) floats in [-1, 1], 16 kHz, any n; copied. What is not finite counts as silence.
            arrived_s: when they arrived, by the session's clock (`time.monotonic`); now if not given.

        Raises:
            OptionError: they are not one channel of floats.
        """
        sound = as_sound(samples)
        now_s = self._clock.now()
        with self._changed:
            if self._started and not self._closed:
                self._inbox.put(sound, now_s if arrived_s is None else min(arrived_s, now_s))
                if self._wants_sound:
                    self._changed.notify_all()

    def next_frame(self, timeout_s: float = 1.0) -> LiveFrame | None:
        """Wait for the next frame that is due, and draw it.

        While somebody speaks (or may: between start and stop) frames come at the session's rate; for about a third of a
        second after a stop, too; a face at rest gives RESTING_FPS frames a second, each the same.

        Args:
            timeout_s: how long to wait at most.

        Returns:
            The frame; None if none was due in that time, or the session is closed.

        Raises:
            EngineError: the engine failed.
        """
        until_s = self._clock.now() + timeout_s
        while True:
            now_s = self._clock.now()
            with self._changed:
                if self._closed:
                    return None
                asked, self._asked = self._asked, None
                pieces = self._inbox.take() if asked is not None or now_s >= self._due_s else []
            if asked is False:  # what waits was said before the stop
                self._take(pieces)
                pieces = []
            self._obey(asked, now_s)
            self._take(pieces)
            if now_s >= self._due_s:
                self._fill(now_s)
                frame = self._frame_due(self._clock.now())
                if frame is not None:
                    return frame
            if not self._wait(until_s):
                return None

    def stats(self) -> LiveStats:
        """How it does."""
        with self._changed:
            counts, lost_s = self._counts, self._inbox.lost / SAMPLE_RATE
            fps, p50, p95 = counts.summary(self._clock.now())
            return LiveStats(fps, p50, p95, counts.dropped, self.width, self.height, self._said(fps), lost_s)

    def close(self) -> None:
        """End the session: `next_frame` returns None from now on."""
        with self._changed:
            self._closed = True
            self._started = self._pace.active = False
            self._inbox.clear()
            self._changed.notify_all()

    # All below runs in the drawing thread.

    def _obey(self, asked: bool | None, now_s: float) -> None:
        """Start or stop if that was asked for since."""
        if asked:
            self._begin(now_s)
        elif asked is False and self._state is _State.SPEAKING:
            self._engine.push(self._speech.finish())
            self._engine.finish()
            self._state, self._stopped_s = _State.CLOSING, now_s
            self._pace.rest()
            self._due_s = min(self._due_s, now_s)
        elif self._state is _State.CLOSING and now_s - self._stopped_s >= CLOSING_S:
            self._state, self._due_s = _State.RESTING, now_s

    def _begin(self, now_s: float) -> None:
        """A new speech."""
        self._engine.reset()
        self._speech = SpeechStream(live=True)
        self._heard = Heard()
        self._playout = _Playout()
        self._pace.rest()
        self._state = _State.SPEAKING
        self._moment_s, self._sent_s = -1.0, 0.0
        self._due_s = self._drawn_s = self._filled_s = now_s
        self._gap_s, self._waited_s, self._starved = GAP_S, 0.0, False

    def _take(self, pieces: list[Piece]) -> None:
        """Hear what arrived. All that came since the frame before at once: that costs about what a part of it does."""
        if not pieces or self._state is not _State.SPEAKING:
            return
        for piece in pieces:
            self._heard.sound(piece)
        self._filled_s, self._gap_s = pieces[-1].arrived_s, GAP_S + len(pieces[-1].samples) / SAMPLE_RATE
        self._listen(np.concatenate([piece.samples for piece in pieces]))

    def _listen(self, samples: FloatArray) -> None:
        self._engine.push(self._speech.push(samples))

    def _fill(self, now_s: float) -> None:
        """Where sound stays away, there is silence by the clock."""
        away_s = now_s - self._filled_s
        if self._state is not _State.SPEAKING or away_s < self._gap_s:
            return
        count = round(min(away_s, MOST_SILENCE_S) * SAMPLE_RATE)
        self._heard.silence(count, now_s)
        self._listen(np.zeros(count, dtype=np.float32))
        self._filled_s, self._gap_s = now_s, SILENCE_S

    def _frame_due(self, now_s: float) -> LiveFrame | None:
        """The frame to be shown now, if it is time and there is something to show."""
        if now_s < self._due_s:
            return None
        if self._state is _State.RESTING:
            self._due_s = now_s + 1 / RESTING_FPS
            return self._hand_out(self._resting(), 0.0)
        moment_s = self._next_moment(now_s)
        if moment_s is None:
            self._starved = True
            return None
        self._keep_pace(now_s)
        self._moment_s, self._drawn_s, self._starved = moment_s, now_s, False
        picture = self._drawn(moment_s)
        place = self._heard.place(moment_s)
        if place is None:
            return self._hand_out(picture, 0.0)
        self._sent_s, arrived_s = place
        return self._hand_out(picture, max(self._clock.now() - arrived_s, 0.0))

    def _next_moment(self, now_s: float) -> float | None:
        """The moment of the engine's speech to be shown; None while nothing new is known."""
        if self._state is _State.CLOSING:
            return max(self._moment_s, 0.0) + CLOSING_SPEED * (now_s - self._drawn_s)
        return self._playout.moment(now_s, self._engine.ready_until_s - JUST_BEFORE_S, self._moment_s)

    def _keep_pace(self, now_s: float) -> None:
        """Count what was missed, say how busy it was, step up or down, and set when the next frame is due."""
        if self._state is not _State.SPEAKING:
            self._due_s = now_s + 1 / self._pace.step.fps
            return
        period_s = 1 / self._pace.step.fps
        missed = max(int((now_s - self._due_s) / period_s), 0)
        self._due_s += (missed + 1) * period_s
        with self._changed:
            self._counts.dropped += 0 if self._starved else missed
        changed = self._pace.spent(now_s, now_s - self._drawn_s, self._waited_s)
        self._waited_s = 0.0
        if changed:
            self._change_size()
            self._due_s = now_s + 1 / self._pace.step.fps

    def _change_size(self) -> None:
        """Draw at the size that the pace asks for."""
        tracked = self._still.at(self._pace.step.scale)
        if tracked is None:
            self._pace.refuse()
            tracked = self._still.at(self._pace.step.scale)
        if tracked is not None and tracked is not self._tracked:
            self._engine.prepare([tracked])
            self._tracked = tracked

    def _drawn(self, moment_s: float) -> Picture:
        """The face at a moment, in an array of its own."""
        patch = self._engine.render(self._tracked, moment_s)
        frame = replace(self._tracked.frame, rgb=self._tracked.frame.rgb.copy())
        return frame.rgb if patch is None else paste(frame, patch).rgb

    def _resting(self) -> Picture:
        """The face at rest, in an array of its own."""
        scale = self._pace.step.scale
        if scale not in self._rest:
            self._engine.reset()
            self._engine.finish()
            self._rest[scale] = self._drawn(0.0)
        return self._rest[scale].copy()

    def _hand_out(self, picture: Picture, latency_s: float) -> LiveFrame:
        frame = LiveFrame(picture, self._sent_s, self._index, latency_s)
        self._index += 1
        with self._changed:
            self._counts.handed_out(self._clock.now(), latency_s if self._state is _State.SPEAKING else None)
        return frame

    def _wait(self, until_s: float) -> bool:
        """Wait for the next thing to do; False if the caller's time is up."""
        now_s = self._clock.now()
        if now_s >= until_s:
            return False
        next_s = self._due_s
        if self._state is _State.SPEAKING and now_s >= next_s:
            next_s = self._filled_s + self._gap_s  # sound that stays away until then is silence
        elif self._state is _State.CLOSING:
            next_s = min(next_s, self._stopped_s + CLOSING_S)
        wanted_s = max(min(next_s, until_s) - now_s, SHORTEST_WAIT_S)
        with self._changed:
            self._wants_sound = now_s >= self._due_s
            if self._asked is None and not (self._wants_sound and self._inbox) and not self._closed:
                self._clock.wait(self._changed, wanted_s)
            self._wants_sound = False
        # Who wakes up late has no time for it: that counts as busy.
        self._waited_s += min(self._clock.now() - now_s, wanted_s)
        return True

    def _said(self, fps: float) -> str:
        """What was stepped down, for people, given the frames that came a second."""
        if self._pace.full:
            return ""
        parts = []
        if self._pace.step.fps < self.options.fps:
            # Below the last step there is none: each frame is then drawn when the one before is done.
            fewer = self._pace.least and self._state is _State.SPEAKING and fps < FAR_BELOW * self._pace.step.fps
            parts.append(f"{'fewer than ' if fewer else ''}{self._pace.step.fps:g} frames a second")
        if self._tracked is not self._still.whole:  # and not only about to be smaller
            parts.append(f"{max(self.width, self.height)} px")
        return f"{', '.join(parts)}: this machine can't keep up" if parts else ""


def _load(options: LiveOptions) -> Engine:
    """Load the engine for live speech."""
    return load_engine(options.engine.name)(options.engine, EngineJob(live=True))


class _Counts:
    """What `stats` tells of a speech. Whoever uses it holds the lock."""

    def __init__(self) -> None:
        self.dropped = 0
        self._frames: deque[tuple[float, float | None]] = deque()
        """When each of the last frames was handed out, and its latency if it speaks."""

    def handed_out(self, now_s: float, latency_s: float | None) -> None:
        """One more frame."""
        self._frames.append((now_s, latency_s))
        self._forget(now_s)

    def summary(self, now_s: float) -> tuple[float, float, float]:
        """Frames a second; median and 95th percentile of the latency, ms."""
        self._forget(now_s)
        recent = sum(1 for at_s, _ in self._frames if at_s > now_s - FPS_S)
        first_s = self._frames[0][0] if self._frames else now_s
        span_s = min(FPS_S, max(now_s - first_s, 0.2))
        latencies = [latency_s for _, latency_s in self._frames if latency_s is not None]
        if not latencies:
            return recent / span_s, 0.0, 0.0
        p50, p95 = np.percentile(latencies, [50, 95])
        return recent / span_s, 1000 * float(p50), 1000 * float(p95)

    def _forget(self, now_s: float) -> None:
        while self._frames and self._frames[0][0] < now_s - STATS_S:
            self._frames.popleft()


class _Playout:
    """Chooses the moment to show: the newest known, held back a little where sound comes in lumps."""

    def __init__(self) -> None:
        self._lags: deque[tuple[float, float]] = deque()
        """When a frame was due, and how far behind that the newest known moment was, over LUMPS_S."""

    def moment(self, now_s: float, newest_s: float, last_s: float) -> float | None:
        """The moment to show now, after the last one and at most the newest; None while nothing new is known."""
        self._lags.append((now_s, now_s - newest_s))
        while self._lags[0][0] < now_s - LUMPS_S:
            self._lags.popleft()
        if newest_s <= last_s or newest_s < 0:
            return None
        lags = [lag for _, lag in self._lags]
        back_s = min(max(lags) - STEADY_S, min(lags) + MOST_HELD_BACK_S)
        return min(newest_s, max(now_s - back_s, nextafter(last_s, newest_s), 0.0))
