"""Decode in one thread while another scores: the decoder is C code that leaves Python's lock alone."""

import atexit
from collections.abc import Iterable, Iterator
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import Any, Generic, TypeVar
from weakref import WeakSet

T = TypeVar("T")


def read_ahead(blocks: Iterable[T], *, depth: int = 4) -> Iterator[T]:
    """Yield ``blocks`` in their order, fetched by a thread that is at most ``depth`` blocks ahead.

    What the iterable raises is raised here. The thread has ended when the generator is closed. One that is
    never closed, as after an interrupt, has ended before the interpreter takes itself apart.
    """
    fetcher = _Fetcher(blocks, depth)
    try:
        while (block := fetcher.ready.get()) is not None:
            if isinstance(block, BaseException):
                raise block
            fetcher.free.release()
            yield block
    finally:
        block = None  # an error and its traceback, which has this frame, would keep each other
        fetcher.stop()
        fetcher.thread.join()


class _Fetcher(Generic[T]):
    """The thread, which starts at once, and what it shares with whoever takes the blocks."""

    def __init__(self, blocks: Iterable[T], depth: int) -> None:
        self.ready: SimpleQueue[T | BaseException | None] = SimpleQueue()
        self.free = Semaphore(depth)
        self.stopped = False
        self.thread = Thread(target=self._fetch, args=(blocks,), daemon=True)
        _fetchers.add(self)
        self.thread.start()

    def _fetch(self, blocks: Iterable[T]) -> None:
        try:
            for block in blocks:
                self.free.acquire()
                if self.stopped:
                    return
                self.ready.put(block)
            self.ready.put(None)
        except BaseException as error:
            self.ready.put(error)

    def stop(self) -> None:
        """Let the thread end with the block that it is at."""
        self.stopped = True
        self.free.release()


_fetchers: WeakSet[_Fetcher[Any]] = WeakSet()
_LONGEST_S = 5.0  # that the process waits at its end: a thread may listen to a pipe in which nothing comes


@atexit.register
def _end_threads() -> None:
    """A thread in the midst of C code must not see that code's memory go."""
    running = [fetcher for fetcher in _fetchers if fetcher.thread.is_alive()]
    for fetcher in running:
        fetcher.stop()
    for fetcher in running:
        fetcher.thread.join(_LONGEST_S)
