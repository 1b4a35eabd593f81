"""A foreign graph made by hand: waveform, "embedding" (4 numbers), "logits" (3), and perhaps scores.

The embedding is 200 times the mean product of the window with sines of 500, 1000, 2000 and 4000 Hz, and
the classes weigh it. So a sine at full scale has a known answer.
"""

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

RATE, N_SAMPLES = 8000, 8000
TONES_HZ = (500.0, 1000.0, 2000.0, 4000.0)
LABELS = ("Columba bassa_Low Dove", "Parus medius_Middle Tit", "Engine_Engine")
CLASS_WEIGHTS = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1]], np.float32) / 10
CLASS_BIAS = np.array([-2, -2, -3], np.float32)


def tone(frequency_hz: float, n_samples: int = N_SAMPLES) -> np.ndarray:
    return np.sin(2 * np.pi * frequency_hz * np.arange(n_samples) / RATE).astype(np.float32)


def filters(n_samples: int = N_SAMPLES) -> np.ndarray:
    return np.stack([tone(f, n_samples) for f in TONES_HZ]) * np.float32(200 / n_samples)


def ear(
    *,
    last: str = "",
    n_samples: int = N_SAMPLES,
    rank: int = 2,
    dtype: str = "FLOAT32",
    signature: bool = False,
) -> bytes:
    """The flatbuffer; ``last`` is "LOGISTIC" or "SOFTMAX", ``dtype`` that of the input."""
    ops, kinds, types = schema.BuiltinOperator, schema.BuiltinOptions, schema.TensorType
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers, model.operatorCodes = 3, [schema.BufferT()], []
    graph.tensors, graph.operators = [], []

    def tensor(
        name: str, shape: tuple[int, ...], data: np.ndarray | None = None, kind: str = "FLOAT32"
    ) -> int:
        made = schema.TensorT()
        made.name, made.shape, made.buffer, made.type = name.encode(), list(shape), 0, getattr(types, kind)
        if data is not None:
            model.buffers.append(schema.BufferT())
            model.buffers[-1].data = np.frombuffer(data.tobytes(), np.uint8)
            made.buffer = len(model.buffers) - 1
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    def operator(code: int, inputs: list[int], output: int, kind: int, options: Any) -> None:
        model.operatorCodes.append(schema.OperatorCodeT())
        model.operatorCodes[-1].builtinCode = model.operatorCodes[-1].deprecatedBuiltinCode = code
        model.operatorCodes[-1].version = 1
        made = schema.OperatorT()
        made.opcodeIndex, made.inputs, made.outputs = len(graph.operators), inputs, [output]
        made.builtinOptionsType, made.builtinOptions = kind, options
        graph.operators.append(made)

    dense = (kinds.FullyConnectedOptions, schema.FullyConnectedOptionsT())
    sound = tensor("sound", (1,) * (rank - 1) + (n_samples,), kind=dtype)
    embedding = tensor("pooled", (1, 4))
    weights = tensor("filters", (4, n_samples), filters(n_samples))
    operator(ops.FULLY_CONNECTED, [sound, weights, -1], embedding, *dense)
    result = tensor("logits", (1, 3))
    classes = [tensor("classes", (3, 4), CLASS_WEIGHTS), tensor("bias", (3,), CLASS_BIAS)]
    operator(ops.FULLY_CONNECTED, [embedding, *classes], result, *dense)
    if last:
        softmax = schema.SoftmaxOptionsT()
        softmax.beta = 1.0
        options = (kinds.SoftmaxOptions, softmax) if last == "SOFTMAX" else (kinds.NONE, None)
        logits, result = result, tensor("scores", (1, 3))
        operator(getattr(ops, last), [logits], result, *options)
    graph.inputs, graph.outputs, model.subgraphs = [sound], [result], [graph]
    if signature:
        described = schema.SignatureDefT()
        described.signatureKey, described.subgraphIndex = b"serving_default", 0
        described.inputs, described.outputs = [schema.TensorMapT()], [schema.TensorMapT()]
        described.inputs[0].name, described.inputs[0].tensorIndex = b"sound", sound
        described.outputs[0].name, described.outputs[0].tensorIndex = b"scores", result
        model.signatureDefs = [described]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def run(flatbuffer: bytes, window: np.ndarray) -> list[np.ndarray]:
    """Outputs of a bare interpreter, by position."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=flatbuffer, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], window.reshape(1, -1))
    interpreter.invoke()
    return [interpreter.get_tensor(row["index"])[0] for row in interpreter.get_output_details()]
