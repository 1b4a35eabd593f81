"""`FeatureStore`: the features of a catalog's recordings, memory-mapped.

Opening reads one small JSON file and maps the others, so it takes milliseconds whatever the size. Rows are
time-major and recordings lie one after the other: a crop is one contiguous read, ``store.rows[a:b]``.
"""

from collections.abc import Iterator, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.errors import StoreError, UnknownNameError
from avianvox.features.kinds import Spec, spec_from_mapping
from avianvox.features.layout import (
    HEADER_BYTES,
    INDEX,
    LEDGER,
    LOOKUP,
    ROWS,
    SUMS,
    array_header,
    id_text,
    index_dtype,
    read_description,
    revision_of,
    row_digest,
)
from avianvox.features.ledger import read_ledger
from avianvox.features.spec import FeatureSpec
from avianvox.files import sha256_file
from avianvox.randomness import hash_name
from avianvox.types import Status


class RecordingIds(Sequence[str]):
    """The ids of a store's recordings, decoded when they are asked for."""

    def __init__(self, column: np.ndarray) -> None:
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    def __getitem__(self, position):  # type: ignore[no-untyped-def]
        if isinstance(position, slice):
            return [id_text(value) for value in self._column[position].tolist()]
        return id_text(self._column[position])

    def __iter__(self) -> Iterator[str]:
        return map(id_text, self._column.tolist())


class FeatureStore:
    """Features of many recordings under one spec; made by `open`.

    Attributes
    ----------
    path : Path
    spec : Spec
    dtype : str
        ``"float32"`` or ``"float16"``.
    data_hash : str
        SHA-256 over settings, extractor revision, ids and the content of the source files.
    extractor_revision : int
        See `avianvox.features.spec.EXTRACTOR_REVISION`. A store of an earlier one can be read, not extended.
    index : np.ndarray, shape (n,)
        Memory-mapped table, see `avianvox.features.layout.index_dtype`.
    rows : np.ndarray, shape (total_frames, n_features), float32 or float16
        Memory-mapped: log-mel in dB, then MFCC; or what else the spec makes, such as embeddings.
    sums : np.ndarray, shape (n, 2, n_features), float64
        Memory-mapped sum and sum of squares over each recording's frames.
    """

    def __init__(self, path: Path, description: dict[str, Any]) -> None:
        folder = path / description["data"]
        n, n_frames = description["n_recordings"], description["n_frames"]
        self.path = path
        self.spec = spec_from_mapping(description["spec"])
        self.dtype: str = description["dtype"]
        self.data_hash: str = description["data_hash"]
        self.extractor_revision = revision_of(description)
        self.index = _map(folder / INDEX, (n,), None)
        self.rows = _map(folder / ROWS, (n_frames, self.spec.n_features), self.dtype)
        self.sums = _map(folder / SUMS, (n, 2, self.spec.n_features), "float64")
        self._lookup = _map(folder / LOOKUP, (2, n), "uint64")

    @classmethod
    def open(cls, path: Path | str, *, spec: Spec | None = None) -> "FeatureStore":
        """Open the store in the folder ``path``.

        Parameters
        ----------
        path : path-like
        spec : Spec, optional
            What the rows are expected to be made with.

        Raises
        ------
        StoreError
            There is no finished store, it is damaged or a file of it is missing, or it was made with other
            settings than ``spec``.
        """
        path = Path(path)
        try:
            store = cls(path, read_description(path))
        except FileNotFoundError:  # a build has put a newer store in its place just now
            try:
                store = cls(path, read_description(path))
            except FileNotFoundError as error:
                raise StoreError(f"{error.filename} is missing; build the store again") from error
        if spec is not None and spec.extraction_fingerprint != store.spec.extraction_fingerprint:
            raise StoreError(
                f"the store in {path} was made with feature spec {store.spec.extraction_fingerprint}, "
                f"expected {spec.extraction_fingerprint}; build one with that spec in another folder"
            )
        return store

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to another process, it is opened there."""
        return FeatureStore.open, (self.path.absolute(),)

    def __repr__(self) -> str:
        kind = self.spec.to_mapping().get("kind", "log_mel")
        return f"<store of {len(self)} recordings, {len(self.rows)} rows of {kind}, in {self.path}>"

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, recording: int | str) -> np.ndarray:
        """The rows of a recording, by its position or id. Raises as sequences do, or as `index_of` does."""
        position = self.index_of(recording) if isinstance(recording, str) else recording
        if not -len(self) <= position < len(self):
            raise IndexError(
                f"the store in {self.path} holds {len(self)} recordings, got position {recording}"
            )
        return self.features(position)

    def __iter__(self) -> Iterator[np.ndarray]:
        """The rows of each recording, in the order of ``ids``."""
        return map(self.features, range(len(self)))

    def __contains__(self, recording_id: object) -> bool:
        try:
            return isinstance(recording_id, str) and self.index_of(recording_id) >= 0
        except UnknownNameError:
            return False

    @property
    def bands(self) -> FeatureSpec:
        """The spec of a store of mel bands and MFCC; `StoreError` where the rows are something else."""
        if not isinstance(self.spec, FeatureSpec):
            raise self._not("mel bands")
        return self.spec

    @property
    def log_mel(self) -> FeatureSpec:
        """The same where the bands are in decibels."""
        if not self.in_decibels:
            raise self._not("log-mel")
        return self.bands

    @property
    def in_decibels(self) -> bool:
        """Whether it holds log-mel bands, not bands of another kind or something else."""
        return type(self.spec) is FeatureSpec

    def _not(self, expected: str) -> StoreError:
        return StoreError(
            f"the store in {self.path} holds {self.spec.to_mapping().get('kind')} rows, expected {expected} "
            "and MFCC; build one in another folder (avianvox features build)"
        )

    @property
    def ids(self) -> RecordingIds:
        return RecordingIds(self.index["id"])

    @property
    def keys(self) -> np.ndarray:
        """`hash_name` of each id, shape (n,), uint64: for `avianvox.randomness.derive_uniform`."""
        return self.index["key"]

    @property
    def first_row(self) -> np.ndarray:
        """Where each recording begins in ``rows``, shape (n,), int64."""
        return self.index["first_row"]

    @property
    def n_frames(self) -> np.ndarray:
        """Frames of each recording, shape (n,), int64; 0 for one that did not decode."""
        return self.index["n_frames"]

    def index_of(self, recording_id: str) -> int:
        """Position of a recording. Raises `UnknownNameError` when the store does not hold it."""
        key = np.uint64(hash_name(recording_id))
        first, last = (int(np.searchsorted(self._lookup[0], key, side=side)) for side in ("left", "right"))
        for position in self._lookup[1, first:last]:
            if self.ids[int(position)] == recording_id:
                return int(position)
        raise UnknownNameError(
            f"the store in {self.path} has no recording '{recording_id}'; build it again with that recording"
        )

    def indices_of(self, recording_ids: Sequence[str]) -> np.ndarray:
        """Positions of several recordings, shape (n,), int64. Raises like `index_of`."""
        return np.array([self.index_of(recording_id) for recording_id in recording_ids], np.int64)

    def features(self, position: int) -> np.ndarray:
        """A view of one recording's rows, shape (n_frames, n_features)."""
        first = int(self.index["first_row"][position])
        return self.rows[first : first + int(self.index["n_frames"][position])]

    def with_parts(self, parts: np.ndarray) -> "FeatureStore":
        """This store, in which parts of recordings follow as recordings of their own, in this process alone.

        Parameters
        ----------
        parts : np.ndarray, shape (n, 3), int
            Position of the recording, first frame within it, and number of frames. A part has the id of its
            recording, and a key of its own.
        """
        more = self.index[parts[:, 0]].copy()
        more["first_row"] += parts[:, 1]
        more["n_frames"] = parts[:, 2]
        names = [f"{id_text(entry['id'])}@{begin}" for entry, begin in zip(more, parts[:, 1], strict=True)]
        more["key"] = [hash_name(name) for name in names]
        sums = np.zeros((len(parts), *self.sums.shape[1:]))
        for k, entry in enumerate(more):
            rows = self.rows[entry["first_row"] :][: entry["n_frames"]].astype(np.float64)
            sums[k] = rows.sum(axis=0), np.square(rows).sum(axis=0)
        longer = copy(self)
        longer.index, longer.sums = np.concatenate([self.index, more]), np.concatenate([self.sums, sums])
        return longer

    def status(self, position: int) -> Status:
        return Status(self.index["status"][position].decode())

    def content_hash(self, position: int) -> str:
        """Hexadecimal SHA-256 of the source file; of a part, `avianvox.features.ledger.part_content`."""
        digits: str = self.index["content"][position].tobytes().hex()
        return digits

    def summary(self) -> dict[str, Any]:
        """What the store holds, as plain values."""
        statuses, counts = np.unique(self.index["status"], return_counts=True)
        n_frames = len(self.rows)
        return {
            "path": str(self.path),
            "recordings": len(self),
            "status": dict(zip([s.decode() for s in statuses.tolist()], counts.tolist(), strict=True)),
            "frames": n_frames,
            "hours": round(self.spec.frames_to_seconds(n_frames) / 3600, 3),
            "dtype": self.dtype,
            "extractor_revision": self.extractor_revision,
            "bytes": int(self.rows.nbytes),
            "data_hash": self.data_hash,
            "spec": self.spec.to_mapping(),
        }


def _map(file: Path, shape: tuple[int, ...], dtype: str | None) -> np.ndarray:
    """``dtype`` is None for an index, whose ids are as wide as they need to be."""
    try:
        with open(file, "rb") as stream:
            if stream.read(6) != b"\x93NUMPY":
                raise ValueError("it is no array")
        array: np.ndarray = np.load(file, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError) as error:
        raise StoreError(f"{file} is damaged ({error}); run: avianvox features verify") from error
    if dtype is not None:
        expected = np.dtype(dtype).newbyteorder("<")
    else:
        expected = index_dtype(array.dtype["id"].itemsize if "id" in (array.dtype.names or ()) else 0)
    if (array.shape, array.dtype) != (shape, expected):
        raise StoreError(
            f"{file} is damaged: expected shape {shape} and dtype {expected}, got {array.shape} and "
            f"{array.dtype}; run: avianvox features verify"
        )
    return array


def count_doubtful(path: Path | str) -> int:
    """How many recordings of a store are `avianvox.features.ledger.Entry.doubtful`."""
    folder = Path(path) / read_description(Path(path))["data"]
    return sum(entry.doubtful for entry in read_ledger(folder / LEDGER))


def verify_store(path: Path | str) -> list[str]:
    """Read everything again and compare it with the hashes it was written with.

    Returns
    -------
    list of str
        One line for each thing that is damaged, naming the file or the recording; empty for a sound store.

    Raises
    ------
    StoreError
        There is no store, or too little of it is left to compare anything.
    """
    path = Path(path)
    description = read_description(path)
    folder = path / description["data"]
    problems = []
    for name, expected in description["sha256"].items():
        try:
            if sha256_file(folder / name) != expected:
                problems.append(f"{folder / name}: damaged, its contents do not match its hash")
        except OSError as error:
            problems.append(f"{folder / name}: cannot be read ({error.strerror})")
    if problems:
        return problems
    try:
        store = FeatureStore.open(path)
    except OSError as error:
        return [str(error)]
    size = HEADER_BYTES + store.rows.nbytes
    with open(folder / ROWS, "rb") as stream:
        if stream.read(HEADER_BYTES) != array_header(store.rows.shape, store.dtype):
            problems.append(f"{folder / ROWS}: damaged header")
    if (folder / ROWS).stat().st_size != size:
        problems.append(f"{folder / ROWS}: expected {size} bytes, found {(folder / ROWS).stat().st_size}")
    for i, recording_id in enumerate(store.ids):
        digest = row_digest()
        digest.update(np.ascontiguousarray(store.features(i)).view(np.uint8))
        if store.n_frames[i] and digest.digest() != store.index["digest"][i].tobytes():
            first = HEADER_BYTES + int(store.first_row[i]) * store.rows.strides[0]
            problems.append(f"recording {recording_id}: damaged rows in {folder / ROWS} from byte {first} on")
    return problems
