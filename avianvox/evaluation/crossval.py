"""Cross-validation: every model on every fold of every grouping, resumable, side by side.

The run folder holds ``config.json``, ``versions.json``, ``splits/``, one file of predictions for each fit
(written the moment the fit is done, so that a killed run continues behind it), ``timings.json``, and, made
from the predictions alone, ``figures.json``, ``table.md``, ``table.csv`` and ``confusion/``. All but versions
and timings have the same bytes whenever the configuration and the data are the same.

Models come in as functions, so that anything that can learn can be compared: see `FitFunction`.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.dataset.catalog import Catalog
from avianvox.dataset.splits import GROUPINGS, Fold, SplitReport, make_split, report_split
from avianvox.dataset.training_data import TrainingData, WindowScores
from avianvox.errors import InputError, RunError, require_extra
from avianvox.evaluation.pictures import draw_confusion
from avianvox.evaluation.predictions import FoldPredictions, read_predictions, write_predictions
from avianvox.evaluation.run_folder import RunFolder, catalog_hash, erase_run
from avianvox.evaluation.summary import (
    GROUPED,
    Outcomes,
    Table,
    comparison_table,
    figures_mapping,
    long_csv,
    summarise,
)
from avianvox.randomness import hash_name
from avianvox.registry import nearest
from avianvox.types import LabelSet

FitFunction = Callable[[TrainingData, int], Callable[[TrainingData], WindowScores]]
"""``fit(training data, seed)`` returns a function that gives the scores of every window of other data."""


@dataclass(frozen=True, slots=True)
class CrossvalSettings:
    """What is compared.

    Attributes
    ----------
    groupings : tuple of str
        Ways to draw folds, as in `make_split`. Where none of them keeps sessions, recordists or sites
        together, ``"session"`` is added: a number from random folds alone misleads.
    n_folds : int
    seed : int
        Of the folds and, with model, grouping and fold, of every fit.
    """

    groupings: tuple[str, ...] = ("random", "session")
    n_folds: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.groupings or len(set(self.groupings)) != len(self.groupings):
            raise InputError(
                f"crossval: expected different groupings, got {', '.join(self.groupings) or 'none'}"
            )
        for name in self.groupings:
            if name not in GROUPINGS:
                known = list(GROUPINGS)
                raise InputError(
                    f"unknown grouping '{name}'{nearest(name, known)} (known: {', '.join(known)})"
                )
        if self.n_folds < 2:
            raise InputError(f"crossval: expected 2 folds or more, got {self.n_folds}")
        if not any(name in GROUPED for name in self.groupings):
            object.__setattr__(self, "groupings", (*self.groupings, "session"))


@dataclass(frozen=True, slots=True)
class FitReport:
    """One fit that begins or is ``done``; ``kept``: its predictions lay in the run folder already."""

    model: str
    grouping: str
    fold: int
    number: int
    n_fits: int
    done: bool = False
    kept: bool = False
    seconds: float | None = None


@dataclass(frozen=True)
class CrossvalResult:
    """What a cross-validation found.

    ``splits``: ``grouping -> `` classes that it leaves unevaluable, and what tests share with training.
    ``seconds``: ``model -> mean seconds of a fit``, over the fits of this and earlier, continued runs.
    ``notes``: lines of text, what to know beside the numbers.
    """

    outcomes: Outcomes
    table: Table
    figures: Mapping[str, Any]
    splits: Mapping[str, SplitReport]
    seconds: Mapping[str, float]
    notes: tuple[str, ...]


def crossvalidate(
    data: TrainingData,
    catalog: Catalog,
    models: Mapping[str, FitFunction],
    out: Path,
    settings: CrossvalSettings,
    *,
    model_settings: Mapping[str, Any] | None = None,
    fresh: bool = False,
    progress: Callable[[FitReport], None] | None = None,
) -> CrossvalResult:
    """Fit and judge every model on every fold of every grouping.

    Parameters
    ----------
    data : TrainingData
        All recordings to learn from and to be judged on, with the labels of ``catalog`` as classes.
    catalog : Catalog
        What is known about them: it says what belongs to one session.
    models : mapping of str to FitFunction
    out : Path
        The run folder; one of the same configuration is continued.
    settings : CrossvalSettings
    model_settings : mapping, optional
        What the models were configured with, as plain values; part of the configuration.
    fresh : bool
        Erase the run in ``out`` first, once the folds of the new one are drawn.
    progress : callable, optional
        Gets a `FitReport` before and after each fit.

    Raises
    ------
    RunError
        ``out`` holds something else, a run of another configuration, or damaged predictions.
    """
    require_extra("matplotlib", extra="plot", purpose="the picture of a cross-validation")
    by_id = {recording.id: recording for recording in catalog.recordings}
    recordings = [by_id[name] for name in data.ids]
    labels = catalog.labels
    splits = {
        grouping: make_split(recordings, grouping=grouping, n_folds=settings.n_folds, seed=settings.seed)
        for grouping in settings.groupings
    }
    if fresh:
        erase_run(out)
    run = RunFolder(
        out,
        {
            "models": list(models),
            "groupings": list(settings.groupings),
            "n_folds": settings.n_folds,
            "seed": settings.seed,
            "model_settings": dict(model_settings or {}),
            "labels": list(labels.names),
            "features": data.spec.to_mapping(),
            "data_hash": data.store.data_hash,
            "catalog_hash": catalog_hash(recordings),
        },
    )
    run.write_catalog(recordings)
    ids = np.array(data.ids)
    for grouping, split in splits.items():
        split.save(out / "splits" / f"{grouping}.json", recordings)

    jobs = [(m, g, k) for m in models for g, split in splits.items() for k in range(len(split.folds))]
    predictions: dict[str, dict[str, list[FoldPredictions]]] = {m: {g: [] for g in splits} for m in models}
    for number, (model, grouping, k) in enumerate(jobs, start=1):
        report = FitReport(model, grouping, k, number, len(jobs))
        fold = splits[grouping].folds[k]
        name = f"{model}-{grouping}-{k}"
        path = run.predictions(name)
        kept = path.exists()
        if not kept:
            if progress:
                progress(report)
            seed = fit_seed(settings.seed, model, grouping, k)
            found, seconds = _fit_and_predict(models[model], data, fold, ids, seed)
            run.keep_seconds(name, seconds)
            write_predictions(path, found)
        predictions[model][grouping].append(_read_same_fold(path, fold, ids))
        if progress:
            progress(replace(report, seconds=run.timings().get(name), kept=kept, done=True))
    reports = {grouping: report_split(split, recordings) for grouping, split in splits.items()}
    conditions = {
        "n_recordings": len(recordings),
        "n_folds": settings.n_folds,
        "seed": settings.seed,
        "model_settings": dict(model_settings or {}),
    }
    return _conclude(run, conditions, labels, reports, predictions, _notes(reports))


def fit_seed(seed: int, model: str, grouping: str, fold: int) -> int:
    """The seed of one fit, in [0, 2**31): it depends on what is fitted and not on what ran before."""
    return hash_name(seed, "crossval", model, grouping, fold) % 2**31


def _fit_and_predict(
    fit: FitFunction, data: TrainingData, fold: Fold, ids: np.ndarray, seed: int
) -> tuple[FoldPredictions, float]:
    """The predictions of one fit and the seconds it took to learn."""
    test = data.subset(fold.test)
    started = time.perf_counter()
    predict = fit(data.subset(fold.train), seed)
    seconds = time.perf_counter() - started
    windows = predict(test)
    found = FoldPredictions(
        scores=windows.scores.astype(np.float32),
        positions=windows.positions.astype(np.int64),
        targets=test.targets.astype(np.int64),
        test_ids=ids[fold.test],
        train_ids=ids[fold.train],
    )
    return found, seconds


def _read_same_fold(path: Path, fold: Fold, ids: np.ndarray) -> FoldPredictions:
    found = read_predictions(path)
    if not (
        np.array_equal(found.test_ids, ids[fold.test]) and np.array_equal(found.train_ids, ids[fold.train])
    ):
        raise RunError(f"{path} holds the predictions of another fold; start anew with --fresh")
    return found


def _notes(splits: Mapping[str, SplitReport]) -> tuple[str, ...]:
    notes = []
    for grouping, report in splits.items():
        absent = sorted({*report.untrained, *report.untested})
        notes.append(
            f"{grouping} folds: {report.shared_session:.0%} of the test recordings have their session, "
            f"{report.shared_recordist:.0%} their recordist and species in training too; "
            f"unevaluable in some fold: {', '.join(absent) or 'none'}"
        )
        notes.extend(filter(None, [report.caveat(grouping)]))
    return tuple(notes)


def _conclude(
    run: RunFolder,
    conditions: Mapping[str, Any],
    labels: LabelSet,
    splits: Mapping[str, SplitReport],
    predictions: Mapping[str, Mapping[str, list[FoldPredictions]]],
    notes: tuple[str, ...],
) -> CrossvalResult:
    """Write figures, tables and pictures from what all folds predicted."""
    groupings = tuple(splits)
    outcomes = {
        model: {grouping: summarise(folds) for grouping, folds in by_grouping.items()}
        for model, by_grouping in predictions.items()
    }
    figures = {
        "settings": dict(conditions),
        "n_classes": len(labels),
        "splits": {grouping: asdict(report) for grouping, report in splits.items()},
        "models": figures_mapping(outcomes, labels.names, groupings),
    }
    table = comparison_table(outcomes, groupings)
    run.write_json("figures.json", figures)
    run.write_text("table.csv", long_csv(outcomes))
    for model, by_grouping in outcomes.items():
        for grouping, outcome in by_grouping.items():
            accuracy = outcome.figures["recording", "accuracy"]
            title = f"{model}, {grouping} folds\naccuracy per recording {accuracy}"
            draw_confusion(run.picture(f"{model}-{grouping}"), outcome.confusion, labels.names, title=title)
    seconds: dict[str, list[float]] = {model: [] for model in outcomes}
    for name, value in run.timings().items():
        seconds.get(name.rsplit("-", 2)[0], []).append(value)
    means = {model: float(np.mean(values)) for model, values in seconds.items() if values}
    run.write_text("table.md", "\n".join((table.markdown(), *(f"- {note}" for note in notes), "")))
    return CrossvalResult(outcomes, table, figures, splits, means, notes)
