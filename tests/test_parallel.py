"""Many items in several processes: order, failures that name the item, processes that die, stopping."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from functools import partial

import pytest

from mouthpiece.errors import Cancelled, InputError
from mouthpiece.parallel import map_in_processes


def _slow_first(item: int) -> tuple[int, int]:
    time.sleep(0.3 if item == 0 else 0)
    return item, os.getpid()


def _fail(item: int) -> int:
    if item == 2:
        raise ValueError("no such thing")
    return item


def _die(item: int, *, of: int) -> int:
    if item == of:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def _assert_over() -> None:
    # Looked for again and again: while the pool's own thread reaps a process, another one's look or join tells nothing.
    until = time.monotonic() + 10
    while multiprocessing.active_children() and time.monotonic() < until:
        time.sleep(0.02)
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("workers", [1, 2])
def test_ordered_results_come_in_the_items_order(workers: int) -> None:
    told: list[int] = []
    found = list(map_in_processes(_slow_first, range(5), workers, ordered=True, progress=told.append))
    assert [item for item, _ in found] == [number for _, (number, _) in found] == list(range(5))
    assert told == [1, 2, 3, 4, 5]
    assert ({pid for _, (_, pid) in found} == {os.getpid()}) == (workers == 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_names_its_item(workers: int) -> None:
    with pytest.raises(ValueError, match="no such thing") as raised:
        list(map_in_processes(_fail, [1, 2, 3], workers))
    assert "while working on 2" in raised.value.__notes__
    _assert_over()


def test_an_item_that_ends_its_process_takes_no_other_along() -> None:
    found = dict(map_in_processes(partial(_die, of=1), range(4), 2, lost=lambda item: -item))
    assert found == {0: 0, 1: -1, 2: 2, 3: 3}
    with pytest.raises(InputError, match=r"^1: working on it ended its process"):
        list(map_in_processes(partial(_die, of=1), range(3), 2))


def test_stopping_ends_the_processes_at_once() -> None:
    asked: list[float] = []

    def check() -> None:
        asked.append(time.monotonic())
        if len(asked) > 3:
            raise Cancelled("stopped")

    started = time.monotonic()
    with pytest.raises(Cancelled):
        list(map_in_processes(time.sleep, [60.0] * 4, 2, check=check))
    assert time.monotonic() - started < 10
    _assert_over()
    asked.clear()
    with pytest.raises(Cancelled):
        list(map_in_processes(time.sleep, [0.0] * 9, 1, check=check))
