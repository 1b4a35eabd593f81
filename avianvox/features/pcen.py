"""Per-channel energy normalisation: each mel band over its own recent energy, so that steady noise is even.

Nothing that comes later changes a row: the recent energy is smoothed forwards, from the first frame on. So a
part of a recording has rows of its own. Start with `PcenSpec`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from avianvox.config import settings_to_mapping
from avianvox.errors import InputError
from avianvox.features.extract import FeatureStream
from avianvox.features.spec import FeatureSpec

KIND = "pcen"
_SILENT = 1e-6  # of the change of a row; a constant and digital silence have none


@dataclass(frozen=True, slots=True)
class PcenSpec(FeatureSpec):
    """Mel bands ``(power / (least + recent)^gain + bias)^root - bias^root``, and the DCT-II of these.

    ``recent`` is the power of the band, smoothed over ``time_constant_s``.

    References
    ----------
    Wang et al., "Trainable frontend for robust and far-field keyword spotting", 2017, equations 1 and 2; the
    smoothing as in Lostanlen et al., "Per-channel energy normalization: why and how", 2019.
    """

    in_graph: ClassVar[bool] = False

    time_constant_s: float = 0.4
    gain: float = 0.98
    bias: float = 2.0
    root: float = 0.5
    least: float = 1e-6

    def __post_init__(self) -> None:
        FeatureSpec.__post_init__(self)
        for name in ("time_constant_s", "bias", "least"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InputError(f"PcenSpec: {name} must be positive, got {getattr(self, name)}")
        for name in ("gain", "root"):
            if not 0 < getattr(self, name) <= 1:
                raise InputError(f"PcenSpec: {name} must be above 0 and at most 1, got {getattr(self, name)}")

    @property
    def anchored(self) -> bool:
        """What a row is compared with begins where the sound begins."""
        return False

    @property
    def smoothing(self) -> float:
        """The share of a new frame in the recent energy."""
        frames = self.time_constant_s * self.sample_rate / self.hop_length
        return float((np.sqrt(1.0 + 4.0 * frames**2) - 1.0) / (2.0 * frames**2))

    def stream(self) -> "PcenStream":
        return PcenStream(self)

    def silence_test(self) -> Callable[[np.ndarray], bool]:
        """A window is silent where no band changes."""
        return lambda rows: bool(np.ptp(rows[:, : self.n_mels], axis=0).max() <= _SILENT)

    def to_mapping(self) -> dict[str, Any]:
        return {"kind": KIND} | settings_to_mapping(self)


class PcenStream(FeatureStream):
    """Rows of sound that comes in blocks."""

    spec: PcenSpec

    def push(self, samples: np.ndarray) -> Iterator[np.ndarray]:
        return map(self._normalised, FeatureStream.push(self, samples))

    def finish(self) -> Iterator[np.ndarray]:
        yield from map(self._normalised, FeatureStream.finish(self))

    def _reset(self) -> None:
        FeatureStream._reset(self)
        self._recent: np.ndarray | None = None

    def _normalised(self, rows: np.ndarray) -> np.ndarray:
        """``rows`` in decibels; they are the next ones."""
        spec, share = self.spec, self.spec.smoothing
        power = 10.0 ** (rows[:, : spec.n_mels].astype(np.float64) / 10.0)
        recent = np.empty_like(power)
        last = power[0] if self._recent is None else self._recent
        for frame, now in enumerate(power):
            last = recent[frame] = (1.0 - share) * last + share * now
        self._recent = last
        bands = (power / (spec.least + recent) ** spec.gain + spec.bias) ** spec.root - spec.bias**spec.root
        return np.concatenate([bands, np.einsum("tb,bk->tk", bands, self._dct)], axis=1, dtype=np.float32)
