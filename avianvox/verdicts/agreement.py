"""How far reviewers agree beyond chance: Cohen's kappa of two, Fleiss' of all, with intervals over files.

Compared are the events on which at least two reviewers have answered, noise being an answer. Calls that one
of them added are left out: that another didn't add them says nothing. Intervals draw whole files with
replacement, since events of one file resemble each other.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from avianvox.dataset.synonyms import species_key
from avianvox.evaluation.bootstrap import Interval, session_interval
from avianvox.evaluation.metrics import weighted_sums
from avianvox.verdicts.consensus import Opinion, is_among
from avianvox.verdicts.standing import Word
from avianvox.verdicts.table import Said

NOISE = ""
"""The answer that nothing of interest is heard, among species."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Some reviewers' answers to the same events.

    Attributes
    ----------
    reviewers : tuple of str
    species : str
        "": the whole answers are compared; else whether this species is heard.
    events : int
    share : float
        Of the events, where they say the same; of more than two, of the pairs of answers.
    kappa : Interval
        1: always the same, 0: as often as by chance; NaN where all answers are one.
    """

    reviewers: tuple[str, ...]
    species: str
    events: int
    share: float
    kappa: Interval


def pairs(opinions: Sequence[Opinion], *, seed: int = 0) -> list[Agreement]:
    """Cohen's kappa of each two reviewers who have answered the same events.

    References
    ----------
    Cohen, "A coefficient of agreement for nominal scales", 1960.
    """
    shared = _shared(opinions)
    names = sorted({word.verdict.reviewer for opinion in shared for word in opinion.answers})
    found = []
    for two in combinations(names, 2):
        both = [_answers(opinion) for opinion in shared]
        rows = [n for n, answers in enumerate(both) if answers.keys() >= set(two)]
        if rows:
            ratings = [[both[n][name] for name in two] for n in rows]
            files = [shared[n].event.file for n in rows]
            found.append(_agreement(two, "", ratings, files, seed=seed, own_chance=True))
    return found


def among_all(opinions: Sequence[Opinion], *, seed: int = 0) -> Agreement | None:
    """Fleiss' kappa of all reviewers, also where not all have answered every event; None without events.

    References
    ----------
    Fleiss, "Measuring nominal scale agreement among many raters", 1971.
    """
    shared = _shared(opinions)
    if not shared:
        return None
    ratings = [list(_answers(opinion).values()) for opinion in shared]
    return _agreement(_names(shared), "", ratings, [o.event.file for o in shared], seed=seed)


def by_species(opinions: Sequence[Opinion], *, seed: int = 0) -> list[Agreement]:
    """Fleiss' kappa of whether a species is heard, for each that was suggested or named."""
    shared = _shared(opinions)
    spelled: dict[str, str] = {}
    for opinion in shared:
        heard = (name for word in opinion.answers for name in word.verdict.names)
        for name in (opinion.event.suggested, *heard):
            spelled.setdefault(species_key(name), name)
    spelled.pop("", None)
    found = []
    for name in sorted(spelled.values()):
        ratings = [[str(is_among(name, w.verdict.names)) for w in o.answers] for o in shared]
        files = [o.event.file for o in shared]
        found.append(_agreement(_names(shared), name, ratings, files, seed=seed))
    return found


def _shared(opinions: Sequence[Opinion]) -> list[Opinion]:
    """Those of at least two answers."""
    return [o for o in opinions if len(o.answers) > 1]


def _names(opinions: Sequence[Opinion]) -> tuple[str, ...]:
    return tuple(sorted({word.verdict.reviewer for opinion in opinions for word in opinion.answers}))


def _answers(opinion: Opinion) -> dict[str, str]:
    return {word.verdict.reviewer: _answer(word) for word in opinion.answers}


def _answer(word: Word) -> str:
    if word.verdict.verdict == Said.NOISE:
        return NOISE
    return ";".join(sorted({species_key(name) for name in word.verdict.names}))


def _agreement(
    reviewers: tuple[str, ...],
    species: str,
    ratings: Sequence[Sequence[str]],
    files: Sequence[str],
    *,
    seed: int,
    own_chance: bool = False,
) -> Agreement:
    """``own_chance``: chance is that of each reviewer's own answers, as Cohen has it; else of all answers."""
    names = {name: k for k, name in enumerate(sorted({one for answers in ratings for one in answers}))}
    counts = np.zeros((len(ratings), len(names)))
    for row, answers in enumerate(ratings):
        for one in answers:
            counts[row, names[one]] += 1
    n = counts.sum(axis=1)
    same = (counts * (counts - 1)).sum(axis=1) / (n * (n - 1))
    if own_chance:
        sides = [np.eye(len(names))[[names[a[k]] for a in ratings]] for k in range(2)]
    else:
        sides = [counts / n[:, None]] * 2

    places, place_of = np.unique(np.array(files, str), return_inverse=True)

    def per_file(values: np.ndarray) -> np.ndarray:
        sums = np.zeros((len(places), *values.shape[1:]))
        np.add.at(sums, place_of, values)
        return sums

    events, seen = per_file(np.ones(len(n))), per_file(same)
    first, second = map(per_file, sides)

    def kappa(weights: np.ndarray) -> np.ndarray:
        total = weighted_sums(events, weights)
        chance = (weighted_sums(first, weights) * weighted_sums(second, weights)).sum(axis=0) / total**2
        beyond = np.where(chance < 1 - 1e-12, 1 - chance, math.nan)
        kappas: np.ndarray = (weighted_sums(seen, weights) / total - chance) / beyond
        return kappas

    interval = session_interval(kappa, places, seed=seed)
    return Agreement(reviewers, species, len(ratings), float(same.mean()), interval)


def disputed(opinions: Sequence[Opinion]) -> list[Opinion]:
    """The events on which there is no majority, by file and begin."""
    by_file: dict[str, list[Opinion]] = defaultdict(list)
    for opinion in opinions:
        if opinion.is_disputed:
            by_file[opinion.event.file].append(opinion)
    return [
        o for file in sorted(by_file) for o in sorted(by_file[file], key=lambda o: o.event.start_s or 0.0)
    ]
