"""What every model offers to training, cross-validation and the command line."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from avianvox.errors import ConfigError
from avianvox.features.spec import COMBINATIONS, FeatureSpec
from avianvox.registry import nearest

if TYPE_CHECKING:
    from avianvox.dataset.training_data import TrainingData, WindowScores


@dataclass(frozen=True)
class TrainSettings:
    """How a model is fitted. A model without epochs passes over the options that speak of them.

    Attributes
    ----------
    epochs : int
        Most passes over the recordings.
    batch_size : int
    learning_rate : float
        Of Adam.
    validation : float in [0, 1)
        Share of the training recordings, whole sessions, that early stopping looks at. 0 trains on all of
        them for exactly ``epochs`` epochs.
    patience : int
        Epochs without a lower validation loss after which training stops.
    validation_windows : int
        Most windows of one recording in the validation part, evenly spread.
    crops_per_recording : int
        Random crops that each recording gives in each epoch; 1 as published.
    combine : {"mel", "overwrite", "concatenate"} or None
        What the model sees of mel and MFCC; None stands for the way the model was published with.
    padding : {"loop", "zero", "mean"}
        What follows a recording that is shorter than a window.
    """

    epochs: int = 100
    batch_size: int = 32
    learning_rate: float = 1e-3
    validation: float = 0.15
    patience: int = 20
    validation_windows: int = 8
    crops_per_recording: int = 1
    combine: str | None = None
    padding: str = "loop"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience", "validation_windows", "crops_per_recording"):
            if getattr(self, name) < 1:
                raise ConfigError(f"[train] {name}: expected 1 or more, got {getattr(self, name)}")
        if not self.learning_rate > 0:
            raise ConfigError(f"[train] learning_rate: expected more than 0, got {self.learning_rate}")
        if not 0 <= self.validation < 1:
            raise ConfigError(f"[train] validation: expected 0 or more and below 1, got {self.validation}")
        if self.combine is not None and self.combine not in COMBINATIONS:
            raise ConfigError(
                f"[train] combine: expected one of {', '.join(COMBINATIONS)}, got '{self.combine}'"
                f"{nearest(self.combine, list(COMBINATIONS))}"
            )

    def spec_for(self, spec: FeatureSpec, published: str) -> FeatureSpec:
        """``spec`` with the combination that these settings ask for, or else the ``published`` one."""
        return spec.with_changes(combine=self.combine or published)


@dataclass(frozen=True, slots=True)
class EpochReport:
    """A finished epoch: ``epoch`` counts from 1, ``figures`` hold loss, accuracy and their ``val_`` peers."""

    epoch: int
    n_epochs: int
    figures: dict[str, float]


Progress = Callable[[EpochReport], None]
"""Called after each epoch."""


class FittedModel(Protocol):
    """A model that has learned."""

    def predict(self, data: "TrainingData") -> "WindowScores":
        """Probabilities of every window of every recording of ``data``."""
        ...


class Estimator(Protocol):
    """A model with its settings, before it has seen any data."""

    def fit(self, data: "TrainingData", *, seed: int, progress: Progress | None = None) -> FittedModel:
        """Learn from ``data``. The same seed gives the same model."""
        ...


EstimatorFactory = Callable[[TrainSettings], Estimator]
