"""The last layer of a foreign graph, where it is a dense one on the embedding."""

from typing import Any

import numpy as np

from avianvox.ears.flatbuffer import operator_names, unpack
from avianvox.errors import ModelFileError


def last_layer(flatbuffer: bytes, *, output: int, embedding: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bias that make one output of another.

    Parameters
    ----------
    flatbuffer : bytes
    output, embedding : int
        Positions among the graph's outputs: numbers of classes, and what describes a window.

    Returns
    -------
    tuple of np.ndarray
        Weights, shape (n_classes, n_embedding), and bias, shape (n_classes,), both float32.

    Raises
    ------
    ModelFileError
        Something else lies between the two.
    """
    model = unpack(flatbuffer)
    graph, names = model.subgraphs[0], operator_names(model)
    outputs = [int(i) for i in graph.outputs]
    maker = next((op for op in graph.operators if outputs[output] in [int(i) for i in op.outputs]), None)
    found = maker is not None and names[maker.opcodeIndex] == "FULLY_CONNECTED"
    if not found or maker is None or int(maker.inputs[0]) != outputs[embedding]:
        raise ModelFileError(
            "expected a model whose classes are a dense layer on its embedding; others can't carry a head"
        )
    weight = _values(model, graph, int(maker.inputs[1]))
    biased = len(maker.inputs) > 2 and int(maker.inputs[2]) >= 0
    bias = _values(model, graph, int(maker.inputs[2])) if biased else np.zeros(len(weight), np.float32)
    return weight, bias


def _values(model: Any, graph: Any, index: int) -> np.ndarray:
    """A constant of float32 or float16, which a DEQUANTIZE may stand in front of."""
    names = operator_names(model)
    tensor = graph.tensors[index]
    data = model.buffers[tensor.buffer].data
    if data is None:
        for op in graph.operators:
            if names[op.opcodeIndex] == "DEQUANTIZE" and int(op.outputs[0]) == index:
                return _values(model, graph, int(op.inputs[0]))
        raise ModelFileError("expected a dense layer with constant weights on the embedding")
    n = int(np.prod(tensor.shape))
    content = np.asarray(data, np.uint8).tobytes()
    dtype = {4 * n: np.float32, 2 * n: np.float16}.get(len(content))
    if dtype is None:
        raise ModelFileError("expected weights of float32 or float16 in the last layer")
    return np.frombuffer(content, dtype).reshape(tensor.shape).astype(np.float32)
