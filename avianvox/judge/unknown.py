"""From which score on a model may give a name at all, so that birds that it does not know stay without one.

The threshold is chosen without any of them. Each species that the model knows is held out: its own class is
struck out, and its recordings are then those of a species that the model does not know. The best score of the
other classes is what they would be named with. Where classes exclude each other, and scores add up to 1, the
others share what was the species' own: they are divided by what is left.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from avianvox.evaluation.bootstrap import Interval, session_interval
from avianvox.evaluation.plain import plain
from avianvox.judge.figures import Answers
from avianvox.judge.thresholds import UNKNOWN, Chosen, Confirmed

SHARE = 0.1
"""Of the recordings of held-out species, at most so many may get a name."""

_STEPS = 10_000  # thresholds have four decimals, as scores in tables do
_LEAST = 1e-12


@dataclass(frozen=True)
class NamedAt:
    """What gets a name from a threshold on.

    Attributes
    ----------
    held_out, held_out_named : int
        Recordings of known species whose own class is struck out, and those of them with a name.
    known, known_named, known_right : int
        Recordings of known species, those with a name, and with the right one.
    right_without : int
        Recordings with the right name if there were no threshold.
    unknown, unknown_named : int
        Recordings of species that the model does not know; each name is wrong.
    recall, unknown_share : Interval
        ``known_right / known`` and ``unknown_named / unknown``, over sessions.
    """

    held_out: int
    held_out_named: int
    known: int
    known_named: int
    known_right: int
    right_without: int
    unknown: int
    unknown_named: int
    recall: Interval
    unknown_share: Interval


def held_out_names(answers: Answers) -> np.ndarray:
    """With which score each recording of a known species would be named, did the model not know it."""
    rows = np.flatnonzero(_of_known_species(answers))
    scores, own = answers.scores[rows].copy(), answers.targets[rows]
    each = np.arange(len(rows))
    if answers.exclusive:
        scores /= np.maximum(1 - scores[each, own], _LEAST)[:, None]
    scores[each, own] = 0.0
    shares: np.ndarray = np.minimum(answers.names_at(scores), 1.0)
    return shares


def choose_unknown(answers: Answers, share: float = SHARE) -> dict[str, Chosen]:
    """The least threshold at which at most this share of held-out recordings has a name; none without any.

    Parameters
    ----------
    answers : Answers
    share : float in [0, 1)
    """
    names = np.sort(held_out_names(answers))[::-1]
    if not len(names):
        return {}
    first_without = names[min(math.floor(share * len(names) + _LEAST), len(names) - 1)]
    threshold = (math.floor(first_without * _STEPS) + 1) / _STEPS
    return {UNKNOWN: Chosen(threshold, {"share": share} | plain(named_at(answers, threshold)))}


def confirm_unknown(answers: Answers, chosen: Mapping[str, Chosen]) -> dict[str, Confirmed]:
    """What a chosen threshold does to other recordings; nothing where none was chosen."""
    if UNKNOWN not in chosen:
        return {}
    return {UNKNOWN: Confirmed(chosen[UNKNOWN], named_at(answers, chosen[UNKNOWN].threshold))}


def named_at(answers: Answers, threshold: float) -> NamedAt:
    """Count what gets a name from a threshold on."""
    known, unknown, sessions = _of_known_species(answers), answers.targets == -1, answers.sessions
    named = answers.names_at(answers.scores) >= threshold
    hits = answers.hits()
    right = np.where(named, hits, 0.0)
    held_out = held_out_names(answers)
    return NamedAt(
        len(held_out),
        int((held_out >= threshold).sum()),
        int(known.sum()),
        int(named[known].sum()),
        round(right[known].sum()),
        round(hits[known].sum()),
        int(unknown.sum()),
        int(named[unknown].sum()),
        session_interval(right[known], sessions[known]),
        session_interval(named[unknown].astype(float), sessions[unknown]),
    )


def _of_known_species(answers: Answers) -> np.ndarray:
    """Recordings of species that the model knows, without those of "no bird": bool, shape (n,)."""
    found: np.ndarray = answers.known & (answers.targets < answers.n_names - 1)
    return found
