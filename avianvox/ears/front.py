"""A spectrogram inside a foreign graph becomes one convolution, with the same numbers in half the time.

BirdNET's front end cuts the sound into frames, weighs them by a window, transforms them, keeps the real part
and sums it into mel bands. All of that is linear, so a band of a frame is one dot product with the frame, and
the bands of all frames are a convolution of the sound: interpreters have fast code for it, and none for the
transform and for gathering frames.

Digital silence must stay what it was: it gives numbers of rounding size, which BirdNET raises to a small
power. So what silence becomes is subtracted from the sound first, and the bands of one silent frame, which go
the old way, are added again.
"""

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.ears.edit import add_constant, add_tensor, new_operator, numbers, prune_graph
from avianvox.ears.flatbuffer import DAMAGED, operator_names, pack, unpack
from avianvox.ears.graft import FRONT
from avianvox.errors import ModelFileError

_FRAMES = ("EXPAND_DIMS", "MUL", "RESHAPE", "GATHER", "RESHAPE", "STRIDED_SLICE")
"""From the transform back to the sound."""

_BANDS = ("SQUEEZE", "CAST", "RESHAPE", "FULLY_CONNECTED", "RESHAPE")
"""From the transform on to the bands of all frames."""

_POINTWISE = ("ADD", "SUB", "MUL", "DIV")


@dataclass(frozen=True, slots=True)
class _Spectrogram:
    """One of a graph.

    Attributes
    ----------
    sound : int
        The tensor that is cut into frames.
    window : int
        The constant that weighs a frame.
    transform : object
        The operator RFFT2D.
    bands : list
        The operators after it; the last one's output holds the bands of all frames.
    kernel : np.ndarray, shape (n_bands, n), float64
        By what a band weighs the ``n`` samples of a frame.
    hop : int, samples
    """

    sound: int
    window: int
    transform: Any
    bands: list[Any]
    kernel: np.ndarray
    hop: int


def fold_front(flatbuffer: bytes) -> bytes:
    """The graph with its spectrograms as convolutions; unchanged where it has none of this form.

    Raises
    ------
    ModelFileError
        The flatbuffer is damaged.
    """
    model = unpack(flatbuffer)
    try:
        names = operator_names(model)
        transforms = [op for op in model.subgraphs[0].operators if names[op.opcodeIndex] == "RFFT2D"]
        found = [_read(model, op) for op in transforms]
        for spectrogram in found:
            if spectrogram is None:
                return flatbuffer
            _replace(model, spectrogram)
    except DAMAGED as error:
        raise ModelFileError(f"the flatbuffer is damaged or cut off ({error})") from error
    if not found:
        return flatbuffer
    prune_graph(model)
    return pack(model)


def _read(model: Any, transform: Any) -> _Spectrogram | None:
    """The spectrogram around a transform; None where something is not as expected."""
    frames = _behind(model, int(transform.inputs[0]), _FRAMES)
    bands = _ahead(model, int(transform.outputs[0]), _BANDS)
    if frames is None or bands is None or _path(model, int(frames[-1].inputs[0])) is None:
        return None
    # where frames begin, plus the places within one, both in units of a few samples
    grid = _behind(model, int(frames[3].inputs[1]), ("ADD", "RESHAPE", "MUL", "RANGE"))
    if grid is None:
        return None
    constants = (
        transform.inputs[1],
        frames[1].inputs[1],
        bands[3].inputs[1],
        grid[0].inputs[1],
        grid[2].inputs[1],
    )
    values = [_values(model, int(index)) for index in constants]
    if any(part is None for part in values):
        return None
    length, window, mel, within, step = (np.asarray(part) for part in values)
    n, n_bins = window.size, mel.shape[-1]
    if length.tolist() != [1, n] or n_bins != n // 2 + 1 or n % within.size or step.size != 1:
        return None
    angles = 2 * np.pi / n * (np.outer(np.arange(n_bins), np.arange(n)) % n)
    kernel = np.einsum("bf,fn->bn", mel.astype(np.float64), np.cos(angles)) * window
    return _Spectrogram(
        sound=int(frames[-1].inputs[0]),
        window=int(frames[1].inputs[1]),
        transform=transform,
        bands=bands,
        kernel=kernel,
        hop=int(step) * (n // within.size),
    )


def _replace(model: Any, found: _Spectrogram) -> None:
    """Put the convolution into the place of ``found.bands``."""
    from ai_edge_litert import schema_py_generated as schema

    ops, kinds, graph = schema.BuiltinOperator, schema.BuiltinOptions, model.subgraphs[0]
    n_samples = numbers(graph.tensors[int(graph.inputs[0])].shape)[-1]
    n_bands, n = found.kernel.shape
    n_frames, n_taps = (n_samples - n) // found.hop + 1, -(-n // found.hop)
    n_rows = n_frames + n_taps - 1  # of one hop each: a frame is so many of them in a row
    filters = np.zeros((n_bands, n_taps * found.hop))
    filters[:, :n] = found.kernel
    new: list[Any] = []

    def constant(name: str, values: np.ndarray) -> int:
        return add_constant(model, f"{FRONT}{name}", values)

    def put(name: str, inputs: list[int], shape: tuple[int, ...], options: Any = None, to: int = -1) -> int:
        made = to if to >= 0 else add_tensor(model, f"{FRONT}{name.lower()}", shape)
        if options is None:
            options = getattr(schema, f"{_options_of(name)}T")()
        kind = getattr(kinds, type(options).__name__.removesuffix("T"))
        new.append(new_operator(model, getattr(ops, name), inputs, made, kind, options))
        return made

    def reshape(at: int, shape: tuple[int, ...], to: int = -1) -> int:
        return put("RESHAPE", [at, constant("shape", np.array(shape, np.int32))], shape, to=to)

    def again(op: Any, first: int, name: str, shape: tuple[int, ...], dtype: str = "float32") -> int:
        """The same operator on another tensor."""
        made = copy(op)
        made.inputs = [first, *numbers(op.inputs)[1:]]
        made.outputs = [add_tensor(model, f"{FRONT}{name}", shape, dtype)]
        new.append(made)
        return int(made.outputs[0])

    silent = constant("silence", np.zeros((1, 1), np.float32))
    for op in _path(model, found.sound) or ():
        silent = again(op, silent, "silent sample", (1, 1))
    at = put("SUB", [found.sound, silent], (1, n_samples))
    if (n_used := n_rows * found.hop) > n_samples:
        widths = constant("widths", np.array([[0, 0], [0, n_used - n_samples]], np.int32))
        at = put("PAD", [at, widths], (1, n_used))
    elif n_used < n_samples:
        ends = [constant("ends", np.array(end, np.int32)) for end in ([0, 0], [1, n_used])]
        at = put("SLICE", [at, *ends], (1, n_used))
    at = reshape(at, (1, n_rows, 1, found.hop))
    options = schema.Conv2DOptionsT()
    options.padding = schema.Padding.VALID
    options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = 1
    weight = constant("filters", filters.reshape(n_bands, n_taps, 1, found.hop).astype(np.float32))
    bias = constant("bias", np.zeros(n_bands, np.float32))
    at = put("CONV_2D", [at, weight, bias], (1, n_frames, 1, n_bands), options)
    _, cast, _, mel, _ = found.bands
    own = reshape(put("MUL", [silent, found.window], (1, n)), (1, 1, 1, n))
    own = again(found.transform, own, "silent transform", (1, 1, 1, n // 2 + 1), "complex64")
    own = reshape(again(cast, own, "silent bins", (1, 1, 1, n // 2 + 1)), (1, n // 2 + 1))
    own = again(mel, own, "silent bands", (1, n_bands))
    at = put("ADD", [at, own], (1, n_frames, 1, n_bands))
    reshape(at, (1, n_frames, n_bands), to=int(found.bands[-1].outputs[0]))
    place = next(i for i, op in enumerate(graph.operators) if op is found.bands[-1])
    graph.operators[place : place + 1] = new


def _options_of(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_")) + "Options"


def _path(model: Any, index: int) -> list[Any] | None:
    """The pointwise operators that make a tensor of the graph's input, first to last; None for others."""
    graph, names, makers = model.subgraphs[0], operator_names(model), _makers(model)
    path: list[Any] = []
    while index != int(graph.inputs[0]):
        op = makers.get(index)
        if op is None or names[op.opcodeIndex] not in _POINTWISE:
            return None
        path.append(op)
        index = int(op.inputs[0])
    return path[::-1]


def _behind(model: Any, index: int, wanted: tuple[str, ...]) -> list[Any] | None:
    """The operators of these names that lead to a tensor by their first input, last to first."""
    names, makers = operator_names(model), _makers(model)
    found: list[Any] = []
    for name in wanted:
        op = makers.get(index)
        if op is None or names[op.opcodeIndex] != name:
            return None
        found.append(op)
        index = int(op.inputs[0])
    return found


def _ahead(model: Any, index: int, wanted: tuple[str, ...]) -> list[Any] | None:
    """The operators of these names that a tensor leads to, with nothing beside them but its shape."""
    names = operator_names(model)
    found: list[Any] = []
    for name in wanted:
        ops = [
            op
            for op in model.subgraphs[0].operators
            if numbers(op.inputs)[:1] == [index] and names[op.opcodeIndex] != "SHAPE"
        ]
        if len(ops) != 1 or names[ops[0].opcodeIndex] != name:
            return None
        found += ops
        index = int(ops[0].outputs[0])
    return found


def _makers(model: Any) -> dict[int, Any]:
    return dict(_made(model.subgraphs[0]))


def _made(graph: Any) -> Iterator[tuple[int, Any]]:
    for op in graph.operators:
        for index in numbers(op.outputs):
            yield index, op


def _values(model: Any, index: int) -> np.ndarray | None:
    """A constant in float32 or int32; None where the tensor is computed, or of another kind."""
    from ai_edge_litert import schema_py_generated as schema

    tensor = model.subgraphs[0].tensors[index]
    dtype = {schema.TensorType.FLOAT32: "<f4", schema.TensorType.INT32: "<i4"}.get(tensor.type)
    data = model.buffers[tensor.buffer].data
    if data is None or dtype is None:
        return None
    return np.frombuffer(np.asarray(data, np.uint8).tobytes(), dtype).reshape(numbers(tensor.shape))
