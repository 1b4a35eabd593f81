"""The self-describing model file: one ``.tflite`` that says what it hears and where it comes from.

A model file is a TFLite flatbuffer with a zip appended to it (the TFLite metadata convention), so that
``unzip -l model.tflite`` lists the description and every interpreter passes over it:

- ``labels.txt``: one class a line, in the order of the outputs;
- ``avianvox.json``: format version, `FeatureSpec`, labels, provenance, licences, parity, calibration where
  there is one, and the SHA-256 of the flatbuffer and of the other entries;
- ``MODEL_CARD.md``: the same for people;
- what else belongs to the model, such as ``geo.tflite``, which says where and when its species occur.

The entries are stored, not compressed, under a fixed date: the same content gives the same bytes. Reading
needs neither LiteRT nor `zipfile`, and nothing is ever unpickled. Start with `read_model_file`.

Version 2 says what comes out (`Output`), and takes graphs that hear sound alone. A large file is mapped; its
graph is hashed when it is written and by `verify_model_file`, and not at each start.
"""

import json
import mmap
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from avianvox.documents import MISSHAPEN, parse_json
from avianvox.errors import ModelFileError
from avianvox.features.kinds import Spec, spec_from_mapping
from avianvox.features.spec import EXTRACTOR_REVISION, FIRST_REVISION
from avianvox.files import atomic_write, open_regular, read_regular
from avianvox.modelfolder import default_name, own_models, own_path
from avianvox.registry import nearest
from avianvox.types import LabelSet
from avianvox.zip_tail import END, pack_zip, unpack_zip

FORMAT_VERSION = 2
FIRST_VERSION = 1
"""Of the file format; the versions between are read too."""

BUNDLED_FOLDER = Path(__file__).parent / "bundled"
DEFAULT_MODEL = "caribbean_california"
"""The bundled model that ``avianvox classify`` takes when none is named and none was made the default."""

DESCRIPTION, LABELS, CARD = "avianvox.json", "labels.txt", "MODEL_CARD.md"
_ENTRIES = (LABELS, DESCRIPTION, CARD)

MOST_BYTES = 1 << 31
"""Of a model file; a flatbuffer can't be larger."""
_HEAD_BYTES = 8
_MAPPED_BYTES = 1 << 24
"""Larger files are mapped."""

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
    """

    name: str
    size: int
    index: int | None = None
    activation: str = "none"
    exclusive: bool = True

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
        }
        for name in (name for name, good in valid.items() if not good):
            raise ModelFileError(
                f"output {self.name}: expected a valid {name}, got {getattr(self, name)!r:.40}"
            )


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
        window is, and ``but`` its positions that don't count.
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
    def exclusive(self) -> bool:
        """Whether one species at most is right for each window."""
        species = self.output(SPECIES)
        return species is None or species.exclusive

    def to_mapping(self) -> dict[str, Any]:
        """Plain values, ready for JSON; a file of the first version keeps to it."""
        later = {
            "outputs": [
                {field.name: getattr(output, field.name) for field in fields(Output)}
                for output in self.outputs
            ],
            "not_animals": list(self.not_animals),
            "source": dict(self.source),
            "payload": self.payload,
            "pooling": dict(self.pooling),
        }
        return (later if self.format_version > FIRST_VERSION else {}) | {
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
        )


def _outputs(rows: Any) -> tuple[Output, ...]:
    known = {field.name for field in fields(Output)}
    if not isinstance(rows, list) or not all(isinstance(row, dict) and row.keys() <= known for row in rows):
        raise ModelFileError(f"expected a list of outputs under 'outputs', got {rows!r:.60}")
    return tuple(Output(**row) for row in rows)


def _mapping(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(values[name], dict):
        raise ModelFileError(f"expected an object under '{name}', got {values[name]!r:.60}")
    return dict(values[name])


def _texts(values: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = values[name]
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise ModelFileError(f"expected a list of texts under '{name}', got {found!r:.60}")
    return tuple(found)


@dataclass(frozen=True)
class ModelFile:
    """A model file, open for reading.

    ``flatbuffer`` is the graph, what an interpreter takes as ``model_content``; a view of a mapped file.
    """

    path: Path
    info: ModelInfo
    card: str
    flatbuffer: bytes | memoryview
    others: Mapping[str, bytes | memoryview] = field(default_factory=dict, repr=False)
    hashes: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def mapped(self) -> bool:
        """Whether the graph stays in the file until it is used."""
        return isinstance(self.flatbuffer, memoryview)

    def other(self, name: str) -> bytes | None:
        """Another entry, compared with its hash; None where the file has none of this name."""
        if name not in self.others:
            return None
        content = bytes(self.others[name])
        if sha256(content).hexdigest() != self.hashes.get(name):
            raise _damaged(self.path, [name])
        return content


def write_model_file(
    path: Path | str,
    *,
    flatbuffer: bytes | memoryview,
    info: ModelInfo,
    card: str,
    others: Mapping[str, bytes] | None = None,
) -> None:
    """Write one self-describing model file; it appears whole or not at all.

    Parameters
    ----------
    path : path-like
    flatbuffer : bytes
        The graph: of TFLite, or whatever ``info.payload`` says.
    info : ModelInfo
    card : str
    others : mapping of str to bytes, optional
        Further entries by name.

    Raises
    ------
    ModelFileError
        When ``flatbuffer`` is not a TFLite flatbuffer.
    OutputError
        When the file cannot be written.
    """
    path = Path(path)
    if info.payload == "tflite" and not _is_flatbuffer(flatbuffer):
        raise ModelFileError(f"cannot write {path}: expected a TFLite flatbuffer, got other bytes")
    labels = "".join(f"{name}\n" for name in info.labels.names).encode()
    others = dict(sorted((others or {}).items()))
    hashes = {
        "flatbuffer": sha256(flatbuffer).hexdigest(),
        LABELS: sha256(labels).hexdigest(),
        CARD: sha256(card.encode()).hexdigest(),
    } | {name: sha256(content).hexdigest() for name, content in others.items()}
    document = info.to_mapping() | {"sha256": hashes}
    description = (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
    entries = {LABELS: labels, DESCRIPTION: description, CARD: card.encode()} | others
    with atomic_write(path, "wb") as stream:
        stream.write(flatbuffer)
        stream.write(pack_zip(entries, offset=len(flatbuffer)))


def read_model_file(path: Path | str) -> ModelFile:
    """Read a model file and check the hashes in it. LiteRT is not needed.

    Of a file that is mapped the graph and further entries are not hashed here; `verify_model_file` does it.

    Raises
    ------
    ModelFileError
        One line: not a model, not one of avianvox's, cut off, damaged, or of a format version that this
        release does not know.
    """
    return _read(Path(path), all_hashes=False)


def _read(path: Path, *, all_hashes: bool) -> ModelFile:
    try:
        with open_regular(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            known = _is_flatbuffer(stream.read(_HEAD_BYTES)) or _ends_in_a_zip(stream, size)
            mapped = known and _MAPPED_BYTES < size <= MOST_BYTES
            view = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)) if mapped else None
        content = view or (read_regular(path, most_bytes=MOST_BYTES) if known else b"")
    except (OSError, ValueError) as error:
        raise ModelFileError(f"cannot read model {path}: {getattr(error, 'strerror', error)}") from error
    if not known:
        raise ModelFileError(f"{path} is not a model: expected a .tflite file of avianvox, got other bytes")
    entries, end = unpack_zip(content)
    if DESCRIPTION not in entries:
        raise ModelFileError(
            f"{path} has no {DESCRIPTION}: another program made it, or it is damaged or cut off; "
            "use a file written by 'avianvox export', or fetch it again"
        )
    document = _parse_description(path, bytes(entries[DESCRIPTION]))
    hashes = document.pop("sha256")
    ours = {name: bytes(entries.get(name, b"")) for name in _ENTRIES}
    others = {name: part for name, part in entries.items() if name not in ours}
    parts = {LABELS: ours[LABELS], CARD: ours[CARD]}
    checked: dict[str, bytes | memoryview] = dict(parts)
    if all_hashes or not mapped:
        checked |= {"flatbuffer": content[:end], **others}
    wrong = [name for name, part in checked.items() if sha256(part).hexdigest() != hashes.get(name)]
    wrong += [name for name in hashes if name not in ("flatbuffer", LABELS, CARD, *others)]
    if len(checked) > len(parts) and content[end:] != pack_zip(ours | others, offset=end):
        wrong.append("zip")
    if wrong:
        raise _damaged(path, wrong)
    try:
        info = ModelInfo.from_mapping(document)
    except MISSHAPEN as error:
        raise ModelFileError(
            f"{path}: {DESCRIPTION} is not valid: {error}; export the model again"
        ) from error
    try:
        card = parts[CARD].decode()
    except UnicodeDecodeError as error:
        raise ModelFileError(f"{path}: {CARD} is not UTF-8 ({error}); export the model again") from error
    return ModelFile(path, info, card, content[:end], others, hashes)


def _damaged(path: Path, wrong: list[str]) -> ModelFileError:
    return ModelFileError(
        f"{path} is damaged: {' and '.join(wrong)} differ from what was written; fetch the file again"
    )


def verify_model_file(path: Path | str) -> list[str]:
    """Problems of a model file, one line each; empty when every byte is as it was written."""
    try:
        _read(Path(path), all_hashes=True)
    except ModelFileError as error:
        return [str(error)]
    return []


def bundled_models() -> dict[str, Path]:
    """Model files that come with the package: name (the file's stem) to path, in alphabetical order."""
    return {path.stem: path for path in sorted(BUNDLED_FOLDER.glob("*.tflite"))}


def default_model() -> str:
    """The name of the model that is taken when none is named: the user's default, else the bundled one."""
    return default_name() or DEFAULT_MODEL


def find_model(name_or_path: str | Path) -> Path:
    """The path of a bundled model, else of one in the user's folder, else ``name_or_path`` if it is a file.

    Raises
    ------
    ModelFileError
        When it is none of them; the line lists the known names.
    """
    name = str(name_or_path)
    if Path(name).name == name:
        with suppress(ModelFileError):  # a file in this folder may have any name
            for path in (BUNDLED_FOLDER / f"{name}.tflite", own_path(name)):
                if os.path.isfile(path):
                    return path
    if os.path.isfile(name_or_path):
        return Path(name_or_path)
    known = [*bundled_models(), *own_models()]
    default = "; 'avianvox models default --reset' forgets it as default" if name == default_name() else ""
    raise ModelFileError(
        f"no model '{name_or_path}'{nearest(name, known)}: expected a .tflite file or the name of a model "
        f"(known: {', '.join(known) or 'none'}){default}"
    )


def _is_flatbuffer(content: bytes | memoryview) -> bool:
    return content[4:8] == b"TFL3"


def _ends_in_a_zip(stream: IO[bytes], size: int) -> bool:
    """Whether it may be a graph of another kind, with our description behind it."""
    stream.seek(max(0, size - END.size))
    return stream.read(4) == b"PK\5\6"


def _parse_description(path: Path, text: bytes) -> dict[str, Any]:
    try:
        document = parse_json(text)
        version = document["format_version"]
        known = {"flatbuffer", LABELS, CARD} <= document["sha256"].keys()
    except MISSHAPEN as error:
        raise ModelFileError(f"{path}: {DESCRIPTION} is damaged ({error}); fetch the file again") from error
    if version not in range(FIRST_VERSION, FORMAT_VERSION + 1) or isinstance(version, bool):
        raise ModelFileError(
            f"{path} has format version {version!r:.40}; this release of avianvox reads versions "
            f"{FIRST_VERSION} to {FORMAT_VERSION}: update avianvox, or export the model again"
        )
    if not known:
        raise ModelFileError(f"{path}: {DESCRIPTION} lacks a hash; fetch the file again")
    return dict(document)
