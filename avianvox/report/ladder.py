"""The ladder of models with all foldings side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from avianvox.evaluation.figures import GROUPED
from avianvox.evaluation.ladder import p_text
from avianvox.pages.blocks import (
    MISSING,
    Block,
    Chart,
    Column,
    Section,
    Table,
    estimate,
    number,
)
from avianvox.pages.markup import Markup
from avianvox.pages.plot import Axis, Plot, round_step

FIGURE_TITLES = {
    "accuracy": "accuracy",
    "top3": "top 3",
    "top5": "top 5",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "mean_average_precision": "mean AP",
    "mean_roc_auc": "mean ROC AUC",
}


def styles(groupings: Sequence[str]) -> dict[str, str]:
    """Grouped folds as full blue dots, random ones as open orange ones."""
    grouped = [g for g in groupings if g in GROUPED]
    loose = [g for g in groupings if g not in GROUPED]
    colours = {g: css for g, css in zip(grouped, ("s1", "s3", "s4"), strict=False)}
    return colours | {g: css for g, css in zip(loose, ("s2 open", "s4 open"), strict=False)}


def cell(figure: Mapping[str, Any] | None) -> str:
    """A figure over all folds with its interval; mean and deviation over the folds where it has none."""
    if figure is None:
        return number(None)
    if figure.get("low") is not None:
        return estimate(figure["pooled"], figure["low"], figure["high"])
    deviation = figure.get("deviation")
    return number(figure["mean"]) + (f" ± {deviation:.3f}" if deviation is not None else "")


def value(figure: Mapping[str, Any]) -> float | None:
    """The figure that `cell` prints."""
    shown: float | None = figure["pooled"] if figure.get("low") is not None else figure["mean"]
    return shown


def ladder_section(figures: Mapping[str, Any], groupings: Sequence[str], shown: str) -> Section:
    """All models, each under every grouping.

    Parameters
    ----------
    figures : mapping
        ``figures.json``.
    groupings : sequence of str
        The one to lead with first.
    shown : str
        The model that the rest of the report is about.
    """
    models = figures["models"]
    first = groupings[0]
    gaps = list(next(iter(models.values()))["gap"])
    columns = [Column("model", "text")]
    columns += [
        Column("gap" if len(gaps) == 1 else f"gap to {g}", "+z.3f", "random minus grouped") for g in gaps
    ]
    columns += [Column(f"{g} folds", ".3f", "accuracy per recording, 95 % interval") for g in groupings]
    rows = [
        (
            m,
            *(entry["gap"][g]["recording"]["accuracy"] for g in gaps),
            *(cell(entry["groupings"][g]["recording"]["accuracy"]) for g in groupings),
        )
        for m, entry in models.items()
    ]
    has_interval = any(
        entry["groupings"][first]["recording"]["accuracy"].get("low") is not None for entry in models.values()
    )
    spread = (
        "with 95 % intervals from resampling whole sessions"
        if has_interval
        else "mean ± standard deviation over the folds"
    )
    caption = (
        f"Accuracy per recording, {spread}. The gap is the accuracy on random folds minus that on grouped "
        "folds, from unrounded figures."
    )
    there = next(iter(models.values()))["groupings"][first]["recording"]
    idle = [f"top{k}" for k in (3, 5) if k >= figures["n_classes"]]  # right whatever is answered
    names = [name for name in FIGURE_TITLES if name in there and name not in idle]
    blocks: list[Block] = [
        Chart(
            "ladder",
            f"Accuracy per recording, {spread}. Dashed: chance.",
            (_ladder_chart(models, groupings, shown, figures["n_classes"]),),
            wide=True,
        ),
        Table(caption, tuple(columns), rows),
        Table(
            f"Further figures per recording, {first} folds. AP and ROC AUC are also means over the folds.",
            (
                Column("model"),
                *(Column(FIGURE_TITLES[n], ".3f") for n in names),
                Column("accuracy per window", ".3f"),
            ),
            [
                (
                    m,
                    *(value(entry["groupings"][first]["recording"][n]) for n in names),
                    entry["groupings"][first]["window"]["accuracy"]["pooled"],
                )
                for m, entry in models.items()
            ],
        ),
    ]
    if neighbours := figures.get("neighbours"):
        blocks.append(_neighbours(neighbours))
    data = {"models": models, "neighbours": figures.get("neighbours", [])}
    return Section("ladder", "Comparison of models", tuple(blocks), data)


def _ladder_chart(models: Mapping[str, Any], groupings: Sequence[str], shown: str, n_classes: int) -> Markup:
    css = styles(groupings)
    lines = [
        (m, g, entry["groupings"][g]["recording"]["accuracy"])
        for m, entry in models.items()
        for g in groupings
    ]
    spans = [_span(figure) for *_, figure in lines]
    top = max([0.05, *(span[1] for span in spans if span is not None)])
    step = round_step(top / 5)
    n = len(models)
    y = Axis(n - 0.4, -0.6, ticks=tuple((k, m) for k, m in enumerate(models)))
    x = Axis(0.0, min(1.0, step * -(-top // step)), "accuracy per recording")
    plot = Plot(x, y, title="Accuracy of each model", left=100.0, top=26.0, height=78.0 + 24 * n)
    chance = 1 / n_classes
    plot.span((chance, chance), (y.low, y.high), "s0 dashed")
    offset = {g: (k - (len(groupings) - 1) / 2) * 0.26 for k, g in enumerate(groupings)}
    row = {m: k for k, m in enumerate(models)}
    for (m, g, figure), span in zip(lines, spans, strict=True):
        middle, at = value(figure), row[m] + offset[g]
        if middle is None or span is None:
            continue
        plot.span((max(span[0], 0.0), min(span[1], x.high)), (at, at), css[g])
        plot.dot(middle, at, css[g], tip=f"{m}, {g} folds: {cell(figure)}", radius=4.5 if m == shown else 3.8)
    for k, g in enumerate(groupings):
        plot.legend([(css[g], f"{g} folds")], 0.02 + 0.32 * k, 1 + 8 / (24 * n + 10))
    return plot.svg()


def _span(figure: Mapping[str, Any]) -> tuple[float, float] | None:
    """The interval of a figure; its mean and deviation where it has none."""
    if figure.get("low") is not None:
        return figure["low"], figure["high"]
    if figure["mean"] is None:
        return None
    deviation = figure.get("deviation") or 0.0
    return figure["mean"] - deviation, figure["mean"] + deviation


def _neighbours(rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = (
        Column("folds"),
        Column("from"),
        Column("to"),
        Column("difference", "+z.3f", "in accuracy per recording, 95 % interval"),
        Column("p", ".3f", "sign flips of whole sessions"),
    )
    cells = []
    for row in rows:
        p = MISSING if row["p_value"] is None else p_text(row["p_value"])
        difference = f"{row['difference']:+.3f}"
        if row["low"] is not None:
            difference += f" [{row['low']:+.3f}, {row['high']:+.3f}]"
        cells.append((row["grouping"], row["lower"], row["higher"], difference, p))
    caption = (
        "Each model against the next lower one, on the same recordings. p-values are from sign flips of "
        "whole sessions and are not corrected for multiple tests. Intervals reflect the choice of test "
        "sessions only."
    )
    return Table(caption, columns, cells, folded=True)
