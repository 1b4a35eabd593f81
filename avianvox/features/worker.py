"""Describe one file: what a build's worker processes do."""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import file_digest
from pathlib import Path
from uuid import uuid4

import numpy as np

from avianvox.audio.decode import AudioStream, Probe, open_audio
from avianvox.errors import AudioError
from avianvox.features.kinds import RowStream, Spec
from avianvox.features.layout import row_digest
from avianvox.features.ledger import Entry, file_signature, part_content, reader_of
from avianvox.features.spans import open_span, span_report, span_rows
from avianvox.files import move_into_place, open_regular, output_error
from avianvox.types import Span, Status


@dataclass(frozen=True, slots=True)
class Task:
    """A file, or a part of it, to describe. ``known``: content hashes whose features are at hand already."""

    id: str
    path: Path
    known: tuple[str, ...]
    spool: Path  # where the rows go
    spec: Spec
    dtype: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """``entry``; ``sums``: shape (2, n_features), float64, or None when the content is a known one."""

    entry: Entry
    sums: np.ndarray | None


def describe(task: Task) -> Outcome:
    """Decode and extract one file, writing its rows to ``task.spool``. Bad input gives an entry, no error.

    Raises
    ------
    OutputError
        The rows cannot be written.
    """
    size, mtime_ns = file_signature(task.path)
    nothing = np.zeros((2, task.spec.n_features))

    def failed(status: Status, content: str, message: str) -> Outcome:
        entry = Entry(
            task.id,
            status,
            0,
            size,
            mtime_ns,
            content,
            "",
            message=message,
            span=task.span,
            reader=reader_of(status),
        )
        return Outcome(entry, nothing)

    if (size, mtime_ns) == (0, 0):
        return failed(Status.MISSING, "", "no such file, or no permission to read it")
    try:
        content = part_content(_file_content(task.path, size, mtime_ns), task.span)
    except OSError as error:
        return failed(Status.MISSING, "", f"cannot be read: {error.strerror}")
    if content in task.known:
        return Outcome(Entry(task.id, Status.OK, 0, size, mtime_ns, content, "", span=task.span), None)
    try:
        return _extract(task, size, mtime_ns, content)
    except AudioError as error:
        return failed(Status(error.status), content, str(error).removeprefix(f"{task.path}: "))


def _extract(task: Task, size: int, mtime_ns: int, content: str) -> Outcome:
    sums = np.zeros((2, task.spec.n_features))
    digest = row_digest()
    n_frames = 0
    audio, before = _open(task)
    with audio:
        stream = _stream(task.spec)
        own = task.spool.with_suffix(f".{uuid4().hex}")  # a worker that was given up may still be at it
        try:
            with open(own, "wb") as spool:
                for block in _part(_rows(stream, audio), task, before):
                    stored = block.astype(task.dtype)
                    wide = stored.astype(np.float64)
                    sums[0] += wide.sum(axis=0)
                    sums[1] += np.square(wide, out=wide).sum(axis=0)
                    data = stored.tobytes()
                    digest.update(data)
                    spool.write(data)
                    n_frames += len(stored)
            move_into_place(own, task.spool)
        except BaseException as error:
            _local.spec = None  # the stream holds a part of this recording
            if isinstance(error, OSError) and not isinstance(error, AudioError):
                raise output_error(error, task.spool) from error
            raise
        report = _report(audio, task, n_frames)
    entry = Entry(
        task.id,
        report.status,
        n_frames,
        size,
        mtime_ns,
        content,
        digest.hexdigest() if n_frames else "",
        report.header_s,
        report.decoded_s,
        report.message,
        task.span,
        reader_of(report.status),
    )
    return Outcome(entry, sums)


@lru_cache(maxsize=8)
def _file_content(path: Path, size: int, mtime_ns: int) -> str:
    """SHA-256 of a file, read once for all of its parts; size and time tell when it has changed."""
    with open_regular(path) as source:
        return file_digest(source, "sha256").hexdigest()


def _open(task: Task) -> tuple[AudioStream, int]:
    """The sound to describe, and how many of its frames belong to what comes before."""
    if task.span is None:
        return open_audio(task.path, sample_rate=task.spec.sample_rate), 0
    return open_span(task.path, task.spec, task.span)


def _part(rows: Iterator[np.ndarray], task: Task, before: int) -> Iterator[np.ndarray]:
    return rows if task.span is None else span_rows(rows, task.spec, task.span, before)


def _report(audio: AudioStream, task: Task, n_frames: int) -> Probe:
    return audio.report if task.span is None else span_report(audio.report, task.spec, task.span, n_frames)


_local = threading.local()


def _stream(spec: Spec) -> RowStream:
    """This thread's. Its matrices take longer to make than a short recording takes to describe."""
    if getattr(_local, "spec", None) != spec:
        _local.stream, _local.spec = spec.stream(), spec
    stream: RowStream = _local.stream
    return stream


def _rows(stream: RowStream, audio: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    for samples in audio:
        yield from stream.push(samples)
    yield from stream.finish()
