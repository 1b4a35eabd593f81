"""Guides by name: what a network is told during training beside the classes.

``[train] guide = "teacher"`` chooses one, and ``[train.guide]`` with ``kind`` one with settings. A row is a
frozen dataclass of its settings, each declared with `avianvox.config.later`. Given a network and its training
recordings, it gives a `Guiding`: an extra output, which target each crop has, and a loss. The output is there
during training alone: the network that is left has the shape it has without a guide. A new one is one module
here and one row; ``tests/test_guides.py`` holds each row to the contract.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from avianvox.registry import Registry

if TYPE_CHECKING:
    import numpy as np

    from avianvox.dataset.crops import CropReader
    from avianvox.dataset.training_data import TrainingData


class Batch(NamedTuple):
    """The crops of a batch.

    Attributes
    ----------
    recordings, offsets : np.ndarray, shape (n,), int64
        Positions in the store, and first frames.
    crops : np.ndarray, shape (n, n_frames, n_rows), float32
        As the network sees them, after augmentation.
    shares : np.ndarray, shape (n, n), float32
        How much of each crop, as it was cut, is in each of ``crops``; rows sum to 1.
    deviation : np.ndarray, shape (n_rows,), float32
        What a unit of a crop's value is, in dB.
    """

    recordings: "np.ndarray"
    offsets: "np.ndarray"
    crops: "np.ndarray"
    shares: "np.ndarray"
    deviation: "np.ndarray"


@dataclass(frozen=True)
class Guiding:
    """A guide at work.

    Attributes
    ----------
    output : Keras tensor
        What the network says to it, shape (n, ...).
    targets : callable
        What it should say of a `Batch`, shape (n, ...), float32. Needs no Keras.
    loss : callable
        ``loss(targets, output)``, shape (n,).
    weight : float
        Of the loss beside that of the classes.
    """

    output: Any
    targets: "Callable[[Batch], np.ndarray]"
    loss: Callable[[Any, Any], Any]
    weight: float


class Trunk(NamedTuple):
    """A network before it has learned.

    Attributes
    ----------
    model : keras.Model
    build : callable
        ``build(n)`` is the same network for ``n`` classes.
    fit : callable
        ``fit(data, number, seed=...)`` is an `avianvox.training.estimator.FittedNetwork` of the same network
        without a guide; ``number``, from 0, tells it from others of this guide.
    """

    model: Any
    build: Callable[[int], Any]
    fit: Callable[..., Any]


class Guide(Protocol):
    """What a row of `GUIDES` stands for."""

    @property
    def ears(self) -> tuple[str, ...]:
        """Models whose embeddings it needs: ``TrainingData.ears`` has a store for each."""
        ...

    @property
    def n_fits(self) -> int:
        """How many networks it fits before, at most `MOST_FITS`."""
        ...

    def begin(self, trunk: Trunk, data: "TrainingData", reader: "CropReader", *, seed: int) -> Guiding:
        """The guide for one network and its training recordings, and no others.

        Raises
        ------
        InputError
            The network cannot be guided so, or its recordings lack something.
        """
        ...


MOST_FITS = 10
"""Networks that a guide may fit."""

GUIDES: Registry[type[Guide]] = Registry(
    "guide",
    {
        "ensemble": "avianvox.training.guides.ensemble:Distilling",
        "teacher": "avianvox.training.guides.teacher:Teacher",
        "voice": "avianvox.training.guides.voice:Voice",
    },
)
