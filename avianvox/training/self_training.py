"""Self-training by name: which windows of recordings without a label a network is taught once more, and how.

``[train] self_training = "confident"`` chooses one, and ``[train.self_training]`` with ``kind`` one with
settings. A row is a frozen dataclass of its settings, each declared with `avianvox.config.later`. A network
is fitted, answers for the recordings without a label, and is fitted anew with the windows that a row chooses
as further recordings. ``tests/test_self_training.py`` holds each row to the contract.

References
----------
Scudder, "Probability of error of some adaptive pattern-recognition machines", 1965; Xie et al.,
"Self-training with noisy student improves ImageNet classification", 2020.
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from avianvox.config import later
from avianvox.dataset.training_data import TrainingData, WindowScores
from avianvox.errors import ConfigError, InputError
from avianvox.registry import Registry


class SelfTraining(Protocol):
    """What a row of `SELF_TRAININGS` stands for."""

    def choose(self, answers: WindowScores) -> np.ndarray:
        """Numbers of the windows that are learned as what they were answered, ascending."""
        ...


@dataclass(frozen=True)
class Confident:
    """Windows whose highest probability is at least ``least``.

    ``per_recording`` of one recording at most, ``per_class`` of one class, the surest first.
    """

    least: float = later(0.8, held=0.8)
    per_recording: int = later(2, held=2)
    per_class: int = later(20, held=20)

    def __post_init__(self) -> None:
        if not 0 < self.least < 1:
            raise ConfigError(f"[train.self_training] least: expected 0 to 1, got {self.least}")
        for name in ("per_recording", "per_class"):
            if getattr(self, name) < 1:
                raise ConfigError(
                    f"[train.self_training] {name}: expected 1 or more, got {getattr(self, name)}"
                )

    def choose(self, answers: WindowScores) -> np.ndarray:
        highest, classes = answers.scores.max(axis=1), answers.scores.argmax(axis=1)
        surest = np.argsort(-highest, kind="stable")
        surest = surest[highest[surest] >= self.least]
        surest = surest[_number(answers.positions[surest]) < self.per_recording]
        surest = surest[_number(classes[surest]) < self.per_class]
        return np.sort(surest)


SELF_TRAININGS: Registry[type[SelfTraining]] = Registry(
    "self-training", {"confident": "avianvox.training.self_training:Confident"}
)
"""Listing them needs no Keras."""


def _number(values: np.ndarray) -> np.ndarray:
    """How many equal ones stand before each value."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    found = np.empty(len(values), np.int64)
    found[order] = np.arange(len(values)) - np.searchsorted(ordered, ordered, side="left")
    return found


def unlabelled(data: TrainingData) -> TrainingData:
    """Its recordings without a label, as some to answer for; their classes mean nothing.

    Raises
    ------
    InputError
        There is none.
    """
    if not data.unlabelled:
        raise InputError(
            "[train] self_training: expected recordings without a label, of other sessions than those held "
            "out; found none: put some beside the folders of species, or into the table with an empty label"
        )
    recordings = data.store.indices_of([name for name, _ in data.unlabelled])
    return replace(
        data,
        recordings=recordings,
        targets=np.zeros(len(recordings), np.int64),
        besides=(),
        sessions=(),
        unlabelled=(),
    )


def taught(
    data: TrainingData, others: TrainingData, windows: np.ndarray, classes: np.ndarray
) -> TrainingData:
    """``data`` with windows of ``others`` as further recordings.

    Parameters
    ----------
    data, others : TrainingData
        Of one store.
    windows : np.ndarray, shape (n, 3), int
        Position in ``others.recordings``, first frame and number of frames.
    classes : np.ndarray, shape (n,), int
    """
    parts = np.stack([others.recordings[windows[:, 0]], windows[:, 1], windows[:, 2]], axis=1)
    store = data.store.with_parts(parts)
    new = np.arange(len(data.store), len(store))
    sessions = dict(data.unlabelled)
    names = [str(data.store.ids[i]) for i in parts[:, 0].tolist()]
    return replace(
        data,
        store=store,
        recordings=np.concatenate([data.recordings, new]),
        targets=np.concatenate([data.targets, np.asarray(classes, np.int64)]),
        besides=(*data.besides, *((),) * len(new)) if data.besides else (),
        sessions=(*data.sessions, *(sessions[name] for name in names)) if data.sessions else (),
        unlabelled=(),
    )
