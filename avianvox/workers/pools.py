"""`Pool`: calls on several workers at the same time, few of them under way, and none lost to a crash."""

from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any

from avianvox.workers import Crashed, WorkerCrashed, Workplace
from avianvox.workers.processes import Workers

_AHEAD = 4  # calls that wait or run, for each worker


@contextmanager
def thread_pool(workplace: Workplace) -> Iterator["Pool"]:
    """Threads of this process."""
    executor = ThreadPoolExecutor(workplace.jobs)
    try:
        yield Pool(lambda: workplace.jobs, executor.submit, executor.submit)
    finally:
        executor.shutdown(cancel_futures=True)


@contextmanager
def process_pool(workplace: Workplace) -> Iterator["Pool"]:
    """Processes of this machine; where a call kills its worker, the others have their answers."""
    with Workers(workplace.jobs) as workers:
        yield Pool(lambda: workplace.jobs, workers.start, workers.again, workers.broken)


@dataclass(frozen=True, slots=True)
class Pool:
    """A `Mapper` over futures.

    Attributes
    ----------
    width : callable
        How many workers there are now.
    start : callable
        ``start(fn, item)`` begins a call. Its future has a ``BrokenExecutor`` where the call was lost.
    again : callable
        ``again(fn, item)`` makes a lost call once more; its future has `WorkerCrashed` if that is of no use.
    broken : callable
        Whether calls were lost, and none was begun since.
    """

    width: Callable[[], int]
    start: Callable[..., "Future[Any]"]
    again: Callable[..., "Future[Any]"]
    broken: Callable[[], bool] = lambda: False

    def begin(self, fn: Callable[[Any], Any], item: Any) -> Callable[[], Any]:
        return partial(self._wait, self.start(fn, item), fn, item)

    def _wait(self, future: "Future[Any]", fn: Callable[[Any], Any], item: Any) -> Any:
        try:
            return future.result()
        except BrokenExecutor:
            return self.again(fn, item).result()

    def map(self, fn: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        held: dict[int, Any] = {}
        position = 0
        for found, answer in self._answers(fn, items, held):
            held[found] = answer
            while position in held:
                yield held.pop(position)
                position += 1

    def unordered(self, fn: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[tuple[int, Any]]:
        return self._answers(fn, items, held=())

    def _answers(
        self, fn: Callable[[Any], Any], items: Iterable[Any], held: Sized
    ) -> Iterator[tuple[int, Any]]:
        """Position and answer of each item; no item is taken while too many answers are ``held`` back."""
        done: SimpleQueue[tuple[int, Future[Any]]] = SimpleQueue()
        calls = enumerate(items)
        under_way: dict[int, Any] = {}

        def follow(position: int, future: "Future[Any]") -> None:
            future.add_done_callback(lambda ended: done.put((position, ended)))

        while True:
            # what was lost when the pool broke is made again before anything else is begun
            while len(under_way) + len(held) < (1 if self.broken() else _AHEAD * self.width()):
                if (call := next(calls, None)) is None:
                    break
                position, item = call
                under_way[position] = item
                follow(position, self.start(fn, item))
            if not under_way:
                return
            position, future = done.get()
            try:
                answer = future.result()
            except BrokenExecutor:
                follow(position, self.again(fn, under_way[position]))
                continue
            except WorkerCrashed:
                answer = Crashed(under_way[position])
            del under_way[position]
            yield position, answer
