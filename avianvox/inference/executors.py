"""Work on many files at once, through the interface of :mod:`concurrent.futures`.

A row of `EXECUTORS` takes the number of workers and gives a context manager with ``map`` and ``submit``;
`classify_files` needs no more, so a Dask client's executor does as well. Whatever the executor, the answers
come in the order of the files and are the same to the last bit.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from avianvox.errors import AvianvoxError
from avianvox.modelfile import find_model
from avianvox.registry import Registry
from avianvox.types import Prediction

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future
    from pathlib import Path


class Mapper(Protocol):
    """The part of :class:`concurrent.futures.Executor` that is used here."""

    def map(self, fn: Callable[..., Any], *iterables: Iterable[Any]) -> Iterator[Any]: ...


EXECUTORS: Registry[Callable[[int], AbstractContextManager[Mapper]]] = Registry(
    "executor",
    {
        "serial": "avianvox.inference.executors:SerialExecutor",
        "threads": "avianvox.inference.executors:thread_pool",
        "processes": "avianvox.inference.executors:process_pool",
    },
)


class SerialExecutor:
    """Runs everything where it is called; ``map`` is lazy, so answers appear as they are found.

    It keeps :mod:`concurrent.futures` out of the start-up of ``avianvox classify one.mp3``.
    """

    def __init__(self, jobs: int = 1) -> None:
        del jobs

    def __enter__(self) -> "SerialExecutor":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """A future that is already done."""
        from concurrent.futures import Future

        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future

    def map(self, fn: Callable[..., Any], *iterables: Iterable[Any]) -> Iterator[Any]:
        return map(fn, *iterables)


def thread_pool(jobs: int) -> "Executor":
    """``jobs`` threads of this process."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(jobs)


def process_pool(jobs: int) -> "Executor":
    """``jobs`` fresh processes: nothing is inherited, so no lock of a decoder or an interpreter is."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    return ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))


def classify_files(
    paths: Iterable["str | Path"],
    model: "str | Path",
    *,
    overlap_s: float = 0.0,
    jobs: int = 1,
    executor: str | None = None,
) -> Iterator[Prediction]:
    """Classify files on ``jobs`` workers; predictions come in the order of ``paths``.

    Parameters
    ----------
    paths : iterable of path-like
    model : str or path-like
        A bundled name or a model file.
    overlap_s : float, seconds
    jobs : int
        Each worker loads the model once.
    executor : str, optional
        A name of `EXECUTORS`; by default processes, and serial when ``jobs`` is 1.

    Raises
    ------
    ModelFileError, InputError
        As :meth:`avianvox.inference.classifier.Classifier.load` and ``classify`` do.
    AvianvoxError
        When a worker was killed, for example because memory ran out.
    """
    name = executor or ("serial" if jobs == 1 else "processes")
    path = find_model(model)
    task = partial(_classify_one, (str(path), path.stat().st_mtime_ns), overlap_s)
    with EXECUTORS.get(name)(jobs) as pool:
        try:
            yield from pool.map(task, paths)
        except RuntimeError as error:
            if type(error).__name__ != "BrokenProcessPool":
                raise
            raise AvianvoxError("a worker was killed (out of memory?); run again with --jobs 1") from error


_local = threading.local()


def _classify_one(model: tuple[str, int], overlap_s: float, path: "str | Path") -> Prediction:
    """Classify with the classifier that this worker keeps; a model file that was replaced is loaded anew."""
    from avianvox.inference.classifier import Classifier

    if getattr(_local, "model", None) != model:
        _local.classifier, _local.model = Classifier.load(model[0]), model
    prediction: Prediction = _local.classifier.classify(path, overlap_s=overlap_s)
    return prediction
