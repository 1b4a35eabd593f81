"""What one fold of a cross-validation leaves on disk: the split, and every window's scores.

`FoldPredictions` is one file; `pool` joins those of all folds of one model with what is known about the
recordings, and `Pooled` is what figures over all folds are computed from.
"""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.errors import InputError, RunError
from avianvox.files import atomic_write, open_arrays
from avianvox.inference.pooling import pool_answers, pool_rows
from avianvox.types import Recording


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
    pooling : str
        How windows become a recording, a row of `avianvox.inference.pooling.POOLINGS`; what a window counts
        there is its highest score. A file without it says "mean".
    energy : np.ndarray, shape (n_windows,), float32, optional
        See `avianvox.dataset.training_data.Clues`. Kept of fits without some species, where the model has it.
    embedding, train_embedding : np.ndarray, shape (n, n_embedding), float32, optional
        Of each test and each training recording: the mean over its windows. Kept with ``energy``.
    tasks : mapping of str to np.ndarray, shape (n_windows, n_outputs), float32
        What a model says to the tasks of these names, past their activations.
    """

    scores: np.ndarray
    positions: np.ndarray
    targets: np.ndarray
    test_ids: np.ndarray
    train_ids: np.ndarray
    pooling: str = "mean"
    energy: np.ndarray | None = None
    embedding: np.ndarray | None = None
    train_embedding: np.ndarray | None = None
    tasks: Mapping[str, np.ndarray] = field(default_factory=dict)

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
        targets: np.ndarray = self.targets[self.positions]
        return targets

    def recording_scores(self) -> np.ndarray:
        """What the pooling makes of each recording's windows, shape (n_recordings, n_classes), float64."""
        return pool_answers(self, len(self.test_ids))


_TASK = "task:"
"""Before the name of a task, that of its array in a file."""


def write_predictions(path: Path, predictions: FoldPredictions) -> None:
    """Write whole or not at all; equal predictions give equal bytes.

    Raises
    ------
    RunError
        A score is not a number.
    """
    _check_numbers(path, predictions)
    values = {field.name: getattr(predictions, field.name) for field in fields(predictions)}
    arrays = {name: value for name, value in values.items() if value is not None}
    arrays |= {f"{_TASK}{name}": outputs for name, outputs in arrays.pop("tasks").items()}
    if predictions.pooling == FoldPredictions.pooling:
        del arrays["pooling"]  # as files of earlier releases, which knew no other
    with atomic_write(path, "wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)


def read_predictions(path: Path) -> FoldPredictions:
    """The inverse of `write_predictions`.

    Raises
    ------
    RunError
        The file is missing or damaged, or a score in it is not a number.
    """
    try:
        with open_arrays(path) as arrays:
            kept: dict[str, Any] = {
                field.name: arrays[field.name]
                for field in fields(FoldPredictions)
                if field.name != "tasks" and (field.default is MISSING or field.name in arrays)
            }
            kept["tasks"] = {
                name.removeprefix(_TASK): arrays[name] for name in arrays if name.startswith(_TASK)
            }
            if "pooling" in kept:
                kept["pooling"] = str(kept["pooling"])
            found = FoldPredictions(**kept)
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing; run the cross-validation again to make it") from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise RunError(f"{path} is damaged ({error}); delete it and run again to make it anew") from error
    _check_numbers(path, found)
    return found


def _check_numbers(path: Path, predictions: FoldPredictions) -> None:
    answers = np.concatenate([predictions.scores, *predictions.tasks.values()], axis=1)
    wrong = np.flatnonzero(~np.isfinite(answers).all(axis=1))
    if len(wrong):
        raise RunError(
            f"{path}: expected finite scores, got {answers[wrong[0]].min()} for recording "
            f"{predictions.test_ids[predictions.positions[wrong[0]]]}; train this model "
            "with other settings, or leave it out (and delete the file if it exists)"
        )


@dataclass(frozen=True)
class Pooled:
    """The test recordings of all folds of one model under one grouping, fold after fold.

    Attributes
    ----------
    recordings : tuple of Recording, length n
        A recording stands here once for each fold that tests it: more than once where folds are drawn
        independently of each other.
    targets : np.ndarray, shape (n,), int64
    folds : np.ndarray, shape (n,), int64
        The fold that each row was tested in, by a model that learned from the others.
    scores : np.ndarray, shape (n, n_classes), float64
        Of each recording, the model's own: for most models the mean over its windows.
    window_scores : np.ndarray, shape (n_windows, n_classes), float32
    window_rows : np.ndarray, shape (n_windows,), int64
        The row that each window belongs to; windows of a row in order of time.
    pooling : str
        How windows become a recording, a row of `avianvox.inference.pooling.POOLINGS`.
    confidence : np.ndarray, shape (n_windows,), optional
        How much each window counts there; None: all alike.
    """

    recordings: tuple[Recording, ...]
    targets: np.ndarray
    folds: np.ndarray
    scores: np.ndarray
    window_scores: np.ndarray
    window_rows: np.ndarray
    pooling: str = "mean"
    confidence: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.recordings)

    @property
    def predicted(self) -> np.ndarray:
        """The class of the highest score, shape (n,), int64; the first one where scores tie."""
        best: np.ndarray = self.scores.argmax(axis=1)
        return best

    @property
    def sessions(self) -> np.ndarray:
        """The session of each row, shape (n,), str."""
        return np.array([r.session for r in self.recordings])

    def pooled(self, window_scores: np.ndarray) -> np.ndarray:
        """Scores of the rows, shape (n, n_classes), float64, from those of all windows."""
        return pool_rows(window_scores, self.window_rows, len(self), self.pooling, self.confidence)

    def where(self, chosen: np.ndarray) -> "Pooled":
        """The rows for which ``chosen``, shape (n,), bool, is true, with their windows."""
        row = np.cumsum(chosen) - 1
        windows = chosen[self.window_rows]
        return Pooled(
            tuple(r for r, keep in zip(self.recordings, chosen, strict=True) if keep),
            self.targets[chosen],
            self.folds[chosen],
            self.scores[chosen],
            self.window_scores[windows],
            row[self.window_rows[windows]],
            self.pooling,
            None if self.confidence is None else self.confidence[windows],
        )


def pool(folds: Sequence[FoldPredictions], recordings: Mapping[str, Recording]) -> Pooled:
    """Join the predictions of all folds; ``recordings``: by id.

    Raises
    ------
    RunError
        The folds were pooled in different ways.
    """
    if len(ways := {fold.pooling for fold in folds}) > 1:
        raise RunError(f"expected one pooling in all folds, got {', '.join(sorted(ways))}; run them again")
    window_scores = np.concatenate([fold.scores for fold in folds])
    sizes = [len(fold.test_ids) for fold in folds]
    starts = np.cumsum([0, *sizes[:-1]])
    return Pooled(
        tuple(recordings[str(name)] for fold in folds for name in fold.test_ids),
        np.concatenate([fold.targets for fold in folds]),
        np.repeat(np.arange(len(folds)), sizes),
        np.concatenate([fold.recording_scores() for fold in folds]),
        window_scores,
        np.concatenate([fold.positions + start for fold, start in zip(folds, starts, strict=True)]),
        folds[0].pooling,
        window_scores.max(axis=1),
    )
