"""A lock between processes that the system releases when its holder dies, however it dies."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avianvox.errors import StoreError
from avianvox.files import is_at, is_busy, output_error, take_lock


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
            take_lock(descriptor)
        except OSError as error:
            if is_busy(error):
                raise StoreError(busy) from error
            raise
        if not is_at(path, descriptor):  # its holder removed it meanwhile, and a third may hold another
            raise StoreError(busy)
        yield
    finally:
        os.close(descriptor)
