"""Jobs side by side and one after another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mouthpiece import pipeline
from mouthpiece.apps.studio.jobs import Job, JobQueue, JobState
from mouthpiece.errors import Cancelled, InputError, MouthpieceError, NoFaceError
from mouthpiece.types import Progress


def result_at(path: Path) -> pipeline.SyncResult:
    return pipeline.SyncResult(
        path=path,
        frames=1,
        seconds=0.04,
        elapsed_s=0.1,
        first_frame_s=0.1,
        timeline=(),
        faces_seen=1,
        face_chosen=None,
        engine="mesh",
        warnings=(),
    )


class Held:
    """A job function that goes on until it is let go or stopped."""

    def __init__(self, path: Path) -> None:
        self.begun, self.let_go = threading.Event(), threading.Event()
        self._path = path

    def __call__(self, progress: Any, cancelled: Callable[[], bool]) -> pipeline.SyncResult:
        self.begun.set()
        progress(Progress(1, 10, 0.04, 1.0))
        while not self.let_go.wait(0.002):
            if cancelled():
                raise Cancelled("stopped as asked")
        self._path.write_bytes(b"video")
        return result_at(self._path)


def await_state(job: Job, state: JobState) -> None:
    until = time.monotonic() + 10
    while job.status.state is not state:
        assert time.monotonic() < until, f"{job.status} never became {state}"
        time.sleep(0.002)


@pytest.fixture
def functions(tmp_path: Path) -> list[Held]:
    return [Held(tmp_path / f"{number}.mp4") for number in range(4)]


def test_so_many_at_once_the_others_in_order(functions: list[Held]) -> None:
    queue = JobQueue(at_once=2, most_waiting=9)
    jobs = [queue.add(function) for function in functions]
    for function in functions[:2]:
        assert function.begun.wait(5)
    assert [job.status.ahead for job in jobs] == [0, 0, 1, 2]
    assert [job.status.state for job in jobs] == [JobState.RUNNING] * 2 + [JobState.WAITING] * 2
    functions[1].let_go.set()
    assert functions[2].begun.wait(5) and not functions[3].begun.is_set()
    assert jobs[3].status.ahead == 1
    for function in functions:
        function.let_go.set()
    for job in jobs:
        await_state(job, JobState.DONE)
    assert jobs[0].status.progress == Progress(1, 10, 0.04, 1.0)
    assert jobs[0].status.result is not None


def test_cancelling_is_at_once(functions: list[Held]) -> None:
    queue = JobQueue(at_once=1, most_waiting=9)
    running, waiting, last = (queue.add(function) for function in functions[:3])
    assert functions[0].begun.wait(5)
    waiting.cancel()
    assert waiting.status.state is JobState.CANCELLED and waiting.join(10)
    assert last.status.ahead == 1
    running.cancel()
    assert running.status.state is JobState.CANCELLED and running.join(10)
    assert functions[2].begun.wait(5), "its turn is free"
    assert not functions[1].begun.is_set()
    assert queue.close()
    assert last.status.state is JobState.CANCELLED


def test_a_result_that_came_too_late_goes(tmp_path: Path) -> None:
    """A job function that looks up only when it is done."""
    path, begun, let_go = tmp_path / "late.mp4", threading.Event(), threading.Event()

    def make(progress: Any, cancelled: Any) -> pipeline.SyncResult:
        begun.set()
        let_go.wait(5)
        path.write_bytes(b"video")
        return result_at(path)

    job = JobQueue(1, 9).add(make)
    assert begun.wait(5)
    job.cancel()
    let_go.set()
    assert job.join(5)
    assert job.status.state is JobState.CANCELLED and job.status.result is None
    assert not path.exists()


@pytest.mark.parametrize("error", [NoFaceError("nobody there"), InputError("no")])
def test_errors_are_kept(error: MouthpieceError) -> None:
    def make(progress: Any, cancelled: Any) -> pipeline.SyncResult:
        raise error

    job = JobQueue(1, 9).add(make)
    await_state(job, JobState.FAILED)
    assert job.status.error is error


def test_surprises_are_one_line_and_go_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def make(progress: Any, cancelled: Any) -> pipeline.SyncResult:
        raise ZeroDivisionError("secret\npath")

    queue = JobQueue(1, 9)
    job = queue.add(make)
    await_state(job, JobState.FAILED)
    assert "ZeroDivisionError" in str(job.status.error) and "secret" not in str(job.status.error)
    assert "secret" in caplog.text
    assert job.join(5)
    again = queue.add(make)
    await_state(again, JobState.FAILED)


def test_a_full_queue_says_so(functions: list[Held]) -> None:
    queue = JobQueue(at_once=1, most_waiting=1)
    queue.add(functions[0])
    assert functions[0].begun.wait(5)
    queue.add(functions[1])
    with pytest.raises(MouthpieceError, match="try again in a while"):
        queue.add(functions[2])
    assert queue.close()
    with pytest.raises(MouthpieceError):
        queue.add(functions[3])
