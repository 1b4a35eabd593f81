"""From the predictions of a cross-validation to what its scores are worth, and to a model file's calibration.

`calibrate_run` does everything on the test recordings of one model under one grouping. Two things are kept
apart: the `Calibration`, fitted on all folds, which goes into a model file; and the figures, for which each
fold is judged under numbers that were fitted on the other folds alone. `CalibrationReport` holds both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from avianvox.calibration.automation import Answers, automation_at, automation_curve, held_out_automation
from avianvox.calibration.branches import branch_thresholds
from avianvox.calibration.conformal import Coverage, covered, random_halves, set_limit, set_sizes
from avianvox.calibration.saved import (
    Automation,
    CalibrateOptions,
    CalibrationReport,
    LevelReport,
    Quality,
)
from avianvox.calibration.scaling import (
    brier_score,
    calibrated,
    calibration_error,
    cross_fitted,
    error_floor,
    fit_levels,
    held_out,
    log_loss,
    others,
    reliability,
)
from avianvox.calibration.tasks import calibrate_tasks
from avianvox.calibration.thresholds import OF_LEVEL, POOLED, Decided, Thresholds, decide, find_thresholds
from avianvox.calibration.turns import HeldOutTurn, Rules, turn_of
from avianvox.calibration.unknown import UnknownLevel, UnknownReport, judge_unknown
from avianvox.dataset.taxonomy import Taxonomy
from avianvox.errors import InputError
from avianvox.evaluation.detection import detection_table
from avianvox.evaluation.hierarchy import weigh_errors
from avianvox.evaluation.metrics import expected_hits
from avianvox.evaluation.plain import plain
from avianvox.evaluation.predictions import Pooled
from avianvox.evaluation.saved_run import SavedRun
from avianvox.inference.calibration import (
    LEVELS,
    Calibration,
    LevelCalibration,
    LogOdds,
    Scaling,
    nonconformity,
)
from avianvox.inference.levels import Tree
from avianvox.types import LabelSet


def calibrate_run(
    run: SavedRun,
    model: str | None = None,
    *,
    grouping: str = "session",
    options: CalibrateOptions | None = None,
) -> CalibrationReport:
    """Calibrate one model of a cross-validation.

    Parameters
    ----------
    run : SavedRun
    model : str, optional
        May be left out where the run has one.
    grouping : str
        Folds that keep a session together are the honest ones.
    options : CalibrateOptions, optional

    Raises
    ------
    InputError
        The run has several models and none is named, an option is out of range, or there is one fold only.
    RunError
        The run has no such model or grouping.
    """
    if model is None:
        if len(run.models) > 1:
            raise InputError(
                f"{run.path} has several models; choose one with --model: {', '.join(run.models)}"
            )
        (model,) = run.models
    basis = {
        "model": model,
        "grouping": grouping,
        "model_settings": run.settings_of(model),
        "data_hash": run.config["data_hash"],
    }
    pooled = run.pooled(model, grouping)
    turns = [
        turn_of(turn.fold, found, run.by_id, run.labels)
        for turn, found in run.held_out_species(model, grouping)
    ]
    report = calibrate_pooled(pooled, run.labels, basis, options, turns=turns)
    tasks = {name: found.to_mapping() for name, found in calibrate_tasks(run, model, grouping).items()}
    return replace(report, calibration=replace(report.calibration, tasks=tasks)) if tasks else report


def calibrate_pooled(
    pooled: Pooled,
    labels: LabelSet,
    basis: Mapping[str, Any],
    options: CalibrateOptions | None = None,
    *,
    turns: Sequence[HeldOutTurn] = (),
) -> CalibrationReport:
    """Calibrate by the predictions of all folds of one model.

    Parameters
    ----------
    pooled : Pooled
    labels : LabelSet
    basis : mapping
        What the model file says of their origin: ``model``, ``grouping`` and more; figures come to it.
    options : CalibrateOptions, optional
    turns : sequence of HeldOutTurn
        Answers of models that did not learn some species; with them, scores get a threshold for such ones.

    Raises
    ------
    InputError
        An option is out of range, there is one fold only, or turns are of one fold only.
    """
    options = options or CalibrateOptions()
    parts = list(held_out(pooled))
    crossed = cross_fitted(pooled, parts)
    scalings = fit_levels(pooled)
    final = calibrated(pooled, *scalings)
    levels = {
        level: _level_report(level, scaling, (pooled, crossed, final), parts, options)
        for level, scaling in zip(LEVELS, scalings, strict=True)
    }
    n_folds = len(parts)
    unknown = _unknown(turns, pooled, parts, scalings, levels, options) if turns else None
    window, recording = (
        _for_the_file(
            levels[level],
            None if unknown is None else unknown.levels[level],
            _rows(final, level),
            labels,
            options.precision,
        )
        for level in LEVELS
    )
    return CalibrationReport(
        model=basis["model"],
        grouping=basis["grouping"],
        n_folds=n_folds,
        n_recordings=len({recording.id for recording in pooled.recordings}),
        labels=labels,
        options=options,
        levels=levels,
        automation=_automation(crossed, parts, options),
        detection=tuple(detection_table(crossed.targets, crossed.scores, labels)),
        hierarchy=weigh_errors(crossed.targets, crossed.predicted, Taxonomy.of(labels)),
        calibration=Calibration(
            window,
            recording,
            basis={**basis, **_measured(labels.names, n_folds, options, levels, unknown)},
        ),
        unknown=unknown,
    )


def _unknown(
    turns: Sequence[HeldOutTurn],
    pooled: Pooled,
    parts: list[tuple[Pooled, Pooled]],
    scalings: tuple[Scaling | LogOdds, Scaling | LogOdds],
    levels: Mapping[str, LevelReport],
    options: CalibrateOptions,
) -> UnknownReport:
    final = Rules(scalings, {level: levels[level].thresholds.scores for level in LEVELS})
    of_fold = {
        int(fold): Rules(
            fit_levels(others(pooled, fold)),
            {level: _find(_rows(rest, level), level, options.precision).scores for level in LEVELS},
        )
        for fold, (rest, _) in zip(np.unique(pooled.folds), parts, strict=True)
    }
    return judge_unknown(turns, final, of_fold, share=options.unknown_share, recall=options.unknown_recall)


def _level_report(
    level: str,
    scaling: Scaling,
    versions: tuple[Pooled, Pooled, Pooled],
    parts: list[tuple[Pooled, Pooled]],
    options: CalibrateOptions,
) -> LevelReport:
    raw, crossed, final = (_rows(version, level) for version in versions)
    rows = [(_rows(rest, level), _rows(test, level)) for rest, test in parts]
    decided = [
        decide(test.scores, test.targets, _find(rest, level, options.precision).scores) for rest, test in rows
    ]
    return LevelReport(
        n=len(raw.targets),
        n_sessions=len(np.unique(raw.sessions)),
        scaling=scaling,
        before=_quality(raw),
        after=_quality(crossed),
        thresholds=_find(final, level, options.precision),
        decided=Decided(*(sum(getattr(d, field.name) for d in decided) for field in fields(Decided))),
        coverage=_coverages(crossed, final, rows, options.coverages),
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    """Windows or recordings: what the functions of this room take."""

    scores: np.ndarray
    targets: np.ndarray
    sessions: np.ndarray


def _rows(pooled: Pooled, level: str) -> _Rows:
    if level == "recording":
        return _Rows(pooled.scores, pooled.targets, pooled.sessions)
    rows = pooled.window_rows
    return _Rows(pooled.window_scores.astype(np.float64), pooled.targets[rows], pooled.sessions[rows])


def _quality(rows: _Rows) -> Quality:
    return Quality(
        accuracy=float(expected_hits(rows.targets, rows.scores).mean()),
        error=calibration_error(rows.scores, rows.targets),
        floor=error_floor(rows.scores, rows.sessions),
        log_loss=log_loss(rows.scores, rows.targets),
        brier=brier_score(rows.scores, rows.targets),
        reliability=reliability(rows.scores, rows.targets),
    )


def _find(rows: _Rows, level: str, precision: float | None) -> Thresholds:
    return find_thresholds(
        rows.scores, rows.targets, rows.sessions, precision=precision, rule=OF_LEVEL[level]
    )


def _coverages(
    crossed: _Rows, final: _Rows, parts: list[tuple[_Rows, _Rows]], nominal: tuple[float, ...]
) -> tuple[Coverage, ...]:
    def far(rows: _Rows) -> _Rows:
        return replace(rows, scores=nonconformity(rows.scores))

    crossed, final = far(crossed), far(final)
    parts = [(far(rest), far(test)) for rest, test in parts]
    return tuple(_coverage(one, crossed, final, parts) for one in nominal)


def _coverage(nominal: float, crossed: _Rows, final: _Rows, parts: list[tuple[_Rows, _Rows]]) -> Coverage:
    """Of one nominal coverage; ``scores`` of the rows are distances here."""
    limits = [set_limit(rest.scores, rest.targets, nominal) for rest, _ in parts]
    tests = [(test, limit) for (_, test), limit in zip(parts, limits, strict=True)]
    inside = [covered(test.scores, test.targets, limit) for test, limit in tests]
    sizes = np.concatenate([set_sizes(test.scores, limit) for test, limit in tests])
    halves = random_halves(crossed.scores, crossed.targets, crossed.sessions, nominal)
    return Coverage(
        nominal=nominal,
        limit=set_limit(final.scores, final.targets, nominal),
        held_out=float(np.concatenate(inside).mean()),
        folds=tuple(float(found.mean()) for found in inside),
        halves=float(halves.mean()),
        halves_deviation=float(halves.std(ddof=1)),
        mean_size=float(sizes.mean()),
        single=float((sizes == 1).mean()),
    )


def _automation(crossed: Pooled, parts: list[tuple[Pooled, Pooled]], options: CalibrateOptions) -> Automation:
    def answers(pooled: Pooled) -> Answers:
        return expected_hits(pooled.targets, pooled.scores), pooled.scores.max(axis=1)

    seconds = np.array([np.nan if r.duration_s is None else r.duration_s for r in crossed.recordings])
    _, which, times = np.unique([r.id for r in crossed.recordings], return_inverse=True, return_counts=True)
    curve = automation_curve(*answers(crossed), durations_s=seconds / times[which])
    return Automation(
        target=options.accuracy,
        best=automation_at(curve, options.accuracy),
        careful=automation_at(curve, options.accuracy, conservative=True),
        held_out=held_out_automation(
            [(answers(rest), answers(test)) for rest, test in parts], options.accuracy
        ),
        listening_factor=options.listening_factor,
        curve=curve,
    )


def _for_the_file(
    level: LevelReport,
    unknown: UnknownLevel | None,
    rows: _Rows,
    labels: LabelSet,
    precision: float | None,
) -> LevelCalibration:
    limits = {coverage.nominal: coverage.limit for coverage in level.coverage}
    threshold = 0.0 if unknown is None else unknown.threshold
    found = LevelCalibration(level.scaling, level.thresholds.scores, limits, threshold)
    above = branch_thresholds(
        rows.scores, rows.targets, rows.sessions, found, Tree(labels), precision=precision
    )
    return replace(found, branches=above)


def _measured(
    names: Sequence[str],
    n_folds: int,
    options: CalibrateOptions,
    levels: Mapping[str, LevelReport],
    unknown: UnknownReport | None,
) -> dict[str, Any]:
    """What a model file says about its calibration, beside where it comes from."""
    measured = {
        name: {
            **level.to_mapping(),
            "coverage": {f"{coverage.nominal:g}": coverage.held_out for coverage in level.coverage},
        }
        for name, level in levels.items()
    }
    classes = zip(names, levels["recording"].thresholds.classes, strict=True)
    return {
        "n_folds": n_folds,
        "thresholds": options.rule,
        "borrowed": [name for name, threshold in classes if threshold.source == POOLED],
        "held_out": plain(measured),
    } | ({} if unknown is None else {"held_out_species": plain(replace(unknown, scores=()))})
