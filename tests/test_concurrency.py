"""Threads between the pipeline's steps: order, errors, and that nothing is left running."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from mouthpiece.concurrency import QUEUE_SIZE, fan_out, in_background

PATIENCE_S = 5.0


def ours() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("mouthpiece-")]


@pytest.fixture(autouse=True)
def _nothing_left_running() -> Iterator[None]:
    yield
    assert ours() == []


class Counter:
    """An endless source that remembers how far it was drawn, and whether it was closed."""

    def __init__(self) -> None:
        self.drawn = 0
        self.closed = threading.Event()
        self.thread: str | None = None

    def __iter__(self) -> Iterator[int]:
        self.thread = threading.current_thread().name
        try:
            while True:
                self.drawn += 1
                yield self.drawn
        finally:
            self.closed.set()


def test_everything_comes_through_in_order() -> None:
    assert list(in_background(range(100), "count")) == list(range(100))
    assert list(in_background([], "nothing")) == []
    assert list(in_background([None, None], "none")) == [None, None]


def test_it_runs_in_a_thread_of_that_name() -> None:
    source = Counter()
    with closing(in_background(source, "draw")) as stage:
        next(stage)
        assert source.thread == "mouthpiece-draw"


def test_nothing_runs_before_the_first_is_asked_for() -> None:
    source = Counter()
    stage = in_background(source, "lazy")
    assert ours() == []
    stage.close()
    assert source.drawn == 0


@pytest.mark.parametrize("ahead", [1, QUEUE_SIZE])
def test_it_runs_ahead_but_not_far(ahead: int) -> None:
    source = Counter()
    with closing(in_background(source, "ahead", ahead)) as stage:
        for taken in range(1, 6):
            next(stage)
            deadline = time.monotonic() + 0.3
            while source.drawn < taken + ahead and time.monotonic() < deadline:
                time.sleep(0.005)
            assert taken + ahead <= source.drawn <= taken + ahead + 2


def test_steps_overlap() -> None:
    """Two steps that sleep take about as long as one."""

    def slow(items: Iterator[int] | range) -> Iterator[int]:
        for item in items:
            time.sleep(0.02)
            yield item

    started = time.monotonic()
    assert list(slow(in_background(slow(range(20)), "slow"))) == list(range(20))
    assert time.monotonic() - started < 0.75


def test_what_the_source_raises_comes_out_after_what_it_gave() -> None:
    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise LookupError("the film tore")

    stage, got = in_background(failing(), "torn"), []
    with pytest.raises(LookupError, match="the film tore"):
        for item in stage:
            got.append(item)
    assert got == [1, 2]


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, SystemExit])
def test_even_what_is_no_exception_comes_out(error: type[BaseException]) -> None:
    def failing() -> Iterator[int]:
        raise error
        yield 1

    with pytest.raises(error):
        next(in_background(failing(), "bad"))


def test_an_error_passes_through_a_chain_and_ends_it() -> None:
    source = Counter()

    def failing(items: Iterator[int]) -> Iterator[int]:
        for item in items:
            if item == 5:
                raise ValueError("five")
            yield item

    first = in_background(source, "first")
    last = in_background(failing(first), "last")
    with pytest.raises(ValueError, match="five"):
        list(last)
    first.close()
    assert source.closed.wait(PATIENCE_S)


def test_closing_the_end_of_a_chain_ends_all_of_it() -> None:
    source = Counter()
    first = in_background(source, "one")
    second = in_background((i * 2 for i in first), "two")
    third = in_background((i + 1 for i in second), "three")
    assert next(third) == 3
    assert len(ours()) == 3
    started = time.monotonic()
    for stage in (third, second, first):
        stage.close()
    assert time.monotonic() - started < 2
    assert ours() == []
    assert source.closed.wait(PATIENCE_S)


def test_the_reader_giving_up_closes_the_source() -> None:
    source = Counter()
    stage = in_background(source, "left")
    with pytest.raises(RuntimeError, match="enough"), closing(stage):
        for item in stage:
            if item == 3:
                raise RuntimeError("enough")
    assert source.closed.wait(PATIENCE_S)


def test_closing_twice_and_after_the_end() -> None:
    stage = in_background([1], "twice")
    assert list(stage) == [1]
    stage.close()
    stage.close()


def test_several_threads_read_the_same_items() -> None:
    """Each in its own thread and at its own pace; the items themselves are made once."""
    source = Counter()
    items = iter(source)
    readers = fan_out(zip(range(200), items, strict=False), 3)
    stages = [in_background(reader, f"reader-{i}") for i, reader in enumerate(readers)]
    read: list[list[tuple[int, int]]] = [list(stages[0]), [], []]
    for stage, found in zip(stages[1:], read[1:], strict=True):
        found.extend(stage)
    assert read[0] == [(i, i + 1) for i in range(200)]
    assert all(a is b for one in read[1:] for a, b in zip(one, read[0], strict=True))
    assert source.drawn == 200


def test_readers_of_the_same_items_go_on_side_by_side() -> None:
    """No item is drawn before somebody asks for it."""
    source = Counter()
    first, second = fan_out(source, 2)
    assert source.drawn == 0
    for i in range(1, 50):
        assert (next(first), next(second)) == (i, i)
        assert source.drawn == i


def test_what_a_source_raises_is_raised_for_every_reader() -> None:
    def fails() -> Iterator[int]:
        yield 1
        raise LookupError("lost")

    for reader in fan_out(fails(), 2):
        assert next(reader) == 1
        with pytest.raises(LookupError, match="lost"):
            next(reader)
        assert list(reader) == []


def test_a_reader_that_stops_leaves_the_others_alone() -> None:
    first, second = fan_out(range(5), 2)
    assert next(first) == 0
    first.close()
    assert list(second) == [0, 1, 2, 3, 4]
