"""Spectrograms of a foreign graph as convolutions: the same numbers, of sound and of silence."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from handmade_ear import ear, run

from avianvox.ears.edit import add_constant, add_tensor, new_operator
from avianvox.ears.flatbuffer import operator_names, pack, unpack
from avianvox.ears.front import fold_front
from avianvox.ears.graft import halve

N_SAMPLES, N, UNIT, N_BANDS = 1200, 64, 4, 70
MEL = np.abs(np.random.default_rng(1).standard_normal((N_BANDS, N // 2 + 1))).astype(np.float32)
MEL[:, :3] = 0.0  # what is left of a constant is rounding alone
WINDOW = np.hanning(N + 1)[:N].astype(np.float32)


def spectrogram(hop: int, *, length: int = N) -> bytes:
    """BirdNET's front end by hand: normalised sound, frames of 64 samples, the real part's bands."""
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers, model.operatorCodes = 3, [schema.BufferT()], []
    graph.tensors, graph.operators, model.subgraphs = [], [], [graph]
    n_frames = (N_SAMPLES - N) // hop + 1
    shapes = iter(range(1000))

    def whole(*values: int) -> int:
        scalar = np.array(values[0] if len(values) == 1 else values, np.int32)
        return add_constant(model, f"whole {next(shapes)}", scalar)

    def vector(*values: int) -> int:
        return add_constant(model, f"vector {next(shapes)}", np.array(values, np.int32))

    def put(name: str, inputs: list[int], shape: tuple[int, ...], dtype: str = "float32") -> int:
        made = add_tensor(model, f"{name} {next(shapes)}", shape, dtype)
        kind = "".join(part.capitalize() for part in name.split("_")) + "Options"
        options = getattr(schema, f"{kind}T")()
        code, kind_code = getattr(schema.BuiltinOperator, name), getattr(schema.BuiltinOptions, kind)
        graph.operators.append(new_operator(model, code, inputs, made, kind_code, options))
        return made

    sound = add_tensor(model, "sound", (1, N_SAMPLES))
    two = add_constant(model, "two", np.array(2.0, np.float32))
    third = add_constant(model, "third", np.array(1 / 3, np.float32))
    at = put("MUL", [put("SUB", [sound, third], (1, N_SAMPLES)), two], (1, N_SAMPLES))
    at = put("STRIDED_SLICE", [at, vector(0, 0), vector(1, N_SAMPLES), vector(1, 1)], (1, N_SAMPLES))
    at = put("RESHAPE", [at, vector(1, N_SAMPLES // UNIT, UNIT)], (1, N_SAMPLES // UNIT, UNIT))
    begins = put("RANGE", [whole(0), whole(n_frames), whole(1)], (n_frames,), "int32")
    begins = put("MUL", [begins, whole(hop // UNIT)], (n_frames,), "int32")
    begins = put("RESHAPE", [begins, vector(n_frames, 1)], (n_frames, 1), "int32")
    within = add_constant(model, "within", np.arange(N // UNIT, dtype=np.int32)[None])
    grid = put("ADD", [begins, within], (n_frames, N // UNIT), "int32")
    at = put("GATHER", [at, grid], (1, n_frames, N // UNIT, UNIT))
    graph.operators[-1].builtinOptions.axis = 1
    at = put("RESHAPE", [at, vector(1, n_frames, N)], (1, n_frames, N))
    at = put("MUL", [at, add_constant(model, "window", WINDOW)], (1, n_frames, N))
    at = put("EXPAND_DIMS", [at, whole(2)], (1, n_frames, 1, N))
    at = put("RFFT2D", [at, vector(1, length)], (1, n_frames, 1, N // 2 + 1), "complex64")
    at = put("SQUEEZE", [at], (1, n_frames, N // 2 + 1), "complex64")
    graph.operators[-1].builtinOptions.squeezeDims = [2]
    at = put("CAST", [at], (1, n_frames, N // 2 + 1))
    at = put("RESHAPE", [at, vector(n_frames, N // 2 + 1)], (n_frames, N // 2 + 1))
    at = put("FULLY_CONNECTED", [at, add_constant(model, "mel", MEL), -1], (n_frames, N_BANDS))
    at = put("RESHAPE", [at, vector(1, n_frames, N_BANDS)], (1, n_frames, N_BANDS))
    graph.inputs, graph.outputs = [sound], [at]
    return pack(model)


def operators(flatbuffer: bytes) -> list[str]:
    model = unpack(flatbuffer)
    return [operator_names(model)[op.opcodeIndex] for op in model.subgraphs[0].operators]


@pytest.mark.parametrize(
    "hop", [28, 36, 24]
)  # rows of a hop need more samples than there are, fewer, as many
def test_a_spectrogram_becomes_a_convolution_with_the_same_numbers(hop: int) -> None:
    plain = spectrogram(hop)
    folded = fold_front(plain)
    assert "GATHER" in operators(plain)
    assert "GATHER" not in operators(folded)
    assert operators(folded).count("CONV_2D") == 1
    rng = np.random.default_rng(0)
    sound = rng.standard_normal(N_SAMPLES).astype(np.float32)
    sound[700:] = 0.0
    expected, found = run(plain, sound)[0], run(folded, sound)[0]
    frames = np.lib.stride_tricks.sliding_window_view(2 * (sound.astype(np.float64) - np.float32(1 / 3)), N)[
        ::hop
    ]
    by_hand = np.fft.rfft(frames * WINDOW).real @ MEL.T
    np.testing.assert_allclose(found.reshape(by_hand.shape), by_hand, atol=1e-4)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    silent = np.arange(len(by_hand)) * hop >= 700
    assert silent.sum() >= 10
    rounding = expected.reshape(by_hand.shape)[silent]
    assert 0 < np.abs(rounding).max() < 1e-4
    np.testing.assert_allclose(found.reshape(by_hand.shape)[silent], rounding, rtol=1e-3, atol=1e-9)


def test_filters_keep_their_precision_when_weights_are_halved() -> None:
    folded = fold_front(spectrogram(28))
    sound = np.random.default_rng(0).standard_normal(N_SAMPLES).astype(np.float32)
    np.testing.assert_array_equal(run(halve(folded), sound)[0], run(folded, sound)[0])


def test_other_graphs_stay_as_they_are() -> None:
    padded = spectrogram(28, length=128)
    for flatbuffer in (padded, ear()):
        assert fold_front(flatbuffer) == flatbuffer
