"""Schedules by name: how the learning rate goes down.

``[train] schedule = "cosine"`` chooses one. A row is a frozen dataclass of its settings, as in
`avianvox.training.losses`. A new one is one module here and one row; ``tests/test_optimisers.py`` holds each
row to the contract.
"""

from typing import Any, Protocol

from avianvox.registry import Registry


class Schedule(Protocol):
    """What a row of `SCHEDULES` stands for."""

    def make(self, learning_rate: float, n_steps: int) -> Any:
        """What an optimiser takes as its learning rate: ``learning_rate`` is the highest."""
        ...


SCHEDULES: Registry[type[Schedule]] = Registry(
    "schedule",
    {
        "constant": "avianvox.training.schedules.constant:Constant",
        "cosine": "avianvox.training.schedules.cosine:Cosine",
        "steps": "avianvox.training.schedules.steps:Steps",
    },
)
"""Listing them needs no Keras."""
