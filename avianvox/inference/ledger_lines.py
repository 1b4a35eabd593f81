"""The lines of a ledger (:mod:`avianvox.inference.ledger`): one object of JSON for each file."""

from collections.abc import Mapping
from dataclasses import fields
from hashlib import blake2b
from math import isfinite
from typing import Any

from avianvox.documents import MISSHAPEN, parse_json
from avianvox.inference.answers import Entry
from avianvox.types import Status

_OF_ENTRY = tuple(field.name for field in fields(Entry))
_LATER = {"against", "placed"}
"""What ledgers of older runs lack; it has its default there."""
_NEEDED = {*_OF_ENTRY, "offset", "length", "crc32"} - _LATER


def digest_of(path: str, size: int, time_ns: int) -> int:
    """64 bits that a file is found by."""
    text = f"{size} {time_ns} {path}".encode("utf-8", "surrogateescape")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


def object_of(line: bytes) -> dict[str, Any] | None:
    """What a line holds; None for one that was not written to its end."""
    if not line.endswith(b"\n"):
        return None
    try:
        found = parse_json(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def record_of(line: bytes) -> dict[str, Any] | None:
    """What a line says of a file: an `Entry` and where its rows are; None for a damaged one."""
    found = object_of(line)
    try:
        sound = found is not None and found.keys() >= _NEEDED and _is_sound(entry_of(found), found)
    except MISSHAPEN:
        return None
    return found if sound else None


def _is_sound(entry: Entry, place: Mapping[str, Any]) -> bool:
    """Whether what was written as text and numbers is read as such."""
    numbers = [entry.size, entry.time_ns, place["offset"], place["length"], place["crc32"]]
    numbers += [
        entry.n_windows,
        entry.n_silent,
        entry.n_gated,
        *entry.named.values(),
        *entry.against.values(),
    ]
    texts = (
        entry.path,
        entry.message,
        entry.begin_time,
        entry.recorder,
        *entry.named,
        *entry.remarks,
        *entry.against,
    )
    lengths = [s for s in (entry.header_s, entry.decoded_s) if s is not None]
    return (
        all(isinstance(n, int) and -1 <= n < 1 << 63 for n in numbers)
        and all(isinstance(text, str) for text in texts)
        and all(isinstance(s, int | float) and isfinite(s) for s in lengths)
    )


def entry_of(record: Mapping[str, Any]) -> Entry:
    values = {name: record[name] for name in _OF_ENTRY if name in record}
    return Entry(**values | {"status": Status(values["status"]), "remarks": tuple(values["remarks"])})
