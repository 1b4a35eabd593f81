"""The gate before a model that hears sound itself: it makes its own features of each window."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from avianvox.audio.resample import Resampler
from avianvox.features.extract import stream_features
from avianvox.features.kinds import Spec
from avianvox.features.waveform import WaveformSpec
from avianvox.inference.gate import Gate


class WindowGate(Protocol):
    """Says how likely something calls in a window, to be compared with ``threshold``."""

    @property
    def threshold(self) -> float: ...
    def score(self, rows: np.ndarray) -> float: ...


@dataclass(frozen=True, slots=True)
class GateOnSound:
    """A gate over windows of sound at ``sample_rate`` Hz."""

    gate: Gate
    sample_rate: int

    @property
    def threshold(self) -> float:
        return self.gate.threshold

    def score(self, rows: np.ndarray) -> float:
        """Of a window of samples, shape (n, 1), float32."""
        spec = self.gate.spec
        resampler = Resampler(self.sample_rate, spec.sample_rate)
        sound = [*resampler.push(rows[:, 0]), resampler.finish()]
        return self.gate.score(np.concatenate(list(stream_features(sound, spec))))


def gate_for(gate: Gate, spec: Spec) -> WindowGate:
    """The gate for windows under ``spec``; `ModelFileError` where it hears other features."""
    if isinstance(spec, WaveformSpec):
        return GateOnSound(gate, spec.sample_rate)
    gate.check_spec(spec)
    return gate
