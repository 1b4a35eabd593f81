"""`EmbeddingSpec`: rows of a store that a model makes, its embedding and its own scores of each window."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

import numpy as np

from avianvox.config import settings_from_mapping
from avianvox.errors import InputError, ModelFileError
from avianvox.features.spec import digest_of_settings
from avianvox.features.waveform import WaveformSpec
from avianvox.inference.runtime import runtime_of
from avianvox.modelfile import ModelFile, read_model_file
from avianvox.modelfolder import find_model
from avianvox.modelinfo import EMBEDDING, SPECIES

KIND = "embedding"


@dataclass(frozen=True, slots=True)
class EmbeddingSpec:
    """One row for each window of a recording: ``n_embedding`` numbers, then ``n_scores`` scores in [0, 1].

    Windows follow one another every ``hop`` samples; the last one ends with the recording, and a recording
    that is shorter than a window is looped.

    Attributes
    ----------
    model : str
        Name or file of the model. It says where to find the graph and is no part of the fingerprint.
    sha256 : str
        Of the graph.
    sample_rate : int, Hz
    window, hop : int, samples
    n_embedding, n_scores : int
        ``n_scores`` is 0 where the model's own scores are not kept.
    """

    model: str
    sha256: str
    sample_rate: int
    window: int
    hop: int
    n_embedding: int
    n_scores: int

    def __post_init__(self) -> None:
        for name in ("sample_rate", "window", "hop", "n_embedding"):
            if getattr(self, name) < 1:
                raise InputError(f"EmbeddingSpec: {name} must be positive, got {getattr(self, name)}")
        if self.n_scores < 0:
            raise InputError(f"EmbeddingSpec: n_scores must not be negative, got {self.n_scores}")

    @classmethod
    def of_model(cls, name: str, *, overlap_s: float = 0.0, scores: bool = True) -> "EmbeddingSpec":
        """The spec of a model by name or file.

        Raises
        ------
        ModelFileError
            There is no such model, or it gives no embedding.
        InputError
            ``overlap_s`` is not from 0 to less than the window.
        """
        found = read_model_file(find_model(name))
        info, output = found.info, found.info.output(EMBEDDING)
        if output is None or not isinstance(info.spec, WaveformSpec):
            raise ModelFileError(
                f"the model '{name}' gives no embedding; take one that does: avianvox models add birdnet"
            )
        window = info.spec.n_samples
        hop = window - round(overlap_s * info.spec.sample_rate)
        if not 0 < hop <= window:
            raise InputError(f"overlap: expected 0 to less than {info.spec.window_s:g} s, got {overlap_s} s")
        n_scores = len(info.labels) if scores else 0
        return cls(
            name, found.hashes["flatbuffer"], info.spec.sample_rate, window, hop, output.size, n_scores
        )

    @property
    def hop_length(self) -> int:
        """Samples from one row to the next."""
        return self.hop

    @property
    def n_frames(self) -> int:
        return 1

    @property
    def n_features(self) -> int:
        return self.n_embedding + self.n_scores

    @property
    def window_samples(self) -> int:
        return self.window

    @property
    def window_s(self) -> float:
        return self.window / self.sample_rate

    @property
    def anchored(self) -> bool:
        """Rows of a part of a recording begin where it begins."""
        return False

    def frames_of(self, n_samples: int) -> int:
        return 1 + ceil(max(0, n_samples - self.window) / self.hop) if n_samples > 0 else 0

    def frames_to_seconds(self, n_frames: float) -> float:
        return n_frames * self.hop / self.sample_rate

    def seconds_to_frames(self, seconds: float) -> int:
        return round(seconds * self.sample_rate / self.hop)

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with any field but the model's name."""
        return digest_of_settings({k: v for k, v in self.to_mapping().items() if k != "model"})

    @property
    def extraction_fingerprint(self) -> str:
        return self.fingerprint

    def stream(self) -> "EmbeddingStream":
        """Rows of sound that comes in blocks.

        Raises
        ------
        ModelFileError
            The model is not there, or is another one by now.
        """
        found = read_model_file(find_model(self.model))
        if found.hashes["flatbuffer"] != self.sha256:
            raise ModelFileError(
                f"{found.path} is not the model that these features are made with: expected SHA-256 "
                f"{self.sha256[:12]}…, got {found.hashes['flatbuffer'][:12]}…; add that model, or build the "
                "features in another folder"
            )
        return EmbeddingStream(self, found)

    def silence_test(self) -> Callable[[np.ndarray], bool]:
        """An embedding is of sound; what is silent it doesn't say."""
        return lambda rows: False

    def to_mapping(self) -> dict[str, Any]:
        return {"kind": KIND} | asdict(self)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "EmbeddingSpec":
        """The inverse of `to_mapping`. Raises `ConfigError` on unknown keys."""
        return settings_from_mapping(cls, values, table="features")


class EmbeddingStream:
    """Runs a model on windows as sound comes."""

    def __init__(self, spec: EmbeddingSpec, model: ModelFile) -> None:
        self._spec = spec
        self._runtime = runtime_of(model)
        self._reset()

    def _reset(self) -> None:
        self._samples = np.empty(0, np.float32)  # from the window on that comes next, or from the last one
        self._done = False  # whether they begin with a window that was given

    def push(self, samples: np.ndarray) -> Iterator[np.ndarray]:
        """Take ``samples`` (shape (n,), float32) in; yield rows, shape (1, n_features), float32."""
        spec = self._spec
        self._samples = np.concatenate((self._samples, samples))
        while True:
            if self._done:
                if len(self._samples) < spec.hop + spec.window:
                    return
                self._samples = self._samples[spec.hop :]
            elif len(self._samples) < spec.window:
                return
            self._done = True
            yield self._row(self._samples[: spec.window])

    def finish(self) -> Iterator[np.ndarray]:
        """Yield the row that is left, then start anew: the object can take the next recording."""
        samples, window = self._samples, self._spec.window
        if self._done and len(samples) > window:
            yield self._row(samples[-window:])
        elif not self._done and len(samples):
            yield self._row(np.resize(samples, window))
        self._reset()

    def _row(self, window: np.ndarray) -> np.ndarray:
        found = self._runtime.run(window[:, None])
        parts = [found[EMBEDDING]] + ([found[SPECIES]] if self._spec.n_scores else [])
        return np.concatenate(parts)[None].astype(np.float32)
