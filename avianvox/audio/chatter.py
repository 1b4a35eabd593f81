"""Keep the decoder's own chatter off the screen.

libmpg123 inside libsndfile prints warnings such as "Xing stream size off by more than 1%" on C's ``stderr``.
What is swapped here is C's ``stderr`` variable and not file descriptor 2, so that everything Python prints,
in any thread, still comes out. glibc and macOS have such a variable; elsewhere nothing is silenced.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

_lock = Lock()
_depth = 0
_loud: int | None = None


@cache
def _libc_stderr() -> tuple[ctypes.c_void_p, int] | None:
    """C's ``stderr`` and a stream to nowhere; None where ``stderr`` is not a variable."""
    if sys.platform == "darwin":
        symbol = "__stderrp"
    elif sys.platform == "linux" and "CS_GNU_LIBC_VERSION" in os.confstr_names:
        symbol = "stderr"
        try:
            os.confstr("CS_GNU_LIBC_VERSION")
        except (OSError, ValueError):
            return None  # musl keeps stderr in read-only memory
    else:
        return None
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    nowhere = libc.fopen(os.devnull.encode(), b"w")
    return (ctypes.c_void_p.in_dll(libc, symbol), nowhere) if nowhere else None


@contextmanager
def silence_decoders() -> Iterator[None]:
    """Send what C libraries print on ``stderr`` to nowhere while the block runs.

    May be nested and entered from several threads: the last one to leave restores.
    """
    global _depth, _loud
    with _lock:
        stream = _libc_stderr()
        _depth += 1
        if _depth == 1 and stream:
            _loud = stream[0].value
            stream[0].value = stream[1]
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0 and stream:
                stream[0].value = _loud
