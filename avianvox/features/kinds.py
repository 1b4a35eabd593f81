"""Kinds of specs: what a model's window is made of. A kind is one row of `KINDS` and keeps to `Spec`."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from avianvox.errors import ConfigError
from avianvox.registry import Registry

if TYPE_CHECKING:
    from avianvox.features.spec import FeatureSpec

DEFAULT_KIND = "log_mel"
"""What a mapping without ``kind`` means."""


class RowStream(Protocol):
    """Makes rows of sound that comes in blocks."""

    def push(self, samples: np.ndarray) -> Iterator[np.ndarray]:
        """Take ``samples`` (shape (n,), float32) in; yield blocks of rows, shape (_, n_features)."""
        ...

    def finish(self) -> Iterator[np.ndarray]:
        """Yield the rows that are left, then start anew."""
        ...


class Spec(Protocol):
    """How sound becomes the rows that a model sees and a store keeps.

    Row ``t`` belongs to sample ``t * hop_length``, and ``n_frames`` rows are a window. ``fingerprint``
    changes with any setting, ``extraction_fingerprint`` with those that shape a row.
    """

    @property
    def sample_rate(self) -> int: ...
    @property
    def hop_length(self) -> int: ...
    @property
    def n_frames(self) -> int: ...
    @property
    def n_features(self) -> int: ...
    @property
    def window_samples(self) -> int: ...
    @property
    def window_s(self) -> float: ...
    @property
    def anchored(self) -> bool:
        """Whether a part of a recording has the rows that the whole has there, or rows of its own."""
        ...

    @property
    def fingerprint(self) -> str: ...
    @property
    def extraction_fingerprint(self) -> str: ...
    def frames_of(self, n_samples: int) -> int: ...
    def frames_to_seconds(self, n_frames: float) -> float: ...
    def seconds_to_frames(self, seconds: float) -> int: ...
    def stream(self) -> RowStream: ...
    def silence_test(self) -> Callable[[np.ndarray], bool]:
        """Tells windows that hold nothing to name; it takes their rows, without what is looped."""
        ...

    def to_mapping(self) -> dict[str, Any]: ...


class SpecKind(Protocol):
    """What a row of `KINDS` stands for: a class of specs."""

    def from_mapping(self, values: Mapping[str, Any]) -> Spec: ...


_BANDS = {
    DEFAULT_KIND: "avianvox.features.spec:FeatureSpec",
    "pcen": "avianvox.features.pcen:PcenSpec",
}

BANDS: Registry[type["FeatureSpec"]] = Registry("kind of mel bands", _BANDS)
"""Kinds of mel bands and MFCC, which crops and models on them take; `FeatureSpec` is their root."""

KINDS: Registry[SpecKind] = Registry(
    "kind of features",
    {
        **_BANDS,
        "waveform": "avianvox.features.waveform:WaveformSpec",
        "embedding": "avianvox.inference.embedding:EmbeddingSpec",
    },
)


def spec_from_mapping(values: Mapping[str, Any]) -> Spec:
    """The spec that a store, a run or a model file names.

    Raises
    ------
    ConfigError
        On unknown keys, or a kind that is no text.
    UnknownNameError
        On a kind that this release does not know.
    """
    others = {key: value for key, value in values.items() if key != "kind"}
    kind = values.get("kind", DEFAULT_KIND)
    if not isinstance(kind, str):
        raise ConfigError(f"[features] kind: expected a text, got {kind!r:.40}")
    return KINDS.get(kind).from_mapping(others)


def bands_from_mapping(values: Mapping[str, Any]) -> "FeatureSpec":
    """The same where it has to be one of mel bands and MFCC: `ConfigError` on another one."""
    from avianvox.features.spec import FeatureSpec

    spec = spec_from_mapping(values)
    if not isinstance(spec, FeatureSpec):
        raise ConfigError(f"[features] kind: expected mel bands, got '{values['kind']}'")
    return spec
