"""What came of each recording: one `Entry`, one JSON line in ``ledger.jsonl``.

The ledger is a build's journal while it runs and stays with the finished store. A line that was cut off by
a crash, and whatever follows it, does not count.
"""

import json
import os
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from avianvox.documents import MISSHAPEN, parse_json
from avianvox.features.layout import id_bytes, id_text
from avianvox.types import Recording, Span, Status

CRASHED = "the decoder crashed"
"""Message of an entry whose file killed a worker process, and once more when alone."""

READER = 1
"""Counts the ways in which files were read. 0 took an interrupt (Ctrl-C) for the end of a healthy file."""

_DAMAGED = (Status.TRUNCATED, Status.EMPTY, Status.UNDECODABLE)

Signature = tuple[int, int]
"""Size in bytes and modification time in nanoseconds of a source file; (0, 0) when it cannot be read."""


def reader_of(status: Status) -> int:
    """What an entry says of how its file was read: `READER` where it stands as damaged, else nothing, 0."""
    return READER if status in _DAMAGED else 0


@dataclass(frozen=True, slots=True)
class Entry:
    """What came of one recording; ``content`` and ``digest`` are hexadecimal, "" when there is none."""

    id: str
    status: Status
    n_frames: int
    size: int
    mtime_ns: int
    content: str  # SHA-256 of the source file, or see `part_content`
    digest: str  # BLAKE2b of the rows
    header_s: float | None = None
    decoded_s: float | None = None
    message: str = ""
    span: Span | None = None  # the part of the file that was described
    reader: int = 0  # see `reader_of`

    @property
    def signature(self) -> Signature:
        return (self.size, self.mtime_ns)

    @property
    def lasting(self) -> bool:
        """Whether the answer holds as long as the file stays the same.

        A decoder may be installed later, and what killed a worker process may have been a want of memory.
        """
        return self.status is not Status.UNSUPPORTED and self.message != CRASHED

    @property
    def doubtful(self) -> bool:
        """Whether the file stands as damaged and may be healthy, because an interrupt came as it was read."""
        return self.reader < reader_of(self.status) and self.size > 0

    def describes(self, recording: Recording) -> bool:
        """Whether this is what came of ``recording`` as its file is now."""
        return (self.id, self.span, self.signature) == (
            recording.id,
            recording.span,
            file_signature(recording.path),
        )

    def to_line(self) -> bytes:
        values = asdict(self)
        for name, unsaid in (("span", None), ("reader", 0)):
            if values[name] == unsaid:
                del values[name]
        return id_bytes(json.dumps(values, ensure_ascii=False)) + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "Entry":
        """The inverse of `to_line`. Raises ``ValueError`` for a damaged line."""
        if not line.endswith(b"\n"):
            raise ValueError("the line was cut off")
        values = parse_json(id_text(line))
        try:
            span = tuple(values["span"]) if "span" in values else None
            return cls(**{**values, "status": Status(values["status"]), "span": span})
        except MISSHAPEN as error:
            raise ValueError(str(error)) from error


def read_ledger(path: Path) -> list[Entry]:
    """The entries up to the first damaged line; none when there is no file."""
    entries: list[Entry] = []
    try:
        with open(path, "rb") as stream:
            for line in stream:
                entries.append(Entry.from_line(line))
    except (FileNotFoundError, ValueError):
        pass
    return entries


def part_content(file_content: str, span: Span | None) -> str:
    """What stands for the content of a part: a hash over the file's and the span; of a file, its own."""
    return file_content if span is None else sha256(f"{file_content} {span}".encode()).hexdigest()


def file_signature(path: Path | str) -> Signature:
    """See `Signature`."""
    try:
        stat = os.stat(path)
    except (OSError, ValueError):  # ValueError: no file can have this name
        return (0, 0)
    return (stat.st_size, stat.st_mtime_ns) if os.access(path, os.R_OK) else (0, 0)
