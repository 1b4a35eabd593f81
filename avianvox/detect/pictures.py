"""Pictures of a detector: how it learned, and spectrograms with boxes. Matplotlib is imported late."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from avianvox.audio.cut import Clip
from avianvox.errors import require_extra
from avianvox.files import atomic_write
from avianvox.inference.spectrogram_picture import draw_clip, save_picture
from avianvox.types import Box, Detection

_COLOURS = ("#7fe3ff", "#ffd166", "#9dff8a", "#ff9ecb", "#ffffff", "#ff8a5c")


def draw_history(path: Path, history: Sequence[Mapping[str, float]], *, title: str) -> None:
    """Losses, and IoU and average precision, over the steps of training, as a PNG."""
    require_extra("matplotlib", extra="plot", purpose="drawing learning curves")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    figure.suptitle(title)
    steps = [row["step"] for row in history]
    left, right = figure.subplots(1, 2)
    for name in [name for name in history[0] if name not in ("step", "iou", "ap50")]:
        width = 2.0 if name == "loss" else 1.0
        left.plot(steps, [row[name] for row in history], label=name.replace("_", " "), lw=width, marker=".")
    for name, words in (("iou", "mean IoU"), ("ap50", "average precision at IoU 0.5")):
        right.plot(steps, [row[name] for row in history], label=words, marker=".")
    left.set(xlabel="step", ylabel="loss", ylim=(0, None))
    right.set(xlabel="step", ylim=(0, 1))
    for axes in (left, right):
        axes.legend(frameon=False, fontsize=8)
    with atomic_write(path, "wb") as stream:
        figure.savefig(stream, format="png", dpi=110, metadata={"Software": None})


def draw_boxes(
    clip: Clip, boxes: Iterable[Box], path: Path, *, title: str, truth: Iterable[Box] = ()
) -> None:
    """A spectrogram with boxes, their labels and scores, as a PNG; those of ``truth`` are dashed."""
    require_extra("matplotlib", extra="plot", purpose="drawing spectrograms")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    boxes, truth = list(boxes), list(truth)
    colours = {
        label: _COLOURS[i % len(_COLOURS)]
        for i, label in enumerate(sorted({box.label for box in [*boxes, *truth]}))
    }
    figure = Figure(figsize=(10.0, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    highest = max((box.high_hz for box in [*boxes, *truth]), default=None)
    draw_clip(axes, clip, Detection(str(path), high_hz=highest))
    for box in truth:
        _outline(axes, box, colours[box.label], dashed=True)
    for box in boxes:
        _outline(axes, box, colours[box.label])
        said = box.label if box.score is None else f"{box.label} {box.score:.2f}"
        axes.annotate(
            said,
            (max(box.begin_s, clip.begin_s), box.high_hz / 1000),
            xytext=(0, 2),
            textcoords="offset points",
            color=colours[box.label],
            fontsize=7,
            parse_math=False,
            annotation_clip=True,
        )
    axes.set_title(title, fontsize=9, loc="left", parse_math=False)
    save_picture(figure, path)


def _outline(axes: "object", box: Box, colour: str, *, dashed: bool = False) -> None:
    times = [box.begin_s, box.end_s, box.end_s, box.begin_s]
    heights = [box.low_hz / 1000, box.low_hz / 1000, box.high_hz / 1000, box.high_hz / 1000]
    axes.fill(times, heights, fill=False, ec=colour, lw=1.2, ls="--" if dashed else "-")  # type: ignore[attr-defined]
