"""Probes: how much of the label one fact alone gives away, without a voice being heard.

A probe names the class that is commonest, in training, among the recordings with about the same fact. A
shortcut is a fact that sets one class apart from all others. Both are compared with what chance does: the
facts of whole sessions change places with those of sessions of about the same size, so that what recordings
share because they were made together does not count as a shortcut.

p-values are multiplied by the number of questions asked (Bonferroni): all facts on all splits, or all values
of all facts for all classes. So many questions would need very many dealings; the tail of each question's
distribution under chance is read from its mean, deviation and skewness instead.

References
----------
P. W. Mielke and K. J. Berry, "Permutation methods", 2007 (the Pearson type III approximation).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from avianvox.audit.facts import Fact
from avianvox.dataset.splits import Split
from avianvox.randomness import derive_rng

N_PERMUTATIONS = 499

_JITTER = 0.5  # deviation of the logarithm of a session's size when sessions change places
_LEAST_SKEWNESS = 0.1  # a lower one makes no lighter tail


@dataclass(frozen=True, slots=True)
class Probe:
    """How many test recordings one fact names.

    Attributes
    ----------
    fact : str
    split : str
    accuracy : float in [0, 1]
        Over the test recordings of all folds; ties count by their expected value.
    chance : float in [0, 1]
        Mean accuracy when facts are dealt to other sessions.
    p_value : float in (0, 1]
        Corrected for all probes.
    """

    fact: str
    split: str
    accuracy: float
    chance: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Shortcut:
    """How well one fact sets one class apart.

    Attributes
    ----------
    fact : str
    target : int
        Position of the class.
    separation : float in [0.5, 1]
        For numbers the area under the ROC curve of "more than" or "less than", whichever is larger; for words
        the balanced accuracy of the best single one. 1: the fact alone tells this class from all others.
    p_value : float in (0, 1]
        Corrected for all facts and classes.
    """

    fact: str
    target: int
    separation: float
    p_value: float


def run_probes(
    facts: Sequence[Fact],
    targets: np.ndarray,
    sessions: Sequence[str],
    splits: Mapping[str, Split],
    *,
    n_permutations: int = N_PERMUTATIONS,
    seed: int = 0,
) -> tuple[list[Probe], list[Shortcut]]:
    """Ask every fact for the class on every split, and for every class whether it sets it apart.

    Parameters
    ----------
    facts : sequence of Fact, of n recordings
    targets : np.ndarray, shape (n,), int64 from 0
    sessions : sequence of str, n
    splits : mapping of str to Split
        Folds of positions in ``targets``.
    n_permutations : int
        How often facts are dealt.
    seed : int

    Returns
    -------
    probes : list of Probe, each fact on each split
    shortcuts : list of Shortcut, each fact for each class that has recordings and is not the only one
    """
    codes = [fact.codes() for fact in facts]
    separators = [_Separation(fact, code, targets) for fact, code in zip(facts, codes, strict=True)]
    occasions = np.unique(np.array(sessions), return_inverse=True)[1]
    rng = derive_rng(seed, "probes")
    dealt = [np.arange(len(targets)), *(_deal(occasions, rng) for _ in range(n_permutations))]
    asked = [(fact, name) for fact in range(len(facts)) for name in splits]
    accuracies = np.array(
        [[probe_accuracy(codes[fact][of], targets, splits[name]) for fact, name in asked] for of in dealt]
    )
    separations = [np.array([separator(of) for of in dealt]) for separator in separators]
    probes = [
        Probe(facts[fact].name, name, *figures)
        for (fact, name), *figures in zip(
            asked,
            accuracies[0].tolist(),
            accuracies[1:].mean(axis=0).tolist(),
            (len(asked) * _tail(accuracies)).clip(max=1).tolist(),
            strict=True,
        )
    ]
    n_questions = sum(values[0].size for values in separations)
    shortcuts = []
    for fact, separator, values in zip(facts, separators, separations, strict=True):
        best = values[0].argmax(axis=0)[None]
        found, p_values = (
            np.take_along_axis(x, best, 0)[0] for x in (values[0], n_questions * _tail(values))
        )
        figures = zip(found.tolist(), p_values.clip(max=1).tolist(), strict=True)
        shortcuts += [
            Shortcut(fact.name, c, *each) for c, each in zip(separator.classes, figures, strict=True)
        ]
    return probes, shortcuts


def probe_accuracy(codes: np.ndarray, targets: np.ndarray, split: Split) -> float:
    """Share of test recordings that the commonest class of their group in training names right.

    One training recording more, divided among the classes as all of training is, stands in every group: it
    decides between classes that are equally common there. What is still equal counts by its expected value.

    Parameters
    ----------
    codes, targets : np.ndarray, shape (n,), int64 from 0
    split : Split
    """
    shape = int(codes.max()) + 1, int(targets.max()) + 1
    right, tested = 0.0, 0
    for fold in split.folds:
        cells = codes[fold.train] * shape[1] + targets[fold.train]
        table = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)
        table += table.sum(axis=0) / max(len(fold.train), 1)
        best = table.max(axis=1, keepdims=True)
        share = (table == best) / (table == best).sum(axis=1, keepdims=True)
        right += float(share[codes[fold.test], targets[fold.test]].sum())
        tested += len(fold.test)
    return right / tested if tested else float("nan")


class _Separation:
    """How far each value of a fact sets each class apart, when the fact is dealt to other recordings."""

    def __init__(self, fact: Fact, codes: np.ndarray, targets: np.ndarray) -> None:
        self._targets = targets
        self._sizes = np.bincount(targets)
        self._codes, self._n_codes = codes, int(codes.max()) + 1
        self._ranks = None
        if fact.numeric:
            _, place, counts = np.unique(fact.values, return_inverse=True, return_counts=True)
            self._ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
        self.classes = np.flatnonzero((self._sizes > 0) & (self._sizes < len(targets))).tolist()

    def __call__(self, of: np.ndarray) -> np.ndarray:
        """Recording i gets the fact of recording ``of[i]``.

        Returns
        -------
        np.ndarray, shape (n_values, n of ``classes``)
            Of words, the balanced accuracy of each; of numbers, the area under the ROC curve of "more than"
            and of "less than".
        """
        own = self._sizes[self.classes]
        others = len(of) - own
        if self._ranks is not None:
            ranks = np.bincount(self._targets, self._ranks[of])[self.classes]
            area = (ranks - own * (own + 1) / 2) / (own * others)
            return np.stack([area, 1 - area])
        cells = self._codes[of] * len(self._sizes) + self._targets
        table = np.bincount(cells, minlength=self._n_codes * len(self._sizes)).reshape(self._n_codes, -1)
        chosen = table[:, self.classes]
        accuracy: np.ndarray = 0.5 + (chosen / own - (table.sum(axis=1, keepdims=True) - chosen) / others) / 2
        return accuracy


def _deal(occasions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each recording the one whose facts it gets, shape (n,), int64.

    Two rows of all sessions, each by size with much jitter, are laid side by side: a session gets the facts
    of the one beside it, in any order, and some of them again where it has more recordings than that one.
    """
    sizes = np.bincount(occasions)
    giver = np.empty(len(sizes), np.int64)
    getting, giving = (np.argsort(sizes * rng.lognormal(0.0, _JITTER, len(sizes))) for _ in range(2))
    giver[getting] = giving
    shuffled = np.lexsort((rng.random(len(occasions)), occasions))
    begins = np.cumsum(sizes) - sizes
    order = np.argsort(occasions, kind="stable")
    giver = giver[occasions[order]]
    within = np.arange(len(order)) - np.repeat(begins, sizes)
    of = np.empty(len(order), np.int64)
    of[order] = shuffled[begins[giver] + within % sizes[giver]]
    return of


def _tail(values: np.ndarray) -> np.ndarray:
    """How likely chance reaches ``values[0]``, each for itself; the other rows are what chance did."""
    from scipy.special import gammaincc

    spread = values[1:].std(axis=0)
    heights = (values - values[1:].mean(axis=0)) / np.where(spread > 1e-9, spread, np.inf)
    skewness = np.maximum((heights[1:] ** 3).mean(axis=0), _LEAST_SKEWNESS)
    shape = 4 / skewness**2
    beyond = gammaincc(shape, np.maximum(shape + 2 * heights[0] / skewness, 0.0))
    seen = (heights[1:] >= heights[0] - 1e-9).mean(axis=0)
    shares: np.ndarray = np.maximum(beyond, seen)
    return shares
