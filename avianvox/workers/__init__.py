"""Where work is done: in this process, in others, or on a cluster.

Say where with a `Workplace`, and `open_executor` gives a `Mapper`. Its answers are the same wherever the
work is done. A row of `EXECUTORS` stands for one kind of place: `SerialExecutor` below; ``pools`` has threads
and processes, over the processes of ``processes``. Nothing heavy is imported before it is used: this is on
the way of ``avianvox classify one.mp3``.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from avianvox.errors import AvianvoxError
from avianvox.registry import Registry


class WorkerCrashed(AvianvoxError):
    """A call killed its worker process, and once more when alone."""


class NoWorkers(AvianvoxError):
    """Worker processes end before they take a call."""


@dataclass(frozen=True, slots=True)
class Crashed:
    """In place of an answer: the item whose call killed its worker, and once more when alone."""

    item: Any


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where work is done.

    Attributes
    ----------
    jobs : int
        Processes of this machine; 1 works in this process.
    """

    jobs: int = 1

    @property
    def executor(self) -> str:
        """Its row of `EXECUTORS`."""
        return "serial" if self.jobs == 1 else "processes"


class Mapper(Protocol):
    """Makes one call for each item, on as many workers as there are."""

    def unordered(self, fn: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[tuple[int, Any]]:
        """Position and answer of each item, as calls end; a `Crashed` where a call killed its worker.

        Items are taken as workers become free, so that memory does not grow with their number.
        """
        ...

    def map(self, fn: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """The answers in the order of the items. It looks so far ahead as a few answers for each worker."""
        ...

    def begin(self, fn: Callable[[Any], Any], item: Any) -> Callable[[], Any]:
        """Begin one call, and give back what waits for its answer; it raises `WorkerCrashed`."""
        ...


EXECUTORS: Registry[Callable[[Workplace], AbstractContextManager[Mapper]]] = Registry(
    "executor",
    {
        "serial": "avianvox.workers:SerialExecutor",
        "threads": "avianvox.workers.pools:thread_pool",
        "processes": "avianvox.workers.pools:process_pool",
    },
)


def open_executor(workplace: Workplace) -> AbstractContextManager[Mapper]:
    """The `Mapper` of ``workplace``, as a context manager that lets its workers go.

    Raises
    ------
    NoWorkers
        On use, where no worker can be started.

    Examples
    --------
    >>> with open_executor(Workplace(jobs=1)) as executor:
    ...     list(executor.map(abs, [-1, 2]))
    [1, 2]
    """
    return EXECUTORS.get(workplace.executor)(workplace)


class SerialExecutor:
    """Makes each call where it is asked for, so that answers appear as they are found.

    It keeps :mod:`concurrent.futures` out of the start-up of ``avianvox classify one.mp3``.
    """

    def __init__(self, workplace: Workplace) -> None:
        del workplace

    def __enter__(self) -> "SerialExecutor":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def unordered(self, fn: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[tuple[int, Any]]:
        return enumerate(map(fn, items))

    def map(self, fn: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        return map(fn, items)

    def begin(self, fn: Callable[[Any], Any], item: Any) -> Callable[[], Any]:
        return partial(fn, item)
