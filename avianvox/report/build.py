"""From a run folder to ``report.html``, ``report.md`` with its pictures, and ``report.json``."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avianvox import __version__
from avianvox.calibration.calibrate import calibrate_run
from avianvox.dataset.taxonomy import Taxonomy
from avianvox.errors import InputError, OutputError
from avianvox.evaluation.figures import GROUPED
from avianvox.evaluation.plain import counted
from avianvox.evaluation.rules import RULES
from avianvox.evaluation.run_folder import calibration_path, read_json
from avianvox.evaluation.saved_run import SavedRun
from avianvox.files import atomic_write, named, output_error
from avianvox.pages.blocks import PICTURES, Counter, Section
from avianvox.pages.page import html_page
from avianvox.pages.plot import standalone
from avianvox.report.confusion import confusion_section
from avianvox.report.curves import curves_section
from avianvox.report.data_card import classes_section, data_section, settings_section
from avianvox.report.durations import durations_section
from avianvox.report.folds import folds_section
from avianvox.report.hierarchy import hierarchy_section
from avianvox.report.ladder import ladder_section, value
from avianvox.report.learning import crops_section, learning_section
from avianvox.report.mistakes import mistakes_section
from avianvox.report.overview import summary_section, tasks_summary
from avianvox.report.tasks import task_sections
from avianvox.report.trust import automation_section, calibration_section, thresholds_section
from avianvox.words import valid_unicode

KIND = "avianvox report"
FORMAT_VERSION = 1
HTML, MARKDOWN, JSON = "report.html", "report.md", "report.json"
N_CLIPS = 8


@dataclass(frozen=True)
class Report:
    """A report before it is written.

    ``model``, ``grouping``: what it looks at closely; the ladder holds every model and grouping.
    """

    title: str
    byline: str
    model: str
    grouping: str
    sections: tuple[Section, ...]

    def to_mapping(self) -> dict[str, Any]:
        """Plain values for JSON; an undefined number is None."""
        sections = {s.key: {"absent": s.absent} if s.absent else dict(s.data) for s in self.sections}
        head = {"kind": KIND, "format_version": FORMAT_VERSION, "title": self.title}
        mapping = {**head, "model": self.model, "grouping": self.grouping, "sections": sections}
        return {key: _finite(value) for key, value in mapping.items()}


def write_report(run: SavedRun, out: Path, *, model: str | None = None, n_clips: int = N_CLIPS) -> Report:
    """Write the report of a cross-validation into the folder ``out``.

    Parameters
    ----------
    run : SavedRun
    out : Path
        Made when it does not exist.
    model : str, optional
        The model to look at closely; by default the best one on grouped folds.
    n_clips : int
        Mistakes to show with their sounds.

    Raises
    ------
    InputError, RunError
        The run has no such model, or no figures.
    OutputError
        ``out`` cannot be written.
    """
    for name in (HTML, MARKDOWN, JSON):
        if (out / name).is_file() and b"avianvox" not in (out / name).read_bytes():
            raise OutputError(f"cannot write {out / name}: there is a file of yours; name another folder")
    report = build_report(run, model=model, n_clips=n_clips)
    footer = (
        f"Made by avianvox {__version__} from the run `{named(run.path).name}`. "
        "No part is loaded from a network."
    )
    counter = Counter()
    page = html_page(report.title, report.byline, report.sections, footer)
    text = _markdown(report, counter, footer)
    try:
        (out / PICTURES).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(error, out) from error
    values = json.dumps(report.to_mapping(), indent=1, allow_nan=False) + "\n"
    pictures = {f"{PICTURES}/{key}.svg": standalone(svg) for key, svg in counter.pictures.items()}
    for file, content in {**pictures, HTML: page, MARKDOWN: text, JSON: values}.items():
        with atomic_write(out / file) as stream:
            stream.write(valid_unicode(content))
    return report


def build_report(run: SavedRun, *, model: str | None = None, n_clips: int = N_CLIPS) -> Report:
    """Put a report together; parameters and errors as in `write_report`."""
    if n_clips < 0:
        raise InputError(f"report: expected 0 clips or more, got {n_clips}")
    figures = run.figures
    groupings = sorted(run.groupings, key=lambda g: g not in GROUPED)
    grouping = groupings[0]
    model = model or _best_model(figures, grouping, run)
    run.check(model, grouping)
    names_species = model in run.species_models
    sections = (
        *(
            _species_sections(run, figures, model, groupings, n_clips)
            if names_species
            else _tasks_alone(run, figures, model, groupings)
        ),
        data_section(run.recordings, run.labels),
        settings_section(
            run.config, _optional(run.path / "versions.json"), _optional(run.path / "timings.json")
        ),
    )
    title = (
        f"Cross-validation of {counted(len(run.models), 'model')} on "
        f"{counted(len(run.recordings), 'recording')}"
        + (f" of {counted(len(run.labels), 'class')}" if names_species else "")
    )
    byline = (
        f"Except in comparisons of models, all figures are those of `{model}` on {grouping} folds, pooled "
        "over the folds. Each recording was scored by a model that was not trained on its fold."
    )
    return Report(title, byline, model, grouping, sections)


def _species_sections(
    run: SavedRun, figures: Mapping[str, Any], model: str, groupings: Sequence[str], n_clips: int
) -> tuple[Section, ...]:
    """What is said of a model that names species, and of its tasks."""
    grouping = groupings[0]
    pooled = {g: run.pooled(model, g) for g in groupings}
    chosen = pooled[grouping]
    found = _calibration(run, model, grouping)
    taxonomy = Taxonomy.of(run.labels)
    classes = figures["models"][model]["groupings"][grouping]["classes"]
    return (
        summary_section(run, figures, found, model, grouping),
        ladder_section(figures, groupings, model),
        folds_section(figures, run.audit),
        confusion_section(pooled, taxonomy),
        hierarchy_section(pooled, taxonomy),
        curves_section(chosen, run.labels, grouping),
        calibration_section(found, grouping),
        thresholds_section(found),
        automation_section(found, grouping),
        *task_sections(run, model, groupings),
        mistakes_section(
            chosen, run.splits[grouping], run.recordings, run.labels, run.windows_of(model), n_clips
        ),
        classes_section(classes, run.labels, grouping),
        learning_section(figures, groupings),
        crops_section(figures, groupings),
        durations_section(figures, model, groupings),
    )


def _tasks_alone(
    run: SavedRun, figures: Mapping[str, Any], model: str, groupings: Sequence[str]
) -> tuple[Section, ...]:
    """What is said of a model that was asked for no species."""
    return (
        tasks_summary(run, model, groupings[0]),
        folds_section(figures, run.audit),
        *task_sections(run, model, groupings),
    )


def _calibration(run: SavedRun, model: str, grouping: str) -> Mapping[str, Any]:
    """What ``avianvox calibrate`` left in the run folder, or would with its usual options."""
    path = calibration_path(run.path, model, grouping)
    return read_json(path) if path.exists() else calibrate_run(run, model, grouping=grouping).to_mapping()


def _best_model(figures: Mapping[str, Any], grouping: str, run: SavedRun) -> str:
    """The highest accuracy per recording; rules that never listen only where there is nothing else.

    The first one where none names species.
    """

    def rank(model: str) -> tuple[bool, float]:
        figure = value(figures["models"][model]["groupings"][grouping]["recording"]["accuracy"])
        return model not in RULES, -1.0 if figure is None else figure

    return max(run.species_models, key=rank) if run.species_models else run.models[0]


def _markdown(report: Report, counter: Counter, footer: str) -> str:
    parts = [f"# {report.title}", report.byline]
    for k, section in enumerate(report.sections):
        if k:
            parts.append(f"## {k} {section.title}")
        parts += [section.absent] if section.absent else [block.markdown(counter) for block in section.blocks]
    return "\n\n".join([*parts, footer]).replace("<", "&lt;") + "\n"  # names come from catalogs


def _optional(path: Path) -> dict[str, Any]:
    return read_json(path) if path.exists() else {}


def _finite(value: Any) -> Any:
    """Plain values with None in the place of what JSON has no word for."""
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
