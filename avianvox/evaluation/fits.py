"""One fit of a cross-validation: what is fitted, on which recordings, and what is said about it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np

from avianvox.dataset.catalog import Catalog
from avianvox.dataset.splits import Fold
from avianvox.dataset.training_data import TrainingData, WindowScores
from avianvox.evaluation.held_out_species import Turn
from avianvox.evaluation.predictions import FoldPredictions
from avianvox.evaluation.rules import RULES, Rule
from avianvox.evaluation.run_folder import fit_name
from avianvox.inference.pooling import pool_rows
from avianvox.randomness import hash_name

FitFunction = Callable[[TrainingData, int], Callable[[TrainingData], WindowScores]]
"""``fit(training data, seed)`` returns a function that gives the scores of every window of other data."""


@runtime_checkable
class Noted(Protocol):
    """What a fit may return: a function that has something to note besides, such as its learning curve."""

    notes: Mapping[str, Any]

    def __call__(self, data: TrainingData) -> WindowScores: ...


@dataclass(frozen=True, slots=True)
class FitReport:
    """One fit that begins or is ``done``; ``kept``: its predictions lay in the run folder already.

    ``per_class``: the most recordings of a class that it learns from, where its training part is cut.
    ``turn``: where species are held out. ``number`` counts the fits that are done, and this one.
    """

    model: str
    grouping: str
    fold: int
    per_class: int | None
    number: int
    n_fits: int
    done: bool = False
    kept: bool = False
    seconds: float | None = None
    turn: Turn | None = None

    @property
    def name(self) -> str:
        """Of the fit, as its file has it."""
        turn = "" if self.turn is None else self.turn.name
        return fit_name(self.model, self.grouping, self.fold, self.per_class, turn)


def rule_fit(name: str, catalog: Catalog) -> FitFunction:
    """A rule of `RULES` in the form of a model: it learns from what ``catalog`` says, and gives one answer
    for each recording."""
    return partial(_fit_rule, RULES.get(name), catalog)


def _fit_rule(
    rule: Rule, catalog: Catalog, data: TrainingData, seed: int
) -> Callable[[TrainingData], WindowScores]:
    by_id = {recording.id: recording for recording in catalog.recordings}
    train = [by_id[name] for name in data.ids]

    def predict(test: TrainingData) -> WindowScores:
        scores = rule(train, [by_id[name] for name in test.ids], catalog.labels)
        return WindowScores(scores.astype(np.float32), np.arange(len(test)))

    return predict


def fit_seed(seed: int, model: str, grouping: str, fold: int) -> int:
    """The seed of one fit, in [0, 2**31): it depends on what is fitted and not on what ran before."""
    return hash_name(seed, "crossval", model, grouping, fold) % 2**31


@dataclass(frozen=True, slots=True)
class Fit:
    """A fit to be made; it can be sent to other processes where ``fit`` can.

    ``only_learned``: classes that the training part lacks get no score, and the others share it.
    ``unheard``: ids of recordings without a label that belong with what is tested.
    """

    fit: FitFunction
    fold: Fold
    seed: int
    only_learned: bool = False
    unheard: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Made:
    """What one fit gave, the seconds it took to learn, and what it noted."""

    predictions: FoldPredictions
    seconds: float
    notes: Mapping[str, Any]


def fit_and_predict(data: TrainingData, ids: np.ndarray, job: Fit) -> Made:
    """Make one fit, and ask it for its predictions."""
    fold = job.fold
    test = data.subset(fold.test)
    started = time.perf_counter()
    train = data.subset(fold.train)
    heard = tuple(entry for entry in train.unlabelled if entry[0] not in job.unheard)
    train = replace(train, unlabelled=heard)
    if job.only_learned:
        train = train.without_unlearned()
    predict = job.fit(train, job.seed)
    seconds = time.perf_counter() - started
    windows = predict(test)
    scores = windows.scores.astype(np.float32)
    beside: dict[str, np.ndarray] = {}
    if job.only_learned:
        scores = _shared(scores, np.unique(train.targets))
        beside = _clues(predict, train, test)
    found = FoldPredictions(
        scores=scores,
        positions=windows.positions.astype(np.int64),
        targets=test.targets.astype(np.int64),
        test_ids=ids[fold.test],
        train_ids=ids[fold.train],
        pooling=windows.pooling,
        tasks={name: outputs.astype(np.float32) for name, outputs in windows.tasks.items()},
        **beside,
    )
    return Made(found, seconds, _notes(predict))


def _notes(predict: Callable[[TrainingData], WindowScores]) -> Mapping[str, Any]:
    """What a fit notes; of the method of a fitted model, how many weights this has."""
    if isinstance(predict, Noted):
        return predict.notes
    arrays_of = getattr(getattr(predict, "__self__", None), "arrays", None)
    return {} if arrays_of is None else {"n_weights": sum(array.size for array in arrays_of().values())}


def _clues(
    predict: Callable[[TrainingData], WindowScores], train: TrainingData, test: TrainingData
) -> dict[str, np.ndarray]:
    """What `FoldPredictions` keeps besides, where ``predict`` is the method of a model that has `Clues`."""
    clues_of = getattr(getattr(predict, "__self__", None), "clues", None)
    if clues_of is None or (found := clues_of(test)) is None:
        return {}
    learned = clues_of(train)
    return {
        "energy": found.energy,
        "embedding": _means(found.embedding, found.positions, len(test)),
        "train_embedding": _means(learned.embedding, learned.positions, len(train)),
    }


def _means(values: np.ndarray, positions: np.ndarray, n: int) -> np.ndarray:
    return pool_rows(values, positions, n).astype(np.float32)


def _shared(scores: np.ndarray, learned: np.ndarray) -> np.ndarray:
    """Scores of which the classes but ``learned`` have none; those that remain share what the others had."""
    found = np.zeros_like(scores)
    found[:, learned] = scores[:, learned]
    rest = found.sum(axis=1, keepdims=True)
    even = np.zeros_like(found[:1])
    even[:, learned] = 1 / len(learned)
    shared: np.ndarray = np.where(rest > 0, found / np.where(rest > 0, rest, 1), even) * scores.sum(
        axis=1, keepdims=True
    )
    return shared
