"""The windows that a gate learns from, each as the few numbers that the gate sees."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from avianvox.dataset.windows import window_offsets
from avianvox.evaluation.gate_curve import MADE, MIX, NOISE, VOICE, Windows
from avianvox.features.spec import FeatureSpec
from avianvox.features.store import FeatureStore
from avianvox.inference.gate import FLOOR_DB, window_statistics
from avianvox.models.gate.noises import mix_windows, noise_window
from avianvox.randomness import derive_rng
from avianvox.types import NO_BIRD, Recording

_VOICE_HOPS, _NOISE_HOPS = 2, 8  # windows begin every half and every eighth of a window
_MOST_WINDOWS = 200  # of a recording
_MADE = 4  # noises made of each recording's own, and as many mixes
_SNR_DB = (3.0, 25.0)
_LOWEST_BAND = 8  # rumble below about 200 Hz doesn't make a window a strong one


@dataclass(frozen=True)
class Examples:
    """Windows and the numbers of each: ``statistics`` has shape (n, N_STATISTICS), float32."""

    windows: Windows
    statistics: np.ndarray


def gate_examples(
    recordings: Sequence[Recording],
    folds: np.ndarray,
    store: FeatureStore,
    spec: FeatureSpec,
    *,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> Examples:
    """Windows of recordings with a voice and without, noises made after them, and mixes of both.

    Parameters
    ----------
    recordings : sequence of Recording
        Those labelled `NO_BIRD` are without a voice. All are in the store, with a frame or more.
    folds : np.ndarray, shape (n,), int
        The fold that each recording is tested in; a mix is made of recordings of one fold.
    store : FeatureStore
    spec : FeatureSpec
    seed : int
    progress : callable, optional
        Called with the number of recordings done and their total.
    """
    rows: list[tuple[str, int, int, float, float, np.ndarray]] = []
    noises: dict[int, list[int]] = {}
    for i, recording in enumerate(recordings):
        if recording.label == NO_BIRD:
            noises.setdefault(int(folds[i]), []).append(i)

    def put(kind: str, i: int, window: np.ndarray, weight: float, rank: float) -> None:
        rows.append((kind, i, int(folds[i]), weight, rank, window_statistics(window)))

    for i, recording in enumerate(recordings):
        log_mel = _log_mel(store, recording)
        voiced = recording.label != NO_BIRD
        cut = _windows(log_mel, spec, _VOICE_HOPS if voiced else _NOISE_HOPS)
        usual = np.median(log_mel, axis=0)
        strengths = [-window_strength(window, usual) for window in cut]
        for window, rank in zip(cut, np.argsort(np.argsort(strengths, kind="stable")), strict=True):
            put(VOICE if voiced else NOISE, i, window, 1.0 / len(cut), float(rank))
        if voiced:
            rng = derive_rng(seed, "gate", recording.id)
            made = [noise_window(_floor(log_mel), spec, rng) for _ in range(_MADE)]
            for window in made:
                put(MADE, i, window, 1.0 / _MADE, 0.0)
            strongest = cut[int(np.argmin(strengths))]
            if (strongest.max(axis=1) > FLOOR_DB).all():  # digital silence has no noise to be drowned in
                for n, window in enumerate(made):
                    snr_db = rng.uniform(*_SNR_DB)
                    there = noises.get(int(folds[i]))
                    if n % 2 and there:
                        other = _log_mel(store, recordings[there[int(rng.integers(len(there)))]])
                        pieces = _windows(other, spec, _NOISE_HOPS)
                        window = pieces[int(rng.integers(len(pieces)))]
                    put(MIX, i, mix_windows(strongest, window, snr_db), 1.0 / _MADE, snr_db)
        if progress is not None:
            progress(i + 1, len(recordings))
    kinds, positions, in_fold, weights, ranks, statistics = map(np.array, zip(*rows, strict=True))
    return Examples(Windows(kinds, positions, in_fold, weights, ranks), statistics)


def window_strength(window: np.ndarray, usual: np.ndarray) -> float:
    """How far the loud frames of a window rise over its recording's own noise, in dB.

    Of each frame the fourth highest band counts, of the window its loudest fifth begins there. It is not what
    the gate looks at: the gate is judged on windows that something else chose.

    Parameters
    ----------
    window : np.ndarray, shape (_, n_mels), dB
    usual : np.ndarray, shape (n_mels,), dB
        The median of each band over the recording.
    """
    rise = (window - usual)[:, _LOWEST_BAND:]
    return float(np.quantile(np.sort(rise, axis=1)[:, -4], 0.8))


def _log_mel(store: FeatureStore, recording: Recording) -> np.ndarray:
    """The bands of a recording, shape (n_frames, n_mels), float32."""
    features = store.features(store.index_of(recording.id))
    return np.asarray(features[:, : store.log_mel.n_mels], np.float32)


def _floor(log_mel: np.ndarray) -> np.ndarray:
    """Level of each band in the quieter frames that hold sound, shape (n_mels,)."""
    sounding = log_mel[log_mel.max(axis=1) > FLOOR_DB]
    floor: np.ndarray = np.quantile(sounding if len(sounding) else log_mel, 0.3, axis=0)
    return floor


def _windows(log_mel: np.ndarray, spec: FeatureSpec, per_window: int) -> list[np.ndarray]:
    """At most `_MOST_WINDOWS` windows, evenly spread; a short recording is looped into one."""
    n = spec.n_frames
    if len(log_mel) < n:
        return [np.resize(log_mel, (n, log_mel.shape[1]))]
    offsets = window_offsets(len(log_mel), n, max(1, n // per_window))
    if len(offsets) > _MOST_WINDOWS:
        offsets = offsets[np.linspace(0, len(offsets) - 1, _MOST_WINDOWS).astype(int)]
    return [log_mel[offset : offset + n] for offset in offsets.tolist()]
