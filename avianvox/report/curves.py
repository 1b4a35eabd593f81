"""ROC and precision-recall curves: every class against the rest, and all of them together."""

from collections.abc import Callable

import numpy as np

from avianvox.evaluation import curves
from avianvox.evaluation.figures import fold_mean
from avianvox.evaluation.metrics import class_average_precision, class_roc_auc, mean_defined
from avianvox.evaluation.predictions import Pooled
from avianvox.pages.blocks import Chart, Section, number
from avianvox.pages.plot import Axis, Plot, step_corners
from avianvox.types import LabelSet

_MOST_POINTS = 400
"""Of the curve of all classes together; those of one class have few corners."""

_Figure = Callable[[np.ndarray, np.ndarray], np.ndarray]


def curves_section(pooled: Pooled, labels: LabelSet, grouping: str) -> Section:
    """Curves from the scores of the test recordings of all folds, pooled; areas are means over the folds."""
    positive = pooled.targets[:, None] == np.arange(len(labels))
    present = np.flatnonzero(positive.any(axis=0) & ~positive.all(axis=0))
    if not len(present):
        return Section("curves", "ROC and precision-recall curves", absent="There is only one class.")
    of_class = {"roc_auc": class_roc_auc, "average_precision": class_average_precision}
    of_all = {"roc_auc": curves.roc_auc, "average_precision": curves.average_precision}
    areas = {key: fold_mean(area, pooled)[present].tolist() for key, area in of_class.items()}
    together = {key: float(fold_mean(_all_classes(area), pooled)) for key, area in of_all.items()}
    roc = _plot(pooled, positive, present, labels, curves.roc_curve, areas["roc_auc"], "AUC")
    roc.line((0, 1), (0, 1), "s0 dashed")
    _overall(roc, curves.roc_curve, positive, pooled.scores, f"all species: AUC {together['roc_auc']:.3f}")
    found = _plot(
        pooled, positive, present, labels, curves.precision_recall_curve, areas["average_precision"], "AP"
    )
    share = float(positive.mean())
    found.line((0, 1), (share, share), "s0 dashed")
    text = f"all species: AP {together['average_precision']:.3f}"
    _overall(found, curves.precision_recall_curve, positive, pooled.scores, text)
    means = {key: float(mean_defined(np.array(values))) for key, values in areas.items()}
    _legend(roc, f"all species: AUC {number(together['roc_auc'])}", f"mean {number(means['roc_auc'])}")
    area = f"all species: AP {number(together['average_precision'])}"
    _legend(found, area, f"mean {number(means['average_precision'])}")
    caption = (
        f"ROC and precision-recall curves, {grouping} folds. Thin lines: one species against the rest; point "
        "at a line for its name. Thick: scores of all species pooled. Dashed: chance. Curves use the scores "
        "of all folds. Areas are means over the folds, because each fold has its own model."
    )
    names = [labels.names[c] for c in present]
    data = {
        "together": together,
        "mean": means,
        "classes": {key: dict(zip(names, values, strict=True)) for key, values in areas.items()},
    }
    chart = Chart("curves", caption, (roc.svg(), found.svg()))
    return Section("curves", "ROC and precision-recall curves", (chart,), data)


def _all_classes(area: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> _Figure:
    """``area`` of the scores of all classes together, as a figure of targets and scores."""
    return lambda targets, scores: area(
        (targets[:, None] == np.arange(scores.shape[1])).ravel(), scores.ravel()
    )


def _legend(plot: Plot, together: str, mean: str) -> None:
    """Above the axes: curves may run anywhere."""
    plot.legend([("s1", together)], 0.0, 1.05)
    plot.legend([("s4", f"single species: {mean}")], 0.48, 1.05)


_CurveOf = Callable[[np.ndarray, np.ndarray], curves.Curve]


def _plot(
    pooled: Pooled,
    positive: np.ndarray,
    present: np.ndarray,
    labels: LabelSet,
    curve_of: _CurveOf,
    areas: list[float],
    word: str,
) -> Plot:
    """Axes with the curve of every class that is ``present``."""
    is_roc = curve_of is curves.roc_curve
    x, y = ("false positive rate", "true positive rate") if is_roc else ("recall", "precision")
    plot = Plot(
        Axis(0.0, 1.0, x),
        Axis(0.0, 1.0, y),
        top=26.0,
        title=f"{'ROC' if is_roc else 'Precision-recall'} curves",
    )
    for c, area in zip(present.tolist(), areas, strict=True):
        curve = curve_of(positive[:, c], pooled.scores[:, c])
        plot.line(*step_corners(curve.x, curve.y), "s4 thin", tip=f"{labels.names[c]}: {word} {area:.3f}")
    return plot


def _overall(plot: Plot, curve_of: _CurveOf, positive: np.ndarray, scores: np.ndarray, tip: str) -> None:
    curve = curve_of(positive.ravel(), scores.ravel())
    xs, ys = step_corners(curve.x, curve.y)
    kept = np.unique(np.linspace(0, len(xs) - 1, min(len(xs), _MOST_POINTS)).round().astype(int))
    plot.line(xs[kept], ys[kept], "s1", tip=tip)
