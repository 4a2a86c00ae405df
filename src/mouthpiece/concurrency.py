"""Steps of a stream side by side: each step in a thread of its own, with a small queue between."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

QUEUE_SIZE = 4
"""Items that may wait between two steps: enough to even out their pace, too few to matter to memory."""
_POLL_S = 0.1

T = TypeVar("T")


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Keep BLAS from starting threads of its own: the steps are the threads, and BLAS's would only take their cores.

    The limit holds for the whole process until the end of the block.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield


class _Failure:
    """An exception of a step, on its way to the reader."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class _End(Generic[T]):
    """The end of a step's items."""


def in_background(items: Iterable[T], name: str, ahead: int = QUEUE_SIZE) -> Generator[T, None, None]:
    """Iterate in a thread of its own, ahead of the reader by a few items: `ahead` of them wait at most.

    What the iterable raises is raised here. Closing this generator (or an exception in the reader) ends the thread
    and closes the iterable, and with it every step before.
    """
    waiting: queue.Queue[T | _Failure | _End[T]] = queue.Queue(ahead)
    stop = threading.Event()

    def put(item: T | _Failure | _End[T]) -> bool:
        while not stop.is_set():
            try:
                waiting.put(item, timeout=_POLL_S)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        iterator = iter(items)
        try:
            for item in iterator:
                if not put(item):
                    break
            else:
                put(_End())
        except BaseException as error:  # handed on to the reader, whatever it is
            put(_Failure(error))
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=work, name=f"mouthpiece-{name}", daemon=True)
    thread.start()
    try:
        while True:
            item = waiting.get()
            if isinstance(item, _End):
                return
            if isinstance(item, _Failure):
                raise item.error
            yield item
    finally:
        stop.set()
        thread.join()


def fan_out(items: Iterable[T], count: int) -> tuple[Generator[T, None, None], ...]:
    """Make several iterators over the same items, each over all of them and each for a thread of its own.

    An item waits for those that haven't read it; let them go on side by side, as `compositing.composite` does. What
    the iterable raises is raised in each. Closing one of them ends it alone.
    """
    source, lock = iter(items), threading.Lock()
    waiting: dict[int, deque[T | _Failure | _End[T]]] = {reader: deque() for reader in range(count)}

    def pull() -> None:
        item: T | _Failure | _End[T]
        try:
            item = next(source)
        except StopIteration:
            item = _End()
        except BaseException as error:  # handed on to every reader, whatever it is
            item = _Failure(error)
        for own in waiting.values():
            own.append(item)

    def read(reader: int) -> Generator[T, None, None]:
        own = waiting[reader]
        try:
            while True:
                with lock:
                    if not own:
                        pull()
                    item = own.popleft()
                if isinstance(item, _End):
                    return
                if isinstance(item, _Failure):
                    raise item.error
                yield item
        finally:
            with lock:
                del waiting[reader]

    return tuple(read(reader) for reader in range(count))
