"""Attention that is guided to the voice: what a network attends to beside it costs.

For networks with a layer `LAYER`, a map of attention over time and bands, none of it below 0. The voice is
what `avianvox.features.foreground` finds in the crop as the network sees it, or what a segmentation that was
learned from boxes finds there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.config import later
from avianvox.dataset.catalog import read_catalogs
from avianvox.dataset.crops import CropReader
from avianvox.dataset.training_data import TrainingData
from avianvox.errors import ConfigError, InputError
from avianvox.features.foreground import LEAST_DB, coarse, foreground
from avianvox.features.learned_mask import Segmenter
from avianvox.features.spec import FeatureSpec
from avianvox.training.guides import Batch, Guiding, Trunk

LAYER = "attention_map"
"""Its output has the shape (n, time, bands), or the same with one channel."""


@dataclass(frozen=True)
class Voice:
    """``weight``: of the share of the attention that is beside the voice; ``least_db``: of the voice.

    With ``boxes``, a catalog of recordings with boxes, the voice is what a small network that learned from
    these takes for one (`avianvox.features.learned_mask`), and ``least_db`` says nothing.

    References
    ----------
    Li et al., "Tell me where to look: guided attention inference network", 2018.
    """

    weight: float = later(1.0, held=1.0)
    least_db: float = later(LEAST_DB, held=LEAST_DB)
    boxes: str = later("", held="")

    def __post_init__(self) -> None:
        for name in ("weight", "least_db"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigError(f"[train.guide] {name}: expected more than 0, got {getattr(self, name)}")

    @property
    def ears(self) -> tuple[str, ...]:
        return ()

    @property
    def n_fits(self) -> int:
        return 0

    def begin(self, trunk: Trunk, data: TrainingData, reader: CropReader, *, seed: int) -> Guiding:
        if LAYER not in [layer.name for layer in trunk.model.layers]:
            raise InputError(
                f"[train] guide: 'voice' needs a network with attention over time and bands, and "
                f"{trunk.model.name} has no layer '{LAYER}'; choose a network that has one"
            )
        from avianvox.models.backend import keras

        attention = trunk.model.get_layer(LAYER).output
        if len(attention.shape) == 4:
            attention = keras.ops.squeeze(attention, axis=-1)
        n_times, n_bands = attention.shape[1:]

        def beside(voice: Any, attention: Any) -> Any:
            ops = keras.ops
            missed = ops.sum(attention * (1.0 - voice), axis=(1, 2))
            return missed / (ops.sum(attention, axis=(1, 2)) + keras.config.epsilon())

        voice: Callable[[np.ndarray], np.ndarray] = partial(foreground, least_db=self.least_db)
        if self.boxes:
            voice = _learned(self.boxes, data.store.log_mel, reader.settings.n_frames).mask
        return Guiding(attention, _Masks(n_times, n_bands, voice), beside, self.weight)


@lru_cache(maxsize=4)
def _learned(catalog: str, spec: FeatureSpec, n_frames: int) -> Segmenter:
    """Of the boxes of a catalog; the same for all fits of a process."""
    from avianvox.models.segmenter import learn, lessons, marked_recordings

    marked = marked_recordings(read_catalogs((Path(catalog),)))
    return learn(lessons(marked, spec, n_frames=n_frames))


@dataclass(frozen=True)
class _Masks:
    """Where the voice is in each crop of a batch, as coarse as the attention."""

    n_times: int
    n_bands: int
    voice: Callable[[np.ndarray], np.ndarray]

    def __call__(self, batch: Batch) -> np.ndarray:
        found = self.voice(batch.crops * batch.deviation)
        return coarse(found, self.n_times, self.n_bands).astype(np.float32)
