"""How accuracy depends on the amount of training, and on the window that is looked at."""

from collections.abc import Mapping, Sequence
from typing import Any

from avianvox.evaluation.rules import RULES
from avianvox.pages.blocks import Chart, Column, Section, Table, Text, estimate
from avianvox.pages.markup import Markup
from avianvox.pages.plot import Axis, Plot

_N_COLOURS = 6
_MOST_BANDS = 3
"""Curves whose intervals can be told apart."""


def learning_section(figures: Mapping[str, Any], groupings: Sequence[str]) -> Section:
    """Accuracy against the number of training recordings of a class, where that was run."""
    rows = [row for row in figures.get("learning_curve") or [] if row["model"] not in RULES]
    title = "Learning curves"
    if not rows:
        absent = "Not computed. To add them: `avianvox crossval CATALOG --per-class 2,4,8 --out RUN`."
        return Section("learning", title, absent=absent)
    models = list(dict.fromkeys(row["model"] for row in rows))
    top = min(1.0, 1.1 * max(row["high"] or row["accuracy"] for row in rows))
    panels = []
    for grouping in groupings:
        if mine := [row for row in rows if row["grouping"] == grouping]:
            panels.append(_learning_chart(mine, models, top, f"{grouping} folds"))
    caption = (
        "Accuracy against the total number of training recordings, on a logarithmic scale. Point at a dot "
        "for its 95 % interval, from resampling whole sessions."
    )
    return Section("learning", title, (Chart("learning", caption, tuple(panels)),), {"rows": list(rows)})


def _learning_chart(
    rows: Sequence[Mapping[str, Any]], models: Sequence[str], top: float, title: str
) -> Markup:
    sizes = {row["per_class"]: row["n_train"] for row in rows}
    x = Axis(
        min(sizes.values()) * 0.9,
        max(sizes.values()) * 1.1,
        "maximum number of training recordings per species",
        tuple((n, str(per_class or "all")) for per_class, n in sizes.items()),
        log=True,
    )
    plot = Plot(x, Axis(0.0, top, "accuracy per recording"), title=f"Learning curves, {title}")
    css = {
        model: f"s{k % _N_COLOURS + 1}" + (" dashed" if k >= _N_COLOURS else "")
        for k, model in enumerate(models)
    }
    for model in models:
        mine = sorted((row for row in rows if row["model"] == model), key=lambda row: row["n_train"])
        xs, ys = [row["n_train"] for row in mine], [row["accuracy"] for row in mine]
        if len(models) <= _MOST_BANDS and all(row["low"] is not None for row in mine):
            plot.band(xs, [row["low"] for row in mine], [row["high"] for row in mine], css[model])
        plot.line(xs, ys, css[model])
        for row in mine:
            known = estimate(row["accuracy"], row["low"], row["high"])
            tip = f"{model}, {row['n_train']:.0f} recordings: {known}"
            plot.dot(row["n_train"], row["accuracy"], css[model], tip=tip)
    plot.legend([(css[model], model) for model in models], 0.04, 0.95)
    plot.corner(title)
    return plot.svg()


def crops_section(figures: Mapping[str, Any], groupings: Sequence[str]) -> Section:
    """How much the accuracy depends on which window of a recording is looked at."""
    title = "Accuracy from one window"
    rows = []
    data: dict[str, Any] = {}
    for model, entry in figures["models"].items():
        for grouping in groupings:
            seeds = entry["groupings"][grouping].get("crop_seeds")
            if seeds and seeds["deviation"]:
                data.setdefault(model, {})[grouping] = seeds
                rows.append((model, grouping, *seeds["values"], seeds["mean"], seeds["deviation"]))
    if not rows:
        absent = (
            "No model of this run scores several windows of a recording, or an earlier version made the run."
        )
        return Section("crops", title, absent=absent)
    n = len(rows[0]) - 4
    columns = (
        Column("model"),
        Column("folds"),
        *(Column(f"seed {k + 1}", ".3f") for k in range(n)),
        Column("mean", ".3f"),
        Column("standard deviation", ".4f"),
    )
    text = Text(
        "One random window of each test recording is scored, as in the published test, with several seeds. "
        "Models that score a recording as a whole are left out."
    )
    caption = "Accuracy with one window per recording."
    return Section("crops", title, (text, Table(caption, columns, rows)), data)
