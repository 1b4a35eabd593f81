"""The runtime of graphs in ONNX: sound in, outputs by position."""

from typing import Any

import numpy as np

from avianvox.errors import MissingExtraError
from avianvox.inference.graph_runtime import GraphRuntime, Run

INSTALL = "pip install 'avianvox[onnx]'"


def open_session(content: bytes, *, threads: int = 1) -> Any:
    """An ``InferenceSession`` on the processor.

    Raises
    ------
    ValueError
        It is no graph in ONNX, or a damaged one.
    MissingExtraError
        onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError(
            "a model in ONNX needs the package 'onnxruntime', which is not installed; "
            f"install it with: {INSTALL}"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common root
        raise ValueError(f"onnxruntime can't open the graph: {error}") from error


class OnnxRuntime(GraphRuntime):
    """A session of onnxruntime over a model file; see `GraphRuntime`."""

    def load(self) -> Run:
        session = open_session(bytes(self.model.flatbuffer), threads=self.threads)
        (wanted,) = session.get_inputs()
        shape = tuple(n if isinstance(n, int) else 1 for n in wanted.shape)
        names = [session.get_outputs()[output.index or 0].name for output in self.model.info.outputs]

        def run(rows: np.ndarray) -> list[np.ndarray]:
            try:
                found = session.run(names, {wanted.name: rows.reshape(shape)})
            except Exception as error:  # as above
                raise RuntimeError(str(error)) from error
            return [np.asarray(values, np.float32).reshape(-1) for values in found]

        return run
