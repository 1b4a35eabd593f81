"""A table that is only appended to, a row at a time, and outlives a power cut.

Each row is on the disk before the next one comes. What a power cut left of a last row goes when the table is
opened again.
"""

import os
from collections.abc import Iterable
from io import FileIO
from pathlib import Path
from types import TracebackType

from avianvox.errors import OutputError
from avianvox.files import atomic_write, output_error

_BLOCK = 1 << 16


class Appended:
    """A table open for more rows. A context manager.

    Parameters
    ----------
    path : Path
        Made if need be.
    header : str
        The first line, with its line end; "" for a format without one.
    what : str
        What the table is, in words, for the refusal of a file that is none.

    Raises
    ------
    OutputError
        It cannot be written, or another file lies there.
    """

    def __init__(self, path: Path, header: str, *, what: str) -> None:
        self.path, self._header = path, header
        self._file = self._open()
        try:
            self._begin(header.encode(), what)
        except OSError as error:  # a pipe has no place to go back to
            self._file.close()
            raise output_error(error, path) from error

    def __enter__(self) -> "Appended":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, text: str) -> None:
        """Write whole rows; they are on the disk when it returns. Raises `OutputError`."""
        end = self._file.seek(0, os.SEEK_END)
        rest = memoryview(text.encode())
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(end)  # no half of a row stays on a full disk
            raise output_error(error, self.path) from error

    def rewrite(self, rows: Iterable[str]) -> None:
        """Put ``rows`` in place of those that are there, or leave all as it is. Raises `OutputError`."""
        with atomic_write(self.path) as file:
            file.write(self._header)
            file.writelines(rows)
        self._file.close()
        self._file = self._open()

    def _open(self) -> FileIO:
        try:
            return open(self.path, "a+b", buffering=0)
        except OSError as error:
            raise output_error(error, self.path) from error

    def _begin(self, header: bytes, what: str) -> None:
        self._file.seek(0)
        head = self._file.read(max(1, len(header)))
        ours = header.startswith(head) if header else head in (b"", b"{")
        if not ours:
            raise OutputError(
                f"cannot append to {self.path}: there is a file that is no {what} of this version; name "
                "another"
            )
        self._file.truncate(self._whole_end() if head == header or not header else 0)
        if not self._file.seek(0, os.SEEK_END) and header:
            self.append(header.decode())

    def _whole_end(self) -> int:
        """Behind the last line end."""
        end = self._file.seek(0, os.SEEK_END)
        while end:
            begin = max(0, end - _BLOCK)
            self._file.seek(begin)
            at = self._file.read(end - begin).rfind(b"\n")
            if at >= 0:
                return begin + at + 1
            end = begin
        return 0
