"""Files that are opened only if they are regular, that appear whole or not at all, and their hashes."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

from avianvox.errors import AvianvoxError, InputError, OutputError


def output_error(error: OSError, path: Path) -> OutputError:
    """The one line a user gets when ``path`` cannot be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        reason = "the disk is full; free some space and run the command again"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        reason = "no permission to write there; choose another place"
    elif error.errno == errno.ENOENT:
        reason = "the folder does not exist; create it first"
    else:
        reason = error.strerror or str(error)
    return OutputError(f"cannot write {path}: {reason}")


@contextmanager
def atomic_write(path: Path | str, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary sibling of ``path`` for writing and move it into place on success.

    On any exception the temporary file is removed and ``path`` is left as it was. A link stays a link: the
    file that it leads to is replaced. Whatever lies below ``/dev`` or ``/proc``, and any other device or
    pipe, is written to and never replaced.

    Parameters
    ----------
    path : path-like
    mode : {"w", "wb"}
        Text is UTF-8 with ``\\n`` line ends on every system.

    Raises
    ------
    OutputError
        The disk is full, or the folder is missing or not writable.
    """
    if mode not in ("w", "wb"):
        raise InputError(f"atomic_write takes mode 'w' or 'wb', got '{mode}'")
    path = Path(path)
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    if os.path.isdir(path):
        raise OutputError(f"cannot write {path}: it is a folder; name a file in it")
    special = path.parts[:2] in (("/", "dev"), ("/", "proc"))
    special = special or (os.path.exists(path) and not os.path.isfile(path))
    target = Path(os.path.realpath(path))
    sibling = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with open(path if special else sibling, mode, **text) as stream:  # type: ignore[call-overload]
            yield stream
            stream.flush()
            if not special:
                os.fsync(stream.fileno())
        if not special:
            os.replace(sibling, target)
    except AvianvoxError:
        raise
    except OSError as error:
        raise output_error(error, path) from error
    finally:
        with suppress(OSError):
            sibling.unlink()


def open_regular(path: Path | str) -> BufferedReader:
    """Open a file for reading bytes, and only if it is a regular one; ``io.TextIOWrapper`` makes it text.

    To open a pipe waits for whoever writes into it, and a device may never end. Links are followed.

    Raises
    ------
    OSError
        As `open` does; ``EINVAL``, "not a regular file", for a pipe, a device or a socket.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # `open` itself refuses a folder
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return open(path, "rb")


def read_regular(path: Path | str, *, most_bytes: int = 1 << 28) -> bytes:
    """All of a regular file. Raises ``OSError`` as `open_regular` does; ``EFBIG`` beyond ``most_bytes``."""
    with open_regular(path) as stream:
        content = stream.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"larger than the {most_bytes:,} bytes that are read of it", str(path))
    return content


def sha256_file(path: Path | str, *, block_size: int = 1 << 20) -> str:
    """Hexadecimal SHA-256 of a file, read in blocks of ``block_size`` bytes."""
    digest = sha256()
    with open_regular(path) as stream:
        while block := stream.read(block_size):
            digest.update(block)
    return digest.hexdigest()
