"""Small changes of a graph's objects: constants, tensors and operators that come or go."""

from typing import Any

import numpy as np


def numbers(values: Any) -> list[int]:
    """A vector of the schema as a list; None is an empty one."""
    return [] if values is None else [int(value) for value in values]


def prune_graph(model: Any) -> None:
    """Remove what the first graph's outputs don't need; an operator without outputs has another effect."""
    graph = model.subgraphs[0]
    needed = {*numbers(graph.inputs), *numbers(graph.outputs)}
    kept = []
    for operator in reversed(graph.operators):
        made = numbers(operator.outputs)
        if not made or not needed.isdisjoint(made):
            needed.update(made, numbers(operator.inputs), numbers(operator.intermediates))
            kept.append(operator)
    graph.operators = kept[::-1]
    place = {old: new for new, old in enumerate(sorted(needed - {-1}))} | {-1: -1}
    graph.tensors = [graph.tensors[old] for old in place if old >= 0]
    for row in (graph, *graph.operators):
        row.inputs = [place[i] for i in numbers(row.inputs)]
        row.outputs = [place[i] for i in numbers(row.outputs)]
    for operator in graph.operators:
        operator.intermediates = [place[i] for i in numbers(operator.intermediates)]
    for signature in model.signatureDefs or ():
        for entry in (*signature.inputs, *signature.outputs) if signature.subgraphIndex == 0 else ():
            entry.tensorIndex = place[entry.tensorIndex]
    drop_unused(model)


def drop_unused(model: Any) -> None:
    """Remove constants and operator codes that nothing names. Buffer 0 is the empty one."""
    tensors = [tensor for graph in model.subgraphs for tensor in graph.tensors]
    metadata = list(model.metadata or ())
    used = sorted({0, *(row.buffer for row in (*tensors, *metadata))})
    place = {old: new for new, old in enumerate(used)}
    model.buffers = [model.buffers[old] for old in used]
    for row in (*tensors, *metadata):
        row.buffer = place[row.buffer]
    if model.metadataBuffer is not None:
        model.metadataBuffer = [place[i] for i in numbers(model.metadataBuffer) if i in place]
    operators = [operator for graph in model.subgraphs for operator in graph.operators]
    used = sorted({operator.opcodeIndex for operator in operators})
    place = {old: new for new, old in enumerate(used)}
    model.operatorCodes = [model.operatorCodes[old] for old in used]
    for operator in operators:
        operator.opcodeIndex = place[operator.opcodeIndex]


def add_constant(model: Any, name: str, values: np.ndarray) -> int:
    """A new constant of the first graph; its index."""
    from ai_edge_litert import schema_py_generated as schema

    buffer, tensor = schema.BufferT(), schema.TensorT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor.name, tensor.shape, tensor.buffer = name.encode(), list(values.shape), len(model.buffers) - 1
    tensor.type = getattr(schema.TensorType, values.dtype.name.upper())
    tensors = model.subgraphs[0].tensors
    tensors.append(tensor)
    return len(tensors) - 1


def add_tensor(model: Any, name: str, shape: tuple[int, ...], dtype: str = "float32") -> int:
    """A new tensor of the first graph, to be computed; its index."""
    from ai_edge_litert import schema_py_generated as schema

    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer = name.encode(), list(shape), 0
    tensor.type = getattr(schema.TensorType, dtype.upper())
    tensors = model.subgraphs[0].tensors
    tensors.append(tensor)
    return len(tensors) - 1


def new_operator(model: Any, code: int, inputs: list[int], output: int, kind: int, options: Any) -> Any:
    """A new operator, to be put into its place."""
    from ai_edge_litert import schema_py_generated as schema

    row = schema.OperatorCodeT()
    row.builtinCode, row.deprecatedBuiltinCode = code, min(code, 127)
    row.version = 3 if code == schema.BuiltinOperator.DEQUANTIZE else 1  # from 3 on it reads float16
    codes = [(c.builtinCode, c.version) for c in model.operatorCodes]
    if (code, row.version) not in codes:
        model.operatorCodes.append(row)
        codes.append((code, row.version))
    made = schema.OperatorT()
    made.opcodeIndex, made.inputs, made.outputs = codes.index((code, row.version)), inputs, [output]
    made.builtinOptionsType, made.builtinOptions = kind, options
    return made
