"""Appending to a table of verdicts, so that each one is on disk before it is confirmed."""

import os
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Lock
from types import TracebackType

from avianvox.errors import InputError, OutputError
from avianvox.files import is_at, output_error, sync_folder
from avianvox.lock import exclusive_lock
from avianvox.verdicts.table import HEADER, Verdict, content_of, line_of, parse_verdicts, whole_length


class Writer:
    """The one writer of a table. A context manager: it holds a lock while it is open.

    A line that a killed writer has torn is cut off; what was confirmed is never touched. Several threads may
    add at the same time.

    Parameters
    ----------
    path : Path
        Made if need be.

    Attributes
    ----------
    verdicts : list of Verdict
        All that the table holds, in its order.

    Raises
    ------
    StoreError
        Another process, or another `Writer`, has it open.
    InputError
        There is another file, or a table that was saved in another form.
    OutputError
        It cannot be written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from avianvox.verdicts.table import Said, now
    >>> noise = Verdict(id="1", time=now(), file="a.wav", verdict=Said.NOISE)
    >>> with TemporaryDirectory() as folder, Writer(Path(folder, "night.verdicts.csv")) as table:
    ...     table.add(noise), table.add(noise)
    (True, False)
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.verdicts: list[Verdict] = []
        self._ids: set[str] = set()
        self._thread = Lock()
        self._stack = ExitStack()
        self._descriptor = -1

    def __enter__(self) -> "Writer":
        with ExitStack() as stack:
            lock = self.path.with_name(f".{self.path.name}.lock")
            busy = f"{self.path}: verdicts are being written to it already; end the other review first"
            stack.enter_context(exclusive_lock(lock, busy=busy, remove=True))
            new = not os.path.exists(self.path)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
            try:
                self._descriptor = os.open(self.path, flags, 0o666)
            except OSError as error:
                raise output_error(error, self.path) from error
            stack.callback(os.close, self._descriptor)
            self._take_up()
            if new:
                with suppress(OSError):  # not all disks can
                    sync_folder(self.path.parent)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._thread:
            self._descriptor = -1
            self._stack.close()

    def _take_up(self) -> None:
        content = content_of(self.path)
        if HEADER.encode().startswith(content.rstrip(b"\0")):  # empty, or killed as it was made
            self._truncate(0)
            self._append(HEADER.encode())
            return
        self.verdicts = parse_verdicts(content, str(self.path))
        whole = whole_length(content)
        try:
            header = content[:whole].decode("utf-8-sig").partition("\n")[0]
        except UnicodeDecodeError:
            header = ""
        if header.rstrip("\r") != HEADER.rstrip("\n"):
            raise InputError(
                f"{self.path}: expected columns and encoding as avianvox writes them, another program has "
                "changed them; move the table away and give it with --verdicts"
            )
        self._ids = {verdict.id for verdict in self.verdicts}
        self._truncate(whole)
        if not content[:whole].endswith(b"\n"):
            self._append(b"\n")

    def add(self, verdict: Verdict) -> bool:
        """Append a verdict; it is on disk when this returns. False: one of this id was there already.

        Raises
        ------
        OutputError
            It is not on disk, and the table is as it was.
        """
        with self._thread:
            if self._descriptor < 0:
                raise OutputError(f"cannot write {self.path}: it is closed")
            if verdict.id in self._ids:
                return False
            if not is_at(self.path, self._descriptor):
                raise OutputError(
                    f"cannot write {self.path}: another program has moved or replaced it; start again"
                )
            self._append(line_of(verdict).encode())
            self._ids.add(verdict.id)
            self.verdicts.append(verdict)
            return True

    def _append(self, content: bytes) -> None:
        try:
            end = os.fstat(self._descriptor).st_size
            try:
                rest = memoryview(content)
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
                os.fsync(self._descriptor)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(self._descriptor, end)
                raise
        except OSError as error:
            raise output_error(error, self.path) from error

    def _truncate(self, length: int) -> None:
        try:
            if os.fstat(self._descriptor).st_size != length:
                os.ftruncate(self._descriptor, length)
        except OSError as error:
            raise output_error(error, self.path) from error
