"""One function over many items in several processes: a bounded number at work, in order or as they get done.

    items --at most `workers` of them out at a time--> processes --results--> (item, result)

A process that dies takes no other item along: those that were at work are tried again, each alone, and the one whose
process dies once more is named.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import NoReturn, TypeVar

from mouthpiece.errors import InputError

CHECK_EVERY_S = 0.2
"""How often the caller is asked whether to go on."""

Item = TypeVar("Item")
Result = TypeVar("Result")
_Numbered = tuple[int, Item]


def map_in_processes(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    *,
    ordered: bool = False,
    check: Callable[[], None] = lambda: None,
    lost: Callable[[Item], Result] | None = None,
    progress: Callable[[int], None] = lambda _done: None,
) -> Iterator[tuple[Item, Result]]:
    """Call a function for every item; with one worker, or for one item, in this process.

    Args:
        function: something that can be pickled, with its items and results.
        items: what to call it with.
        workers: processes. They are spawned, for the caller may have threads running.
        ordered: in the items' order; otherwise as they get done.
        check: called several times a second; what it raises ends the work at once.
        lost: gives the result for an item that ends its process.
        progress: called with the number of items done, after each.

    Yields:
        Each item with its result.

    Raises:
        InputError: an item ended its process, and there is no `lost`.
        Exception: what the function raised, with a note that names the item.
    """
    numbered = list(enumerate(items))
    if workers <= 1 or len(numbered) < 2:
        results = _in_this_process(function, numbered, check)
    else:
        results = _in_processes(function, numbered, workers, check, lost or _raise_lost)
    early: dict[int, tuple[Item, Result]] = {}
    done = 0
    for (number, item), result in results:
        early[number if ordered else done] = item, result
        while done in early:
            pair = early.pop(done)
            done += 1
            progress(done)
            yield pair


@contextmanager
def _named(item: object) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        error.add_note(f"while working on {str(item)[:200]}")
        raise


def _raise_lost(item: object) -> NoReturn:
    raise InputError(f"{str(item)[:200]}: working on it ended its process; it may be too large for the memory")


def _in_this_process(
    function: Callable[[Item], Result], numbered: list[_Numbered[Item]], check: Callable[[], None]
) -> Iterator[tuple[_Numbered[Item], Result]]:
    for number, item in numbered:
        check()
        with _named(item):
            result = function(item)
        yield (number, item), result


def _in_processes(
    function: Callable[[Item], Result],
    numbered: list[_Numbered[Item]],
    workers: int,
    check: Callable[[], None],
    lost: Callable[[Item], Result],
) -> Iterator[tuple[_Numbered[Item], Result]]:
    waiting = numbered[::-1]
    while waiting:
        suspects: list[_Numbered[Item]] = []
        yield from _in_pool(function, waiting, workers, check, suspects)
        for suspect in suspects:
            again: list[_Numbered[Item]] = []
            yield from _in_pool(function, [suspect], 1, check, again)
            if again:
                yield suspect, lost(suspect[1])


def _in_pool(
    function: Callable[[Item], Result],
    waiting: list[_Numbered[Item]],
    workers: int,
    check: Callable[[], None],
    suspects: list[_Numbered[Item]],
) -> Iterator[tuple[_Numbered[Item], Result]]:
    """Take items from the end of `waiting` until it is empty or a process dies; then `suspects` gets those at work."""
    running: dict[Future[Result], _Numbered[Item]] = {}
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _settle_worker) as pool:
        try:
            while waiting or running:
                check()
                while waiting and len(running) < workers:
                    future = pool.submit(function, waiting[-1][1])
                    running[future] = waiting.pop()
                for future in wait(running, CHECK_EVERY_S, FIRST_COMPLETED).done:
                    with _named(running[future][1]):
                        result = future.result()
                    yield running.pop(future), result
        except BrokenProcessPool:
            suspects.extend(running.values())
        except BaseException:
            # Nobody waits for the end of a long item.
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            raise


def _settle_worker() -> None:
    """Leave Ctrl-C to the parent, and when it says stop, tidy up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
