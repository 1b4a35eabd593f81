"""From log-mel rows back to sound: the extractor's inverse, as far as there is one, in plain NumPy.

Mel bands don't say how the power of a band lies over its bins, and a power says no phase. Bins are found as
the non-negative spectrum whose bands come nearest (`bin_powers`), phases by the fast Griffin-Lim method
(`sound_of`). The sound's features are near those that were asked for, and it is nobody's recording.
"""

import numpy as np

from avianvox.features.filters import hann_window, mel_matrix
from avianvox.features.spec import FeatureSpec
from avianvox.randomness import derive_rng
from avianvox.types import Waveform

_LEAST = 1e-12
_N_BIN_STEPS = 60
N_PHASE_STEPS = 60
_MOMENTUM = 0.99


def bin_powers(log_mel: np.ndarray, spec: FeatureSpec) -> np.ndarray:
    """Power of each bin of a spectrum whose mel bands are ``log_mel``.

    Parameters
    ----------
    log_mel : np.ndarray, shape (n_frames, n_mels), dB
    spec : FeatureSpec

    Returns
    -------
    np.ndarray, shape (n_frames, n_fft // 2 + 1), float64, never negative

    References
    ----------
    Lee and Seung, "Algorithms for non-negative matrix factorization", 2001: the multiplicative steps, with
    the filters held fixed.
    """
    filters = mel_matrix(spec).astype(np.float64)
    used = [np.flatnonzero(column) for column in filters.T]
    parts = [slice(int(bins[0]), int(bins[-1]) + 1) if len(bins) else slice(0, 0) for bins in used]
    first = np.minimum((filters > 0).argmax(axis=1), spec.n_mels - 2)  # no bin lies in more than two bands
    weights = [np.take_along_axis(filters, (first + i)[:, None], axis=1)[:, 0] for i in range(2)]

    def bands_of(powers: np.ndarray) -> np.ndarray:
        columns = [np.einsum("tk,k->t", powers[:, part], filters[part, b]) for b, part in enumerate(parts)]
        return np.stack(columns, axis=1)

    def back(bands: np.ndarray) -> np.ndarray:
        return bands[:, first] * weights[0] + bands[:, first + 1] * weights[1]

    aimed: np.ndarray = back(10.0 ** (np.asarray(log_mel, np.float64) / 10))
    found: np.ndarray = aimed / np.maximum(filters.sum(axis=1) ** 2, _LEAST)
    for _ in range(_N_BIN_STEPS):
        found *= aimed / np.maximum(back(bands_of(found)), _LEAST)
    return found


def sound_of(
    log_mel: np.ndarray, spec: FeatureSpec, *, seed: int = 0, n_steps: int = N_PHASE_STEPS
) -> Waveform:
    """Sound whose log-mel bands are near ``log_mel``; it begins and ends as features are padded.

    Parameters
    ----------
    log_mel : np.ndarray, shape (n_frames, n_mels), dB
    spec : FeatureSpec
    seed : int
        Of the phases that are begun with.
    n_steps : int

    Returns
    -------
    Waveform
        ``(n_frames - 1) * hop_length`` samples. Where it is louder than full scale, it is turned down.

    References
    ----------
    Perraudin, Balazs and Sondergaard, "A fast Griffin-Lim algorithm", 2013.
    """
    size = np.sqrt(bin_powers(log_mel, spec))
    phases = derive_rng(seed, "phases").uniform(0, 2 * np.pi, size.shape)
    angles = np.exp(1j * phases)
    before = np.zeros_like(angles)
    samples = _inverse(size * angles, spec)
    for _ in range(n_steps):
        rebuilt = _spectra(samples, spec)
        angles = rebuilt + _MOMENTUM / (1 + _MOMENTUM) * (rebuilt - before)
        before = rebuilt
        samples = _inverse(size * angles / np.maximum(np.abs(angles), _LEAST), spec)
    loudest = float(np.abs(samples).max(initial=0.0))
    return Waveform((samples / max(1.0, loudest)).astype(np.float32), spec.sample_rate)


def _spectra(samples: np.ndarray, spec: FeatureSpec) -> np.ndarray:
    padded = np.pad(samples, spec.n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, spec.n_fft)[:: spec.hop_length]
    return np.fft.rfft(frames * hann_window(spec), axis=1)


def _inverse(spectra: np.ndarray, spec: FeatureSpec) -> np.ndarray:
    """The sound of least squared distance to ``spectra``, without the padding."""
    window = hann_window(spec).astype(np.float64)
    frames = np.fft.irfft(spectra, spec.n_fft, axis=1) * window
    length = (len(frames) - 1) * spec.hop_length + spec.n_fft
    total, weight = np.zeros(length), np.zeros(length)
    for number, frame in enumerate(frames):
        begin = number * spec.hop_length
        total[begin : begin + spec.n_fft] += frame
        weight[begin : begin + spec.n_fft] += window**2
    half = spec.n_fft // 2
    sound: np.ndarray = (total / np.maximum(weight, _LEAST))[half : length - half]
    return sound
