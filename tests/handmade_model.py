"""A model file made by hand, without TensorFlow: it hears whether a sound is low, middle or high.

The graph is mean over time, fully connected, softmax. The weights compare the mean level of the bands below
2 kHz, from 2 to 4 kHz and above 4 kHz, so a tone has a known answer.
"""

from collections.abc import Mapping
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from avianvox.features.filters import band_edges_hz
from avianvox.features.spec import FeatureSpec
from avianvox.modelfile import write_model_file
from avianvox.modelinfo import ModelInfo
from avianvox.types import LabelSet

SPEC = FeatureSpec()
LABELS = LabelSet(
    ("Columba bassa", "Parus medius", "Regulus altus"), ("Low Dove", "Middle Tit", "High Kinglet")
)


def band_weights() -> np.ndarray:
    """Shape (3, n_features), float32."""
    centres = band_edges_hz(SPEC)[1:-1]
    group = np.digitize(centres, [2000.0, 4000.0])
    weights = np.zeros((3, SPEC.n_features), np.float32)
    for i in range(3):
        weights[i, : SPEC.n_mels][group == i] = 0.2 / np.count_nonzero(group == i)
    return weights


def make_flatbuffer(weights: np.ndarray, *, signature: str = "features") -> bytes:
    """A TFLite flatbuffer with one signature ``features (1, n_frames, n_features) -> scores (1, n)``."""
    n_classes, n_features = weights.shape
    model = schema.ModelT()
    model.version = 3
    model.buffers = [schema.BufferT()]
    graph = schema.SubGraphT()
    graph.tensors, graph.operators = [], []

    def tensor(name: str, shape: tuple[int, ...], data: np.ndarray | None = None) -> int:
        made = schema.TensorT()
        made.name, made.shape, made.buffer = name.encode(), list(shape), 0
        made.type = (
            schema.TensorType.FLOAT32 if data is None or data.dtype == np.float32 else schema.TensorType.INT32
        )
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            model.buffers.append(buffer)
            made.buffer = len(model.buffers) - 1
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    def operator(code: int, inputs: list[int], output: int, kind: int, options: object) -> None:
        made = schema.OperatorT()
        made.opcodeIndex, made.inputs, made.outputs = len(graph.operators), inputs, [output]
        made.builtinOptionsType, made.builtinOptions = kind, options
        opcode = schema.OperatorCodeT()
        opcode.builtinCode = opcode.deprecatedBuiltinCode = code
        opcode.version = 1
        model.operatorCodes.append(opcode)
        graph.operators.append(made)

    model.operatorCodes = []
    features = tensor("features", (1, SPEC.n_frames, n_features))
    axis = tensor("axis", (1,), np.array([1], np.int32))
    mean = tensor("mean", (1, n_features))
    weight = tensor("weights", weights.shape, weights)
    logits = tensor("logits", (1, n_classes))
    scores = tensor("scores", (1, n_classes))
    ops, kinds = schema.BuiltinOperator, schema.BuiltinOptions
    softmax = schema.SoftmaxOptionsT()
    softmax.beta = 1.0
    operator(ops.MEAN, [features, axis], mean, kinds.ReducerOptions, schema.ReducerOptionsT())
    operator(
        ops.FULLY_CONNECTED,
        [mean, weight, -1],
        logits,
        kinds.FullyConnectedOptions,
        schema.FullyConnectedOptionsT(),
    )
    operator(ops.SOFTMAX, [logits], scores, kinds.SoftmaxOptions, softmax)
    graph.inputs, graph.outputs = [features], [scores]
    model.subgraphs = [graph]
    described = schema.SignatureDefT()
    described.signatureKey, described.subgraphIndex = signature.encode(), 0
    described.inputs, described.outputs = [schema.TensorMapT()], [schema.TensorMapT()]
    described.inputs[0].name, described.inputs[0].tensorIndex = b"features", features
    described.outputs[0].name, described.outputs[0].tensorIndex = b"scores", scores
    model.signatureDefs = [described]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def write_handmade(
    path: Path,
    *,
    labels: LabelSet = LABELS,
    signature: str = "features",
    others: Mapping[str, bytes] | None = None,
) -> Path:
    """Write the model file and return its path."""
    info = ModelInfo("low_middle_high", "handmade", SPEC, labels)
    flatbuffer = make_flatbuffer(band_weights(), signature=signature)
    write_model_file(path, flatbuffer=flatbuffer, info=info, card="# Low, middle, high\n", others=others)
    return path


FLATBUFFER_ONLY = make_flatbuffer(band_weights())
"""What another program's TFLite file looks like: the same graph, without avianvox's description."""
