"""A data folder in the making, and older ones that hand their rows on.

A recording counts as done when its line stands in the ledger, and the line is written only after its rows
have reached the disk. Whatever lies behind the rows of the last line is cut off when the build continues.
"""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from avianvox.features.kinds import Spec
from avianvox.features.layout import (
    FORMAT_VERSION,
    HEADER_BYTES,
    INDEX,
    KIND,
    LEDGER,
    LOOKUP,
    ROWS,
    SUMS,
    array_header,
    data_hash,
    id_bytes,
    index_dtype,
    row_digest,
    seal,
)
from avianvox.features.ledger import Entry, read_ledger
from avianvox.features.spec import EXTRACTOR_REVISION
from avianvox.files import sha256_file, sync_folder
from avianvox.randomness import hash_name

_SYNC_S = 1.0  # at most so much work is lost by a kill
_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Shape:
    """Of what is stored for each frame."""

    n_features: int
    dtype: str

    @property
    def row_bytes(self) -> int:
        return self.n_features * np.dtype(self.dtype).itemsize

    @property
    def sums_bytes(self) -> int:
        return 2 * self.n_features * 8


class DataFolder:
    """Rows and sums of the recordings in a folder's ledger, read only as far as they are complete."""

    def __init__(self, path: Path, shape: Shape) -> None:
        self.path = path
        self.shape = shape
        self.entries = self._complete(read_ledger(path / LEDGER))
        self._first_row = np.cumsum([0, *(entry.n_frames for entry in self.entries)])

    def _complete(self, entries: list[Entry]) -> list[Entry]:
        """The entries whose rows and sums are really there: a power cut may have lost the end of a file."""
        rows_left = _data_size(self.path / ROWS) // self.shape.row_bytes
        sums_left = _data_size(self.path / SUMS) // self.shape.sums_bytes
        frames = np.cumsum([entry.n_frames for entry in entries])
        return entries[: min(int(np.searchsorted(frames, rows_left, side="right")), sums_left)]

    @cached_property
    def position(self) -> dict[str, int]:
        return {entry.id: i for i, entry in enumerate(self.entries)}

    @property
    def n_frames(self) -> int:
        return int(self._first_row[-1])

    def rows(self, position: int) -> Iterator[bytes]:
        """The rows of one recording, in pieces."""
        first = HEADER_BYTES + int(self._first_row[position]) * self.shape.row_bytes
        with open(self.path / ROWS, "rb") as stream:
            stream.seek(first)
            yield from _pieces(stream, self.entries[position].n_frames * self.shape.row_bytes)

    def sums(self, position: int) -> np.ndarray:
        with open(self.path / SUMS, "rb") as stream:
            stream.seek(HEADER_BYTES + position * self.shape.sums_bytes)
            data = stream.read(self.shape.sums_bytes)
        return np.frombuffer(data, "<f8").reshape(2, self.shape.n_features)

    def is_sound(self, position: int) -> bool:
        """Whether the rows of one recording still have the hash that the ledger holds."""
        digest = row_digest()
        for piece in self.rows(position):
            digest.update(piece)
        entry = self.entries[position]
        return not entry.n_frames or digest.hexdigest() == entry.digest


class PartialFolder:
    """Takes recordings in catalog order and survives being killed between any two instructions.

    Parameters
    ----------
    path : Path
        Made when it does not exist; otherwise the build in it is continued.
    shape : Shape
    done : DataFolder
        What is complete in ``path``.
    """

    def __init__(self, path: Path, done: DataFolder) -> None:
        self.path = path
        self.shape = done.shape
        self.entries = list(done.entries)
        self.n_frames = done.n_frames
        self._unsaved: list[Entry] = []
        self._saved_at = time.monotonic()
        self._open_files = ExitStack()
        path.mkdir(exist_ok=True)
        n, shape = len(self.entries), self.shape
        self._rows = self._continue(ROWS, HEADER_BYTES + self.n_frames * shape.row_bytes)
        self._sums = self._continue(SUMS, HEADER_BYTES + n * shape.sums_bytes)
        self._ledger = self._continue(LEDGER, sum(len(entry.to_line()) for entry in self.entries))

    def _continue(self, name: str, size: int) -> BinaryIO:
        descriptor = os.open(self.path / name, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        stream = self._open_files.enter_context(os.fdopen(descriptor, "r+b", buffering=0))
        stream.truncate(size)
        stream.seek(size)
        return stream

    def __enter__(self) -> "PartialFolder":
        return self

    def __exit__(self, *_: object) -> None:
        self._open_files.close()

    def append(self, entry: Entry, rows: Iterable[bytes], sums: np.ndarray) -> None:
        """Take the next recording. ``OSError`` when the disk is full: the earlier ones stay complete."""
        try:
            for piece in rows:
                _write(self._rows, piece)
            _write(self._sums, sums.astype("<f8").tobytes())
        except OSError:  # give a part of the disk back: the ledger has yet to be written
            self._rows.truncate(HEADER_BYTES + self.n_frames * self.shape.row_bytes)
            raise
        self.entries.append(entry)
        self.n_frames += entry.n_frames
        self._unsaved.append(entry)
        if time.monotonic() - self._saved_at >= _SYNC_S:
            self.save()

    def save(self) -> None:
        """Bring everything appended so far to the disk: first the rows, then the ledger's lines."""
        for stream in (self._rows, self._sums):
            os.fsync(stream.fileno())
        _write(self._ledger, b"".join(entry.to_line() for entry in self._unsaved))
        os.fsync(self._ledger.fileno())
        self._unsaved.clear()
        self._saved_at = time.monotonic()

    def finish(self, spec: Spec) -> dict[str, Any]:
        """Write headers, index and lookup, and return the contents of ``store.json``."""
        self.save()
        n, n_features, dtype = len(self.entries), self.shape.n_features, self.shape.dtype
        for stream, header in (
            (self._rows, array_header((self.n_frames, n_features), dtype)),
            (self._sums, array_header((n, 2, n_features), "float64")),
        ):
            stream.seek(0)
            _write(stream, header)
            os.fsync(stream.fileno())
        index = make_index(self.entries)
        for name, array in ((INDEX, index), (LOOKUP, make_lookup(index["key"]))):
            with open(self.path / name, "wb") as file:
                np.save(file, array)
                file.flush()
                os.fsync(file.fileno())
        sync_folder(self.path)
        contents = [(entry.id, entry.content) for entry in self.entries]
        return seal(
            {
                "kind": KIND,
                "format_version": FORMAT_VERSION,
                "extractor_revision": EXTRACTOR_REVISION,
                "spec": spec.to_mapping(),
                "dtype": dtype,
                "n_recordings": n,
                "n_frames": self.n_frames,
                "data_hash": data_hash(spec, dtype, contents),
                "sha256": {name: sha256_file(self.path / name) for name in (INDEX, LOOKUP, SUMS, LEDGER)},
            }
        )


def make_index(entries: Sequence[Entry]) -> np.ndarray:
    """The index of a store, see `avianvox.features.layout.index_dtype`."""
    ids = [id_bytes(entry.id) for entry in entries]
    index = np.zeros(len(entries), index_dtype(max(map(len, ids), default=0)))
    index["key"] = [hash_name(entry.id) for entry in entries]
    index["id"] = ids
    for name in ("n_frames", "size", "mtime_ns", "status"):
        index[name] = [getattr(entry, name) for entry in entries]
    for name in ("header_s", "decoded_s"):
        index[name] = [np.nan if (s := getattr(entry, name)) is None else s for entry in entries]
    for name in ("content", "digest"):
        width = index.dtype[name].itemsize
        hashes = b"".join(bytes.fromhex(getattr(entry, name)).ljust(width, b"\0") for entry in entries)
        index[name] = np.frombuffer(hashes, index.dtype[name])
    index["first_row"][1:] = np.cumsum(index["n_frames"])[:-1]
    return index


def make_lookup(keys: np.ndarray) -> np.ndarray:
    """Sorted keys and their positions, shape (2, n), uint64."""
    order = np.argsort(keys, kind="stable")
    return np.stack([keys[order], order.astype(np.uint64)])


def file_pieces(path: Path, n_bytes: int) -> Iterator[bytes]:
    """The first ``n_bytes`` of a file, in pieces."""
    with open(path, "rb") as stream:
        yield from _pieces(stream, n_bytes)


def _pieces(stream: BinaryIO, n_bytes: int) -> Iterator[bytes]:
    while n_bytes > 0:
        piece = stream.read(min(n_bytes, _COPY_BYTES))
        if not piece:
            raise EOFError(f"{stream.name} ends {n_bytes} bytes too early")
        n_bytes -= len(piece)
        yield piece


def _write(stream: BinaryIO, data: bytes) -> None:
    """Write all of ``data``: an unbuffered file may take a part, and the disk fills up on the next call."""
    view = memoryview(data)
    while view:
        view = view[stream.write(view) :]


def _data_size(path: Path) -> int:
    return max(0, path.stat().st_size - HEADER_BYTES) if path.is_file() else 0
