"""Cross-validation: every model on every fold of every grouping, resumable, side by side.

The run folder holds ``config.json``, ``catalog.json``, ``versions.json``, ``splits/``, ``audit.json``, one
file of predictions for each fit (written the moment the fit is done, so that a killed run continues behind
it), ``timings.json``, and what `avianvox.evaluation.conclude` makes from the predictions alone. All but
versions and timings have the same bytes whenever the configuration and the data are the same.

Models come in as functions, so that anything that can learn can be compared, see `avianvox.evaluation.fits`.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.audit.index import audit_recordings
from avianvox.dataset.catalog import Catalog
from avianvox.dataset.origins import refuse_mixture
from avianvox.dataset.splits import GROUP_OF, GROUPINGS, Fold, Split, make_split
from avianvox.dataset.training_data import TrainingData
from avianvox.errors import InputError, RunError, require_extra
from avianvox.evaluation.conclude import CrossvalResult, conclude
from avianvox.evaluation.ensemble import write_ensemble
from avianvox.evaluation.figures import GROUPED
from avianvox.evaluation.fits import Fit, FitFunction, FitReport, fit_and_predict, fit_seed
from avianvox.evaluation.held_out_species import Turn, draw_turns, turn_fold
from avianvox.evaluation.learning import cut_training
from avianvox.evaluation.predictions import read_predictions, write_predictions
from avianvox.evaluation.rules import RULES
from avianvox.evaluation.run_folder import AUDIT, ENSEMBLE, FOLDER, HELD_OUT, LEARNED_FROM, RunFolder
from avianvox.evaluation.saved_run import SavedRun
from avianvox.randomness import hash_name
from avianvox.registry import nearest
from avianvox.runfolder import catalog_hash
from avianvox.types import Recording
from avianvox.workers import Crashed, Workplace, open_executor


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
    hold_out_species : int, optional
        Besides, fit each model without so many species at a time, until each was held out once: see
        `avianvox.evaluation.held_out_species`. Under groupings that keep sessions together, not for rules.
    """

    groupings: tuple[str, ...] = ("random", "session")
    n_folds: int = 3
    seed: int = 0
    per_class: tuple[int, ...] = ()
    hold_out_species: int | None = None

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
        if self.hold_out_species is not None and self.hold_out_species < 1:
            raise InputError(f"crossval: expected 1 species or more to hold out, got {self.hold_out_species}")


def with_session_folds(groupings: Sequence[str], recordings: Sequence[Recording]) -> tuple[str, ...]:
    """``groupings``, and ``"session"`` where none of them keeps sessions, recordists or sites together.

    A number from random folds alone misleads. Recordings of one session cannot be judged by session: then
    nothing is added, and `conclude` says so.
    """
    alone = any(name in GROUPED for name in groupings) or len({r.session for r in recordings}) == 1
    return tuple(groupings) if alone else (*groupings, "session")


def crossvalidate(
    data: TrainingData,
    catalog: Catalog,
    models: Mapping[str, FitFunction],
    out: Path,
    settings: CrossvalSettings,
    *,
    model_settings: Mapping[str, Any] | None = None,
    recipes: Mapping[str, Mapping[str, Any]] | None = None,
    learned_from: Mapping[str, str] | None = None,
    ensemble: Sequence[str] = (),
    fresh: bool = False,
    listen: bool = True,
    workplace: Workplace | None = None,
    against: str | None = None,
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
    recipes : mapping of str to mapping, optional
        The same of models that were configured in their own way.
    learned_from : mapping of str to str, optional
        Names and hashes of what models learn from besides: earlier weights, an ear.
    ensemble : sequence of str
        Models whose probabilities are averaged too, as a model ``"ensemble"``; with those that an earlier run
        of ``out`` averaged.
    fresh : bool
        Erase the run in ``out`` first, once the folds of the new one are drawn.
    listen : bool
        Whether the audit reads the features too, or the catalog alone.
    workplace : Workplace, optional
        Where the fits are made: in this process when left out. Elsewhere, ``models`` are sent there. This
        process alone writes to ``out``.
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
    CatalogError
        Some recordings are synthetic and some are not.
    RunError
        ``out`` holds something else, a run of another configuration, or damaged predictions; or a model gave
        scores that are no numbers, or killed its worker.
    ClusterError
        As `avianvox.workers.open_executor` does.
    """
    require_extra("matplotlib", extra="plot", purpose="the picture of a cross-validation")
    progress, steps = progress or (lambda report: None), steps or (lambda what, done, total: None)
    by_id = {recording.id: recording for recording in catalog.recordings}
    recordings = [by_id[name] for name in data.ids]
    refuse_mixture(recordings)
    groupings = with_session_folds(settings.groupings, recordings)
    splits = {
        grouping: make_split(recordings, grouping=grouping, n_folds=settings.n_folds, seed=settings.seed)
        for grouping in groupings
    }
    turns = _turns(settings, splits, catalog)
    _check_classes(splits, recordings, turns)
    if fresh:
        FOLDER.erase(out)
    run = RunFolder(
        out,
        {
            "models": [*models, *([ENSEMBLE] if ensemble else [])],
            "per_class": list(settings.per_class),
            **({ENSEMBLE: list(ensemble)} if ensemble else {}),
            **({HELD_OUT: [settings.hold_out_species]} if settings.hold_out_species else {}),
            "groupings": list(groupings),
            "n_folds": settings.n_folds,
            "seed": settings.seed,
            "model_settings": dict(model_settings or {}),
            **({"recipes": {name: dict(own) for name, own in recipes.items()}} if recipes else {}),
            **({LEARNED_FROM: dict(learned_from)} if learned_from else {}),
            "labels": list(catalog.labels.names),
            "features": data.spec.to_mapping(),
            "data_hash": data.store.data_hash,
            "catalog_hash": catalog_hash(recordings),
            **({"tasks_hash": data.values_hash} if data.values else {}),
        },
    )
    run.write_catalog(recordings)
    for grouping, split in splits.items():
        split.save(out / "splits" / f"{grouping}.json", recordings)
    if not (out / AUDIT).exists():
        store = data.store if listen and data.store.in_decibels else None
        audit = audit_recordings(
            recordings, splits, catalog.labels, store=store, progress=partial(steps, "audit")
        )
        found = json.dumps(audit.to_mapping(), indent=1)  # in ASCII: an id may come from any bytes
        run.write_text(AUDIT, found + "\n")

    jobs: list[tuple[str, str, int, int | None, Turn | None]] = [
        (model, grouping, k, per_class, None)
        for per_class in (None, *settings.per_class)
        for model in models
        for grouping, split in splits.items()
        for k in range(len(split.folds))
    ]
    jobs += [
        (model, grouping, turn.fold, None, turn)
        for model in models
        if model not in RULES
        for grouping, of_grouping in turns.items()
        for turn in of_grouping
    ]
    ids = np.array(data.ids)
    without_label = [by_id[name] for name, _ in data.unlabelled]
    n_done = 0
    begun: list[FitReport] = []

    def fits() -> Iterator[Fit]:
        """The fits whose predictions are not there yet, as workers become free."""
        nonlocal n_done
        for model, grouping, k, per_class, turn in jobs:
            report = FitReport(model, grouping, k, per_class, n_done + 1, len(jobs), turn=turn)
            fold = splits[grouping].folds[k]
            if turn is not None:
                fold = turn_fold(fold, recordings, turn.species, grouping)
            if per_class:
                seed = hash_name(settings.seed, "crossval", grouping, k)
                fold = cut_training(fold, recordings, per_class, seed=seed)
            path = run.predictions(report.name)
            if path.exists():
                _check_same_fold(path, fold, ids)
                n_done += 1
                progress(replace(report, seconds=run.timings().get(report.name), kept=True, done=True))
                continue
            progress(report)
            begun.append(report)
            yield Fit(
                models[model],
                fold,
                fit_seed(settings.seed, model, grouping, k),
                only_learned=turn is not None,
                unheard=_unheard(fold, grouping, recordings, without_label),
            )

    with open_executor(workplace or Workplace()) as executor:
        for position, answer in executor.unordered(partial(fit_and_predict, data, ids), fits()):
            report = begun[position]
            if isinstance(answer, Crashed):
                raise RunError(
                    f"{report.name}: training ended its worker process (out of memory?); other finished fits "
                    f"are kept"
                )
            run.keep_seconds(report.name, answer.seconds)
            if answer.notes:
                run.keep_notes(report.name, answer.notes)
            write_predictions(run.predictions(report.name), answer.predictions)
            n_done += 1
            progress(replace(report, number=n_done, seconds=round(answer.seconds, 3), done=True))
    if ensemble:
        write_ensemble(
            run, [(grouping, k) for grouping, split in splits.items() for k in range(len(split.folds))]
        )
    return conclude(SavedRun.open(out), against=against, progress=partial(steps, "figures"))


def _turns(
    settings: CrossvalSettings, splits: Mapping[str, Split], catalog: Catalog
) -> dict[str, tuple[Turn, ...]]:
    """The turns in which species are held out, of each grouping that keeps sessions together."""
    if settings.hold_out_species is None:
        return {}
    return {
        grouping: draw_turns(
            catalog.labels.names,
            size=settings.hold_out_species,
            n_folds=len(split.folds),
            seed=settings.seed,
        )
        for grouping, split in splits.items()
        if grouping in GROUPED
    }


def _unheard(
    fold: Fold, grouping: str, recordings: Sequence[Recording], without_label: Sequence[Recording]
) -> frozenset[str]:
    """Which of ``without_label`` are of a recordist, site or session that ``fold`` tests."""
    group_of = GROUP_OF.get(grouping)
    if group_of is None or not without_label:
        return frozenset()
    tested = {group_of(recordings[i]) for i in fold.test.tolist()}
    return frozenset(recording.id for recording in without_label if group_of(recording) in tested)


def _check_classes(
    splits: Mapping[str, Split], recordings: Sequence[Recording], turns: Mapping[str, Sequence[Turn]]
) -> None:
    """Refuse folds and turns that no model can learn from, before anything is fitted."""
    for grouping, split in splits.items():
        for k, fold in enumerate(split.folds):
            labels = {recordings[i].label for i in fold.train}
            if len(labels) < 2:
                raise InputError(
                    f"crossval: the training part of {grouping} fold {k + 1} has only the class "
                    f"{', '.join(labels)}; add recordings of other classes and sessions, or choose other "
                    f"--groupings"
                )
    for grouping, of_grouping in turns.items():
        for turn in of_grouping:
            train = splits[grouping].folds[turn.fold].train
            if len({recordings[i].label for i in train} - set(turn.species)) < 2:
                raise InputError(
                    f"crossval: without {', '.join(turn.species)} the training part of {grouping} fold "
                    f"{turn.fold + 1} has fewer than two classes; hold out fewer species, with: "
                    "--hold-out-species"
                )


def _check_same_fold(path: Path, fold: Fold, ids: np.ndarray) -> None:
    found = read_predictions(path)
    if not (
        np.array_equal(found.test_ids, ids[fold.test]) and np.array_equal(found.train_ids, ids[fold.train])
    ):
        raise RunError(f"{path} holds the predictions of another fold; start anew with --fresh")
