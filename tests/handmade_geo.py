"""A geo model made by hand: latitude north of the equator speaks for one species, south of it for another.

The graph is one fully connected layer and a sigmoid over latitude, longitude and week.
"""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

SPECIES = ("Columba bassa_Low Dove", "Parus medius_Middle Tit", "Regulus altus_High Kinglet")

WEIGHTS = np.array([[0.2, 0, 0], [-0.2, 0, 0], [0, 0, 0]], np.float32)
"""The first is a bird of the north, the second one of the south, the third has nearly nothing anywhere."""
BIASES = np.array([0, 0, -9], np.float32)


def make_geo(weights: np.ndarray = WEIGHTS, biases: np.ndarray = BIASES) -> bytes:
    """A TFLite flatbuffer from (n, 3) to (n, n_species)."""
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers, model.operatorCodes = 3, [schema.BufferT()], []
    graph.tensors, graph.operators = [], []

    def tensor(name: str, shape: tuple[int, ...], data: np.ndarray | None = None) -> int:
        made = schema.TensorT()
        made.name, made.shape, made.buffer, made.type = (
            name.encode(),
            list(shape),
            0,
            schema.TensorType.FLOAT32,
        )
        if data is None:
            made.shapeSignature = [-1, *shape[1:]]
        else:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            model.buffers.append(buffer)
            made.buffer = len(model.buffers) - 1
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    def operator(code: int, inputs: list[int], output: int) -> schema.OperatorT:
        made, opcode = schema.OperatorT(), schema.OperatorCodeT()
        made.opcodeIndex, made.inputs, made.outputs = len(graph.operators), inputs, [output]
        opcode.builtinCode = opcode.deprecatedBuiltinCode = code
        opcode.version = 1
        model.operatorCodes.append(opcode)
        graph.operators.append(made)
        return made

    n = len(weights)
    where = tensor("where", (1, 3))
    given = [where, tensor("weights", weights.shape, weights), tensor("biases", biases.shape, biases)]
    sums, numbers = tensor("sums", (1, n)), tensor("numbers", (1, n))
    dense = operator(schema.BuiltinOperator.FULLY_CONNECTED, given, sums)
    dense.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    dense.builtinOptions = schema.FullyConnectedOptionsT()
    operator(schema.BuiltinOperator.LOGISTIC, [sums], numbers)
    graph.inputs, graph.outputs, model.subgraphs = [where], [numbers], [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def geo_entries(*, highest: bytes | None = None) -> dict[str, bytes]:
    """The entries of a model file that hold it."""
    names = "".join(f"{name}\n" for name in SPECIES).encode()
    found = {"geo.tflite": make_geo(), "geo_labels.txt": names}
    return found if highest is None else found | {"geo_highest.txt": highest}
