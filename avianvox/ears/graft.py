"""Changing the graph of a TFLite flatbuffer: more outputs, fewer operators, another head, half the weights.

Each function takes a flatbuffer and returns another one. The graph is the first subgraph. Each operator stays
behind those that make its inputs: constants are prepared in front, a head goes to the end.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from avianvox.ears.edit import add_constant, drop_unused, new_operator, numbers, prune_graph
from avianvox.ears.flatbuffer import DAMAGED, operator_names, pack, unpack
from avianvox.errors import AvianvoxError, InputError, ModelFileError
from avianvox.registry import nearest

Activation = Literal["softmax", "sigmoid", "none"]
Which = str | int
"""A tensor, by its name or its index in the graph."""

FRONT = "front/"
"""What names of a folded front end's constants begin with."""

_LEAST_HALVED = 4096
"""Values of a constant that is stored as float16; smaller ones save nothing."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of a graph: ``shape`` as stored, ``variable`` tells where any batch is allowed."""

    index: int
    name: str
    shape: tuple[int, ...]
    variable: tuple[bool, ...]
    dtype: str

    @property
    def n_values(self) -> int:
        """Numbers in one window: all axes but the batch."""
        return int(np.prod(self.shape[1:], dtype=np.int64))

    def __str__(self) -> str:
        shape = " x ".join(
            "any" if any_ else str(n) for n, any_ in zip(self.shape, self.variable, strict=True)
        )
        return f"'{self.name}' ({self.dtype}, {shape or 'one number'})"


@dataclass(frozen=True, slots=True)
class Graph:
    """What goes in and comes out; ``last`` names the operator that makes each output."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    last: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A dense layer on an embedding.

    Attributes
    ----------
    weight : np.ndarray, shape (n_classes, n_embedding), float32
    bias : np.ndarray, shape (n_classes,), float32
    activation : {"softmax", "sigmoid", "none"}
    """

    weight: np.ndarray
    bias: np.ndarray
    activation: Activation

    def __post_init__(self) -> None:
        if self.weight.ndim != 2 or self.bias.shape != self.weight.shape[:1]:
            raise InputError(
                f"Head: expected weights (classes, embedding) and one bias for each class, got "
                f"{self.weight.shape} and {self.bias.shape}"
            )
        if self.activation not in ("softmax", "sigmoid", "none"):
            raise InputError(f"Head: expected softmax, sigmoid or none, got '{self.activation}'")


@contextmanager
def _intact() -> Iterator[None]:
    """What fails at a graph here leads to a place that isn't there."""
    try:
        yield
    except AvianvoxError:
        raise
    except DAMAGED as error:
        raise ModelFileError(f"the flatbuffer is damaged or cut off ({error})") from error


@_intact()
def describe(flatbuffer: bytes) -> Graph:
    """Inputs and outputs of a flatbuffer. Raises `ModelFileError` where it is damaged."""
    model = unpack(flatbuffer)
    graph, names = model.subgraphs[0], operator_names(model)
    maker = {i: names[op.opcodeIndex] for op in graph.operators for i in numbers(op.outputs)}
    inputs = tuple(_tensor(graph, i) for i in numbers(graph.inputs))
    outputs = tuple(_tensor(graph, i) for i in numbers(graph.outputs))
    return Graph(inputs, outputs, tuple(maker.get(t.index, "") for t in outputs))


@_intact()
def find_tensor(flatbuffer: bytes, which: Which) -> Tensor:
    """A tensor that the graph computes. Raises `ModelFileError` where there is none of that name or index."""
    model = unpack(flatbuffer)
    return _tensor(model.subgraphs[0], _find(model.subgraphs[0], which))


@_intact()
def graft(flatbuffer: bytes, *, outputs: Mapping[str, Which], prune: bool = False) -> bytes:
    """Make tensors the graph's outputs.

    Parameters
    ----------
    flatbuffer : bytes
    outputs : mapping of str to str or int
        Name of an output to the tensor. They follow the graph's own outputs; with ``prune``, they take their
        place. The names go into the graph's signatures, where it has any; positions count otherwise.
    prune : bool
        Remove every operator, tensor and constant that ``outputs`` don't need: the classes of a network of
        which the embedding alone is wanted.

    Raises
    ------
    ModelFileError
        The flatbuffer is damaged, or its graph computes no such tensor.
    """
    model = unpack(flatbuffer)
    graph = model.subgraphs[0]
    _set_outputs(model, {name: _find(graph, which) for name, which in outputs.items()}, keep=not prune)
    if prune:
        prune_graph(model)
    return pack(model)


@_intact()
def splice(
    flatbuffer: bytes, head: Head, *, after: Which, outputs: Mapping[str, Which] | None = None
) -> bytes:
    """Put a dense layer on an embedding, in place of the graph's own outputs.

    Parameters
    ----------
    flatbuffer : bytes
    head : Head
        Becomes FULLY_CONNECTED, then SOFTMAX or LOGISTIC, in the same graph.
    after : str or int
        The embedding: one vector a window.
    outputs : mapping of str to str or int, optional
        Tensors that are outputs too, from position 1 on: ``{"embedding": 545, "heard": 546}``.

    Returns
    -------
    bytes
        A flatbuffer whose output 0 is "species", without what its outputs don't need.

    Raises
    ------
    ModelFileError
        The flatbuffer is damaged, a tensor is missing, or the head doesn't fit the embedding.
    """
    from ai_edge_litert import schema_py_generated as schema

    ops, kinds = schema.BuiltinOperator, schema.BuiltinOptions
    model = unpack(flatbuffer)
    graph = model.subgraphs[0]
    at = _find(graph, after)
    embedding = _tensor(graph, at)
    n_classes, n_values = head.weight.shape
    if embedding.n_values != n_values or embedding.dtype != "float32" or len(embedding.shape) < 2:
        raise ModelFileError(f"a head on {n_values} numbers doesn't fit the tensor {embedding}")
    also = {name: _find(graph, which) for name, which in (outputs or {}).items()}
    weight = add_constant(model, "species/weight", np.asarray(head.weight, np.float32))
    bias = add_constant(model, "species/bias", np.asarray(head.bias, np.float32))
    result = _append(graph, "species/logits", n_classes, like=at)
    options = schema.FullyConnectedOptionsT()
    dense = (kinds.FullyConnectedOptions, options)
    graph.operators.append(new_operator(model, ops.FULLY_CONNECTED, [at, weight, bias], result, *dense))
    if head.activation != "none":
        logits, result = result, _append(graph, "species/scores", n_classes, like=at)
        softmax = schema.SoftmaxOptionsT()
        softmax.beta = 1.0
        code, rest = {
            "softmax": (ops.SOFTMAX, (kinds.SoftmaxOptions, softmax)),
            "sigmoid": (ops.LOGISTIC, (kinds.NONE, None)),
        }[head.activation]
        graph.operators.append(new_operator(model, code, [logits], result, *rest))
    _set_outputs(model, {"species": result, **also}, keep=False)
    prune_graph(model)
    return pack(model)


@_intact()
def halve(flatbuffer: bytes) -> bytes:
    """Store large weights as float16, each with a DEQUANTIZE in front, as TFLite's converter does.

    Interpreters compute in float32 as before. Small constants stay, since they save nothing, and so does what
    comes before the first convolution, or was folded into one by `avianvox.ears.front`: the filter bank of a
    front end, in which rounding costs the most.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = unpack(flatbuffer)
    graph = model.subgraphs[0]
    front, halved = [], dict[int, int]()
    for index in _weights(model):
        tensor = graph.tensors[index]
        values = np.frombuffer(model.buffers[tensor.buffer].data.tobytes(), "<f4")
        with np.errstate(over="ignore", invalid="ignore"):
            half = values.astype("<f2").reshape(numbers(tensor.shape))
        if not np.isfinite(half).all():
            continue
        if tensor.buffer not in halved:
            halved[tensor.buffer] = add_constant(model, f"{_text(tensor.name)}/float16", half)
        options = (schema.BuiltinOptions.DequantizeOptions, schema.DequantizeOptionsT())
        small = [halved[tensor.buffer]]
        front.append(new_operator(model, schema.BuiltinOperator.DEQUANTIZE, small, index, *options))
        tensor.buffer = 0
    graph.operators = front + list(graph.operators)
    drop_unused(model)
    return pack(model)


def _weights(model: Any) -> list[int]:
    """Large float32 weights of the first graph's layers, without those of a front end."""
    from ai_edge_litert import schema_py_generated as schema

    graph, names = model.subgraphs[0], operator_names(model)
    kinds = [names[operator.opcodeIndex] for operator in graph.operators]
    begin = kinds.index("CONV_2D") if "CONV_2D" in kinds else 0
    found = []
    for operator, kind in zip(graph.operators[begin:], kinds[begin:], strict=True):
        if kind in ("CONV_2D", "FULLY_CONNECTED"):
            tensor = graph.tensors[operator.inputs[1]]
            if _text(tensor.name).startswith(FRONT):
                continue
            data = model.buffers[tensor.buffer].data
            plain = tensor.type == schema.TensorType.FLOAT32 and tensor.sparsity is None
            if plain and data is not None and len(data) >= 4 * _LEAST_HALVED:
                found.append(int(operator.inputs[1]))
    return list(dict.fromkeys(found))


def _text(name: bytes | None) -> str:
    return (name or b"").decode(errors="replace")


def _tensor(graph: Any, index: int) -> Tensor:
    from ai_edge_litert import schema_py_generated as schema

    row = graph.tensors[index]
    shape = tuple(numbers(row.shape))
    signature = numbers(row.shapeSignature) or shape
    types = {code: name.lower() for name, code in vars(schema.TensorType).items() if name[0] != "_"}
    return Tensor(index, _text(row.name), shape, tuple(n < 0 for n in signature), types[row.type])


def _find(graph: Any, which: Which) -> int:
    """The index of a tensor that is computed in ``graph``."""
    computed = {i for op in graph.operators for i in numbers(op.outputs)}
    names = {_text(graph.tensors[i].name): i for i in sorted(computed)}
    index = names.get(which, -1) if isinstance(which, str) else which
    if index not in computed:
        named = nearest(which, list(names)) if isinstance(which, str) else ""
        raise ModelFileError(f"its graph computes no tensor {which!r}{named} ({len(computed)} are computed)")
    return index


def _set_outputs(model: Any, named: Mapping[str, int], *, keep: bool) -> None:
    """Make tensors outputs of the first graph and of its signatures, after its own ones or in their place."""
    from ai_edge_litert import schema_py_generated as schema

    graph = model.subgraphs[0]
    own = numbers(graph.outputs) if keep else []
    graph.outputs = own + [i for i in named.values() if i not in own]
    for signature in model.signatureDefs or ():
        if signature.subgraphIndex != 0:
            continue
        rows = [row for row in signature.outputs if keep and row.tensorIndex not in named.values()]
        for name, index in named.items():
            rows.append(schema.TensorMapT())
            rows[-1].name, rows[-1].tensorIndex = name.encode(), index
        signature.outputs = rows


def _append(graph: Any, name: str, n_values: int, *, like: int) -> int:
    """A new tensor (batch, ``n_values``) that takes any batch if the tensor ``like`` does; its index."""
    from ai_edge_litert import schema_py_generated as schema

    model, tensor = graph.tensors[like], schema.TensorT()
    tensor.name, tensor.buffer, tensor.type = name.encode(), 0, schema.TensorType.FLOAT32
    tensor.shape = [numbers(model.shape)[0], n_values]
    if numbers(model.shapeSignature):
        tensor.shapeSignature = [numbers(model.shapeSignature)[0], n_values]
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1
