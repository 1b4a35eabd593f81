"""Sampling by overlap: what is answered rightly comes less often, above all where attention is on the voice.

At the end of an epoch, the network answers for the epoch's crops once more, as they are, and says where it
looked. The weight of a crop follows from whether the answer is right and how far attention lies on the voice
(`avianvox.evaluation.overlap`); a recording has the mean weight of its crops, and comes in proportion to it
in the next epoch. Classes come as often as the sampler planned.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.config import later
from avianvox.errors import ConfigError, InputError
from avianvox.evaluation.overlap import Weights, overlap
from avianvox.features.foreground import coarse, foreground
from avianvox.models.backend import keras
from avianvox.training.guides.voice import LAYER
from avianvox.training.sequence import CropSequence

_USUAL = Weights()


@dataclass(frozen=True)
class ByOverlap:
    """Weights of crops: ``good``, a right answer with attention on the voice; ``poor``, beside it; ``wrong``.

    References
    ----------
    Kantor et al., "Hierarchical loss and guided attention", 2020.
    """

    good: float = later(_USUAL.good, held=0.5)
    poor: float = later(_USUAL.poor, held=0.75)
    wrong: float = later(_USUAL.wrong, held=1.5)

    def __post_init__(self) -> None:
        for name in ("good", "poor", "wrong"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigError(f"[train.emphasis] {name}: expected more than 0, got {getattr(self, name)}")

    def make(self, train: CropSequence) -> "OverlapSampling":
        return OverlapSampling(train, Weights(self.good, self.poor, self.wrong))


class OverlapSampling(keras.callbacks.Callback):  # type: ignore[misc]
    """The weights of one training.

    Parameters
    ----------
    train : CropSequence
        What the network is trained on; its ``weights`` are set after each epoch.
    table : Weights

    Raises
    ------
    InputError
        As training begins, of a network that has no map of attention.
    """

    def __init__(self, train: CropSequence, table: Weights) -> None:
        super().__init__()
        self._train = train
        self._table = table
        self._judge: Any = None

    def paced(self, learning_rate: Any) -> Any:
        return learning_rate

    def arrays(self) -> dict[str, np.ndarray]:
        return {} if self._train.weights is None else {"overlap_weights": self._train.weights}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._train.weights = np.array(arrays["overlap_weights"])

    def on_train_begin(self, logs: Any = None) -> None:
        if LAYER not in [layer.name for layer in self.model.layers]:
            raise InputError(
                f"[train] emphasis: 'overlap' needs a network with attention over time and bands, and "
                f"{self.model.name} has no layer '{LAYER}'; choose a network that has one"
            )
        seen = self.model.get_layer(LAYER).output
        self._judge = keras.Model(self.model.input, [self.model.output, seen])
        self._judge.compile(jit_compile=False)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch == len(self._train) - 1:  # before the next epoch is planned
            self._train.weights = self._weights()

    def _weights(self) -> np.ndarray:
        """Of all recordings; those that the epoch left out keep theirs."""
        train = self._train
        n = len(train.data)
        before = np.ones(n) if train.weights is None else train.weights
        sums, counts = np.zeros(n), np.zeros(n)
        for index in range(len(train)):
            positions, offsets = train.planned(index)
            crops = train.plain(positions, offsets)
            logits, maps = self._judge.predict_on_batch(crops)
            right = logits.argmax(axis=1) == train.data.targets[positions]
            np.add.at(sums, positions, self._table.of(right, self._gain(crops[..., 0], maps)))
            np.add.at(counts, positions, 1)
        return np.where(counts > 0, sums / np.maximum(counts, 1), before)

    def _gain(self, crops: np.ndarray, maps: np.ndarray) -> np.ndarray:
        n, n_times, n_bands = maps.shape[:3]
        voice = foreground(crops * self._train.reader.deviation)
        return overlap(maps.reshape(n, n_times, n_bands), coarse(voice, n_times, n_bands)).gain
