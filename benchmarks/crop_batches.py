"""How many crops a second come out of a warm store, beside a plain NumPy reference.

    python benchmarks/crop_batches.py [--seconds 2]

The store is synthetic: 200 recordings of 40 to 3,000 frames, 148 float32 features, memory-mapped. The
reference slices, joins and normalises one crop after another and stacks them.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.features.spec import COMBINATIONS, FeatureSpec
from avianvox.randomness import hash_name

BATCH = 32
SPEC = FeatureSpec()


def warm_store(folder: Path, dtype: str) -> SimpleNamespace:
    """An object with a feature store's attributes, its rows mapped and read once."""
    rng = np.random.default_rng(0)
    n_frames = rng.integers(40, 3000, 200)
    first_row = np.concatenate(([0], np.cumsum(n_frames)[:-1]))
    file = folder / f"rows_{dtype}.npy"
    np.save(file, rng.normal(-40, 10, (n_frames.sum(), SPEC.n_features)).astype(dtype))
    rows = np.load(file, mmap_mode="r")
    rows.max()
    ids = [f"XC{i}" for i in range(len(n_frames))]
    keys = np.array([hash_name(name) for name in ids], dtype=np.uint64)
    return SimpleNamespace(spec=SPEC, rows=rows, first_row=first_row, n_frames=n_frames, ids=ids, keys=keys)


def plain_batch(
    store: SimpleNamespace, combine: str, norm: SimpleNamespace, indices: np.ndarray, offsets: np.ndarray
) -> np.ndarray:
    """The same crops as `CropReader.read`, written the obvious way."""
    crops = []
    for i, offset in zip(indices, offsets, strict=True):
        first, n = store.first_row[i], store.n_frames[i]
        frames = np.asarray(store.rows[first : first + n])
        while len(frames) < offset + SPEC.n_frames:
            frames = np.concatenate((frames, frames))
        frames = frames[offset : offset + SPEC.n_frames].astype(np.float32)
        frames = (frames - norm.mean) / norm.deviation
        mel, mfcc = frames[:, : SPEC.n_mels], frames[:, SPEC.n_mels :]
        if combine == "overwrite":
            mel = np.concatenate((mfcc, mel[:, SPEC.n_mfcc :]), axis=1)
        crops.append(np.concatenate((mel, mfcc), axis=1) if combine == "concatenate" else mel)
    return np.stack(crops)


def crops_per_second(
    store: SimpleNamespace, reader: CropReader, read: Callable[..., np.ndarray], seconds: float
) -> float:
    """Crops per second of CPU time, drawing the offsets included."""
    indices = np.arange(len(store.ids) // BATCH * BATCH)
    crops, epoch, start = 0, 0, time.process_time()
    while time.process_time() - start < seconds:
        offsets = reader.random_offsets(indices, seed=0, epoch=epoch)
        for begin in range(0, len(indices), BATCH):
            read(indices[begin : begin + BATCH], offsets[begin : begin + BATCH])
        crops, epoch = crops + len(indices), epoch + 1
    return crops / (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="CPU seconds for each figure")
    seconds = parser.parse_args().seconds
    rng = np.random.default_rng(1)
    norm = SimpleNamespace(
        mean=rng.normal(-40, 5, SPEC.n_features).astype(np.float32),
        deviation=rng.uniform(5, 15, SPEC.n_features).astype(np.float32),
    )
    print(f"{'rows':8} {'combine':12} {'crops/s':>9} {'plain':>9} {'ratio':>6}")
    with tempfile.TemporaryDirectory() as folder:
        for dtype in ("float32", "float16"):
            store = warm_store(Path(folder), dtype)
            for combine in COMBINATIONS:
                reader = CropReader(store, norm, CropSettings(combine=combine))
                plain = partial(plain_batch, store, combine, norm)
                indices = np.arange(BATCH)
                offsets = reader.random_offsets(indices, seed=0, epoch=0)
                np.testing.assert_allclose(
                    reader.read(indices, offsets), plain(indices, offsets), rtol=1e-4, atol=1e-4
                )
                ours = crops_per_second(store, reader, reader.read, seconds)
                theirs = crops_per_second(store, reader, plain, seconds)
                print(f"{dtype:8} {combine:12} {ours:9,.0f} {theirs:9,.0f} {ours / theirs:6.1f}")


if __name__ == "__main__":
    main()
