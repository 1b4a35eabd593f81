"""`avianvox_small`: the project's own network for few recordings of a species.

Log-mel power above the window's noise floor goes through six convolutions with batch normalisation. The pitch
of a voice says much of who it is, and convolutions don't know where they are: the height of each band goes in
with its power, and after the last convolution the spectrum is looked at in four zones. Time is shortened
early, bands later. Over the bands of a zone, mean and maximum are added; over time, each class has an
attention of its own, which says which moments its logit is taken from.

References
----------
Kong et al., "PANNs: large-scale pretrained audio neural networks for audio pattern recognition", 2020, for
attention over time by class; Gong et al. and Adavanne et al. use it likewise.
"""

from itertools import pairwise
from typing import Any

import numpy as np

from avianvox.errors import InputError
from avianvox.models.backend import keras
from avianvox.models.networks import Network
from avianvox.randomness import hash_name

ops = keras.ops

_FIRST_STRIDE = (4, 2)
_BLOCKS = ((64, None), (64, (2, 2)), (96, None), (96, (1, 2)), (128, None))
"""Filters of each convolution, and the pooling (frames, bands) after it."""

_LEAST_FRAMES, _LEAST_BANDS = 16, 32
_DROPOUT = 0.4
_ZONES = 4
"""Parts of the spectrum that are looked at apart after the last convolution."""


@keras.saving.register_keras_serializable(package="avianvox")
class BandHeight(keras.layers.Layer):
    """Adds a channel that says where each band is: from -1, the lowest, to 1.

    Input shape (batch, n_frames, n_rows, 1); output shape (batch, n_frames, n_rows, 2).

    References
    ----------
    Liu et al., "An intriguing failing of convolutional neural networks and the CoordConv solution", 2018.
    """

    def call(self, x: Any) -> Any:
        heights = np.linspace(-1.0, 1.0, x.shape[2], dtype=np.float32)[None, None, :, None]
        return ops.concatenate([x, ops.zeros_like(x) + heights], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:3], 2)


def build_small(*, n_frames: int, n_rows: int, n_classes: int, seed: int = 0) -> Any:
    """Build the network; arguments and what is returned are those of `avianvox.models.cnn.build_cnn`.

    Raises
    ------
    InputError
        The window has fewer than 16 frames or 32 bands.
    """
    if n_frames < _LEAST_FRAMES or n_rows < _LEAST_BANDS:
        raise InputError(
            f"a window of {n_frames} frames x {n_rows} rows is too small; "
            f"expected {_LEAST_FRAMES} x {_LEAST_BANDS} or more"
        )

    def seed_of(*names: str | int) -> int:
        return hash_name(seed, "small", *names) % 2**31

    layers = keras.layers

    def convolve(x: Any, number: int, filters: int, kernel: Any, strides: Any = (1, 1)) -> Any:
        initializer = keras.initializers.GlorotUniform(seed_of("conv", number))
        x = layers.Conv2D(
            filters,
            kernel,
            strides=strides,
            padding="same",
            use_bias=False,
            kernel_initializer=initializer,
            name=f"block{number}_conv",
        )(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"block{number}_norm")(x)
        return layers.ReLU(name=f"block{number}_relu")(x)

    inputs = keras.Input((n_frames, n_rows, 1), name="features")
    x = BandHeight(name="band_height")(inputs)
    x = convolve(x, 1, 40, (7, 5), _FIRST_STRIDE)
    x = layers.MaxPooling2D((1, 2), name="block1_pool")(x)
    for number, (filters, pool) in enumerate(_BLOCKS, start=2):
        x = convolve(x, number, filters, (3, 3))
        if pool is not None:
            x = layers.MaxPooling2D(pool, name=f"block{number}_pool")(x)
    x = ops.concatenate(
        [ops.mean(zone, axis=2) + ops.max(zone, axis=2) for zone in _zones(x, min(_ZONES, x.shape[2]))],
        axis=-1,
    )
    x = layers.Dropout(_DROPOUT, seed=seed_of("dropout"), name="dropout")(x)

    def each_moment(name: str) -> Any:
        initializer = keras.initializers.GlorotUniform(seed_of(name))
        return layers.Dense(n_classes, kernel_initializer=initializer, name=name)(x)

    attention = layers.Softmax(axis=1, name="attention_softmax")(each_moment("attention"))
    logits = ops.sum(attention * each_moment("moments"), axis=1)
    return keras.Model(inputs, logits, name="small_cnn")


def _zones(x: Any, n: int) -> list[Any]:
    """A tensor of shape (batch, n_frames, n_bands, n_filters) in ``n`` even parts along its bands."""
    ends = np.linspace(0, x.shape[2], n + 1).round().astype(int).tolist()
    return [x[:, :, begin:end] for begin, end in pairwise(ends)]


avianvox_small = Network(build_small, "above_floor", embedding="dropout")
