"""What a judgement of boxes leaves in its folder: a page, figures, pictures, and thresholds where they are
chosen."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from avianvox import __version__
from avianvox.boxes.figures import Confirmed, confirm
from avianvox.boxes.judge import Judged
from avianvox.boxes.matching import Sound
from avianvox.boxes.page import QUESTIONS, charts, sections
from avianvox.documents import MISSHAPEN, Kind
from avianvox.errors import InputError, OutputError
from avianvox.evaluation.detection import DetectionRow, Metric, Question, best_threshold, count_figures
from avianvox.evaluation.plain import plain
from avianvox.files import atomic_write, output_error
from avianvox.pages.page import html_page
from avianvox.pages.plot import standalone
from avianvox.words import valid_unicode

KIND = "avianvox box evaluation"
CHOSEN = Kind(
    "file of box thresholds",
    "avianvox box thresholds",
    1,
    InputError,
    "name what 'avianvox boxes judge --thresholds choose' wrote",
    "choose them again",
)
PAGE, FIGURES, THRESHOLDS, PICTURES = "boxes.html", "figures.json", "thresholds.json", "pictures"
_MARKS = {PAGE: b"avianvox", FIGURES: KIND.encode(), THRESHOLDS: CHOSEN.name.encode()}


def open_folder(out: Path) -> None:
    """Make the folder; a file of somebody else in the place of a result is refused."""
    for name, mark in _MARKS.items():
        if (out / name).exists() and mark not in (out / name).read_bytes():
            raise OutputError(f"cannot write {out / name}: there is a file of yours; name another folder")
    try:
        (out / PICTURES).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(error, out) from error


def choose(rows: Sequence[DetectionRow], metric: Metric) -> dict[Question, DetectionRow]:
    """The row that maximises a metric for each question; none where it is undefined everywhere."""
    found: dict[Question, DetectionRow] = {}
    for question in QUESTIONS:
        try:
            found[question] = best_threshold(rows, metric, question=question)
        except InputError:
            continue
    return found


def document(rows: Sequence[DetectionRow], metric: Metric, least_iou: float) -> dict[str, Any]:
    """Chosen thresholds, for another set of recordings."""
    chosen = {
        question: {"threshold": row.threshold, "counts": plain(getattr(row, question))}
        for question, row in choose(rows, metric).items()
    }
    return {**CHOSEN.head, "metric": metric, "iou": least_iou, "thresholds": chosen}


def confirm_file(path: Path, sounds: Sequence[Sound], *, least_iou: float) -> list[Confirmed]:
    """Thresholds of an earlier judgement on these recordings, unchanged.

    Raises
    ------
    InputError
        The file is none of `document`, or of another IoU.
    """
    values = CHOSEN.read(path)
    try:
        if values["iou"] != least_iou:
            raise InputError(f"{path}: chosen at IoU {values['iou']:g}, asked is {least_iou:g}; use the same")
        return [
            _confirmed(question, values["metric"], values["thresholds"][question], sounds, least_iou)
            for question in QUESTIONS
            if question in values["thresholds"]
        ]
    except MISSHAPEN as error:
        raise InputError(f"{path} is not a file of box thresholds ({error}); choose them again") from error


def _confirmed(
    question: Question, metric: Metric, one: Mapping[str, Any], sounds: Sequence[Sound], least_iou: float
) -> Confirmed:
    counts = count_figures(*(int(one["counts"][key]) for key in ("tp", "fp", "fn", "tn")))
    row = DetectionRow(float(one["threshold"]), counts, counts)
    return confirm([row], sounds, metric=metric, question=question, least_iou=least_iou)


def figures_of(judged: Judged) -> dict[str, Any]:
    """What ``figures.json`` holds."""
    return {"kind": KIND, "avianvox": __version__, **plain(judged)}


def write_results(
    out: Path, judged: Judged, *, byline: str, choosing: Metric | None = None, png: bool = False
) -> None:
    """Write everything."""
    footer = f"Made by avianvox {__version__}. No part is loaded from a network."
    contents = {
        PAGE: html_page("Boxes", byline, sections(judged), footer),
        FIGURES: json.dumps(figures_of(judged), indent=1, allow_nan=False) + "\n",
    }
    if choosing is not None:
        chosen = document(judged.thresholds, choosing, judged.least_iou)
        contents[THRESHOLDS] = json.dumps(chosen, indent=1, allow_nan=False) + "\n"
    pictures = charts(judged)
    contents |= {f"{PICTURES}/{name}.svg": standalone(picture) for name, picture in pictures.items()}
    for name, content in contents.items():
        with atomic_write(out / name) as stream:
            stream.write(valid_unicode(content))
    if png:
        from avianvox.pages.raster import png_of

        for name, picture in pictures.items():
            with atomic_write(out / PICTURES / f"{name}.png", "wb") as file:
                file.write(png_of(picture))
