"""The allocator of processes that train: what is freed is there for the next step."""

import ctypes
import os
import subprocess
import sys

import pytest

GLIBC = sys.platform == "linux" and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")

PAGES = """
import resource
import numpy as np
{first}
def taken():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(2**24, np.float32)
before = taken()
for _ in range(10):
    np.ones(2**24, np.float32)
print(taken() - before)
"""


@pytest.mark.skipif(not GLIBC, reason="the allocator of another C library is left as it is")
def test_blocks_of_64_megabytes_are_used_again() -> None:
    """Ten of them are 163,840 pages of 4 kB, or 320 of 2 MB where the system gives such."""

    def pages(first: str) -> int:
        asked = [sys.executable, "-c", PAGES.format(first=first)]
        plain = {
            name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))
        }
        return int(subprocess.run(asked, capture_output=True, text=True, check=True, env=plain).stdout)

    assert pages("") > 256
    assert pages("from avianvox.models.allocator import keep_freed_memory; keep_freed_memory()") < 64
    assert pages("import avianvox.models.backend") < 64
