"""What runs a model's graph. A runtime is one row of `RUNTIMES` and has one method."""

from typing import Protocol

import numpy as np

from avianvox.modelfile import ModelFile
from avianvox.registry import Registry


class Runtime(Protocol):
    """Turns the features of one window into scores."""

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Scores of one window.

        Parameters
        ----------
        features : np.ndarray, shape (n_frames, n_features), float32, dB
            Log-mel power, then MFCC, as the extractor gives them; the graph combines and normalises.

        Returns
        -------
        np.ndarray, shape (n_classes,), float32 in [0, 1]
        """


class RuntimeFactory(Protocol):
    """What a row of `RUNTIMES` stands for."""

    def __call__(self, model: ModelFile, *, threads: int = 1) -> Runtime: ...


RUNTIMES: Registry[RuntimeFactory] = Registry(
    "runtime",
    {"litert": "avianvox.inference.litert:LiteRtRuntime"},
)
