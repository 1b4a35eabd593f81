"""Pools of threads and processes whose ``map`` looks only a little ahead and outlives a crash."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from avianvox.inference.executors import Crashed
from avianvox.workers import WorkerCrashed, Workers

_AHEAD = 4  # calls that wait or run, for each worker


@contextmanager
def thread_pool(jobs: int) -> Iterator["Pool"]:
    """``jobs`` threads of this process."""
    executor = ThreadPoolExecutor(jobs)
    try:
        yield Pool(jobs, executor.submit, lambda fn, *args: executor.submit(fn, *args).result)
    finally:
        executor.shutdown(cancel_futures=True)


@contextmanager
def process_pool(jobs: int) -> Iterator["Pool"]:
    """``jobs`` processes; where a call kills its worker, the others have their answers."""
    with Workers(jobs) as workers:
        yield Pool(jobs, workers.start, workers.submit, workers.broken)


@dataclass(frozen=True, slots=True)
class Pool:
    """``jobs`` workers: ``submit`` gives a future, ``begin`` what waits for the answer."""

    jobs: int
    submit: Callable[..., "Future[Any]"]
    begin: Callable[..., Callable[[], Any]]
    broken: Callable[[], bool] = lambda: False

    def map(self, fn: Callable[..., Any], *iterables: Iterable[Any]) -> Iterator[Any]:
        """The answers in order, and `Crashed` in place of one whose call killed its worker twice.

        Raises
        ------
        AvianvoxError
            Not one worker can be started.
        """
        calls = zip(*iterables, strict=True)
        pending: deque[tuple[tuple[Any, ...], Callable[[], Any]]] = deque()
        while True:
            # what was lost when the pool broke is made again before anything else is begun
            while len(pending) < (1 if self.broken() else _AHEAD * self.jobs):
                if (args := next(calls, None)) is None:
                    break
                pending.append((args, self.begin(fn, *args)))
            if not pending:
                return
            args, wait = pending.popleft()
            try:
                answer = wait()
            except WorkerCrashed:
                answer = Crashed(args)
            yield answer
