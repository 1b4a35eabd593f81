"""A picture of a scene with its boxes. Matplotlib is imported when one is drawn."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from avianvox.audio.excerpt import Excerpt
from avianvox.dataset.catalog import read_catalog
from avianvox.errors import require_extra
from avianvox.files import atomic_write
from avianvox.inference.spectrogram_picture import spectrogram
from avianvox.types import Box

_COLOURS = ("#d1495b", "#00798c", "#edae49", "#30638e", "#66a182", "#8d5b4c")
_RANGE_DB = 60.0
_MOST_S = 60.0


def draw_scenes(part: Path, n: int) -> list[Path]:
    """Draw the first ``n`` scenes of a part beside their sound. Raises as `draw_scene_picture` does.

    Raises
    ------
    MissingExtraError
        Matplotlib is not installed.
    """
    require_extra("matplotlib", extra="plot", purpose="a picture of a scene")
    drawn = []
    for scene in read_catalog(part).recordings[:n]:
        picture = scene.path.with_suffix(".png")
        names = ", ".join((scene.label, *scene.background))
        title = f"synthetic {scene.id}: {names}; {scene.count} animals, {len(scene.boxes or ())} calls"
        draw_scene_picture(scene.path, scene.boxes or (), picture, title=title)
        drawn.append(picture)
    return drawn


def draw_scene_picture(
    sound: Path, boxes: Sequence[Box], out: Path, *, title: str, sample_rate: int = 22050
) -> None:
    """Write a PNG of a scene's first minute: spectrogram, and a box around each call in its species' colour.

    Raises
    ------
    AudioError, OutputError
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    with Excerpt(sound, sample_rate=sample_rate, first=0, last=round(_MOST_S * sample_rate)) as excerpt:
        samples = np.concatenate(list(excerpt))
    power, step_hz = spectrogram(samples, sample_rate)
    length_s = len(samples) / sample_rate
    figure = Figure(figsize=(9.0, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    top_db = float(np.percentile(power, 99.9))
    extent = (0.0, length_s, 0.0, len(power) * step_hz / 1000)
    axes.imshow(
        power,
        origin="lower",
        aspect="auto",
        extent=extent,
        cmap="gray_r",
        vmin=top_db - _RANGE_DB,
        vmax=top_db,
        interpolation="bilinear",
    )
    shown = [box for box in boxes if box.begin_s < length_s]
    names = sorted({box.label for box in shown})
    colours = {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(names)}
    for name in names:
        for k, box in enumerate(box for box in shown if box.label == name):
            size = (box.end_s - box.begin_s, (box.high_hz - box.low_hz) / 1000)
            label = name if k == 0 else None
            colour = colours[name]
            place = (box.begin_s, box.low_hz / 1000)
            axes.add_patch(Rectangle(place, *size, fill=False, edgecolor=colour, linewidth=1.4, label=label))
    axes.set(xlabel="time (s)", ylabel="frequency (kHz)", xlim=(0.0, length_s))
    axes.set_title(title, fontsize=9, loc="left", parse_math=False)
    if names:
        figure.legend(loc="outside lower center", ncols=min(3, len(names)), fontsize=8, frameon=False)
    with atomic_write(out, "wb") as stream:
        figure.savefig(stream, format="png", dpi=110, metadata={"Software": None})
