"""Generated patches in training by name: how samples of a generator come into the crops of a batch.

``[train.generated]`` with ``kind = "pasted"`` and ``patches = "FOLDER"`` chooses one; the folder is what
``avianvox generate samples`` wrote. A row is a frozen dataclass of its settings, each declared with
`avianvox.config.later`. Classes of crops stay as they are: a crop gets patches of its own class, and crops of
classes without patches stay alone. ``tests/test_generated.py`` holds each row to the contract.
"""

from typing import TYPE_CHECKING, Protocol

from avianvox.registry import Registry

if TYPE_CHECKING:
    import numpy as np

    from avianvox.dataset.training_data import TrainingData
    from avianvox.features.spec import FeatureSpec


class Adding(Protocol):
    """A row at work."""

    def apply(self, crops: "np.ndarray", targets: "np.ndarray", rng: "np.random.Generator") -> "np.ndarray":
        """New crops, shape (n, n_frames, n_bands), of classes ``targets``, in units above the floor."""
        ...


class Generated(Protocol):
    """What a row of `GENERATED` stands for."""

    @property
    def patches(self) -> str:
        """The folder of samples."""
        ...

    def begin(self, data: "TrainingData", spec: "FeatureSpec") -> Adding:
        """For training on ``data``, and nothing else.

        Raises
        ------
        InputError
            There are no patches, or their generator has learned from recordings that are held out here.
        """
        ...


GENERATED: Registry[type[Generated]] = Registry(
    "way of adding generated patches",
    {
        "pasted": "avianvox.training.generated.pasted:Pasted",
        "alone": "avianvox.training.generated.pasted:Alone",
    },
)
