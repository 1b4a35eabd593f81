"""What a judgement leaves in its folder: a page, two tables, figures, thresholds where they are chosen."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

from avianvox import __version__
from avianvox.calibration.answers import ENDING
from avianvox.calibration.answers import FOLDER as ANSWERS
from avianvox.errors import OutputError
from avianvox.evaluation.bootstrap import PairedTest
from avianvox.evaluation.plain import plain
from avianvox.files import atomic_write, output_error
from avianvox.judge.page import sections
from avianvox.judge.run import Judged
from avianvox.judge.thresholds import Confirmed, document
from avianvox.pages.page import html_page
from avianvox.words import valid_unicode

KIND = "avianvox evaluation"
FORMAT_VERSION = 1
PAGE, FIGURES, SPECIES, RECORDINGS = "evaluation.html", "figures.json", "species.csv", "recordings.csv"
THRESHOLDS = "thresholds.json"
_MARKS = {PAGE: b"avianvox", FIGURES: KIND.encode(), SPECIES: b"model,species,", RECORDINGS: b"model,id,"}

_SPECIES_COLUMNS = (
    *("model", "species", "recordings", "tp", "fp", "fn"),
    *("precision", "recall", "average_precision", "taken_for"),
)
_RECORDING_COLUMNS = (
    *("model", "id", "path", "begin_s", "end_s"),
    *("label", "named", "score", "trained_on"),
)


def open_folder(out: Path) -> None:
    """Make the folder; a file of somebody else in the place of a result is refused."""
    for name, mark in (*_MARKS.items(), (THRESHOLDS, b"avianvox thresholds")):
        if (out / name).exists() and mark not in (out / name).read_bytes():
            raise OutputError(f"cannot write {out / name}: there is a file of yours; name another folder")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(error, out) from error


def figures_mapping(
    models: Mapping[str, Judged],
    catalogs: Sequence[str],
    pairs: Mapping[str, Mapping[str, PairedTest]],
    thresholds: Mapping[str, Confirmed],
) -> dict[str, Any]:
    """Everything that was found, as plain values."""
    head = {"kind": KIND, "format_version": FORMAT_VERSION, "avianvox": __version__, "catalogs": catalogs}
    judged = {name: one.to_mapping() for name, one in models.items()}
    found: dict[str, Any] = plain({**head, "models": judged, "paired": pairs, "thresholds": thresholds})
    return found


def write_results(
    out: Path,
    models: Mapping[str, Judged],
    catalogs: Sequence[str],
    pairs: Mapping[str, Mapping[str, PairedTest]],
    thresholds: Mapping[str, Confirmed],
    *,
    choosing: bool,
) -> dict[str, Any]:
    """Write everything, and return what ``figures.json`` holds.

    ``choosing``: the thresholds of the first model are written too.
    """
    values = figures_mapping(models, catalogs, pairs, thresholds)
    title = f"Evaluation of {', '.join(models)}"
    byline = f"On {', '.join(catalogs)}."
    footer = f"Made by avianvox {__version__}. No part is loaded from a network."
    contents = {
        PAGE: html_page(title, byline, sections(models, pairs, thresholds), footer),
        FIGURES: json.dumps(values, indent=1, allow_nan=False) + "\n",
        SPECIES: _csv(_SPECIES_COLUMNS, _species_rows(models)),
        RECORDINGS: _csv(_RECORDING_COLUMNS, _recording_rows(models)),
    }
    if choosing:
        first = next(iter(models.values()))
        chosen = {question: one.chosen for question, one in thresholds.items()}
        contents[THRESHOLDS] = document(first.digest, first.asked, chosen)
    for name, content in contents.items():
        with atomic_write(out / name) as stream:
            stream.write(valid_unicode(content))
    best = [replace(one.best, catalogs=tuple(catalogs)) for one in models.values()]
    kept = {one.write(out / ANSWERS) for one in best}
    for stale in set((out / ANSWERS).glob(f"*{ENDING}")) - kept:
        stale.unlink(missing_ok=True)
    return values


def _species_rows(models: Mapping[str, Judged]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for label, one in models.items():
        for species, found in one.figures.species.items():
            taken = "; ".join(f"{other} {n}" for other, n in found["taken_for"].items())
            rows.append({"model": label, "species": species, **found, "taken_for": taken})
        rows += [{"model": label, "species": species} for species in one.answers.classes.unknown]
    return rows


def _recording_rows(models: Mapping[str, Judged]) -> list[dict[str, Any]]:
    return [
        {
            "model": label,
            "id": recording.id,
            "path": str(recording.path),
            "begin_s": recording.begin_s,
            "end_s": recording.end_s,
            "label": recording.label,
            "named": one.answers.named(i),
            "score": float(one.answers.scores[i].max()),
            "trained_on": "yes" if one.seen[i] else "no",
        }
        for label, one in models.items()
        for i, recording in enumerate(one.answers.recordings)
    ]


def _csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.6f}" if isfinite(value) else ""
    return value
