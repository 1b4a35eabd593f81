"""Pictures of patches: grids of samples, ordered series, losses. Matplotlib is imported when one is drawn."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from avianvox.dataset.patches import LEAST
from avianvox.errors import require_extra
from avianvox.files import atomic_write

_INCHES = 0.95  # of a patch
_MOST_SHOWN = 2.0  # 26 dB above the floor; louder is white


def draw_grid(path: Path, patches: np.ndarray, names: Sequence[str], *, title: str, unit: str = "") -> None:
    """Draw patches, shape (rows, columns, frames, bands), a name for each row; frequency goes upwards."""
    require_extra("matplotlib", extra="plot", purpose="drawing samples")
    from matplotlib.figure import Figure

    rows, columns = patches.shape[:2]
    figure = Figure(figsize=(columns * _INCHES + 1.9, rows * _INCHES + 0.5), layout="constrained")
    figure.suptitle(title, fontsize=10, parse_math=False)
    panels = figure.subplots(rows, columns, squeeze=False)
    for i, row in enumerate(panels):
        for j, axes in enumerate(row):
            axes.imshow(
                patches[i, j].T, origin="lower", aspect="auto", cmap="magma", vmin=LEAST, vmax=_MOST_SHOWN
            )
            axes.set(xticks=[], yticks=[])
        name = f"{names[i]} {unit}".strip().replace(" ", "\n", 1)
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8, parse_math=False)
    _save(figure, path)


def draw_curve(path: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Draw the losses of both networks, and how often the discriminator was right."""
    require_extra("matplotlib", extra="plot", purpose="drawing learning curves")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    epochs = range(1, len(history) + 1)
    for axes, keys, label in zip(
        figure.subplots(1, 2),
        (("loss_generator", "loss_discriminator"), ("real_told", "generated_told")),
        ("loss", "share that the discriminator told"),
        strict=True,
    ):
        for key in keys:
            axes.plot(epochs, [row[key] for row in history], label=key.replace("loss_", "").replace("_", " "))
        axes.set(xlabel="epoch", ylabel=label)
        axes.legend(frameon=False)
    _save(figure, path)


def _save(figure: object, path: Path) -> None:
    with atomic_write(path, "wb") as stream:
        figure.savefig(stream, format="png", dpi=110, metadata={"Software": None})  # type: ignore[attr-defined]
