"""Samplers by name: which recordings an epoch of training shows, and in which order.

``[train] sampler = "balanced"`` chooses one, and ``[train.sampler]`` with ``kind`` one with settings. A row
is a frozen dataclass of its settings, each declared with `avianvox.config.later`. It plans positions in
``data.recordings``, as many as it likes and with repetitions; ``data`` holds each recording as often as
``crops_per_recording`` says. A new one is one module here and one row; ``tests/test_samplers.py`` holds each
row to the contract.
"""

from typing import TYPE_CHECKING, Protocol

from avianvox.registry import Registry

if TYPE_CHECKING:
    import numpy as np

    from avianvox.dataset.training_data import TrainingData


class Sampler(Protocol):
    """What a row of `SAMPLERS` stands for.

    One that reads a file has ``digest(data)`` too: the hash by which a run that goes on knows another file.
    """

    def plan(self, data: "TrainingData", *, seed: int, epoch: int) -> "np.ndarray":
        """Positions in ``data.recordings``, shape (n,), int64; a function of the arguments alone."""
        ...


SAMPLERS: Registry[type[Sampler]] = Registry(
    "sampler",
    {
        "shuffled": "avianvox.training.samplers.shuffled:Shuffled",
        "balanced": "avianvox.training.samplers.balanced:Balanced",
        "tempered": "avianvox.training.samplers.tempered:Tempered",
        "weighted": "avianvox.training.samplers.weighted:Weighted",
    },
)
