"""The networks as estimators: what cross-validation and `avianvox.training.run` fit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.config import row_of
from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.dataset.placing import PLACINGS
from avianvox.dataset.training_data import Clues, TrainingData, WindowScores
from avianvox.dataset.windows import hop_of
from avianvox.errors import ConfigError, InputError
from avianvox.features.normalise import Normalisation
from avianvox.features.spec import FeatureSpec
from avianvox.models.backend import keras
from avianvox.models.networks import NETWORKS
from avianvox.models.protocol import Progress, SavedFit, TrainSettings, later_epochs
from avianvox.models.shapes import SHAPES
from avianvox.models.task_heads import BOUNDS, with_answers
from avianvox.tasks.asked import tasks_of
from avianvox.tasks.task import Task
from avianvox.training.augmentations import AUGMENTATIONS
from avianvox.training.fed import own_errors
from avianvox.training.fit import fit_network
from avianvox.training.generated import GENERATED
from avianvox.training.guided import Guided
from avianvox.training.guides import GUIDES, Trunk
from avianvox.training.history import History
from avianvox.training.many_tasks import ManyTasks, drawn_classes, heads_on, targets_of
from avianvox.training.origin import Begun, Origin, begin_from
from avianvox.training.run import FIRST_ROUND, TEACHERS
from avianvox.training.samplers import SAMPLERS
from avianvox.training.self_training import SELF_TRAININGS, taught, unlabelled
from avianvox.training.sequence import CropSequence, WindowSequence

_PREDICTION_BATCH = 32


@dataclass(frozen=True)
class FittedNetwork:
    """A fitted network.

    ``model``: keras.Model that ends in logits; ``spec``: what it sees; ``normalisation``: of its training
    recordings; ``settings``: how it was fitted, and how it answers; ``embedding``: see
    `avianvox.models.networks.Network`; ``heads``: tensors on the model, one for each of its tasks;
    ``self_taught``: windows without a label that it learned from, by class.
    """

    model: Any
    spec: FeatureSpec
    normalisation: Normalisation
    settings: TrainSettings
    history: History = field(default_factory=History)
    embedding: str | None = None
    heads: Sequence[Any] = ()
    self_taught: Mapping[str, int] | None = None

    @property
    def tasks(self) -> tuple[Task, ...]:
        return tasks_of(self.settings.tasks)

    def _windows(self, data: TrainingData) -> WindowSequence:
        crops = CropSettings.from_spec(self.spec, padding=self.settings.padding)
        reader = CropReader(data.store, self.normalisation, crops)
        hop = hop_of(self.spec.n_frames, self.settings.overlap)
        return WindowSequence(reader, data, batch_size=_PREDICTION_BATCH, hop_frames=hop)

    def places(self, data: TrainingData) -> np.ndarray:
        """Where each window of `predict` is: position in ``data.recordings``, first frame and frames."""
        length, lengths = self.spec.n_frames, data.store.n_frames[data.recordings]
        reader = CropReader(
            data.store, None, CropSettings.from_spec(self.spec, padding=self.settings.padding)
        )
        positions, offsets = reader.windows(data.recordings, hop_frames=hop_of(length, self.settings.overlap))
        return np.stack([positions, offsets, np.minimum(lengths[positions], length)], axis=1)

    def clues(self, data: TrainingData) -> Clues | None:
        """Energy and embedding of all windows; None of a network that names no embedding.

        An embedding of several frames is that of the mean frame, followed by the greatest values.
        """
        if self.embedding is None:
            return None
        seen = self.model.get_layer(self.embedding).output
        if len(seen.shape) == 3:
            seen = keras.ops.concatenate([keras.ops.mean(seen, axis=1), keras.ops.max(seen, axis=1)], axis=-1)
        windows = self._windows(data)
        logits, embedding = _answered(keras.Model(self.model.input, [self.model.output, seen]), windows)
        highest = logits.max(axis=1)
        energy = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
        return Clues(energy.astype(np.float32), embedding.astype(np.float32), windows.positions)

    def predict(self, data: TrainingData) -> WindowScores:
        """Scores of all windows, laid as in classifying."""
        windows = self._windows(data)
        if self.heads:
            answers = _answered(self._answers(self.model.output_shape[-1]), windows)
            return WindowScores(answers.pop("scores"), windows.positions, self.settings.pooling, answers)
        logits = _answered(self.model, windows)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores = powers / powers.sum(axis=1, keepdims=True)
        return WindowScores(scores, windows.positions, self.settings.pooling)

    def arrays(self) -> dict[str, np.ndarray]:
        """The network's weights, by layer, and the normalisation."""
        weights = {weight.path: weight.numpy() for weight in self._whole.weights}
        return weights | {"mean": self.normalisation.mean, "deviation": self.normalisation.deviation}

    def graph(self) -> Any:
        """Rows of a window to scores: a keras.Model."""
        from avianvox.models.front_end import network_graph

        answers = self._answers(1) if self.heads else None
        return network_graph(self.model, self.normalisation, self.spec, answers=answers)

    @property
    def _whole(self) -> Any:
        return keras.Model(self.model.input, [self.model.output, *self.heads]) if self.heads else self.model

    def _answers(self, n: int) -> Any:
        """The network with its answers; ``n`` species in them where it learned none."""
        known = None if self.settings.species else n
        return with_answers(self.model, self.heads, self.tasks, known=known)


@dataclass(frozen=True)
class NetworkEstimator:
    """A network of `NETWORKS` with its settings, before it has seen any data."""

    architecture: str
    settings: TrainSettings

    def spec_for(self, spec: FeatureSpec) -> FeatureSpec:
        """``spec`` with the combination that was asked for, or else the published one.

        Raises
        ------
        ConfigError
            Augmentations are asked for, which know no MFCC.
        """
        found = self.settings.spec_for(spec, published=NETWORKS.get(self.architecture).combine)
        if self.settings.augment and found.combine not in ("mel", "above_floor"):
            raise ConfigError(
                "[train] augment: expected a network that sees mel bands alone, got "
                f'{self.architecture} with combine = "{found.combine}"; set combine = "mel"'
            )
        if self.settings.generated is not None and found.combine != "above_floor":
            raise ConfigError(
                "[train.generated]: expected a network that sees what stands above the noise floor, got "
                f'{self.architecture} with combine = "{found.combine}"; set combine = "above_floor"'
            )
        return found

    @property
    def n_epochs(self) -> int:
        """Of all fits, those of its guide and the first round of self-training too."""
        rounds = 1 if self.settings.self_training is None else 2
        return rounds * self.settings.epochs * (1 + self._guide_fits)

    @property
    def _guide_fits(self) -> int:
        chosen = self.settings.guide
        return 0 if chosen is None else row_of(GUIDES, chosen, "train.guide").n_fits

    def restore(self, saved: SavedFit) -> FittedNetwork:
        """The inverse of `FittedNetwork.arrays`."""
        spec, arrays = saved.spec, saved.arrays
        network = NETWORKS.get(self.architecture)
        model = self.untrained(spec, saved.n_classes)
        heads = self._heads(model, spec)
        whole = keras.Model(model.input, [model.output, *heads]) if heads else model
        for weight in whole.weights:
            stored = arrays.get(weight.path)
            if stored is None and weight.name in BOUNDS:
                continue
            if stored is None or stored.shape != tuple(weight.shape):
                raise InputError(f"no fitting {weight.path}: {self.architecture} had other layers then")
            weight.assign(stored)
        normalisation = Normalisation(arrays["mean"], arrays["deviation"])
        embedding = network.embedding
        return FittedNetwork(model, spec, normalisation, self.settings, embedding=embedding, heads=heads)

    def begun(self, data: TrainingData) -> Begun | None:
        """Which layers begin from earlier weights; None where all begin anew. Raises as `begin_from`."""
        if self.settings.from_ is None:
            return None
        return self._begin(self._build(data, data.n_classes), data)

    def _build(self, data: TrainingData, n_classes: int, *, seed: int = 0) -> Any:
        return self.untrained(self.spec_for(data.spec), n_classes, seed=seed)

    def untrained(self, spec: FeatureSpec, n_classes: int, *, seed: int = 0) -> Any:
        """The network of these settings before it has learned anything, a `keras.Model`, without heads.

        Parameters
        ----------
        spec : FeatureSpec
            Of its windows, see `spec_for`.
        n_classes : int
        seed : int
            Of the weights.
        """
        return self._builder()(n_frames=spec.n_frames, n_rows=spec.n_rows, n_classes=n_classes, seed=seed)

    def _builder(self) -> Callable[..., Any]:
        network = NETWORKS.get(self.architecture)
        if self.settings.shape is None:
            return network.build
        if not network.shaped:
            raise ConfigError(
                f"[train] shape: expected a network that takes one, such as avianvox_small, got "
                f"{self.architecture}; leave shape out"
            )
        return partial(network.build, shape=row_of(SHAPES, self.settings.shape, "train.shape"))

    def _heads(self, model: Any, spec: FeatureSpec, *, seed: int = 0) -> list[Any]:
        tasks = tasks_of(self.settings.tasks)
        return heads_on(model, self.architecture, partial(self.untrained, spec), tasks, seed=seed)

    def _begin(self, model: Any, data: TrainingData) -> Begun | None:
        if self.settings.from_ is None:
            return None
        return begin_from(
            model,
            partial(self._build, data),
            Origin.open(self.settings.from_),
            spec=self.spec_for(data.spec),
            classes=data.names,
            until=self.settings.freeze_until,
        )

    def fit(
        self,
        data: TrainingData,
        *,
        seed: int,
        validation: TrainingData | None = None,
        progress: Progress | None = None,
        checkpoint: Path | None = None,
        watched: TrainingData | None = None,
    ) -> FittedNetwork:
        """Learn from ``data``; ``checkpoint``, ``watched`` and the rest as in `fit_network`."""
        if self.settings.self_training is not None:
            return self._fit_twice(
                data,
                seed=seed,
                validation=validation,
                progress=progress,
                checkpoint=checkpoint,
                watched=watched,
            )
        network, settings = NETWORKS.get(self.architecture), self.settings
        spec = self.spec_for(data.spec)
        normalisation = Normalisation.from_store(data.store, data.recordings)
        crops = CropSettings.from_spec(spec, padding=settings.padding)
        reader = CropReader(data.store, normalisation, crops)
        model = self._build(data, data.n_classes, seed=seed)
        if network.prepare is not None and settings.from_ is None:
            network.prepare(model, reader, data.recordings, seed=seed)
        self._begin(model, data)
        trained, guiding = model, None
        if settings.guide is not None:
            guide = row_of(GUIDES, settings.guide, "train.guide")
            fit = partial(self._fit_alone, progress=progress, checkpoint=checkpoint)
            guiding = guide.begin(Trunk(model, partial(self._build, data), fit), data, reader, seed=seed)
            trained = Guided(model, guiding)
            progress = later_epochs(progress, settings.epochs * guide.n_fits, self.n_epochs)
        tasks, heads = tasks_of(settings.tasks), self._heads(model, spec, seed=seed)
        targets = targets_of(tasks, data)
        if tasks:
            ranges = [task.range_of(data.values[task.column]) for task in tasks]
            trained = ManyTasks(model, heads, tasks, ranges, species=settings.species)
        generated = None
        if settings.generated is not None:
            generated = row_of(GENERATED, settings.generated, "train.generated").begin(data, spec)
        train = CropSequence(
            reader,
            data,
            batch_size=settings.batch_size,
            seed=seed,
            crops_per_recording=settings.crops_per_recording,
            sampler=row_of(SAMPLERS, settings.sampler, "train.sampler"),
            augmentations=[row_of(AUGMENTATIONS, chosen, "train.augment") for chosen in settings.augment],
            placing=row_of(PLACINGS, settings.placing, "train.placing"),
            even_batches=settings.even_batches,
            guide=guiding.targets if guiding is not None else None,
            also=settings.also,
            tasks=targets,
            drawn=drawn_classes(tasks, data, species=settings.species),
            generated=generated,
        )
        held_out, seen = (
            None
            if some is None
            else WindowSequence(
                reader,
                some,
                batch_size=_PREDICTION_BATCH,
                most_windows=settings.validation_windows,
                shared=train.shared,
                tasks=targets_of(tasks, some),
            )
            for some in (validation, watched)
        )
        history = fit_network(
            trained, train, held_out, settings, watched=seen, checkpoint=checkpoint, progress=progress
        )
        return FittedNetwork(model, spec, normalisation, settings, history, network.embedding, heads)

    def _fit_twice(
        self,
        data: TrainingData,
        *,
        progress: Progress | None,
        checkpoint: Path | None,
        **options: Any,
    ) -> FittedNetwork:
        """With what the network says of recordings without a label, where it is sure."""
        assert self.settings.self_training is not None
        row = row_of(SELF_TRAININGS, self.settings.self_training, "train.self_training")
        if self.settings.guide is not None and row_of(GUIDES, self.settings.guide, "train.guide").ears:
            raise ConfigError("[train] self_training: expected no teacher beside it; leave one of both out")
        others = unlabelled(data)
        once = replace(self, settings=replace(self.settings, self_training=None))
        first = once.fit(
            data,
            progress=later_epochs(progress, 0, self.n_epochs),
            checkpoint=checkpoint and checkpoint.with_name(FIRST_ROUND[checkpoint.name]),
            **options,
        )
        answers = first.predict(others)
        windows, classes = row.choose(answers), answers.scores.argmax(axis=1)
        counts = np.bincount(classes[windows], minlength=data.n_classes)
        heard = {name: int(n) for name, n in zip(data.names, counts, strict=False) if n}
        if len(windows):
            places = first.places(others)[windows]
            data = taught(data, others, places, classes[windows])
            progress = later_epochs(progress, once.n_epochs, self.n_epochs)
            first = once.fit(data, progress=progress, checkpoint=checkpoint, **options)
        return replace(first, settings=self.settings, self_taught=heard)

    def _fit_alone(
        self,
        data: TrainingData,
        number: int,
        *,
        seed: int,
        progress: Progress | None,
        checkpoint: Path | None,
    ) -> FittedNetwork:
        """The same network, for its guide."""
        alone = replace(self, settings=replace(self.settings, guide=None))
        return alone.fit(
            data,
            seed=seed,
            progress=later_epochs(progress, self.settings.epochs * number, self.n_epochs),
            checkpoint=checkpoint and _of_teacher(checkpoint, number),
        )


def _answered(model: Any, windows: WindowSequence) -> Any:
    with own_errors(windows):
        return model.predict(windows, verbose=0)


def _of_teacher(checkpoint: Path, number: int) -> Path:
    name = TEACHERS[number]
    return checkpoint.with_name(FIRST_ROUND[name] if checkpoint.name in FIRST_ROUND.values() else name)
