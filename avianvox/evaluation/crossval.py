"""Cross-validation: every model on every fold of every grouping, resumable, side by side.

The run folder holds ``config.json``, ``catalog.json``, ``versions.json``, ``splits/``, ``audit.json``, one
file of predictions for each fit (written the moment the fit is done, so that a killed run continues behind
it), ``timings.json``, and what `avianvox.evaluation.conclude` makes from the predictions alone. All but
versions and timings have the same bytes whenever the configuration and the data are the same.

Models come in as functions, so that anything that can learn can be compared, see `FitFunction`; `rule_fit`
gives a rule that never listens this form.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.dataset.catalog import Catalog
from avianvox.dataset.splits import GROUPINGS, Fold, Split, make_split
from avianvox.dataset.training_data import TrainingData, WindowScores
from avianvox.errors import InputError, RunError, require_extra
from avianvox.evaluation.audit.index import audit_recordings
from avianvox.evaluation.conclude import CrossvalResult, conclude
from avianvox.evaluation.learning import cut_training
from avianvox.evaluation.predictions import FoldPredictions, read_predictions, write_predictions
from avianvox.evaluation.rules import RULES
from avianvox.evaluation.run_folder import AUDIT, RunFolder, catalog_hash, erase_run, fit_name
from avianvox.evaluation.saved_run import SavedRun
from avianvox.evaluation.summary import GROUPED
from avianvox.randomness import hash_name
from avianvox.registry import nearest
from avianvox.types import Recording

FitFunction = Callable[[TrainingData, int], Callable[[TrainingData], WindowScores]]
"""``fit(training data, seed)`` returns a function that gives the scores of every window of other data."""


@dataclass(frozen=True, slots=True)
class CrossvalSettings:
    """What is compared.

    Attributes
    ----------
    groupings : tuple of str
        Ways to draw folds, as in `make_split`, see `with_session_folds`.
    n_folds : int
    seed : int
        Of the folds and, with model, grouping and fold, of every fit.
    per_class : tuple of int
        For learning curves: besides the whole training part, learn from at most so many of its recordings of
        each class, see `cut_training`.
    """

    groupings: tuple[str, ...] = ("random", "session")
    n_folds: int = 3
    seed: int = 0
    per_class: tuple[int, ...] = ()

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
        if any(n < 1 for n in self.per_class):
            raise InputError(f"crossval: expected 1 recording a class or more, got {min(self.per_class)}")


@dataclass(frozen=True, slots=True)
class FitReport:
    """One fit that begins or is ``done``; ``kept``: its predictions lay in the run folder already.

    ``per_class``: the most recordings of a class that it learns from, where its training part is cut.
    """

    model: str
    grouping: str
    fold: int
    per_class: int | None
    number: int
    n_fits: int
    done: bool = False
    kept: bool = False
    seconds: float | None = None


def with_session_folds(groupings: Sequence[str], recordings: Sequence[Recording]) -> tuple[str, ...]:
    """``groupings``, and ``"session"`` where none of them keeps sessions, recordists or sites together.

    A number from random folds alone misleads. Recordings of one session cannot be judged by session: then
    nothing is added, and `conclude` says so.
    """
    alone = any(name in GROUPED for name in groupings) or len({r.session for r in recordings}) == 1
    return tuple(groupings) if alone else (*groupings, "session")


def rule_fit(name: str, catalog: Catalog) -> FitFunction:
    """A rule of `RULES` in the form of a model: it learns from what ``catalog`` says, and gives one answer
    for each recording."""
    rule, by_id = RULES.get(name), {recording.id: recording for recording in catalog.recordings}

    def fit(data: TrainingData, seed: int) -> Callable[[TrainingData], WindowScores]:
        train = [by_id[name] for name in data.ids]

        def predict(test: TrainingData) -> WindowScores:
            scores = rule(train, [by_id[name] for name in test.ids], catalog.labels)
            return WindowScores(scores.astype(np.float32), np.arange(len(test)))

        return predict

    return fit


def crossvalidate(
    data: TrainingData,
    catalog: Catalog,
    models: Mapping[str, FitFunction],
    out: Path,
    settings: CrossvalSettings,
    *,
    model_settings: Mapping[str, Any] | None = None,
    fresh: bool = False,
    listen: bool = True,
    progress: Callable[[FitReport], None] | None = None,
    steps: Callable[[str, int, int], None] | None = None,
) -> CrossvalResult:
    """Audit the data, then fit and judge every model on every fold of every grouping.

    Parameters
    ----------
    data : TrainingData
        All recordings to learn from and to be judged on, with the labels of ``catalog`` as classes.
    catalog : Catalog
        What is known about them: it says what belongs to one session.
    models : mapping of str to FitFunction
    out : Path
        The run folder; one of the same configuration is continued, with more models or learning curves if
        these ask for it.
    settings : CrossvalSettings
    model_settings : mapping, optional
        What the models were configured with, as plain values; part of the configuration.
    fresh : bool
        Erase the run in ``out`` first, once the folds of the new one are drawn.
    listen : bool
        Whether the audit reads the features too, or the catalog alone.
    progress : callable, optional
        Gets a `FitReport` before and after each fit.
    steps : callable, optional
        Gets ``"audit"`` or ``"figures"``, what is done of it and how much there is to do.

    Returns
    -------
    CrossvalResult
        Of all models in the run folder, those of earlier runs among them.

    Raises
    ------
    InputError
        A grouping cannot be drawn, or leaves a fold one class alone to learn from.
    RunError
        ``out`` holds something else, a run of another configuration, or damaged predictions; or a model gave
        scores that are no numbers.
    """
    require_extra("matplotlib", extra="plot", purpose="the picture of a cross-validation")
    progress, steps = progress or (lambda report: None), steps or (lambda what, done, total: None)
    by_id = {recording.id: recording for recording in catalog.recordings}
    recordings = [by_id[name] for name in data.ids]
    groupings = with_session_folds(settings.groupings, recordings)
    splits = {
        grouping: make_split(recordings, grouping=grouping, n_folds=settings.n_folds, seed=settings.seed)
        for grouping in groupings
    }
    _check_classes(splits, recordings)
    if fresh:
        erase_run(out)
    run = RunFolder(
        out,
        {
            "models": list(models),
            "per_class": list(settings.per_class),
            "groupings": list(groupings),
            "n_folds": settings.n_folds,
            "seed": settings.seed,
            "model_settings": dict(model_settings or {}),
            "labels": list(catalog.labels.names),
            "features": data.spec.to_mapping(),
            "data_hash": data.store.data_hash,
            "catalog_hash": catalog_hash(recordings),
        },
    )
    run.write_catalog(recordings)
    for grouping, split in splits.items():
        split.save(out / "splits" / f"{grouping}.json", recordings)
    if not (out / AUDIT).exists():
        store = data.store if listen else None
        audit = audit_recordings(
            recordings, splits, catalog.labels, store=store, progress=partial(steps, "audit")
        )
        found = json.dumps(audit.to_mapping(), indent=1)  # in ASCII: an id may come from any bytes
        run.write_text(AUDIT, found + "\n")

    jobs = [
        (model, grouping, k, per_class)
        for per_class in (None, *settings.per_class)
        for model in models
        for grouping, split in splits.items()
        for k in range(len(split.folds))
    ]
    ids = np.array(data.ids)
    for number, (model, grouping, k, per_class) in enumerate(jobs, start=1):
        report = FitReport(model, grouping, k, per_class, number, len(jobs))
        fold = splits[grouping].folds[k]
        if per_class:
            seed = hash_name(settings.seed, "crossval", grouping, k)
            fold = cut_training(fold, recordings, per_class, seed=seed)
        name = fit_name(model, grouping, k, per_class)
        path = run.predictions(name)
        kept = path.exists()
        if kept:
            _check_same_fold(path, fold, ids)
        else:
            progress(report)
            seed = fit_seed(settings.seed, model, grouping, k)
            predictions, seconds = _fit_and_predict(models[model], data, fold, ids, seed)
            run.keep_seconds(name, seconds)
            write_predictions(path, predictions)
        progress(replace(report, seconds=run.timings().get(name), kept=kept, done=True))
    return conclude(SavedRun.open(out), progress=partial(steps, "figures"))


def _check_classes(splits: Mapping[str, Split], recordings: Sequence[Recording]) -> None:
    """Refuse folds that no model can learn from, before anything is fitted."""
    for grouping, split in splits.items():
        for k, fold in enumerate(split.folds):
            labels = {recordings[i].label for i in fold.train}
            if len(labels) < 2:
                raise InputError(
                    f"crossval: {grouping} fold {k + 1} has no class but {', '.join(labels)} to learn from; "
                    "add recordings of other classes and other sessions, or ask for other --groupings"
                )


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


def _check_same_fold(path: Path, fold: Fold, ids: np.ndarray) -> None:
    found = read_predictions(path)
    if not (
        np.array_equal(found.test_ids, ids[fold.test]) and np.array_equal(found.train_ids, ids[fold.train])
    ):
        raise RunError(f"{path} holds the predictions of another fold; start anew with --fresh")
