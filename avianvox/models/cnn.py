"""The published family of small CNNs, in one builder.

Three blocks of convolution, max-pooling, ReLU and dropout, then global average pooling and a dense layer.
Windows are time-major: what the publication writes as "bands x frames" is ``(frames, bands)`` here. Input is
normalised and combined (see :mod:`avianvox.dataset.crops`); the graph ends in logits, and `with_scores` adds
the probabilities at the boundary.

ReLU stands after the pooling. ``max`` and ``relu`` commute, so the network is the published one, and the
non-linearity is computed on a fraction of the values.

References
----------
Hiatt, "Species classification of avian vocalizations with 2-D convolutional neural networks", 2020.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

from avianvox.errors import InputError
from avianvox.models.backend import keras
from avianvox.models.networks import Network
from avianvox.randomness import hash_name


@dataclass(frozen=True, slots=True)
class CnnVariant:
    """One published version: ``kernel`` and ``pools`` are (frames, bands)."""

    kernel: tuple[int, int]
    pools: tuple[tuple[int, int], ...]
    combine: str
    filters: int = 64
    dropout: float = 0.2


VARIANTS: dict[str, CnnVariant] = {
    "cnn_v16": CnnVariant((4, 1), ((4, 1), (3, 1), (2, 1)), "concatenate"),
    "cnn_v17": CnnVariant((3, 3), ((3, 3),) * 3, "concatenate"),
    "cnn_v18": CnnVariant((3, 3), ((2, 2),) * 3, "concatenate"),
    "cnn_v20": CnnVariant((3, 3), ((3, 3),) * 3, "overwrite"),
}


def build_cnn(variant: CnnVariant, *, n_frames: int, n_rows: int, n_classes: int, seed: int = 0) -> Any:
    """Build one CNN of the family.

    Parameters
    ----------
    variant : CnnVariant
        A value of `VARIANTS`.
    n_frames, n_rows : int
        Shape of a window under the spec's ``combine``.
    n_classes : int
    seed : int
        Of the initial weights and of dropout.

    Returns
    -------
    keras.Model
        Input ``features``, shape (n_frames, n_rows, 1), float32; output ``logits``, shape (n_classes,).

    Raises
    ------
    InputError
        When the window is too small for three blocks.
    """
    _check_window(variant, n_frames, n_rows)

    def seed_of(*names: str | int) -> int:
        return hash_name(seed, "cnn", *names) % 2**31

    layers = keras.layers
    inputs = keras.Input((n_frames, n_rows, 1), name="features")
    x = inputs
    for number, pool in enumerate(variant.pools, start=1):
        x = layers.Conv2D(
            variant.filters,
            variant.kernel,
            kernel_initializer=keras.initializers.GlorotUniform(seed_of("conv", number)),
            name=f"block{number}_conv",
        )(x)
        x = layers.MaxPooling2D(pool, name=f"block{number}_pool")(x)
        x = layers.ReLU(name=f"block{number}_relu")(x)
        x = layers.Dropout(variant.dropout, seed=seed_of("dropout", number), name=f"block{number}_dropout")(x)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    initializer = keras.initializers.GlorotUniform(seed_of("dense"))
    logits = layers.Dense(n_classes, kernel_initializer=initializer, name="logits")(x)
    return keras.Model(inputs, logits, name="spectrogram_cnn")


def with_scores(model: Any) -> Any:
    """The same network, sharing its weights, with probabilities as its output ``scores``."""
    scores = keras.layers.Softmax(name="scores", dtype="float32")(model.output)
    return keras.Model(model.input, scores, name=f"{model.name}_scores")


def _check_window(variant: CnnVariant, n_frames: int, n_rows: int) -> None:
    frames, rows = n_frames, n_rows
    for pool in variant.pools:
        frames = (frames - variant.kernel[0] + 1) // pool[0]
        rows = (rows - variant.kernel[1] + 1) // pool[1]
        if min(frames, rows) < 1:
            raise InputError(
                f"a window of {n_frames} frames x {n_rows} rows is too small for "
                f"kernels {variant.kernel} and pools {variant.pools}; use a longer or higher window"
            )


def _network(name: str) -> Network:
    variant = VARIANTS[name]
    return Network(partial(build_cnn, variant), variant.combine, embedding="average")


cnn_v16 = _network("cnn_v16")
cnn_v17 = _network("cnn_v17")
cnn_v18 = _network("cnn_v18")
cnn_v20 = _network("cnn_v20")
