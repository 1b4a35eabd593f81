"""What a network is fed: `CropSequence` for learning, `WindowSequence` for validation and prediction.

Both hold a plan (which recording, which frame) that is laid before a batch is asked for, so batches depend on
the seed and the epoch alone, not on how many workers read them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from avianvox.dataset.crops import CropReader
from avianvox.dataset.placing import Anywhere, Placing, occurrences
from avianvox.dataset.training_data import TrainingData
from avianvox.randomness import derive_rng
from avianvox.training.augmentations import Augmentation, InDecibels, Mixing
from avianvox.training.fed import Batches
from avianvox.training.generated import Adding
from avianvox.training.guided import CLASSES, GUIDE
from avianvox.training.guides import Batch
from avianvox.training.samplers import Sampler
from avianvox.training.samplers.by_weight import by_weight
from avianvox.training.samplers.shuffled import Shuffled
from avianvox.types import Crop


class CropSequence(Batches):
    """Seeded random crops of the recordings that a sampler plans for each epoch.

    Parameters
    ----------
    reader : CropReader
    data : TrainingData
    batch_size : int
        The last batch of an epoch may be smaller.
    seed : int
    crops_per_recording : int
        How often the sampler finds each recording in what it plans from.
    sampler : Sampler
        A row of `avianvox.training.samplers.SAMPLERS`; by default, every recording once in random order.
    augmentations : sequence of Augmentation or InDecibels
        Applied to each batch, those in dB first, otherwise in this order; see
        `avianvox.training.augmentations`.
    placing : Placing
        A row of `avianvox.dataset.placing.PLACINGS`; by default, crops begin anywhere.
    even_batches : bool
        Whether all batches are of one size, give or take one crop, rather than the last one of what is left:
        batch normalisation takes its statistics from the last one too.
    guide : callable, optional
        ``targets`` of an `avianvox.training.guides.Guiding`.
    generated : Adding, optional
        Of a row of `avianvox.training.generated.GENERATED`: changes crops as they are read.
    also : float
        Share of the classes that are heard in a recording's background, see `TrainingData.shares`.
    tasks : mapping of str to np.ndarray, shape (n_recordings, n_outputs)
        Targets of tasks beside the classes, NaN where they are not known.
    drawn : np.ndarray, shape (n_recordings,), int64, optional
        What the sampler takes for the class of a recording, and -1 for one that it shall not see; by default
        the classes of ``data``. See `avianvox.training.many_tasks.drawn_classes`.
    **workers
        ``workers``, ``use_multiprocessing`` and ``max_queue_size`` of `keras.utils.PyDataset`.

    Attributes
    ----------
    weights : np.ndarray, shape (n_recordings,), or None
        How often recordings of one class come in what is planned from now on; None: as the sampler says.
    """

    def __init__(
        self,
        reader: CropReader,
        data: TrainingData,
        *,
        batch_size: int,
        seed: int,
        crops_per_recording: int = 1,
        sampler: Sampler | None = None,
        augmentations: Sequence[Augmentation | InDecibels] = (),
        placing: Placing | None = None,
        even_batches: bool = False,
        guide: Callable[[Batch], np.ndarray] | None = None,
        also: float = 0.0,
        tasks: Mapping[str, np.ndarray] | None = None,
        drawn: np.ndarray | None = None,
        generated: Adding | None = None,
        **workers: Any,
    ) -> None:
        super().__init__(**workers)
        self.reader = reader
        self.data = data
        self.batch_size = batch_size
        self.seed = seed
        self.crops_per_recording = crops_per_recording
        self._classes = data.targets if drawn is None else drawn
        self._seen = np.flatnonzero(self._classes >= 0)
        repeated = np.tile(self._seen, crops_per_recording)
        self._repeated = replace(data.subset(repeated), targets=self._classes[repeated])
        self._sampler = sampler or Shuffled()
        rows = list(enumerate(augmentations))  # each draws by its place
        self._in_decibels = [(place, row.of(reader)) for place, row in rows if isinstance(row, InDecibels)]
        self._scaled = [(place, row) for place, row in rows if not isinstance(row, InDecibels)]
        if self._in_decibels:
            self._bands = CropReader(reader.store, None, replace(reader.settings, combine="mel"))
        self._also = also
        self._tasks = tasks or {}
        self._generated = generated
        self.shared = also > 0 or any(isinstance(row, Mixing) for row in augmentations)
        self._even = even_batches
        self._guide = guide
        self.weights: np.ndarray | None = None
        self._placing = (placing or Anywhere()).of(reader)
        self.move_to(0)

    def move_to(self, epoch: int) -> None:
        """Lay the plan of an epoch, which counts from 0."""
        self.epoch = epoch
        planned = self._sampler.plan(self._repeated, seed=self.seed, epoch=epoch)
        self._positions = self._seen[planned % len(self._seen)]
        draws = epoch * self.crops_per_recording + planned // len(self._seen)
        if self.weights is not None:
            rng = derive_rng(self.seed, "weights", epoch)
            planned = self._positions = by_weight(self._positions, self._classes, self.weights, rng)
            draws = np.full(len(planned), epoch * self.crops_per_recording)
        again = occurrences(planned)
        self._offsets = np.empty(len(planned), np.int64)
        for draw, repeat in sorted(set(zip(draws.tolist(), again.tolist(), strict=True))):
            part = (draws == draw) & (again == repeat)
            recordings = self.data.recordings[self._positions[part]]
            self._offsets[part] = self._placing.offsets(recordings, seed=self.seed, epoch=draw, repeat=repeat)

    def __len__(self) -> int:
        return -(-len(self._positions) // self.batch_size)

    @property
    def n_crops(self) -> int:
        """Of an epoch."""
        return len(self._positions)

    def planned(self, batch_index: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions in ``data.recordings`` and first frames of the crops of a batch."""
        part = slice(batch_index * self.batch_size, (batch_index + 1) * self.batch_size)
        if self._even:
            n, n_batches = len(self._positions), len(self)
            part = slice(n * batch_index // n_batches, n * (batch_index + 1) // n_batches)
        return self._positions[part], self._offsets[part]

    def made(self, index: int) -> tuple[np.ndarray, Any]:
        """Crops, shape (n, n_frames, n_rows, 1), float32, and their classes, shape (n,), int64.

        With augmentations that are `Mixing`, or with background species, shares in the classes, shape
        (n, n_classes), float32. With a guide, a mapping with these under ``classes`` and what the
        guide wants under ``guide``; with tasks, one with their targets by name.
        """
        return self.batch(*self.planned(index), names=(index,))

    def batch(
        self, positions: np.ndarray, offsets: np.ndarray, *, names: tuple[str | int, ...]
    ) -> tuple[np.ndarray, Any]:
        """Crops of this epoch at any place; ``names`` tell their augmentation from that of others."""

        def drawn_for(place: int, row: Augmentation) -> Any:
            return row.draw(derive_rng(self.seed, "augment", self.epoch, *names, place), crops.shape)

        if self._in_decibels:
            crops = self._bands.read(self.data.recordings[positions], offsets)
            for place, row in self._in_decibels:
                crops = row.apply(crops, drawn_for(place, row), self._bands.deviation)
            crops = self.reader.scaled(crops)
        else:
            crops = self.plain(positions, offsets)[..., 0]
        targets = self.data.targets[positions]
        if self._generated is not None:
            crops = self._generated.apply(
                crops, targets, derive_rng(self.seed, "generated", self.epoch, *names)
            )
        if self.shared:
            targets = self.data.shares(positions, also=self._also)
        shares = np.eye(len(crops), dtype=np.float32)
        for place, row in self._scaled:
            drawn = drawn_for(place, row)
            crops = row.apply(crops, drawn, self.reader.deviation)
            if isinstance(row, Mixing):
                targets = row.mix(targets, drawn)
                shares = row.mix(shares, drawn)
        if self._tasks:
            own = {name: mixed(of_all[positions], shares) for name, of_all in self._tasks.items()}
            return crops[..., None], {CLASSES: targets, **own}
        if self._guide is None:
            return crops[..., None], targets
        batch = Batch(self.data.recordings[positions], offsets, crops, shares, self.reader.deviation)
        return crops[..., None], {CLASSES: targets, GUIDE: self._guide(batch)}

    def plain(self, positions: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """The same crops as they are, without augmentation."""
        return self.reader.read(self.data.recordings[positions], offsets)[..., None]

    def trace(self, batch_index: int) -> list[Crop]:
        """Where the crops of a batch of this epoch come from."""
        positions, offsets = self.planned(batch_index)
        return self.reader.trace(self.data.recordings[positions], offsets)

    def on_epoch_end(self) -> None:
        self.move_to(self.epoch + 1)


class WindowSequence(Batches):
    """The fixed windows of recordings, in order.

    Parameters
    ----------
    reader : CropReader
    data : TrainingData
    batch_size : int
    most_windows : int, optional
        Of a recording with more windows, this many are taken, evenly spread; all by default.
    hop_frames : int, optional
        From one window to the next; a window by default.
    shared : bool
        Whether classes are given as shares, as a `CropSequence` with this attribute gives them.
    tasks : mapping of str to np.ndarray
        As of a `CropSequence`.

    Attributes
    ----------
    positions : np.ndarray, shape (n_windows,), int64
        Position in ``data.recordings`` of the recording that each window belongs to.
    """

    def __init__(
        self,
        reader: CropReader,
        data: TrainingData,
        *,
        batch_size: int,
        most_windows: int | None = None,
        hop_frames: int | None = None,
        shared: bool = False,
        tasks: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        super().__init__()
        self._shared = shared
        self._tasks = tasks or {}
        self.reader = reader
        self.data = data
        self.batch_size = batch_size
        self.positions, self._offsets = reader.windows(data.recordings, hop_frames=hop_frames)
        if most_windows is not None:
            kept = _evenly(self.positions, most_windows)
            self.positions, self._offsets = self.positions[kept], self._offsets[kept]

    def __len__(self) -> int:
        return -(-len(self.positions) // self.batch_size)

    def made(self, index: int) -> tuple[np.ndarray, Any]:
        """Windows, shape (n, n_frames, n_rows, 1), float32, and their classes, shape (n,), int64.

        With tasks, a mapping, as `CropSequence` gives it.
        """
        part = slice(index * self.batch_size, (index + 1) * self.batch_size)
        positions = self.positions[part]
        windows = self.reader.read(self.data.recordings[positions], self._offsets[part])
        targets = self.data.shares(positions) if self._shared else self.data.targets[positions]
        own = {name: of_all[positions] for name, of_all in self._tasks.items()}
        return windows[..., None], {CLASSES: targets, **own} if own else targets


def mixed(targets: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Targets of crops that are made of others: ``shares``, shape (n, n), says how much of each is in each.

    NaN where a part is not known.
    """
    known = ~np.isnan(targets)
    found: np.ndarray = np.einsum("ij,jk->ik", shares, np.where(known, targets, 0.0)).astype(np.float32)
    missing = np.einsum("ij,jk->ik", shares, (~known).astype(np.float32))
    found[missing > 0] = np.nan
    return found


def _evenly(positions: np.ndarray, most: int) -> np.ndarray:
    """Of each run of equal ``positions``, the indices of at most ``most`` members, evenly spread."""
    first, counts = np.unique(positions, return_index=True, return_counts=True)[1:]
    spread = [
        start + np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))
        for start, count in zip(first.tolist(), counts.tolist(), strict=True)
    ]
    return np.concatenate(spread)
