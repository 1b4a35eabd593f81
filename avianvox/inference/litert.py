"""The LiteRT runtime: one window at a time, from features or from sound."""

from typing import Any

import numpy as np

from avianvox.errors import MissingExtraError
from avianvox.inference.graph_runtime import GraphRuntime, Run
from avianvox.modelinfo import SPECIES

SIGNATURE, INPUT, OUTPUT = "features", "features", "scores"
"""Of a graph that takes features; one without signatures takes sound, and has outputs by position."""


class LiteRtRuntime(GraphRuntime):
    """A LiteRT interpreter over a model file; see `GraphRuntime`."""

    def load(self) -> Run:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise MissingExtraError(
                "classifying needs the package 'ai-edge-litert', which is not installed; "
                "install it with: pip install ai-edge-litert"
            ) from error
        # a mapped file is mapped by LiteRT too
        content: dict[str, Any] = {"model_path": str(self.model.path)}
        if not self.model.mapped:
            content = {"model_content": self.model.flatbuffer}
        interpreter = Interpreter(**content, num_threads=self.threads)
        by_signature = self.model.info.outputs[0].index is None
        return self._by_signature(interpreter) if by_signature else self._by_position(interpreter)

    def _by_signature(self, interpreter: Any) -> Run:
        runner = interpreter.get_signature_runner(SIGNATURE)
        names = [OUTPUT if output.name == SPECIES else output.name for output in self.model.info.outputs]

        def run(rows: np.ndarray) -> list[np.ndarray]:
            found = runner(**{INPUT: rows[None]})
            return [found[name][0] for name in names]

        return run

    def _by_position(self, interpreter: Any) -> Run:
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
