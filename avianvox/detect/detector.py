"""`Detector`: a model file that finds boxes, run by LiteRT alone. Needs no Keras."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.audio.chatter import silence_decoders
from avianvox.boxes.protocol import stream_boxes
from avianvox.detect.finding import BoxFinder, Plan
from avianvox.detect.proposals import padded
from avianvox.documents import MISSHAPEN
from avianvox.errors import MissingExtraError, ModelFileError
from avianvox.features.extract import latest_row
from avianvox.features.spec import FeatureSpec
from avianvox.inference.box_source import BoxStream
from avianvox.modelfile import ModelFile, read_model_file
from avianvox.modelfolder import find_model
from avianvox.types import Box

KIND = "detector"
"""Of a model file, see `ModelInfo.kind`."""
FIRST, SECOND = "features", "regions"
"""Signatures of the graph: rows of a window to objectness, offsets and map; map and regions to classes."""


@dataclass(frozen=True)
class Detector:
    """Finds boxes in sound; a `avianvox.boxes.protocol.PushedSource`.

    Attributes
    ----------
    model : ModelFile
    plan : Plan
    parts : LiteRtParts
    """

    model: ModelFile
    plan: Plan
    parts: "LiteRtParts"

    @classmethod
    def open(
        cls, name_or_path: str | Path, *, threads: int = 1, least_score: float | None = None
    ) -> "Detector":
        """Open a model file by path or name.

        Parameters
        ----------
        name_or_path : str or path-like
        threads : int
        least_score : float in [0, 1], optional
            Of a box; that of the file by default.

        Raises
        ------
        ModelFileError
            It finds no boxes, or is damaged.
        """
        model = read_model_file(find_model(str(name_or_path)))
        plan = plan_of(model)
        if least_score is not None:
            plan = plan.with_least_score(least_score)
        nothing = np.zeros((plan.spec.n_frames, plan.spec.n_features), np.float32)
        try:
            with silence_decoders():  # LiteRT announces itself at the first run
                parts = LiteRtParts(bytes(model.flatbuffer), plan.limits.proposals, threads=threads)
                *_, found = parts.first(nothing)
                parts.second(found, np.zeros((1, 4)))
        except (ValueError, RuntimeError, LookupError) as error:
            reason = (str(error).splitlines() or [""])[0].strip()
            raise ModelFileError(
                f"{model.path}: the graph cannot be run on windows of {plan.spec.n_frames} frames "
                f"({reason}); export the detector again"
            ) from error
        return cls(model, plan, parts)

    @property
    def labels(self) -> tuple[str, ...]:
        return self.plan.labels

    @property
    def sample_rate(self) -> int:
        """Of the sound that it takes, in Hz."""
        return self.plan.spec.sample_rate

    def boxes(self, blocks: Iterable[np.ndarray]) -> Iterator[Box]:
        """The boxes of one recording by the times at which they begin.

        Parameters
        ----------
        blocks : iterable of np.ndarray, shape (n,), float32, full scale ±1
            Mono sound at `sample_rate`, in pieces of any size. Memory does not grow with them.
        """
        return stream_boxes(blocks, self.stream())

    @property
    def latest_s(self) -> float:
        """So long after its end, at most, a box comes out."""
        spec = self.plan.spec
        return spec.frames_to_seconds(self.plan.latest_frames) + latest_row(spec) / spec.sample_rate

    def stream(self) -> BoxStream:
        """For one recording, block by block."""
        return _Stream(self)


def boxes_of_file(path: str, *, sample_rate: int) -> Detector:
    """A detector as a row of `avianvox.inference.box_source.BOX_SOURCES`, which hears at its own rate."""
    return Detector.open(path)


class _Stream:
    """One recording on its way through a `Detector`."""

    def __init__(self, detector: Detector) -> None:
        self._features = detector.plan.spec.stream()
        self._finder = BoxFinder(detector.parts, detector.plan)
        self._rate, self._n_samples = detector.sample_rate, 0

    def push(self, samples: np.ndarray) -> list[Box]:
        self._n_samples += len(samples)
        return [box for rows in self._features.push(samples) for box in self._finder.push(rows)]

    def finish(self) -> list[Box]:
        found = [box for rows in self._features.finish() for box in self._finder.push(rows)]
        length_s = self._n_samples / self._rate  # the last frame reaches beyond it
        return [
            replace(box, end_s=min(box.end_s, length_s))
            for box in (*found, *self._finder.finish())
            if box.begin_s < length_s
        ]


def plan_of(model: ModelFile) -> Plan:
    """What a model file says of itself as a detector. Raises `ModelFileError` where it is none."""
    info = model.info
    if info.kind != KIND or not info.boxes:
        raise ModelFileError(
            f"{model.path} finds no boxes: it is a model of {info.kind}; expected a file that "
            "'avianvox detect export' wrote"
        )
    if not isinstance(info.spec, FeatureSpec):
        raise ModelFileError(f"{model.path}: expected a detector of mel bands")
    try:
        return Plan.from_mapping(info.boxes, spec=info.spec, labels=info.labels.names)
    except MISSHAPEN as error:
        raise ModelFileError(
            f"{model.path}: what it says of its boxes is not valid ({error}); export it again"
        ) from error


class LiteRtParts:
    """The two signatures of a graph, as `avianvox.detect.finding` asks for them.

    Parameters
    ----------
    flatbuffer : bytes
    n_regions : int
        That the graph looks at together.
    threads : int
    """

    def __init__(self, flatbuffer: bytes, n_regions: int, *, threads: int = 1) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise MissingExtraError(
                "finding boxes needs the package 'ai-edge-litert', which is not installed; "
                "install it with: pip install ai-edge-litert"
            ) from error
        interpreter = Interpreter(model_content=flatbuffer, num_threads=threads)
        self._first = interpreter.get_signature_runner(FIRST)
        self._second = interpreter.get_signature_runner(SECOND)
        self._n_regions = n_regions

    def first(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, Any]:
        given = self._first(features=rows[None])
        return given["objectness"][0], given["offsets"][0], given["map"]

    def second(self, found: Any, regions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        named = self._second(map=found, regions=padded(regions, self._n_regions)[None])
        return named["scores"][0, : len(regions)], named["offsets"][0, : len(regions)]
