"""Window, mel filter bank and cosine transform as matrices, in plain NumPy.

They are written out so that classifying needs neither librosa nor SciPy; the tests hold them against both.
"""

import numpy as np

from avianvox.features.spec import FeatureSpec

_HZ_PER_MEL = 200.0 / 3.0  # Slaney's scale is linear below 1 kHz ...
_LOG_START_HZ = 1000.0
_LOG_START_MEL = _LOG_START_HZ / _HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27.0  # ... and logarithmic above


def hz_to_mel(hz: np.ndarray | float) -> np.ndarray:
    """Hertz to Slaney mel.

    References
    ----------
    Slaney, "Auditory Toolbox, version 2", Technical Report 1998-010, Interval Research, 1998.
    """
    hz = np.asarray(hz, dtype=np.float64)
    logarithmic = _LOG_START_MEL + np.log(np.maximum(hz, _LOG_START_HZ) / _LOG_START_HZ) / _LOG_STEP
    return np.where(hz < _LOG_START_HZ, hz / _HZ_PER_MEL, logarithmic)


def mel_to_hz(mel: np.ndarray | float) -> np.ndarray:
    """Slaney mel to hertz, the inverse of `hz_to_mel`."""
    mel = np.asarray(mel, dtype=np.float64)
    logarithmic = _LOG_START_HZ * np.exp(_LOG_STEP * (np.maximum(mel, _LOG_START_MEL) - _LOG_START_MEL))
    return np.where(mel < _LOG_START_MEL, mel * _HZ_PER_MEL, logarithmic)


def hann_window(spec: FeatureSpec) -> np.ndarray:
    """Periodic Hann window, shape (n_fft,), float32."""
    phase = 2.0 * np.pi * np.arange(spec.n_fft) / spec.n_fft
    return (0.5 - 0.5 * np.cos(phase)).astype(np.float32)


def band_edges_hz(spec: FeatureSpec) -> np.ndarray:
    """Lower edge, centre and upper edge of band ``i`` are entries ``i``, ``i + 1``, ``i + 2``.

    Shape (n_mels + 2,), float64.
    """
    return mel_to_hz(np.linspace(hz_to_mel(spec.fmin_hz), hz_to_mel(spec.fmax_hz), spec.n_mels + 2))


def mel_matrix(spec: FeatureSpec) -> np.ndarray:
    """Triangular filters of unit area, shape (n_fft // 2 + 1, n_mels), float32: ``power @ matrix``."""
    edges = band_edges_hz(spec)
    bins_hz = np.arange(spec.n_fft // 2 + 1) * (spec.sample_rate / spec.n_fft)
    widths = np.diff(edges)
    distance = edges[None, :] - bins_hz[:, None]
    rising = -distance[:, :-2] / widths[:-1]
    falling = distance[:, 2:] / widths[1:]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    weights: np.ndarray = (triangles * (2.0 / (edges[2:] - edges[:-2]))).astype(np.float32)
    return weights


def dct_matrix(spec: FeatureSpec) -> np.ndarray:
    """Orthonormal DCT-II, shape (n_mels, n_mfcc), float32: ``log_mel @ matrix`` gives the MFCC."""
    return cosines(spec.n_mels, spec.n_mfcc)


def cosines(n: int, n_mfcc: int) -> np.ndarray:
    """`dct_matrix` of ``n`` bands."""
    k = np.arange(n_mfcc)[None, :]
    matrix = np.cos(np.pi * k * (2 * np.arange(n)[:, None] + 1) / (2 * n)) * np.sqrt(2.0 / n)
    matrix[:, 0] = np.sqrt(1.0 / n)
    return np.asarray(matrix, np.float32)
