"""Learning curves of every fit of an ablation: one picture a step, and a table of the minima.

Where the test part was scored after each epoch, the epoch of its least loss is marked. It says whether
training is too short or too long; nothing was chosen by it.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from avianvox.ablation.figures import Curve
from avianvox.documents import write_json
from avianvox.errors import require_extra
from avianvox.evaluation.figures import Table
from avianvox.evaluation.plain import plain
from avianvox.files import atomic_write

_INCHES = (3.2, 2.6)  # of a panel
_COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple")


def write_curves(folder: Path, curves: Sequence[Curve]) -> None:
    """Write ``STEP-GROUPING.png`` of each step, ``curves.md`` and ``curves.json``."""
    folder.mkdir(exist_ok=True)
    write_json(folder / "curves.json", plain(curves))
    with atomic_write(folder / "curves.md") as stream:
        stream.write(curves_table(curves).markdown())
    for step, grouping in dict.fromkeys((curve.step, curve.grouping) for curve in curves):
        mine = [curve for curve in curves if (curve.step, curve.grouping) == (step, grouping)]
        _draw(folder / f"{step}-{grouping}.png", mine, title=f"{step}, {grouping} folds")


def least(curve: Curve) -> int | None:
    """The epoch, counted from 1, after which the test part's loss was least; None where it was not scored."""
    losses = [row.get("test_loss") for row in curve.epochs]
    return int(np.argmin(losses)) + 1 if None not in losses else None  # type: ignore[arg-type]


def curves_table(curves: Sequence[Curve]) -> Table:
    """One row a fit: where the test part's loss was least, and what it was there and at the end."""
    where = ("step", "folds", "draw", "seed", "fold", "epochs", "training loss")
    columns = (*where, "test loss", "least test loss", "at epoch", "test accuracy", "there")
    rows = []
    for curve in curves:
        last, best = curve.epochs[-1], least(curve)
        there = curve.epochs[best - 1] if best else None
        tested = (
            ("",) * 5
            if there is None
            else (
                f"{last['test_loss']:.3f}",
                f"{there['test_loss']:.3f}",
                str(best),
                f"{last['test_accuracy']:.3f}",
                f"{there['test_accuracy']:.3f}",
            )
        )
        place = (curve.step, curve.grouping, str(curve.draw), str(curve.seed), str(curve.fold + 1))
        rows.append((*place, str(len(curve.epochs)), f"{last['loss']:.3f}", *tested))
    return Table(columns, tuple(rows))


def _draw(path: Path, curves: Sequence[Curve], *, title: str) -> None:
    require_extra("matplotlib", extra="plot", purpose="drawing learning curves")
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    draws = sorted({curve.draw for curve in curves})
    folds = sorted({curve.fold for curve in curves})
    width, height = _INCHES
    figure = Figure(figsize=(width * len(folds), height * len(draws) + 0.6), layout="constrained")
    figure.suptitle(
        f"{title}: loss of training (pale) and test part, its minimum marked", fontsize=10, parse_math=False
    )
    panels = figure.subplots(len(draws), len(folds), squeeze=False, sharex=True, sharey=True)
    for curve in curves:
        axes = panels[draws.index(curve.draw)][folds.index(curve.fold)]
        epochs, colour = range(1, len(curve.epochs) + 1), _COLOURS[(curve.seed - 1) % len(_COLOURS)]
        axes.plot(epochs, [row["loss"] for row in curve.epochs], color=colour, alpha=0.4)
        if best := least(curve):
            losses = [row["test_loss"] for row in curve.epochs]
            axes.plot(epochs, losses, color=colour, label=f"seed {curve.seed}: least after epoch {best}")
            axes.plot([best], [losses[best - 1]], "o", color=colour)
            axes.legend(frameon=False, fontsize=7)
        axes.set_title(f"draw {curve.draw}, fold {curve.fold + 1}", fontsize=8)
    for axes in panels[-1]:
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    with atomic_write(path, "wb") as stream:
        figure.savefig(stream, format="png", dpi=110, metadata={"Software": None})
