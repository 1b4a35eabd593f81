"""Pictures of recordings and answers. Matplotlib is imported when one is drawn."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avianvox.features.filters import hz_to_mel
from avianvox.features.spec import FeatureSpec
from avianvox.files import atomic_write
from avianvox.types import Box, Prediction

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TICKS_HZ = np.array([500, 1000, 2000, 4000, 8000, 16000])
_SHOWN_DB = 60.0  # range of the colours below the loudest point


def hz_to_band(hz: np.ndarray | float, spec: FeatureSpec) -> np.ndarray:
    """Where a frequency lies on an axis of mel bands: 0 is the lower edge, ``spec.n_mels`` the upper one."""
    low, high = hz_to_mel(spec.fmin_hz), hz_to_mel(spec.fmax_hz)
    bands: np.ndarray = (hz_to_mel(hz) - low) / (high - low) * spec.n_mels
    return bands


def draw_spectrogram(
    axes: "Axes", rows: np.ndarray, spec: FeatureSpec, *, boxes: Sequence[Box] = (), title: str = ""
) -> None:
    """Draw feature rows (shape (n_frames, n_features)) over seconds and hertz, with boxes around calls."""
    bands = rows[:, : spec.n_mels].T
    top = float(bands.max())
    axes.imshow(
        bands,
        origin="lower",
        aspect="auto",
        cmap="magma",
        extent=(0.0, spec.frames_to_seconds(len(rows)), 0.0, spec.n_mels),
        vmin=max(top - _SHOWN_DB, float(np.percentile(bands, 5))),
        vmax=top,
    )
    for box in boxes:
        low, high = hz_to_band(np.array([box.low_hz, box.high_hz]), spec)
        axes.fill(
            [box.begin_s, box.end_s, box.end_s, box.begin_s], [low, low, high, high], fill=False, ec="white"
        )
    ticks = _TICKS_HZ[(spec.fmin_hz < _TICKS_HZ) & (spec.fmax_hz > _TICKS_HZ)]
    axes.set_yticks(hz_to_band(ticks, spec), [f"{hz / 1000:g} kHz" for hz in ticks], fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_title(title, fontsize=9)


def gallery(
    tiles: Mapping[str, np.ndarray], spec: FeatureSpec, *, boxes: Mapping[str, Sequence[Box]] | None = None
) -> "Figure":
    """Spectrograms side by side.

    Parameters
    ----------
    tiles : mapping of str to np.ndarray
        Title -> rows of a recording.
    spec : FeatureSpec
    boxes : mapping of str to sequence of Box, optional
        Title -> calls to frame.
    """
    columns = min(3, len(tiles))
    lines = -(-len(tiles) // columns)
    figure = _figure(4.2 * columns, 2.3 * lines)
    for k, (title, rows) in enumerate(tiles.items(), start=1):
        axes = figure.add_subplot(lines, columns, k)
        draw_spectrogram(axes, rows, spec, boxes=(boxes or {}).get(title, ()), title=title)
    figure.supxlabel("seconds", fontsize=9)
    return figure


def timeline(
    prediction: Prediction,
    rows: np.ndarray,
    spec: FeatureSpec,
    *,
    boxes: Sequence[Box] = (),
    title: str = "",
    n_best: int = 4,
) -> "Figure":
    """A recording's spectrogram above the scores of its windows for the ``n_best`` classes."""
    figure = _figure(10.0, 5.0)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    draw_spectrogram(above, rows, spec, boxes=boxes, title=title)
    rate = prediction.sample_rate
    edges = [(w.first_sample / rate, (w.first_sample + w.n_samples) / rate) for w in prediction.windows]
    for label, score in prediction.top(n_best):
        position = prediction.labels.index[label]
        line = below.plot([], [], lw=2.5, label=f"{label} ({score:.2f})")[0]
        for (begin, end), window in zip(edges, prediction.windows, strict=True):
            below.plot([begin, end], [window.scores[position]] * 2, lw=2.5, color=line.get_color())
    below.set(ylim=(-0.03, 1.03), xlabel="seconds", ylabel="score of each window")
    below.legend(fontsize=8)
    return figure


def save_picture(figure: "Figure", path: Path) -> Path:
    """Write a figure as PNG, whole or not at all; the same figure gives the same bytes."""
    with atomic_write(path, "wb") as stream:
        figure.savefig(stream, format="png", dpi=100, metadata={"Software": None})
    return path


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure
