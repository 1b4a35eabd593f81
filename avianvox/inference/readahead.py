"""Decode in one thread while another scores: the decoder is C code that leaves Python's lock alone."""

from collections.abc import Iterable, Iterator
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import TypeVar

T = TypeVar("T")


def read_ahead(blocks: Iterable[T], *, depth: int = 4) -> Iterator[T]:
    """Yield ``blocks`` in their order, fetched by a thread that is at most ``depth`` blocks ahead.

    What the iterable raises is raised here. The thread has ended when the generator is closed.
    """
    ready: SimpleQueue[T | BaseException | None] = SimpleQueue()
    free = Semaphore(depth)
    stopped = False

    def fetch() -> None:
        try:
            for block in blocks:
                free.acquire()
                if stopped:
                    return
                ready.put(block)
            ready.put(None)
        except BaseException as error:
            ready.put(error)

    thread = Thread(target=fetch, daemon=True)
    thread.start()
    try:
        while (block := ready.get()) is not None:
            if isinstance(block, BaseException):
                raise block
            free.release()
            yield block
    finally:
        block = None  # an error and its traceback, which has this frame, would keep each other
        stopped = True
        free.release()
        thread.join()
