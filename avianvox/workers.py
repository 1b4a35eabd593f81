"""Worker processes, whatever their work is: how they begin and end, and a pool that outlives a crash.

:mod:`concurrent.futures` is imported where it is used, to keep it out of the start-up of the command line.
"""

import os
import signal
import threading
from collections.abc import Callable
from functools import partial
from multiprocessing import connection, get_context, parent_process
from typing import TYPE_CHECKING, Any, TypeVar

from avianvox.errors import AvianvoxError

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

T = TypeVar("T")


class WorkerCrashed(AvianvoxError):
    """A call killed its worker process, and once more when alone."""


class NoWorkers(AvianvoxError):
    """Worker processes end before they take a call."""


class Workers:
    """``jobs`` fresh processes: nothing is inherited, so no lock of a decoder or an interpreter is.

    A call that kills its process takes the others with it. All that were under way are made again, each in a
    process of its own.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._executor = _processes(jobs)

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            for process in list((self._executor._processes or {}).values()):
                process.terminate()  # it may be at work on a recording of many hours
        self._executor.shutdown(cancel_futures=True)

    def broken(self) -> bool:
        """Whether a call killed its process, and none was begun since."""
        return bool(self._executor._broken)

    def start(self, fn: Callable[..., T], /, *args: Any) -> "Future[T]":
        """Begin a call. The future has a ``BrokenExecutor`` where this call or another kills its process."""
        from concurrent.futures import BrokenExecutor

        try:
            return self._executor.submit(fn, *args)
        except BrokenExecutor:
            self._executor = _processes(self._jobs)
            return self._executor.submit(fn, *args)

    def submit(self, fn: Callable[..., T], /, *args: Any) -> Callable[[], T]:
        """Begin a call, and give back what waits for its answer.

        That raises as ``fn`` does, `WorkerCrashed`, and `NoWorkers` where no process can be started.
        """
        future = self.start(fn, *args)
        return partial(_answer, self._executor, future, partial(fn, *args))


def _processes(jobs: int) -> "ProcessPoolExecutor":
    from concurrent.futures import ProcessPoolExecutor

    return ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=start_worker)


def _answer(executor: "ProcessPoolExecutor", future: "Future[T]", call: Callable[[], T]) -> T:
    from concurrent.futures import BrokenExecutor

    try:
        return future.result()
    except BrokenExecutor:
        executor.shutdown()  # its processes write no more
    problem: AvianvoxError = NoWorkers(
        "worker processes end as they start (out of memory?); run again with --jobs 1"
    )
    try:
        with Workers(1) as alone:
            alone.start(os.getpid).result()
            problem = WorkerCrashed("a call killed its worker process twice")
            return alone.start(call).result()
    except BrokenExecutor as error:
        raise problem from error


def start_worker() -> None:
    """Make a worker process leave interrupts to its parent, and end when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
