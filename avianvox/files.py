"""Files that are opened only if they are regular, that appear whole or not at all, and their hashes.

What is being written has a lock that the system releases when its process dies, however it dies. So a
temporary file or folder without one is nobody's any more, also on a disk that several machines share, and the
next process that wants its place takes it over.
"""

import errno
import os
import re
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from hashlib import sha256
from io import BufferedReader
from itertools import count
from pathlib import Path
from typing import IO, Any

from avianvox.errors import AvianvoxError, InputError, OutputError

if sys.platform == "win32":
    import msvcrt

    def take_lock(descriptor: int) -> None:
        """Lock an open file or raise ``OSError``: `is_busy` tells whether another process holds it."""
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def take_lock(descriptor: int) -> None:
        """Lock an open file or raise ``OSError``: `is_busy` tells whether another process holds it."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


OPEN_FILES_STAY = sys.platform == "win32"
"""Whether the system neither removes nor replaces a file that is open, by whomever."""

_IN_USE = (5, 32, 33)  # what Windows says of such a file: access denied, sharing violation, lock violation
_PATIENCE_S = 2.0  # a virus scanner or an indexer looks at each new file, for a moment
_ABANDONED_S = 24 * 3600.0  # age from which on a file is nobody's where the disk knows no locks
_UNHELD_YET_S = 10.0  # a new folder may not have its lock yet
_TEMPORARY = re.compile(r"\.(.+)\.avianvox-\d+\.partial", re.DOTALL)
_SCRATCH = "avianvox-scratch-"


def output_error(error: OSError, path: Path) -> OutputError:
    """The one line a user gets when ``path`` cannot be written; what says it already stays as it is."""
    if isinstance(error, OutputError):
        return error
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        reason = "the disk is full; free some space and run the command again"
    elif getattr(error, "winerror", None) in _IN_USE:
        reason = "another program has it open, or there is no permission to write there; close it there"
        reason += ", or choose another place"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        reason = "no permission to write there; choose another place"
    elif error.errno == errno.ENOENT:
        reason = "the folder does not exist; create it first"
    elif error.errno in (errno.EEXIST, errno.ENOTDIR):
        reason = "there is a file where a folder should be; choose another place"
    else:
        reason = error.strerror or str(error)
    return OutputError(f"cannot write {path}: {reason}")


def is_busy(error: OSError) -> bool:
    """Whether `take_lock` was refused because another process holds the lock."""
    return isinstance(error, BlockingIOError | PermissionError)


def reader_is_gone(error: OSError) -> bool:
    """Whether whoever read our standard output has ended. Windows may call that an invalid argument."""
    invalid = OPEN_FILES_STAY and error.errno == errno.EINVAL and error.filename is None
    return isinstance(error, BrokenPipeError) or invalid


def is_at(path: Path | str, descriptor: int) -> bool:
    """Whether the open file ``descriptor`` is the one at ``path``: it may have been removed or replaced."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False


def move_into_place(source: Path | str, target: Path | str) -> None:
    """`os.replace`; on Windows it waits a moment for whoever is looking at one of both."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            os.replace(source, target)
        except PermissionError as error:
            if getattr(error, "winerror", None) not in _IN_USE or time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


def sync_folder(path: Path) -> None:
    """Ask the system to put a folder's entries on the disk, where it can."""
    if os.name == "posix":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def atomic_write(path: Path | str, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary sibling of ``path`` for writing and move it into place on success.

    On any exception the temporary file is removed and ``path`` is left as it was; what a killed process left
    is taken over. A link stays a link: the file that it leads to is replaced. Whatever lies below ``/dev`` or
    ``/proc``, and any other device or pipe, is written to and never replaced.

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
    try:
        if special:
            with open(path, mode, **text) as stream:  # type: ignore[call-overload]
                yield stream
            return
        target = Path(os.path.realpath(path))
        sibling, descriptor = _claim(target)
        held = -1 if OPEN_FILES_STAY else os.dup(descriptor)  # the lock, until the file is in place
        try:
            with open(sibling, mode, opener=lambda *_: descriptor, **text) as stream:  # type: ignore[call-overload]
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            move_into_place(sibling, target)
        finally:
            if held < 0 or is_at(sibling, held):
                with suppress(OSError):
                    sibling.unlink()
            if held >= 0:
                os.close(held)
    except AvianvoxError:
        raise
    except OSError as error:
        raise output_error(error, path) from error


def sweep(path: Path | str) -> None:
    """Remove what processes that are gone have left of `atomic_write` to ``path``."""
    with suppress(OSError):
        discard(*_claim(Path(os.path.realpath(path))))


def sweep_folder(folder: Path) -> None:
    """Remove what processes that are gone have left of `atomic_write` to files in ``folder``."""
    for path in folder.iterdir():
        if found := _TEMPORARY.fullmatch(path.name):
            sweep(folder / found[1])


def holdings(folder: Path) -> list[Path]:
    """What lies in a folder, temporary files of `atomic_write` aside; nothing where there is no folder."""
    there = folder.iterdir() if folder.is_dir() else ()
    return [path for path in there if not _TEMPORARY.fullmatch(path.name)]


def _claim(target: Path) -> tuple[Path, int]:
    """The first temporary sibling that no living process holds, empty and locked. Later ones are swept."""
    for number in count():
        sibling = _sibling(target, number)
        try:
            descriptor = _open_unheld(sibling)
        except OSError:
            if not os.path.lexists(sibling):
                raise
            continue  # a folder, a link, or another user's
        if descriptor is not None:
            os.ftruncate(descriptor, 0)
            _sweep_from(target, number + 1)
            return sibling, descriptor
    raise AssertionError


def _sweep_from(target: Path, number: int) -> None:
    while os.path.lexists(left := _sibling(target, number)):
        with suppress(OSError):
            if (descriptor := _open_unheld(left)) is not None:
                discard(left, descriptor)
        number += 1


def discard(path: Path, descriptor: int) -> None:
    """Remove a file that we hold open, and let it go: where that can be in this order, nobody else has it."""
    try:
        if OPEN_FILES_STAY:
            os.close(descriptor)
            descriptor = -1
        path.unlink()
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _sibling(target: Path, number: int) -> Path:
    return target.with_name(f".{target.name}.avianvox-{number}.partial")


def _open_unheld(path: Path) -> int | None:
    """Open and lock ``path``, made if need be; None where another process is at it."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags, 0o666)
    try:
        take_lock(descriptor)
    except OSError as error:
        age_s = time.time() - os.fstat(descriptor).st_mtime
        new = os.fstat(descriptor).st_size == 0
        held = is_busy(error) or (not new and age_s < _ABANDONED_S)
    else:
        held = not is_at(path, descriptor)  # its holder moved it into place meanwhile
    if held:
        os.close(descriptor)
        return None
    return descriptor


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder of the system, which goes at the end. Those of killed processes go first."""
    import shutil
    import tempfile

    for left in Path(tempfile.gettempdir()).glob(f"{_SCRATCH}*"):
        if not OPEN_FILES_STAY and re.fullmatch(r"[a-z0-9_]{8}", left.name.removeprefix(_SCRATCH)):
            with suppress(OSError):
                # whoever makes a new one may be about to lock it
                if time.time() - left.stat().st_mtime > _UNHELD_YET_S:
                    with _held_folder(left):
                        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with nullcontext() if OPEN_FILES_STAY else _held_folder(folder):
            yield folder


@contextmanager
def _held_folder(folder: Path) -> Iterator[None]:
    """Hold the lock on a folder that is ours; raises ``OSError`` where another process does."""
    if sys.platform != "win32":  # which opens no folders
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if os.fstat(descriptor).st_uid != os.getuid():
                raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
            take_lock(descriptor)
            yield
        finally:
            os.close(descriptor)
    else:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))


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
        size = os.fstat(stream.fileno()).st_size
        content = stream.read(min(size, most_bytes) + 1)  # no more is set aside than the file has
    if max(size, len(content)) > most_bytes:
        raise OSError(errno.EFBIG, f"larger than the {most_bytes:,} bytes that are read of it", str(path))
    return content


@contextmanager
def open_arrays(path: Path | str) -> Iterator[Any]:
    """The arrays of an ``.npz`` file by name; none that would run code.

    Raises
    ------
    OSError
        As `open_regular`.
    ValueError, KeyError, EOFError, zipfile.BadZipFile
        It is none, or damaged, also as arrays are asked for.
    """
    import numpy as np

    with open_regular(path) as stream:
        if stream.peek(4)[:4] != b"PK\x03\x04":
            raise ValueError("it is no archive of arrays")
        with np.load(stream, allow_pickle=False) as arrays:
            yield arrays


def named(path: Path | str) -> Path:
    """``path``; the absolute one where it has no name of its own, as ``.`` and ``..`` have none.

    So files can be put beside a folder that is called by where one stands.

    Examples
    --------
    >>> named("night/events.csv").as_posix(), named("..").is_absolute()
    ('night/events.csv', True)
    """
    return Path(os.path.abspath(path)) if Path(path).name in ("", "..") else Path(path)


def refuse_same(out: Path, read: Path, what: str) -> None:
    """Raise `OutputError` where ``out`` is the file ``read``, however spelled; ``what`` says what that is."""
    if out.exists() and os.path.samefile(out, read):
        raise OutputError(f"cannot write {out}: this is {what}; name another file")


def sha256_file(path: Path | str, *, block_size: int = 1 << 20) -> str:
    """Hexadecimal SHA-256 of a file, read in blocks of ``block_size`` bytes."""
    digest = sha256()
    with open_regular(path) as stream:
        while block := stream.read(block_size):
            digest.update(block)
    return digest.hexdigest()
