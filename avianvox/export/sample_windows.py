"""Windows of sound on which an exported file is calibrated and compared with the model it came from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avianvox.audio.decode import load_waveform
from avianvox.errors import AudioError
from avianvox.features.extract import extract_features
from avianvox.features.spec import FeatureSpec
from avianvox.randomness import derive_rng
from avianvox.types import Waveform


@dataclass(frozen=True)
class Windows:
    """The same windows of sound twice, for both ways into a file.

    ``waveforms``: shape (n, spec.window_samples); ``features``: shape (n, spec.n_frames, spec.n_features),
    from the plain extractor over the whole recording; both float32. ``source`` says what they are.
    """

    waveforms: np.ndarray
    features: np.ndarray
    source: str

    def __len__(self) -> int:
        return len(self.waveforms)


def cut_window(waveform: Waveform, spec: FeatureSpec, first_frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Samples and features of the window that begins at a frame of a recording.

    The samples begin ``n_fft // 2`` before the centre of the first frame, with zeros beyond both ends of the
    recording.
    """
    rows = extract_features(waveform, spec).values[first_frame : first_frame + spec.n_frames]
    half = spec.n_fft // 2
    padded = np.pad(waveform.samples, (half, half))
    begin = first_frame * spec.hop_length
    return padded[begin : begin + spec.window_samples], rows


def recording_windows(paths: Sequence[Path], spec: FeatureSpec, *, n: int = 64, seed: int = 0) -> Windows:
    """One window from each of at most ``n`` recordings, drawn by name; the result may be empty.

    Recordings that do not decode or are shorter than a window are passed over.
    """
    order = derive_rng(seed, "export", "recordings").permutation(len(paths))
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    for path in (paths[i] for i in order):
        if len(pairs) == n:
            break
        try:
            waveform, _ = load_waveform(path, sample_rate=spec.sample_rate)
        except AudioError:
            continue
        n_positions = spec.frames_of(len(waveform.samples)) - spec.n_frames + 1
        if n_positions > 0:
            first = int(derive_rng(seed, "export", "window", path.name).integers(n_positions))
            pairs.append(cut_window(waveform, spec, first))
    return _stack(pairs, spec, f"one window from each of {len(pairs)} training recordings")


def synthetic_windows(spec: FeatureSpec, *, n: int = 16, seed: int = 0) -> Windows:
    """Chirps over noise of many levels, for a run whose recordings are not at hand."""
    pairs = []
    for number in range(n):
        rng = derive_rng(seed, "export", "synthetic", number)
        time = np.arange(spec.window_samples + spec.n_fft) / spec.sample_rate
        begin, end = rng.uniform(0.05, 0.45, 2) * spec.sample_rate
        chirp = np.sin(2 * np.pi * (begin * time + (end - begin) * time**2 / (2 * time[-1])))
        noise = rng.standard_normal(len(time))
        sound = 10 ** rng.uniform(-2, -0.5) * chirp + 10 ** rng.uniform(-4, -1) * noise
        waveform = Waveform(sound.astype(np.float32), spec.sample_rate)
        pairs.append(cut_window(waveform, spec, number % 3))
    return _stack(pairs, spec, f"{n} windows of synthetic sound")


def _stack(pairs: list[tuple[np.ndarray, np.ndarray]], spec: FeatureSpec, source: str) -> Windows:
    waveforms = np.empty((len(pairs), spec.window_samples), np.float32)
    features = np.empty((len(pairs), spec.n_frames, spec.n_features), np.float32)
    for row, (samples, values) in enumerate(pairs):
        waveforms[row], features[row] = samples, values
    return Windows(waveforms, features, source)
