"""Looking into a TFLite flatbuffer, and packing one anew."""

from typing import Any

import flatbuffers
import numpy as np

_ALIGNMENT = 16  # bytes, as TFLite's schema demands of constants


def operators(flatbuffer: bytes) -> tuple[str, ...]:
    """Names of a flatbuffer's operators in alphabetical order; a custom one is ``"CUSTOM <name>"``."""
    from ai_edge_litert import schema_py_generated as schema

    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    found = set()
    for row in _unpack(flatbuffer).operatorCodes:
        name = names[max(row.builtinCode, row.deprecatedBuiltinCode)]
        found.add(f"CUSTOM {row.customCode.decode()}" if name == "CUSTOM" else name)
    return tuple(sorted(found))


def inline_buffers(flatbuffer: bytes) -> bytes:
    """The same model with every constant inside the flatbuffer.

    The quantiser puts large constants behind the flatbuffer and refers to them by their place in the file,
    which interpreters older than 2024 don't follow.
    """
    model = _unpack(flatbuffer)
    for buffer in model.buffers:
        if buffer.offset > 1:
            data = flatbuffer[buffer.offset : buffer.offset + buffer.size]
            buffer.data, buffer.offset, buffer.size = np.frombuffer(data, np.uint8), 0, 0
    builder = _AlignedBuilder(len(flatbuffer))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


class _AlignedBuilder(flatbuffers.Builder):
    """A builder whose vectors begin at multiples of 16 bytes."""

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> Any:
        return super().StartVector(elemSize, numElems, max(alignment, _ALIGNMENT))


def _unpack(flatbuffer: bytes) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(flatbuffer, 0))
