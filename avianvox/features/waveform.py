"""`WaveformSpec`: a model that hears the sound itself. Its rows are samples, and nothing is extracted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.config import settings_from_mapping, settings_to_mapping
from avianvox.errors import InputError
from avianvox.features.spec import digest_of_settings

KIND = "waveform"

_MOST_RATE = 10_000_000
_MOST_SAMPLES = 1 << 24
"""Of a window: 64 MB of sound."""

SILENCE = 3.0 / 32768
"""Standard deviation over `_BLOCK_S`: three steps of 16 bits."""

_BLOCK_S = 0.02
_EDGE_S = 0.1  # that a constant takes to settle in the resampler when it begins or ends


@dataclass(frozen=True, slots=True)
class WaveformSpec:
    """Windows of sound for a model with a front end of its own.

    Attributes
    ----------
    sample_rate : int, Hz
    n_samples : int
        In a model's window.
    """

    sample_rate: int
    n_samples: int

    def __post_init__(self) -> None:
        for name, most in (("sample_rate", _MOST_RATE), ("n_samples", _MOST_SAMPLES)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= most:
                raise InputError(f"WaveformSpec: {name} must be positive and at most {most}, got {value!r}")

    @property
    def hop_length(self) -> int:
        """Samples from one row to the next."""
        return 1

    @property
    def n_features(self) -> int:
        return 1

    @property
    def n_frames(self) -> int:
        """Rows in a model's window."""
        return self.n_samples

    @property
    def window_samples(self) -> int:
        return self.n_samples

    @property
    def anchored(self) -> bool:
        """Rows lie on one grid from the recording's begin."""
        return True

    @property
    def window_s(self) -> float:
        return self.n_samples / self.sample_rate

    def frames_of(self, n_samples: int) -> int:
        return n_samples

    def frames_to_seconds(self, n_frames: float) -> float:
        return n_frames / self.sample_rate

    def seconds_to_frames(self, seconds: float) -> int:
        return round(seconds * self.sample_rate)

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with any field."""
        return digest_of_settings(self.to_mapping())

    @property
    def extraction_fingerprint(self) -> str:
        """The same: windows are cut from samples as they are, but at one rate."""
        return digest_of_settings({"kind": KIND, "sample_rate": self.sample_rate})

    def stream(self) -> "WaveformStream":
        """Rows of sound that comes in blocks: the samples themselves."""
        return WaveformStream()

    def silence_test(self) -> "WaveformSilence":
        """Tells windows that hold nothing to name."""
        return WaveformSilence(self)

    def to_mapping(self) -> dict[str, Any]:
        return {"kind": KIND} | settings_to_mapping(self)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "WaveformSpec":
        """The inverse of `to_mapping`. Raises `ConfigError` on unknown keys."""
        return settings_from_mapping(cls, values, table="features")


class WaveformStream:
    """Rows of sound as it comes."""

    def push(self, samples: np.ndarray) -> Iterator[np.ndarray]:
        """Take ``samples`` (shape (n,), float32) in; yield them as rows, shape (n, 1)."""
        yield samples[:, None]

    def finish(self) -> Iterator[np.ndarray]:
        """Nothing is left; the object can take the next recording."""
        yield from ()


class WaveformSilence:
    """Tells silent windows from others: nothing varies in them but noise of a few steps of 16 bits.

    A constant is not heard, and where it begins or ends within `_EDGE_S` of the window's ends, neither is
    the click.

    Attributes
    ----------
    edge : int
        Samples at each end that may hold such a click.
    block : int
        Samples over which `SILENCE` is measured.
    """

    def __init__(self, spec: WaveformSpec) -> None:
        self.edge = round(_EDGE_S * spec.sample_rate)
        self.block = max(1, round(_BLOCK_S * spec.sample_rate))

    def __call__(self, rows: np.ndarray) -> bool:
        """Whether nothing is heard in a window, shape (n, 1), without what is looped."""
        samples = rows[:, 0]
        kept = min(self.edge, (len(samples) - 1) // 2)
        inner = samples[kept : len(samples) - kept]
        if _level(inner, self.block) >= SILENCE:
            return False
        return bool(abs(inner.mean()) > SILENCE) or _level(samples, self.block) < SILENCE


def _level(samples: np.ndarray, block: int) -> float:
    """The greatest standard deviation of a block, the last one of any length."""
    whole = len(samples) // block * block
    blocks = samples[:whole].reshape(-1, block).std(axis=1) if whole else np.zeros(1)
    rest = samples[whole:].std() if len(samples) > whole else 0.0
    return float(max(blocks.max(), rest))
