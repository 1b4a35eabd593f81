"""What a reproduction of the published experiment found, beside what was published.

`PUBLISHED` holds the published figures. Every figure here is computed from saved predictions; the crop of a
recording is one of its windows, drawn under each of `CROP_SEEDS`. Deviations over them are those of all
values and not of a sample, as in the publication.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from avianvox.evaluation.bootstrap import session_interval
from avianvox.evaluation.figures import Table
from avianvox.evaluation.metrics import expected_hits
from avianvox.evaluation.plain import counted
from avianvox.evaluation.predictions import FoldPredictions, pool
from avianvox.evaluation.saved_run import SavedRun
from avianvox.evaluation.sensitivity import CROP_SEEDS, crop_seed_accuracies
from avianvox.types import Recording

RULE = "session_lookup"
"""Never listens: the commonest class of the session in training."""


@dataclass(frozen=True, slots=True)
class Published:
    """Accuracy with one crop a recording; ``test``: over crop seeds. None where there is no figure.

    ``in_report`` is false for figures of the author's later notebooks, which the report does not hold.
    """

    folds: float | None = None
    test: tuple[float, ...] | None = None
    in_report: bool = True


PUBLISHED = {
    "cnn_v16": Published(0.0762),
    "cnn_v18": Published(0.1238),
    "cnn_v17": Published(0.1868),
    "cnn_v20": Published(0.1927, (0.24066, 0.22418, 0.22198, 0.22198, 0.23077)),
    "gnb_pixels": Published(None, (0.05934,)),
    "gnb_mfcc": Published(0.171, in_report=False),
    "mlp_mfcc": Published(0.252, (0.288,), in_report=False),
}
PUBLISHED_CLASSES = 91

LATER = "* Not in the published report: a figure from its author's later notebooks, which are unpublished."


@dataclass(frozen=True, slots=True)
class FoldFigures:
    """Accuracy of one model on all folds, and for a crop over crop seeds.

    ``published``: by the author, in the report or, where ``in_report`` is false, in later notebooks.
    """

    published: float | None
    in_report: bool
    one_crop: float
    recording: float
    session_one_crop: float
    session_recording: float


@dataclass(frozen=True, slots=True)
class FinalFigures:
    """Accuracy of one model on the test part; ``one_crop``: one value a crop seed. ``published`` and
    ``in_report`` are those of `FoldFigures`.

    ``low`` and ``high``: of ``recording``, 95 % bootstrap over sessions; None where there are too few.
    ``heard`` and ``unheard``: per recording, where its session stands in training and where it does not; None
    where there is no such recording.
    """

    published: float | None
    in_report: bool
    one_crop: tuple[float, ...]
    recording: float
    low: float | None
    high: float | None
    heard: float | None
    unheard: float | None


@dataclass(frozen=True)
class Reproduction:
    """What was run, on which data, and the figures by model.

    ``shared_session`` and ``test`` are of the judged recordings: those of ``data["untrained"]``, test
    recordings by species that training doesn't hold, are left out.
    """

    protocol: Mapping[str, Any]
    data: Mapping[str, Any]
    shared_session: float
    folds: Mapping[str, FoldFigures]
    test: Mapping[str, FinalFigures]

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
            ("model", "published", "one crop", "recording", "session folds: one crop", "recording"),
            tuple(_fold_row(name, figures) for name, figures in self.folds.items()),
        )
        test = Table(
            ("model", "published", "one crop", "recording", "session in training", "other sessions"),
            tuple(_test_row(name, figures) for name, figures in self.test.items()),
        )
        lines = [
            f"Cross-validation on the training part: {counted(data['training'], 'recording')} of "
            f"{counted(data['classes'], 'class')},",
            f"{counted(protocol['epochs'], 'epoch')}. Accuracy on three random folds and on folds by "
            f"session:",
            "",
            folds.markdown(),
            f"Test part: {counted(data['test'], 'recording')}, "
            f"{_SPLITS.get(data['split'], 'a given split')}, "
            f"{counted(protocol['final_epochs'], 'epoch')}, one crop with {len(CROP_SEEDS)} seeds.",
            *_left_out(data["untrained"]),
            "Accuracy with 95 % interval over sessions:",
            "",
            test.markdown(),
            f"{self.shared_session:.0%} of test recordings share a session with training. {RULE} uses no "
            f"sound.",
            "A model that is not clearly better has learned recordists and places, not voices.",
        ]
        if any("*" in cell for table in (folds, test) for _, cell, *_ in table.rows):
            lines.append(LATER)
        if data["classes"] != PUBLISHED_CLASSES:
            lines.append(f"The published figures are for another data set, of {PUBLISHED_CLASSES} species.")
        return "\n".join((*lines, ""))


def _left_out(untrained: Mapping[str, int]) -> list[str]:
    """What to say of test recordings that no model could name; ``untrained``: their number by species."""
    if not untrained:
        return []
    names = ", ".join(untrained)
    return [
        f"{counted(sum(untrained.values()), 'recording')} of species without training data left out: {names}."
    ]


_SPLITS = {"source": "split of the catalog", "published": "a random third"}


def fold_figures(run: SavedRun, models: Sequence[str]) -> dict[str, FoldFigures]:
    """Figures of ``models`` on all folds of a cross-validation with the groupings published and session."""
    figures = {}
    for model in models:
        found = [run.pooled(model, grouping) for grouping in ("published", "session")]
        crops = [crop_seed_accuracies(pooled)["mean"] for pooled in found]
        whole = [float(np.mean(expected_hits(pooled.targets, pooled.scores))) for pooled in found]
        known = _published(model)
        figures[model] = FoldFigures(known.folds, known.in_report, crops[0], whole[0], crops[1], whole[1])
    return figures


def final_figures(
    predictions: Mapping[str, FoldPredictions], train: Sequence[Recording], test: Sequence[Recording]
) -> dict[str, FinalFigures]:
    """Figures of each model's predictions of the test part."""
    by_id = {r.id: r for r in test}
    learned = {r.session for r in train}
    figures = {}
    for model, found in predictions.items():
        pooled = pool([found], by_id)
        hits = expected_hits(pooled.targets, pooled.scores)
        whole = session_interval(hits, pooled.sessions)
        heard = np.array([session in learned for session in pooled.sessions.tolist()])
        parts = (float(np.mean(part)) if len(part) else None for part in (hits[heard], hits[~heard]))
        ends = (None if math.isnan(end) else end for end in (whole.low, whole.high))
        known = _published(model)
        figures[model] = FinalFigures(
            float(np.mean(known.test)) if known.test else None,
            known.in_report,
            tuple(crop_seed_accuracies(pooled)["values"]),
            whole.value,
            *ends,
            *parts,
        )
    return figures


def _published(model: str) -> Published:
    return PUBLISHED.get(model, Published())


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _published_cell(figures: FoldFigures | FinalFigures) -> str:
    later = figures.published is not None and not figures.in_report
    return _cell(figures.published) + "*" * later


def _fold_row(name: str, f: FoldFigures) -> tuple[str, ...]:
    found = (f.one_crop, f.recording, f.session_one_crop, f.session_recording)
    return (name, _published_cell(f), *map(_cell, found))


def _test_row(name: str, figures: FinalFigures) -> tuple[str, ...]:
    crop = f"{np.mean(figures.one_crop):.3f} ± {np.std(figures.one_crop):.3f}"
    whole = _cell(figures.recording)
    if figures.low is not None and figures.high is not None:
        whole += f" ({figures.low:.2f} to {figures.high:.2f})"
    return (name, _published_cell(figures), crop, whole, _cell(figures.heard), _cell(figures.unheard))
