"""Augmentations by name: how the crops of a batch are changed before a network learns from them.

``[train] augment = ["gain", {kind = "mixup_max", share = 0.3}]`` chooses some. They are applied in order,
and in training alone. A row is a frozen dataclass of its settings, each declared with
`avianvox.config.later`. It draws its parameters for a whole batch with a generator, and applies them purely.
Crops are log-mel rows that were scaled: ``deviation`` says how many decibels a unit of each band is, and 0
is a band's mean, or the noise floor where the network sees what is above it. Classes stay as they are but
for rows that are `Mixing`. Rows that are `InDecibels` come before all others. A new one is one module here
and one row; ``tests/test_augmentations.py`` holds each row to the contract.
"""

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from avianvox.registry import Registry

if TYPE_CHECKING:
    from avianvox.dataset.crops import CropReader


class Augmentation(Protocol):
    """What a row of `AUGMENTATIONS` stands for."""

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
        """Parameters for crops of ``shape`` (n, n_frames, n_bands)."""
        ...

    def apply(self, crops: np.ndarray, drawn: Any, deviation: np.ndarray) -> np.ndarray:
        """New crops, float32, of the same shape; a function of the arguments alone.

        ``deviation``: shape (n_bands,), in dB.
        """
        ...


@runtime_checkable
class Mixing(Augmentation, Protocol):
    """A row after which a crop has a share in more than one class."""

    def mix(self, shares: np.ndarray, drawn: Any) -> np.ndarray:
        """The shares of the new crops, from those of the crops: shape (n, n_classes), rows sum to 1."""
        ...


@runtime_checkable
class InDecibels(Protocol):
    """A row that changes log-mel power in dB, before it is scaled or its noise floor taken out."""

    def of(self, reader: "CropReader") -> Augmentation:
        """For the crops of ``reader``; the ``deviation`` that it is given is 1."""
        ...


AUGMENTATIONS: Registry[type[Augmentation | InDecibels]] = Registry(
    "augmentation",
    {
        "background": "avianvox.training.augmentations.background:Background",
        "blend": "avianvox.training.augmentations.blend:Blend",
        "colour": "avianvox.training.augmentations.colour:Colour",
        "gain": "avianvox.training.augmentations.gain:Gain",
        "height": "avianvox.training.augmentations.height:Height",
        "mask_bands": "avianvox.training.augmentations.masks:MaskBands",
        "mask_time": "avianvox.training.augmentations.masks:MaskTime",
        "mixup_max": "avianvox.training.augmentations.mixup_max:MixupMax",
        "shift_bands": "avianvox.training.augmentations.shift_bands:ShiftBands",
        "speed": "avianvox.training.augmentations.speed:Speed",
    },
)
