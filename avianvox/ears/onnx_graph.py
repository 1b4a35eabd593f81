"""Inputs and outputs of a graph in ONNX, as `graft` describes those of TFLite."""

from pathlib import Path
from typing import Any

from avianvox.ears.graft import Graph, Tensor
from avianvox.errors import ModelFileError
from avianvox.inference.onnx_runtime import open_session

_TYPES = {"tensor(float)": "float32"}


def describe_onnx(path: Path) -> Graph:
    """What goes in and comes out of a file of ONNX.

    Raises
    ------
    ModelFileError
        The file is damaged, or none of ONNX.
    """
    try:
        session = open_session(path.read_bytes())
    except ValueError as error:
        raise ModelFileError(f"{path}: expected a graph in ONNX, got a damaged one or other bytes") from error
    inputs = tuple(_tensor(i, row) for i, row in enumerate(session.get_inputs()))
    outputs = tuple(_tensor(i, row) for i, row in enumerate(session.get_outputs()))
    return Graph(inputs, outputs, ("",) * len(outputs))


def _tensor(index: int, row: Any) -> Tensor:
    variable = tuple(not isinstance(n, int) for n in row.shape)
    shape = tuple(1 if any_ else int(n) for n, any_ in zip(row.shape, variable, strict=True))
    return Tensor(index, row.name, shape, variable, _TYPES.get(row.type, row.type))
