"""What a calibration finds, as values and as plain ones for JSON; `avianvox.calibration.calibrate` fills it.

`CalibrationReport` is the whole; `keep_report` writes it into the run folder that it is of.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from avianvox.calibration.automation import AutomationCurve, AutomationPoint
from avianvox.calibration.conformal import COVERAGES, Coverage
from avianvox.calibration.scaling import Bin, Floor
from avianvox.calibration.thresholds import Decided, Thresholds
from avianvox.calibration.unknown import RECALL, SHARE, UnknownReport
from avianvox.documents import write_json
from avianvox.errors import InputError
from avianvox.evaluation.detection import DetectionRow, Metric, Question, best_threshold
from avianvox.evaluation.hierarchy import HierarchyReport
from avianvox.evaluation.plain import plain
from avianvox.evaluation.run_folder import calibration_path
from avianvox.evaluation.saved_run import SavedRun
from avianvox.files import output_error
from avianvox.inference.calibration import Calibration, LogOdds, Scaling
from avianvox.types import LabelSet

QUESTIONS: tuple[Question, ...] = ("identification", "classification")


@dataclass(frozen=True, slots=True)
class CalibrateOptions:
    """What is wanted of thresholds and sets.

    Attributes
    ----------
    precision : float in (0, 1], or None
        Of what is named; None: thresholds of the best F1.
    accuracy : float in [0, 1]
        Of what is labelled without a person. 0.966 is that of the volunteers of Snapshot Serengeti.
    listening_factor : float
        Hours that a person needs for one recorded hour.
    coverages : tuple of float
        Of the prediction sets.
    metric : str
        What the best threshold between "something calls" and silence, and between names, maximises.
    unknown_share, unknown_recall : float in [0, 1]
        Of recordings of species that were held out, at most this share may have a name, but of what was named
        rightly this share has to stay; see `avianvox.calibration.unknown.judge_unknown`.
    """

    precision: float | None = 0.9
    accuracy: float = 0.966
    listening_factor: float = 1.0
    coverages: tuple[float, ...] = COVERAGES
    metric: Metric = "f1"
    unknown_share: float = SHARE
    unknown_recall: float = RECALL

    @property
    def rule(self) -> str:
        """The rule of the thresholds in words."""
        return "best F1" if self.precision is None else f"precision {self.precision:g}"


@dataclass(frozen=True, slots=True)
class Quality:
    """How good scores are as probabilities; ``error``: expected calibration error."""

    accuracy: float
    error: float
    floor: Floor
    log_loss: float
    brier: float
    reliability: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class LevelReport:
    """One level, ``"window"`` or ``"recording"``.

    Attributes
    ----------
    n, n_sessions : int
        Rows and sessions.
    scaling : Scaling or LogOdds
        Fitted on all folds.
    before, after : Quality
        Of the model's scores, and of calibrated scores of held-out folds.
    thresholds : Thresholds
        Found on all folds.
    decided : Decided
        What thresholds of the other folds do to each fold, all folds together.
    coverage : tuple of Coverage
    """

    n: int
    n_sessions: int
    scaling: Scaling | LogOdds
    before: Quality
    after: Quality
    thresholds: Thresholds
    decided: Decided
    coverage: tuple[Coverage, ...]

    def to_mapping(self) -> dict[str, Any]:
        """What a model file says of it; sets of species apart."""
        return {
            "rows": self.n,
            "sessions": self.n_sessions,
            "error_before": self.before.error,
            "error_after": self.after.error,
            "error_by_chance": self.after.floor.mean,
            "error_by_chance_at_most": self.after.floor.high,
            "named": self.decided.named,
            "named_rightly": self.decided.right,
        }


def verdict(level: str, before: float, after: float, most: float) -> str:
    """One sentence where calibration is no help, else nothing.

    Parameters
    ----------
    level : str
        ``"window"`` or ``"recording"``.
    before, after : float
        Calibration error of the model's scores, and of calibrated ones of held-out folds.
    most : float
        What chance allows, `Floor.high`.
    """
    if after >= before:
        return (
            f"Calibration does not help this model: the calibration error per {level} does not fall "
            f"({before:.3f} -> {after:.3f})."
        )
    if after > most:
        return (
            f"Calibrated scores of this model are still no probabilities: the calibration error per {level} "
            f"is {after:.3f}, above the {most:.3f} that chance explains."
        )
    return ""


@dataclass(frozen=True, slots=True)
class Automation:
    """What recordings can be labelled without a person, on calibrated scores of held-out folds.

    ``best``: the largest share that is as accurate as asked for on the very recordings; ``careful``: that
    whose lower confidence bound is; ``held_out``: share and accuracy where each fold's threshold comes from
    the other folds, under scalings that don't know it either. Hours count a recording that several folds test
    once in all.
    """

    target: float
    best: AutomationPoint
    careful: AutomationPoint
    held_out: tuple[float, float]
    listening_factor: float
    curve: AutomationCurve

    def to_mapping(self) -> dict[str, Any]:
        """``best`` and ``careful`` with ``hours_saved``; the curve as columns."""
        points = {
            name: plain(point)
            | {"hours_saved": plain(point.hours_saved(listening_factor=self.listening_factor))}
            for name, point in (("best", self.best), ("careful", self.careful))
        }
        share, accuracy = self.held_out
        return {
            "target": self.target,
            "listening_factor": self.listening_factor,
            **points,
            "held_out": plain({"share": share, "accuracy": accuracy}),
            "curve": plain(self.curve),
        }


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """All that `calibrate_run` finds; ``calibration`` is what goes into a model file.

    ``n_recordings``: each counted once, however many folds test it. ``unknown``: where species were held out.
    """

    model: str
    grouping: str
    n_folds: int
    n_recordings: int
    labels: LabelSet
    options: CalibrateOptions
    levels: Mapping[str, LevelReport]
    automation: Automation
    detection: tuple[DetectionRow, ...]
    hierarchy: HierarchyReport
    calibration: Calibration
    unknown: UnknownReport | None = None

    def best_detection(self, question: Question) -> DetectionRow | None:
        """The row that maximises the metric asked for; None where it is undefined at every threshold."""
        try:
            return best_threshold(self.detection, self.options.metric, question=question)
        except InputError:
            return None

    def to_mapping(self) -> dict[str, Any]:
        """Plain values, ready for JSON.

        ``levels``: ``window`` and ``recording``, each with ``n``, ``n_sessions``, ``scaling``, ``before`` and
        ``after`` (``accuracy``, ``error``, ``floor`` with ``mean`` and ``high``, ``log_loss``, ``brier``,
        ``reliability``: a list of ``low``, ``high``, ``n``, ``confidence``, ``accuracy``), ``thresholds``
        (``pooled``, and ``classes`` by label), ``decided``, ``coverage`` (a list). ``automation``,
        ``detection`` (a list) and ``hierarchy`` are of recordings; ``best_detection`` has the threshold of
        each question's best row, or None. ``calibration``: see `Calibration`.
        """
        best = {question: self.best_detection(question) for question in QUESTIONS}
        return {
            "model": self.model,
            "grouping": self.grouping,
            "n_folds": self.n_folds,
            "n_recordings": self.n_recordings,
            "options": plain(self.options) | {"rule": self.options.rule},
            "levels": {name: self._level(level) for name, level in self.levels.items()},
            "automation": self.automation.to_mapping(),
            "detection": plain(self.detection),
            "best_detection": {name: plain(row.threshold) if row else None for name, row in best.items()},
            "hierarchy": plain(self.hierarchy),
            "calibration": self.calibration.to_mapping(),
        } | ({} if self.unknown is None else {"unknown": plain(self.unknown)})

    def _level(self, level: LevelReport) -> dict[str, Any]:
        found = {field.name: plain(getattr(level, field.name)) for field in fields(level)}
        classes = zip(self.labels.names, level.thresholds.classes, strict=True)
        found["thresholds"] = {
            "pooled": level.thresholds.pooled.to_mapping(),
            "classes": {label: threshold.to_mapping() for label, threshold in classes},
        }
        decided = level.decided
        found["decided"] |= plain({"share": decided.share, "precision": decided.precision})
        return found


def keep_report(run: SavedRun, report: CalibrationReport) -> Path:
    """Write the report into the run folder; the same run and options give the same bytes."""
    path = calibration_path(run.path, report.model, report.grouping)
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise output_error(error, path.parent) from error
    write_json(path, report.to_mapping())
    return path
