"""Filters of a network, and what each of its layers makes of a window."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.explain.network import RunListener
from avianvox.models.backend import keras


@dataclass(frozen=True)
class LayerSeen:
    """One layer that gives something else than its input.

    Attributes
    ----------
    name, kind : str
    shape : tuple of int
        Of what it gives for a window.
    n_weights : int
    activation : np.ndarray
        What it gives for the window, of that shape.
    filters : np.ndarray or None
        Of a convolution: shape (n_filters, n_times, n_bands), the mean over its input channels.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    n_weights: int
    activation: np.ndarray
    filters: np.ndarray | None


def layers_seen(opened: RunListener, rows: np.ndarray) -> list[LayerSeen]:
    """Every layer of a network of a training run, with what it makes of a window.

    Parameters
    ----------
    opened : RunListener
    rows : np.ndarray, shape (n_frames, n_features), float32
        A window, see `avianvox.explain.heard.Heard.rows`.
    """
    model = opened.network.model
    layers = [layer for layer in model.layers[1:] if not isinstance(layer, keras.layers.Dropout)]
    given = keras.Model(model.input, [layer.output for layer in layers])(
        opened.inputs(rows[None]), training=False
    )
    given = given if isinstance(given, list) else [given]
    return [
        LayerSeen(
            layer.name,
            type(layer).__name__,
            tuple(values.shape[1:]),
            int(layer.count_params()),
            np.asarray(values)[0],
            filters_of(layer),
        )
        for layer, values in zip(layers, given, strict=True)
    ]


def filters_of(layer: Any) -> np.ndarray | None:
    """The kernels of a convolution over time and bands, shape (n_filters, n_times, n_bands)."""
    if not isinstance(layer, keras.layers.Conv2D):
        return None
    kernel = np.asarray(layer.kernel)  # (times, bands, channels, filters)
    return np.asarray(kernel.mean(axis=2).transpose(2, 0, 1))


def busiest(activation: np.ndarray, n: int) -> np.ndarray:
    """Channels of a layer's map, shape (n_times, n_bands, n_channels), that vary most; their positions."""
    spread = activation.reshape(-1, activation.shape[-1]).std(axis=0)
    return np.argsort(-spread, kind="stable")[:n]
