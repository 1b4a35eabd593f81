"""Thresholds that are chosen on one set of recordings and confirmed, unchanged, on another.

The figure at a threshold that was chosen on the same recordings is too good; only the other set says what the
threshold is worth. This is the protocol of camera-trap studies with few data.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avianvox.documents import MISSHAPEN, read_json
from avianvox.errors import InputError
from avianvox.evaluation.detection import Counts, DetectionRow, Question, best_threshold
from avianvox.evaluation.plain import plain

if TYPE_CHECKING:
    from avianvox.judge.unknown import NamedAt

KIND = "avianvox thresholds"
QUESTIONS: Mapping[Question, str] = {
    "identification": "something calls",
    "classification": "this species calls",
}


UNKNOWN = "unknown"
"""A third threshold beside those of `QUESTIONS`, see :mod:`avianvox.judge.unknown`."""


@dataclass(frozen=True)
class Chosen:
    """A threshold and its figures on the set that it was chosen on, as plain values."""

    threshold: float
    figures: Mapping[str, Any]


def choose(rows: Sequence[DetectionRow]) -> dict[str, Chosen]:
    """The threshold of the best F1 for each of `QUESTIONS`; none where F1 is undefined everywhere."""
    found = {}
    for question in QUESTIONS:
        try:
            row = best_threshold(rows, question=question)
        except InputError:
            continue
        found[str(question)] = Chosen(row.threshold, plain(getattr(row, question)))
    return found


def document(model: str, settings: Mapping[str, Any], chosen: Mapping[str, Chosen]) -> str:
    """What stands in the file; ``model``: hash of the model file, ``settings``: how it was asked."""
    values = {"kind": KIND, "model": model, "settings": settings, "thresholds": plain(chosen)}
    return json.dumps(values, indent=1, allow_nan=False) + "\n"


@dataclass(frozen=True)
class Given:
    """Thresholds of an earlier evaluation: what `document` wrote, read from ``path``."""

    path: Path
    chosen: Mapping[str, Chosen]
    model: str
    settings: Mapping[str, Any]

    def fitting(self, *, model: str, settings: Mapping[str, Any]) -> Mapping[str, Chosen]:
        """The thresholds. Raises `InputError` where they are of another model or of other settings."""
        if self.model != model:
            raise InputError(
                f"{self.path}: these thresholds were chosen with another model; choose them with this one"
            )
        if self.settings != settings:
            raise InputError(
                f"{self.path}: chosen with {self.settings}, asked is {dict(settings)}; use the same options"
            )
        return self.chosen


def read_thresholds(path: Path) -> Given:
    """Raises `InputError` where ``path`` is no file that `document` wrote, or can't be read."""
    try:
        values = read_json(path)
        if values["kind"] != KIND:
            raise ValueError("it is of another kind")
        chosen = {
            str(question): Chosen(float(one["threshold"]), dict(one["figures"]))
            for question, one in values["thresholds"].items()
            if question in (*QUESTIONS, UNKNOWN)
        }
        return Given(path, chosen, str(values["model"]), dict(values["settings"]))
    except OSError as error:
        raise InputError(f"cannot read thresholds {path}: {error.strerror or error}") from error
    except MISSHAPEN as error:
        raise InputError(
            f"{path}: expected thresholds of 'avianvox evaluate --thresholds choose' ({error})"
        ) from error


@dataclass(frozen=True)
class Confirmed:
    """A chosen threshold, and the counts at it on the recordings at hand."""

    chosen: Chosen
    here: "Counts | NamedAt"


def confirm(rows: Sequence[DetectionRow], chosen: Mapping[str, Chosen]) -> dict[str, Confirmed]:
    """The figures at chosen thresholds of `QUESTIONS`, which must be among those of ``rows``; by question."""
    found = {}
    for question in (question for question in QUESTIONS if question in chosen):
        one = chosen[question]
        row = next((row for row in rows if abs(row.threshold - one.threshold) < 1e-6), None)
        if row is None:
            raise InputError(f"thresholds: {one.threshold} is none of those that are judged")
        found[str(question)] = Confirmed(one, getattr(row, question))
    return found
