"""The self-describing model file: one ``.tflite`` that says what it hears and where it comes from.

A model file is a TFLite flatbuffer with a zip appended to it (the TFLite metadata convention), so that
``unzip -l model.tflite`` lists the description and every interpreter passes over it:

- ``labels.txt``: one class a line, in the order of the outputs;
- ``avianvox.json``: format version, `FeatureSpec`, labels, provenance, licences, parity, calibration where
  there is one, and the SHA-256 of the flatbuffer and of the other entries;
- ``MODEL_CARD.md``: the same for people.

The entries are stored, not compressed, under a fixed date: the same content gives the same bytes. Reading
needs neither LiteRT nor `zipfile`, and nothing is ever unpickled. Start with `read_model_file`.
"""

import json
import os
import struct
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from avianvox.documents import MISSHAPEN, parse_json
from avianvox.errors import ModelFileError
from avianvox.features.spec import EXTRACTOR_REVISION, FIRST_REVISION, FeatureSpec
from avianvox.files import atomic_write, open_regular, read_regular
from avianvox.modelfolder import default_name, own_models, own_path
from avianvox.registry import nearest
from avianvox.types import LabelSet

FORMAT_VERSION = 1
BUNDLED_FOLDER = Path(__file__).parent / "bundled"
DEFAULT_MODEL = "caribbean_california"
"""The bundled model that ``avianvox classify`` takes when none is named and none was made the default."""

DESCRIPTION, LABELS, CARD = "avianvox.json", "labels.txt", "MODEL_CARD.md"
_ENTRIES = (LABELS, DESCRIPTION, CARD)

MOST_BYTES = 1 << 31
"""Of a model file; a flatbuffer can't be larger."""
_HEAD_BYTES = 8

_LOCAL = struct.Struct("<4s5H3I2H")  # local file header, before name and data
_CENTRAL = struct.Struct("<4s6H3I5H2I")  # entry of the central directory, before the name
_END = struct.Struct("<4s4H2IH")  # end of the central directory
_ZIP_VERSION, _UNIX, _FILE_MODE, _DATE = 20, 3 << 8, 0o100644 << 16, (0, 0x21)  # 1980-01-01 00:00


@dataclass(frozen=True)
class ModelInfo:
    """What a model file says about itself.

    Attributes
    ----------
    name : str
        As in ``avianvox models list``.
    kind : str
        The architecture, a name of the models' table, for example ``"cnn_v20"``.
    spec : FeatureSpec
        How sound becomes the model's input; the graph's own front end follows it.
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
    """

    name: str
    kind: str
    spec: FeatureSpec
    labels: LabelSet
    quantization: str = "none"
    provenance: Mapping[str, Any] = field(default_factory=dict)
    licences: Mapping[str, Any] = field(default_factory=dict)
    parity: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Any] = field(default_factory=dict)
    extractor_revision: int = EXTRACTOR_REVISION
    format_version: int = FORMAT_VERSION

    def to_mapping(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
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
        spec = FeatureSpec.from_mapping(values["spec"])
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
        )


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
    """A model file in memory: ``flatbuffer`` is what an interpreter takes as ``model_content``."""

    path: Path
    info: ModelInfo
    card: str
    flatbuffer: bytes


def write_model_file(path: Path | str, *, flatbuffer: bytes, info: ModelInfo, card: str) -> None:
    """Write one self-describing ``.tflite``; it appears whole or not at all.

    Raises
    ------
    ModelFileError
        When ``flatbuffer`` is not a TFLite flatbuffer.
    OutputError
        When the file cannot be written.
    """
    path = Path(path)
    if not _is_flatbuffer(flatbuffer):
        raise ModelFileError(f"cannot write {path}: expected a TFLite flatbuffer, got other bytes")
    labels = "".join(f"{name}\n" for name in info.labels.names).encode()
    hashes = {
        "flatbuffer": sha256(flatbuffer).hexdigest(),
        LABELS: sha256(labels).hexdigest(),
        CARD: sha256(card.encode()).hexdigest(),
    }
    document = info.to_mapping() | {"sha256": hashes}
    description = (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
    entries = {LABELS: labels, DESCRIPTION: description, CARD: card.encode()}
    with atomic_write(path, "wb") as stream:
        stream.write(flatbuffer)
        stream.write(_pack_zip(entries, offset=len(flatbuffer)))


def read_model_file(path: Path | str) -> ModelFile:
    """Read a model file and check every hash in it. LiteRT is not needed.

    Raises
    ------
    ModelFileError
        One line: not a TFLite file, not one of avianvox's, cut off, damaged, or of a format version that this
        release does not know.
    """
    path = Path(path)
    try:
        with open_regular(path) as stream:
            known = _is_flatbuffer(stream.read(_HEAD_BYTES))
        content = read_regular(path, most_bytes=MOST_BYTES) if known else b""
    except OSError as error:
        raise ModelFileError(f"cannot read model {path}: {error.strerror}") from error
    if not known:
        raise ModelFileError(f"{path} is not a model: expected a .tflite file of avianvox, got other bytes")
    entries, end = _unpack_zip(content)
    if DESCRIPTION not in entries:
        raise ModelFileError(
            f"{path} has no {DESCRIPTION}: another program made it, or it is damaged or cut off; "
            "use a file written by 'avianvox export', or fetch it again"
        )
    document = _parse_description(path, entries[DESCRIPTION])
    hashes = document.pop("sha256")
    parts = {"flatbuffer": content[:end], LABELS: entries.get(LABELS, b""), CARD: entries.get(CARD, b"")}
    wrong = [name for name, part in parts.items() if sha256(part).hexdigest() != hashes.get(name)]
    if content[end:] != _pack_zip({name: entries.get(name, b"") for name in _ENTRIES}, offset=end):
        wrong.append("zip")
    if wrong:
        raise ModelFileError(
            f"{path} is damaged: {' and '.join(wrong)} differ from what was written; fetch the file again"
        )
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
    return ModelFile(path, info, card, parts["flatbuffer"])


def verify_model_file(path: Path | str) -> list[str]:
    """Problems of a model file, one line each; empty when every byte is as it was written."""
    try:
        read_model_file(path)
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


def _is_flatbuffer(content: bytes) -> bool:
    return content[4:8] == b"TFL3"


def _parse_description(path: Path, text: bytes) -> dict[str, Any]:
    try:
        document = parse_json(text)
        version = document["format_version"]
        known = {"flatbuffer", LABELS, CARD} <= document["sha256"].keys()
    except MISSHAPEN as error:
        raise ModelFileError(f"{path}: {DESCRIPTION} is damaged ({error}); fetch the file again") from error
    if version != FORMAT_VERSION or isinstance(version, bool):
        raise ModelFileError(
            f"{path} has format version {version!r:.40}; this release of avianvox reads version "
            f"{FORMAT_VERSION}: update avianvox, or export the model again"
        )
    if not known:
        raise ModelFileError(f"{path}: {DESCRIPTION} lacks a hash; fetch the file again")
    return dict(document)


def _pack_zip(entries: Mapping[str, bytes], *, offset: int) -> bytes:
    """A zip of stored entries that begins ``offset`` bytes into its file (PKWARE APPNOTE 6.3, 4.3)."""
    body = directory = b""
    for name, data in entries.items():
        fields = (*_DATE, zlib.crc32(data), len(data), len(data), len(name))
        directory += _CENTRAL.pack(
            b"PK\1\2",
            _UNIX | _ZIP_VERSION,
            _ZIP_VERSION,
            0,
            0,
            *fields,
            0,
            0,
            0,
            0,
            _FILE_MODE,
            offset + len(body),
        )
        directory += name.encode()
        body += _LOCAL.pack(b"PK\3\4", _ZIP_VERSION, 0, 0, *fields, 0) + name.encode() + data
    end = _END.pack(b"PK\5\6", 0, 0, len(entries), len(entries), len(directory), offset + len(body), 0)
    return body + directory + end


def _unpack_zip(content: bytes) -> tuple[dict[str, bytes], int]:
    """Entries of an appended zip, and where it begins; no entries when there is no zip we could have made."""
    entries: dict[str, bytes] = {}
    begin = len(content)
    if content[-_END.size :][:4] != b"PK\5\6":
        return entries, begin
    *_, count, _, position, _ = _END.unpack(content[-_END.size :])
    for _ in range(count):
        if content[position : position + 4] != b"PK\1\2" or position + _CENTRAL.size > len(content):
            break
        row = _CENTRAL.unpack_from(content, position)
        size, name_length, local = row[8], row[10], row[16]
        name = content[position + _CENTRAL.size :][:name_length].decode(errors="replace")
        data = local + _LOCAL.size + name_length
        entries[name] = content[data : data + size]
        begin = min(begin, local)
        position += _CENTRAL.size + name_length
    return entries, begin
