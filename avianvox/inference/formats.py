"""How predictions are written. A format is one row of `FORMATS`: a class with ``header`` and ``lines``.

Every format shows the same facts, in the same order, without a date or a machine's name in it: classifying
the same files again gives the same bytes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from avianvox.inference.calibration import nonconformity
from avianvox.registry import Registry
from avianvox.types import Decision, Prediction, Window

COLUMNS = (
    "path",
    "status",
    "rank",
    "scientific_name",
    "common_name",
    "score",
    "decision",
    "begin_s",
    "end_s",
    "header_s",
    "decoded_s",
    "message",
)
"""Columns of the CSV format. ``begin_s`` and ``end_s`` are empty where a row speaks of a whole recording;
``decision`` is of that recording or window, in each of its rows."""


@dataclass(frozen=True, slots=True)
class View:
    """What of a prediction is shown.

    Attributes
    ----------
    top : int
        At most so many species.
    min_score : float in [0, 1]
        Species below it are left out.
    timeline : bool
        Show the windows as well (jsonl) or instead of the whole recording (table, csv).
    set_limits : mapping of str to float, optional
        ``"window"`` and ``"recording" -> `` limit of `nonconformity`: prediction sets are shown, whatever
        ``top`` and ``min_score`` are.
    coverage : float, optional
        The share of recordings whose set holds the right species; given with ``set_limits``, and said.
    """

    top: int = 3
    min_score: float = 0.0
    timeline: bool = False
    set_limits: Mapping[str, float] | None = None
    coverage: float | None = None

    def best(self, prediction: Prediction, part: "Part") -> list[tuple[str, str, float]]:
        """Scientific name, common name and score of the species to show, best first."""
        order = np.argsort(-part.scores, kind="stable")
        shown = part.scores[order] >= self.min_score
        if self.set_limits is None:
            order = order[: self.top][shown[: self.top]]
        else:
            order = order[nonconformity(part.scores)[order] <= self.set_limits[part.level]]
        labels = prediction.labels
        return [(labels.names[i], labels.common_name(i), float(part.scores[i])) for i in order]


@dataclass(frozen=True, slots=True)
class Part:
    """What a line speaks of: a window, or the whole recording, with its scores and decision."""

    window: Window | None
    scores: np.ndarray
    decision: Decision | None

    @property
    def level(self) -> str:
        return "recording" if self.window is None else "window"


class Format(Protocol):
    """Turns predictions into lines of text, each with its line end."""

    def __init__(self, view: View) -> None: ...

    def header(self) -> str:
        """What stands before the first prediction."""

    def lines(self, prediction: Prediction) -> Iterator[str]:
        """The lines of one prediction; at least one, also when the file failed."""


FORMATS: Registry[type[Format]] = Registry(
    "format",
    {
        "table": "avianvox.inference.formats:Table",
        "csv": "avianvox.inference.formats:Csv",
        "jsonl": "avianvox.inference.formats:JsonLines",
    },
)


class Table:
    """For people: a line for each file, and its species indented below."""

    def __init__(self, view: View) -> None:
        self.view = view

    def header(self) -> str:
        return ""

    def lines(self, prediction: Prediction) -> Iterator[str]:
        facts = [str(prediction.status)] if prediction.status != "ok" else []
        if prediction.decoded_s is not None:
            facts.insert(0, f"{prediction.decoded_s:.1f} s")
        yield f"{_text(prediction.path)}  ({', '.join(facts)})\n"
        if prediction.message and (prediction.status.failed or not prediction.windows):
            yield f"    {prediction.message}\n"
        anything = False
        for part in _parts(prediction, self.view):
            window, doubt = part.window, part.decision == Decision.UNCERTAIN
            span = "" if window is None else "{:8.2f} - {:.2f} s  ".format(*_span(window, prediction))
            best = self.view.best(prediction, part)
            if self.view.coverage is not None:
                yield f"    {span}one of these {len(best)}, with {100 * self.view.coverage:g} % coverage\n"
            for name, common, score in best:
                anything = True
                words = f"{'uncertain, perhaps ' if doubt else ''}{name}{f' ({common})' if common else ''}"
                yield f"    {span}{score:.4f}  {words}\n"
                doubt = False  # the best one says it
        if prediction.windows and not anything:
            yield f"    nothing at {self.view.min_score:g} or above\n"


class Csv:
    """One row for each species, under `COLUMNS`; a file without an answer has one row without a species."""

    def __init__(self, view: View) -> None:
        self.view = view

    def header(self) -> str:
        return ",".join(COLUMNS) + "\n"

    def lines(self, prediction: Prediction) -> Iterator[str]:
        before = [_text(prediction.path), str(prediction.status)]
        after = [_seconds(prediction.header_s), _seconds(prediction.decoded_s), prediction.message]
        n_rows = 0
        for part in _parts(prediction, self.view):
            span = ["", ""] if part.window is None else [_seconds(s) for s in _span(part.window, prediction)]
            for rank, (name, common, score) in enumerate(self.view.best(prediction, part), start=1):
                answer = [str(rank), name, common, f"{score:.4f}", part.decision or ""]
                yield _csv_row([*before, *answer, *span, *after])
                n_rows += 1
        if not n_rows:
            yield _csv_row([*before, "", "", "", "", prediction.decision or "", "", "", *after])


class JsonLines:
    """One JSON object for each file: ``species`` of the recording and, with a timeline, ``windows``.

    With a ``coverage``, species are prediction sets; else it is null.
    """

    def __init__(self, view: View) -> None:
        self.view = view

    def header(self) -> str:
        return ""

    def lines(self, prediction: Prediction) -> Iterator[str]:
        from json import dumps

        row: dict[str, Any] = {
            "path": _text(prediction.path),
            "status": str(prediction.status),
            "calibrated": prediction.calibrated,
            "coverage": self.view.coverage,
            **self._answer(prediction, Part(None, prediction.scores, prediction.decision)),
            "header_s": _rounded(prediction.header_s),
            "decoded_s": _rounded(prediction.decoded_s),
            "message": prediction.message,
        }
        if self.view.timeline:
            row["windows"] = [
                dict(zip(("begin_s", "end_s"), map(_rounded, _span(window, prediction)), strict=True))
                | self._answer(prediction, Part(window, window.scores, window.decision))
                for window in prediction.windows
            ]
        yield dumps(row, ensure_ascii=False) + "\n"

    def _answer(self, prediction: Prediction, part: Part) -> dict[str, Any]:
        species = [
            {"rank": rank, "scientific_name": name, "common_name": common, "score": round(score, 4)}
            for rank, (name, common, score) in enumerate(self.view.best(prediction, part), start=1)
        ]
        return {"decision": part.decision, "species": species}


def _parts(prediction: Prediction, view: View) -> Iterator[Part]:
    """What to show: the windows, or the recording; nothing where the file failed."""
    if view.timeline:
        for window in prediction.windows:
            yield Part(window, window.scores, window.decision)
    elif len(prediction.scores):
        yield Part(None, prediction.scores, prediction.decision)


def _span(window: Window, prediction: Prediction) -> tuple[float, float]:
    begin = window.first_sample
    return begin / prediction.sample_rate, (begin + window.n_samples) / prediction.sample_rate


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.3f}"


def _text(path: str) -> str:
    """The path as valid Unicode: file names on Linux may hold any bytes."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _csv_row(cells: list[str]) -> str:
    """Cells quoted where RFC 4180 asks for it, separated by commas."""
    return (
        ",".join(f'"{c.replace(chr(34), chr(34) * 2)}"' if set(c) & set('",\r\n') else c for c in cells)
        + "\n"
    )
