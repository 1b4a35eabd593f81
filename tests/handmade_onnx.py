"""The graph of `handmade_ear` in ONNX, written byte by byte: waveform, "scores" (3) and "pooled" (4)."""

import numpy as np
from handmade_ear import CLASS_BIAS, CLASS_WEIGHTS, N_SAMPLES, filters


def onnx_ear() -> bytes:
    initializers = {"filters": filters().T, "classes": CLASS_WEIGHTS.T, "bias": CLASS_BIAS[None]}
    nodes = (
        ("MatMul", ("sound", "filters"), "pooled"),
        ("MatMul", ("pooled", "classes"), "products"),
        ("Add", ("products", "bias"), "logits"),
        ("Sigmoid", ("logits",), "scores"),
    )
    graph = _field(2, b"ear")
    for kind, inputs, output in nodes:
        node = b"".join(_field(1, name.encode()) for name in inputs)
        graph += _field(1, node + _field(2, output.encode()) + _field(4, kind.encode()))
    for name, values in initializers.items():
        dims = b"".join(_field(1, n) for n in values.shape)
        data = np.ascontiguousarray(values, "<f4").tobytes()
        graph += _field(5, dims + _field(2, 1) + _field(8, name.encode()) + _field(9, data))
    graph += _field(11, _value("sound", N_SAMPLES))
    graph += _field(12, _value("scores", 3)) + _field(12, _value("pooled", 4))
    return _field(1, 8) + _field(7, graph) + _field(8, _field(2, 13))


def _value(name: str, size: int) -> bytes:
    """A tensor of floats, shape (1, size)."""
    shape = b"".join(_field(1, _field(1, n)) for n in (1, size))
    return _field(1, name.encode()) + _field(2, _field(1, _field(1, 1) + _field(2, shape)))


def _field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    found = b""
    while value > 127:
        found += bytes([value & 127 | 128])
        value >>= 7
    return found + bytes([value])
