"""Averaged weights: a mean over the last steps, which jumps about less than the weights of any one step.

The optimiser keeps the average; its variables are part of every checkpoint. Batch normalisation takes mean
and variance of what earlier layers give, so the moving ones of the training belong to other weights: they
are found anew from crops of the last epoch.

References
----------
Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992; Izmailov et al.,
"Averaging weights leads to wider optima and better generalization", 2018, for the statistics.
"""

from copy import copy
from typing import Any

import numpy as np

from avianvox.models.backend import keras
from avianvox.training.sequence import CropSequence

_MOST_BATCHES = 32  # about a thousand crops: more would not change a mean


def settle(model: Any, train: CropSequence, *, epoch: int) -> None:
    """Give a network its averaged weights, and the statistics that fit them.

    Parameters
    ----------
    model : keras.Model
        Compiled with an optimiser that averages.
    train : CropSequence
        It is left where it is.
    epoch : int
        Whose crops the statistics are taken from.
    """
    model.optimizer.finalize_variable_values(model.trainable_variables)
    norms = [layer for layer in _normalising(model) if layer.trainable]
    if not norms:
        return
    crops = copy(train)
    crops.move_to(epoch)
    usual = [layer.momentum for layer in norms]
    for index in range(min(len(crops), _MOST_BATCHES)):
        for layer in norms:
            layer.momentum = index / (index + 1)  # so that all batches count alike
        model(crops[index][0], training=True)
    for layer, momentum in zip(norms, usual, strict=True):
        layer.momentum = momentum


def _normalising(model: Any) -> list[Any]:
    """Layers of batch normalisation, those of networks within a network too."""
    found = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found += _normalising(layer)
        elif isinstance(layer, keras.layers.BatchNormalization):
            found.append(layer)
    return found


class Averaged(keras.callbacks.Callback):  # type: ignore[misc]
    """While a network is validated, it has its averaged weights; training goes on with its own.

    Attributes
    ----------
    judged : list of np.ndarray
        The weights that were validated last.
    """

    def __init__(self, train: CropSequence) -> None:
        super().__init__()
        self.judged: list[np.ndarray] = []
        self._train = train
        self._epoch = 0
        self._own: list[np.ndarray] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch

    def on_test_begin(self, logs: Any = None) -> None:
        self._own = [variable.numpy() for variable in self.model.variables]
        settle(self.model, self._train, epoch=self._epoch)
        self.judged = self.model.get_weights()

    def on_test_end(self, logs: Any = None) -> None:
        for variable, value in zip(self.model.variables, self._own, strict=True):
            variable.assign(value)
