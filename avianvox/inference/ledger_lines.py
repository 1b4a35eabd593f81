"""The lines of a ledger (:mod:`avianvox.inference.ledger`): one object of JSON for each file."""

from collections.abc import Mapping
from dataclasses import fields
from hashlib import blake2b
from typing import Any

from avianvox.documents import parse_json
from avianvox.inference.answers import Entry
from avianvox.types import Status

_OF_ENTRY = tuple(field.name for field in fields(Entry))
_NEEDED = {*_OF_ENTRY, "offset", "length", "crc32"} - {"below"}  # which earlier versions did not write


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
    return found if found is not None and found.keys() >= _NEEDED else None


def entry_of(record: Mapping[str, Any]) -> Entry:
    values = {name: record[name] for name in _OF_ENTRY if name in record}
    return Entry(**values | {"status": Status(values["status"]), "remarks": tuple(values["remarks"])})
