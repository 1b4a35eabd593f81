"""From the answers of a finished model, whose classes do not exclude each other, to its calibration.

Nobody trained it here, so no folds are needed for its scores; they are for what is fitted on them. Of each
window and recording the best answer counts: "of names with 0.8, eight of ten are right". A `LogOdds` for
windows and one for recordings keep the order of the classes, so that the maximum over calibrated windows is
the calibrated maximum. Start with `calibrate_answers`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.calibration.answers import BestAnswers, Named
from avianvox.calibration.saved import CalibrateOptions, LevelReport, Quality
from avianvox.calibration.scaling import calibration_error, error_floor, fit_log_odds, reliability
from avianvox.calibration.thresholds import OF_LEVEL, POOLED, Decided, Thresholds, decide, find_thresholds
from avianvox.dataset.splits import make_split
from avianvox.errors import InputError
from avianvox.evaluation.plain import plain
from avianvox.files import named
from avianvox.inference.calibration import Calibration, LevelCalibration, LogOdds
from avianvox.types import NO_BIRD, Recording

N_FOLDS = 5
_LEAST = 1e-12


@dataclass(frozen=True)
class FinishedReport:
    """All that `calibrate_answers` finds.

    Attributes
    ----------
    answers : BestAnswers
    n_folds : int
    options : CalibrateOptions
    levels : mapping of str to LevelReport
        Their thresholds are those of ``seen``, and `Thresholds.pooled` that of all other classes.
    seen : tuple of int
        Classes that were the best answer somewhere.
    calibration : Calibration
        What goes into the model file.
    """

    answers: BestAnswers
    n_folds: int
    options: CalibrateOptions
    levels: Mapping[str, LevelReport]
    seen: tuple[int, ...]
    calibration: Calibration

    def to_mapping(self) -> dict[str, Any]:
        """Plain values, ready for JSON; without the thresholds of classes that nothing was named as."""
        levels: dict[str, Any] = {}
        for name, level in self.levels.items():
            kept = ("n", "n_sessions", "scaling", "before", "after", "decided")
            levels[name] = {key: plain(getattr(level, key)) for key in kept}
            levels[name]["threshold_of_all"] = level.thresholds.pooled.to_mapping()
        return {
            "kind": "avianvox calibration of a finished model",
            "model": self.answers.name,
            "sha256": self.answers.sha256,
            "n_folds": self.n_folds,
            "rule": self.options.rule,
            "levels": levels,
            "basis": dict(self.calibration.basis),
        }


def calibrate_answers(
    answers: BestAnswers, options: CalibrateOptions | None = None, *, n_folds: int = N_FOLDS
) -> FinishedReport:
    """Calibrate a finished model by its answers for labelled recordings.

    Recordings of species that it does not know, and of `NO_BIRD`, count: every name is wrong there.

    Parameters
    ----------
    answers : BestAnswers
    options : CalibrateOptions, optional
        ``precision`` alone matters here.
    n_folds : int, at least 2
        Session folds, on which the figures are measured. The calibration itself is fitted on all recordings.

    Raises
    ------
    InputError
        The classes exclude each other, the scores are calibrated already, weighed by place or pooled in
        another way than by the maximum, or there are too few sessions or right answers.
    """
    _check(answers)
    options = options or CalibrateOptions()
    folds = _folds(answers, n_folds)
    seen = np.unique(np.concatenate([answers.window.classes, answers.recording.classes]))
    window, recording = (
        _Rows.of(level, answers, folds, seen) for level in (answers.window, answers.recording)
    )
    final = _fit(window, recording, None)
    parts = [_fit(window, recording, number) for number in range(n_folds)]
    levels = {
        "window": _level("window", window, final[0], [part[0] for part in parts], options),
        "recording": _level("recording", recording, final[1], [part[1] for part in parts], options),
    }
    calibration = Calibration(
        _for_the_file(levels["window"], seen, answers.classes),
        _for_the_file(levels["recording"], seen, answers.classes),
        basis=_basis(answers, n_folds, options, levels),
    )
    return FinishedReport(
        answers, n_folds, options, levels, tuple(int(position) for position in seen), calibration
    )


@dataclass(frozen=True)
class _Rows:
    """One level: what was named, and what of it is right. ``targets`` and ``columns`` count within `seen`."""

    scores: np.ndarray
    right: np.ndarray
    columns: np.ndarray
    targets: np.ndarray
    sessions: np.ndarray
    folds: np.ndarray
    n_columns: int

    @classmethod
    def of(cls, named: Named, answers: BestAnswers, folds: np.ndarray, seen: np.ndarray) -> "_Rows":
        wanted = answers.targets[named.rows]
        columns, places = (
            np.minimum(np.searchsorted(seen, classes), len(seen) - 1) for classes in (named.classes, wanted)
        )
        return cls(
            named.scores,
            named.classes == wanted,
            columns,
            np.where(seen[places] == wanted, places, len(seen)),
            answers.sessions[named.rows],
            folds[named.rows],
            len(seen) + 1,
        )

    def table(self, scores: np.ndarray, part: np.ndarray | None = None) -> np.ndarray:
        """What the functions of this room take: a column for each class seen, and one for what never was."""
        found = np.zeros((len(scores), self.n_columns))
        found[np.arange(len(scores)), self.columns if part is None else self.columns[part]] = scores
        return found


@dataclass(frozen=True)
class _Scaled:
    """A scaling that was fitted without one fold, and all rows of its level under it."""

    scaling: LogOdds
    scores: np.ndarray


def _fit(window: _Rows, recording: _Rows, without: int | None) -> tuple[_Scaled, _Scaled]:
    """Of windows and recordings. The highest calibrated window is the recording's calibrated highest one."""
    of_windows = fit_log_odds(*(part[window.folds != without] for part in (window.scores, window.right)))
    pooled = of_windows.apply(recording.scores)
    of_recordings = fit_log_odds(*(part[recording.folds != without] for part in (pooled, recording.right)))
    return (
        _Scaled(of_windows, of_windows.apply(window.scores)),
        _Scaled(of_recordings, of_recordings.apply(pooled)),
    )


def _level(
    name: str, rows: _Rows, final: _Scaled, parts: Sequence[_Scaled], options: CalibrateOptions
) -> LevelReport:
    def thresholds(scores: np.ndarray, part: np.ndarray) -> Thresholds:
        table = rows.table(scores[part], part)
        targets, sessions = rows.targets[part], rows.sessions[part]
        return find_thresholds(table, targets, sessions, precision=options.precision, rule=OF_LEVEL[name])

    crossed, decided = np.empty(len(rows.scores)), []
    for number, part in enumerate(parts):
        test = rows.folds == number
        crossed[test] = part.scores[test]
        limits = thresholds(part.scores, ~test).scores
        decided.append(decide(rows.table(part.scores[test], test), rows.targets[test], limits))
    return LevelReport(
        n=len(crossed),
        n_sessions=len(np.unique(rows.sessions)),
        scaling=final.scaling,
        before=_quality(rows, rows.scores),
        after=_quality(rows, crossed),
        thresholds=thresholds(final.scores, rows.folds >= 0),
        decided=Decided(*(sum(getattr(one, field.name) for one in decided) for field in fields(Decided))),
        coverage=(),
    )


def _quality(rows: _Rows, scores: np.ndarray) -> Quality:
    """Of the best answers: log loss and Brier score are those of "it is right"."""
    table = rows.table(scores)
    chance = np.where(rows.right, scores, 1 - scores)
    return Quality(
        accuracy=float(rows.right.mean()),
        error=calibration_error(table, rows.targets),
        floor=error_floor(table, rows.sessions),
        log_loss=float(-np.log(np.maximum(chance, _LEAST)).mean()),
        brier=float(((1 - chance) ** 2).mean()),
        reliability=reliability(table, rows.targets),
    )


def _for_the_file(level: LevelReport, seen: np.ndarray, n_classes: int) -> LevelCalibration:
    scores = np.full(n_classes, level.thresholds.pooled.score)
    scores[seen] = level.thresholds.scores[: len(seen)]
    return LevelCalibration(level.scaling, tuple(scores.tolist()))


def _check(answers: BestAnswers) -> None:
    wrong = {
        "its classes exclude each other; 'avianvox train --on' calibrates a head, and a cross-validation the "
        "other models": answers.exclusive,
        "its scores are calibrated already; evaluate it again with --uncalibrated": answers.calibrated,
        "its scores were weighed by place; evaluate it again without a place": answers.placed,
        f"a recording was judged by the pooling '{answers.pooling}'; evaluate it again with --pooling max": (
            answers.pooling != "max"
        ),
    }
    for why in (why for why, there in wrong.items() if there):
        raise InputError(f"{answers.name} was not calibrated: {why}")


def _folds(answers: BestAnswers, n_folds: int) -> np.ndarray:
    """The fold of each recording; sessions stay together."""
    recordings = [
        Recording(str(one), Path(str(one)), str(label) or NO_BIRD, recordist=str(session))
        for one, label, session in zip(answers.ids, answers.labels, answers.sessions, strict=True)
    ]
    folds = np.zeros(len(recordings), np.int64)
    try:
        split = make_split(recordings, n_folds=n_folds)
    except InputError as error:
        raise InputError(
            f"{answers.name} was not calibrated: expected a class with {n_folds} recordings or more, and as "
            "many sessions; evaluate the model on more recordings"
        ) from error
    for number, fold in enumerate(split.folds):
        folds[fold.test] = number
    return folds


def _basis(
    answers: BestAnswers, n_folds: int, options: CalibrateOptions, levels: Mapping[str, LevelReport]
) -> dict[str, Any]:
    measured = {name: level.to_mapping() for name, level in levels.items()}
    own = sum(one.source != POOLED for one in levels["recording"].thresholds.classes[:-1])
    return {
        "model": answers.name,
        "model_sha256": answers.sha256,
        "catalogs": [named(name).name for name in answers.catalogs],
        "grouping": "session",
        "n_folds": n_folds,
        "thresholds": options.rule,
        "thresholds_of_their_own": own,
        "held_out": plain(measured),
    }
