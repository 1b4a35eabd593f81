"""What a pipeline labels without a person, on a page: a table of stages, and shares over accuracies."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from avianvox import __version__
from avianvox.calibration.pipeline import PipelineShare, Stage, StageShare
from avianvox.evaluation.plain import counted, plain
from avianvox.pages.blocks import Cell, Chart, Column, Section, Table, Text
from avianvox.pages.markup import Markup
from avianvox.pages.page import html_page
from avianvox.pages.plot import Axis, Plot

TARGETS = np.round(np.arange(0.5, 1.0, 0.02), 2)
"""Accuracies over which shares are drawn."""

_COLOURS = ("s2", "s3", "s4", "s5")


def pipeline_mapping(found: PipelineShare, curve: Sequence[PipelineShare]) -> dict[str, Any]:
    """Plain values: the shares at the wanted accuracies, and those over all accuracies."""
    over = {
        "targets": TARGETS.tolist(),
        "shares": [one.share for one in curve],
        "accuracies": [one.accuracy for one in curve],
    }
    mapping: dict[str, Any] = plain({"kind": "avianvox pipeline", **plain(found), "curve": over})
    return mapping


def pipeline_page(
    title: str, stages: Sequence[Stage], found: PipelineShare, curve: Sequence[PipelineShare]
) -> str:
    """The page as HTML; ``curve`` is `pipeline_curve` over `TARGETS`."""
    right = "" if np.isnan(found.accuracy) else f" {found.accuracy:.1%} of these are right in every stage."
    text = (
        f"{counted(found.n, 'recording')}. {found.share:.1%} are labelled without a person at the accuracies "
        f"wanted of each stage.{right} Without thresholds, {found.unaided:.1%} of all are right in every "
        "stage. The thresholds of a fold are chosen on the other folds."
    )
    columns = (
        Column("stage"),
        Column("accuracy wanted", ".1%"),
        Column("threshold", ".3f"),
        Column("asked", "d"),
        Column("automatic", ".1%"),
        Column("accuracy of these", ".1%"),
        Column("accuracy of all answers", ".1%"),
    )
    rows: list[tuple[Cell, ...]] = [
        (s.name, s.target, threshold_cell(s), s.asked, s.share, s.accuracy, s.unaided) for s in found.stages
    ]
    caption = "Share of recordings that are labelled automatically, over the accuracy wanted of every stage."
    blocks = (
        Text(text),
        Table(
            "Stages in their order: recordings that come to each, and the share labelled automatically.",
            columns,
            rows,
        ),
        Chart("pipeline", caption, (share_panel(stages, curve),)),
    )
    footer = f"Made by avianvox {__version__}. No part is loaded from a network."
    return html_page(title, "", (Section("pipeline", "Pipeline", blocks),), footer)


def threshold_cell(stage: StageShare) -> Cell:
    """The threshold of a stage, or the word none where no score has the wanted accuracy."""
    return stage.threshold if np.isfinite(stage.threshold) else "none"


def share_panel(stages: Sequence[Stage], curve: Sequence[PipelineShare]) -> Markup:
    """Shares of the whole and of each stage, over the accuracy wanted of every stage."""
    plot = Plot(
        Axis(float(TARGETS[0]), 1.0, "accuracy wanted of every stage"),
        Axis(0.0, 1.0, "share labelled automatically"),
        title="Automation of the pipeline",
        top=26.0,
    )
    series = {
        stage.name: (css, [one.stages[k].share for one in curve])
        for k, (stage, css) in enumerate(zip(stages, _COLOURS, strict=False))
    }
    series["whole pipeline"] = ("s1", [one.share for one in curve])
    for name, (css, values) in series.items():
        plot.line(TARGETS, values, css, tip=name)
    plot.legend([(css, name) for name, (css, _) in series.items()], 0.02, 0.04 + 0.06 * (len(series) - 1))
    return plot.svg()
