"""The folder of a judgement of maps, which goes on where it was stopped.

- ``overlap.csv``: a row for each recording, written as it is done;
- ``rejection.csv``: accuracy of the answers that thresholds keep;
- ``weights.csv``: how much each recording counts as a training example;
- ``figures.json``: all figures, with intervals over sessions;
- ``judged.json``: what was asked. It is written first.
"""

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from avianvox.documents import Kind, write_json
from avianvox.errors import InputError
from avianvox.evaluation.bootstrap import Interval
from avianvox.evaluation.overlap import Weights
from avianvox.evaluation.plain import plain
from avianvox.explain.judged import COLUMNS, JudgedMap, JudgeOptions, judge
from avianvox.explain.listener import Listener
from avianvox.explain.methods import Method
from avianvox.explain.rejection import Kept, rejection, summary_of, weights_of
from avianvox.runfolder import FolderKind
from avianvox.tables.appended import Appended
from avianvox.tables.rows import Column, csv_header, csv_lines, write_rows
from avianvox.types import Recording

TABLE, REJECTION, WEIGHTS, FIGURES = "overlap.csv", "rejection.csv", "weights.csv", "figures.json"
FOLDER = FolderKind(
    file=Kind(
        what="judgement of maps",
        name="avianvox judged maps",
        version=1,
        error=InputError,
        otherwise="make one with: avianvox explain judge",
        outdated="judge again with --fresh",
    ),
    files=("judged.json", TABLE, REJECTION, WEIGHTS, FIGURES),
)
_REJECTION = (
    *(Column("kept_by"), Column("wanted_coverage", float, 2), Column("coverage", float, 4)),
    *(Column("accuracy", float, 4), Column("accuracy_low", float, 4), Column("accuracy_high", float, 4)),
    *(Column("gained", float, 4), Column("gained_low", float, 4), Column("gained_high", float, 4)),
)
_WEIGHTS = (Column("id"), Column("weight", float, 4))


@dataclass(frozen=True)
class JudgedFolder:
    """What was found. ``rows``: in the order of the recordings; ``figures``: plain values."""

    rows: tuple[JudgedMap, ...]
    kept: tuple[Kept, ...]
    figures: Mapping[str, Any]


def judge_into(
    out: Path,
    listener: Listener,
    recordings: Sequence[Recording],
    method: Method,
    options: JudgeOptions,
    *,
    asked: Mapping[str, Any],
    weights: Weights,
    fresh: bool,
    told: Callable[[str, bool], None],
    progress: Callable[[int, int], None] | None = None,
) -> JudgedFolder:
    """Judge the recordings that the folder has no row of yet, then make all figures.

    Raises
    ------
    InputError
        The folder holds something else, or was made with other settings.
    """
    if fresh:
        FOLDER.erase(out)
    FOLDER.refuse_foreign(out)
    if FOLDER.config(out).exists():
        FOLDER.refuse_other(out, FOLDER.read(out)["asked"], asked)
    else:
        FOLDER.begin(out, {"asked": dict(asked)})
    with Appended(out / TABLE, csv_header(COLUMNS), what="table of judged maps") as table:
        done = {row.id: row for row in read_rows(out / TABLE)}
        left = [recording for recording in recordings if recording.id not in done]
        n_done, n = len(recordings) - len(left), len(recordings)
        for recording in left:
            for row in judge(listener, [recording], method, options, told=told):
                table.append(csv_lines(COLUMNS, [row.row()]))
                done[row.id] = row
            n_done += 1
            if progress is not None:
                progress(n_done, n)
    rows = tuple(done[recording.id] for recording in recordings if recording.id in done)
    return conclude(out, rows, weights)


def conclude(out: Path, rows: Sequence[JudgedMap], weights: Weights) -> JudgedFolder:
    """Figures, thresholds and weights of rows, written into a folder.

    Raises
    ------
    InputError
        There are no rows, or all of one session.
    """
    if not rows:
        raise InputError("no recording has a map to judge; see the lines above")
    kept = tuple(rejection(rows))
    figures = plain({**summary_of(rows), "rejection": kept})
    write_rows([_kept_row(one) for one in kept], _REJECTION, out / REJECTION, "csv")
    counts = weights_of(rows, weights).tolist()
    write_rows(
        [[row.id, count] for row, count in zip(rows, counts, strict=True)], _WEIGHTS, out / WEIGHTS, "csv"
    )
    write_json(out / FIGURES, figures)
    return JudgedFolder(tuple(rows), kept, figures)


def read_rows(path: Path) -> list[JudgedMap]:
    """The rows of a table that `judge_into` wrote. Raises `InputError` for another table."""
    kinds = {field.name: field.type for field in fields(JudgedMap)}
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            return [
                JudgedMap(**{name: _value(kinds[name], text) for name, text in row.items()})
                for row in csv.DictReader(stream)
            ]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: expected a table of judged maps ({error}); judge again with --fresh"
        ) from error


def _value(kind: Any, text: str) -> Any:
    if kind is str:
        return text
    if kind is int:
        return int(text)
    if text == "":
        return math.nan if kind is float else None
    return float(text)


def _kept_row(one: Kept) -> list[Any]:
    return [one.by, one.wanted, one.coverage, *_ends(one.accuracy), *_ends(one.gained)]


def _ends(interval: Interval) -> list[float | None]:
    return [None if v != v else v for v in (interval.value, interval.low, interval.high)]
