"""Work on many files at once, through the interface of :mod:`concurrent.futures`.

A row of `EXECUTORS` takes the number of workers and gives a context manager with ``map`` and ``submit``;
`classify_files` needs no more, so a Dask client's executor does as well. Whatever the executor, the answers
come in the order of the files and are the same to the last bit. The pools of :mod:`avianvox.inference.pools`
take files as they come, so memory does not grow with their number.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from avianvox.modelfile import find_model, read_model_file
from avianvox.registry import Registry
from avianvox.types import Prediction, Status

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path


class Mapper(Protocol):
    """The part of :class:`concurrent.futures.Executor` that is used here."""

    def map(self, fn: Callable[..., Any], *iterables: Iterable[Any]) -> Iterator[Any]: ...


EXECUTORS: Registry[Callable[[int], AbstractContextManager[Mapper]]] = Registry(
    "executor",
    {
        "serial": "avianvox.inference.executors:SerialExecutor",
        "threads": "avianvox.inference.pools:thread_pool",
        "processes": "avianvox.inference.pools:process_pool",
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


@dataclass(frozen=True, slots=True)
class Crashed:
    """In place of an answer: a call, by its arguments, that killed its worker, and once more when alone."""

    arguments: tuple[Any, ...]


def classify_files(
    paths: Iterable["str | Path"],
    model: "str | Path",
    *,
    overlap_s: float = 0.0,
    calibrated: bool = True,
    jobs: int = 1,
    executor: str | None = None,
) -> Iterator[Prediction]:
    """Classify files on ``jobs`` workers; predictions come in the order of ``paths``.

    A file that crashes its worker process is undecodable; the others are classified all the same.

    Parameters
    ----------
    paths : iterable of path-like
    model : str or path-like
        A bundled name or a model file.
    overlap_s : float, seconds
    calibrated : bool
        Calibrated scores where the model file has a calibration; else the network's own.
    jobs : int
        Each worker loads the model once.
    executor : str, optional
        A name of `EXECUTORS`; by default processes, and serial when ``jobs`` is 1.

    Raises
    ------
    ModelFileError, InputError
        As :meth:`avianvox.inference.classifier.Classifier.load` and ``classify`` do.
    AvianvoxError
        When no worker can be started.
    """
    name = executor or ("serial" if jobs == 1 else "processes")
    path = find_model(model)
    task = partial(_classify_one, (str(path), path.stat().st_mtime_ns), overlap_s, calibrated)
    with EXECUTORS.get(name)(jobs) as pool:
        for answer in pool.map(task, paths):
            yield _undecodable(answer.arguments[0], path) if isinstance(answer, Crashed) else answer


def _undecodable(file: "str | Path", model: "Path") -> Prediction:
    info = read_model_file(model).info
    return Prediction(
        path=str(file),
        status=Status.UNDECODABLE,
        labels=info.labels,
        scores=np.empty(0, np.float32),
        windows=(),
        sample_rate=info.spec.sample_rate,
        message="the decoder crashed on it, or memory ran out",
    )


_local = threading.local()


def _classify_one(
    model: tuple[str, int], overlap_s: float, calibrated: bool, path: "str | Path"
) -> Prediction:
    """Classify with the classifier that this worker keeps; a model file that was replaced is loaded anew."""
    from avianvox.inference.classifier import Classifier

    if getattr(_local, "model", None) != model:
        _local.classifier, _local.model = Classifier.load(model[0]), model
    prediction: Prediction = _local.classifier.classify(path, overlap_s=overlap_s, calibrated=calibrated)
    return prediction
