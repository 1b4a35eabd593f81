"""A TFLite flatbuffer as objects and back, with the schema that LiteRT brings."""

import struct
from typing import Any

import flatbuffers
import numpy as np

from avianvox.errors import ModelFileError

_ALIGNMENT = 16  # bytes, as TFLite's schema demands of constants

DAMAGED = (
    struct.error,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    RecursionError,
)
"""What the schema's code raises at a flatbuffer whose offsets lead nowhere."""


def unpack(flatbuffer: bytes) -> Any:
    """The model as objects of the schema (``ModelT``), every constant within ``buffers``.

    Raises
    ------
    ModelFileError
        It is no TFLite flatbuffer, or a damaged one.
    """
    from ai_edge_litert import schema_py_generated as schema

    if flatbuffer[4:8] != b"TFL3":
        raise ModelFileError("expected a TFLite flatbuffer, got other bytes")
    try:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(flatbuffer, 0))
        for buffer in model.buffers:
            if buffer.offset > 1:  # behind the flatbuffer; interpreters older than 2024 don't look there
                data = flatbuffer[buffer.offset : buffer.offset + buffer.size]
                if len(data) != buffer.size:
                    raise ValueError("a constant lies beyond its end")
                buffer.data, buffer.offset, buffer.size = np.frombuffer(data, np.uint8), 0, 0
        if not model.subgraphs:
            raise ValueError("it has no graph")
    except DAMAGED as error:
        raise ModelFileError(f"the flatbuffer is damaged or cut off ({error})") from error
    return model


def pack(model: Any) -> bytes:
    """The flatbuffer of a ``ModelT``. Every vector begins at a multiple of 16 bytes."""
    size = sum(0 if buffer.data is None else len(buffer.data) for buffer in model.buffers)
    builder = _AlignedBuilder(size + (1 << 20))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def operator_names(model: Any) -> tuple[str, ...]:
    """Names of a ``ModelT``'s operator codes in their order; a custom one is ``"CUSTOM <name>"``."""
    from ai_edge_litert import schema_py_generated as schema

    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    found = []
    for row in model.operatorCodes:
        name = names[max(row.builtinCode, row.deprecatedBuiltinCode)]
        found.append(f"CUSTOM {row.customCode.decode()}" if name == "CUSTOM" else name)
    return tuple(found)


class _AlignedBuilder(flatbuffers.Builder):  # type: ignore[misc]
    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> Any:
        return super().StartVector(elemSize, numElems, max(alignment, _ALIGNMENT))
