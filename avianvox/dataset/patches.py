"""Patches: small pieces of spectrograms that hold a voice, cut from a store or made by a generator.

A patch is `PatchShape.n_frames` frames of `PatchShape.n_bands` bands, in the units of
`avianvox.features.floor.above_floor`: 0 is the noise floor, 1 is 13 dB above it. Neighbouring mel bands are
added up in one band of a patch. `PatchCutter` cuts them from recordings, `PatchBank` keeps those that were
made, with a mark that says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.dataset.placing import Voiced, occurrences
from avianvox.documents import MISSHAPEN, Kind
from avianvox.errors import InputError, StoreError
from avianvox.features.floor import LEAST_DB, MOST_DB, SCALE_DB, noise_floor
from avianvox.files import atomic_write, open_arrays
from avianvox.runfolder import FolderKind

if TYPE_CHECKING:
    from avianvox.features.spec import FeatureSpec
    from avianvox.features.store import FeatureStore

LEAST, MOST = LEAST_DB / SCALE_DB, MOST_DB / SCALE_DB
"""Ends of the range of a patch."""

_CONTEXT_FRAMES = 256  # over which the noise floor is found: a voice that fills a patch is no floor
_DB_TO_NEPERS = np.float32(np.log(10.0) / 10.0 * SCALE_DB)

PATCHES = "patches.npz"

BANK = FolderKind(
    Kind(
        what="folder of generated samples",
        name="avianvox generated samples",
        version=1,
        error=InputError,
        otherwise="make one with: avianvox generate samples",
        outdated="make the samples again",
    ),
    files=("samples.json", PATCHES, "grid.png", "series.png", "recordings.csv"),
    folders=("audio",),
)
"""What tells a folder of generated patches from others."""


@dataclass(frozen=True, slots=True)
class PatchShape:
    """``n_frames`` frames of ``n_bands`` bands, both multiples of 4."""

    n_frames: int = 64
    n_bands: int = 64

    def __post_init__(self) -> None:
        for name in ("n_frames", "n_bands"):
            value = getattr(self, name)
            if not 8 <= value <= 512 or value % 4:
                raise InputError(f"patches: expected {name} of 8 to 512, a multiple of 4, got {value}")

    def merged(self, spec: "FeatureSpec") -> int:
        """Mel bands of ``spec`` in one band of a patch. Raises `InputError` where they don't go into it."""
        if spec.n_mels % self.n_bands:
            raise InputError(
                f"patches: expected n_bands that divides the store's {spec.n_mels} bands, got {self.n_bands}"
            )
        return spec.n_mels // self.n_bands


def merge_bands(values: np.ndarray, merged: int) -> np.ndarray:
    """Mean power of each ``merged`` neighbouring bands; units of a patch, shape (..., n_mels // merged)."""
    if merged == 1:
        return np.asarray(values, np.float32)
    parts = values.reshape(*values.shape[:-1], -1, merged) * _DB_TO_NEPERS
    highest = parts.max(axis=-1)
    mean = np.log(np.exp(parts - highest[..., None]).mean(axis=-1))
    return np.asarray((highest + mean) / _DB_TO_NEPERS, np.float32)


def spread_bands(patches: np.ndarray, merged: int) -> np.ndarray:
    """The inverse of `merge_bands`, as far as there is one: mel bands have what their band of a patch has."""
    return np.repeat(patches, merged, axis=-1)


class PatchCutter:
    """Cuts patches of a store's recordings where a voice is.

    Parameters
    ----------
    store : FeatureStore
    shape : PatchShape

    Raises
    ------
    StoreError
        The store holds no log-mel bands.
    InputError
        Its bands can't be merged into those of a patch.
    """

    def __init__(self, store: "FeatureStore", shape: PatchShape) -> None:
        self.store, self.shape = store, shape
        self._merged = shape.merged(store.log_mel)
        self._length = max(_CONTEXT_FRAMES, shape.n_frames)
        self._places = Voiced(share=1.0).of(CropReader(store, None, CropSettings(shape.n_frames, "mel")))
        self._context = CropReader(store, None, CropSettings(self._length, "mel"))

    def offsets(self, indices: np.ndarray, *, seed: int, epoch: int) -> np.ndarray:
        """Where patches of the recordings at ``indices`` begin; one that comes again is placed anew."""
        indices = np.asarray(indices)
        again = occurrences(indices)
        found = np.empty(len(indices), np.int64)
        for repeat in np.unique(again).tolist():
            part = again == repeat
            found[part] = self._places.offsets(indices[part], seed=seed, epoch=epoch, repeat=repeat)
        return found

    def read(self, indices: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Patches that begin at ``offsets``, and the noise floor of each.

        Returns
        -------
        patches : np.ndarray, shape (n, n_frames, n_bands), float32
        floors : np.ndarray, shape (n, n_mels), float32, dB
        """
        frames = np.asarray(self.store.n_frames)[indices]
        begin = offsets - (self._length - self.shape.n_frames) // 2
        begin = np.clip(begin, 0, np.maximum(frames - self._length, 0))
        context = self._context.read(indices, begin)
        floors = noise_floor(context)
        inside = (offsets - begin)[:, None] + np.arange(self.shape.n_frames)
        rows = np.take_along_axis(context, inside[:, :, None], axis=1) - floors
        merged = merge_bands(rows / np.float32(SCALE_DB), self._merged)
        return np.clip(merged, np.float32(LEAST), np.float32(MOST)), floors[:, 0]

    def cut(self, indices: np.ndarray, *, seed: int, epoch: int) -> np.ndarray:
        """Patches of recordings, placed for this seed and epoch."""
        return self.read(indices, self.offsets(indices, seed=seed, epoch=epoch))[0]


@dataclass(frozen=True)
class PatchBank:
    """Patches that a generator made, and what they were made for.

    Attributes
    ----------
    patches : np.ndarray, shape (n, n_frames, n_bands), float32
    names : tuple of str
        Of each patch, the class that it was made for; its number as text where that was asked for.
    about : mapping
        ``condition``, ``spec`` (fingerprint of the features), ``heard`` (ids of the recordings that the
        generator learned from), ``run`` and what else is known.
    """

    patches: np.ndarray
    names: tuple[str, ...]
    about: Mapping[str, Any]

    @property
    def shape(self) -> PatchShape:
        return PatchShape(*self.patches.shape[1:])

    @property
    def heard(self) -> frozenset[str]:
        """Ids of the recordings that shaped the patches."""
        return frozenset(self.about["heard"])

    def of(self, name: str) -> np.ndarray:
        """Positions of the patches made for ``name``."""
        return np.flatnonzero(np.array(self.names, dtype=object) == name)

    def save(self, folder: Path) -> None:
        """Write what `open` reads; the mark that they are generated stands in ``samples.json``."""
        BANK.begin(folder, {"generated": True, "names": list(self.names), **self.about})
        with atomic_write(folder / PATCHES, "wb") as stream:
            np.savez(stream, allow_pickle=False, patches=self.patches.astype(np.float32))

    @classmethod
    def open(cls, folder: Path | str) -> "PatchBank":
        """Read a folder of generated patches. Raises `InputError` where there is none, or it is damaged."""
        folder = Path(folder)
        document = BANK.read(folder)
        try:
            with open_arrays(folder / PATCHES) as arrays:
                patches = np.asarray(arrays["patches"], np.float32)
            names = tuple(str(name) for name in document["names"])
            bank = cls(patches, names, {k: v for k, v in document.items() if k != "names"})
            known = isinstance(document["heard"], list) and isinstance(document["licences"], dict)
            if bank.shape != PatchShape(*patches.shape[1:]) or len(names) != len(patches) or not known:
                raise ValueError("names and patches don't agree")
        except (OSError, EOFError, BadZipFile, *MISSHAPEN) as error:
            raise InputError(f"the samples in {folder} are damaged ({error}); make them again") from error
        return bank

    def refuse_spec(self, spec: "FeatureSpec") -> None:
        """Raise `StoreError` where the patches are of other features than ``spec``."""
        if self.about["spec"] != spec.extraction_fingerprint:
            raise StoreError(
                "the generated patches were made from other features than these; train the generator on a "
                "store with the same settings"
            )
