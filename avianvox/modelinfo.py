"""What a model file says of itself: `ModelInfo`, with what goes in (`spec`) and what comes out (`Output`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from avianvox.errors import ModelFileError
from avianvox.features.kinds import Spec, spec_from_mapping
from avianvox.features.spec import EXTRACTOR_REVISION, FIRST_REVISION
from avianvox.types import LabelSet

FORMAT_VERSION = 2
FIRST_VERSION = 1
"""Of the file format; the versions between are read too."""

SPECIES, EMBEDDING = "species", "embedding"
"""Names of outputs; others may stand beside them, and a pooling may ask for any."""

ACTIVATIONS = ("none", "sigmoid", "softmax")
HEAD = "head"
PAYLOADS = ("tflite", "onnx", HEAD)


@dataclass(frozen=True, slots=True)
class Output:
    """What a graph gives for each window.

    Attributes
    ----------
    name : str
        `SPECIES`: a number for each label; `EMBEDDING`: what heads learn from.
    size : int
        Numbers in it.
    index : int, optional
        Position among the graph's outputs. None: it is an output of the signature that takes features, called
        "scores" for the species.
    activation : {"none", "sigmoid", "softmax"}
        What makes scores in [0, 1] of the graph's numbers.
    exclusive : bool
        Whether one class at most is right, or any of them at once. Scores of classes that don't exclude each
        other are no probabilities unless they are calibrated.
    kind : str
        Of an answer to a task: a row of `avianvox.tasks.TASK_KINDS`; "" for the species and embeddings. This
        and what follows are written where they say something.
    classes : tuple of str
        Of a task: its classes or bins.
    unit : str
        Of a task: that of its number.
    pooling : str
        Of a task: how windows become a recording, a row of `avianvox.inference.pooling.POOLINGS`; that of its
        kind where it is "".
    """

    name: str
    size: int
    index: int | None = None
    activation: str = "none"
    exclusive: bool = True
    kind: str = ""
    classes: tuple[str, ...] = ()
    unit: str = ""
    pooling: str = ""

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise ModelFileError(
                f"output {self.name}: expected an activation of {', '.join(ACTIVATIONS)}, "
                f"got {self.activation!r:.40}"
            )
        valid = {
            "size": type(self.size) is int and self.size > 0,
            "index": self.index is None or (type(self.index) is int and self.index >= 0),
            "exclusive": type(self.exclusive) is bool,
            "kind": isinstance(self.kind, str),
            "unit": isinstance(self.unit, str),
            "pooling": isinstance(self.pooling, str),
            "classes": isinstance(self.classes, tuple) and all(isinstance(c, str) for c in self.classes),
        }
        for name in (name for name, good in valid.items() if not good):
            raise ModelFileError(
                f"output {self.name}: expected a valid {name}, got {getattr(self, name)!r:.40}"
            )

    def to_mapping(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        kept = {name: value for name, value in values.items() if name not in _OF_TASKS or value}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in kept.items()}


_OF_TASKS = ("kind", "classes", "unit", "pooling")


@dataclass(frozen=True)
class ModelInfo:
    """What a model file says about itself.

    Attributes
    ----------
    name : str
        As in ``avianvox models list``.
    kind : str
        The architecture, a name of the models' table, for example ``"cnn_v20"``; ``"ear"`` for a graph that
        others trained.
    spec : Spec
        How sound becomes the model's input; the graph's own front end follows it, where it has one.
    labels : LabelSet
        The classes in the order of the outputs.
    quantization : {"none", "float16", "dynamic", "int8"}
    provenance : mapping
        Training data, their hash, split, seed, figures, versions: anything JSON can hold.
    licences : mapping
        Of the model and of the recordings it learned from, with credits.
    parity : mapping
        Measured differences of Keras, LiteRT and the plain extractor.
    calibration : mapping
        What :class:`avianvox.inference.calibration.Calibration` reads; empty where there is none, as in
        files written before there was any.
    extractor_revision : int
        Which numbers it learned from, see `avianvox.features.spec.EXTRACTOR_REVISION`.
    format_version : int
        Of the file format.
    outputs : tuple of Output
        By default the species alone, one of which is right.
    not_animals : tuple of str
        Labels of other sounds, such as engines.
    source : mapping
        Where a graph that others trained comes from: addresses, versions, hashes.
    payload : {"tflite", "onnx", "head"}
        What the file begins with: a graph, or the weights of a head that needs another model.
    pooling : mapping
        How windows become a recording where it is not as usual: ``kind`` is a row of
        `avianvox.inference.pooling.POOLINGS`, ``by`` the output whose greatest number says how confident a
        window is, and ``but`` its positions that don't count; neighbouring windows overlap by ``overlap_s``
        seconds, where that stands there.
    boxes : mapping
        Of a detector: its anchors and limits, as `avianvox.detect.finding.Plan` reads them; empty, and not
        written, for every other model.
    """

    name: str
    kind: str
    spec: Spec
    labels: LabelSet
    quantization: str = "none"
    provenance: Mapping[str, Any] = field(default_factory=dict)
    licences: Mapping[str, Any] = field(default_factory=dict)
    parity: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Any] = field(default_factory=dict)
    extractor_revision: int = EXTRACTOR_REVISION
    format_version: int = FORMAT_VERSION
    outputs: tuple[Output, ...] = ()
    not_animals: tuple[str, ...] = ()
    source: Mapping[str, Any] = field(default_factory=dict)
    payload: str = "tflite"
    pooling: Mapping[str, Any] = field(default_factory=dict)
    boxes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.outputs:
            object.__setattr__(self, "outputs", (Output(SPECIES, max(1, len(self.labels))),))
        species = self.output(SPECIES)
        if species is None or species.size != max(1, len(self.labels)):
            found = "none" if species is None else f"one of {species.size}"
            raise ModelFileError(
                f"expected an output '{SPECIES}' of {len(self.labels)} numbers, one a label, got {found}"
            )
        if self.payload not in PAYLOADS:
            raise ModelFileError(f"expected a payload of {' or '.join(PAYLOADS)}, got {self.payload!r:.40}")

    def output(self, name: str) -> Output | None:
        """The output of this name, or None."""
        return next((output for output in self.outputs if output.name == name), None)

    @property
    def tasks(self) -> tuple[Output, ...]:
        """The outputs that answer tasks."""
        return tuple(output for output in self.outputs if output.kind)

    @property
    def names_species(self) -> bool:
        """Whether it names species; a model of tasks alone has no labels."""
        return bool(self.labels) or not self.tasks

    @property
    def exclusive(self) -> bool:
        """Whether one species at most is right for each window."""
        species = self.output(SPECIES)
        return species is None or species.exclusive

    def to_mapping(self) -> dict[str, Any]:
        """Plain values, ready for JSON; a file of the first version keeps to it."""
        later = {
            "outputs": [output.to_mapping() for output in self.outputs],
            "not_animals": list(self.not_animals),
            "source": dict(self.source),
            "payload": self.payload,
            "pooling": dict(self.pooling),
        }
        boxes = {"boxes": dict(self.boxes)} if self.boxes else {}
        return (later | boxes if self.format_version > FIRST_VERSION else {}) | {
            "format": "avianvox-model",
            "format_version": self.format_version,
            "name": self.name,
            "kind": self.kind,
            "quantization": self.quantization,
            "spec": self.spec.to_mapping(),
            "spec_fingerprint": self.spec.fingerprint,
            "labels": list(self.labels.names),
            "common_names": list(self.labels.common_names),
            "provenance": dict(self.provenance),
            "licences": dict(self.licences),
            "parity": dict(self.parity),
            "calibration": dict(self.calibration),
            "extractor_revision": self.extractor_revision,
        }

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "ModelInfo":
        """The inverse of `to_mapping`; a spec that does not match its fingerprint raises `ModelFileError`."""
        spec = spec_from_mapping(values["spec"])
        if spec.fingerprint != values["spec_fingerprint"]:
            raise ModelFileError(
                f"expected a spec with fingerprint {values['spec_fingerprint']}, got {spec.fingerprint}"
            )
        for name in ("name", "kind", "quantization"):
            if not isinstance(values[name], str):
                raise ModelFileError(f"expected a text under '{name}', got {values[name]!r:.60}")
        return cls(
            name=values["name"],
            kind=values["kind"],
            spec=spec,
            labels=LabelSet(_texts(values, "labels"), _texts(values, "common_names")),
            quantization=values["quantization"],
            provenance=_mapping(values, "provenance"),
            licences=_mapping(values, "licences"),
            parity=_mapping(values, "parity"),
            calibration=_mapping({"calibration": {}, **values}, "calibration"),
            extractor_revision=values.get("extractor_revision", FIRST_REVISION),
            format_version=values["format_version"],
            outputs=_outputs(values.get("outputs", [])),
            not_animals=_texts({"not_animals": [], **values}, "not_animals"),
            source=_mapping({"source": {}, **values}, "source"),
            payload=values.get("payload", "tflite"),
            pooling=_mapping({"pooling": {}, **values}, "pooling"),
            boxes=_mapping({"boxes": {}, **values}, "boxes"),
        )


def _outputs(rows: Any) -> tuple[Output, ...]:
    known = {field.name for field in fields(Output)}
    if not isinstance(rows, list) or not all(isinstance(row, dict) and row.keys() <= known for row in rows):
        raise ModelFileError(f"expected a list of outputs under 'outputs', got {rows!r:.60}")
    return tuple(Output(**{**row, **_classes(row)}) for row in rows)


def _classes(row: Mapping[str, Any]) -> dict[str, Any]:
    found = row.get("classes")
    return {"classes": tuple(found)} if isinstance(found, list) else {}


def _mapping(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(values[name], dict):
        raise ModelFileError(f"expected an object under '{name}', got {values[name]!r:.60}")
    return dict(values[name])


def _texts(values: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = values[name]
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise ModelFileError(f"expected a list of texts under '{name}', got {found!r:.60}")
    return tuple(found)
