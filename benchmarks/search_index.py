"""Exact search beside an index: seconds, memory and the share of the ten nearest windows that is found.

Embeddings are made up: 2,000 voices in 64 directions, and noise. Queries are drawn like them.

    python benchmarks/search_index.py FOLDER --windows 1000000

FOLDER takes the rows and the index, 2 and 1.2 KB a window; both are removed at the end.
"""

import argparse
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from avianvox.find.index import build_index, candidates
from avianvox.find.search import search
from avianvox.find.windows import Windows, described, directions, scale_of
from avianvox.inference.embedding import EmbeddingSpec

N_NUMBERS, N_QUERIES, N = 1024, 10, 10
_BLOCK = 10_000


def drawn(n: int, seed: int) -> np.ndarray:
    """Embeddings of the same voices for every seed."""
    fixed, rng = np.random.default_rng(0), np.random.default_rng(seed)
    directions_ = fixed.standard_normal((64, N_NUMBERS), np.float32)
    voices = fixed.standard_normal((2000, 64), np.float32)
    there = voices[rng.integers(2000, size=n)] + 0.7 * rng.standard_normal((n, 64), np.float32)
    return there @ directions_ + 2 * rng.standard_normal((n, N_NUMBERS), np.float32)


class Store(SimpleNamespace):
    """One recording."""

    def __len__(self) -> int:
        return 1


def made_up_store(file: Path, n: int) -> Any:
    """What `Windows` asks of a store: one recording of ``n`` windows, rows in float16 on disk."""
    rows = np.lib.format.open_memmap(file, "w+", np.float16, (n, N_NUMBERS))
    sums = np.zeros((1, 2, N_NUMBERS))
    for first in range(0, n, _BLOCK):
        block = drawn(min(_BLOCK, n - first), 1 + first)
        rows[first : first + _BLOCK] = block
        sums[0] += np.stack((block.sum(axis=0), np.square(block, dtype=np.float64).sum(axis=0)))
    rows.flush()
    spec = EmbeddingSpec("made up", "0" * 64, 48000, 144000, 144000, N_NUMBERS, 0)
    return Store(
        path=file,
        spec=spec,
        rows=np.load(file, mmap_mode="r"),
        sums=sums,
        data_hash="0" * 64,
        ids=["made up"],
        n_frames=np.array([n]),
        first_row=np.array([0]),
        index={"decoded_s": np.array([np.nan])},
    )


def memory_mb() -> float:
    """Most memory that this process has had, mapped pages of files included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Wall time counts what others do on the computer; CPU time does not."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{what}: {wall:.2f} s, {cpu:.2f} s of CPU; most memory {memory_mb():.0f} MB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--windows", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    rows, file = options.folder / "rows.npy", options.folder / "windows.index"
    store = made_up_store(rows, options.windows)
    queries = directions(described(drawn(N_QUERIES, 999_999_999), scale_of(store)))
    print(
        f"{options.windows} windows of {N_NUMBERS} numbers in float16, {os.path.getsize(rows) / 1e9:.2f} GB"
    )
    with timed(f"{N_QUERIES} exact queries"):
        exact = [search(store, query[None], n=N) for query in queries]
    with timed("index built"):
        build_index(file, Windows.of(store), threads=options.threads)
    print(f"index: {os.path.getsize(file) / 1e9:.3f} GB")
    with timed(f"{N_QUERIES} queries by the index, opening included"):
        found = [search(store, q[None], n=N, among=candidates(file, q[None], n=N)) for q in queries]
    pairs = zip(exact, found, strict=True)
    same = [len({r.begin_s for r in a} & {r.begin_s for r in b}) / N for a, b in pairs]
    print(f"recall@{N} {np.mean(same):.3f}")
    rows.unlink()
    file.unlink()


if __name__ == "__main__":
    main()
