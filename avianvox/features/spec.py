"""`FeatureSpec`: the one source of truth for extraction, store key, in-graph front end and model file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar

from avianvox.config import settings_from_mapping, settings_to_mapping
from avianvox.errors import InputError, UnknownNameError
from avianvox.registry import nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from avianvox.features.kinds import RowStream

COMBINATIONS = ("mel", "overwrite", "concatenate", "above_floor")
"""How a model sees mel and MFCC: bands alone, MFCC in place of the lowest bands, MFCC after the bands, bands
above the window's own noise floor."""

EXTRACTOR_REVISION = 2
"""Which numbers the extractor makes; stores, runs and model files name it. Those of two revisions differ in
their last digits (by up to 1e-3 dB within 60 dB of the loudest value) and are never mixed in one store.

1: products by BLAS, transform in float64. 2: sums in a fixed order, transform in float32 where all is heard.
"""

FIRST_REVISION = 1
"""Of what names none."""

WINDOW_FIELDS = ("combine", "n_frames")
"""Fields that shape a model's window but not what is extracted and stored."""

_MOST = {"sample_rate": 10_000_000, "n_fft": 1 << 20, "hop_length": 1 << 20, "n_frames": 1 << 20}
_MOST_MELS = 1 << 14
"""A file may ask for anything; beyond these there is no sound, and memory would end."""


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """How sound becomes features.

    Frame ``t`` is centred on sample ``t * hop_length`` and zero-padded at both ends, as librosa does with
    ``center=True``. Log-mel power is ``10 log10(max(power, log_floor))``: the reference is absolute, so a
    window's features depend on nothing outside the window.

    Attributes
    ----------
    sample_rate : int, Hz
    n_fft : int, samples; even
    hop_length : int, samples; a divisor of ``n_fft``
    window : str; "hann" (periodic)
    n_mels : int
        Slaney-style mel bands with area normalisation (librosa's default).
    fmin_hz, fmax_hz : float
        Edges of the lowest and highest band.
    n_mfcc : int
        Orthonormal DCT-II of the log-mel bands.
    log_floor : float
        Least mel power before the logarithm.
    combine : {"mel", "overwrite", "concatenate", "above_floor"}
        What a model sees of both.
    n_frames : int
        Frames in a model's window.

    Examples
    --------
    >>> import avianvox as av
    >>> spec = av.FeatureSpec(n_frames=64)
    >>> round(spec.window_s, 2), spec.n_features
    (1.49, 148)
    """

    in_graph: ClassVar[bool] = True
    """Whether a model file's graph can make the rows of sound."""

    sample_rate: int = 22050
    n_fft: int = 2048
    hop_length: int = 512
    window: str = "hann"
    n_mels: int = 128
    fmin_hz: float = 0.0
    fmax_hz: float = 11025.0
    n_mfcc: int = 20
    log_floor: float = 1e-10
    combine: str = "overwrite"
    n_frames: int = 128

    def __post_init__(self) -> None:
        positive = ("sample_rate", "n_fft", "hop_length", "n_mels", "n_mfcc", "log_floor", "n_frames")
        for name in positive:
            if not 0 < getattr(self, name) <= _MOST.get(name, _MOST_MELS):
                raise InputError(
                    f"FeatureSpec: {name} must be positive and at most {_MOST.get(name, _MOST_MELS)}, "
                    f"got {getattr(self, name)}"
                )
        if self.n_fft % 2 or self.n_fft % self.hop_length:
            raise InputError(
                "FeatureSpec: n_fft must be even and a multiple of hop_length, "
                f"got n_fft={self.n_fft}, hop_length={self.hop_length}"
            )
        if not 0 <= self.fmin_hz < self.fmax_hz <= self.sample_rate / 2:
            raise InputError(
                f"FeatureSpec: expected 0 <= fmin_hz < fmax_hz <= {self.sample_rate / 2}, "
                f"got {self.fmin_hz} and {self.fmax_hz}"
            )
        if self.window != "hann":
            raise InputError(f"FeatureSpec: window must be 'hann', got '{self.window}'")
        if self.n_mfcc > self.n_mels:
            raise InputError(
                f"FeatureSpec: n_mfcc ({self.n_mfcc}) must not be larger than n_mels ({self.n_mels})"
            )
        if self.combine not in COMBINATIONS:
            raise InputError(
                f"FeatureSpec: combine must be one of {', '.join(COMBINATIONS)}, got '{self.combine}'"
                f"{nearest(self.combine, list(COMBINATIONS))}"
            )

    @property
    def n_features(self) -> int:
        """Values stored for each frame: bands, then MFCC."""
        return self.n_mels + self.n_mfcc

    @property
    def n_rows(self) -> int:
        """Values a model sees for each frame under ``combine``."""
        return self.n_features if self.combine == "concatenate" else self.n_mels

    @property
    def window_samples(self) -> int:
        """Samples that one window of ``n_frames`` frames looks at."""
        return (self.n_frames - 1) * self.hop_length + self.n_fft

    @property
    def anchored(self) -> bool:
        """Rows lie on one grid from the recording's begin."""
        return True

    @property
    def window_s(self) -> float:
        return self.n_frames * self.hop_length / self.sample_rate

    def frames_of(self, n_samples: int) -> int:
        """Frames that ``n_samples`` samples give: ``1 + n_samples // hop_length``, and 0 for none."""
        return 1 + n_samples // self.hop_length if n_samples > 0 else 0

    def frames_to_seconds(self, n_frames: float) -> float:
        return n_frames * self.hop_length / self.sample_rate

    def seconds_to_frames(self, seconds: float) -> int:
        return round(seconds * self.sample_rate / self.hop_length)

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with any field; a model file carries them."""
        return digest_of_settings(self.to_mapping())

    @property
    def extraction_fingerprint(self) -> str:
        """The same over the fields that shape what is stored; a feature store carries it."""
        return digest_of_settings({k: v for k, v in self.to_mapping().items() if k not in WINDOW_FIELDS})

    def stream(self) -> "RowStream":
        """Rows of sound that comes in blocks."""
        from avianvox.features.extract import FeatureStream

        return FeatureStream(self)

    def silence_test(self) -> "Callable[[np.ndarray], bool]":
        """Tells windows that hold nothing to name, see `avianvox.features.silence`."""
        from avianvox.features.silence import SilenceTest

        return SilenceTest(self)

    def to_mapping(self) -> dict[str, Any]:
        return settings_to_mapping(self)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "FeatureSpec":
        """The inverse of `to_mapping`. Raises `ConfigError` on unknown keys."""
        return settings_from_mapping(cls, values, table="features", stored=True)

    def with_changes(self, **changes: Any) -> "FeatureSpec":
        """A copy with some fields replaced."""
        known = [field.name for field in fields(self)]
        for name in changes:
            if name not in known:
                raise InputError(f"FeatureSpec has no field '{name}'{nearest(name, known)}")
        return replace(self, **changes)


def digest_of_settings(values: Mapping[str, Any]) -> str:
    """16 hexadecimal digits of settings as plain values."""
    return sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


SPECS: dict[str, FeatureSpec] = {
    "published_v1": FeatureSpec(),
    "published_v2": FeatureSpec(
        sample_rate=44100, n_fft=2048, hop_length=256, fmin_hz=500.0, fmax_hz=15000.0
    ),
}
"""Named settings. ``published_v1`` is librosa's defaults at 22,050 Hz and avianvox's own default."""


def spec_named(name: str) -> FeatureSpec:
    """A row of `SPECS`, or a kind of mel bands with its own defaults, such as ``log_mel``.

    Raises
    ------
    UnknownNameError
        It is neither; the line lists the known names.
    """
    if name in SPECS:
        return SPECS[name]
    from avianvox.features.kinds import BANDS

    known = [*SPECS, *BANDS]
    if name not in known:
        raise UnknownNameError(
            f"unknown feature spec '{name}'{nearest(name, known)} (known: {', '.join(known)})"
        )
    return BANDS.get(name)()


def is_spec_name(name: str) -> bool:
    """Whether `spec_named` knows it."""
    from avianvox.features.kinds import BANDS

    return name in SPECS or name in BANDS
