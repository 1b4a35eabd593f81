"""Worker processes, whatever their work is: how they begin and end, and a pool that outlives a crash."""

import os
import signal
import sys
import threading
from collections.abc import Callable, MutableSequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import connection, get_context, parent_process
from typing import TypeVar

from avianvox.errors import AvianvoxError
from avianvox.signals import held
from avianvox.workers import NoWorkers, WorkerCrashed, heard

T = TypeVar("T")

_MOST_PROCESSES = 61 if sys.platform == "win32" else 1 << 16  # Windows waits for no more at once
ALLOCATION = {"MALLOC_TRIM_THRESHOLD_": str(128 << 20), "MALLOC_MMAP_THRESHOLD_": str(32 << 20)}
"""For glibc in worker processes: keep the memory of one block of sound for the next. Else it goes back to the
system and is fetched anew each time, page by page, which is a sixth of the work on short files."""


class Workers:
    """``jobs`` fresh processes: nothing is inherited, so no lock of a decoder or an interpreter is.

    A call that kills its process takes the others with it. The futures of all that were under way have a
    ``BrokenExecutor``, and `again` makes such a call once more, alone in a process of its own.
    """

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self._executor = _processes(jobs)
        self._lost = ThreadPoolExecutor(1)  # waits for calls that are made again, one at a time
        self._alone: ProcessPoolExecutor | None = None

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._lost.shutdown(wait=False, cancel_futures=True)
        if kind is not None:
            for executor in (self._executor, self._alone):
                _terminate(executor)  # it may be at work on a recording of many hours
        self._executor.shutdown(cancel_futures=True)
        self._lost.shutdown()
        heard.forget_open()

    def broken(self) -> bool:
        """Whether a call killed its process, and none was begun since."""
        return bool(self._executor._broken)

    def start(self, fn: Callable[..., T], /, *args: object) -> "Future[T]":
        """Begin a call. The future has a ``BrokenExecutor`` where this call or another kills its process."""
        with held():  # it may start a process, of which half would be waited for for ever
            try:
                return self._executor.submit(fn, *args)
            except BrokenExecutor:
                self._executor.shutdown()
                self._executor = _processes(self.jobs)
                return self._executor.submit(fn, *args)

    def again(self, fn: Callable[..., T], /, *args: object) -> "Future[T]":
        """Make a lost call once more. Its future has what ``fn`` raises, `WorkerCrashed`, or `NoWorkers`."""
        if self.broken():
            self._executor.shutdown()  # its processes write no more
        return self._lost.submit(self._make_alone, partial(fn, *args))

    def _make_alone(self, call: Callable[[], T]) -> T:
        problem: AvianvoxError = NoWorkers(
            "worker processes end as they start (out of memory?); run again with --jobs 1"
        )
        with _processes(1) as self._alone:
            try:
                with held():
                    started = self._alone.submit(os.getpid)
                started.result()
                problem = WorkerCrashed("a call killed its worker process twice")
                return self._alone.submit(call).result()
            except BrokenExecutor as error:
                raise problem from error


def _processes(jobs: int) -> ProcessPoolExecutor:
    for name, value in ALLOCATION.items():
        os.environ.setdefault(name, value)
    heard.forget_open()
    with held():
        return ProcessPoolExecutor(
            min(jobs, _MOST_PROCESSES),
            mp_context=get_context("spawn"),
            initializer=start_worker,
            initargs=(heard.sheet(),),
        )


def _terminate(executor: ProcessPoolExecutor | None) -> None:
    if executor is not None:
        for process in list((executor._processes or {}).values()):
            process.terminate()


def start_worker(sheet: MutableSequence[float]) -> None:
    """Make a worker process leave interrupts to its parent, and end when the parent is gone.

    Until it gets here, `held` keeps them from it. ``sheet`` takes how much sound it reads.
    """
    heard.write_to(sheet)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
