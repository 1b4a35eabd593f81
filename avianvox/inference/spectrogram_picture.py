"""The picture of a segment: a spectrogram. Matplotlib is imported when one is drawn."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avianvox.audio.cut import Clip
from avianvox.files import atomic_write
from avianvox.types import Detection

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FRAME_S = 0.023  # of a spectrum: a note of 20 ms and two tones 50 Hz apart can both be told
_LEAST_FRAME = 64  # samples, for recorders of whales and elephants
_MOST_COLUMNS = 900  # about the pixels there are
_BIRDS_HZ = 12_000.0  # above it birds leave little to see
_BATS_RATE = 96_000  # a recorder above this rate was not bought for birds
_RANGE_DB = 50.0
_RUMBLE_HZ = 300.0  # wind and engines below it must not set the colours


def spectrogram(samples: np.ndarray, sample_rate: int) -> tuple[np.ndarray, float]:
    """Power in dB.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float32
    sample_rate : int, Hz

    Returns
    -------
    tuple of np.ndarray and float
        Shape (n_bins, n_columns), and the hertz from one bin to the next. Shorter sound than one frame is
        padded with zeros.
    """
    n_fft = 1 << round(np.log2(max(_LEAST_FRAME, _FRAME_S * sample_rate)))
    samples = np.pad(samples, (n_fft // 2, max(n_fft // 2, n_fft - len(samples))))
    hop = max(n_fft // 4, len(samples) // _MOST_COLUMNS)
    frames = np.lib.stride_tricks.sliding_window_view(samples, n_fft)[::hop]
    spectra = np.fft.rfft(frames * np.hanning(n_fft + 1)[:-1].astype(np.float32), axis=1)
    return 10 * np.log10(np.abs(spectra.T) ** 2 + 1e-10), sample_rate / n_fft


def highest_hz(detection: Detection, sample_rate: int) -> float:
    """Where the picture ends: half the sample rate, but no higher than there is something to see."""
    nyquist = sample_rate / 2
    if sample_rate > _BATS_RATE:
        return nyquist
    return min(nyquist, max(_BIRDS_HZ, 1.1 * (detection.high_hz or 0.0)))


def draw_segment(clip: Clip, detection: Detection, title: str) -> "Figure":
    """Draw a clip, its channels mixed, over seconds in its file and kilohertz.

    What lies beside the detection is paled.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    draw_clip(axes, clip, detection)
    axes.set_title(title, fontsize=9, loc="left", parse_math=False)
    return figure


def draw_clip(axes: "Axes", clip: Clip, detection: Detection, *, most_hz: float | None = None) -> None:
    """Draw on axes of matplotlib what `draw_segment` draws, but for the title.

    ``most_hz``: above it nothing is shown.
    """
    power, step_hz = spectrogram(clip.samples.mean(axis=1), clip.sample_rate)
    top_hz = highest_hz(detection, clip.sample_rate)
    top_hz = top_hz if most_hz is None else min(top_hz, most_hz)
    shown = power[: int(top_hz / step_hz) + 1]
    audible = shown[int(min(_RUMBLE_HZ, top_hz / 2) / step_hz) :]
    peak = float(np.percentile(audible, 99.8))
    axes.imshow(
        shown,
        origin="lower",
        aspect="auto",
        cmap="magma",
        extent=(clip.begin_s, clip.end_s, -step_hz / 2000, (len(shown) - 0.5) * step_hz / 1000),
        vmin=max(peak - _RANGE_DB, float(np.median(audible))),
        vmax=peak,
    )
    begin_s = clip.begin_s if detection.begin_s is None else detection.begin_s
    end_s = clip.end_s if detection.end_s is None else detection.end_s
    axes.axvspan(clip.begin_s, max(begin_s, clip.begin_s), color="white", alpha=0.25, lw=0)
    axes.axvspan(min(end_s, clip.end_s), clip.end_s, color="white", alpha=0.25, lw=0)
    if detection.low_hz is not None and detection.high_hz is not None:
        low, high = detection.low_hz / 1000, detection.high_hz / 1000
        axes.fill([begin_s, end_s, end_s, begin_s], [low, low, high, high], fill=False, ec="white")
    axes.set(xlim=(clip.begin_s, clip.end_s), ylim=(0, top_hz / 1000), xlabel="seconds in the recording")
    axes.set_ylabel("kHz")


def save_picture(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG or SVG, as the path ends, whole or not at all; the same figure gives the same
    bytes."""
    from matplotlib import rc_context

    form = path.suffix[1:].lower() or "png"
    nameless = {"Creator": None, "Date": None} if form == "svg" else {"Software": None}
    settings = {"svg.hashsalt": "avianvox", "svg.fonttype": "none"}
    with atomic_write(path, "wb") as stream, warnings.catch_warnings(), rc_context(settings):
        warnings.filterwarnings("ignore", "Glyph")  # a letter that its font lacks is drawn as a box
        figure.savefig(stream, format=form, dpi=100, metadata=nameless)
