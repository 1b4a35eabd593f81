"""The LiteRT runtime: one window at a time, from features or from sound."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from avianvox.audio.chatter import silence_decoders
from avianvox.errors import MissingExtraError, ModelFileError
from avianvox.inference.activation import activate
from avianvox.modelfile import SPECIES, ModelFile

SIGNATURE, INPUT, OUTPUT = "features", "features", "scores"
"""Of a graph that takes features; one without signatures takes sound, and has outputs by position."""

_Run = Callable[[np.ndarray], list[np.ndarray]]


class LiteRtRuntime:
    """A LiteRT interpreter over a model file. One object serves one thread.

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

    def run(self, rows: np.ndarray) -> Mapping[str, np.ndarray]:
        """See :class:`avianvox.inference.runtime.Runtime`.

        Raises
        ------
        ModelFileError
            When the graph does not hold what the format promises, or gives what is no number.
        MissingExtraError
            When LiteRT is not installed.
        """
        outputs = self.model.info.outputs
        found = {
            output.name: activate(values, output.activation)
            for output, values in zip(outputs, self._run(rows), strict=True)
        }
        if not np.isfinite(found[SPECIES]).all():
            raise ModelFileError(
                f"{self.model.path}: the model '{self.model.info.name}' gives a score that is not finite; "
                "its weights are damaged or were trained badly: use another file, or export it again"
            )
        return found

    @cached_property
    def _run(self) -> _Run:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise MissingExtraError(
                "classifying needs the package 'ai-edge-litert', which is not installed; "
                "install it with: pip install ai-edge-litert"
            ) from error
        spec = self.model.info.spec
        silence = np.zeros((spec.n_frames, spec.n_features), np.float32)
        # a mapped file is mapped by LiteRT too
        content: dict[str, Any] = {"model_path": str(self.model.path)}
        if not self.model.mapped:
            content = {"model_content": self.model.flatbuffer}
        try:
            with silence_decoders():  # LiteRT announces its delegate at the first run
                interpreter = Interpreter(**content, num_threads=self.threads)
                by_signature = self.model.info.outputs[0].index is None
                run = self._by_signature(interpreter) if by_signature else self._by_position(interpreter)
                found = run(silence)
        except (ValueError, RuntimeError, KeyError, IndexError) as error:
            reason = str(error).splitlines()[0].strip()
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

    def _by_signature(self, interpreter: Any) -> _Run:
        runner = interpreter.get_signature_runner(SIGNATURE)
        names = [OUTPUT if output.name == SPECIES else output.name for output in self.model.info.outputs]

        def run(rows: np.ndarray) -> list[np.ndarray]:
            found = runner(**{INPUT: rows[None]})
            return [found[name][0] for name in names]

        return run

    def _by_position(self, interpreter: Any) -> _Run:
        interpreter.allocate_tensors()
        (wanted,) = interpreter.get_input_details()
        outputs = interpreter.get_output_details()
        shape = tuple(wanted["shape"])
        at = [outputs[output.index or 0]["index"] for output in self.model.info.outputs]

        def run(rows: np.ndarray) -> list[np.ndarray]:
            interpreter.set_tensor(wanted["index"], rows.reshape(shape))
            interpreter.invoke()
            return [interpreter.get_tensor(i).reshape(-1) for i in at]

        return run
