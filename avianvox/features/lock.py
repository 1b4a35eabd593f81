"""A lock between processes that the system releases when its holder dies, however it dies."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avianvox.errors import StoreError
from avianvox.files import output_error

if os.name == "nt":
    import msvcrt

    def _take(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def exclusive_lock(path: Path, *, busy: str) -> Iterator[None]:
    """Hold an advisory lock on the file ``path`` (made if need be) while the block runs.

    Raises
    ------
    StoreError
        With the text ``busy``, when another process holds it.
    OutputError
        When the file cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise output_error(error, path) from error
    try:
        try:
            _take(descriptor)
        except (BlockingIOError, PermissionError) as error:
            raise StoreError(busy) from error
        if not _is_at(path, descriptor):  # its holder removed it meanwhile, and a third may hold another
            raise StoreError(busy)
        yield
    finally:
        os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the open file ``descriptor`` is still the one at ``path``."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False
