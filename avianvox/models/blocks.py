"""What the project's own networks are made of: convolution blocks, and attention over time by class.

References
----------
Kong et al., "PANNs: large-scale pretrained audio neural networks for audio pattern recognition", 2020, for
attention over time by class; Gong et al. and Adavanne et al. use it likewise.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from avianvox.errors import InputError
from avianvox.features.filters import cosines
from avianvox.models.backend import keras
from avianvox.randomness import hash_name

ops = keras.ops
layers = keras.layers

LEAST_FRAMES, LEAST_BANDS = 16, 32
FIRST_STRIDE = (4, 2)
"""Of frames and bands: most of the work is in the first layers, so time is halved twice at once."""

_DROPOUT = 0.4
_MFCC = 20
_ZONES = 4
"""Parts of the spectrum that are looked at apart after the last convolution."""


def check_window(n_frames: int, n_rows: int, *, n_parts: int = 1) -> None:
    """Raise `InputError` for a window of fewer than 16 frames in each of its parts, or 32 bands."""
    least = n_parts * LEAST_FRAMES
    if n_frames < least or n_rows < LEAST_BANDS:
        raise InputError(
            f"a window of {n_frames} frames x {n_rows} rows is too small; "
            f"expected {least} x {LEAST_BANDS} or more"
        )


@dataclass(frozen=True)
class Blocks:
    """Layers of one network, each with a seed of its own: of ``seed``, ``family`` and the layer's name."""

    seed: int
    family: str

    def seed_of(self, *names: str | int) -> int:
        return hash_name(self.seed, self.family, *names) % 2**31

    def kernel(self, *names: str | int) -> Any:
        """Initial values of a layer's weights."""
        return keras.initializers.GlorotUniform(self.seed_of(*names))

    def first(self, x: Any, filters: int = 40) -> Any:
        """The first block: bands with their heights, early strides."""
        x = self.convolve(BandHeight(name="band_height")(x), 1, filters, (7, 5), FIRST_STRIDE)
        return layers.MaxPooling2D((1, 2), name="block1_pool")(x)

    def convolve(self, x: Any, number: int, filters: int, kernel: Any, strides: Any = (1, 1)) -> Any:
        """A convolution with batch normalisation and ReLU."""
        x = layers.Conv2D(
            filters,
            kernel,
            strides=strides,
            padding="same",
            use_bias=False,
            kernel_initializer=self.kernel("conv", number),
            name=f"block{number}_conv",
        )(x)
        return self.normalise(x, f"block{number}")

    def normalise(self, x: Any, name: str, *, relu: bool = True) -> Any:
        x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
        return layers.ReLU(name=f"{name}_relu")(x) if relu else x

    def heard_over_time(self, x: Any, n_classes: int) -> Any:
        """Logits of what was found at each moment, shape (batch, n_moments, n_values).

        Each class has an attention over time of its own, which says which moments its logit is taken from.
        """
        x = layers.Dropout(_DROPOUT, seed=self.seed_of("dropout"), name="dropout")(x)

        def each_moment(name: str) -> Any:
            return layers.Dense(n_classes, kernel_initializer=self.kernel(name), name=name)(x)

        attention = layers.Softmax(axis=1, name="attention_softmax")(each_moment("attention"))
        return ops.sum(attention * each_moment("moments"), axis=1)


def over_zones(x: Any) -> Any:
    """Mean and maximum over the bands of each zone, added: shape (batch, n_moments, n_zones * n_filters)."""
    n = min(_ZONES, x.shape[2])
    ends = np.linspace(0, x.shape[2], n + 1).round().astype(int).tolist()
    zones = [x[:, :, begin:end] for begin, end in pairwise(ends)]
    return ops.concatenate([ops.mean(zone, axis=2) + ops.max(zone, axis=2) for zone in zones], axis=-1)


@keras.saving.register_keras_serializable(package="avianvox")
class BandHeight(keras.layers.Layer):  # type: ignore[misc]
    """Adds a channel that says where each band is: from -1, the lowest, to 1.

    Input shape (batch, n_frames, n_rows, n_channels); output shape (batch, n_frames, n_rows, n_channels + 1).

    References
    ----------
    Liu et al., "An intriguing failing of convolutional neural networks and the CoordConv solution", 2018.
    """

    def call(self, x: Any) -> Any:
        heights = ops.convert_to_tensor(
            np.linspace(-1.0, 1.0, x.shape[2], dtype=np.float32)[None, None, :, None]
        )
        return ops.concatenate([x, ops.zeros_like(x[..., :1]) + heights], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:3], (input_shape[3] or 0) + 1)


@keras.saving.register_keras_serializable(package="avianvox")
class Cepstrum(keras.layers.Layer):  # type: ignore[misc]
    """MFCC of windows: the cosine transform of their bands.

    Of bands above the noise floor, it is the MFCC without those of the floor, so that neither gain nor steady
    noise is in it. Input shape (batch, n_frames, n_bands, 1); output shape (batch, n_frames, n_mfcc, 1).
    """

    def __init__(self, n_mfcc: int = _MFCC, **kwargs: Any) -> None:
        super().__init__(trainable=False, **kwargs)
        self.n_mfcc = n_mfcc

    def call(self, bands: Any) -> Any:
        return ops.expand_dims(ops.matmul(bands[..., 0], cosines(bands.shape[2], self.n_mfcc)), -1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:2], self.n_mfcc, 1)

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = keras.layers.Layer.get_config(self)
        del config["trainable"]
        return {**config, "n_mfcc": self.n_mfcc}
