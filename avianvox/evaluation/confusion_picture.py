"""Pictures of a cross-validation. Matplotlib is imported when one is drawn."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from avianvox.evaluation.metrics import class_recall, class_support
from avianvox.files import atomic_write
from avianvox.words import printable

_CELL_INCHES = 0.3
_LETTER_INCHES = 0.072  # at least the mean width of a letter of a label
_MOST_CLASSES_WITH_COUNTS = 40


def draw_confusion(path: Path, confusion: np.ndarray, labels: Sequence[str], *, title: str) -> None:
    """Write a confusion matrix as PNG; the same matrix gives the same bytes.

    Colour is the share of each target's recordings; the counts stand in the cells of matrices that are not
    too large. The picture grows with the number of classes, so that every label can be read.

    Parameters
    ----------
    path : Path
    confusion : np.ndarray, shape (n_classes, n_classes), counts; row = target
    labels : sequence of str, one for each class
    title : str
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    labels = [printable(label) for label in labels]
    n = len(labels)
    side = max(4.0, _CELL_INCHES * n)
    room = 0.4 + _LETTER_INCHES * max(
        len(label) for label in labels
    )  # below and, with the share, on the left
    width, height = room + 0.5 + side + 1.0, room + side + 0.7
    figure = Figure(figsize=(width, height), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_axes(((room + 0.5) / width, room / height, side / width, side / height))
    shares = confusion / np.maximum(class_support(confusion), 1)[:, None]
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    recall = class_recall(confusion)
    rows = [
        f"{label} (none)" if np.isnan(r) else f"{label} ({r:.0%})"
        for label, r in zip(labels, recall, strict=True)
    ]
    axes.set_xticks(range(n), labels, rotation=90, fontsize=8, style="italic", parse_math=False)
    axes.set_yticks(range(n), rows, fontsize=8, style="italic", parse_math=False)
    axes.set_xlabel("named")
    axes.set_ylabel("species (recall)")
    axes.set_title(title, fontsize=11, parse_math=False)
    if n <= _MOST_CLASSES_WITH_COUNTS:
        for i, j in np.argwhere(confusion):
            colour = "white" if shares[i, j] > 0.5 else "black"
            axes.text(j, i, str(confusion[i, j]), ha="center", va="center", fontsize=7, color=colour)
    bar = figure.add_axes(
        ((room + side + 0.65) / width, (room + side / 5) / height, 0.15 / width, side * 0.6 / height)
    )
    figure.colorbar(image, cax=bar, label="share of the species' recordings")
    with atomic_write(path, "wb") as stream:
        figure.savefig(stream, format="png", metadata={"Software": None})
