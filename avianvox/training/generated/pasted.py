"""Patches pasted into real crops of their class, or in the place of these."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from avianvox.config import later
from avianvox.dataset.patches import PatchBank, spread_bands
from avianvox.dataset.training_data import TrainingData
from avianvox.errors import ConfigError, InputError
from avianvox.features.spec import FeatureSpec

_NOISE = np.float32(0.46)  # 6 dB above the floor; what is lower is the patch's own noise


@dataclass(frozen=True)
class Pasted:
    """``share`` of the crops get a patch of their class at a random moment: the louder of both in each cell.

    ``most``: only crops of classes with at most so many recordings; 0: of all.
    """

    patches: str = later("", held="")
    share: float = later(0.5, held=0.5)
    most: int = later(0, held=0)

    def __post_init__(self) -> None:
        if not self.patches:
            raise ConfigError(
                "[train.generated] patches: expected a folder of samples; make one with: avianvox generate "
                "samples"
            )
        if not 0 < self.share <= 1:
            raise ConfigError(f"[train.generated] share: expected more than 0, at most 1, got {self.share}")
        if self.most < 0:
            raise ConfigError(f"[train.generated] most: expected 0 or more, got {self.most}")

    def begin(self, data: TrainingData, spec: FeatureSpec) -> "Paster":
        """The patches for ``data``; raises as `avianvox.training.generated.Generated.begin`."""
        bank = PatchBank.open(self.patches)
        bank.refuse_spec(spec)
        merged = bank.shape.merged(spec)
        if bank.shape.n_frames > spec.n_frames:
            raise InputError(
                f"[train.generated] expected patches of at most {spec.n_frames} frames, as a window has, got "
                f"{bank.shape.n_frames}"
            )
        held_out = bank.heard & set(data.store.ids) - set(data.ids) - data.aside
        if held_out:
            raise InputError(
                f"the generator of the patches in {self.patches} has learned from {len(held_out)} recordings "
                f"that are held out here (first: {min(held_out)}); generate inside each fold with: avianvox "
                "generate compare, or train without held-out recordings: --validation 0"
            )
        counts = data.counts
        few = {
            name
            for name, n in zip(data.names, counts.tolist(), strict=True)
            if not self.most or n <= self.most
        }
        of_class = {
            label: bank.of(name)
            for label, name in enumerate(data.names)
            if name in few and len(bank.of(name))
        }
        if not of_class:
            raise InputError(
                f"the patches in {self.patches} are of none of the classes that get any; they are of "
                f"{', '.join(sorted(set(bank.names))[:5])}"
            )
        return Paster(self, spread_bands(bank.patches, merged), of_class)

    def laid(self, crop: np.ndarray, patches: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A crop, shape (n_frames, n_bands), with the first of ``patches``."""
        patch = patches[0]
        begin = int(rng.integers(len(crop) - len(patch) + 1))
        found = crop.copy()
        part = found[begin : begin + len(patch)]
        np.copyto(part, patch, where=(patch > part) & (patch > _NOISE))
        return found


@dataclass(frozen=True)
class Alone(Pasted):
    """``share`` of the crops are replaced by patches of their class, one after another."""

    def laid(self, crop: np.ndarray, patches: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """``patches`` alone, in a row, as long as ``crop``."""
        return np.concatenate(list(patches))[: len(crop)]


class Paster:
    """`Pasted` or `Alone` with its patches at hand.

    Parameters
    ----------
    settings : Pasted
    patches : np.ndarray, shape (n, n_frames, n_mels)
    of_class : mapping of int to np.ndarray
        Positions of the patches of each class that gets any.
    """

    def __init__(self, settings: Pasted, patches: np.ndarray, of_class: Mapping[int, np.ndarray]) -> None:
        self._settings, self._patches, self._of_class = settings, patches, of_class

    def apply(self, crops: np.ndarray, targets: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """New crops, see `avianvox.training.generated.Adding`."""
        found = crops.copy()
        chosen = rng.random(len(crops)) < self._settings.share
        n = -(-crops.shape[1] // self._patches.shape[1])
        for i in np.flatnonzero(chosen).tolist():
            if (own := self._of_class.get(int(targets[i]))) is not None:
                found[i] = self._settings.laid(crops[i], self._patches[rng.choice(own, n)], rng)
        return found
