"""Crops: fixed-length windows of a feature store, combined, scaled and ready for a model.

`CropReader.read` is the only road from stored rows to a batch. A crop is one contiguous piece of the
memory-mapped rows, scaled straight into its place in the batch; a recording that is shorter than the
window is padded. Where crops begin is drawn by `CropReader.random_offsets`, which depends on the seed, the
epoch and the recording alone, or fixed by `CropReader.windows`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from avianvox.dataset.windows import window_offsets
from avianvox.errors import InputError
from avianvox.features.floor import SCALE_DB, above_floor
from avianvox.features.spec import COMBINATIONS, FeatureSpec
from avianvox.randomness import derive_uniform
from avianvox.registry import nearest
from avianvox.types import Crop

if TYPE_CHECKING:
    from avianvox.features.normalise import Normalisation
    from avianvox.features.store import FeatureStore

PADDINGS = {
    "loop": "the recording is repeated from its start",
    "mean": "frames of the training mean follow, which are 0 after scaling; the published experiment's way",
    "zero": "frames of stored value 0 follow, which are scaled like any other",
}
"""What fills a window that is longer than its recording."""


@dataclass(frozen=True, slots=True)
class CropSettings:
    """The shape of a crop: ``n_frames`` long, ``combine`` of `COMBINATIONS`, ``padding`` of `PADDINGS`."""

    n_frames: int = 128
    combine: str = "overwrite"
    padding: str = "loop"

    def __post_init__(self) -> None:
        if self.n_frames < 1:
            raise InputError(f"CropSettings: n_frames must be positive, got {self.n_frames}")
        for name, value, known in (
            ("combine", self.combine, list(COMBINATIONS)),
            ("padding", self.padding, list(PADDINGS)),
        ):
            if value not in known:
                raise InputError(
                    f"CropSettings: {name} must be one of {', '.join(known)}, got '{value}'"
                    f"{nearest(value, known)}"
                )
        if self.combine == "above_floor" and self.padding != "loop":
            raise InputError(
                f"CropSettings: above_floor needs the padding loop, got '{self.padding}': "
                "what fills a window would be its noise floor"
            )

    @classmethod
    def from_spec(cls, spec: FeatureSpec, *, padding: str = "loop") -> Self:
        """The window that ``spec`` describes."""
        return cls(spec.n_frames, spec.combine, padding)


class CropReader:
    """Reads crops from a store.

    Parameters
    ----------
    store : FeatureStore
    normalisation : Normalisation or None
        Mean and deviation of each stored feature over the training recordings; with None, values stay as
        they are stored (dB) and the padding "mean" fills with 0. The combination "above_floor" has a scale of
        its own, and passes over it.
    settings : CropSettings

    Attributes
    ----------
    n_rows : int
        Values of a crop's frame: ``n_mels``, or ``n_mels + n_mfcc`` when they are concatenated.
    deviation : np.ndarray, shape (n_rows,), float32
        What a unit of a crop's value is in those of the store.
    """

    def __init__(
        self, store: "FeatureStore", normalisation: "Normalisation | None", settings: CropSettings
    ) -> None:
        self.store = store
        self.settings = settings
        spec = store.bands
        self._pieces = _pieces(settings.combine, spec.n_mels, spec.n_mfcc)
        columns = np.concatenate([np.arange(spec.n_features)[source] for source, _ in self._pieces])
        targets = np.concatenate([np.arange(spec.n_features)[target] for _, target in self._pieces])
        columns = columns[np.argsort(targets)]
        self.n_rows = len(columns)
        scale, shift = np.ones(self.n_rows), np.zeros(self.n_rows)
        self._plain = normalisation is None or settings.combine == "above_floor"
        if normalisation is not None and not self._plain:
            scale = 1.0 / normalisation.deviation[columns]
            shift = -normalisation.mean[columns] * scale
        # One row for each frame: arithmetic on contiguous arrays of one shape is the fastest there is.
        self._scale = np.tile(scale.astype(np.float32), (settings.n_frames, 1))
        self._shift = np.tile(shift.astype(np.float32), (settings.n_frames, 1))
        self.deviation = np.reciprocal(scale).astype(np.float32)
        if settings.combine == "above_floor":
            self.deviation = np.full(self.n_rows, SCALE_DB, np.float32)
        self._rows = np.asarray(store.rows)  # a plain view of the map: slicing np.memmap itself is slow
        self._first_row = np.asarray(store.first_row)
        self._n_frames = np.asarray(store.n_frames)
        self._keys = np.asarray(store.keys)

    def read(self, indices: np.ndarray, offsets: np.ndarray, *, out: np.ndarray | None = None) -> np.ndarray:
        """Crops that begin at ``offsets``.

        Parameters
        ----------
        indices : np.ndarray, shape (n,), int
            Recordings, as positions in the store.
        offsets : np.ndarray, shape (n,), int
            First frame of each crop within its recording: at most ``n_frames - settings.n_frames``, and any
            frame of a recording that is shorter than a crop.
        out : np.ndarray, shape (n, settings.n_frames, n_rows), float32, optional
            Filled and returned in place of a new array.

        Returns
        -------
        np.ndarray, shape (n, settings.n_frames, n_rows), float32

        Raises
        ------
        InputError
            An offset is outside its recording, or a recording has no frames.
        """
        indices, offsets = np.asarray(indices), np.asarray(offsets)
        length = self.settings.n_frames
        lengths = self._n_frames[indices]
        wrong = (offsets < 0) | (offsets > np.where(lengths < length, lengths - 1, lengths - length))
        if wrong.any():
            i = int(np.argmax(wrong))
            raise InputError(
                f"{self.store.ids[int(indices[i])]}: no crop of {length} frames begins at frame {offsets[i]} "
                f"of {lengths[i]}"
            )
        batch = np.empty((len(indices), length, self.n_rows), dtype=np.float32) if out is None else out
        rows, starts = self._rows, self._first_row[indices] + offsets
        for i, start in enumerate(starts.tolist()):
            if lengths[i] >= length:
                self._scale_into(rows[start : start + length], batch[i])
            else:
                self._pad_into(int(start - offsets[i]), int(offsets[i]), int(lengths[i]), batch[i])
            if self.settings.combine == "above_floor":
                above_floor(batch[i], out=batch[i])
        return batch

    def scaled(self, bands: np.ndarray) -> np.ndarray:
        """What `read` makes of bands in dB, where it reads bands alone; shape (n, n_frames, n_mels)."""
        if self.settings.combine == "above_floor":
            return above_floor(bands)
        return bands * self._scale + self._shift

    def random_offsets(self, indices: np.ndarray, *, seed: int, epoch: int, repeat: int = 0) -> np.ndarray:
        """One first frame for each recording, uniform over all that fit; 0 for a short recording.

        The draw depends on ``seed``, ``epoch`` and the recording's id, not on order, batch or worker;
        ``repeat`` numbers further draws of an epoch.

        Returns
        -------
        np.ndarray, shape (n,), int64
        """
        indices = np.asarray(indices)
        names = (epoch, repeat) if repeat else (epoch,)
        return self.offsets_at(indices, derive_uniform(seed, "crop", *names, keys=self._keys[indices]))

    def offsets_at(self, indices: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """First frames at ``shares``, from 0 to below 1, of those at which a crop may begin."""
        choices = np.maximum(self._n_frames[indices] - self.settings.n_frames, 0) + 1
        offsets: np.ndarray = (shares * choices).astype(np.int64)
        return offsets

    def windows(self, indices: np.ndarray, *, hop_frames: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The fixed windows of recordings, as `window_offsets` lays them; the hop is a window by default.

        Returns
        -------
        positions : np.ndarray, shape (n_windows,), int64
            Position in ``indices`` of the recording that each window belongs to.
        offsets : np.ndarray, shape (n_windows,), int64
        """
        length = self.settings.n_frames
        hop = length if hop_frames is None else hop_frames
        per_recording = [window_offsets(n, length, hop) for n in self._n_frames[np.asarray(indices)].tolist()]
        counts = [len(offsets) for offsets in per_recording]
        positions = np.repeat(np.arange(len(per_recording), dtype=np.int64), counts)
        return positions, np.concatenate([np.zeros(0, dtype=np.int64), *per_recording])

    def trace(self, indices: np.ndarray, offsets: np.ndarray) -> list[Crop]:
        """Where each crop was taken."""
        pairs = zip(np.asarray(indices).tolist(), np.asarray(offsets).tolist(), strict=True)
        return [Crop(str(self.store.ids[i]), offset, self.settings.n_frames) for i, offset in pairs]

    def _scale_into(self, frames: np.ndarray, crop: np.ndarray) -> None:
        for source, target in self._pieces:
            crop[:, target] = frames[:, source]
        if self._plain:
            return
        np.multiply(crop, self._scale[: len(crop)], out=crop)
        np.add(crop, self._shift[: len(crop)], out=crop)

    def _pad_into(self, first_row: int, offset: int, n_frames: int, crop: np.ndarray) -> None:
        if self.settings.padding == "loop":
            looped = first_row + (offset + np.arange(len(crop))) % n_frames
            self._scale_into(self._rows[looped], crop)
            return
        left = n_frames - offset
        self._scale_into(self._rows[first_row + offset : first_row + n_frames], crop[:left])
        crop[left:] = 0.0 if self.settings.padding == "mean" else self._shift[left:]


def _pieces(combine: str, n_mels: int, n_mfcc: int) -> list[tuple[slice, slice]]:
    """Which stored columns go to which columns of a crop."""
    if combine in ("mel", "above_floor"):
        return [(slice(0, n_mels), slice(0, n_mels))]
    if combine == "concatenate":
        return [(slice(0, n_mels + n_mfcc), slice(0, n_mels + n_mfcc))]
    return [(slice(n_mels, n_mels + n_mfcc), slice(0, n_mfcc)), (slice(n_mfcc, n_mels),) * 2]
