"""Heads on a trunk: the layers that answer tasks, on what the layers of the species see."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from avianvox.models.backend import keras
from avianvox.randomness import hash_name
from avianvox.tasks.task import Range, Task

ops = keras.ops
layers = keras.layers


def attach_head(task: Task, seen: Any, *, seed: int = 0) -> Any:
    """What a network says to a task before its activation, shape (batch, task.n_outputs); numbers in units.

    Parameters
    ----------
    task : Task
    seen : Keras tensor, shape (batch, ..., n_values)
        With moments, shape (batch, n_moments, n_values), each output has an attention over them of its own,
        as each species has (`avianvox.models.blocks.Blocks.heard_over_time`). Of a map, its mean.
    seed : int
    """

    def dense(name: str, x: Any) -> Any:
        kernel = keras.initializers.GlorotUniform(hash_name(seed, "task", task.name, name) % 2**31)
        return layers.Dense(task.n_outputs, kernel_initializer=kernel, name=f"task_{task.name}_{name}")(x)

    if len(seen.shape) == 3:
        weights = layers.Softmax(axis=1, name=f"task_{task.name}_softmax")(dense("attention", seen))
        found = ops.sum(weights * dense("moments", seen), axis=1)
    else:
        axes = tuple(range(1, len(seen.shape) - 1))
        found = dense("logits", ops.mean(seen, axis=axes) if axes else seen)
    if task.activation == "none":
        found = InUnits(task.n_outputs, name=f"task_{task.name}_units")(found)
    return found


def with_answers(network: Any, heads: Sequence[Any], tasks: Sequence[Task], *, known: int | None) -> Any:
    """The network, sharing its weights, with probabilities under ``scores`` and each task's answers by name.

    ``known``: None where the species are learned; else so many of them have the same probability.
    """
    logits = network.output
    # of some, all alike: a constant that still depends on the input, as outputs of a graph have to
    alike = None if known is None else logits[:, :known] * 0.0 + 1.0 / known
    scores = layers.Softmax(dtype="float32")(logits) if alike is None else alike
    answers = {
        task.name: layers.Activation(_ACTIVATIONS[task.activation], dtype="float32")(head)
        for task, head in zip(tasks, heads, strict=True)
    }
    return keras.Model(network.input, {"scores": scores, **answers}, name=f"{network.name}_answers")


_ACTIVATIONS = {"softmax": "softmax", "sigmoid": "sigmoid", "none": "linear"}


@keras.saving.register_keras_serializable(package="avianvox")
class InUnits(keras.layers.Layer):  # type: ignore[misc]
    """Numbers of mean 0 and deviation 1 in the units of the catalog, as found before training.

    Answers stay in the range that was learned: of sound unlike any in training, a network may give a number
    many deviations away. Learning has no such bounds, since a number beyond them would have no gradient.
    Input and output shape (batch, size).
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(trainable=False, **kwargs)
        self.size = size
        self.mean = self.add_weight(shape=(size,), initializer="zeros", trainable=False, name="mean")
        self.deviation = self.add_weight(shape=(size,), initializer="ones", trainable=False, name="deviation")
        self.lowest = self._bound("lowest", -np.inf)
        self.highest = self._bound("highest", np.inf)

    def _bound(self, name: str, value: float) -> Any:
        initial = keras.initializers.Constant(value)
        return self.add_weight(shape=(self.size,), initializer=initial, trainable=False, name=name)

    def call(self, x: Any, training: bool | None = None) -> Any:
        found = x * self.deviation + self.mean
        return found if training else ops.minimum(ops.maximum(found, self.lowest), self.highest)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = keras.layers.Layer.get_config(self)
        del config["trainable"]
        return {**config, "size": self.size}

    def learn(self, numbers: Range) -> None:
        """Set what a number of 0 and of 1 stand for, and the bounds of answers."""
        self.set_weights([np.full(self.size, value, np.float32) for value in numbers])


BOUNDS = ("lowest", "highest")
"""Weights of `InUnits` that runs of earlier versions lack; their answers have no bounds."""
