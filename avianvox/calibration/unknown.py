"""From which score on is a bird one that the model knows? Measured on species that were held out in turn.

In each turn (`avianvox.evaluation.held_out_species`) some species are unknown: whatever name they get is
wrong. `judge_unknown` takes the thresholds of the classes as they are, and raises all of them to one score
below which nothing is named: the least one at which no more than a wanted share of the unknown recordings has
a name, or, where that would cost too many right names, the highest one that the known recordings can bear.

The figures are of thresholds that know nothing of what they are judged on: scaling and thresholds of the
classes come from the other folds, the threshold of unknown species from other turns and other sessions.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from avianvox.calibration.open_set import OPEN_SCORES
from avianvox.calibration.turns import HeldOutTurn, Rows, Rules, calibrated_turn, rows_of
from avianvox.errors import InputError
from avianvox.evaluation.bootstrap import Interval, session_interval

SHARE, RECALL = 0.1, 0.9
_EXACT = 1e-9


@dataclass(frozen=True, slots=True)
class NamedOf:
    """What has a name: of known species, of these rightly, and of unknown ones."""

    known: int
    right: int
    unknown: int

    @classmethod
    def of(cls, rows: Rows, named: np.ndarray) -> "NamedOf":
        known = named & ~rows.unknown
        return cls(int(known.sum()), int((known & rows.right).sum()), int((named & rows.unknown).sum()))


@dataclass(frozen=True, slots=True)
class UnknownLevel:
    """What the threshold does at one level, by thresholds from other turns and sessions.

    Attributes
    ----------
    n_known, n_unknown : int
        Rows of known and unknown species; known ones are in as many turns as test them.
    threshold : float
        Found on all turns: that of the model file. 0 where none is needed.
    best, before, after : NamedOf
        Where each best answer is a name; with the thresholds of the classes; with that of unknown species.
    recall : Interval
        Of the rows that are named rightly before, the share that still is.
    named_before, named_after : Interval
        Share of the rows of unknown species with a name.
    """

    n_known: int
    n_unknown: int
    threshold: float
    best: NamedOf
    before: NamedOf
    after: NamedOf
    recall: Interval
    named_before: Interval
    named_after: Interval


@dataclass(frozen=True, slots=True)
class OpenScoreRow:
    """One of `OPEN_SCORES`, on recordings, each best answer being a name.

    Attributes
    ----------
    name : str
    auroc : Interval
        How often a recording that is named rightly stands above one of an unknown species.
    named : Interval
        Share of the recordings of unknown species above a threshold that keeps the wanted recall elsewhere.
    recall : Interval
        Of the rightly named recordings, the share that this threshold keeps.
    recall_at_share : Interval
        The share that is kept by the threshold that names the wanted share of unknown recordings elsewhere.
    """

    name: str
    auroc: Interval
    named: Interval
    recall: Interval
    recall_at_share: Interval


@dataclass(frozen=True, slots=True)
class UnknownReport:
    """What was found on species held out in turn.

    Attributes
    ----------
    n_turns, n_species : int
    share, recall : float
        What was wanted.
    levels : mapping of str to UnknownLevel
    scores : tuple of OpenScoreRow
    """

    n_turns: int
    n_species: int
    share: float
    recall: float
    levels: Mapping[str, UnknownLevel]
    scores: tuple[OpenScoreRow, ...]


def judge_unknown(
    turns: Sequence[HeldOutTurn],
    final: Rules,
    of_fold: Mapping[int, Rules],
    *,
    share: float = SHARE,
    recall: float = RECALL,
) -> UnknownReport:
    """Find the threshold of each level, and say what it does.

    Parameters
    ----------
    turns : sequence of HeldOutTurn
    final : Rules
        Of all folds, as the model file has them.
    of_fold : mapping of int to Rules
        For each fold, those of the others.
    share : float in [0, 1)
        Of the recordings of unknown species, at most so many may have a name.
    recall : float in (0, 1]
        Of what was named rightly, at least so much is still to be.
    """
    levels = {}
    for level in final.thresholds:
        crossed = rows_of(turns, [of_fold[turn.fold] for turn in turns], level)
        chosen = rows_of(turns, [final] * len(turns), level)
        threshold = choose_threshold(chosen, share=share, recall=recall)
        levels[level] = _level(crossed, max(threshold, 0.0), share, recall)
    answered = [
        replace(turn.answered, scores=calibrated_turn(turn, of_fold[turn.fold])[1].scores) for turn in turns
    ]
    scores = {name: [score(one) for one in answered] for name, score in OPEN_SCORES.items()}
    base = rows_of(turns, [of_fold[turn.fold] for turn in turns], "recording")
    base = replace(base, named=np.ones(len(base.named), bool))
    compared = (
        _open_score(name, replace(base, scores=np.concatenate(values)), share, recall)
        for name, found in scores.items()
        if len(values := [one for one in found if one is not None]) == len(turns)
    )
    n_species = len({name for turn in turns for name in turn.unknown_species})
    return UnknownReport(len(turns), n_species, share, recall, levels, tuple(compared))


def choose_threshold(rows: Rows, *, share: float, recall: float) -> float:
    """The least score from which at most ``share`` of the unknown rows is named, bounded by the recall.

    The bound is the highest score that leaves ``recall`` of the rightly named rows. Minus infinity where no
    threshold is needed.
    """
    return min(threshold_of_share(rows, share), threshold_of_recall(rows, recall))


def threshold_of_share(rows: Rows, share: float) -> float:
    """The least score from which at most this share of the unknown rows is named, or minus infinity."""
    named = np.sort(rows.scores[rows.unknown & rows.named])[::-1]
    allowed = math.floor(share * rows.unknown.sum() + _EXACT)
    return -math.inf if len(named) <= allowed else float(np.nextafter(named[allowed], math.inf))


def threshold_of_recall(rows: Rows, recall: float) -> float:
    """The highest score that leaves this share of the rightly named rows; infinity without any."""
    right = np.sort(rows.scores[rows.named & rows.right & ~rows.unknown])[::-1]
    needed = math.ceil(recall * len(right) - _EXACT)
    return float(right[needed - 1]) if needed else math.inf


def elsewhere(rows: Rows, turn: int) -> Rows:
    """The rows of other turns whose sessions this one does not test."""
    own = rows.turns == turn
    return rows.where(~own & ~np.isin(rows.sessions, rows.sessions[own]))


def _crossed(rows: Rows, choose: Callable[[Rows], float]) -> np.ndarray:
    """For each row, whether it reaches the threshold that was chosen elsewhere: bool, shape (n,)."""
    above = np.zeros(len(rows.scores), bool)
    for turn in np.unique(rows.turns).tolist():
        own, rest = rows.turns == turn, elsewhere(rows, turn)
        if not rest.unknown.any():
            raise InputError(
                "calibration: expected unknown species in turns of two folds or more, to choose a threshold "
                "on some and to test it on another; hold out fewer species at a time"
            )
        above[own] = rows.scores[own] >= choose(rest)
    return above


def _level(rows: Rows, threshold: float, share: float, recall: float) -> UnknownLevel:
    after = rows.named & _crossed(rows, lambda rest: choose_threshold(rest, share=share, recall=recall))
    before = rows.named & rows.right
    return UnknownLevel(
        n_known=int((~rows.unknown).sum()),
        n_unknown=int(rows.unknown.sum()),
        threshold=threshold,
        best=NamedOf.of(rows, np.ones(len(after), bool)),
        before=NamedOf.of(rows, rows.named),
        after=NamedOf.of(rows, after),
        recall=_share(after, before, rows.sessions),
        named_before=_share(rows.named, rows.unknown, rows.sessions),
        named_after=_share(after, rows.unknown, rows.sessions),
    )


def _share(hits: np.ndarray, among: np.ndarray, sessions: np.ndarray) -> Interval:
    return session_interval(hits[among].astype(float), sessions[among])


def _open_score(name: str, rows: Rows, share: float, recall: float) -> OpenScoreRow:
    by_recall = _crossed(rows, lambda rest: threshold_of_recall(rest, recall))
    by_share = _crossed(rows, lambda rest: threshold_of_share(rest, share))
    return OpenScoreRow(
        name,
        auroc(rows.scores, rows.right, rows.unknown, rows.sessions),
        _share(by_recall, rows.unknown, rows.sessions),
        _share(by_recall, rows.right, rows.sessions),
        _share(by_share, rows.right, rows.sessions),
    )


def auroc(scores: np.ndarray, above: np.ndarray, below: np.ndarray, sessions: np.ndarray) -> Interval:
    """How often a row of ``above`` has a higher score than one of ``below``; ties count half.

    Parameters
    ----------
    scores : np.ndarray, shape (n,)
    above, below : np.ndarray, shape (n,), bool
    sessions : np.ndarray, shape (n,)
        Resampled whole for the interval.
    """
    high, low = np.flatnonzero(above), np.flatnonzero(below)
    ahead = np.sign(scores[high][:, None] - scores[low]) / 2 + 0.5

    def figure(weights: np.ndarray) -> np.ndarray:
        won = np.einsum("hr,hl->rl", weights[high], ahead)
        pairs = weights[high].sum(axis=0) * weights[low].sum(axis=0)
        found = np.full(weights.shape[1], np.nan)
        sums = np.einsum("rl,lr->r", won, weights[low])
        shares: np.ndarray = np.divide(sums, pairs, out=found, where=pairs > 0)
        return shares

    return session_interval(figure, sessions)
