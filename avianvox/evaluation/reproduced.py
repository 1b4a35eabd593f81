"""What a reproduction of the published experiment found, beside what was published.

`PUBLISHED` holds the published figures. Every figure here is computed from saved predictions; the crop of a
recording is one of its windows, drawn by each of `CROP_SEEDS`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from avianvox.evaluation.bootstrap import session_interval
from avianvox.evaluation.metrics import expected_hits
from avianvox.evaluation.predictions import FoldPredictions
from avianvox.evaluation.rules import RULES
from avianvox.evaluation.saved_run import SavedRun
from avianvox.evaluation.summary import Table
from avianvox.randomness import derive_uniform, hash_name
from avianvox.types import LabelSet, Recording

CROP_SEEDS = range(5)
RULE = "session_lookup"
"""Never listens: the commonest class of the session in training."""


@dataclass(frozen=True, slots=True)
class Published:
    """Accuracy with one crop a recording; ``test``: over crop seeds. None where nothing was published."""

    folds: float | None = None
    test: tuple[float, ...] | None = None


PUBLISHED = {
    "cnn_v16": Published(0.0762),
    "cnn_v18": Published(0.1238),
    "cnn_v17": Published(0.1868),
    "cnn_v20": Published(0.1927, (0.24066, 0.22418, 0.22198, 0.22198, 0.23077)),
    "gnb_pixels": Published(None, (0.05934,)),
    "gnb_mfcc": Published(0.171),
    "mlp_mfcc": Published(0.252, (0.288,)),
}
PUBLISHED_CLASSES = 91


@dataclass(frozen=True, slots=True)
class FoldFigures:
    """Accuracy of one model: mean over folds, and for a crop over crop seeds; None where there is no crop."""

    published: float | None
    one_crop: float | None
    recording: float
    session_one_crop: float | None
    session_recording: float


@dataclass(frozen=True, slots=True)
class TestFigures:
    """Accuracy of one model on the test part; ``one_crop``: one value a crop seed.

    ``low`` and ``high``: of ``recording``, 95 % bootstrap over sessions; None where there are too few.
    ``heard`` and ``unheard``: per recording, where its session stands in training and where it does not; None
    where there is no such recording.
    """

    published: float | None
    one_crop: tuple[float, ...]
    recording: float
    low: float | None
    high: float | None
    heard: float | None
    unheard: float | None


@dataclass(frozen=True)
class Reproduction:
    """What was run, on which data, and the figures by model."""

    protocol: Mapping[str, Any]
    data: Mapping[str, Any]
    shared_session: float
    folds: Mapping[str, FoldFigures]
    test: Mapping[str, TestFigures]

    def to_mapping(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "protocol": dict(self.protocol),
            "data": dict(self.data),
            "shared_session": self.shared_session,
            "folds": {name: asdict(figures) for name, figures in self.folds.items()},
            "test": {name: asdict(figures) for name, figures in self.test.items()},
        }

    def markdown(self) -> str:
        """Two tables and what to know beside them."""
        data, protocol = self.data, self.protocol
        folds = Table(
            ("model", "published", "one crop", "recording", "session: crop", "recording"),
            tuple((name, *map(_cell, asdict(f).values())) for name, f in self.folds.items()),
        )
        test = Table(
            ("model", "published", "one crop", "recording", "session heard", "not heard"),
            tuple(_test_row(name, figures) for name, figures in self.test.items()),
        )
        lines = [
            f"Three shuffle folds inside the training part: {data['training']} recordings of "
            f"{data['classes']} classes,",
            f"{protocol['epochs']} epochs; and folds that keep sessions together. Accuracy:",
            "",
            folds.markdown(),
            f"The test part: {data['test']} recordings, {_SPLITS.get(data['split'], 'a given split')}, "
            f"{protocol['final_epochs']} epochs, one crop under {len(CROP_SEEDS)} seeds.",
            "Accuracy, with its 95 % interval over sessions:",
            "",
            test.markdown(),
            f"{self.shared_session:.0%} of the test recordings have their session in training. {RULE} never "
            "listens: a model",
            "that is not well above it has learned who recorded where, and not what sings.",
        ]
        if data["classes"] != PUBLISHED_CLASSES:
            lines.append(f"The published figures are of another set: {PUBLISHED_CLASSES} species.")
        return "\n".join((*lines, ""))


_SPLITS = {"source": "the catalog's own split", "published": "a third, drawn"}


def fold_figures(run: SavedRun, models: Sequence[str]) -> dict[str, FoldFigures]:
    """Figures of ``models`` on the folds of a cross-validation, and of the rule that never listens."""
    figures = {}
    for model in models:
        found = {g: run.predictions(model, g) for g in ("published", "session")}
        crops = {g: _mean([_crops(fold) for fold in folds]) for g, folds in found.items()}
        whole = {g: _mean([[_accuracy(fold)] for fold in folds]) for g, folds in found.items()}
        figures[model] = FoldFigures(
            PUBLISHED[model].folds, crops["published"], whole["published"], crops["session"], whole["session"]
        )
    rule = {
        g: _mean([[np.mean(_rule_hits(run, fold))] for fold in split.folds])
        for g, split in run.splits.items()
    }
    figures[RULE] = FoldFigures(None, None, rule["published"], None, rule["session"])
    return figures


def test_figures(
    predictions: Mapping[str, FoldPredictions],
    train: Sequence[Recording],
    test: Sequence[Recording],
    labels: LabelSet,
) -> dict[str, TestFigures]:
    """Figures of each model's predictions of the test part, and of the rule that never listens."""
    by_id = {r.id: r for r in test}
    learned = {r.session for r in train}
    figures = {}
    for model, found in predictions.items():
        sessions = np.array([by_id[str(name)].session for name in found.test_ids])
        hits = expected_hits(found.targets, found.recording_scores())
        published = PUBLISHED[model].test
        figures[model] = TestFigures(
            float(np.mean(published)) if published else None,
            tuple(_crops(found)),
            *_shares(hits, sessions, learned),
        )
    known = [r for r in test if r.label in labels.index]
    targets = np.array([labels.index[r.label] for r in known])
    hits = expected_hits(targets, RULES.get(RULE)(train, known, labels))
    figures[RULE] = TestFigures(None, (), *_shares(hits, np.array([r.session for r in known]), learned))
    return figures


def one_crop(found: FoldPredictions, seed: int) -> np.ndarray:
    """One window of each test recording, drawn by ``seed`` and the recording's id: positions, shape (n,)."""
    n = len(found.test_ids)
    order = np.argsort(found.positions, kind="stable")
    counts = np.bincount(found.positions, minlength=n)
    keys = np.array([hash_name(str(name)) for name in found.test_ids], np.uint64)
    drawn = (derive_uniform(seed, "crop seed", keys=keys) * counts).astype(np.int64)
    return order[np.cumsum(counts) - counts + drawn]


def _crops(found: FoldPredictions) -> list[float]:
    """Accuracy of one crop a recording, for each crop seed."""
    chosen = (one_crop(found, seed) for seed in CROP_SEEDS)
    return [float(np.mean(expected_hits(found.targets, found.scores[windows]))) for windows in chosen]


def _accuracy(found: FoldPredictions) -> float:
    return float(np.mean(expected_hits(found.targets, found.recording_scores())))


def _rule_hits(run: SavedRun, fold: Any) -> np.ndarray:
    train, test = ([run.recordings[i] for i in side] for side in (fold.train, fold.test))
    targets = np.array([run.labels.index[r.label] for r in test])
    return expected_hits(targets, RULES.get(RULE)(train, test, run.labels))


def _shares(hits: np.ndarray, sessions: np.ndarray, learned: set[str]) -> tuple[Any, ...]:
    """Share of hits, its interval, and the shares where the session was heard and where it was not."""
    heard = np.array([session in learned for session in sessions.tolist()])
    found = session_interval(hits, sessions)
    parts = (float(np.mean(part)) if len(part) else None for part in (hits[heard], hits[~heard]))
    ends = (None if math.isnan(end) else end for end in (found.low, found.high))
    return (found.value, *ends, *parts)


def _mean(values: Sequence[Sequence[float]]) -> float:
    return float(np.mean([np.mean(fold) for fold in values]))


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _test_row(name: str, figures: TestFigures) -> tuple[str, ...]:
    crop = ""
    if figures.one_crop:
        crop = f"{np.mean(figures.one_crop):.3f} ± {np.std(figures.one_crop):.3f}"
    whole = _cell(figures.recording)
    if figures.low is not None and figures.high is not None:
        whole += f" ({figures.low:.2f} to {figures.high:.2f})"
    return (name, _cell(figures.published), crop, whole, _cell(figures.heard), _cell(figures.unheard))
