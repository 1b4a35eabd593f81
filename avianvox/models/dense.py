"""Dense networks: what a CNN has to beat to show that its convolutions are worth something.

``dense_pixels`` and ``dense_deep`` see all values of a window side by side; ``pca_dense`` and ``pca_deep``
see their principal components, a first layer that is found before training and stays as it is. Input and
output are those of :mod:`avianvox.models.cnn`.

References
----------
Wang et al., on age, gender and ethnicity from faces: the same dense network on pixels and on 500 components.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from avianvox.dataset.crops import CropReader
from avianvox.models.backend import keras
from avianvox.models.networks import Network
from avianvox.randomness import derive_rng, hash_name

_COMPONENTS = "components"  # the layer's name
_COMPONENT_CROPS = 1000  # from which components are found, spread evenly over the recordings
_LEAST_VARIANCE = 1e-6  # as a share of the largest: below it there is only rounding


@dataclass(frozen=True, slots=True)
class DenseVariant:
    """``n_components``: most principal components, 0 for the values themselves; ``hidden``: units.

    ``dropout``: behind each hidden layer.
    """

    n_components: int = 0
    hidden: tuple[int, ...] = (256, 256)
    combine: str = "overwrite"
    activation: str = "relu"
    dropout: float = 0.0


_DEEP = DenseVariant(hidden=(1024, 1024, 512, 256, 128), combine="above_floor", activation="elu", dropout=0.3)
"""The source leaves the share of its dropout open."""


DENSE: dict[str, DenseVariant] = {
    "pca_dense": DenseVariant(n_components=500),
    "dense_pixels": DenseVariant(),
    "dense_deep": _DEEP,
    "pca_deep": replace(_DEEP, n_components=500),
}


def build_dense(variant: DenseVariant, *, n_frames: int, n_rows: int, n_classes: int, seed: int = 0) -> Any:
    """Build one dense network; the arguments and what is returned are those of `build_cnn`.

    One with components has to be given them with `learn_components` before it is trained.
    """

    def initializer(*names: str | int) -> Any:
        return keras.initializers.GlorotUniform(hash_name(seed, "dense", *names) % 2**31)

    layers = keras.layers
    inputs = keras.Input((n_frames, n_rows, 1), name="features")
    x = layers.Flatten(name="values")(inputs)
    if variant.n_components:
        n_components = min(variant.n_components, n_frames * n_rows)
        x = layers.Dense(n_components, kernel_initializer="zeros", trainable=False, name=_COMPONENTS)(x)
    for number, units in enumerate(variant.hidden, start=1):
        kernel = initializer("hidden", number)
        name = f"hidden{number}"
        x = layers.Dense(units, activation=variant.activation, kernel_initializer=kernel, name=name)(x)
        if variant.dropout:
            drawn = hash_name(seed, "dense", "dropout", number) % 2**31
            x = layers.Dropout(variant.dropout, seed=drawn, name=f"{name}_dropout")(x)
    logits = layers.Dense(n_classes, kernel_initializer=initializer("logits"), name="logits")(x)
    return keras.Model(inputs, logits, name="dense_network")


def learn_components(model: Any, reader: CropReader, recordings: np.ndarray, *, seed: int) -> None:
    """Give a model of `build_dense` the principal components of random crops of the training recordings.

    All components are divided by one number, so that they keep their proportions and have a mean variance
    of 1. They are found on one thread, so that they don't depend on how many cores there are.
    """
    from threadpoolctl import threadpool_limits

    chosen = derive_rng(seed, "components").permutation(recordings)[:_COMPONENT_CROPS]
    crops = [
        reader.read(chosen, reader.random_offsets(chosen, seed=seed, epoch=draw))
        for draw in range(-(-_COMPONENT_CROPS // len(chosen)))
    ]
    layer = model.get_layer(_COMPONENTS)
    values = np.concatenate(crops).reshape(-1, layer.kernel.shape[0])
    with threadpool_limits(1):
        mean, axes, variances = principal_components(values, layer.units)
        axes /= np.sqrt(variances.mean())
        layer.set_weights([axes, -mean @ axes])


def principal_components(values: np.ndarray, n_components: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The directions in which ``values`` vary most, by the eigenvectors of the rows' products.

    Parameters
    ----------
    values : np.ndarray, shape (n, n_values), float32
        Few rows of many values.
    n_components : int

    Returns
    -------
    mean : np.ndarray, shape (n_values,), float32
    axes : np.ndarray, shape (n_values, n_components), float32
        Of length 1, the one of greatest variance first; zeros beyond the rank of ``values``.
    variances : np.ndarray, shape (n_components,), float64
    """
    mean = values.mean(axis=0)
    centred = values - mean
    found, vectors = np.linalg.eigh((centred @ centred.T).astype(np.float64) / (len(values) - 1))
    found, vectors = found[::-1][:n_components], vectors[:, ::-1][:, :n_components]
    real = found > _LEAST_VARIANCE * found[0]
    scale = np.where(real, 1 / np.sqrt(np.where(real, found, 1.0) * (len(values) - 1)), 0.0)
    axes, variances = np.zeros((values.shape[1], n_components), np.float32), np.zeros(n_components)
    axes[:, : len(found)] = centred.T @ (vectors * scale).astype(np.float32)
    variances[: len(found)] = np.where(real, found, 0.0)
    return mean, axes, variances


def _network(name: str) -> Network:
    variant = DENSE[name]
    prepare = learn_components if variant.n_components else None
    return Network(partial(build_dense, variant), variant.combine, prepare)


pca_dense = _network("pca_dense")
dense_pixels = _network("dense_pixels")
dense_deep = _network("dense_deep")
pca_deep = _network("pca_deep")
