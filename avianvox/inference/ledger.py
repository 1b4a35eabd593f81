"""Rows and ledger of a long run: appended as files finish, put in order at the end, resumed after a kill.

While a run goes on, ``NAME.partial`` takes the rows of one file after another, in the order in which they
finish, and the ledger beside it one line for each: what the file was known by, what came of it, and where its
rows lie. At the end `Ledger.finish` writes rows and ledger in the order of the inputs, so the bytes are the
same however the run went. A ledger that was finished can be taken up again too, with more files.

A file is known by its path, size and time of last change; the settings and the model's hash stand in the
first line of the ledger, and a run with others doesn't go on from it. Nor does one whose finished rows were
changed by another program: their hash stands there too.
"""

import json
import os
from array import array
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from hashlib import sha256
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import IO, Any
from zlib import crc32

import numpy as np

from avianvox.config import differences
from avianvox.documents import Kind, parse_json
from avianvox.errors import InputError, OutputError
from avianvox.files import atomic_write, output_error, sweep
from avianvox.inference.answers import Answer, Entry
from avianvox.inference.ledger_lines import digest_of, entry_of, object_of, record_of
from avianvox.lock import exclusive_lock
from avianvox.runfolder import told
from avianvox.tables.columns import header_of

_FILE = Kind(
    what="ledger of a run",
    name="avianvox ledger",
    version=1,
    error=InputError,
    otherwise="remove it to begin anew",
    outdated="remove it to begin anew",
)
_NO_HASH = "0" * 64  # of rows that are not finished: as long as a hash, so that no line moves


def ledger_path(output: Path) -> Path:
    """Where the ledger of a table lies: ``answers.csv`` has ``answers.csv.ledger.jsonl``."""
    return output.with_name(f"{output.name}.ledger.jsonl")


class Ledger:
    """The rows and the ledger of one run. A context manager: it holds a lock while it is open.

    Parameters
    ----------
    rows : Path
        Where the finished rows, CSV with their header, are to lie; ``rows`` + ".partial" until then.
    output : Path
        The table that the user asked for; it names the ledger.
    settings : mapping
        What the rows depend on beside the files, ready for JSON: model hash, question, versions.
    resume : bool
        Go on from what lies there; else begin anew.

    Raises
    ------
    OutputError
        Without ``resume``: an interrupted run lies there. Or the place cannot be written.
    InputError
        With ``resume``: the ledger is damaged or was made with other settings or for other rows, or the
        finished rows have changed since.
    StoreError
        Another run writes there at this moment.
    """

    def __init__(self, rows: Path, output: Path, settings: Mapping[str, Any], *, resume: bool) -> None:
        self.rows, self.path = rows, ledger_path(output)
        self._output = output
        self.partial = rows.with_name(f"{rows.name}.partial")
        kept = {"rows": "the table itself" if rows == output else "beside the table"}
        self._settings = json.loads(json.dumps({**settings, **kept}))
        self._rows_header = header_of(settings.get("tasks", ()))
        self._resume = resume
        self._order = array("q")  # for each input, where its line of the ledger begins
        self._known = np.empty(0, np.uint64)  # sorted digests of the files of former runs ...
        self._offsets = np.empty(0, np.int64)  # ... and where their lines begin
        self._n_met = 0  # of them, those that `find` was asked for
        self._stack = ExitStack()

    def __enter__(self) -> "Ledger":
        with ExitStack() as stack:
            lock = self.path.with_name(f".{self.path.name}.lock")
            self._refuse_others(lock)
            busy = f"{self.path}: another run is writing to it; wait for its end, or choose another --output"
            stack.enter_context(exclusive_lock(lock, busy=busy, remove=True))
            for path in (self.rows, self._output, self.path, self.partial):
                sweep(path)
            if self._resume and os.path.exists(self.path):
                self._take_up()
            else:
                self._begin()
            self._rows_file = stack.enter_context(_append(self.partial))
            self._file = stack.enter_context(_append(self.path))
            self._reader = stack.enter_context(open(self.path, "rb"))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _refuse_others(self, lock: Path) -> None:
        """Raise `OutputError` where a file beside the table has the name of one of ours, and is none."""
        ours = self._is_ledger()
        others = [self.path] if os.path.exists(self.path) and not ours and not self._resume else []
        others += [self.rows] if self.rows != self._output and os.path.exists(self.rows) and not ours else []
        others += [lock] if os.path.exists(lock) and lock.stat().st_size else []
        for path in others:
            raise OutputError(
                f"cannot write {path}: there is a file that no run left; move it, or choose another --output"
            )

    def _is_ledger(self) -> bool:
        try:
            with open(self.path, "rb") as lines:
                head = object_of(lines.readline())
        except OSError:
            return False
        return _FILE.claims(head)

    def _begin(self) -> None:
        if self.partial.exists():
            raise OutputError(
                f"{self.partial}: an interrupted run is here; continue it with --resume, or remove the file"
            )
        with atomic_write(self.path) as file:
            file.write(self._header())
        with atomic_write(self.partial) as file:
            file.write(self._rows_header)

    def _header(self, rows_sha256: str = _NO_HASH) -> str:
        """The first line; ``rows_sha256`` where the rows are finished."""
        finished = int(rows_sha256 != _NO_HASH)
        head = {**_FILE.head, "finished": finished, "rows_sha256": rows_sha256}
        return json.dumps({**head, "settings": self._settings}) + "\n"

    def _take_up(self) -> None:
        head = self._read_header()
        if head["finished"]:  # its offsets are those of the finished rows, whatever partial file is left
            self._copy_finished(head["rows_sha256"])
        if not self.partial.exists() or not self.partial.stat().st_size:
            with atomic_write(self.partial) as file:
                file.write(self._rows_header)
        digests, offsets = array("Q"), array("q")
        end_of_rows, end = len(self._rows_header), 0
        with open(self.path, "rb") as lines, open(self.partial, "rb") as rows:
            end = len(lines.readline())
            for line in lines:
                record = record_of(line)
                if record is None or not _has_rows(rows, record):
                    break  # written as the run was killed, or lost with the power
                digests.append(digest_of(record["path"], record["size"], record["time_ns"]))
                offsets.append(end)
                end += len(line)
                end_of_rows = max(end_of_rows, record["offset"] + record["length"])
        known = np.array(digests, np.uint64)
        order = np.argsort(known, kind="stable")
        self._known, self._offsets = known[order], np.array(offsets, np.int64)[order]
        os.truncate(self.partial, end_of_rows)
        os.truncate(self.path, end)
        if head["finished"]:
            self._reopen()

    def _copy_finished(self, expected: str) -> None:
        """Make the partial file from the finished rows, which must be what this ledger speaks of."""
        if not self.rows.exists():
            raise InputError(f"{self.rows}: the rows of this ledger are missing; run without --resume")
        found = sha256()
        with atomic_write(self.partial, "wb") as copy, open(self.rows, "rb") as finished:
            while block := finished.read(1 << 20):
                found.update(block)
                copy.write(block)
            if found.hexdigest() != expected:
                raise InputError(
                    f"{self.rows}: it was changed after it was written, so --resume can't go on from it; "
                    "run without --resume, or choose another --output"
                )

    def _read_header(self) -> Mapping[str, Any]:
        with open(self.path, "rb") as lines:
            head = _FILE.check(object_of(lines.readline()), self.path)
        whole = head.keys() >= {"finished", "rows_sha256", "settings"}
        if not whole or not isinstance(head["settings"], dict) or not isinstance(head["rows_sha256"], str):
            raise InputError(f"{self.path}: expected a whole first line of a ledger; remove it to begin anew")
        changed = differences(head["settings"], self._settings)
        if changed:
            found = ", ".join(told(head["settings"], self._settings))
            advice = "give the same ones, or another --output"
            if not {"avianvox", "table", "extractor_revision"}.isdisjoint(changed):
                advice = "it was made by another release of avianvox; choose another --output, or remove it"
            raise InputError(f"{self.path}: the run that lies here had other settings ({found}); {advice}")
        return head

    def _reopen(self) -> None:
        """Say in the first line that the run goes on; it is as long as before, so no line moves."""
        with open(self.path, "r+b") as file:
            file.write(self._header().encode())

    @property
    def n_left_out(self) -> int:
        """Files of former runs that nobody has looked for: they have changed, or are no inputs any more."""
        return len(np.unique(self._known)) - self._n_met

    def find(self, path: str, size: int, time_ns: int) -> Entry | None:
        """What a former run says of a file that has not changed since; None where it has to be read."""
        wanted = np.uint64(digest_of(path, size, time_ns))
        at = int(np.searchsorted(self._known, wanted))
        if at == len(self._known) or self._known[at] != wanted:
            return None
        self._n_met += 1
        return entry_of(self._line(int(self._offsets[at])))

    def keep(self, position: int, path: str, size: int, time_ns: int) -> None:
        """Take the rows of a file that `find` knows for input number ``position``."""
        at = int(np.searchsorted(self._known, np.uint64(digest_of(path, size, time_ns))))
        self._place(position, int(self._offsets[at]))

    def add(self, position: int, answer: Answer) -> None:
        """Append the answer for input number ``position``: rows first, so that no line promises too much."""
        rows = answer.rows.encode()
        try:
            offset = self._rows_file.tell()
            _write_all(self._rows_file, rows)
            here = self._file.tell()
            place = {"offset": offset, "length": len(rows), "crc32": crc32(rows)}
            record = {**asdict(answer.entry), **place}
            _write_all(self._file, (json.dumps(record) + "\n").encode())
        except OSError as error:
            raise output_error(error, self.partial) from error
        self._place(position, here)

    def _place(self, position: int, offset: int) -> None:
        while len(self._order) <= position:
            self._order.append(-1)
        self._order[position] = offset

    def _line(self, offset: int) -> dict[str, Any]:
        self._reader.seek(offset)
        found: dict[str, Any] = parse_json(self._reader.readline())
        return found

    def entries(self) -> Iterator[Entry]:
        """What came of every input, in their order."""
        for offset in self._order:
            yield entry_of(self._line(offset))

    def groups(self) -> Iterator[str]:
        """The rows of every input, in their order, without a header."""
        with open(self.partial, "rb") as rows:
            for offset in self._order:
                record = self._line(offset)
                rows.seek(record["offset"])
                yield rows.read(record["length"]).decode()

    def finish(self) -> None:
        """Write rows and ledger in the order of the inputs, and let go of the files: the last thing to do.

        Killed at any moment, it leaves a run that can be taken up again.
        """
        written = sha256(self._rows_header.encode())
        with atomic_write(self.rows) as file:
            file.write(self._rows_header)
            for group in self.groups():
                file.write(group)
                written.update(group.encode())
        offset = len(self._rows_header)
        with atomic_write(self.path) as file:
            file.write(self._header(written.hexdigest()))
            for place in self._order:
                record = self._line(place)
                record["offset"] = offset
                offset += record["length"]
                file.write(json.dumps(record) + "\n")
            for stream in (self._rows_file, self._file, self._reader):
                stream.close()  # before the ledger is replaced: see `avianvox.files.OPEN_FILES_STAY`
        self.partial.unlink()


def _has_rows(rows: IO[bytes], record: Mapping[str, Any]) -> bool:
    """Whether ``rows`` has what the ledger says: after a power cut there may be less, or zeros."""
    end = record["offset"] + record["length"]
    if min(record["offset"], record["length"]) < 0 or end > os.fstat(rows.fileno()).st_size:
        return False
    rows.seek(record["offset"])
    return bool(crc32(rows.read(record["length"])) == record["crc32"])


def _append(path: Path) -> FileIO:
    """Without a buffer: what a full disk refused once is not tried again as the file is closed."""
    try:
        return open(path, "ab", buffering=0)
    except OSError as error:
        raise output_error(error, path) from error


def _write_all(file: FileIO, content: bytes) -> None:
    """Write to the end: what has no buffer may take a part at a time."""
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]
