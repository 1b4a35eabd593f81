"""Optimisers by name: how a step follows the gradient.

``[train] optimiser = "adamw"`` chooses one, and ``[train.optimiser]`` with ``kind`` one with settings. A row
is a frozen dataclass of its settings, each declared with `avianvox.config.later`. A new one is one module and
one row; ``tests/test_optimisers.py`` holds each row to the contract.
"""

from typing import Any, Protocol

from avianvox.registry import Registry


class Optimiser(Protocol):
    """What a row of `OPTIMISERS` stands for."""

    def make(self, learning_rate: Any) -> Any:
        """A keras.optimizers.Optimizer; ``learning_rate`` is a number or a schedule of Keras."""
        ...


OPTIMISERS: Registry[type[Optimiser]] = Registry(
    "optimiser",
    {
        "adam": "avianvox.training.optimisers.adam:Adam",
        "adamw": "avianvox.training.optimisers.adamw:AdamW",
        "sgd": "avianvox.training.optimisers.sgd:Sgd",
    },
)
"""Listing them needs no Keras."""
