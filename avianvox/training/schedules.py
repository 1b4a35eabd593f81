"""Schedules by name: how the learning rate goes down. ``[train] schedule = "..."`` chooses one.

A new one is one function here and one row; ``tests/test_optimisers.py`` holds each row to the contract.
"""

from typing import Any, Protocol

from avianvox.models.backend import keras
from avianvox.registry import Registry


class ScheduleFactory(Protocol):
    """What a row of `SCHEDULES` stands for."""

    def __call__(self, learning_rate: float, n_steps: int) -> Any:
        """What an optimiser takes as its learning rate: ``learning_rate`` is the highest."""
        ...


def constant(learning_rate: float, n_steps: int) -> float:
    """The same to the end: as published."""
    return learning_rate


def cosine(learning_rate: float, n_steps: int) -> Any:
    """Half a period of a cosine, to 0 at the last step.

    References
    ----------
    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.
    """
    return keras.optimizers.schedules.CosineDecay(learning_rate, n_steps)


_STEPS = ((18, 1.0), (29, 0.5), (43, 0.1), (52, 0.05), (55, 0.01))
"""Of 55 epochs: the last one with each share of the learning rate."""


def steps(learning_rate: float, n_steps: int) -> Any:
    """Five steps down to a hundredth, at the same shares of the training as in the publication.

    References
    ----------
    Norouzzadeh et al., "Automatically identifying, counting, and describing wild animals in camera-trap images
    with deep learning", 2018.
    """
    last = _STEPS[-1][0]
    boundaries = [round(epoch / last * n_steps) for epoch, _ in _STEPS[:-1]]
    values = [learning_rate * share for _, share in _STEPS]
    return keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, values)


SCHEDULES: Registry[ScheduleFactory] = Registry(
    "schedule",
    {
        "constant": "avianvox.training.schedules:constant",
        "cosine": "avianvox.training.schedules:cosine",
        "steps": "avianvox.training.schedules:steps",
    },
)
