"""A lock between processes that the system releases when its holder dies, however it dies."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from avianvox.errors import StoreError
from avianvox.files import discard, is_at, is_busy, output_error, take_lock


@contextmanager
def exclusive_lock(path: Path, *, busy: str, remove: bool = False) -> Iterator[None]:
    """Hold an advisory lock on the file ``path`` (made if need be) while the block runs.

    With ``remove`` the file goes at the end.

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
        # a lock that can't be made is known to nobody by its name
        raise output_error(error, path if os.path.lexists(path) else path.parent) from error
    held = False
    try:
        try:
            take_lock(descriptor)
        except OSError as error:
            if is_busy(error):
                raise StoreError(busy) from error
            raise
        if not is_at(path, descriptor):  # its holder removed it meanwhile, and a third may hold another
            raise StoreError(busy)
        held = True
        yield
    finally:
        if held and remove:
            with suppress(OSError):
                discard(path, descriptor)
        else:
            os.close(descriptor)
