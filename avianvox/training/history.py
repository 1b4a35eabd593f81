"""What training leaves after each epoch: the history and the checkpoint. Needs no Keras."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from avianvox.documents import MISSHAPEN, parse_json
from avianvox.errors import RunError
from avianvox.files import open_arrays


@dataclass
class History:
    """What happened so far.

    ``epochs``: one row of figures for each epoch; ``best_epoch`` counts from 1 and names the row of least
    validation loss, or of least training loss where nothing was held out; NaN is more than any loss.
    """

    epochs: list[dict[str, float]] = field(default_factory=list)

    @property
    def best_epoch(self) -> int:
        key = "val_loss" if self.epochs and "val_loss" in self.epochs[0] else "loss"
        losses = [math.inf if math.isnan(row[key]) else row[key] for row in self.epochs]
        return int(np.argmin(losses)) + 1 if losses else 0

    def is_exhausted(self, patience: int) -> bool:
        """Whether the validation loss has not fallen for ``patience`` epochs."""
        held_out = bool(self.epochs) and "val_loss" in self.epochs[0]
        return held_out and len(self.epochs) - self.best_epoch >= patience


def epochs_done(checkpoint: Path) -> int:
    """The epochs behind a checkpoint; 0 where there is none. Raises `RunError` where it is damaged."""
    if not checkpoint.exists():
        return 0
    with opened_checkpoint(checkpoint) as arrays:
        return len(parse_json(str(arrays["history"])))


@contextmanager
def opened_checkpoint(checkpoint: Path) -> Iterator[Mapping[str, np.ndarray]]:
    """Its arrays. Raises `RunError` where it is damaged, or where what is done with them fails."""
    try:
        with open_arrays(checkpoint) as arrays:
            yield arrays
    except (OSError, EOFError, BadZipFile, *MISSHAPEN) as error:
        raise RunError(
            f"the checkpoint {checkpoint} is damaged or from another network ({error}); "
            "start again with --fresh"
        ) from error
