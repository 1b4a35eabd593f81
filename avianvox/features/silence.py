"""Whether a window holds anything to name: what counts is what varies.

A microphone or its amplifier may add a constant to all samples. Nobody hears it, and yet it has power: in the
lowest bands, which a constant reaches through the FFT's window, and in all bands where it begins and ends.
"""

from math import ceil

import numpy as np

from avianvox.features.filters import band_edges_hz
from avianvox.features.spec import FeatureSpec

SILENCE_DB = -50.0
"""Log-mel power. Noise of one step of 16 bits is 18 dB below it, the quietest real window 14 dB above."""

_EDGE_S = 0.1  # that a constant takes to settle in the resampler when it begins or ends


class SilenceTest:
    """Tells silent windows of one spec from others.

    Attributes
    ----------
    n_lowest : int
        Bands that a constant reaches.
    edge : int
        Rows at each end of a window that hear a constant begin or end.
    """

    def __init__(self, spec: FeatureSpec) -> None:
        self._n_mels = spec.n_mels
        one_bin_hz = spec.sample_rate / spec.n_fft  # of a Hann window, a constant fills two bins: 0 and 1
        self.n_lowest = int(np.count_nonzero(band_edges_hz(spec)[: spec.n_mels] < one_bin_hz * 1.001))
        self.edge = ceil((spec.n_fft / 2 + _EDGE_S * spec.sample_rate) / spec.hop_length)

    def __call__(self, rows: np.ndarray) -> bool:
        """Whether nothing in a window is louder than `SILENCE_DB`, a constant apart.

        Parameters
        ----------
        rows : np.ndarray, shape (n, n_features)
            Of the window, without what is looped.
        """
        powers = rows[:, : self._n_mels]
        if powers.max() <= SILENCE_DB:
            return True
        edge = min(self.edge, (len(powers) - 1) // 2)
        inner = powers[edge : len(powers) - edge]
        constant, heard = inner[:, : self.n_lowest], inner[:, self.n_lowest :]
        return bool(constant.max(initial=-np.inf) > SILENCE_DB >= heard.max(initial=-np.inf))
