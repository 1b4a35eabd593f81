"""Where work is done: in this process, in others, or on a cluster.

Say where with a `Workplace`, and `open_executor` gives a `Mapper`. Its answers are the same wherever the
work is done. A row of `EXECUTORS` stands for one kind of place: `SerialExecutor` below; ``pools`` has threads
and processes, over the processes of ``processes``; ``cluster`` has Dask. Nothing heavy is imported before it
is used: this is on the way of ``avianvox classify one.mp3``.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from avianvox.errors import AvianvoxError
from avianvox.registry import Registry

if TYPE_CHECKING:
    from pathlib import Path


class WorkerCrashed(AvianvoxError):
    """A call killed its worker process, and once more when alone."""


class NoWorkers(AvianvoxError):
    """Worker processes end before they take a call."""


class ClusterError(AvianvoxError, OSError):
    """A cluster cannot be reached, is gone, or its workers are not fit for the work."""


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
    scheduler : str
        Address of a Dask cluster's scheduler, such as ``tcp://10.0.0.1:8786``; it stands above ``jobs``.
    dask_config : Path, optional
        A configuration of Dask in YAML with a ``scheduler-address``, or the JSON that a scheduler writes.
    shared : tuple of path-like
        Files that the work reads: a cluster's workers are asked whether they see them under their path.
    """

    jobs: int = 1
    scheduler: str = ""
    dask_config: "Path | None" = None
    shared: tuple["str | Path", ...] = ()

    @property
    def executor(self) -> str:
        """Its row of `EXECUTORS`."""
        if self.scheduler or self.dask_config is not None:
            return "dask"
        return "serial" if self.jobs == 1 else "processes"


def n_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Mapper(Protocol):
    """Makes one call for each item, on as many workers as there are."""

    def width(self) -> int:
        """How many calls can be made at the same time."""
        ...

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
        "dask": "avianvox.workers.cluster:dask_cluster",
    },
)


def open_executor(workplace: Workplace) -> AbstractContextManager[Mapper]:
    """The `Mapper` of ``workplace``, as a context manager that lets its workers go.

    Raises
    ------
    NoWorkers
        On use, where no worker can be started.
    ClusterError
        The cluster cannot be reached, has no workers, or a worker has another version or lacks a shared file.
    MissingExtraError
        A cluster is asked for, and Dask is not installed.

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

    def width(self) -> int:
        return 1

    def unordered(self, fn: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[tuple[int, Any]]:
        return enumerate(map(fn, items))

    def map(self, fn: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        return map(fn, items)

    def begin(self, fn: Callable[[Any], Any], item: Any) -> Callable[[], Any]:
        return partial(fn, item)
