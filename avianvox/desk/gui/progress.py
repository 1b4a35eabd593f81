"""How far a run has come, read from what it leaves on disk: while it runs, paused, and after a kill."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avianvox.inference.ledger import ledger_path
from avianvox.inference.ledger_lines import object_of
from avianvox.training.run import FIGURES, LOG
from avianvox.types import Status

_EPOCH = re.compile(r"epoch (\d+)/(\d+) (.*)")
_FIGURE = re.compile(r"(\w+) (-?[\d.]+|nan|inf)(?: |$)")
_FAILED = {status.value for status in Status if status.failed}


@dataclass
class LedgerTail:
    """What a ledger says of the files so far; `read` takes up only what was added since.

    Attributes
    ----------
    statuses : Counter of str
        How many files have each status.
    named : Counter of str
        How often each species was named.
    failures : dict of str to str
        Files that failed, and why.
    finished : bool
    """

    path: Path
    statuses: Counter[str] = field(default_factory=Counter)
    named: Counter[str] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)
    finished: bool = False
    _inode: int = 0
    _position: int = 0

    @classmethod
    def of_table(cls, table: str) -> "LedgerTail":
        return cls(ledger_path(Path(table)))

    @property
    def n(self) -> int:
        return self.statuses.total()

    def read(self) -> "LedgerTail":
        """Take up what is new; where the ledger was replaced, all of it."""
        try:
            with open(self.path, "rb") as lines:
                about = os.fstat(lines.fileno())
                if about.st_ino != self._inode or about.st_size < self._position:
                    self._begin(about.st_ino)
                head = object_of(first := lines.readline())
                self.finished = bool(head and head.get("finished"))
                lines.seek(max(self._position, len(first)))
                for line in lines:
                    if not line.endswith(b"\n"):
                        break
                    self._position = max(self._position, len(first)) + len(line)
                    self._take(object_of(line) or {})
        except OSError:
            self._begin(0)
        return self

    def _begin(self, inode: int) -> None:
        self._inode, self._position, self.finished = inode, 0, False
        for kept in (self.statuses, self.named, self.failures):
            kept.clear()

    def _take(self, entry: dict[str, Any]) -> None:
        status, path = str(entry.get("status", "")), str(entry.get("path", ""))
        self.statuses[status] += 1
        if status in _FAILED:
            self.failures[path] = str(entry.get("message") or status)
        named = entry.get("named")
        self.named.update({str(k): int(v) for k, v in named.items()} if isinstance(named, dict) else {})


@dataclass(frozen=True, slots=True)
class Epochs:
    """The last epoch of a training, and the figures of all that are logged."""

    done: int = 0
    total: int = 0
    figures: tuple[dict[str, float], ...] = ()


def read_epochs(run: Path) -> Epochs:
    """What the log of a training says; nothing where there is none."""
    by_epoch: dict[int, dict[str, float]] = {}
    done = total = 0
    for found in _logged(run / LOG):
        done, total = int(found[1]), int(found[2])
        by_epoch[done] = {name: float(value) for name, value in _FIGURE.findall(found[3])}
    known = [{"epoch": k, **row} for k, row in sorted(by_epoch.items()) if k <= done]
    finite = [{key: x for key, x in row.items() if abs(x) < float("inf")} for row in known]
    return Epochs(done, total, tuple(finite))


def _logged(path: Path) -> Iterator[re.Match[str]]:
    try:
        with open(path, encoding="utf-8", errors="replace") as lines:
            yield from filter(None, map(_EPOCH.search, lines))
    except OSError:
        return


def is_trained(run: Path) -> bool:
    """Whether ``avianvox train`` has come to its end there."""
    return (run / FIGURES).is_file()
