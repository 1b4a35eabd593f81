"""What every model offers to training, cross-validation and the command line."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from avianvox.config import Choice, later
from avianvox.dataset.crops import PADDINGS
from avianvox.errors import ConfigError
from avianvox.features.spec import COMBINATIONS, FeatureSpec
from avianvox.inference.pooling import POOLINGS, poolings_of
from avianvox.registry import nearest
from avianvox.tasks.asked import choices_of, tasks_of

F = TypeVar("F")

if TYPE_CHECKING:
    import numpy as np

    from avianvox.dataset.training_data import TrainingData, WindowScores


@dataclass(frozen=True)
class TrainSettings:
    """How a model is fitted. Networks use all options; other models pass over those they have no use for.

    Naive Bayes on pixels uses ``crops_per_recording``, ``combine`` and ``padding``; the perceptron uses
    ``epochs``, ``batch_size`` and ``learning_rate``; other models on numbers of a whole recording use none.

    Attributes
    ----------
    epochs : int
        Maximum number of epochs.
    batch_size : int
    learning_rate : float
        The optimiser's, at the begin.
    patience : int
        Epochs without a lower validation loss after which training stops, where there is validation data.
    validation_windows : int
        Maximum number of windows per validation recording, evenly spaced.
    crops_per_recording : int
        Random crops per recording and epoch; 1 as published.
    combine : {"mel", "overwrite", "concatenate"} or None
        Combination of mel and MFCC features; None: the published one of the model.
    padding : {"loop", "zero", "mean"}
        Padding of recordings shorter than a window.
    loss, sampler : str or Choice
        Of networks: rows of `avianvox.training.losses.LOSSES` and `avianvox.training.samplers.SAMPLERS`.
    augment : tuple of str or Choice
        Of networks that see mel bands alone (``combine`` is ``mel`` or ``above_floor``): rows of
        `avianvox.training.augmentations.AUGMENTATIONS`, in the order in which they are applied.
    placing : str or Choice
        Where random crops begin: a row of `avianvox.dataset.placing.PLACINGS`.
    even_batches : bool
        Of networks: whether the crops of an epoch are spread evenly over its batches.
    window_frames : int or None
        Of networks: frames of a window; None: as many as the features' settings say.
    optimiser, schedule : str or Choice
        Of networks: rows of `avianvox.training.optimisers.OPTIMISERS` and
        `avianvox.training.schedules.SCHEDULES`.
    overlap : float in [0, 1)
        Of networks and ``logreg_windows``: by how much of a window neighbouring windows overlap where a
        recording is answered.
    pooling : str
        Of the same: how windows become a recording, a row of `avianvox.inference.pooling.POOLINGS`.
    beside : tuple of str
        Of networks: models of windows that answer with it, see `avianvox.training.together`.
    beside_share : float in (0, 1) or None
        What they have to say, all together; None: each as much as the network.
    from_ : str or None
        Of networks: the run folder whose weights are begun from, see `avianvox.training.origin`.
    freeze_until : str or None
        Layer up to which those weights stay as they are.
    average : float in [0, 1)
        Of networks: the momentum of an average of the weights over the steps, which is kept in place of the
        last ones; 0: no average.
    emphasis : str, Choice or None
        Of networks: a row of `avianvox.training.emphasis.EMPHASES`; None: each crop is shown as planned.
    guide : str, Choice or None
        Of networks: what they are told beside the classes, a row of `avianvox.training.guides.GUIDES`.
    generated : str, Choice or None
        Of networks that see what stands above the noise floor: patches of a generator that are learned from
        too, a row of `avianvox.training.generated.GENERATED`.
    also : float in [0, 0.5)
        Of networks: the share of the target that species have which a recording names as background.
    tasks : tuple of Choice
        Of networks: what they learn beside the species, rows of `avianvox.tasks.TASK_KINDS`; ``[[tasks]]``.
    species : bool
        Of networks with tasks: whether they learn the species at all.
    ensemble : str, Choice or None
        Of networks: several fits whose probabilities are averaged, a row of
        `avianvox.training.ensembles.ENSEMBLES`; None: one fit.
    shape : str, Choice or None
        Of networks that take one: a row of `avianvox.models.shapes.SHAPES`; None: the network's own.
    self_training : str, Choice or None
        Of networks: a second fit with windows of recordings without a label, a row of
        `avianvox.training.self_training.SELF_TRAININGS`; None: one fit.
    """

    epochs: int = 100
    batch_size: int = 32
    learning_rate: float = 1e-3
    patience: int = 20
    validation_windows: int = 8
    crops_per_recording: int = 1
    combine: str | None = None
    padding: str = "loop"
    loss: str | Choice = later("cross_entropy", held="cross_entropy")
    sampler: str | Choice = later("shuffled", held="shuffled")
    augment: tuple[str | Choice, ...] = later((), held=())
    placing: str | Choice = later("anywhere", held="anywhere")
    even_batches: bool = later(False, held=False)
    window_frames: int | None = later(None, held=None)
    optimiser: str | Choice = later("adam", held="adam")
    schedule: str | Choice = later("constant", held="constant")
    overlap: float = later(0.0, held=0.0)
    pooling: str = later("mean", held="mean")
    beside: tuple[str, ...] = later((), held=())
    beside_share: float | None = later(None, held=None)
    from_: str | None = later(None, held=None)
    freeze_until: str | None = later(None, held=None)
    average: float = later(0.0, held=0.0)
    emphasis: str | Choice | None = later(None, held=None)
    guide: str | Choice | None = later(None, held=None)
    also: float = later(0.0, held=0.0)
    tasks: tuple[Choice, ...] = later((), held=())
    species: bool = later(True, held=True)
    ensemble: str | Choice | None = later(None, held=None)
    self_training: str | Choice | None = later(None, held=None)
    shape: str | Choice | None = later(None, held=None)
    generated: str | Choice | None = later(None, held=None)

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience", "validation_windows", "crops_per_recording"):
            if getattr(self, name) < 1:
                raise ConfigError(f"[train] {name}: expected 1 or more, got {getattr(self, name)}")
        if self.window_frames is not None and self.window_frames < 1:
            raise ConfigError(f"[train] window_frames: expected 1 or more, got {self.window_frames}")
        if self.freeze_until is not None and self.from_ is None:
            raise ConfigError(
                "[train] freeze_until: expected weights to keep; name the run that they come from: from"
            )
        if self.emphasis is not None and self.guide is not None:
            raise ConfigError("[train] emphasis: expected no guide beside it; leave one of both out")
        self._settle_tasks()
        if not self.learning_rate > 0:
            raise ConfigError(f"[train] learning_rate: expected more than 0, got {self.learning_rate}")
        if not 0 <= self.average < 1:
            raise ConfigError(f"[train] average: expected 0 to below 1, got {self.average}")
        if not 0 <= self.also < 0.5:
            raise ConfigError(f"[train] also: expected 0 to below 0.5, got {self.also}")
        if self.beside_share is not None and not 0 < self.beside_share < 1:
            raise ConfigError(f"[train] beside_share: expected 0 to 1, got {self.beside_share}")
        if not 0 <= self.overlap < 1:
            raise ConfigError(f"[train] overlap: expected 0 to below 1, got {self.overlap}")
        for name, known in (
            ("combine", list(COMBINATIONS)),
            ("padding", list(PADDINGS)),
            ("pooling", list(POOLINGS)),
        ):
            value = getattr(self, name)
            if value is not None and value not in known:
                raise ConfigError(
                    f"[train] {name}: expected one of {', '.join(known)}, got '{value}'"
                    f"{nearest(value, known)}"
                )

    def _settle_tasks(self) -> None:
        if self.tasks:
            tasks = tasks_of(self.tasks)
            object.__setattr__(self, "tasks", choices_of(tasks))
            for task in tasks:
                known = poolings_of(task.activation)
                if task.pooling not in known:
                    raise ConfigError(
                        f"[[tasks]] {task.name}: expected a pooling of {', '.join(known)}, got "
                        f"'{task.pooling}'{nearest(task.pooling, known)}"
                    )
        elif not self.species:
            raise ConfigError("[train] species = false: expected [[tasks]] to learn instead, got none")
        besides = ("guide", "emphasis", "beside", "ensemble", "self_training")
        for name in besides if self.tasks else ():
            if getattr(self, name):
                raise ConfigError(f"[train] {name}: expected no [[tasks]] beside it; leave one of both out")

    def spec_for(self, spec: FeatureSpec, *, published: str) -> FeatureSpec:
        """``spec`` with the window and combination that these settings ask for.

        ``published``: the combination where they ask for none.
        """
        return spec.with_changes(
            combine=self.combine or published, n_frames=self.window_frames or spec.n_frames
        )


@dataclass(frozen=True, slots=True)
class EpochReport:
    """A finished epoch: ``epoch`` counts from 1, ``figures`` hold loss, accuracy and their ``val_`` peers."""

    epoch: int
    n_epochs: int
    figures: dict[str, float]


Progress = Callable[[EpochReport], None]
"""Called after each epoch."""


def later_epochs(progress: Progress | None, done: int, total: int) -> Progress | None:
    """For a fit that is one of several: its epochs are counted after ``done`` others, of ``total``."""
    if progress is None:
        return None

    def report(epoch: EpochReport) -> None:
        progress(EpochReport(done + epoch.epoch, total, epoch.figures))

    return report


@dataclass(frozen=True)
class SavedFit:
    """What a run folder keeps of a fitted model: ``arrays`` as `FittedModel.arrays` gave them."""

    spec: FeatureSpec
    n_classes: int
    arrays: "Mapping[str, np.ndarray]"


class FittedModel(Protocol):
    """A model that has learned."""

    def arrays(self) -> "dict[str, np.ndarray]":
        """What it has learned, by name; `Estimator.restore` is the inverse."""
        ...

    def graph(self) -> Any:
        """Rows of a window, shape (n_frames, n_features), to scores: a keras.Model, for export.

        Raises
        ------
        InputError
            It does not answer for windows.
        """
        ...

    def predict(self, data: "TrainingData") -> "WindowScores":
        """Probabilities of every window of every recording of ``data``."""
        ...


class Estimator(Protocol):
    """A model with its settings, before it has seen any data."""

    def fit(
        self,
        data: "TrainingData",
        *,
        seed: int,
        validation: "TrainingData | None" = None,
        progress: Progress | None = None,
    ) -> FittedModel:
        """Learn from ``data``; the same seed gives the same model.

        A model with epochs keeps those of the least loss on ``validation``; without it, the last ones.
        """
        ...


class AtOnce(ABC, Generic[F]):
    """An estimator that learns from all recordings at once: without epochs, and without validation data."""

    def fit(
        self,
        data: "TrainingData",
        *,
        seed: int,
        validation: "TrainingData | None" = None,
        progress: Progress | None = None,
    ) -> F:
        """`learn`, as `Estimator.fit` is called; ``validation`` and ``progress`` are not used."""
        return self.learn(data, seed)

    @abstractmethod
    def learn(self, data: "TrainingData", seed: int) -> F:
        """Learn from every recording; the same seed gives the same model."""
        ...


class TrainableEstimator(Estimator, Protocol):
    """An estimator whose fitted models can be kept: those of `avianvox.models.TRAINABLE`."""

    def spec_for(self, spec: FeatureSpec) -> FeatureSpec:
        """What the model sees where ``spec`` is extracted: ``spec`` with the model's combination."""
        ...

    def restore(self, saved: SavedFit) -> FittedModel:
        """The fitted model that a run folder keeps.

        Raises
        ------
        InputError, KeyError, ValueError
            The arrays are not those of such a model.
        """
        ...


EstimatorFactory = Callable[[TrainSettings], Estimator]


def fit_function(
    make: EstimatorFactory, settings: TrainSettings, progress: Progress | None = None
) -> "Callable[[TrainingData, int], Callable[[TrainingData], WindowScores]]":
    """An estimator in the form that `avianvox.evaluation.crossval.crossvalidate` takes.

    Without ``progress`` it can be sent to other processes.
    """
    return partial(_fit, make, settings, progress)


def _fit(
    make: EstimatorFactory,
    settings: TrainSettings,
    progress: Progress | None,
    data: "TrainingData",
    seed: int,
) -> "Callable[[TrainingData], WindowScores]":
    return make(settings).fit(data, seed=seed, progress=progress).predict
