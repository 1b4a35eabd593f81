"""Emphasis by name: what a network is shown again, because it is not learned yet.

``[train] emphasis = "queues"`` chooses one, and ``[train.emphasis]`` with ``kind`` one with settings. A row
is a frozen dataclass of its settings, each declared with `avianvox.config.later`. What it makes is a callback
of Keras that trains on further batches between those of a `CropSequence`, or gives its recordings weights;
its state is part of every checkpoint. A new one is one module here and one row; ``tests/test_emphasis.py``
holds each row to the contract.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from avianvox.registry import Registry

if TYPE_CHECKING:
    import numpy as np

    from avianvox.training.sequence import CropSequence


class Emphasising(Protocol):
    """What a row makes: a keras.callbacks.Callback that can be stopped and continued."""

    def paced(self, learning_rate: Any) -> Any:
        """The same learning rate or schedule, in which further batches let no time pass."""
        ...

    def arrays(self) -> "dict[str, np.ndarray]":
        """The state after an epoch."""
        ...

    def restore(self, arrays: "Mapping[str, np.ndarray]") -> None:
        """The inverse of `arrays`; ``arrays`` may hold others besides."""
        ...


class Emphasis(Protocol):
    """What a row of `EMPHASES` stands for."""

    def make(self, train: "CropSequence") -> Emphasising: ...


EMPHASES: Registry[type[Emphasis]] = Registry(
    "emphasis",
    {
        "queues": "avianvox.training.emphasis.queues:Queues",
        "overlap": "avianvox.training.emphasis.overlap:ByOverlap",
    },
)
"""Listing them needs no Keras."""
