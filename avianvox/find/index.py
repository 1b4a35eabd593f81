"""An index of the nearest windows: one file, memory-mapped, for stores too large to be read for each query.

The graph is usearch's (HNSW), of directions in 8 bits. It gives candidates alone: they are compared with the
query by the numbers in the store, so that a likeness is the same as that of an exact search. The end of the
file says which state of which store it is of.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.errors import InputError, require_extra
from avianvox.files import atomic_write, open_regular
from avianvox.find.windows import Windows, directions

_MARK = b"avianvox index 1"
_HASH_LETTERS = 64

CANDIDATES = 8
"""For each window that is asked for; docs/results.md has the share that is found."""

_LEAST_CANDIDATES = 256


def is_current(path: Path, windows: Windows) -> bool:
    """Whether the index at ``path`` is of these windows; False where there is none, or an older one.

    Raises
    ------
    InputError
        There is something that is no index.
    """
    if not path.exists():
        return False
    try:
        with open_regular(path) as file:  # a device may never end
            file.seek(-min(os.path.getsize(path), len(_tail(windows))), os.SEEK_END)
            tail = file.read()
    except OSError as error:
        raise InputError(f"{path}: the index can't be read: {error.strerror}; name a new file") from error
    if not tail.startswith(_MARK):
        raise InputError(f"{path}: expected an index of a store, got another file; name a new file")
    return tail == _tail(windows)


def build_index(
    path: Path, windows: Windows, *, threads: int = 0, progress: Callable[[int, int], None] | None = None
) -> None:
    """Write the index of windows. It stands in memory until it is whole: about 1.2 bytes for each number.

    Parameters
    ----------
    path : Path
    windows : Windows
        All of a store.
    threads : int
        0 takes all cores. Only one thread gives the same graph each time.
    progress : callable, optional
        Called with the windows done and their number.

    Raises
    ------
    MissingExtraError
        usearch is not installed.
    """
    require_extra("usearch", extra="index", purpose="an index of windows")
    from usearch.index import Index

    graph: Any = None
    for part, numbers in windows.blocks():
        if graph is None:
            graph = Index(ndim=numbers.shape[1], metric="cos", dtype="i8")
        some = numbers.any(axis=1)  # silence has no direction, and would be near everything
        graph.add(np.arange(part.start, part.stop)[some], directions(numbers[some]), threads=threads)
        if progress:
            progress(part.stop, len(windows))
    if not graph:
        raise InputError(f"{windows.store.path}: the store holds no windows with sound")
    with atomic_write(path, "wb") as stream:
        graph.save(stream.name)
        stream.seek(0, os.SEEK_END)
        stream.write(_tail(windows))


def candidates(path: Path, query: np.ndarray, *, n: int) -> np.ndarray:
    """Windows that are near the query, many times as many as the ``n`` that are wanted; ascending.

    Parameters
    ----------
    path : Path
        For which `is_current` is true.
    query : np.ndarray, shape (n_queries, n_numbers)

    Raises
    ------
    InputError
        The file is damaged.
    """
    from usearch.index import Index

    try:
        graph: Any = Index.restore(path, view=True)
        wanted = min(len(graph), max(_LEAST_CANDIDATES, CANDIDATES * n))
        graph.expansion_search = wanted
        found = [graph.search(one, wanted).keys for one in query]
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"{path}: the index is damaged ({error}); delete it to have it built anew"
        ) from error
    return np.unique(np.concatenate(found)).astype(np.int64)


def _tail(windows: Windows) -> bytes:
    return _MARK + windows.store.data_hash.encode().rjust(_HASH_LETTERS)
