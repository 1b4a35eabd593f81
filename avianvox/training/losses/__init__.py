"""Losses by name: what a network's training makes small.

``[train] loss = "label_smoothing"`` chooses one, and ``[train.loss]`` with ``kind`` one with settings. A row
is a frozen dataclass of its settings, each declared with `avianvox.config.later`; it makes a Keras loss of
logits, shape (n, n_classes), and classes, shape (n,), or shares in classes, shape (n, n_classes). What it may
know of the classes beside is `Classes`. A new one is one module here and one row; ``tests/test_losses.py``
holds each row to the contract.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from avianvox.registry import Registry


@dataclass(frozen=True)
class Classes:
    """What a loss may know of the classes.

    Attributes
    ----------
    counts : tuple of int
        Recordings of each class in the training part.
    names : tuple of str
        Of each class; empty where they are not known.
    """

    counts: tuple[int, ...]
    names: tuple[str, ...] = ()


class Loss(Protocol):
    """What a row of `LOSSES` stands for."""

    def make(self, classes: Classes) -> Any:
        """A keras.losses.Loss."""
        ...


LOSSES: Registry[type[Loss]] = Registry(
    "loss",
    {
        "cross_entropy": "avianvox.training.losses.cross_entropy:CrossEntropy",
        "focal": "avianvox.training.losses.focal:Focal",
        "label_smoothing": "avianvox.training.losses.label_smoothing:LabelSmoothing",
        "weighted": "avianvox.training.losses.weighted:Weighted",
        "hierarchical": "avianvox.training.losses.hierarchical:Hierarchical",
        "hierarchical_asymptotic": "avianvox.training.losses.hierarchical:HierarchicalAsymptotic",
    },
)
