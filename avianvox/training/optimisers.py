"""Optimisers by name: how a step follows the gradient. ``[train] optimiser = "..."`` chooses one.

A new one is one function here and one row; ``tests/test_optimisers.py`` holds each row to the contract.
"""

from typing import Any, Protocol

from avianvox.models.backend import keras
from avianvox.registry import Registry


class OptimiserFactory(Protocol):
    """What a row of `OPTIMISERS` stands for."""

    def __call__(self, learning_rate: Any, weight_decay: float) -> Any:
        """A keras.optimizers.Optimizer; ``learning_rate`` is a number or a schedule of Keras."""
        ...


def adam(learning_rate: Any, weight_decay: float) -> Any:
    """Adam, as published; with ``weight_decay``, all weights decay."""
    return keras.optimizers.Adam(learning_rate, weight_decay=weight_decay or None)


def adamw(learning_rate: Any, weight_decay: float) -> Any:
    """Adam with decay of the kernels alone, not of biases nor of what batch normalisation scales by.

    References
    ----------
    Loshchilov and Hutter, "Decoupled weight decay regularization", 2019.
    """
    optimiser = keras.optimizers.AdamW(learning_rate, weight_decay=weight_decay)
    optimiser.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimiser


def sgd(learning_rate: Any, weight_decay: float) -> Any:
    """Stochastic gradient descent with momentum 0.9; with ``weight_decay``, all weights decay."""
    return keras.optimizers.SGD(learning_rate, momentum=0.9, weight_decay=weight_decay or None)


OPTIMISERS: Registry[OptimiserFactory] = Registry(
    "optimiser",
    {
        "adam": "avianvox.training.optimisers:adam",
        "adamw": "avianvox.training.optimisers:adamw",
        "sgd": "avianvox.training.optimisers:sgd",
    },
)
