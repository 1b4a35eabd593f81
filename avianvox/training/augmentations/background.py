"""Noise of elsewhere: rain, traffic or a wood without the bird, added to a crop.

Recordings of one species often share a place, and a network learns the place with the species. With other
places' noise in it, a crop tells less of where it was made. Powers add up, in each band and moment.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from avianvox.config import later
from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.errors import ConfigError, StoreError
from avianvox.features.store import FeatureStore
from avianvox.training.augmentations import Augmentation

_NEPERS_PER_DB = np.float32(np.log(10.0) / 10.0)


class Drawn(NamedTuple):
    """``noise``: a recording; ``begin``: where in it, 0 to 1; ``level_db``: -inf for none. Shape (n,)."""

    noise: np.ndarray
    begin: np.ndarray
    level_db: np.ndarray


@dataclass(frozen=True)
class Background:
    """``share`` of the crops get noise of the recordings in the feature store ``store``.

    Its level is uniform from ``least_db`` to ``most_db`` above that of the crop: the median over the bands of
    the difference of their means over time.
    """

    store: str = later("", held="")
    share: float = later(0.5, held=0.5)
    least_db: float = later(-12.0, held=-12.0)
    most_db: float = later(6.0, held=6.0)

    def __post_init__(self) -> None:
        if not self.store:
            raise ConfigError(
                "[train.augment] background: expected store = FOLDER, a feature store of noises; make one "
                "with: avianvox features build NOISES --out FOLDER"
            )
        if not 0 < self.share <= 1 or not -100 <= self.least_db <= self.most_db <= 100:
            raise ConfigError(
                "[train.augment] background: expected a share above 0, at most 1, and least_db up to most_db "
                f"within -100 to 100, got {self.share}, {self.least_db} and {self.most_db}"
            )

    def of(self, reader: CropReader) -> Augmentation:
        """For the crops of ``reader``.

        Raises
        ------
        StoreError
            There is no store with the same settings, or nothing in it.
        ConfigError
            Short recordings are not looped.
        """
        if reader.settings.padding != "loop":
            raise ConfigError(
                f'[train.augment] background: expected padding = "loop", got "{reader.settings.padding}"'
            )
        noises = FeatureStore.open(self.store, spec=reader.store.log_mel)
        heard = np.flatnonzero(np.asarray(noises.n_frames) > 0)
        if not len(heard):
            raise StoreError(f"the feature store {self.store} holds no recording; expected noises")
        settings = CropSettings(reader.settings.n_frames, "mel")
        return Overlay(self, CropReader(noises, None, settings), heard)


class Overlay:
    """`Background` with its noises at hand; crops are in dB.

    Parameters
    ----------
    settings : Background
    noises : CropReader
        Of bands in dB.
    heard : np.ndarray, shape (n_noises,), int64
        Positions of the recordings that are taken.
    """

    def __init__(self, settings: Background, noises: CropReader, heard: np.ndarray) -> None:
        self._settings = settings
        self._noises = noises
        self._heard = heard

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Drawn:
        n, settings = shape[0], self._settings
        level_db = rng.uniform(settings.least_db, settings.most_db, n)
        level_db[rng.random(n) >= settings.share] = -np.inf
        return Drawn(self._heard[rng.integers(len(self._heard), size=n)], rng.random(n), level_db)

    def apply(self, crops: np.ndarray, drawn: Drawn, deviation: np.ndarray) -> np.ndarray:
        chosen = np.isfinite(drawn.level_db)
        under, index = crops[chosen], drawn.noise[chosen]
        noise = self._noises.read(index, self._noises.offsets_at(index, drawn.begin[chosen]))
        apart = np.median(under.mean(axis=1) - noise.mean(axis=1), axis=1)
        noise += (apart + drawn.level_db[chosen]).astype(np.float32)[:, None, None]
        both = crops.copy()
        both[chosen] = np.logaddexp(under * _NEPERS_PER_DB, noise * _NEPERS_PER_DB) / _NEPERS_PER_DB
        return both
