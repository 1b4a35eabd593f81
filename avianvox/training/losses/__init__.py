"""Losses by name: what a network's training makes small.

``[train] loss = "label_smoothing"`` chooses one, and ``[train.loss]`` with ``kind`` one with settings. A row
is a frozen dataclass of its settings, each declared with `avianvox.config.later`; it makes a Keras loss of
logits, shape (n, n_classes), and classes, shape (n,), or shares in classes, shape (n, n_classes). A new one
is one module here and one row; ``tests/test_losses.py`` holds each row to the contract.
"""

from typing import Any, Protocol

from avianvox.registry import Registry


class Loss(Protocol):
    """What a row of `LOSSES` stands for."""

    def make(self) -> Any:
        """A keras.losses.Loss."""
        ...


LOSSES: Registry[type[Loss]] = Registry(
    "loss",
    {
        "cross_entropy": "avianvox.training.losses.cross_entropy:CrossEntropy",
        "focal": "avianvox.training.losses.focal:Focal",
        "label_smoothing": "avianvox.training.losses.label_smoothing:LabelSmoothing",
    },
)
