"""Whether a model's accuracy goes with the minutes that there are of each species.

The published network was better at species with short recordings: padding had told it the length. Start at
`duration_correlation`; `draw_durations` draws the published report's figure 13.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.errors import InputError
from avianvox.evaluation.metrics import ranks
from avianvox.evaluation.plain import plain_mapping
from avianvox.files import atomic_write
from avianvox.randomness import derive_rng
from avianvox.types import LabelSet, Recording
from avianvox.words import printable

_FEWEST = 3  # classes, below which nothing can be said


@dataclass(frozen=True)
class DurationCorrelation:
    """Accuracy of classes against their minutes, over the classes of which both are known.

    Attributes
    ----------
    labels : tuple of str
        The classes, n of them.
    minutes, accuracy : np.ndarray, shape (n,), float64
    pearson, spearman : float in [-1, 1]
        Correlation of the values and of their ranks; NaN for fewer than three classes, and where either
        doesn't vary.
    pearson_p, spearman_p : float
        How often a random pairing of minutes and accuracies correlates as strongly, in either direction.
    slope, intercept : float
        Least squares: ``accuracy = intercept + slope * minutes``.
    """

    labels: tuple[str, ...]
    minutes: np.ndarray
    accuracy: np.ndarray
    pearson: float
    spearman: float
    pearson_p: float
    spearman_p: float
    slope: float
    intercept: float

    def to_mapping(self) -> dict[str, Any]:
        """Plain values; what is undefined is None. ``classes``: label to minutes and accuracy."""
        names = ("pearson", "spearman", "pearson_p", "spearman_p", "slope", "intercept")
        points = zip(self.labels, self.minutes, self.accuracy, strict=True)
        classes = {label: {"minutes": minutes, "accuracy": accuracy} for label, minutes, accuracy in points}
        return plain_mapping({**{name: getattr(self, name) for name in names}, "classes": classes})

    def __str__(self) -> str:
        if math.isnan(self.pearson):
            return f"undefined for {len(self.labels)} classes"
        return (
            f"r = {self.pearson:+.2f} (p = {self.pearson_p:.2g}), rank correlation {self.spearman:+.2f} "
            f"(p = {self.spearman_p:.2g}), {self.slope:+.3f} a minute"
        )


def class_minutes(recordings: Sequence[Recording], labels: LabelSet) -> np.ndarray:
    """Minutes of each class, shape (n_classes,); NaN where the catalog leaves a length out."""
    minutes = np.zeros(len(labels))
    for recording in recordings:
        if recording.label in labels.index:
            seconds = math.nan if recording.duration_s is None else recording.duration_s
            minutes[labels.index[recording.label]] += seconds / 60
    return minutes


def duration_correlation(
    labels: Sequence[str],
    minutes: np.ndarray,
    accuracy: np.ndarray,
    *,
    n_permutations: int = 10_000,
    seed: int = 0,
) -> DurationCorrelation:
    """Correlate accuracy with duration over classes.

    Parameters
    ----------
    labels : sequence of str
    minutes : np.ndarray, shape (n_classes,)
        For example from `class_minutes`; classes with NaN are passed over.
    accuracy : np.ndarray, shape (n_classes,), in [0, 1]
        For example recall; classes with NaN are passed over.
    n_permutations : int
    seed : int
        Of the permutations.

    Raises
    ------
    InputError
        The three are not of one length.
    """
    if not len(labels) == len(minutes) == len(accuracy):
        raise InputError(
            "duration_correlation: expected as many minutes and accuracies as labels, got "
            f"{len(labels)}, {len(minutes)} and {len(accuracy)}"
        )
    known = np.flatnonzero(np.isfinite(minutes) & np.isfinite(accuracy))
    x, y = minutes[known].astype(np.float64), accuracy[known].astype(np.float64)
    names = tuple(labels[i] for i in known.tolist())
    if len(known) < _FEWEST or np.ptp(x) == 0 or np.ptp(y) == 0:
        return DurationCorrelation(names, x, y, *[math.nan] * 6)
    rng = derive_rng(seed, "durations")
    orders = rng.permuted(np.tile(np.arange(len(x)), (n_permutations, 1)), axis=1)
    pearson, pearson_p = _correlation(x, y, orders)
    spearman, spearman_p = _correlation(ranks(x), ranks(y), orders)
    slope = pearson * y.std() / x.std()
    intercept = y.mean() - slope * x.mean()
    return DurationCorrelation(names, x, y, pearson, spearman, pearson_p, spearman_p, slope, intercept)


def draw_durations(path: Path, found: DurationCorrelation, *, title: str) -> None:
    """Write accuracy against minutes with the fitted line, one named point for each class.

    Parameters
    ----------
    path : Path
        PNG or SVG, by its suffix; the same figures give the same bytes.
    found : DurationCorrelation
    title : str
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "avianvox", "svg.fonttype": "none"}):
        figure = Figure(figsize=(9.0, 6.0), dpi=100)
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0.08, 0.1, 0.88, 0.79))
        axes.scatter(found.minutes, found.accuracy, s=18, color="tab:blue")
        names = map(printable, found.labels)
        for name, x, y in zip(names, found.minutes, found.accuracy, strict=True):
            axes.text(
                x,
                y + 0.012,
                name,
                fontsize=6,
                style="italic",
                rotation=55,
                rotation_mode="anchor",
                parse_math=False,
            )
        if not math.isnan(found.slope):
            ends = np.array([found.minutes.min(), found.minutes.max()])
            axes.plot(ends, found.intercept + found.slope * ends, color="tab:red", linewidth=1.2)
        axes.set_ylim(-0.03, 1.2)  # room for the names
        axes.set_yticks(np.linspace(0, 1, 6))
        axes.set_xlabel("minutes per species")
        axes.set_ylabel("recall")
        axes.set_title(f"{title}\n{found}", fontsize=11, parse_math=False)
        kind = path.suffix.removeprefix(".") or "png"
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        with atomic_write(path, "wb") as stream:
            figure.savefig(stream, format=kind, metadata=metadata)


def _correlation(x: np.ndarray, y: np.ndarray, orders: np.ndarray) -> tuple[float, float]:
    """Pearson's correlation and its p-value over the ``orders`` of ``y``, this one counted among them."""
    x, y = ((values - values.mean()) / values.std() for values in (x, y))
    r = float((x * y).sum()) / len(x)
    others = (y[orders] * x).sum(axis=1) / len(x)
    as_strong = np.count_nonzero(np.abs(others) >= abs(r) - 1e-12)
    return min(max(r, -1.0), 1.0), (1 + as_strong) / (1 + len(orders))
