"""The two adversaries: a generator of patches, and a discriminator of real and generated ones.

As the conditional GAN of faces has them: noise of 100 numbers and a condition; two up-samplings and three
convolutions (128, 64, 1); four strided convolutions (32, 64, 128, 256) that see the patch and the condition,
laid out as a second channel. Up-sampling comes after a convolution here, so that most of the work is done on
few cells. Patches go in and out scaled to -1 to 1.
"""

from typing import Any

import numpy as np

from avianvox.dataset.patches import LEAST, MOST, PatchShape
from avianvox.models.backend import keras

N_NOISE = 100
GENERATOR_FILTERS = (128, 64)
DISCRIMINATOR_FILTERS = (32, 64, 128, 256)
_SLOPE = 0.2

layers = keras.layers


def build_generator(shape: PatchShape, n_condition: int, *, width: float = 1.0, seed: int = 0) -> Any:
    """Noise, shape (n, 100), and condition, shape (n, n_condition), to patches, shape (n, frames, bands, 1).

    ``width``: share of the filters.
    """
    first, second = (_share(filters, width) for filters in GENERATOR_FILTERS)
    noise = keras.Input((N_NOISE,), name="noise")
    condition = keras.Input((n_condition,), name="condition")
    asked = layers.Dense(
        N_NOISE, use_bias=False, kernel_initializer=_drawn(seed, 0, stddev=1.0), name="asked"
    )(condition)
    x = layers.Concatenate(name="both")([noise, asked])
    rows, columns = shape.n_frames // 4, shape.n_bands // 4
    x = layers.Dense(rows * columns * first, kernel_initializer=_drawn(seed, 1), name="seeds")(x)
    x = layers.Reshape((rows, columns, first), name="laid_out")(x)
    for number, filters in enumerate((first, second), start=1):
        x = layers.Conv2D(
            filters, 3, padding="same", kernel_initializer=_drawn(seed, 1 + number), name=f"conv{number}"
        )(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"conv{number}_normalised")(x)
        x = layers.LeakyReLU(_SLOPE, name=f"conv{number}_relu")(x)
        x = layers.UpSampling2D(2, interpolation="bilinear", name=f"conv{number}_up")(x)
    x = layers.Conv2D(
        1, 5, padding="same", activation="tanh", kernel_initializer=_drawn(seed, 4), name="patch"
    )(x)
    return keras.Model([noise, condition], x, name="generator")


def build_discriminator(
    shape: PatchShape,
    n_condition: int,
    *,
    width: float = 1.0,
    spectral: bool = False,
    dropout: float = 0.0,
    seed: int = 0,
) -> Any:
    """Patches, shape (n, frames, bands, 1), and conditions, shape (n, n_condition), to logits of being real.

    ``spectral``: whether the kernels are divided by their largest singular value;
    ``dropout``: after each convolution.
    """
    patch = keras.Input((shape.n_frames, shape.n_bands, 1), name="patch")
    condition = keras.Input((n_condition,), name="condition")
    asked = layers.Dense(
        shape.n_frames * shape.n_bands,
        use_bias=False,
        kernel_initializer=_drawn(seed, 10, stddev=0.3),
        name="asked",
    )(condition)
    asked = layers.Reshape((shape.n_frames, shape.n_bands, 1), name="asked_channel")(asked)
    x = layers.Concatenate(name="both")([patch, asked])
    for number, filters in enumerate(DISCRIMINATOR_FILTERS, start=1):
        layer = layers.Conv2D(
            _share(filters, width),
            3,
            strides=2,
            padding="same",
            kernel_initializer=_drawn(seed, 10 + number),
            name=f"conv{number}",
        )
        x = layers.SpectralNormalization(layer, name=f"conv{number}_spectral")(x) if spectral else layer(x)
        x = layers.LeakyReLU(_SLOPE, name=f"conv{number}_relu")(x)
        if dropout:
            x = layers.Dropout(dropout, seed=seed + number, name=f"conv{number}_dropout")(x)
    x = layers.Flatten(name="flat")(x)
    x = layers.Dense(1, kernel_initializer=_drawn(seed, 20), name="real")(x)
    return keras.Model([patch, condition], x, name="discriminator")


def scaled(patches: np.ndarray) -> np.ndarray:
    """Patches as the networks take them: shape (n, frames, bands, 1), -1 to 1."""
    return ((patches - LEAST) * (2 / (MOST - LEAST)) - 1).astype(np.float32)[..., None]


def unscaled(values: np.ndarray) -> np.ndarray:
    """The inverse of `scaled`."""
    return ((values[..., 0] + 1) * ((MOST - LEAST) / 2) + LEAST).astype(np.float32)


def _share(filters: int, width: float) -> int:
    return max(4, round(filters * width))


def _drawn(seed: int, number: int, *, stddev: float | None = None) -> Any:
    """First weights, of one size in and out; those of a condition are normal."""
    if stddev is None:
        return keras.initializers.GlorotUniform(seed * 101 + number)
    return keras.initializers.RandomNormal(stddev=stddev, seed=seed * 101 + number)
