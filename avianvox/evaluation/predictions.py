"""What one fold of a cross-validation leaves on disk: the split, and every window's scores."""

import zipfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from avianvox.errors import InputError, RunError
from avianvox.files import atomic_write


@dataclass(frozen=True)
class FoldPredictions:
    """Scores of the test recordings of one fold; every figure can be computed from these again.

    Attributes
    ----------
    scores : np.ndarray, shape (n_windows, n_classes), float32
        Probabilities.
    positions : np.ndarray, shape (n_windows,), int64
        Position in ``test_ids`` of the recording of each window; a recording's windows in order of time.
    targets : np.ndarray, shape (n_recordings,), int64
        Class position of each test recording.
    test_ids, train_ids : np.ndarray of str
        The fold itself.
    """

    scores: np.ndarray
    positions: np.ndarray
    targets: np.ndarray
    test_ids: np.ndarray
    train_ids: np.ndarray

    def __post_init__(self) -> None:
        silent = np.setdiff1d(np.arange(len(self.test_ids)), self.positions)
        if len(silent):
            raise InputError(
                f"FoldPredictions: expected one window or more of each test recording, "
                f"got none of {', '.join(map(str, self.test_ids[silent][:5]))}"
            )

    @property
    def window_targets(self) -> np.ndarray:
        """Class position of each window, shape (n_windows,)."""
        return self.targets[self.positions]

    def recording_scores(self) -> np.ndarray:
        """Mean over each recording's windows, shape (n_recordings, n_classes), float64."""
        total = np.zeros((len(self.test_ids), self.scores.shape[1]))
        np.add.at(total, self.positions, self.scores)
        return total / np.bincount(self.positions, minlength=len(self.test_ids))[:, None]


def write_predictions(path: Path, predictions: FoldPredictions) -> None:
    """Write whole or not at all; equal predictions give equal bytes."""
    arrays = {field.name: getattr(predictions, field.name) for field in fields(predictions)}
    with atomic_write(path, "wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)


def read_predictions(path: Path) -> FoldPredictions:
    """The inverse of `write_predictions`.

    Raises
    ------
    RunError
        The file is missing or damaged.
    """
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            return FoldPredictions(**{field.name: arrays[field.name] for field in fields(FoldPredictions)})
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing; run the cross-validation again to make it") from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise RunError(f"{path} is damaged ({error}); delete it and run again to make it anew") from error
