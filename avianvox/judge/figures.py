"""Figures of one model's answers for labelled recordings. Nothing is listened to here.

A recording's truth is one species, or "no bird". Species that the model does not know are reported apart: it
can only miss them, or give them another name. Where nothing was scored, the answer is "no bird".
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from avianvox.calibration.scaling import calibration_error, error_floor, log_loss, reliability
from avianvox.dataset.synonyms import canonical, species_key
from avianvox.dataset.taxonomy import LEVELS, Taxonomy
from avianvox.evaluation import metrics
from avianvox.evaluation.bootstrap import Interval, figure_intervals, session_interval
from avianvox.evaluation.detection import THRESHOLDS, DetectionRow, detection_table
from avianvox.judge.listening import N_OTHER, Kept
from avianvox.types import NO_BIRD, LabelSet, Recording

_TAKEN_FOR = 3
_NOTHING = 1e-9
"""Score of "no bird" where the model has no such class: below any score, and above none at all."""


@dataclass(frozen=True)
class Classes:
    """How species of the recordings and classes of a model belong together.

    Attributes
    ----------
    names : tuple of str
        The species that the model knows, as the catalogs call them, and `NO_BIRD` as the last one.
    chosen : tuple of int
        Their positions among the model's classes; without that of `NO_BIRD` where it has no such class.
    unknown : tuple of str
        Species of the recordings that the model does not know.
    """

    names: tuple[str, ...]
    chosen: tuple[int, ...]
    unknown: tuple[str, ...]

    @classmethod
    def of(cls, species: Sequence[str], labels: LabelSet) -> "Classes":
        there = {species_key(name): position for position, name in reversed([*enumerate(labels.names)])}
        known = [name for name in species if species_key(name) in there]
        chosen = [there[species_key(name)] for name in known]
        if NO_BIRD in labels.index:
            chosen.append(labels.index[NO_BIRD])
        unknown = tuple(name for name in species if species_key(name) not in there)
        return cls((*known, NO_BIRD), tuple(chosen), unknown)

    @property
    def knows_no_bird(self) -> bool:
        return len(self.chosen) == len(self.names)

    def position(self, label: str) -> int:
        """Of a label among ``names``; -1 for a species that the model does not know."""
        return self._index.get(species_key(label), -1)

    @property
    def _index(self) -> Mapping[str, int]:
        return {species_key(name): i for i, name in enumerate(self.names)}


@dataclass(frozen=True)
class Answers:
    """A model's answers for recordings, in columns of species.

    Attributes
    ----------
    recordings : tuple of Recording
    targets : np.ndarray, shape (n,), int64
        Positions among ``classes.names``; -1 for a species that the model does not know, -2 for a recording
        in which none of the catalogs' species calls.
    scores : np.ndarray, shape (n, n_names + N_OTHER), float64
        Of ``classes.names``, then the highest other ones.
    others : tuple of tuple of str
        For each recording, what the model calls those others.
    calibrated : bool
        Whether the scores of windows are calibrated.
    probabilities : bool
        Whether those of recordings are calibrated probabilities.
    exclusive : bool
        Whether one class at most is right, so that scores add up to 1.
    """

    classes: Classes
    recordings: tuple[Recording, ...]
    targets: np.ndarray
    scores: np.ndarray
    others: tuple[tuple[str, ...], ...]
    calibrated: bool
    probabilities: bool
    exclusive: bool = False

    @classmethod
    def of(
        cls,
        recordings: Sequence[Recording],
        kept: Kept,
        classes: Classes,
        labels: LabelSet,
        *,
        calibrated: bool,
        probabilities: bool,
        exclusive: bool = False,
    ) -> "Answers":
        own = kept.own.astype(np.float64)
        if not classes.knows_no_bird:
            own = np.concatenate((own, np.full((len(own), 1), _NOTHING)), axis=1)
        own[own.sum(axis=1) + kept.other_scores.sum(axis=1) == 0, -1] = _NOTHING
        targets = [-2 if not r.label else classes.position(r.label) for r in recordings]
        others = [tuple(labels.names[i] if i >= 0 else "" for i in row) for row in kept.other]
        scores = np.concatenate((own, kept.other_scores), axis=1)
        found = np.array(targets, np.int64)
        return cls(
            classes, tuple(recordings), found, scores, tuple(others), calibrated, probabilities, exclusive
        )

    @property
    def n_names(self) -> int:
        return len(self.classes.names)

    @property
    def sessions(self) -> np.ndarray:
        return np.array([recording.session for recording in self.recordings])

    @property
    def known(self) -> np.ndarray:
        """The recordings that a right name is possible for: bool, shape (n,)."""
        last = self.n_names - (0 if self.classes.knows_no_bird else 1)
        found: np.ndarray = (self.targets >= 0) & (self.targets < last)
        return found

    def named(self, row: int) -> str:
        """What the model calls a recording."""
        best = int(self.scores[row].argmax())
        return self.classes.names[best] if best < self.n_names else self.others[row][best - self.n_names]

    def names_at(self, scores: np.ndarray) -> np.ndarray:
        """From which score on each row gets a name: that of its best animal, 0 where "no bird" is as good.

        ``scores``: rows of this object's, or what is left of them.
        """
        best = np.delete(scores, self.n_names - 1, axis=1).max(axis=1, initial=0.0)
        return np.where(scores[:, self.n_names - 1] >= best, 0.0, best)

    def hits(self) -> np.ndarray:
        """How right the first answer for each recording is, in [0, 1]; 0 for species that aren't known."""
        found = np.zeros(len(self.targets))
        found[self.known] = metrics.expected_hits(self.targets[self.known], self.scores[self.known])
        return found


@dataclass(frozen=True)
class Figures:
    """What `judge_answers` finds; the fields are those of ``figures.json``.

    Attributes
    ----------
    n : mapping of str to int
        Recordings by kind.
    all_classes, catalog_classes : mapping of str to Interval
        Figures among all classes of the model, and among those of the catalogs alone.
    all_recordings : Interval
        Accuracy where species that the model does not know count as wrong.
    average_precision : float
        Mean over the species.
    species : mapping
        By species: recordings, TP, FP, FN, precision, recall, average precision, what it was taken for.
    detection, catalog_detection : list of DetectionRow
        Found it and named it, over thresholds; the second among the catalogs' species, where recordings in
        which none of them calls are true negatives too.
    unknown : mapping
        Of species that the model does not know: how many recordings get a name at a threshold, and which.
    calibration : mapping
        Empty where scores are no calibrated probabilities.
    kinship : mapping
        Of recordings of ``known`` and ``unknown`` species: ``recordings`` whose species has a family in the
        bundled taxonomy, and the share whose name is right at each level of `LEVELS`.
    """

    n: Mapping[str, int]
    all_classes: Mapping[str, Interval]
    catalog_classes: Mapping[str, Interval]
    all_recordings: Interval
    average_precision: float
    species: Mapping[str, Mapping[str, Any]]
    detection: list[DetectionRow]
    catalog_detection: list[DetectionRow]
    unknown: Mapping[str, Any]
    calibration: Mapping[str, Any]
    kinship: Mapping[str, Mapping[str, float]]

    def to_mapping(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


def judge_answers(answers: Answers) -> Figures:
    """Every figure of one model."""
    known, sessions, n_names = answers.known, answers.sessions, answers.n_names
    targets, scores, own = answers.targets[known], answers.scores[known], answers.scores[:, :n_names]
    catalog = own[known] if answers.classes.knows_no_bird else own[known, : n_names - 1]
    quiet, unknown = answers.targets == -2, answers.targets == -1
    no_bird = answers.targets == n_names - 1
    counts = {
        "recordings": len(answers.targets),
        "known": int(known.sum()),
        "unknown": int(unknown.sum()),
        "no_bird": int(no_bird.sum()),
        "without": int(quiet.sum()),
        "sessions": len(np.unique(sessions)),
    }
    whole, among = (
        figure_intervals(targets, each, sessions[known]) if known.any() else {} for each in (scores, catalog)
    )
    whole.pop("macro_f1", None)  # over thousands of classes without a recording it says nothing
    labelled = known | unknown
    species = _species(answers)
    precision = [one["average_precision"] for name, one in species.items() if name != NO_BIRD]
    return Figures(
        counts,
        whole,
        among,
        session_interval(answers.hits()[labelled], sessions[labelled]),
        float(metrics.mean_defined(np.array(precision))),
        species,
        _detection(answers, labelled | no_bird, answers.scores),
        _detection(answers, known | no_bird | quiet, own),
        _unknown(answers),
        _calibration(targets, scores, sessions[known]) if answers.probabilities and len(targets) else {},
        {"known": _kinship(answers, known), "unknown": _kinship(answers, unknown)},
    )


def _kinship(answers: Answers, rows: np.ndarray) -> dict[str, float]:
    """How near the first answers come; a name without a place in the taxonomy is wrong above the species."""
    asked = [(answers.recordings[i].label, answers.named(i)) for i in np.flatnonzero(rows).tolist()]
    names = sorted({canonical(name) for pair in asked for name in pair})
    places = dict(
        zip(names, zip(*map(Taxonomy.of(LabelSet(tuple(names))).names, LEVELS), strict=True), strict=True)
    )
    pairs = [(places[canonical(truth)], places[canonical(named)]) for truth, named in asked]
    placed = [(truth, named) for truth, named in pairs if truth[-1]]
    found = {"recordings": float(len(placed))}
    for k, level in enumerate(LEVELS):
        found[level] = float(np.mean([truth[k] == named[k] for truth, named in placed])) if placed else np.nan
    return found


def _detection(answers: Answers, rows: np.ndarray, scores: np.ndarray) -> list[DetectionRow]:
    """Both questions over thresholds; what the model does not know can be found, and never named rightly."""
    names = [*answers.classes.names, *(f"other {i + 1}" for i in range(scores.shape[1] - answers.n_names))]
    targets = np.where(answers.targets == -2, answers.n_names - 1, answers.targets)[rows]
    targets = np.where(targets == -1, len(names), targets)
    scores = np.concatenate((scores[rows], np.zeros((len(targets), 1))), axis=1)
    return detection_table(targets, scores, LabelSet((*names, "unknown")))


def _species(answers: Answers) -> dict[str, dict[str, Any]]:
    """Figures of each species that the model knows, and of `NO_BIRD` where it knows that."""
    rows = [int(i) for i in np.flatnonzero(answers.known)]
    named = {i: answers.named(i) for i in rows}
    labels = {i: answers.classes.names[answers.targets[i]] for i in rows}
    predicted = Counter(named.values())
    right = Counter(label for i, label in labels.items() if named[i] == label)
    support, taken = Counter(labels.values()), defaultdict[str, Counter[str]](Counter)
    for i, label in labels.items():
        if named[i] != label:
            taken[label][named[i]] += 1
    n_judged = len(answers.classes.chosen)
    areas = metrics.class_average_precision(
        np.where(answers.targets < 0, answers.n_names, answers.targets),
        np.concatenate((answers.scores[:, : answers.n_names], np.zeros((len(answers.targets), 1))), axis=1),
    )
    found = {}
    for i, name in enumerate(answers.classes.names[:n_judged]):
        tp, n, n_named = right[name], support[name], predicted[name]
        found[name] = {
            "recordings": n,
            "tp": tp,
            "fp": n_named - tp,
            "fn": n - tp,
            "precision": tp / n_named if n_named else np.nan,
            "recall": tp / n if n else np.nan,
            "average_precision": float(areas[i]),
            "taken_for": dict(taken[name].most_common(_TAKEN_FOR)),
        }
    return found


def _unknown(answers: Answers) -> dict[str, Any]:
    """How many recordings of species that the model does not know it names all the same."""
    rows = np.flatnonzero(answers.targets == -1)
    best = answers.names_at(answers.scores[rows])
    species: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        species[answers.recordings[row].label][answers.named(int(row))] += 1
    return {
        "recordings": len(rows),
        "named": {f"{t:.2f}": int((best >= t).sum()) for t in sorted((0.25, *THRESHOLDS))},
        "species": {name: dict(counts.most_common(_TAKEN_FOR)) for name, counts in sorted(species.items())},
    }


def _calibration(targets: np.ndarray, scores: np.ndarray, sessions: np.ndarray) -> dict[str, Any]:
    return {
        "error": calibration_error(scores, targets),
        "by_chance": error_floor(scores, sessions),
        "log_loss": log_loss(scores, targets),
        "bins": reliability(scores, targets),
    }


assert N_OTHER >= 5, "the five best answers have to be among what is kept"
