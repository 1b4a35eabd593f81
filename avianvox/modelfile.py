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
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from avianvox.documents import MISSHAPEN, parse_json
from avianvox.errors import ModelFileError
from avianvox.files import atomic_write, open_regular, read_regular
from avianvox.modelinfo import FIRST_VERSION, FORMAT_VERSION, ModelInfo
from avianvox.zip_tail import END, pack_zip, unpack_zip

DESCRIPTION, LABELS, CARD = "avianvox.json", "labels.txt", "MODEL_CARD.md"
_ENTRIES = (LABELS, DESCRIPTION, CARD)

MOST_BYTES = 1 << 31
"""Of a model file; a flatbuffer can't be larger."""
_HEAD_BYTES = 8
_MAPPED_BYTES = 1 << 24
_TAIL_BYTES = 4096
"""Larger files are mapped."""


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

    Examples
    --------
    >>> import avianvox as av
    >>> info = av.read_model_file("model.tflite").info
    >>> info.spec.sample_rate, len(info.labels)
    (22050, 36)
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


def is_exported(path: Path | str) -> bool:
    """Whether a file is a model file of avianvox, perhaps a damaged one."""
    try:
        with open_regular(Path(path)) as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - _TAIL_BYTES))
            return DESCRIPTION.encode() in stream.read()
    except (OSError, ValueError):
        return False


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
