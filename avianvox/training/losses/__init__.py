"""Losses by name: what a network's training makes small. ``[train] loss = "..."`` chooses one.

A row makes a Keras loss of classes, shape (n,), and logits, shape (n, n_classes). A new one is one module
here and one row; ``tests/test_losses.py`` holds each row to the contract.
"""

from collections.abc import Callable
from typing import Any

from avianvox.registry import Registry

LossFactory = Callable[[], Any]
"""Makes a keras.losses.Loss."""

LOSSES: Registry[LossFactory] = Registry(
    "loss",
    {
        "cross_entropy": "avianvox.training.losses.cross_entropy:cross_entropy",
        "label_smoothing": "avianvox.training.losses.label_smoothing:SmoothedCrossEntropy",
    },
)
