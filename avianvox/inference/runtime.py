"""What runs a model's graph. A runtime is one row of `RUNTIMES` and has one method."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from avianvox.errors import ModelFileError
from avianvox.modelfile import ModelFile
from avianvox.registry import Registry


class Runtime(Protocol):
    """Runs the graph of one model on windows."""

    def run(self, rows: np.ndarray) -> Mapping[str, np.ndarray]:
        """What a model gives for one window.

        Parameters
        ----------
        rows : np.ndarray, shape (n_frames, n_features), float32
            As the model's spec makes them: log-mel power in dB, then MFCC, which the graph combines and
            normalises; or samples, full scale ±1.

        Returns
        -------
        mapping of str to np.ndarray, shape (size,), float32
            By the names of `ModelInfo.outputs`; `SPECIES` in [0, 1].
        """
        ...


class RuntimeFactory(Protocol):
    """What a row of `RUNTIMES` stands for."""

    def __call__(self, model: ModelFile, *, threads: int = 1) -> Runtime: ...


RUNTIMES: Registry[RuntimeFactory] = Registry(
    "runtime",
    {
        "tflite": "avianvox.inference.litert:LiteRtRuntime",
        "onnx": "avianvox.inference.onnx_runtime:OnnxRuntime",
        "head": "avianvox.inference.head_runtime:HeadRuntime",
    },
)
"""By the payload of a model file."""


def runtime_of(model: ModelFile, *, threads: int = 1) -> Runtime:
    """What runs a model file. Raises `ModelFileError` where it is a detector, which answers with boxes."""
    if model.info.boxes:
        raise ModelFileError(f"{model.path} finds boxes and names no windows; use: avianvox detect find")
    return RUNTIMES.get(model.info.payload)(model, threads=threads)
