"""Learning curves as a table and as a picture."""

import csv
from collections.abc import Sequence
from pathlib import Path

from avianvox.errors import require_extra
from avianvox.files import atomic_write
from avianvox.training.history import History


def write_history(path: Path, history: History) -> None:
    """One row for each epoch: ``epoch`` from 1, then loss and accuracy, with ``val_`` where held out."""
    columns = list(history.epochs[0]) if history.epochs else []
    with atomic_write(path) as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["epoch", *columns])
        for number, row in enumerate(history.epochs, start=1):
            table.writerow([number, *(f"{row[name]:.6g}" for name in columns)])


def draw_history(
    path: Path, history: History, *, title: str, shown: Sequence[str] = ("loss", "accuracy")
) -> None:
    """What is ``shown``, over the epochs, as a PNG with the epoch of least loss marked."""
    require_extra("matplotlib", extra="plot", purpose="drawing learning curves")
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    epochs = range(1, len(history.epochs) + 1)
    best = history.best_epoch
    figure = Figure(figsize=(4.5 * len(shown), 3.6), layout="constrained")
    figure.suptitle(title, parse_math=False)
    for axes, name in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            if key in history.epochs[0]:
                axes.plot(epochs, [row[key] for row in history.epochs], label=label)
        axes.axvline(best, color="0.5", linestyle=":", label=f"lowest loss: epoch {best}")
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(frameon=False)
    with atomic_write(path, "wb") as stream:
        figure.savefig(stream, format="png", dpi=110, metadata={"Software": None})
