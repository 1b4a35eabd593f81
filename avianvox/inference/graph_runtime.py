"""What the runtimes have in common: numbers of a graph become outputs by name, or one line says why not."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cached_property

import numpy as np

from avianvox.audio.chatter import silence_decoders
from avianvox.errors import ModelFileError
from avianvox.inference.activation import activate
from avianvox.modelfile import ModelFile
from avianvox.modelinfo import SPECIES

Run = Callable[[np.ndarray], list[np.ndarray]]
"""From the rows of a window to the numbers of each output, shape (size,), in the model's order."""


class GraphRuntime(ABC):
    """An interpreter over a model file. One object serves one thread.

    The interpreter is built at the first window: by then other threads are decoding the sound.

    Parameters
    ----------
    model : ModelFile
    threads : int
        Threads within one window.
    """

    def __init__(self, model: ModelFile, *, threads: int = 1) -> None:
        self.model = model
        self.threads = threads

    @abstractmethod
    def load(self) -> Run:
        """Build the interpreter.

        Raises
        ------
        ValueError, RuntimeError, LookupError
            The graph is damaged, or none of this kind.
        MissingExtraError
            The package that runs it is not installed.
        """

    def run(self, rows: np.ndarray) -> Mapping[str, np.ndarray]:
        """See :class:`avianvox.inference.runtime.Runtime`.

        Raises
        ------
        ModelFileError
            When the graph does not hold what the format promises, or gives what is no number.
        MissingExtraError
            When the package that runs it is not installed.
        """
        outputs = self.model.info.outputs
        found = {
            output.name: activate(values, output.activation)
            for output, values in zip(outputs, self._run(rows), strict=True)
        }
        told = (SPECIES, *(output.name for output in outputs if output.kind))
        if not all(np.isfinite(found[name]).all() for name in told):
            raise ModelFileError(
                f"{self.model.path}: the model '{self.model.info.name}' gives a score that is not finite; "
                "its weights are damaged or were trained badly: use another file, or export it again"
            )
        return found

    @cached_property
    def _run(self) -> Run:
        spec = self.model.info.spec
        silence = np.zeros((spec.n_frames, spec.n_features), np.float32)
        try:
            with silence_decoders():  # interpreters announce themselves at the first run
                run = self.load()
                found = run(silence)
        except (ValueError, RuntimeError, LookupError) as error:
            reason = (str(error).splitlines() or [""])[0].strip()
            raise ModelFileError(
                f"{self.model.path}: the graph cannot be run on windows of {spec.n_frames} frames and "
                f"{spec.n_features} features ({reason}); export or add the model again"
            ) from error
        for output, values in zip(self.model.info.outputs, found, strict=True):
            if values.shape != (output.size,):
                raise ModelFileError(
                    f"{self.model.path}: expected {output.size} numbers of the output '{output.name}', "
                    f"got {values.size}; export or add the model again"
                )
        return run
