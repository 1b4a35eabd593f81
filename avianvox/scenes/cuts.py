"""Calls are found in clips and taken out of them.

Where a call lies is what `avianvox.boxes.segmenter` finds: the foreground's connected parts. Of the sound in
such a box the foreground's cells are kept, so that little of the clip's own noise is pasted with them. The
box that is known in the end holds all but 1 % of the call's power at each of its four edges: what is fainter
drowns in the background of a scene.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from avianvox.audio.excerpt import Excerpt
from avianvox.boxes.segmenter import EnergySegmenter, SegmenterSettings
from avianvox.errors import AudioError
from avianvox.features.extract import extract_features
from avianvox.features.filters import band_edges_hz
from avianvox.features.foreground import foreground
from avianvox.features.spec import FeatureSpec
from avianvox.files import atomic_write, open_arrays
from avianvox.types import Box, Recording, Waveform

_CLEAR_DB = 15.0  # above the clip's noise floor, at the highest
_LOW_HZ = 200.0  # below it there is mostly wind
_FAINTER_DB = 12.0  # than the loudest call of a clip: another animal, farther away
_MOST_CALLS = 8  # of a clip
_AROUND_S = 2.0  # in which a call's noise floor is measured
_EDGE_S = 0.05  # from the clip's ends: such a call is not whole
_LONG_S = 0.1
_TRIM = 0.01  # of a call's power, at each of the four edges of its box
_FADE_S = 0.005
_MARGIN_HZ = 25.0  # around a box, so that a pure tone has one that can be seen


@dataclass(frozen=True, slots=True)
class CutCall:
    """A call by itself. ``samples``: shape (n,), float32; ``box``: within them."""

    samples: np.ndarray
    box: Box


def cut_calls(clip: Recording, *, listen_s: float, longest_s: float, sample_rate: int) -> list[CutCall]:
    """The calls of a clip, the loudest first; none where nothing stands out of its noise.

    Calls that are much fainter than the loudest are left out: they may be of another animal.

    Raises
    ------
    AudioError
        The clip cannot be decoded.
    """
    samples = _samples(clip, listen_s, sample_rate)
    settings = SegmenterSettings(
        peak_db=_CLEAR_DB, low_hz=_LOW_HZ, shortest_s=_EDGE_S, longest_s=longest_s + _LONG_S
    )
    segmenter = EnergySegmenter(settings, sample_rate=sample_rate)
    length_s = len(samples) / sample_rate
    cuts = [
        _cut(samples, box, segmenter.spec)
        for box in segmenter.boxes([samples])
        if box.begin_s >= _EDGE_S and box.end_s <= length_s - _EDGE_S and box.duration_s <= longest_s
    ]
    if not cuts:
        return []
    powers = [float(np.mean(np.square(cut.samples, dtype=np.float64))) for cut in cuts]
    order = sorted(range(len(cuts)), key=lambda i: (-powers[i], i))
    least = max(powers) * 10.0 ** (-_FAINTER_DB / 10)
    kept = [cuts[i] for i in order if powers[i] >= least and powers[i] > 0][:_MOST_CALLS]
    return [replace(cut, box=replace(cut.box, label=clip.label)) for cut in kept]


def _samples(clip: Recording, listen_s: float, sample_rate: int) -> np.ndarray:
    first = round((clip.begin_s or 0.0) * sample_rate)
    last = first + round(listen_s * sample_rate)
    if clip.begin_s is not None and clip.end_s is not None:
        last = min(last, max(first + 1, round(clip.end_s * sample_rate)))
    with Excerpt(clip.path, sample_rate=sample_rate, first=first, last=last) as excerpt:
        return np.concatenate(list(excerpt))


def _cut(samples: np.ndarray, box: Box, spec: FeatureSpec) -> CutCall:
    """The sound of the foreground's cells in a box."""
    rate, hop = spec.sample_rate, spec.hop_length
    first = max(0, round((box.begin_s - _AROUND_S) * rate)) // hop * hop
    around = samples[first : round((box.end_s + _AROUND_S) * rate)]
    cells = foreground(extract_features(Waveform(around, rate), spec).values[:, : spec.n_mels])
    begin, end = (round(edge_s * rate) - first for edge_s in (box.begin_s, box.end_s))
    frames = np.arange(len(cells)) * hop
    cells &= ((frames >= begin - hop / 2) & (frames <= end + hop / 2))[:, None]
    inside = np.fft.rfftfreq(spec.n_fft, 1 / rate)
    edges = band_edges_hz(spec)
    bands = np.searchsorted((edges[1:-2] + edges[2:-1]) / 2, inside)
    mask = cells[:, bands] & (inside >= box.low_hz) & (inside <= box.high_hz)
    sound = masked(around, mask, spec)[begin:end]
    if not sound.any():
        return CutCall(sound, replace(box, begin_s=0.0, end_s=max(1, len(sound)) / rate, score=None))
    first, last = _extent(np.square(sound, dtype=np.float64))
    sound = _faded(sound[first : last + 1], round(_FADE_S * rate))
    low, high = _extent(np.abs(np.fft.rfft(sound.astype(np.float64))) ** 2)
    step_hz = rate / len(sound)
    low_hz, high_hz = low * step_hz - _MARGIN_HZ, high * step_hz + _MARGIN_HZ
    return CutCall(sound, Box(0.0, len(sound) / rate, max(0.0, low_hz), min(high_hz, rate / 2)))


def _extent(power: np.ndarray) -> tuple[int, int]:
    """First and last place of what holds all but a share `_TRIM` of the power on each side."""
    shares = np.cumsum(power) / power.sum()
    first, last = np.searchsorted(shares, (_TRIM, 1 - _TRIM))
    return int(first), min(int(last), len(power) - 1)


def _faded(sound: np.ndarray, n: int) -> np.ndarray:
    n = min(n, len(sound) // 2)
    rise = np.linspace(0.0, 1.0, n, endpoint=False, dtype=np.float32)
    faded = sound.copy()
    faded[:n] *= rise
    faded[len(sound) - n :] *= rise[::-1]
    return faded


def shifted(cut: CutCall, octaves: float, sample_rate: int) -> CutCall:
    """A call as another animal has it: higher and shorter, or lower and longer."""
    if not octaves:
        return cut
    box = shifted_box(cut.box, octaves, sample_rate)
    n, n_new = len(cut.samples), round(box.end_s * sample_rate)
    sound = np.fft.irfft(np.fft.rfft(cut.samples.astype(np.float64)), n_new) * (n_new / n)
    return CutCall(sound.astype(np.float32), box)


def shifted_box(box: Box, octaves: float, sample_rate: int) -> Box:
    """The box of `shifted`: whole samples, and no higher than half the rate."""
    ratio = 2.0**octaves
    n = max(1, round(box.end_s / ratio * sample_rate))
    high_hz = min(box.high_hz * ratio, sample_rate / 2)
    return replace(
        box, end_s=n / sample_rate, low_hz=min(box.low_hz * ratio, high_hz - _MARGIN_HZ), high_hz=high_hz
    )


def masked(samples: np.ndarray, mask: np.ndarray, spec: FeatureSpec) -> np.ndarray:
    """Sound without the cells of its spectrogram that a mask leaves out.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float32
    mask : np.ndarray, shape (n_frames, n_fft / 2 + 1), bool
    spec : FeatureSpec

    Returns
    -------
    np.ndarray, shape (n,), float32
        The samples themselves where the mask leaves nothing out.
    """
    n_fft, hop = spec.n_fft, spec.hop_length
    window = np.hanning(n_fft + 1)[:-1]
    n = (len(mask) - 1) * hop + n_fft
    padded = np.pad(samples.astype(np.float64), (n_fft // 2, max(0, n - n_fft // 2 - len(samples))))[:n]
    kept, weight = np.zeros(n), np.zeros(n)
    for frame in range(len(mask)):
        part = slice(frame * hop, frame * hop + n_fft)
        weight[part] += window**2
        if mask[frame].any():
            kept[part] += window * np.fft.irfft(np.fft.rfft(window * padded[part]) * mask[frame], n_fft)
    kept /= np.maximum(weight, 1e-3)
    return kept[n_fft // 2 : n_fft // 2 + len(samples)].astype(np.float32)


def kept_calls(
    file: Path, clip: Recording, *, listen_s: float, longest_s: float, sample_rate: int
) -> list[CutCall]:
    """The calls of a clip, from ``file`` where they were cut before. A clip that fails to decode has none."""
    if not file.exists():
        try:
            cuts = cut_calls(clip, listen_s=listen_s, longest_s=longest_s, sample_rate=sample_rate)
        except AudioError:
            cuts = []
        write_calls(file, cuts)
    return read_calls(file, clip.label)


def write_calls(file: Path, cuts: Sequence[CutCall]) -> None:
    """Keep calls; `read_calls` is the inverse."""
    edges = [(cut.box.begin_s, cut.box.end_s, cut.box.low_hz, cut.box.high_hz) for cut in cuts]
    samples = [cut.samples for cut in cuts]
    with atomic_write(file, "wb") as stream:
        np.savez(
            stream,
            boxes=np.array(edges, np.float64).reshape(-1, 4),
            lengths=np.array([len(one) for one in samples], np.int64),
            samples=np.concatenate([np.zeros(0, np.float32), *samples]),
        )


def read_calls(file: Path, label: str) -> list[CutCall]:
    with open_arrays(file) as arrays:
        boxes, lengths, samples = (arrays[name] for name in ("boxes", "lengths", "samples"))
    parts = np.split(samples, np.cumsum(lengths)[:-1]) if len(lengths) else []
    return [
        CutCall(part, Box(begin_s, end_s, low_hz, high_hz, label))
        for part, (begin_s, end_s, low_hz, high_hz) in zip(parts, boxes.tolist(), strict=True)
    ]
