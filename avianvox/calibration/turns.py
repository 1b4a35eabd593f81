"""The answers of turns in which species were held out, as rows that thresholds can be judged on.

`turn_of` reads one turn; `rows_of` joins all of them at one level, under given scalings and thresholds of
the classes. Calibrated scores are shared by the classes that the turn's model learned.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from avianvox.calibration.open_set import Answered
from avianvox.evaluation.predictions import FoldPredictions, Pooled, pool
from avianvox.inference.calibration import LogOdds, Scaling
from avianvox.inference.pooling import pool_rows
from avianvox.types import LabelSet, Recording


@dataclass(frozen=True)
class HeldOutTurn:
    """The answers of one turn.

    Attributes
    ----------
    fold : int
        The fold that it goes with.
    pooled : Pooled
        Its test recordings, with columns for the learned classes alone; targets are -1 for unknown species.
    learned : np.ndarray, shape (n_learned,), int64
        The classes of the columns, among all.
    answered : Answered
        With the scores of the recordings as the model gave them.
    """

    fold: int
    pooled: Pooled
    learned: np.ndarray
    answered: Answered

    @property
    def unknown_species(self) -> frozenset[str]:
        """The labels of tested recordings that were not learned."""
        pairs = zip(self.pooled.recordings, self.pooled.targets, strict=True)
        return frozenset(recording.label for recording, target in pairs if target < 0)


def turn_of(
    fold: int, predictions: FoldPredictions, recordings: Mapping[str, Recording], labels: LabelSet
) -> HeldOutTurn:
    """A turn from its predictions: unknown is what the training recordings have no label of."""
    train = np.array([labels.index[recordings[str(name)].label] for name in predictions.train_ids], np.int64)
    learned = np.unique(train)
    column = np.full(len(labels), -1)
    column[learned] = np.arange(len(learned))
    known = replace(predictions, scores=predictions.scores[:, learned], targets=column[predictions.targets])
    pooled = pool([known], recordings)
    energy = None
    if predictions.energy is not None:
        n = len(predictions.test_ids)
        energy = pool_rows(predictions.energy[:, None], predictions.positions, n)[:, 0]
    answered = Answered(pooled.scores, energy, known.embedding, known.train_embedding, column[train])
    return HeldOutTurn(fold, pooled, learned, answered)


@dataclass(frozen=True, slots=True)
class Rules:
    """What is known of scores before unknown species are asked about: of all folds, or of all but one."""

    scalings: tuple[Scaling | LogOdds, Scaling | LogOdds]
    thresholds: Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Rows:
    """Recordings or windows of turns, one a row.

    Attributes
    ----------
    scores : np.ndarray, shape (n,)
        Of the best class, or another number that is high for what the model has learned.
    named, right, unknown : np.ndarray, shape (n,), bool
        Whether the class's threshold is reached, whether the best class is the right one, and whether the
        species was held out.
    sessions : np.ndarray, shape (n,), str
    turns : np.ndarray, shape (n,), int64
    """

    scores: np.ndarray
    named: np.ndarray
    right: np.ndarray
    unknown: np.ndarray
    sessions: np.ndarray
    turns: np.ndarray

    def where(self, chosen: np.ndarray) -> "Rows":
        return Rows(*(getattr(self, field.name)[chosen] for field in fields(self)))


def calibrated_turn(turn: HeldOutTurn, rules: Rules) -> tuple[np.ndarray, Pooled]:
    """Calibrated scores of the windows, and the turn's recordings with theirs."""
    window, recording = rules.scalings
    windows = window.apply(turn.pooled.window_scores)
    return windows, replace(turn.pooled, scores=recording.apply(turn.pooled.pooled(windows)))


def rows_of(turns: Sequence[HeldOutTurn], rules: Sequence[Rules], level: str) -> Rows:
    """The recordings or windows of all turns, each turn under its rules."""
    found = []
    for number, (turn, rule) in enumerate(zip(turns, rules, strict=True)):
        windows, pooled = calibrated_turn(turn, rule)
        rows = pooled.window_rows if level == "window" else np.arange(len(pooled))
        scores = windows if level == "window" else pooled.scores
        best, score = scores.argmax(axis=1), scores.max(axis=1)
        limits = np.asarray(rule.thresholds[level])[turn.learned]
        targets = pooled.targets[rows]
        found.append(
            Rows(
                score,
                score >= limits[best],
                best == targets,
                targets < 0,
                pooled.sessions[rows],
                np.full(len(rows), number),
            )
        )
    return Rows(*(np.concatenate([getattr(one, field.name) for one in found]) for field in fields(Rows)))
