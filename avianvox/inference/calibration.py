"""What turns a model's scores into probabilities, and these into "named", "uncertain" or "unknown".

A calibration is fitted on held-out predictions by `avianvox.calibration.calibrate` and travels in the model
file. It knows two levels, each with numbers of its own: the ``window`` and the ``recording``. A window's
calibrated scores are its scores under the window's scaling; a recording's are those that the model's pooling
makes of its calibrated windows, under the recording's. Classes that exclude each other have a `Scaling`,
others `LogOdds`. Start with `Calibration.apply`.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from avianvox.documents import MISSHAPEN
from avianvox.errors import InputError, ModelFileError
from avianvox.types import Decision

LEVELS = ("window", "recording")
RANK_PENALTY = 0.1
"""Without it, sets take a model that is surer of itself at its word: coverage then differs more by fold."""

LEAST_TEMPERATURE = 1e-4
"""One that is next to nothing makes infinite numbers of scores."""

LEAST_SCORE = 1e-4
"""Scores below it count as it: so far down, rounding and quantisation say more than the sound does."""

EVEN = 0.5
"""What a genus must reach where thresholds keep no precision: it is right more often than wrong."""

LEAST_ODDS, LEAST_SLOPE = 1e-6, 1e-3
"""Of `LogOdds`: float32 knows no scores nearer to 1, and a slope of nearly nothing orders no answers."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """``(1 - uniform) * softmax(log(scores) / temperature) + uniform / n_classes``.

    Scores below `LEAST_SCORE` count as it.

    Attributes
    ----------
    temperature : float, at least `LEAST_TEMPERATURE`
        1 changes nothing; more makes scores more even.
    uniform : float in [0, 1]
        The share of the uniform distribution: how often the scores know nothing. 0 is plain temperature
        scaling.

    References
    ----------
    Guo et al., "On calibration of modern neural networks", 2017; the share: Zhang, Kailkhura and Han,
    "Mix-n-Match: ensemble and compositional methods for uncertainty calibration", 2020.
    """

    temperature: float = 1.0
    uniform: float = 0.0

    def __post_init__(self) -> None:
        if not (LEAST_TEMPERATURE <= self.temperature < math.inf and 0 <= self.uniform <= 1):
            raise InputError(
                f"Scaling: expected a temperature above 0, at least {LEAST_TEMPERATURE}, and a share "
                f"from 0 to 1, got {self.temperature} and {self.uniform}"
            )

    def apply(self, scores: np.ndarray) -> np.ndarray:
        """Scores of shape (..., n_classes), summing to 1 or not, to probabilities, float64."""
        logits = np.log(np.maximum(scores, LEAST_SCORE, dtype=np.float64)) / self.temperature
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        share = (1 - self.uniform) / powers.sum(axis=-1, keepdims=True)
        scaled: np.ndarray = powers * share + self.uniform / powers.shape[-1]
        return scaled


@dataclass(frozen=True, slots=True)
class LogOdds:
    """``sigmoid(slope * logit(scores) + intercept)``: for classes that do not exclude each other.

    Scores count as `LEAST_ODDS` at least, and at most as 1 minus it. The order of the classes stays.

    Attributes
    ----------
    slope : float, at least `LEAST_SLOPE`
    intercept : float

    References
    ----------
    Platt, "Probabilistic outputs for support vector machines", 1999, on the log-odds of scores.
    """

    slope: float = 1.0
    intercept: float = 0.0

    def __post_init__(self) -> None:
        if not (LEAST_SLOPE <= self.slope < math.inf and math.isfinite(self.intercept)):
            raise InputError(
                f"LogOdds: expected a slope of at least {LEAST_SLOPE} and a finite intercept, got "
                f"{self.slope} and {self.intercept}"
            )

    def apply(self, scores: np.ndarray) -> np.ndarray:
        """Scores of any shape to probabilities, float64, each for itself."""
        p = np.clip(scores.astype(np.float64), LEAST_ODDS, 1 - LEAST_ODDS)
        scaled: np.ndarray = 1 / (1 + np.exp(-(self.slope * np.log(p / (1 - p)) + self.intercept)))
        return scaled


def nonconformity(scores: np.ndarray) -> np.ndarray:
    """How far from the front each class stands: a prediction set holds those up to a limit.

    The sum of the scores of the classes before it, and `RANK_PENALTY` for each of them: 0 for the best one.
    Classes with equal scores stand in their own order.

    Parameters
    ----------
    scores : np.ndarray, shape (..., n_classes), calibrated

    Returns
    -------
    np.ndarray, shape (..., n_classes), float64

    References
    ----------
    Angelopoulos et al., "Uncertainty sets for image classifiers using conformal prediction", 2021: their
    regularised adaptive sets, without randomisation, with the penalty from the second class on.
    """
    order = np.argsort(-scores, axis=-1, kind="stable")
    ordered = np.take_along_axis(scores, order, axis=-1).astype(np.float64)
    before = np.cumsum(ordered, axis=-1) - ordered + RANK_PENALTY * np.arange(scores.shape[-1])
    found = np.empty(scores.shape)
    np.put_along_axis(found, order, before, axis=-1)
    return found


@dataclass(frozen=True, slots=True)
class LevelCalibration:
    """The numbers of one level.

    Attributes
    ----------
    scaling : Scaling or LogOdds
    thresholds : tuple of float
        For each class, the calibrated score from which it is named when it is the best; infinity where no
        score suffices. Empty where nothing is decided.
    conformal : mapping of float to float
        ``coverage -> `` the `nonconformity` up to which a class belongs to the prediction set.
    unknown : float
        The calibrated score below which nothing is named, of whatever class: species that the model never
        learned have such scores too. 0 where that was not measured.
    branches : mapping of str to float
        For genus and family, the sum of calibrated scores from which one is named where the species is
        uncertain; infinity where no sum suffices. Empty in files of before it was fitted.
    """

    scaling: Scaling | LogOdds = Scaling()
    thresholds: tuple[float, ...] = ()
    conformal: Mapping[float, float] = field(default_factory=dict)
    unknown: float = 0.0
    branches: Mapping[str, float] = field(default_factory=dict)

    @property
    def named_from(self) -> tuple[float, ...]:
        """For each class the score from which it is named, by ``thresholds`` and ``unknown``."""
        return tuple(max(threshold, self.unknown) for threshold in self.thresholds)

    def decide(self, scores: np.ndarray, label: int | None = None) -> Decision | None:
        """Whether class ``label`` may be named; None without rule.

        Parameters
        ----------
        scores : np.ndarray, shape (n_classes,), calibrated
        label : int, optional
            The best one where it is left out.
        """
        if not self.thresholds:
            return None
        label = int(scores.argmax()) if label is None else label
        return self.decision(float(scores[label]), label)

    def decision(self, score: float, label: int) -> Decision:
        """What is said of a class with this calibrated score, where there are thresholds."""
        if score < self.unknown:
            return Decision.UNKNOWN
        return Decision.NAMED if score >= self.thresholds[label] else Decision.UNCERTAIN

    def to_mapping(self) -> dict[str, Any]:
        values = asdict(self.scaling) | {
            "thresholds": [_finite_or_none(value) for value in self.thresholds],
            "conformal": {f"{coverage:g}": value for coverage, value in self.conformal.items()},
        }
        if self.branches:
            values["branches"] = {name: _finite_or_none(value) for name, value in self.branches.items()}
        if self.unknown:
            values["unknown"] = self.unknown
        return values

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "LevelCalibration":
        kind, names = (
            (LogOdds, ("slope", "intercept")) if "slope" in values else (Scaling, ("temperature", "uniform"))
        )
        return cls(
            kind(*(_finite(values[name]) for name in names)),
            tuple(map(_finite_or_never, values["thresholds"])),
            {_finite(coverage): _finite(value) for coverage, value in values["conformal"].items()},
            _finite(values.get("unknown", 0.0)),
            {str(name): _finite_or_never(value) for name, value in values.get("branches", {}).items()},
        )


def _finite_or_none(value: float) -> float | None:
    return None if math.isinf(value) else value


def _finite_or_never(value: Any) -> float:
    return math.inf if value is None else _finite(value)


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number, got {value}")
    return number


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a model file says about the meaning of its scores.

    Attributes
    ----------
    window, recording : LevelCalibration
    basis : mapping
        Where it comes from: model and its settings, data, folds, counts, rule of the thresholds, error before
        and after, measured coverage. Plain values for people and programs; `precision` alone reads them.
    tasks : mapping of str to mapping
        Of the model's tasks with scores, by name: ``temperature``, and figures; empty without tasks.
    """

    window: LevelCalibration
    recording: LevelCalibration
    basis: Mapping[str, Any] = field(default_factory=dict)
    tasks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def level(self, name: str) -> LevelCalibration:
        """The numbers of ``"window"`` or ``"recording"``."""
        if name not in LEVELS:
            raise InputError(f"calibration: expected a level of {', '.join(LEVELS)}, got '{name}'")
        return self.window if name == "window" else self.recording

    @property
    def of_tasks(self) -> "Calibration":
        """What a model of tasks alone takes of it, which decides on no species."""
        return Calibration(LevelCalibration(), LevelCalibration(), self.basis, self.tasks)

    @property
    def precision(self) -> float | None:
        """The precision that the thresholds keep; None where they were chosen by another rule."""
        rule, _, value = str(self.basis.get("thresholds")).partition(" ")
        try:
            return float(value) if rule == "precision" else None
        except ValueError:
            return None

    def least_of_branch(self, level: str, name: str) -> float:
        """The sum from which a genus or family (``name``) is named in a window or recording (``level``).

        Of a calibration that has none: the precision of its thresholds, or `EVEN`.
        """
        usual = EVEN if self.precision is None else self.precision
        return self.level(level).branches.get(name, usual)

    def apply(self, scores: np.ndarray, level: str) -> np.ndarray:
        """Calibrated scores, float64: of windows as the model gave them, or of pooled calibrated windows.

        Parameters
        ----------
        scores : np.ndarray, shape (..., n_classes)
        level : {"window", "recording"}
        """
        return self.level(level).scaling.apply(scores)

    def set_limit(self, coverage: float, level: str) -> float:
        """The `nonconformity` up to which a class belongs to the prediction set of this coverage.

        Raises
        ------
        InputError
            The calibration holds no set of this coverage.
        """
        limits = self.level(level).conformal
        if coverage not in limits:
            known = ", ".join(f"{value:g}" for value in limits)
            raise InputError(
                f"coverage: the model's calibration holds {known or 'none'}, got {coverage:g}; "
                "'avianvox calibrate --coverages' writes others"
            )
        return limits[coverage]

    def to_mapping(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        levels = {name: self.level(name).to_mapping() for name in LEVELS}
        tasks = {"tasks": {name: dict(found) for name, found in self.tasks.items()}} if self.tasks else {}
        return levels | {"basis": dict(self.basis)} | tasks

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], *, n_classes: int) -> "Calibration":
        """The inverse of `to_mapping`.

        Raises
        ------
        ModelFileError
            A part is missing, of the wrong kind or not finite, or thresholds are not one for each class.
        """
        try:
            window, recording = (LevelCalibration.from_mapping(values[name]) for name in LEVELS)
            basis, tasks = dict(values["basis"]), dict(values.get("tasks", {}))
        except MISSHAPEN as error:
            raise ModelFileError(
                f"the calibration is not valid: {error!r}; calibrate the model again"
            ) from error
        for level in (window, recording):
            if len(level.thresholds) not in (0, n_classes):
                raise ModelFileError(
                    f"the calibration has {len(level.thresholds)} thresholds for {n_classes} classes; "
                    "calibrate the model again"
                )
        return cls(window, recording, basis, tasks)
