"""Emphasis sampling: what is answered wrongly waits in queues, and is shown again between batches.

After a batch, the network answers for the same crops once more, as they are: without augmentation, so that a
crop with a share in two classes is judged by the sound that it was made of. Those whose class does not come
first wait in one queue, those whose class is not among the first five in another as well. What is shown again
is the same part of the recording, augmented anew.
"""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.config import later
from avianvox.errors import ConfigError
from avianvox.models.backend import keras
from avianvox.randomness import derive_rng
from avianvox.training.sequence import CropSequence

_LEAST_RANKS = {"wrong": 1, "far": 5}
"""Of each queue, how many classes were thought likelier than the right one."""


@dataclass(frozen=True)
class Queues:
    """After each batch, a batch from the front of a queue with the probability ``wrong`` and ``far``.

    A queue with less than a batch waits. One that is longer than an epoch loses the oldest: what they
    were answered tells little of the network as it is.

    References
    ----------
    Norouzzadeh et al., "Automatically identifying, counting, and describing wild animals in camera-trap
    images with deep learning", 2018: "emphasis sampling".
    """

    wrong: float = later(0.20, held=0.20)
    far: float = later(0.35, held=0.35)

    def __post_init__(self) -> None:
        for name in _LEAST_RANKS:
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"[train.emphasis] {name}: expected 0 to 1, got {getattr(self, name)}")

    def make(self, train: CropSequence) -> "EmphasisSampling":
        return EmphasisSampling(train, {name: getattr(self, name) for name in _LEAST_RANKS})


class EmphasisSampling(keras.callbacks.Callback):  # type: ignore[misc]
    """The queues of one training.

    Parameters
    ----------
    train : CropSequence
        What the network is trained on; it is left where it is.
    probabilities : mapping of str to float
        Of each queue.

    Attributes
    ----------
    queues : dict of str to np.ndarray, shape (n, 2), int64
        Position in ``train.data.recordings`` and first frame of each crop that waits, the oldest first.
    n_extra : int
        Batches that were trained on besides.
    """

    def __init__(self, train: CropSequence, probabilities: Mapping[str, float]) -> None:
        super().__init__()
        self.queues = {name: np.zeros((0, 2), np.int64) for name in probabilities}
        self.n_extra = 0
        self._probabilities = dict(probabilities)
        self._source = train
        self._train, self._epoch = copy(train), 0
        self._step = keras.Variable(0, dtype="int32", trainable=False, name="planned_step")

    def paced(self, learning_rate: Any) -> Any:
        if isinstance(learning_rate, keras.optimizers.schedules.LearningRateSchedule):
            return _Paced(learning_rate, self._step)
        return learning_rate

    def arrays(self) -> dict[str, np.ndarray]:
        return {f"queue_{name}": queue for name, queue in self.queues.items()}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.queues = {name: np.array(arrays[f"queue_{name}"]) for name in self.queues}

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch
        self._train = copy(self._source)  # as it is planned: Keras moves it on before the first epoch already

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._step.assign(self._epoch * len(self._train) + batch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        train = self._train
        positions, offsets = train.planned(batch)
        logits = self.model.predict_on_batch(train.plain(positions, offsets))
        ranks = ranks_of(logits, train.data.targets[positions])
        crops = np.stack([positions, offsets], axis=1)
        rng = derive_rng(train.seed, "emphasis", self._epoch, batch)
        for name, probability in self._probabilities.items():
            waiting = np.concatenate([self.queues[name], crops[ranks >= _LEAST_RANKS[name]]])
            if rng.random() < probability and len(waiting) >= train.batch_size:
                again, waiting = waiting[: train.batch_size], waiting[train.batch_size :]
                # a step of the training that goes on: train_on_batch would begin its figures anew
                self.model.train_function(iter([train.batch(*again.T, names=("again", name, batch))]))
                self.n_extra += 1
            self.queues[name] = waiting[-train.n_crops :]


def ranks_of(logits: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """How many classes are thought likelier than the right one; shape (n,)."""
    right = np.take_along_axis(logits, classes[:, None], axis=1)
    return np.asarray((logits > right).sum(axis=1))


class _Paced(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A schedule that follows the planned batches: an optimiser counts the others too."""

    def __init__(self, schedule: Any, step: Any) -> None:
        super().__init__()
        self._schedule = schedule
        self._step = step

    def __call__(self, step: Any) -> Any:
        return self._schedule(self._step)
