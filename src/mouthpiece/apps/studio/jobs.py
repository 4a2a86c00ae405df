"""Videos in the making: a thread each, so many at once, the others in a queue."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from mouthpiece.errors import Cancelled, MouthpieceError
from mouthpiece.pipeline import SyncResult
from mouthpiece.types import Progress, ProgressCallback

Work = Callable[[ProgressCallback, Callable[[], bool]], SyncResult]
"""Makes a video: tells its progress, asks whether to stop."""

_log = logging.getLogger(__name__)


class State(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self in (State.DONE, State.FAILED, State.CANCELLED)


@dataclass(frozen=True, slots=True)
class Standing:
    """A job at one moment."""

    state: State
    ahead: int = 0
    """Jobs that have to end before this one starts; 0 unless it waits."""
    progress: Progress | None = None
    """None until the first frame."""
    result: SyncResult | None = None
    """What was made, when it is done."""
    error: MouthpieceError | None = None
    """Why it failed; one line for people."""


class Job:
    """One video. Its methods may be called from any thread."""

    def __init__(self, queue: JobQueue, work: Work) -> None:
        """Only `JobQueue.add` makes jobs."""
        self._queue = queue
        self._work = work
        self._state = State.WAITING
        self._stop = threading.Event()
        self._progress: Progress | None = None
        self._result: SyncResult | None = None
        self._error: MouthpieceError | None = None
        self._thread = threading.Thread(target=self._run, name="mouthpiece-studio-job", daemon=True)

    @property
    def standing(self) -> Standing:
        """Where it stands now."""
        ahead = self._queue.ahead_of(self)
        return Standing(self._state, ahead, self._progress, self._result, self._error)

    def cancel(self) -> None:
        """Give it up. It counts as cancelled at once; its thread ends at the next frame and only then leaves."""
        with self._queue.turn:
            self._stop.set()
            if not self._state.over:
                self._state = State.CANCELLED
            self._queue.turn.notify_all()

    def join(self, timeout_s: float) -> bool:
        """Wait for its thread; whether it has ended."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def start(self) -> None:
        """Begin to wait for its turn."""
        self._thread.start()

    def _run(self) -> None:
        if not self._queue.await_turn(self, self._stop):
            return
        try:
            with self._queue.turn:
                if self._stop.is_set():
                    return
                self._state = State.RUNNING
            self._end(State.DONE, result=self._work(self._note, self._stop.is_set))
        except Cancelled:
            self._end(State.CANCELLED)
        except MouthpieceError as error:
            self._end(State.FAILED, error=error)
        except Exception as error:
            _log.exception("a job of the studio failed")
            said = f"something went wrong here ({type(error).__name__}); the server's log says what"
            self._end(State.FAILED, error=MouthpieceError(said))
        finally:
            self._queue.leave(self)

    def _note(self, progress: Progress) -> None:
        self._progress = progress

    def _end(self, state: State, *, result: SyncResult | None = None, error: MouthpieceError | None = None) -> None:
        with self._queue.turn:
            if self._state is State.RUNNING:
                self._result, self._error = result, error
                self._state = state
                return
        if result is not None:  # given up when it was as good as done
            with suppress(OSError):
                result.path.unlink(missing_ok=True)


class JobQueue:
    """First come, first served, so many at once."""

    def __init__(self, at_once: int, most_waiting: int) -> None:
        """Nothing runs yet.

        Args:
            at_once: jobs that run side by side.
            most_waiting: jobs that may wait for them.
        """
        self.turn = threading.Condition(threading.RLock())
        """Held while the queue changes; told about every change."""
        self._at_once = at_once
        self._most_waiting = most_waiting
        self._waiting: list[Job] = []
        self._running: list[Job] = []
        self._closed = False

    def add(self, work: Work) -> Job:
        """A new job at the end of the queue.

        Raises:
            MouthpieceError: too many wait already.
        """
        job = Job(self, work)
        with self.turn:
            if self._closed or len(self._waiting) >= self._most_waiting:
                raise MouthpieceError(
                    f"expected at most {self._most_waiting} videos in the queue, and so many wait; try again in a while"
                )
            self._waiting.append(job)
        job.start()
        return job

    def ahead_of(self, job: Job) -> int:
        """How many jobs have to end before this one starts; 0 if it doesn't wait."""
        with self.turn:
            if job not in self._waiting:
                return 0
            free = max(self._at_once - len(self._running), 0)
            return max(self._waiting.index(job) + 1 - free, 0)

    def await_turn(self, job: Job, stop: threading.Event) -> bool:
        """Wait until a job may run; False if it was given up before."""
        with self.turn:
            while not stop.is_set():
                if self._waiting[0] is job and len(self._running) < self._at_once:
                    self._waiting.remove(job)
                    self._running.append(job)
                    self.turn.notify_all()
                    return True
                self.turn.wait()
            self._waiting.remove(job)
            self.turn.notify_all()
            return False

    def leave(self, job: Job) -> None:
        """A job that ran lets go of its turn."""
        with self.turn:
            self._running.remove(job)
            self.turn.notify_all()

    def close(self, timeout_s: float = 5.0) -> bool:
        """Give up all jobs and take no more; whether all their threads have ended in time."""
        with self.turn:
            self._closed = True
            jobs = [*self._waiting, *self._running]
        for job in jobs:
            job.cancel()
        until = time.monotonic() + timeout_s
        ended = [job.join(max(until - time.monotonic(), 0)) for job in jobs]
        return all(ended)
