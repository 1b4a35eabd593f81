"""Many files at once: whatever the executor, the answers are in the order of the files and the same."""

import threading
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from avianvox.modelfile import find_model, read_model_file
from avianvox.types import Prediction, Status
from avianvox.workers import EXECUTORS, Crashed, Workplace

if TYPE_CHECKING:
    from pathlib import Path


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
        A name of `avianvox.workers.EXECUTORS`; by default processes, and serial when ``jobs`` is 1.

    Raises
    ------
    ModelFileError, InputError
        As :meth:`avianvox.inference.classifier.Classifier.load` and ``classify`` do.
    AvianvoxError
        When no worker can be started.
    """
    workplace = Workplace(jobs)
    path = find_model(model)
    task = partial(_classify_one, (str(path), path.stat().st_mtime_ns), overlap_s, calibrated)
    with EXECUTORS.get(executor or workplace.executor)(workplace) as pool:
        for answer in pool.map(task, paths):
            yield _undecodable(answer.item, path) if isinstance(answer, Crashed) else answer


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
