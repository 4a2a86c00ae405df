"""A live session: sound in as it comes, frames out when they are due."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import Self

from mouthpiece.compositing import paste
from mouthpiece.engines.base import Engine, EngineJob
from mouthpiece.engines.registry import load_engine
from mouthpiece.live.inbox import Inbox, as_samples
from mouthpiece.live.pace import PaceGroup, QualityController, quality_levels
from mouthpiece.live.portrait import Portrait
from mouthpiece.live.states import SpeechPlayer, SpeechState
from mouthpiece.live.stats import FrameStatistics, LiveStats
from mouthpiece.media import FaceInput
from mouthpiece.notices import Notice
from mouthpiece.options import LiveOptions
from mouthpiece.types import SAMPLE_RATE, FloatArray, Picture

RESTING_FPS = 2.0
"""Frames a second of a face at rest: each of them the same."""
SHORTEST_WAIT_S = 0.0005
"""Waits are no shorter, lest rounding makes them nothing."""
FAR_BELOW = 0.8
"""Share of the lowest rate below which the description gives it as an upper bound."""


class Clock:
    """The wall clock; a subclass with a time of its own makes tests exact."""

    def now(self) -> float:
        """Return the time, seconds; it never goes back."""
        return time.monotonic()

    def wait(self, changed: threading.Condition, seconds: float) -> None:
        """Wait until `changed` (held by the caller) is notified, or for so long; it may return early."""
        changed.wait(seconds)


@dataclass(frozen=True, slots=True)
class LiveFrame:
    """A picture of the speaking face."""

    rgb: Picture
    """(H, W, 3) uint8, the receiver's own."""
    moment_s: float
    """Moment of the speech that it shows, seconds of the sender's time: samples sent since the start over 16000."""
    index: int
    """Number of the frame in the session."""
    latency_s: float
    """From the arrival of the sample that it shows until now; 0 for a face at rest."""


_PROCESS_SESSIONS = PaceGroup()
"""The sessions of this process."""


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
        OptionError: the engine has no such option of its own, or its value makes no sense.
        EngineError: the engine can't run.
    """
    return LiveSession(face, options or LiveOptions(), clock or Clock())


class LiveSession:
    """A face that speaks along. `next_frame` is called from one thread, all else from any."""

    def __init__(self, face: FaceInput, options: LiveOptions, clock: Clock) -> None:
        """Track the face, load the engine and begin at rest; arguments and errors are those of `open_live`."""
        load_engine(options.engine.name).own_options(options.engine)  # checked before anything is opened
        self.options = options
        self._clock = clock
        self._portrait = Portrait(face, options)
        self._tracked = self._portrait.full_size
        self._engine: Engine = load_engine(options.engine.name)(options.engine, EngineJob(live=True))
        self._engine.prepare([self._tracked])
        self._quality = QualityController(quality_levels(options.fps), _PROCESS_SESSIONS, time.thread_time)
        self._rest: dict[float, Picture] = {}
        """The face at rest at each scale."""

        # Shared by several threads, under this lock.
        self._changed = threading.Condition()
        self._inbox = Inbox()
        self._requested: bool | None = None
        """True: start; False: stop; None: nothing new."""
        self._wants_sound = False
        """Whether the drawing thread waits for sound, and not for its next frame's time alone."""
        self._started = False
        self._closed = False
        self._statistics = FrameStatistics()

        # For the drawing thread alone.
        now_s = clock.now()
        self._player = SpeechPlayer(self._engine, now_s)
        self._index = 0
        self._due_s = now_s
        self._waited_s = 0.0
        self._starved = False
        """Whether the next frame waits for sound."""
        self._sent_s = 0.0
        """Sender's time of the last frame."""

    def __enter__(self) -> Self:
        """Return the session."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    @property
    def engine(self) -> str:
        """Name of the engine."""
        return self.options.engine.name

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """Notes for the user on how the engine runs."""
        return self._engine.warnings

    @property
    def faces_seen(self) -> int:
        """How many faces the picture shows; one of them speaks."""
        return self._portrait.full_size.faces_seen

    @property
    def width(self) -> int:
        """Columns of the pictures as they are drawn now."""
        return self._tracked.frame.width

    @property
    def height(self) -> int:
        """Rows of the pictures."""
        return self._tracked.frame.height

    @property
    def fps(self) -> float:
        """Target of frames a second while somebody speaks, at the present quality."""
        return self._quality.level.fps

    @property
    def started(self) -> bool:
        """Whether sound is taken: between start and stop."""
        return self._started

    def start(self) -> None:
        """Begin a new speech: the next sample pushed is its first."""
        with self._changed:
            self._inbox.clear()
            self._requested = self._started = True
            self._statistics = FrameStatistics()
            self._changed.notify_all()

    def stop(self) -> None:
        """End the speech: the mouth comes to rest within half a second, and sound is ignored until the next start."""
        with self._changed:
            if self._started:
                self._requested, self._started = False, False
            self._changed.notify_all()

    def push(self, samples: FloatArray, arrived_s: float | None = None) -> None:
        """Take sound as it comes; returns at once. Ignored unless started.

        Args:
            samples: (n,) floats in [-1, 1], 16 kHz, any n; copied. What is not finite counts as silence.
            arrived_s: when they arrived, by the session's clock (`time.monotonic`); now if not given.

        Raises:
            OptionError: they are not one channel of floats.
        """
        sound = as_samples(samples)
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
                requested, self._requested = self._requested, None
                chunks = self._inbox.take() if requested is not None or now_s >= self._due_s else []
            if requested is False:  # what waits came before the stop
                self._player.push(chunks)
                chunks = []
            self._change_state(requested, now_s)
            self._player.push(chunks)
            if now_s >= self._due_s:
                self._player.fill_gap(now_s)
                frame = self._draw_if_due(self._clock.now())
                if frame is not None:
                    return frame
            if not self._wait(until_s):
                return None

    def stats(self) -> LiveStats:
        """Return the session's statistics."""
        with self._changed:
            now_s = self._clock.now()
            fps, (p50_ms, p95_ms) = self._statistics.fps(now_s), self._statistics.percentiles_ms(now_s)
            return LiveStats(
                fps=fps,
                p50_ms=p50_ms,
                p95_ms=p95_ms,
                dropped=self._statistics.dropped,
                width=self.width,
                height=self.height,
                description=self._describe_quality(fps),
                lost_s=self._inbox.lost / SAMPLE_RATE,
            )

    def close(self) -> None:
        """End the session: `next_frame` returns None from now on."""
        with self._changed:
            self._closed = True
            self._started = self._quality.active = False
            self._inbox.clear()
            self._changed.notify_all()

    # All below runs in the drawing thread.

    def _change_state(self, requested: bool | None, now_s: float) -> None:
        """Start or stop as requested, or come to rest when the mouth is closed."""
        player = self._player
        if requested:
            player.begin(now_s)
            self._quality.pause()
            self._sent_s, self._due_s = 0.0, now_s
            self._waited_s, self._starved = 0.0, False
        elif requested is False and player.state is SpeechState.SPEAKING:
            player.finish(now_s)
            self._quality.pause()
            self._due_s = min(self._due_s, now_s)
        elif player.rest_if_closed(now_s):
            self._due_s = now_s

    def _draw_if_due(self, now_s: float) -> LiveFrame | None:
        """Return the frame to be shown now; None if it isn't time yet or nothing new is known."""
        if now_s < self._due_s:
            return None
        if self._player.state is SpeechState.RESTING:
            self._due_s = now_s + 1 / RESTING_FPS
            return self._hand_out(self._draw_rest(), 0.0)
        moment_s = self._player.next_moment(now_s)
        if moment_s is None:
            self._starved = True
            return None
        self._keep_pace(now_s)
        self._starved = False
        located = self._player.advance(moment_s, now_s)
        picture = self._draw(moment_s)
        if located is None:
            return self._hand_out(picture, 0.0)
        self._sent_s, arrived_s = located
        return self._hand_out(picture, max(self._clock.now() - arrived_s, 0.0))

    def _keep_pace(self, now_s: float) -> None:
        """Count missed frames, report the load, step up or down, and set when the next frame is due."""
        period_s = 1 / self._quality.level.fps
        if self._player.state is not SpeechState.SPEAKING:
            self._due_s = now_s + period_s
            return
        missed = max(int((now_s - self._due_s) / period_s), 0)
        self._due_s += (missed + 1) * period_s
        with self._changed:
            self._statistics.dropped += 0 if self._starved else missed
        changed = self._quality.record_frame(now_s, now_s - self._player.drawn_s, self._waited_s)
        self._waited_s = 0.0
        if changed:
            self._change_size()
            self._due_s = now_s + 1 / self._quality.level.fps

    def _change_size(self) -> None:
        """Draw at the size of the present quality level, or of the one above where the face would be too small."""
        tracked = self._portrait.scaled(self._quality.level.scale)
        if tracked is None:
            self._quality.rule_out_level()
            tracked = self._portrait.scaled(self._quality.level.scale)
        if tracked is not None and tracked is not self._tracked:
            self._engine.prepare([tracked])
            self._tracked = tracked

    def _draw(self, moment_s: float) -> Picture:
        """Draw the face at a moment into an array of its own."""
        patch = self._engine.render(self._tracked, moment_s)
        frame = replace(self._tracked.frame, rgb=self._tracked.frame.rgb.copy())
        return frame.rgb if patch is None else paste(frame, patch).rgb

    def _draw_rest(self) -> Picture:
        """Draw the face at rest into an array of its own."""
        scale = self._quality.level.scale
        if scale not in self._rest:
            self._engine.reset()
            self._engine.finish()
            self._rest[scale] = self._draw(0.0)
        return self._rest[scale].copy()

    def _hand_out(self, picture: Picture, latency_s: float) -> LiveFrame:
        frame = LiveFrame(picture, self._sent_s, self._index, latency_s)
        self._index += 1
        speaking = self._player.state is SpeechState.SPEAKING
        with self._changed:
            self._statistics.add(self._clock.now(), latency_s if speaking else None)
        return frame

    def _wait(self, until_s: float) -> bool:
        """Wait for the next thing to do; return False if the caller's time is up."""
        now_s = self._clock.now()
        if now_s >= until_s:
            return False
        next_s = self._player.next_change_s(self._due_s, now_s)
        wait_s = max(min(next_s, until_s) - now_s, SHORTEST_WAIT_S)
        with self._changed:
            self._wants_sound = now_s >= self._due_s
            if self._requested is None and not (self._wants_sound and self._inbox) and not self._closed:
                self._clock.wait(self._changed, wait_s)
            self._wants_sound = False
        # A thread that wakes up late has no time for it: that counts as busy.
        self._waited_s += min(self._clock.now() - now_s, wait_s)
        return True

    def _describe_quality(self, fps: float) -> str:
        """Describe for people what was stepped down, given the frames that came a second; empty where nothing was."""
        quality = self._quality
        if quality.is_full:
            return ""
        parts = []
        if quality.level.fps < self.options.fps:
            # Below the last level there is none: each frame is then drawn when the one before is done.
            speaking = self._player.state is SpeechState.SPEAKING
            fewer = quality.is_lowest and speaking and fps < FAR_BELOW * quality.level.fps
            parts.append(f"{'fewer than ' if fewer else ''}{quality.level.fps:g} frames a second")
        if self._tracked is not self._portrait.full_size:  # and not only about to be smaller
            parts.append(f"{max(self.width, self.height)} px")
        return f"{', '.join(parts)}: this machine can't keep up" if parts else ""
