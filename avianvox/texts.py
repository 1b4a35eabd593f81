"""Text files that other programs wrote: their encoding recognised, or refused by its name.

UTF-8, UTF-16 with its mark, and, line by line, Windows-1252, which older programs write and which holds all
letters of Latin-1.
"""

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from avianvox.errors import AvianvoxError, InputError
from avianvox.files import open_regular

MOST_CHARACTERS = 1 << 20
"""Of a line; a file without line ends is no table, and would be read into memory as a whole."""
MOST_BYTES = 1 << 26
"""Of a text that is read as a whole."""

_HEAD = 512
_ZIP = b"PK\x03\x04"


@contextmanager
def open_lines(path: Path | str, *, error: type[AvianvoxError] = InputError) -> Iterator[Iterator[str]]:
    """The lines of a regular file of text, one by one, with their ends; a lone carriage return ends one too.

    Parameters
    ----------
    path : path-like
    error : type of AvianvoxError
        What is raised, also as the lines are asked for.

    Raises
    ------
    InputError, or ``error``
        It cannot be read, is not text in an encoding that is known, or has a line without end.
    """
    with _readable(path, error), open_regular(path) as file:
        yield _lines(file, path, error)


def lines_of(content: bytes, path: Path | str, *, error: type[AvianvoxError] = InputError) -> Iterator[str]:
    """The lines of what was read of ``path``, as `open_lines` gives and refuses them."""
    return _lines(io.BufferedReader(io.BytesIO(content)), path, error)


def read_text(path: Path | str, *, error: type[AvianvoxError] = InputError) -> str:
    """A whole text of at most `MOST_BYTES`, also from a pipe, as a shell's ``<(...)`` is one."""
    n_characters, lines = 0, []
    with _readable(path, error), open(path, "rb") as file:
        for line in _lines(file, path, error):
            n_characters += len(line)
            if n_characters > MOST_BYTES:
                raise error(f"{path}: expected a text of at most {MOST_BYTES >> 20} MB")
            lines.append(line)
    return "".join(lines)


@contextmanager
def _readable(path: Path | str, error: type[AvianvoxError]) -> Iterator[None]:
    try:
        yield
    except AvianvoxError:
        raise
    except OSError as failed:
        raise error(f"cannot read the table {path}: {failed.strerror or failed}") from failed


def decode_head(head: bytes) -> str:
    """The first bytes of a file as text with plain line ends, whatever they are; to be looked at alone."""
    encoding = "utf-16" if _has_utf16_mark(head) else "utf-8-sig"
    return head.decode(encoding, "replace").replace("\r\n", "\n")


def _lines(file: BufferedReader, path: Path | str, error: type[AvianvoxError]) -> Iterator[str]:
    head = file.peek(_HEAD)[:_HEAD]
    if head.startswith(_ZIP):
        raise error(f"{path}: a spreadsheet or an archive is not read here; save the sheet as CSV (UTF-8)")
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)) or _looks_like_utf16(head):
        name = "UTF-16 without its mark" if _looks_like_utf16(head) else "UTF-32"
        raise error(f"{path}: expected text in UTF-8, this looks like {name}; save it as UTF-8")
    encoding = "utf-16" if _has_utf16_mark(head) else "utf-8-sig"
    number = 0
    with io.TextIOWrapper(file, encoding=encoding, errors="surrogateescape", newline="") as text:
        while True:
            number += 1
            try:
                line = text.readline(MOST_CHARACTERS)
            except UnicodeDecodeError as failed:  # half a character at the end of UTF-16
                raise error(f"{path}, line {number}: damaged text in UTF-16 ({failed.reason})") from failed
            if not line:
                return
            if len(line) == MOST_CHARACTERS:
                raise error(f"{path}, line {number}: expected a table of text, this line doesn't end")
            yield line if line.isascii() else _decoded(line, path, number, error)


def _decoded(line: str, path: Path | str, number: int, error: type[AvianvoxError]) -> str:
    """``line``, read as Windows-1252 where it was not UTF-8."""
    if not any("\udc80" <= c <= "\udcff" for c in line):
        return line
    try:
        return line.encode("utf-8", "surrogateescape").decode("cp1252")
    except UnicodeDecodeError as failed:
        byte = failed.object[failed.start]
        raise error(
            f"{path}, line {number}: neither UTF-8 nor Windows-1252 (byte 0x{byte:02x}); save it as UTF-8"
        ) from failed


def _has_utf16_mark(head: bytes) -> bool:
    return head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))


def _looks_like_utf16(head: bytes) -> bool:
    """Whether every other byte is zero, as in UTF-16 of European text; a mark would have said so."""
    halves = (head[::2], head[1::2])
    return not _has_utf16_mark(head) and len(head) > 3 and any(4 * h.count(0) > 3 * len(h) for h in halves)
