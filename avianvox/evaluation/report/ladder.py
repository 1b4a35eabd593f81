"""The ladder of models with both foldings side by side, what the folds share, and learning curves."""

from collections.abc import Mapping, Sequence
from typing import Any

from avianvox.evaluation.report.blocks import (
    Block,
    Chart,
    Column,
    Findings,
    Section,
    Table,
    Text,
    estimate,
    number,
)
from avianvox.evaluation.report.markup import Markup
from avianvox.evaluation.report.plot import Axis, Plot, round_step
from avianvox.evaluation.summary import GROUPED

FIGURE_TITLES = {
    "accuracy": "accuracy",
    "top3": "top 3",
    "top5": "top 5",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "mean_average_precision": "mean AP",
    "mean_roc_auc": "mean ROC AUC",
}

_N_COLOURS = 6
_MOST_BANDS = 3
"""Curves whose intervals can be told apart."""


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
    return figure["pooled"] if figure.get("low") is not None else figure["mean"]


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
    columns += [Column(f"{g} folds", ".3f", "accuracy per recording, 95 % interval") for g in groupings]
    columns += [
        Column("gap" if len(gaps) == 1 else f"gap to {g}", "+.3f", "random minus grouped") for g in gaps
    ]
    rows = [
        (
            m,
            *(cell(entry["groupings"][g]["recording"]["accuracy"]) for g in groupings),
            *(entry["gap"][g]["recording"]["accuracy"] for g in gaps),
        )
        for m, entry in models.items()
    ]
    has_interval = any(
        entry["groupings"][first]["recording"]["accuracy"].get("low") is not None for entry in models.values()
    )
    spread = (
        "with 95 % intervals from resampling whole sessions"
        if has_interval
        else "mean ± deviation over the folds"
    )
    caption = f"Accuracy per recording, {spread}. The gap is what random folds flatter a model by."
    names = [n for n in FIGURE_TITLES if n in next(iter(models.values()))["groupings"][first]["recording"]]
    blocks: list[Block] = [
        Chart(
            "ladder",
            f"Accuracy per recording, {spread}.",
            (_ladder_chart(models, groupings, shown),),
            wide=True,
        ),
        Table(caption, tuple(columns), rows),
        Table(
            f"Further figures, {first} folds, per recording.",
            (
                Column("model"),
                *(Column(FIGURE_TITLES[n], ".3f") for n in names),
                Column("accuracy per window", ".3f"),
            ),
            [
                (
                    m,
                    *(value(entry["groupings"][first]["recording"][n]) for n in names),
                    value(entry["groupings"][first]["window"]["accuracy"]),
                )
                for m, entry in models.items()
            ],
        ),
    ]
    if neighbours := figures.get("neighbours"):
        blocks.append(_neighbours(neighbours))
    data = {"models": models, "neighbours": figures.get("neighbours", [])}
    return Section("ladder", "The ladder of models", tuple(blocks), data)


def _ladder_chart(models: Mapping[str, Any], groupings: Sequence[str], shown: str) -> Markup:
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
        Column("difference", "+.3f", "of the accuracy per recording, 95 % interval"),
        Column("p", ".3f", "sign flips of whole sessions"),
    )
    cells = []
    for row in rows:
        p = row["p_value"]
        difference = f"{row['difference']:+.3f}"
        if row["low"] is not None:
            difference += f" [{row['low']:+.3f}, {row['high']:+.3f}]"
        cells.append((row["grouping"], row["lower"], row["higher"], difference, p))
    caption = (
        "Each rung against the one below it, on the same recordings; p by flipping signs of whole sessions."
    )
    return Table(caption, columns, cells, folded=True)


def learning_section(figures: Mapping[str, Any], groupings: Sequence[str]) -> Section:
    """Accuracy against the number of training recordings of a class, where that was run."""
    rows = figures.get("learning_curve") or []
    title = "Learning curves"
    if not rows:
        absent = "Not run; `avianvox crossval CATALOG --per-class 2,4,8 --out RUN` adds them."
        return Section("learning", title, absent=absent)
    models = list(dict.fromkeys(row["model"] for row in rows))
    top = min(1.0, 1.1 * max(row["high"] or row["accuracy"] for row in rows))
    panels = []
    for grouping in groupings:
        if mine := [row for row in rows if row["grouping"] == grouping]:
            panels.append(_learning_chart(mine, models, top, f"{grouping} folds"))
    caption = (
        "Accuracy by the number of training recordings, placed by their sum on a logarithmic scale; 95 % "
        "intervals from resampling whole sessions."
    )
    return Section("learning", title, (Chart("learning", caption, tuple(panels)),), {"rows": list(rows)})


def _learning_chart(
    rows: Sequence[Mapping[str, Any]], models: Sequence[str], top: float, title: str
) -> Markup:
    sizes = {row["per_class"]: row["n_train"] for row in rows}
    x = Axis(
        min(sizes.values()) * 0.9,
        max(sizes.values()) * 1.1,
        "training recordings of a species, at most",
        tuple((n, str(per_class or "all")) for per_class, n in sizes.items()),
        log=True,
    )
    plot = Plot(x, Axis(0.0, top, "accuracy per recording"), title=f"Learning curves, {title}")
    css = {model: f"s{k % _N_COLOURS + 1}" for k, model in enumerate(models)}
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
    title = "One window instead of all"
    rows = []
    data: dict[str, Any] = {}
    for model, entry in figures["models"].items():
        for grouping in groupings:
            seeds = entry["groupings"][grouping].get("crop_seeds")
            if seeds:
                data.setdefault(model, {})[grouping] = seeds
                rows.append((model, grouping, *seeds["values"], seeds["mean"], seeds["deviation"]))
    if not rows:
        return Section(
            "crops", title, absent="This run holds no figures of single windows; repeat it to add them."
        )
    n = len(rows[0]) - 4
    columns = (
        Column("model"),
        Column("folds"),
        *(Column(f"seed {k + 1}", ".3f") for k in range(n)),
        Column("mean", ".3f"),
        Column("deviation", ".4f"),
    )
    text = Text(
        "One window is drawn from each test recording, as in the published test, under several seeds. A "
        "model that answers for a whole recording at once has no windows to draw from, and no deviation."
    )
    caption = "Accuracy with one window a recording."
    return Section("crops", title, (text, Table(caption, columns, rows)), data)


def folds_section(figures: Mapping[str, Any], audit: Mapping[str, Any] | None) -> Section:
    """What the audit found, and what the folds share with training."""
    columns = (
        Column("folds"),
        Column("training / test", "d"),
        Column("session shared", ".0%", "test recordings whose session stands in training too"),
        Column("recordist shared", ".0%", "test recordings whose recordist has the species in training too"),
        Column("not judged in some fold", "text"),
    )
    rows = []
    for grouping, report in figures["splits"].items():
        absent = sorted({*report["untrained"], *report["untested"]})
        names = ", ".join(f"*{label}*" for label in absent[:8]) + (
            f" and {len(absent) - 8} more" if absent[8:] else ""
        )
        sizes = ", ".join(f"{a} / {b}" for a, b in report["sizes"])
        rows.append((grouping, sizes, report["shared_session"], report["shared_recordist"], names or "none"))
    table = Table("What the folds share with their training parts.", columns, rows)
    findings = list(audit["findings"]) if audit else []
    if audit is None:
        first = Text("This run holds no audit; `avianvox audit CATALOG` makes one.")
        return Section("audit", "Audit", (first, table), {"splits": figures["splits"]})
    if not findings:
        return Section("audit", "Audit", (Text("The audit found nothing to object to."), table), dict(audit))
    return Section("audit", "Audit", (Findings(findings), table), {**audit, "splits": figures["splits"]})
