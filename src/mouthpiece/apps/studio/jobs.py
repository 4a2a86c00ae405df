"""The queue of videos in the making: a thread each, a limited number at once."""

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

JobFunction = Callable[[ProgressCallback, Callable[[], bool]], SyncResult]
"""Makes a video: takes a callback for its progress and one that asks whether to stop."""

_log = logging.getLogger(__name__)


class JobState(StrEnum):
    """The stages of a job."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job at one moment."""

    state: JobState
    ahead: int = 0
    """Jobs that have to end before this one starts; 0 unless it waits."""
    progress: Progress | None = None
    """None until the first frame."""
    result: SyncResult | None = None
    """The video, when it is done."""
    error: MouthpieceError | None = None
    """Why it failed; one line for people."""


class Job:
    """One video in the making. Its methods may be called from any thread."""

    def __init__(self, queue: JobQueue, function: JobFunction) -> None:
        """Start the job's thread, which waits for its turn; only `JobQueue.add` makes jobs."""
        self._queue = queue
        self._function = function
        self._state = JobState.WAITING
        self._stop = threading.Event()
        self._progress: Progress | None = None
        self._result: SyncResult | None = None
        self._error: MouthpieceError | None = None
        self._thread = threading.Thread(target=self._run, name="mouthpiece-studio-job", daemon=True)
        self._thread.start()

    @property
    def status(self) -> JobStatus:
        """The job as it is now."""
        ahead = self._queue.count_ahead(self)
        return JobStatus(self._state, ahead, self._progress, self._result, self._error)

    def cancel(self) -> None:
        """Cancel the job. It counts as cancelled at once; its thread ends at the next frame and only then leaves."""
        with self._queue.changed:
            self._stop.set()
            if not self._state.over:
                self._state = JobState.CANCELLED
            self._queue.changed.notify_all()

    def join(self, timeout_s: float) -> bool:
        """Wait for the job's thread; return whether it has ended."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        if not self._queue.wait_for_turn(self, self._stop):
            return
        try:
            with self._queue.changed:
                if self._stop.is_set():
                    return
                self._state = JobState.RUNNING
            self._end(JobState.DONE, result=self._function(self._set_progress, self._stop.is_set))
        except Cancelled:
            self._end(JobState.CANCELLED)
        except MouthpieceError as error:
            self._end(JobState.FAILED, error=error)
        except Exception as error:
            _log.exception("a job of the studio failed")
            message = f"something went wrong here ({type(error).__name__}); the server's log says what"
            self._end(JobState.FAILED, error=MouthpieceError(message))
        finally:
            self._queue.leave(self)

    def _set_progress(self, progress: Progress) -> None:
        self._progress = progress

    def _end(self, state: JobState, *, result: SyncResult | None = None, error: MouthpieceError | None = None) -> None:
        with self._queue.changed:
            if self._state is JobState.RUNNING:
                self._result, self._error = result, error
                self._state = state
                return
        if result is not None:  # cancelled when it was as good as done
            with suppress(OSError):
                result.path.unlink(missing_ok=True)


class JobQueue:
    """Jobs in the order they came, a limited number of them running."""

    def __init__(self, at_once: int, most_waiting: int) -> None:
        """Make an empty queue.

        Args:
            at_once: jobs that run side by side.
            most_waiting: jobs that may wait for them.
        """
        self.changed = threading.Condition(threading.RLock())
        """Held while the queue changes, and notified of every change."""
        self._at_once = at_once
        self._most_waiting = most_waiting
        self._waiting: list[Job] = []
        self._running: list[Job] = []
        self._closed = False

    def add(self, function: JobFunction) -> Job:
        """Start a new job at the end of the queue.

        Raises:
            MouthpieceError: too many wait already.
        """
        with self.changed:
            if self._closed or len(self._waiting) >= self._most_waiting:
                raise MouthpieceError(
                    f"expected at most {self._most_waiting} videos in the queue, and so many wait; try again in a while"
                )
            job = Job(self, function)  # its thread can't go on before the queue is let go
            self._waiting.append(job)
        return job

    def count_ahead(self, job: Job) -> int:
        """Count the jobs that have to end before this one starts; 0 if it doesn't wait."""
        with self.changed:
            if job not in self._waiting:
                return 0
            free = max(self._at_once - len(self._running), 0)
            return max(self._waiting.index(job) + 1 - free, 0)

    def wait_for_turn(self, job: Job, stop: threading.Event) -> bool:
        """Wait until a job may run; return False if it was cancelled before."""
        with self.changed:
            while not stop.is_set():
                if self._waiting[0] is job and len(self._running) < self._at_once:
                    self._waiting.remove(job)
                    self._running.append(job)
                    self.changed.notify_all()
                    return True
                self.changed.wait()
            self._waiting.remove(job)
            self.changed.notify_all()
            return False

    def leave(self, job: Job) -> None:
        """Remove a job that has run."""
        with self.changed:
            self._running.remove(job)
            self.changed.notify_all()

    def close(self, timeout_s: float = 5.0) -> bool:
        """Cancel all jobs and refuse new ones; return whether all their threads have ended in time."""
        with self.changed:
            self._closed = True
            jobs = [*self._waiting, *self._running]
        for job in jobs:
            job.cancel()
        until = time.monotonic() + timeout_s
        ended = [job.join(max(until - time.monotonic(), 0)) for job in jobs]
        return all(ended)
