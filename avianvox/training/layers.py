"""Parts of a network that are found by what they are, not by their names."""

from collections.abc import Callable
from typing import Any


def weighted(model: Any) -> list[Any]:
    """Its layers that have weights, from the input on."""
    return [layer for layer in model.layers if layer.weights]


def class_layers(model: Any, build: Callable[[int], Any]) -> list[str]:
    """Names of the layers whose weights depend on the number of classes, from the input on.

    ``build(n)`` is the same network for ``n`` classes.
    """
    wider = build(model.output_shape[-1] + 1)
    return [
        layer.name
        for layer, other in zip(weighted(model), weighted(wider), strict=True)
        if [w.shape for w in layer.weights] != [w.shape for w in other.weights]
    ]


def before_classes(model: Any, build: Callable[[int], Any]) -> Any:
    """What the layers of the classes are given, its mean over time and bands: a tensor, shape (n, n_values).

    ``build``: as for `class_layers`.
    """
    from avianvox.models.backend import keras

    x = model.get_layer(class_layers(model, build)[0]).input
    axes = tuple(range(1, len(x.shape) - 1))
    return keras.ops.mean(x, axis=axes) if axes else x
