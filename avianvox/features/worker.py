"""Describe one file: what a build's worker processes do."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import file_digest
from pathlib import Path

import numpy as np

from avianvox.audio.decode import open_audio
from avianvox.errors import AudioError
from avianvox.features.extract import FeatureStream
from avianvox.features.layout import row_digest
from avianvox.features.ledger import Entry, file_signature
from avianvox.features.spec import FeatureSpec
from avianvox.files import output_error
from avianvox.types import Status


@dataclass(frozen=True, slots=True)
class Task:
    """One file to describe. ``known``: content hashes whose features are at hand already."""

    id: str
    path: Path
    known: tuple[str, ...]
    spool: Path  # where the rows go
    spec: FeatureSpec
    dtype: str


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
    if (size, mtime_ns) == (0, 0):
        message = "no such file, or no permission to read it"
        return Outcome(Entry(task.id, Status.MISSING, 0, 0, 0, "", "", message=message), nothing)
    try:
        with open(task.path, "rb") as source:
            content = file_digest(source, "sha256").hexdigest()
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        return Outcome(Entry(task.id, Status.MISSING, 0, size, mtime_ns, "", "", message=message), nothing)
    if content in task.known:
        return Outcome(Entry(task.id, Status.OK, 0, size, mtime_ns, content, ""), None)
    try:
        return _extract(task, size, mtime_ns, content)
    except AudioError as error:
        status = Status(error.status)
        message = str(error).removeprefix(f"{task.path}: ")
        return Outcome(Entry(task.id, status, 0, size, mtime_ns, content, "", message=message), nothing)


def _extract(task: Task, size: int, mtime_ns: int, content: str) -> Outcome:
    sums = np.zeros((2, task.spec.n_features))
    digest = row_digest()
    n_frames = 0
    with open_audio(task.path, sample_rate=task.spec.sample_rate) as audio:
        stream = _stream(task.spec)
        try:
            with open(task.spool, "wb") as spool:
                for block in _rows(stream, audio):
                    stored = block.astype(task.dtype)
                    wide = stored.astype(np.float64)
                    sums[0] += wide.sum(axis=0)
                    sums[1] += np.square(wide, out=wide).sum(axis=0)
                    data = stored.tobytes()
                    digest.update(data)
                    spool.write(data)
                    n_frames += len(stored)
        except BaseException as error:
            _stream.cache_clear()  # it holds a part of this recording
            if isinstance(error, OSError) and not isinstance(error, AudioError):
                raise output_error(error, task.spool) from error
            raise
        report = audio.report
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
    )
    return Outcome(entry, sums)


@lru_cache(maxsize=1)
def _stream(spec: FeatureSpec) -> FeatureStream:
    """Its matrices take longer to make than a short recording takes to describe."""
    return FeatureStream(spec)


def _rows(stream: FeatureStream, audio: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    for samples in audio:
        yield from stream.push(samples)
    yield from stream.finish()
