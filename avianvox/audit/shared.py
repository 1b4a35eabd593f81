"""What the test recordings of a split share with training, and how far that alone carries.

Start at `look_at`. What is shared is counted in each fold against that fold's own training part; shares and
accuracies are over the test recordings of all folds.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.dataset.splits import Fold, Split, report_split
from avianvox.evaluation import metrics
from avianvox.evaluation.bootstrap import sign_flip_p
from avianvox.evaluation.plain import plain_mapping
from avianvox.evaluation.rules import RULES
from avianvox.types import LabelSet, Recording

KEYS: dict[str, Callable[[Recording], str]] = {
    "session": lambda r: r.session if r.recordist or r.date or r.site else "",
    "recordist": lambda r: r.recordist,
    "site": lambda r: r.site,
    "day": lambda r: f"{r.recordist} | {r.session_date}" if r.recordist and r.date else "",
}
"""``name -> key of a recording``, "" where it is not known; a day is one recordist's, see
`Recording.session_date`, wherever they were."""

BASELINES = ("chance", "majority")
LOOKUPS = tuple(name for name in RULES if name not in BASELINES)


@dataclass(frozen=True, slots=True)
class RuleFigures:
    """A rule's accuracy, ties counted by their expected value, and what it gains over knowing nothing.

    Attributes
    ----------
    top1, top5 : float in [0, 1]
    gain : float
        ``top1`` less that of the better of `BASELINES`.
    p_value : float
        That the gain is none, with sessions as units, see `avianvox.evaluation.bootstrap.sign_flip_p`; 1 for
        the baselines themselves.
    """

    top1: float
    top5: float
    gain: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Straddling:
    """A group (a session, for example) with recordings on both sides of one fold, by their ids."""

    key: str
    fold: int
    train: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True)
class SplitFacts:
    """One split.

    Attributes
    ----------
    name : str
        How to call it in a sentence, for example "random folds".
    split : Split
    n_test : int
        Test recordings of all folds.
    shared, known : mapping of str to float
        ``key -> `` share of test recordings whose key stands in training, and whose key is known at all.
    baseline : float
        Accuracy of the better of `BASELINES`.
    rules : mapping of str to RuleFigures
    repeated : tuple of str
        Ids of recordings that stand in training and in testing of one fold.
    untrained, untested : tuple of str
        Labels that some fold leaves without training, or without test recordings.
    """

    name: str
    split: Split
    n_test: int
    shared: dict[str, float]
    known: dict[str, float]
    baseline: float
    rules: dict[str, RuleFigures]
    repeated: tuple[str, ...]
    untrained: tuple[str, ...]
    untested: tuple[str, ...]

    def to_mapping(self) -> dict[str, Any]:
        """Plain values."""
        return plain_mapping(
            {
                "grouping": self.split.grouping,
                "folds": len(self.split.folds),
                "test_recordings": self.n_test,
                "shared": self.shared,
                "known": self.known,
                "rules": self.rules,
                "repeated": self.repeated,
                "untrained": self.untrained,
                "untested": self.untested,
            }
        )


def look_at(name: str, split: Split, recordings: Sequence[Recording], labels: LabelSet) -> SplitFacts:
    """Count what a split gives away.

    Parameters
    ----------
    name : str
        Of the split: "folds" or "split" is put behind it.
    split : Split
        Of ``recordings``.
    recordings : sequence of Recording
        Those that stand in a fold have a label of ``labels``.
    labels : LabelSet
    """
    tested = [recordings[i] for fold in split.folds for i in fold.test]
    shared, known = {}, {}
    for key, key_of in KEYS.items():
        shared[key] = sum(len(group.test) for group in straddling(split, recordings, key)) / len(tested)
        known[key] = sum(bool(key_of(recording)) for recording in tested) / len(tested)
    baseline, rules = _rule_figures(split.folds, recordings, labels, [r.session for r in tested])
    repeated = {recordings[i].id for fold in split.folds for i in np.intersect1d(fold.train, fold.test)}
    report = report_split(split, recordings)
    return SplitFacts(
        f"{name} {'folds' if len(split.folds) > 1 else 'split'}",
        split,
        len(tested),
        shared,
        known,
        baseline,
        rules,
        tuple(sorted(repeated)),
        report.untrained,
        report.untested,
    )


def straddling(split: Split, recordings: Sequence[Recording], key: str) -> Iterator[Straddling]:
    """Groups by ``key``, a key of `KEYS`, with recordings on both sides of a fold."""
    keys = [KEYS[key](recording) for recording in recordings]
    for number, fold in enumerate(split.folds):
        sides: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
        for side, positions in enumerate((fold.train, fold.test)):
            for i in positions.tolist():
                sides[keys[i]][side].append(recordings[i].id)
        for name, (train, test) in sides.items():
            if name and train and test:
                yield Straddling(name, number, tuple(train), tuple(test))


def _rule_figures(
    folds: Sequence[Fold], recordings: Sequence[Recording], labels: LabelSet, sessions: Sequence[str]
) -> tuple[float, dict[str, RuleFigures]]:
    """Accuracy of the better baseline, and the figures of every rule."""
    hits: dict[str, dict[int, np.ndarray]] = {}
    for name in RULES:
        rule = RULES.get(name)
        per_fold: dict[int, list[np.ndarray]] = {1: [], 5: []}
        for fold in folds:
            train, test = ([recordings[i] for i in part] for part in (fold.train, fold.test))
            targets = np.array([labels.index[recording.label] for recording in test], np.int64)
            scores = rule(train, test, labels)
            for k, values in per_fold.items():
                values.append(metrics.expected_hits(targets, scores, k=k))
        hits[name] = {k: np.concatenate(values) for k, values in per_fold.items()}
    nothing = max((hits[name][1] for name in BASELINES), key=np.mean)
    units, baseline = np.array(sessions), float(nothing.mean())
    figures = {}
    for name, by_k in hits.items():
        top1, top5 = (float(by_k[k].mean()) for k in (1, 5))
        p_value = sign_flip_p(by_k[1] - nothing, units) if name in LOOKUPS else 1.0
        figures[name] = RuleFigures(top1, top5, top1 - baseline, p_value)
    return baseline, figures
