"""Keep the decoder's own chatter off the screen, and out of the results.

libmpg123 inside libsndfile prints warnings such as "Xing stream size off by more than 1%" on C's ``stderr``,
and libsndfile prints on C's ``stdout`` what it makes of some damaged files. What is swapped here is C's
variables of these names and not the file descriptors, so that everything Python prints, in any thread, still
comes out. glibc and macOS have such variables; elsewhere nothing is silenced.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

_STREAMS = {"darwin": ("__stdoutp", "__stderrp"), "linux": ("stdout", "stderr")}
_lock = Lock()
_depth = 0
_loud: list[int | None] = []


@cache
def _libc_streams() -> tuple[list[ctypes.c_void_p], int]:
    """C's ``stdout`` and ``stderr``, and a stream to nowhere; none where they are no variables."""
    symbols = _STREAMS.get(sys.platform, ())
    if sys.platform == "linux":
        try:
            os.confstr("CS_GNU_LIBC_VERSION")
        except (OSError, ValueError):
            symbols = ()  # musl keeps them in read-only memory
    if not symbols:
        return [], 0
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    nowhere = libc.fopen(os.devnull.encode(), b"w") or 0
    return [ctypes.c_void_p.in_dll(libc, symbol) for symbol in symbols] if nowhere else [], nowhere


@contextmanager
def silence_decoders() -> Iterator[None]:
    """Send what C libraries print on ``stdout`` and ``stderr`` to nowhere while the block runs.

    May be nested and entered from several threads: the last one to leave restores.
    """
    global _depth, _loud
    with _lock:
        streams, nowhere = _libc_streams()
        _depth += 1
        if _depth == 1:
            _loud = [stream.value for stream in streams]
            for stream in streams:
                stream.value = nowhere
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                for stream, value in zip(streams, _loud, strict=True):
                    stream.value = value
