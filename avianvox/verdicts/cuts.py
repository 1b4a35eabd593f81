"""From which score on are a species' events right as often as wanted?

The rule is the conservative one of :mod:`avianvox.calibration.thresholds`: of all scores at which judged
events part, the lowest from which on the lower bound of their precision reaches what is wanted. It assumes
nothing of how precision depends on the score. Drawn events count as often as they stand for others, and the
bound is taken at the number of equal weights that would be as sure.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from avianvox.calibration.thresholds import BOUND_LEVEL, LEAST_SESSIONS
from avianvox.errors import InputError
from avianvox.evaluation.bootstrap import wilson_lower
from avianvox.verdicts.consensus import Opinion
from avianvox.verdicts.events import Listed
from avianvox.verdicts.table import Event

LEAST_JUDGED = 10
"""Fewer judged events of a species say nothing of a threshold."""

FOUND, TOO_FEW, NOT_REACHED = "found", "too few", "not reached"


@dataclass(frozen=True, slots=True)
class Cut:
    """The threshold of a species, or of all together.

    Attributes
    ----------
    state : {"found", "too few", "not reached"}
        "too few": events or recordings were judged to tell.
    score : float
        Events of this score or a higher one are kept; NaN unless it was found.
    precision, low : float
        Of the judged events that are kept, and its one-sided lower bound at 0.8.
    judged : int
        Judged events that are kept; of all that have a score unless a threshold was found.
    kept : float
        Share of all events that are kept.
    """

    state: str
    score: float = math.nan
    precision: float = math.nan
    low: float = math.nan
    judged: int = 0
    kept: float = math.nan


@dataclass(frozen=True, slots=True)
class _Judged:
    """Rows with a score: the file and the weight of each, and whether it is right (-1: nobody knows)."""

    scores: np.ndarray
    right: np.ndarray
    weights: np.ndarray
    files: np.ndarray


def cuts(
    events: Sequence[Listed], opinions: Mapping[Event, Opinion], precision: float, *, drawn: bool
) -> tuple[Cut, dict[str, Cut]]:
    """The threshold of all species together, and of each; parameters as in `precision.precisions`.

    Raises
    ------
    InputError
        ``precision`` is out of range.
    """
    if not 0 < precision < 1:
        raise InputError(f"threshold: expected a precision above 0 and below 1, got {precision:g}")
    by_species: dict[str, list[Listed]] = defaultdict(list)
    for row in events:
        if row.detection.score is not None:
            by_species[row.species].append(row)
    weight = _weights(events, opinions, drawn=drawn)
    every = [row for rows in by_species.values() for row in rows]
    found = {
        name: _cut(_judged(rows, opinions, weight), precision) for name, rows in sorted(by_species.items())
    }
    return _cut(_judged(every, opinions, weight), precision), found


def _weights(
    events: Sequence[Listed], opinions: Mapping[Event, Opinion], *, drawn: bool
) -> dict[tuple[str, int], tuple[float, float]]:
    """For each stratum, how many events one that was judged stands for, and one that was listed."""
    listed: dict[tuple[str, int], int] = defaultdict(int)
    judged: dict[tuple[str, int], int] = defaultdict(int)
    n_events: dict[tuple[str, int], int] = {}
    for row in events:
        key = (row.species, row.stratum)
        listed[key] += 1
        n_events[key] = row.stratum_events if drawn else listed[key]
        judged[key] += row.event in opinions and opinions[row.event].is_right is not None
    return {key: (n / max(judged[key], 1), n / listed[key]) for key, n in n_events.items()}


def _judged(
    rows: Sequence[Listed],
    opinions: Mapping[Event, Opinion],
    weight: Mapping[tuple[str, int], tuple[float, float]],
) -> tuple[_Judged, np.ndarray, np.ndarray]:
    """The judged rows; and the scores of all rows, with the events that each of them stands for."""
    known = [(row, opinions[row.event].is_right) for row in rows if row.event in opinions]
    judged = [(row, right) for row, right in known if right is not None]
    table = _Judged(
        np.array([row.detection.score for row, _ in judged], np.float64),
        np.array([right for _, right in judged], np.float64),
        np.array([weight[row.species, row.stratum][0] for row, _ in judged], np.float64),
        np.array([row.event.file for row, _ in judged], str),
    )
    scores = np.array([row.detection.score for row in rows], np.float64)
    return table, scores, np.array([weight[row.species, row.stratum][1] for row in rows], np.float64)


def _cut(rows: tuple[_Judged, np.ndarray, np.ndarray], precision: float) -> Cut:
    judged, scores, stand_for = rows
    if len(judged.scores) < LEAST_JUDGED or len(np.unique(judged.files)) < LEAST_SESSIONS:
        return Cut(TOO_FEW, judged=len(judged.scores))
    order = np.argsort(-judged.scores, kind="stable")
    ordered, weights = judged.scores[order], judged.weights[order]
    last = np.append(ordered[1:] != ordered[:-1], True)  # a threshold takes all rows of a tie
    total, squares = np.cumsum(weights), np.cumsum(weights**2)
    share = np.cumsum(weights * judged.right[order]) / total
    as_many = total**2 / squares
    low = wilson_lower(share * as_many, as_many, level=BOUND_LEVEL)
    enough = last & (np.arange(1, len(ordered) + 1) >= LEAST_SESSIONS)
    reached = np.flatnonzero(enough & (low >= precision))
    if not len(reached):
        return Cut(NOT_REACHED, judged=len(ordered))
    i = int(reached[-1])
    kept = stand_for[scores >= ordered[i]].sum() / stand_for.sum()
    return Cut(FOUND, float(ordered[i]), float(share[i]), float(low[i]), i + 1, float(kept))
