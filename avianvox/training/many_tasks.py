"""A network with the heads of its tasks, as it is trained: one loss, the weighted sum of all of them.

A target that is not known is NaN and has no part in the loss: neither in the sum nor in the number that it is
divided by. The losses follow from the activation of a task; where crops are blended, so are their targets,
and a crop with a share of a recording whose target is not known has none either.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from avianvox.dataset.training_data import TrainingData
from avianvox.errors import InputError
from avianvox.models.backend import keras
from avianvox.models.networks import NETWORKS
from avianvox.models.task_heads import InUnits, attach_head
from avianvox.tasks.task import Range, Task
from avianvox.training.guided import CLASSES
from avianvox.training.layers import before_classes

ops = keras.ops


def _cross_entropy(targets: Any, outputs: Any) -> Any:
    return keras.losses.categorical_crossentropy(targets, outputs, from_logits=True)


def _each_cross_entropy(targets: Any, outputs: Any) -> Any:
    return keras.losses.binary_crossentropy(targets, outputs, from_logits=True)


def _squares(targets: Any, outputs: Any) -> Any:
    return ops.mean(ops.square(targets - outputs), axis=-1)


_LOSSES: Mapping[str, Callable[[Any, Any], Any]] = {
    "softmax": _cross_entropy,
    "sigmoid": _each_cross_entropy,
    "none": _squares,
}
"""By activation: the loss of each crop, shape (n,), of targets and what a head says before its activation."""


def masked_loss(activation: str, targets: Any, outputs: Any, scale: float = 1.0) -> Any:
    """The mean loss of a task over the crops whose targets are known; 0 where none is.

    ``scale`` divides numbers: the deviation of the training part, so that units say nothing.
    """
    known = _known(targets)
    filled = ops.where(ops.expand_dims(known, -1), targets, ops.zeros_like(targets))
    each = _LOSSES[activation](filled / scale, outputs / scale)
    weights = ops.cast(known, each.dtype)
    return ops.sum(each * weights) / ops.maximum(ops.sum(weights), 1.0)


def _known(targets: Any) -> Any:
    """Which crops have a target, shape (n,), bool."""
    return ops.all(ops.logical_not(ops.isnan(targets)), axis=-1)


def heads_on(
    model: Any, architecture: str, build: Callable[[int], Any], tasks: Sequence[Task], *, seed: int = 0
) -> list[Any]:
    """The heads of tasks on a network of `NETWORKS`; ``build(n)`` is the same network for ``n`` classes."""
    if not tasks:
        return []
    embedding = NETWORKS.get(architecture).embedding
    seen = before_classes(model, build) if embedding is None else model.get_layer(embedding).output
    return [attach_head(task, seen, seed=seed) for task in tasks]


class ManyTasks(keras.Model):  # type: ignore[misc]
    """A network and the heads on it; layers are the network's own.

    Parameters
    ----------
    network : keras.Model
    heads : sequence of Keras tensors
    tasks : sequence of Task
    ranges : sequence of Range
        Of the targets of each task.
    species : bool
        Whether the species are learned.
    """

    def __init__(
        self,
        network: Any,
        heads: Sequence[Any],
        tasks: Sequence[Task],
        ranges: Sequence[Range],
        *,
        species: bool,
    ) -> None:
        super().__init__(name="many_tasks")
        self.whole = keras.Model(network.input, [network.output, *heads], name="whole")
        self._answered = [
            (task.name, task.weight, partial(masked_loss, task.activation, scale=numbers.deviation))
            for task, numbers in zip(tasks, ranges, strict=True)
        ]
        self._says_species = float(species)
        self.task_means = [keras.metrics.Mean(name=f"{task.name}_loss") for task in tasks]
        for task, numbers in zip(tasks, ranges, strict=True):
            if task.activation == "none":
                units: InUnits = self.whole.get_layer(f"task_{task.name}_units")
                units.learn(numbers)

    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.whole(inputs, training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        logits, *said = y_pred
        total = self._says_species * super().compute_loss(x, y[CLASSES], logits, sample_weight, training)
        for (name, weight, loss), outputs, mean in zip(self._answered, said, self.task_means, strict=True):
            found = loss(y[name], outputs)
            mean.update_state(found, sample_weight=ops.sum(ops.cast(_known(y[name]), found.dtype)))
            total += weight * found
        return total

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Accuracy of the species, and the loss of each task."""
        metrics: dict[str, Any] = super().compute_metrics(x, y[CLASSES], y_pred[0], sample_weight)
        return metrics


def targets_of(tasks: Sequence[Task], data: TrainingData) -> dict[str, np.ndarray]:
    """By name: the targets of the recordings of ``data``, NaN where they are not known.

    Raises
    ------
    InputError
        ``data`` has no values of a column: whoever made it knows no tasks.
    """
    if lacking := [task.column for task in tasks if task.column not in data.values]:
        raise InputError(
            f"[[tasks]]: no values of the column '{lacking[0]}' are at hand; tasks are for 'avianvox train' "
            "and 'avianvox crossval'"
        )
    return {task.name: task.encode(data.values[task.column]) for task in tasks}


def drawn_classes(tasks: Sequence[Task], data: TrainingData, *, species: bool) -> np.ndarray:
    """What a sampler takes for the class of each recording, shape (n,), int64; -1: it is not drawn.

    The species; where they are not learned, the classes of the first task of which a recording has one at
    most. Recordings whose class is not known are a class of their own if they teach another task, and have
    nothing to teach otherwise.
    """
    asked = None if species else next((task for task in tasks if task.exclusive), None)
    if asked is None:
        return data.targets
    at = {name: place for place, name in enumerate(asked.classes)}
    answers = [asked.names_in(value) for value in data.values[asked.column]]
    teaches = np.any([task.known(data.values[task.column]) for task in tasks], axis=0)
    unknown = np.where(teaches, len(at), -1).tolist()
    classes = [at[names[0]] if names else other for names, other in zip(answers, unknown, strict=True)]
    return np.array(classes, np.int64) if teaches.any() else data.targets
