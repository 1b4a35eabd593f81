"""Pictures of answers to a task, one pair of axes each: ROC curves, confusion, predicted against real."""

from collections.abc import Sequence

import numpy as np

from avianvox.evaluation import curves
from avianvox.pages.blocks import number
from avianvox.pages.markup import Markup
from avianvox.pages.plot import Axis, Plot, step_corners

_COLOURS = ("s1", "s2", "s3", "s4", "s5", "s6")
_SHARES = (0.02, 0.1, 0.25, 0.5, 0.75)
"""Of a row of a confusion matrix: from each of them on, the next shade."""
_DEEP = 5
"""Shade from which on a number is written in the colour of the paper."""


def roc_panel(names: Sequence[str], positive: np.ndarray, scores: np.ndarray, corner: str) -> Markup:
    """The ROC curve of each class against the rest, with its area.

    Parameters
    ----------
    names : sequence of str, length n_classes
    positive : np.ndarray, shape (n, n_classes), bool
    scores : np.ndarray, shape (n, n_classes)
    corner : str
        What the panel is of.
    """
    plot = Plot(
        Axis(0.0, 1.0, "false positive rate"), Axis(0.0, 1.0, "true positive rate"), title="ROC curves"
    )
    plot.line((0, 1), (0, 1), "s0 dashed")
    shown = [c for c in range(len(names)) if 0 < positive[:, c].sum() < len(positive)]
    entries = []
    for k, c in enumerate(shown):
        curve = curves.roc_curve(positive[:, c], scores[:, c])
        text = f"{names[c]}: {number(float(curves.roc_auc(positive[:, c], scores[:, c])))}"
        css = _COLOURS[k] if len(shown) <= len(_COLOURS) else "s4 thin"
        plot.line(*step_corners(curve.x, curve.y), css, tip=text)
        entries.append((css, text))
    if len(shown) <= len(_COLOURS):
        plot.legend(entries, 0.5, 0.06 + 0.058 * max(len(entries) - 1, 0))
    plot.text(1, 0, corner, anchor="end", dx=-4, dy=-8 - 15 * len(entries[: len(_COLOURS)]), css="strong")
    return plot.svg()


def confusion_panel(names: Sequence[str], counts: np.ndarray, corner: str) -> Markup:
    """Counts, row = real, column = predicted; a cell is the darker the more of its row it holds."""
    n = len(names)
    left = max(42.0, 24.0 + 6.0 * max(map(len, names)))  # beside the word "real"
    ticks = tuple((i + 0.5, name) for i, name in enumerate(names))
    plot = Plot(
        Axis(0.0, float(n), "predicted", ticks=()),
        Axis(float(n), 0.0, "real", ticks=ticks),
        title="Confusion matrix",
        left=left,
        top=26.0,
        height=max(160.0, 110.0 + 22.0 * n),
    )
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shades = np.where(counts > 0, 1 + np.searchsorted(_SHARES, shares, side="right"), 0)
    for row in range(n):
        for column in range(n):
            shade, count = int(shades[row, column]), int(counts[row, column])
            tip = f"{names[row]} named {names[column]}: {count}"
            plot.cells([(column, column + 1, row, row + 1)], f"h{shade}", tip=tip)
            if count:
                css = "deep" if shade >= _DEEP else ""
                plot.text(column + 0.5, row + 0.5, str(count), anchor="middle", css=css)
    for column, name in enumerate(names):
        plot.text(column + 0.5, n, _fitting(name, n), anchor="middle", dy=14, css="soft")
    plot.text(n, 0, corner, anchor="end", dy=-8, css="strong")
    return plot.svg()


def _fitting(name: str, n: int) -> str:
    """A name below a column of ``n``; only so much of it as fits."""
    room = max(3, round(56 / n))
    return name if len(name) <= room else f"{name[: room - 1]}…"


def against_panel(real: np.ndarray, predicted: np.ndarray, unit: str, corner: str) -> Markup:
    """A dot for each recording; on the dashed line, predicted and real are equal."""
    values = np.concatenate([real, predicted])
    low, high = float(values.min()), float(values.max())
    room = 0.04 * (high - low or 1.0)
    words = [f"{word} ({unit})" if unit else word for word in ("real", "predicted")]
    axes = [Axis(low - room, high + room, word) for word in words]
    plot = Plot(*axes, title="Predicted against real", left=58.0, top=22.0)
    plot.line((low, high), (low, high), "s0 dashed")
    for x, y in zip(real.tolist(), predicted.tolist(), strict=True):
        plot.dot(x, y, "s1", tip=f"{x:.4g}, predicted {y:.4g}", radius=2.6)
    plot.text(high + room, high + room, corner, anchor="end", dy=-7, css="strong")
    return plot.svg()
