"""Memory that a network frees is kept for its next step, on Linux with glibc.

Each step of training asks for blocks of tens of megabytes and frees them again. glibc takes blocks of more
than 32 MB from the system and gives them back at once, so that the system clears every page of the next one.
What that costs stands in ``docs/results.md`` under "Crops, training, export".
"""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8  # malloc.h

_SETTINGS = {
    _M_MMAP_MAX: 0,  # no block of its own from the system
    _M_ARENA_MAX: 1,  # threads share one heap: others hold 64 MB at most
    _M_TRIM_THRESHOLD: 2**31 - 1,  # bytes free at its end before it shrinks
    _M_TOP_PAD: 2**28,  # bytes by which it grows
}


def keep_freed_memory() -> None:
    """Tell this process's allocator to keep what is freed; that of another C library is left as it is."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            for setting, value in _SETTINGS.items():
                mallopt(setting, value)
