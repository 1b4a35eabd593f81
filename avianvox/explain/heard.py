"""A recording as a model hears it: its windows, what they say, and the spectrogram that people see of it.

Maps are drawn and compared on a view: the mel bands that the model hears, or bands made for the purpose where
it hears sound itself.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from avianvox.audio.decode import load_waveform
from avianvox.audio.excerpt import Excerpt
from avianvox.dataset.windows import window_offsets
from avianvox.errors import InputError
from avianvox.explain.listener import Listener
from avianvox.features.extract import extract_features
from avianvox.features.filters import band_edges_hz
from avianvox.features.foreground import foreground
from avianvox.features.kinds import Spec
from avianvox.features.spec import FeatureSpec
from avianvox.features.waveform import WaveformSpec
from avianvox.inference.window_stream import hop_frames
from avianvox.types import Waveform

MOST_S = 600.0
"""Of a recording: its windows are in memory all at once."""

_MOST_HZ = 15_000.0  # of the view of a model that hears sound: above it, birds leave nothing to see
_FRAME_S = 0.0427  # of the same; its frames overlap by three quarters


@dataclass(frozen=True)
class Heard:
    """A recording, or a part of one.

    Attributes
    ----------
    path : str
    begin_s : float
        Where the part begins in its file.
    spec : Spec
        What the model hears.
    view : FeatureSpec
        What is seen.
    bands : np.ndarray, shape (n_frames, n_mels), float32, dB
        Of the view.
    offsets : np.ndarray, shape (n_windows,), int64
        First row of each window.
    rows : np.ndarray, shape (n_windows, spec.n_frames, spec.n_features), float32
        A recording that is shorter than a window is looped.
    scores : np.ndarray, shape (n_windows, n_classes), float32
    confidences : np.ndarray, shape (n_windows,), float64
    pooled : np.ndarray, shape (n_classes,)
        Scores of the recording.
    """

    path: str
    begin_s: float
    spec: Spec
    view: FeatureSpec
    bands: np.ndarray
    offsets: np.ndarray
    rows: np.ndarray
    scores: np.ndarray
    confidences: np.ndarray
    pooled: np.ndarray

    @property
    def window_frames(self) -> int:
        """Frames of the view that a window has."""
        return max(1, round(self.spec.n_frames * self.spec.hop_length / self.view.hop_length))

    @property
    def hz(self) -> np.ndarray:
        """The middle of each band of the view, shape (n_mels,)."""
        return band_edges_hz(self.view)[1:-1]

    @property
    def end_s(self) -> float:
        return self.begin_s + self.view.frames_to_seconds(len(self.bands))

    def frames_of(self, window: int) -> np.ndarray:
        """Frames of the view under a window, shape (window_frames,); a short recording comes several
        times."""
        first = int(self.offsets[window]) * self.spec.hop_length // self.view.hop_length
        return (first + np.arange(self.window_frames)) % len(self.bands)

    def joined(self, windows: np.ndarray, *, chosen: np.ndarray | None = None) -> np.ndarray:
        """The mean, in each cell, of the windows that hold it; 0 where none does.

        Parameters
        ----------
        windows : np.ndarray, shape (n_chosen, window_frames, n_mels)
        chosen : np.ndarray, shape (n_chosen,), optional
            Which windows they are; all by default.
        """
        total = np.zeros(self.bands.shape)
        count = np.zeros((len(self.bands), 1))
        for window, values in zip(range(len(self.rows)) if chosen is None else chosen, windows, strict=True):
            frames = self.frames_of(int(window))
            np.add.at(total, frames, values)
            np.add.at(count, frames, 1.0)
        return total / np.maximum(count, 1.0)

    def voice(self, window: int) -> np.ndarray:
        """The vocal mask of a window, shape (window_frames, n_mels), bool."""
        return foreground(self.bands[self.frames_of(window)])

    @cached_property
    def mask(self) -> np.ndarray:
        """The vocal mask of the recording, shape (n_frames, n_mels): what most of its windows take for
        voice."""
        voices = np.array([self.voice(window) for window in range(len(self.rows))], np.float64)
        return self.joined(voices) >= 0.5


def hear(
    listener: Listener, path: Path | str, *, begin_s: float | None = None, end_s: float | None = None
) -> Heard:
    """Listen to a recording, or to a part of it.

    Silent windows hold nothing to name and are left out, as in classifying.

    Raises
    ------
    AudioError
        The file does not decode.
    InputError
        The part is longer than `MOST_S`, not there, or too quiet to name a species; or the model hears
        something else than mel bands and sound.
    """
    spec = listener.spec
    view = view_of(spec)
    samples = _samples(path, spec.sample_rate, begin_s, end_s)
    stream = spec.stream()
    parts = [*stream.push(samples), *stream.finish()]
    rows = np.concatenate(parts) if parts else np.zeros((0, spec.n_features), np.float32)
    if not len(rows):
        raise InputError(f"{path}: there is no sound from {begin_s or 0:g} s on; name another part")
    offsets = window_offsets(len(rows), spec.n_frames, hop_frames(spec, listener.overlap_s))
    silent = spec.silence_test()
    loud = [int(first) for first in offsets if not silent(rows[first : first + spec.n_frames])]
    if not loud:
        raise InputError(f"{path}: too quiet to name a species; name another recording or part")
    offsets = np.array(loud, np.int64)
    if len(rows) < spec.n_frames:
        windows = np.resize(rows, (1, spec.n_frames, rows.shape[1]))
    else:
        windows = np.stack([rows[first : first + spec.n_frames] for first in loud])
    bands = rows[:, : view.n_mels]
    if view is not spec:
        bands = extract_features(Waveform(samples, spec.sample_rate), view).values[:, : view.n_mels]
    scores, confidences = listener.scores(windows)
    pooled = listener.pooled(scores, confidences)
    return Heard(str(path), begin_s or 0.0, spec, view, bands, offsets, windows, scores, confidences, pooled)


def view_of(spec: Spec) -> FeatureSpec:
    """The bands that are seen of what a model hears. Raises `InputError` where that is neither bands nor
    sound."""
    if isinstance(spec, FeatureSpec):
        return spec
    if not isinstance(spec, WaveformSpec):
        raise InputError("explaining needs a model that hears mel bands or sound; name another model")
    n_fft = 1 << round(np.log2(max(64.0, _FRAME_S * spec.sample_rate)))
    return FeatureSpec(
        sample_rate=spec.sample_rate,
        n_fft=n_fft,
        hop_length=n_fft // 4,
        fmax_hz=min(spec.sample_rate / 2, _MOST_HZ),
    )


def _samples(path: Path | str, rate: int, begin_s: float | None, end_s: float | None) -> np.ndarray:
    begin_s = begin_s or 0.0
    if not 0 <= begin_s < (end_s if end_s is not None else np.inf):
        raise InputError(
            f"{path}: expected --begin at or after 0 and before --end, got {begin_s:g} s"
            f"{'' if end_s is None else f' and {end_s:g} s'}"
        )
    if end_s is None and begin_s == 0:
        samples = load_waveform(path, sample_rate=rate)[0].samples
    else:
        last = None if end_s is None else round(end_s * rate)
        with Excerpt(Path(path), sample_rate=rate, first=round(begin_s * rate), last=last) as excerpt:
            samples = np.concatenate([np.zeros(0, np.float32), *excerpt])
    if len(samples) > MOST_S * rate:
        raise InputError(
            f"{path}: expected at most {MOST_S:.0f} s, got {len(samples) / rate:.0f} s; name a part with "
            "--begin and --end"
        )
    return samples


def stretched(maps: np.ndarray, n_frames: int, n_bands: int) -> np.ndarray:
    """Coarse maps, shape (n, n_times, n_bands), on finer cells: by lines between the middles of the coarse
    ones."""
    for axis, n in ((1, n_frames), (2, n_bands)):
        length = maps.shape[axis]
        places = np.clip((np.arange(n) + 0.5) * length / n - 0.5, 0, length - 1)
        below = np.minimum(places.astype(np.int64), max(length - 2, 0))
        share = (places - below).reshape([-1 if k == axis else 1 for k in range(3)])
        lower, upper = np.take(maps, below, axis), np.take(maps, np.minimum(below + 1, length - 1), axis)
        maps = lower * (1 - share) + upper * share
    return maps
