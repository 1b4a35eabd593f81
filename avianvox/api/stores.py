"""Features of recordings, computed once: a store, and windows of it as arrays."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from avianvox.api.catalogs import catalog_of
from avianvox.api.watch import Watch

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from avianvox.api.catalogs import Recordings
    from avianvox.dataset.catalog import Catalog
    from avianvox.features.build import BuildReport
    from avianvox.features.kinds import Spec
    from avianvox.features.store import FeatureStore
    from avianvox.types import Crop
    from avianvox.workers import Workplace


def build_store(
    catalog: "Recordings",
    out: "str | os.PathLike[str]",
    *,
    spec: "str | Spec" = "published_v1",
    overlap_s: float | None = None,
    scores: bool = True,
    dtype: str = "float32",
    jobs: int = 1,
    watch: Watch | None = None,
) -> "FeatureStore":
    """Compute the features of recordings, or bring a store up to date.

    Parameters
    ----------
    catalog : Catalog, path-like, or an iterable of paths or recordings
    out : path-like
        Folder of the store. A build that was interrupted goes on; unchanged files are not decoded again.
    spec : str or Spec
        Feature settings by name, a `FeatureSpec`, or a model whose embeddings are kept.
    overlap_s : float, seconds, optional
        Of embeddings: overlap of neighbouring windows.
    scores : bool
        Of embeddings: keep the model's own scores too.
    dtype : {"float32", "float16"}
    jobs : int
        Worker processes. A script that asks for more than one needs ``if __name__ == "__main__":``.
    watch : Watch, optional

    Returns
    -------
    FeatureStore
        Memory-mapped; ``store[0]`` and ``store["XC1"]`` are the rows of a recording.

    Raises
    ------
    CatalogError, StoreError, OutputError, UnknownNameError

    Examples
    --------
    >>> import avianvox as av
    >>> store = av.build_store("recordings", "features")
    >>> len(store), store[0].shape[1] == store.spec.n_features
    (16, True)
    """
    from avianvox.features.store import FeatureStore
    from avianvox.inference.spec_names import spec_of
    from avianvox.workers import Workplace

    chosen = spec_of(spec, overlap_s=overlap_s, scores=scores) if isinstance(spec, str) else spec
    build(catalog, out, spec=chosen, dtype=dtype, workplace=Workplace(jobs), watch=watch)
    return FeatureStore.open(os.fspath(out))


def build(
    catalog: "Recordings",
    out: "str | os.PathLike[str]",
    *,
    spec: "Spec",
    dtype: str,
    workplace: "Workplace",
    watch: Watch | None = None,
) -> "tuple[BuildReport, Catalog]":
    """What `build_store` does, with what came of each recording."""
    from avianvox.features.build import build_store

    watch = watch or Watch()
    catalog = catalog_of(catalog)
    for line in catalog.problem_lines():
        watch.say(line)
    with watch.counting("features") as progress:
        report = build_store(
            catalog.recordings, spec, os.fspath(out), dtype=dtype, workplace=workplace, progress=progress
        )
    return report, catalog


@dataclass(frozen=True)
class Crops:
    """Windows of a store.

    Attributes
    ----------
    values : np.ndarray, shape (n, n_frames, n_rows), float32
    where : tuple of Crop
        Recording and first frame of each.
    """

    values: "np.ndarray"
    where: "tuple[Crop, ...]"

    def __repr__(self) -> str:
        return f"<{len(self)} windows of shape {self.values.shape[1:]}>"

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, position: int) -> "np.ndarray":
        window: np.ndarray = self.values[position]
        return window


def crops(
    store: "FeatureStore | str | Path",
    *,
    every: bool = False,
    seed: int = 0,
    epoch: int = 0,
    n_frames: int | None = None,
    combine: str = "mel",
    padding: str = "loop",
) -> Crops:
    """Windows of equal length from the recordings of a store, as a network sees them.

    Parameters
    ----------
    store : FeatureStore or path-like
        Of mel bands and MFCC.
    every : bool
        All windows of each recording side by side, in place of one at random.
    seed, epoch : int
        A window at random depends on these and on the recording alone.
    n_frames : int, optional
        Of a window; that of the store's settings by default.
    combine : {"mel", "overwrite", "concatenate", "above_floor"}
        What is taken of mel bands and MFCC.
    padding : {"loop", "mean", "zero"}
        What fills a window that is longer than its recording.

    Returns
    -------
    Crops
        Recordings without features are passed over.

    Raises
    ------
    StoreError, InputError

    Examples
    --------
    >>> import avianvox as av
    >>> store = av.build_store("recordings", "features")
    >>> drawn = av.crops(store, seed=1, n_frames=64)
    >>> drawn.values.shape
    (16, 64, 128)
    >>> drawn.where[0].recording_id == store.ids[0]
    True
    """
    import numpy as np

    from avianvox.dataset.crops import CropReader, CropSettings
    from avianvox.features.store import FeatureStore

    opened = store if isinstance(store, FeatureStore) else FeatureStore.open(store)
    settings = CropSettings(n_frames or opened.bands.n_frames, combine, padding)
    reader = CropReader(opened, None, settings)
    indices = np.flatnonzero(opened.n_frames)
    if every:
        positions, offsets = reader.windows(indices)
        indices = indices[positions]
    else:
        offsets = reader.random_offsets(indices, seed=seed, epoch=epoch)
    return Crops(reader.read(indices, offsets), tuple(reader.trace(indices, offsets)))
