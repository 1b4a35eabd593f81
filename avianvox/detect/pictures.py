"""A picture of how a detector learned. Matplotlib is imported when it is drawn."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from avianvox.errors import require_extra
from avianvox.files import atomic_write


def draw_history(path: Path, history: Sequence[Mapping[str, float]], *, looked_at: str) -> None:
    """Losses, and mean IoU and average precision of what is ``looked_at``, over steps, as a PNG."""
    require_extra("matplotlib", extra="plot", purpose="drawing learning curves")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    steps = [row["step"] for row in history]
    left, right = figure.subplots(1, 2)
    for name in [name for name in history[0] if name not in ("step", "iou", "ap50")]:
        width = 2.0 if name == "loss" else 1.0
        left.plot(steps, [row[name] for row in history], label=name.replace("_", " "), lw=width, marker=".")
    for name, words in (("iou", "mean IoU"), ("ap50", "average precision at IoU 0.5")):
        right.plot(steps, [row[name] for row in history], label=words, marker=".")
    left.set(xlabel="step", ylabel="loss", ylim=(0, None), title="windows learned from")
    right.set(xlabel="step", ylim=(0, 1), title=looked_at)
    for axes in (left, right):
        axes.legend(frameon=False, fontsize=8)
    with atomic_write(path, "wb") as stream:
        figure.savefig(stream, format="png", dpi=110, metadata={"Software": None})
