"""Accuracy of the classes against their minutes: the published report's figure 13."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from avianvox.pages.blocks import Chart, Section, Text, number
from avianvox.pages.markup import Markup
from avianvox.pages.plot import Axis, Plot

_N_NAMED = 6
"""Most classes that bear their names, those farthest from the line; the others tell it when pointed at."""
_LETTER = 4.6
"""Width that a letter of a name takes, in units of the plot."""


def durations_section(figures: Mapping[str, Any], model: str, groupings: Sequence[str]) -> Section:
    """One scatter for each grouping, from ``figures.json``."""
    title = "Accuracy and duration"
    by_grouping = figures["models"][model]["groupings"]
    found = {g: by_grouping[g].get("duration") for g in groupings}
    shown = {g: one for g, one in found.items() if one and one["classes"]}
    if not shown:
        absent = "The catalog holds no durations, so accuracy and duration cannot be compared."
        return Section("durations", title, absent=absent)
    if all(one["pearson"] is None for one in shown.values()):
        absent = (
            "Accuracy and duration cannot be compared: there are fewer than three classes, or all are equal."
        )
        return Section("durations", title, absent=absent)
    words = [
        f"{g.capitalize()} folds: r = {number(one['pearson'], '+.2f')} "
        f"(p = {number(one['pearson_p'], '.2g')}), rank correlation {number(one['spearman'], '+.2f')} "
        f"(p = {number(one['spearman_p'], '.2g')}), slope {number(one['slope'], '+.3f')} per minute."
        for g, one in shown.items()
    ]
    text = Text(
        "Species with little sound may have a low accuracy because there is less training data. A model may "
        "also learn the duration itself: padding shows it, and so does the seam in a looped short recording. "
        f"{' '.join(words)} p-values are from random pairing."
    )
    caption = (
        f"Recall of `{model}` for each species against its minutes of recordings, with the least-squares "
        f"line ({' and '.join(shown)} folds)."
    )
    chart = Chart("durations", caption, tuple(_scatter(g, one) for g, one in shown.items()))
    return Section("durations", title, (text, chart), shown)


class _Box(NamedTuple):
    """The room that a dot or a name takes: its middle, and half of its sides."""

    x: float
    y: float
    half_width: float
    half_height: float

    def touches(self, other: "_Box") -> bool:
        return (
            abs(self.x - other.x) < self.half_width + other.half_width
            and abs(self.y - other.y) < self.half_height + other.half_height
        )


def _scatter(grouping: str, found: Mapping[str, Any]) -> Markup:
    classes = found["classes"]
    longest = max(one["minutes"] for one in classes.values())
    plot = Plot(
        Axis(0.0, longest * 1.08, "minutes per species"),
        Axis(-0.02, 1.02, "recall", tuple((k / 5, f"{k / 5:g}") for k in range(6))),
        title=f"Recall against minutes, {grouping} folds",
    )
    slope, intercept = found["slope"], found["intercept"]
    if slope is not None:
        ends = [min(one["minutes"] for one in classes.values()), longest]
        plot.line(ends, [min(max(intercept + slope * x, 0.0), 1.0) for x in ends], "s2")
    off = {
        label: abs(one["accuracy"] - (intercept or 0.0) - (slope or 0.0) * one["minutes"])
        for label, one in classes.items()
    }
    for label, one in classes.items():
        plot.dot(
            one["minutes"],
            one["accuracy"],
            "s1",
            tip=f"{label}: {one['minutes']:.1f} minutes, recall {one['accuracy']:.2f}",
            radius=3.5,
        )
    taken = [
        _Box(plot.at_x(one["minutes"]), plot.at_y(one["accuracy"]), 4.0, 5.0) for one in classes.values()
    ]
    for label in sorted(off, key=lambda label: -off[label]):
        x, y = classes[label]["minutes"], classes[label]["accuracy"]
        left, half = x > longest * 0.6, len(label) * _LETTER / 2
        box = _Box(plot.at_x(x) + (-1 if left else 1) * (8 + half), plot.at_y(y), half, 5.0)
        if len(taken) < len(classes) + _N_NAMED and not any(map(box.touches, taken)):
            taken.append(box)
            plot.text(x, y, label, anchor="end" if left else "start", dx=-6.0 if left else 6.0, css="species")
    plot.corner(f"{grouping} folds")
    return plot.svg()
