"""Jobs side by side and one after another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mouthpiece import pipeline
from mouthpiece.apps.studio.jobs import Job, JobQueue, State
from mouthpiece.errors import Cancelled, InputError, MouthpieceError, NoFaceError
from mouthpiece.types import Progress


def result_at(path: Path) -> pipeline.SyncResult:
    return pipeline.SyncResult(path, 1, 0.04, 0.1, 0.1, (), 1, None, "mesh", ())


class Held:
    """Work that goes on until it is let go or stopped."""

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


def await_state(job: Job, state: State) -> None:
    until = time.monotonic() + 10
    while job.standing.state is not state:
        assert time.monotonic() < until, f"{job.standing} never became {state}"
        time.sleep(0.002)


@pytest.fixture
def works(tmp_path: Path) -> list[Held]:
    return [Held(tmp_path / f"{number}.mp4") for number in range(4)]


def test_so_many_at_once_the_others_in_order(works: list[Held]) -> None:
    queue = JobQueue(at_once=2, most_waiting=9)
    jobs = [queue.add(work) for work in works]
    for work in works[:2]:
        assert work.begun.wait(5)
    assert [job.standing.ahead for job in jobs] == [0, 0, 1, 2]
    assert [job.standing.state for job in jobs] == [State.RUNNING] * 2 + [State.WAITING] * 2
    works[1].let_go.set()
    assert works[2].begun.wait(5) and not works[3].begun.is_set()
    assert jobs[3].standing.ahead == 1
    for work in works:
        work.let_go.set()
    for job in jobs:
        await_state(job, State.DONE)
    assert jobs[0].standing.progress == Progress(1, 10, 0.04, 1.0)
    assert jobs[0].standing.result is not None


def test_cancelling_is_at_once(works: list[Held]) -> None:
    queue = JobQueue(at_once=1, most_waiting=9)
    running, waiting, last = (queue.add(work) for work in works[:3])
    assert works[0].begun.wait(5)
    waiting.cancel()
    assert waiting.standing.state is State.CANCELLED and waiting.join(10)
    assert last.standing.ahead == 1
    running.cancel()
    assert running.standing.state is State.CANCELLED and running.join(10)
    assert works[2].begun.wait(5), "its turn is free"
    assert not works[1].begun.is_set()
    assert queue.close()
    assert last.standing.state is State.CANCELLED


def test_a_result_that_came_too_late_goes(tmp_path: Path) -> None:
    """Work that looks up only when it is done."""
    path, begun, let_go = tmp_path / "late.mp4", threading.Event(), threading.Event()

    def work(progress: Any, cancelled: Any) -> pipeline.SyncResult:
        begun.set()
        let_go.wait(5)
        path.write_bytes(b"video")
        return result_at(path)

    job = JobQueue(1, 9).add(work)
    assert begun.wait(5)
    job.cancel()
    let_go.set()
    assert job.join(5)
    assert job.standing.state is State.CANCELLED and job.standing.result is None
    assert not path.exists()


@pytest.mark.parametrize("error", [NoFaceError("nobody there"), InputError("no")])
def test_errors_are_kept(error: MouthpieceError) -> None:
    def work(progress: Any, cancelled: Any) -> pipeline.SyncResult:
        raise error

    job = JobQueue(1, 9).add(work)
    await_state(job, State.FAILED)
    assert job.standing.error is error


def test_surprises_are_one_line_and_go_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def work(progress: Any, cancelled: Any) -> pipeline.SyncResult:
        raise ZeroDivisionError("secret\npath")

    queue = JobQueue(1, 9)
    job = queue.add(work)
    await_state(job, State.FAILED)
    assert "ZeroDivisionError" in str(job.standing.error) and "secret" not in str(job.standing.error)
    assert "secret" in caplog.text
    assert job.join(5)
    again = queue.add(work)
    await_state(again, State.FAILED)


def test_a_full_queue_says_so(works: list[Held]) -> None:
    queue = JobQueue(at_once=1, most_waiting=1)
    queue.add(works[0])
    assert works[0].begun.wait(5)
    queue.add(works[1])
    with pytest.raises(MouthpieceError, match="try again in a while"):
        queue.add(works[2])
    assert queue.close()
    with pytest.raises(MouthpieceError):
        queue.add(works[3])
