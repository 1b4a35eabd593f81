"""What a build has to do for each recording, and the processes that do it.

A recording is copied where an older folder has its rows (`Copy`) and described anew otherwise (`Extraction`).
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from avianvox.features.ledger import CRASHED, Entry, file_signature
from avianvox.features.partial import DataFolder, Shape, file_pieces
from avianvox.features.worker import Outcome, Task, describe
from avianvox.types import Status
from avianvox.workers import WorkerCrashed, Workplace, open_executor


@dataclass(frozen=True, slots=True)
class Result:
    """Entry, rows and sums of one recording; ``extracted`` unless they are copies."""

    entry: Entry
    rows: Iterator[bytes]
    sums: np.ndarray
    extracted: bool


@dataclass(frozen=True, slots=True)
class Copy:
    """A recording whose rows lie in an older folder. ``entry`` has the source file's present signature."""

    donor: DataFolder
    position: int
    entry: Entry

    def result(self) -> Result:
        return Result(self.entry, self.donor.rows(self.position), self.donor.sums(self.position), False)


@dataclass(frozen=True, slots=True)
class Extraction:
    """A recording that is being described, unless its content turns out to be ``known``."""

    outcome: Callable[[], Outcome]
    spool: Path
    known: dict[str, Copy]
    shape: Shape

    def result(self) -> Result:
        outcome = self.outcome()
        entry = outcome.entry
        if outcome.sums is None:
            copy = self.known[entry.content]
            unchanged = replace(copy.entry, size=entry.size, mtime_ns=entry.mtime_ns)
            return replace(copy, entry=unchanged).result()
        return Result(entry, self._rows(entry.n_frames * self.shape.row_bytes), outcome.sums, True)

    def _rows(self, n_bytes: int) -> Iterator[bytes]:
        if n_bytes:
            yield from file_pieces(self.spool, n_bytes)
        self.spool.unlink(missing_ok=True)


class Workers(ExitStack):
    """What describes files at a workplace. A file that kills its worker, and once more when alone, is
    undecodable.
    """

    def __init__(self, workplace: Workplace) -> None:
        super().__init__()
        self._executor = self.enter_context(open_executor(workplace))

    def width(self) -> int:
        """How many files are described at the same time."""
        return self._executor.width()

    def submit(self, task: Task) -> Callable[[], Outcome]:
        """Begin, and give back what waits for the outcome.

        It raises as `describe` does, and `NoWorkers` where no process can be started.
        """
        return partial(_wait, self._executor.begin(describe, task), task)


def _wait(outcome: Callable[[], Outcome], task: Task) -> Outcome:
    try:
        return outcome()
    except WorkerCrashed:
        size, mtime_ns = file_signature(task.path)
        entry = Entry(task.id, Status.UNDECODABLE, 0, size, mtime_ns, "", "", message=CRASHED, span=task.span)
        return Outcome(entry, np.zeros((2, task.spec.n_features)))


@contextmanager
def spool_folder(partial: Path) -> Iterator[Path]:
    """Where workers leave rows; what a killed build left there is cleared away first."""
    for stale in partial.glob("spool-*"):
        shutil.rmtree(stale, ignore_errors=True)
    with TemporaryDirectory(prefix="spool-", dir=partial, ignore_cleanup_errors=True) as folder:
        yield Path(folder)
