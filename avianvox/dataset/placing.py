"""Where in its recording a training crop begins.

``[train] placing = "voiced"`` chooses one, and ``[train.placing]`` with ``kind`` one with settings. A row is
a frozen dataclass of its settings, each declared with `avianvox.config.later`. Each draw depends on the seed,
the epoch and the recording alone. ``tests/test_placing.py`` holds each row to the contract.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from avianvox.config import later
from avianvox.dataset.crops import CropReader
from avianvox.errors import ConfigError
from avianvox.features.floor import SCALE_DB, above_floor
from avianvox.randomness import derive_uniform
from avianvox.registry import Registry

_SMOOTHED_S = 0.5
_PIECE_FRAMES = 4096  # of a long recording, each with a floor of its own
_NOISE = np.float32(6.0 / SCALE_DB)  # one value in sixteen of steady noise is 6 dB above its median
_LEAST = 1e-4  # so that silence has a place too


class Places(Protocol):
    """Where crops of one reader begin."""

    def offsets(self, indices: np.ndarray, *, seed: int, epoch: int, repeat: int = 0) -> np.ndarray:
        """First frames of crops of the recordings at ``indices`` in the store: shape (n,), int64.

        ``repeat`` numbers further draws of an epoch.
        """
        ...


class Placing(Protocol):
    """What a row of `PLACINGS` stands for."""

    def of(self, reader: CropReader) -> Places: ...


@dataclass(frozen=True)
class Anywhere:
    """Uniform over all frames at which a crop may begin: as published."""

    def of(self, reader: CropReader) -> Places:
        return _Anywhere(reader)


@dataclass(frozen=True)
class Voiced:
    """``share`` of the crops hold a moment drawn by how far it stands above the noise floor.

    The moment's place within the crop is uniform, as far as the recording's ends allow. The other crops begin
    anywhere.
    """

    share: float = later(0.8, held=0.8)

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ConfigError(f"[train.placing] share: expected more than 0 and at most 1, got {self.share}")

    def of(self, reader: CropReader) -> Places:
        return _Voiced(reader, self.share)


class _Anywhere:
    def __init__(self, reader: CropReader) -> None:
        self.offsets = reader.random_offsets


class _Voiced:
    def __init__(self, reader: CropReader, share: float) -> None:
        self._reader = reader
        self._share = share
        self._sums: dict[int, np.ndarray] = {}

    def offsets(self, indices: np.ndarray, *, seed: int, epoch: int, repeat: int = 0) -> np.ndarray:
        indices = np.asarray(indices)
        placed = self._reader.random_offsets(indices, seed=seed, epoch=epoch, repeat=repeat)
        keys = np.asarray(self._reader.store.keys)[indices]
        voiced, moment, within = (
            derive_uniform(seed, "placing", name, epoch, repeat, keys=keys)
            for name in ("voiced", "moment", "within")
        )
        length = self._reader.settings.n_frames
        for i in np.flatnonzero(voiced < self._share).tolist():
            sums = self._sums_of(int(indices[i]))
            if len(sums) > length:
                frame = int(np.searchsorted(sums, moment[i] * sums[-1], side="right"))
                placed[i] = min(max(frame - int(within[i] * length), 0), len(sums) - length)
        return placed

    def _sums_of(self, index: int) -> np.ndarray:
        """Running sums of what stands above the floor at each frame of a recording."""
        if index not in self._sums:
            store = self._reader.store
            spec, first = store.log_mel, int(store.first_row[index])
            rows = store.rows[first : first + int(store.n_frames[index]), : spec.n_mels]
            heights = np.concatenate(
                [
                    np.maximum(above_floor(rows[start : start + _PIECE_FRAMES]) - _NOISE, 0).mean(axis=1)
                    for start in range(0, len(rows), _PIECE_FRAMES)
                ]
            )
            smooth = _smoothed(heights, spec.seconds_to_frames(_SMOOTHED_S) // 2) + _LEAST
            self._sums[index] = np.cumsum(smooth).astype(np.float32)
        return self._sums[index]


def occurrences(planned: np.ndarray) -> np.ndarray:
    """How often each of ``planned`` has come before in it."""
    order = np.argsort(planned, kind="stable")
    first = np.unique(planned[order], return_index=True, return_inverse=True)[1:]
    found = np.empty(len(planned), np.int64)
    found[order] = np.arange(len(planned)) - first[0][first[1]]
    return found


def _smoothed(values: np.ndarray, reach: int) -> np.ndarray:
    """Mean of each value and its neighbours up to ``reach`` away; shape (n,), float64."""
    sums = np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))
    frames = np.arange(len(values))
    begin, end = np.maximum(frames - reach, 0), np.minimum(frames + reach + 1, len(values))
    means: np.ndarray = (sums[end] - sums[begin]) / (end - begin)
    return means


PLACINGS: Registry[type[Placing]] = Registry(
    "placing",
    {
        "anywhere": "avianvox.dataset.placing:Anywhere",
        "voiced": "avianvox.dataset.placing:Voiced",
    },
)
