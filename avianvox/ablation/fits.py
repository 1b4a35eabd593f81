"""One step as a cross-validation fits it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from avianvox.ablation.steps import Step
from avianvox.dataset.training_data import TrainingData, WindowScores
from avianvox.errors import AvianvoxError
from avianvox.features.store import FeatureStore
from avianvox.models import MODELS
from avianvox.models.networks import NETWORKS
from avianvox.models.protocol import FittedModel, Progress, TrainSettings


class StepFailed(AvianvoxError, ValueError):
    """A step cannot be fitted; ``step`` is its name."""

    def __init__(self, step: str, reason: str) -> None:
        super().__init__(f"step {step}: {reason}")
        self.step, self.reason = step, reason

    def __reduce__(self) -> Any:
        return StepFailed, (self.step, self.reason)


class Prepare(Protocol):
    """What is done inside the training part of each fold, before a step's fit."""

    def __call__(self, data: TrainingData, settings: TrainSettings, seed: int) -> TrainSettings:
        """The settings to fit with; what they name was made from ``data`` alone."""
        ...

    def to_mapping(self) -> dict[str, Any]:
        """All that it depends on, as plain values."""
        ...


@dataclass(frozen=True)
class Answerer:
    """A fitted step as a function, with its number of weights and its history."""

    fitted: FittedModel
    store: FeatureStore | None
    notes: Mapping[str, Any]

    def __call__(self, data: TrainingData) -> WindowScores:
        return self.fitted.predict(_on(data, self.store))


@dataclass(frozen=True)
class StepFit:
    """A step in the form that `avianvox.evaluation.crossval.crossvalidate` takes.

    Attributes
    ----------
    step : Step
    seed : int
        Of the fit, in place of what a cross-validation gives each model: the same for all steps, so that they
        begin alike.
    store : FeatureStore or None
        The step's own features; None: those of the cross-validation.
    watched : TrainingData or None
        All recordings: those that are not learned from are scored after each epoch of a network.
    progress : callable, optional
    prepare : Prepare, optional
    """

    step: Step
    seed: int
    store: FeatureStore | None = None
    watched: TrainingData | None = None
    progress: Progress | None = None
    prepare: Prepare | None = None

    def __call__(self, data: TrainingData, seed: int) -> Answerer:
        del seed
        more = {}
        if self.watched is not None and self.step.model in NETWORKS:
            others = ~np.isin(self.watched.recordings, data.recordings)
            more["watched"] = _on(self.watched.subset(np.flatnonzero(others)), self.store)
        try:
            own, settings = _on(data, self.store), self.step.settings
            if self.prepare is not None:
                settings = self.prepare(own, settings, self.seed)
            estimator = MODELS.get(self.step.model)(settings)
            fitted = estimator.fit(own, seed=self.seed, progress=self.progress, **more)
        except AvianvoxError as error:
            raise StepFailed(self.step.name, str(error)) from error
        n_weights = sum(array.size for array in fitted.arrays().values())
        history = getattr(fitted, "history", None)
        notes = {"n_weights": n_weights, "epochs": [] if history is None else history.epochs}
        return Answerer(fitted, self.store, notes)


def _on(data: TrainingData, store: FeatureStore | None) -> TrainingData:
    """The same recordings with the step's own features."""
    if store is None:
        return data
    return replace(data.with_store(store), spec=store.bands)
