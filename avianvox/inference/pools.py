"""Pools of threads and processes whose ``map`` looks only a little ahead and outlives a crash."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any

from avianvox.errors import AvianvoxError
from avianvox.inference.executors import Crashed
from avianvox.workers import start_worker

_AHEAD = 4  # calls that wait or run, for each worker


def thread_pool(jobs: int) -> "Pool":
    """``jobs`` threads of this process."""
    return Pool(jobs, ThreadPoolExecutor)


def process_pool(jobs: int) -> "Pool":
    """``jobs`` fresh processes: nothing is inherited, so no lock of a decoder or an interpreter is."""
    return Pool(jobs, _processes)


def _processes(jobs: int) -> Executor:
    return ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=start_worker)


class Pool:
    """Workers that ``make(jobs)`` gives; where a call kills its worker, the others have their answers."""

    def __init__(self, jobs: int, make: Callable[[int], Executor]) -> None:
        self._jobs = jobs
        self._make = make
        self._executor = make(jobs)

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        processes = getattr(self._executor, "_processes", None) or {}
        if kind is not None:
            for process in list(processes.values()):
                process.terminate()  # it may be at work on a recording of many hours
        self._executor.shutdown(cancel_futures=True)

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> "Future[Any]":
        try:
            return self._executor.submit(fn, *args)
        except BrokenExecutor as error:
            future: Future[Any] = Future()
            future.set_exception(error)
            return future

    def map(self, fn: Callable[..., Any], *iterables: Iterable[Any]) -> Iterator[Any]:
        """The answers in order, and `Crashed` in place of one whose call killed its worker twice.

        Raises
        ------
        AvianvoxError
            Not one worker can be started.
        """
        calls = zip(*iterables, strict=True)
        pending: deque[tuple[tuple[Any, ...], Future[Any]]] = deque()
        while True:
            while len(pending) < _AHEAD * self._jobs and (args := next(calls, None)) is not None:
                pending.append((args, self.submit(fn, *args)))
            if not pending:
                return
            try:
                answer = pending[0][1].result()
            except BrokenExecutor:
                yield from self._one_by_one(fn, pending)
                pending.clear()
                self._restart(self._jobs)
            else:
                pending.popleft()
                yield answer

    def _one_by_one(
        self, fn: Callable[..., Any], calls: Iterable[tuple[tuple[Any, ...], "Future[Any]"]]
    ) -> Iterator[Any]:
        """Answers to calls of which one broke the pool: those that are lost are made again, each alone."""
        self._restart(1)
        for args, future in calls:
            try:
                answer = future.result()
            except BrokenExecutor:
                try:
                    answer = self.submit(fn, *args).result()
                except BrokenExecutor:
                    answer = Crashed(args)
                    self._restart(1)
            yield answer

    def _restart(self, jobs: int) -> None:
        self._executor.shutdown(cancel_futures=True)
        self._executor = self._make(jobs)
        try:
            self._executor.submit(os.getpid).result()
        except BrokenExecutor as error:
            raise AvianvoxError(
                "worker processes end as they start (out of memory?); run again with --jobs 1"
            ) from error
