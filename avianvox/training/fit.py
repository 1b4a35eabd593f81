"""Fitting a network: an optimiser, a loss, early stopping, and a checkpoint after every epoch.

A checkpoint holds every variable of the network and the optimiser (the state of dropout's generators too),
the best weights so far, the history and what waits to be shown again. Crops are a function of seed and epoch,
so training that was killed and continued ends with the weights of training that was not.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.config import row_of
from avianvox.documents import parse_json
from avianvox.errors import RunError
from avianvox.files import atomic_write
from avianvox.models.backend import keras
from avianvox.models.protocol import EpochReport, Progress, TrainSettings
from avianvox.training.average import Averaged, settle
from avianvox.training.emphasis import EMPHASES, Emphasising
from avianvox.training.fed import own_errors
from avianvox.training.history import History, opened_checkpoint
from avianvox.training.losses import LOSSES, Classes
from avianvox.training.optimisers import OPTIMISERS
from avianvox.training.schedules import SCHEDULES
from avianvox.training.sequence import CropSequence, WindowSequence


def fit_network(
    model: Any,
    train: CropSequence,
    validation: WindowSequence | None,
    settings: TrainSettings,
    *,
    watched: WindowSequence | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> History:
    """Fit ``model`` in place.

    Parameters
    ----------
    model : keras.Model
        Ends in logits.
    train : CropSequence
        At epoch 0; it is moved on when a checkpoint is continued.
    validation : WindowSequence or None
        With it, training stops early and the model ends with the weights of the least validation loss;
        without it, the model ends with those of the last epoch. With ``settings.average``, the averaged
        weights are what is validated and kept.
    settings : TrainSettings
    watched : WindowSequence, optional
        In place of ``validation``: only scored after each epoch, under ``test_`` in the history. Nothing is
        chosen by it, and the weights are those of training without it.
    checkpoint : Path, optional
        Written after every epoch and continued from when it exists.
    progress : callable, optional

    Raises
    ------
    RunError
        The checkpoint is damaged or belongs to another network, or the training loss became NaN.
    """
    classes = Classes(tuple(train.data.counts.tolist()), train.data.names)
    averaged = Averaged(train) if settings.average else None
    emphasised = None
    if settings.emphasis is not None:
        emphasised = row_of(EMPHASES, settings.emphasis, "train.emphasis").make(train)
    model.compile(
        optimizer=_optimiser(settings, emphasised, n_steps=settings.epochs * len(train)),
        loss=row_of(LOSSES, settings.loss, "train.loss").make(classes),
        metrics=["accuracy"],
        jit_compile=False,  # on a CPU, XLA takes ten times as long
    )
    model.optimizer.build(model.trainable_variables)
    watches = watched is not None
    keeper = _Keeper(settings, checkpoint, progress, averaged, emphasised, watches=watches)
    if checkpoint is not None and checkpoint.exists():
        keeper.restore(model)
    done = len(keeper.history.epochs)
    if done < settings.epochs and not keeper.history.is_exhausted(settings.patience):
        train.move_to(done)
        judged = validation if watched is None else watched
        with own_errors(train, judged):
            model.fit(
                train,
                validation_data=judged,
                initial_epoch=done,
                epochs=settings.epochs,
                shuffle=False,  # the sequence shuffles by itself
                verbose=0,
                callbacks=[*filter(None, (emphasised, averaged)), keeper],
            )
    if validation is not None:
        model.set_weights(keeper.best)
    elif averaged is not None:
        settle(model, train, epoch=len(keeper.history.epochs) - 1)
    return keeper.history


def _optimiser(settings: TrainSettings, emphasised: Emphasising | None, *, n_steps: int) -> Any:
    schedule = row_of(SCHEDULES, settings.schedule, "train.schedule").make(settings.learning_rate, n_steps)
    optimiser = row_of(OPTIMISERS, settings.optimiser, "train.optimiser")
    made = optimiser.make(schedule if emphasised is None else emphasised.paced(schedule))
    if settings.average:
        made.use_ema, made.ema_momentum = True, settings.average
    return made


class _Keeper(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps history, best weights and checkpoint, and says when to stop."""

    def __init__(
        self,
        settings: TrainSettings,
        checkpoint: Path | None,
        progress: Progress | None,
        averaged: Averaged | None,
        emphasised: Emphasising | None,
        *,
        watches: bool,
    ) -> None:
        super().__init__()
        self.averaged = averaged
        self.emphasised = emphasised
        self.held_out = "test_" if watches else "val_"
        self.settings = settings
        self.checkpoint = checkpoint
        self.progress = progress
        self.history = History()
        self.best: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        figures = {name.replace("val_", self.held_out): float(value) for name, value in (logs or {}).items()}
        if math.isnan(figures["loss"]):
            raise RunError(
                f"the training loss is NaN after epoch {epoch + 1}; train again with a lower learning_rate"
            )
        self.history.epochs.append(figures)
        if self.history.best_epoch == epoch + 1:
            judged = self.averaged.judged if self.averaged is not None else []
            self.best = judged or self.model.get_weights()
        if self.checkpoint is not None:
            self.save(self.checkpoint)
        if self.progress is not None:
            self.progress(EpochReport(epoch + 1, self.settings.epochs, figures))
        if self.history.is_exhausted(self.settings.patience):
            self.model.stop_training = True

    def save(self, path: Path) -> None:
        arrays = {f"state_{i:03}": v.numpy() for i, v in enumerate(_state(self.model))}
        arrays |= {f"best_{i:03}": weights for i, weights in enumerate(self.best)}
        if self.emphasised is not None:
            arrays |= self.emphasised.arrays()
        with atomic_write(path, "wb") as stream:
            np.savez(stream, history=np.array(json.dumps(self.history.epochs)), **arrays)

    def restore(self, model: Any) -> None:
        assert self.checkpoint is not None
        with opened_checkpoint(self.checkpoint) as arrays:
            for i, variable in enumerate(_state(model)):
                variable.assign(arrays[f"state_{i:03}"])
            self.best = [arrays[f"best_{i:03}"] for i in range(len(model.weights))]
            if self.emphasised is not None:
                self.emphasised.restore(arrays)
            self.history = History(parse_json(str(arrays["history"])))


def _state(model: Any) -> list[Any]:
    """All variables that the next step depends on, each once and in a fixed order."""
    return [*model.variables, *model.optimizer.variables]
