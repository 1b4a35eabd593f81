"""A `Head` and the statistics that it sees as Keras layers, made of operations that are TFLite's own."""

from typing import Any

import numpy as np

from avianvox.models.backend import keras
from avianvox.models.head import Head

ops = keras.ops


def attach(head: Head, numbers: Any) -> Any:
    """Scores, shape (batch, head.n_classes), of a Keras tensor of numbers, shape (batch, n_numbers)."""
    x = ops.concatenate([numbers, ops.square(numbers)], axis=-1) if head.squares else numbers
    for number, dense in enumerate(head.layers, start=1):
        last = number == len(head.layers)
        layer = keras.layers.Dense(
            len(dense.bias), activation=dense.activation, name="head" if last else f"head_hidden{number}"
        )
        x = layer(x)
        layer.set_weights([dense.weight.astype(np.float32), dense.bias.astype(np.float32)])
    if np.array_equal(head.classes, np.arange(head.n_classes)):
        return x
    places = np.zeros((len(head.classes), head.n_classes), np.float32)
    places[np.arange(len(head.classes)), head.classes] = 1.0
    return ops.matmul(x, places)


@keras.saving.register_keras_serializable(package="avianvox")
class FloorStatistics(keras.layers.Layer):  # type: ignore[misc]
    """`avianvox.models.statistics.floor_numbers` of windows, as a layer.

    Input shape (batch, n_frames, n_features), dB in the first ``n_mels`` columns; output shape
    (batch, 3 * n_mels).
    """

    def __init__(self, n_mels: int, floor: float, loud: float, **kwargs: Any) -> None:
        super().__init__(trainable=False, **kwargs)
        self.n_mels, self.floor, self.loud = n_mels, floor, loud

    def call(self, features: Any) -> Any:
        bands = ops.transpose(features[..., : self.n_mels], (0, 2, 1))
        n_frames = bands.shape[-1]
        ranked = ops.top_k(bands, n_frames, sorted=True)[0]
        floor, loud = (_percentile(ranked, share) for share in (self.floor, self.loud))
        mean = ops.mean(bands, axis=-1)
        deviation = ops.sqrt(ops.mean(ops.square(bands - mean[..., None]), axis=-1))
        return ops.concatenate([mean - floor, deviation, loud - floor], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], 3 * self.n_mels)

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = keras.layers.Layer.get_config(self)
        del config["trainable"]
        return {**config, "n_mels": self.n_mels, "floor": self.floor, "loud": self.loud}


def _percentile(ranked: Any, share: float) -> Any:
    """As `numpy.percentile` does, of values along the last axis, the largest first."""
    place = (1.0 - share / 100.0) * (ranked.shape[-1] - 1)
    below = min(int(place), ranked.shape[-1] - 2) if ranked.shape[-1] > 1 else 0
    part = place - below
    above = min(below + 1, ranked.shape[-1] - 1)
    return ranked[..., below] * (1.0 - part) + ranked[..., above] * part
