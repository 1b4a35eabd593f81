"""What lies in a feature store's folder.

::

    store.json              kind, versions, spec, counts, hashes; names the data folder
    data-<...>/rows.npy     (total_frames, n_features) float32 or float16, recordings one after the other
    data-<...>/index.npy    one `index_dtype` row for each recording, in catalog order
    data-<...>/lookup.npy   (2, n) uint64: sorted hashes of the ids, and the index row of each
    data-<...>/sums.npy     (n, 2, n_features) float64: sum and sum of squares of each recording's features
    data-<...>/ledger.jsonl what came of each recording, one JSON line each

A data folder never changes once ``store.json`` names it. A build works in a ``.partial-<...>`` folder with
the same files, and replaces ``store.json`` last.
"""

import json
import re
from collections.abc import Sequence
from hashlib import blake2b, sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.documents import MISSHAPEN, Kind
from avianvox.errors import StoreError
from avianvox.features.kinds import Spec, spec_from_mapping
from avianvox.features.spec import EXTRACTOR_REVISION, FIRST_REVISION

KIND = "avianvox feature store"
FORMAT_VERSION = 1
DTYPES = ("float32", "float16")

STORE, ROWS, SUMS, LEDGER = "store.json", "rows.npy", "sums.npy", "ledger.jsonl"
INDEX, LOOKUP = "index.npy", "lookup.npy"
DATA_PREFIX, PARTIAL_PREFIX, LOCK = "data-", ".partial-", ".lock"

_FILE = Kind(
    what="feature store",
    name=KIND,
    version=FORMAT_VERSION,
    error=StoreError,
    otherwise="build one with: avianvox features build",
    outdated="update avianvox or build the store again",
    version_key="format_version",
)
_REMEDY = "delete it and build the store again; undamaged parts are kept"

HEADER_BYTES = 128
"""Length of the header of every .npy file here whatever its shape, so that rows can be appended."""


def array_header(shape: tuple[int, ...], dtype: str) -> bytes:
    """The ``.npy`` header of an array; NumPy leaves room in it for the first axis to grow."""
    buffer = BytesIO()
    fields = {"descr": np.dtype(dtype).newbyteorder("<").str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, fields)
    header = buffer.getvalue()
    assert len(header) == HEADER_BYTES
    return header


def id_bytes(text: str) -> bytes:
    """UTF-8; an id that comes from a file's name gives back the bytes that are no UTF-8 as they were."""
    return text.encode("utf-8", "surrogateescape")


def id_text(data: bytes) -> str:
    """The inverse of `id_bytes`."""
    return data.decode("utf-8", "surrogateescape")


def index_dtype(n_bytes: int) -> np.dtype:
    """One row of the index, for ids of at most ``n_bytes`` bytes, see `id_bytes`.

    ``key`` is `avianvox.randomness.hash_name` of the id; ``size`` and ``mtime_ns`` are the source file's;
    ``content`` is its SHA-256 and ``digest`` the BLAKE2b of the recording's rows; unknown seconds are NaN.
    """
    width = max(8, -(-n_bytes // 8) * 8)
    numbers = [(name, "<i8") for name in ("first_row", "n_frames", "size", "mtime_ns")]
    seconds = [(name, "<f8") for name in ("header_s", "decoded_s")]
    texts = [("content", "V32"), ("digest", "V16"), ("status", "S16"), ("id", f"S{width}")]
    return np.dtype([("key", "<u8"), *numbers, *seconds, *texts])


def row_digest() -> Any:
    """A fresh hash object for the rows of one recording."""
    return blake2b(digest_size=16)


def plan_hash(ids: Sequence[str], spec: Spec, dtype: str) -> str:
    """16 hexadecimal digits that name a build: which recordings in which order, under which settings."""
    return _short_hash([FORMAT_VERSION, spec.extraction_fingerprint, dtype, *ids])


def data_hash(spec: Spec, dtype: str, contents: Sequence[tuple[str, str]]) -> str:
    """SHA-256 over the settings, the extractor's revision, and every recording's id and content hash."""
    digest = sha256(json.dumps([spec.extraction_fingerprint, dtype, EXTRACTOR_REVISION]).encode())
    for recording_id, content in contents:
        digest.update(json.dumps([recording_id, content]).encode())
    return digest.hexdigest()


def settings_tag(spec: Spec, dtype: str, revision: int = EXTRACTOR_REVISION) -> str:
    """What the name of a data folder begins with: only rows made alike may be copied."""
    made_by = "" if revision == FIRST_REVISION else f"r{revision}-"
    return f"{spec.extraction_fingerprint}-{dtype}-{made_by}"


def revision_of(description: dict[str, Any]) -> int:
    """The extractor revision of the rows that ``store.json`` describes."""
    return int(description.get("extractor_revision", FIRST_REVISION))


def is_data_folder(name: str) -> bool:
    """Whether a folder of this name is one of a store, finished or partial, under whatever settings."""
    return re.fullmatch(r"(data-|\.partial-)[0-9a-f]+-float(16|32)-(r\d+-)?[0-9a-f]+", name) is not None


def seal(description: dict[str, Any]) -> dict[str, Any]:
    """Add the name of the data folder, which ends in a hash over everything else in ``store.json``."""
    spec = spec_from_mapping(description["spec"])
    tag = settings_tag(spec, description["dtype"], revision_of(description))
    return {**description, "data": DATA_PREFIX + tag + _short_hash(description)}


def _short_hash(values: Any) -> str:
    return sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def read_description(path: Path) -> dict[str, Any]:
    """Read and check ``store.json`` of the store at ``path``.

    Raises
    ------
    StoreError
        There is none, it is foreign or damaged, or of a format version that this release cannot read.
    """
    file = path / STORE
    if not file.exists():
        raise StoreError(
            f"no finished feature store in {path}: {STORE} is not there; build one with: "
            "avianvox features build"
        )
    description = _FILE.read(file)
    try:
        sound = seal({k: v for k, v in description.items() if k != "data"}) == description
    except MISSHAPEN:
        sound = False
    if not sound:
        raise StoreError(f"{file} is damaged: its contents do not match its hash; {_REMEDY}")
    return description
