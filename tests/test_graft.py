"""Outputs, heads and float16 weights of a foreign graph, by what a bare interpreter says afterwards."""

from contextlib import suppress

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from handmade_ear import CLASS_BIAS, CLASS_WEIGHTS, N_SAMPLES, ear, filters, run, tone

from avianvox.ears.flatbuffer import operator_names, unpack
from avianvox.ears.graft import Head, describe, find_tensor, graft, halve, splice
from avianvox.errors import InputError, ModelFileError

SOUND = tone(1000.0)
EMBEDDING = filters() @ SOUND
LOGITS = CLASS_WEIGHTS @ EMBEDDING + CLASS_BIAS


def test_the_graph_is_described_with_what_makes_its_outputs() -> None:
    graph = describe(ear(last="LOGISTIC"))
    assert [str(tensor) for tensor in graph.inputs] == [f"'sound' (float32, 1 x {N_SAMPLES})"]
    assert [(tensor.name, tensor.n_values) for tensor in graph.outputs] == [("scores", 3)]
    assert graph.last == ("LOGISTIC",)
    assert describe(ear()).last == ("FULLY_CONNECTED",)


@pytest.mark.parametrize("which", ["pooled", 1])
def test_an_embedding_becomes_an_output_behind_the_others(which: str | int) -> None:
    assert find_tensor(ear(), which).n_values == 4
    logits, embedding = run(graft(ear(), outputs={"embedding": which}), SOUND)
    np.testing.assert_allclose(logits, LOGITS, atol=1e-4)
    np.testing.assert_allclose(embedding, EMBEDDING, atol=1e-3)


def test_signatures_name_the_new_output() -> None:
    from ai_edge_litert.interpreter import Interpreter

    changed = graft(ear(signature=True), outputs={"embedding": "pooled"})
    signature = Interpreter(model_content=changed).get_signature_runner("serving_default")
    answer = signature(sound=SOUND[None])
    assert {name: values.shape for name, values in answer.items()} == {"scores": (1, 3), "embedding": (1, 4)}
    pruned = graft(ear(signature=True), outputs={"embedding": "pooled"}, prune=True)
    answer = Interpreter(model_content=pruned).get_signature_runner("serving_default")(sound=SOUND[None])
    assert list(answer) == ["embedding"]


def test_pruning_leaves_the_embedding_alone() -> None:
    pruned = graft(ear(last="SOFTMAX"), outputs={"embedding": "pooled"}, prune=True)
    (embedding,) = run(pruned, SOUND)
    np.testing.assert_allclose(embedding, EMBEDDING, atol=1e-3)
    model = unpack(pruned)
    assert operator_names(model) == ("FULLY_CONNECTED",)
    assert [row.name for row in model.subgraphs[0].tensors] == [b"sound", b"pooled", b"filters"]
    assert len(model.buffers) == 2


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "none"])
def test_a_head_takes_the_place_of_the_classes(activation: str) -> None:
    rng = np.random.default_rng(1)
    head = Head(rng.standard_normal((5, 4)) / 50, rng.standard_normal(5), activation)  # type: ignore[arg-type]
    changed = splice(ear(last="SOFTMAX"), head, after="pooled", outputs={"embedding": "pooled"})
    logits = head.weight @ EMBEDDING + head.bias
    expected = {
        "softmax": np.exp(logits) / np.exp(logits).sum(),
        "sigmoid": 1 / (1 + np.exp(-logits)),
        "none": logits,
    }[activation]
    species, embedding = run(changed, SOUND)
    np.testing.assert_allclose(species, expected, atol=1e-4)
    np.testing.assert_allclose(embedding, EMBEDDING, atol=1e-3)
    assert b"logits" not in [row.name for row in unpack(changed).subgraphs[0].tensors]
    heard = splice(ear(last="SOFTMAX"), head, after="pooled", outputs={"heard": "scores"})
    np.testing.assert_allclose(run(heard, SOUND)[1], np.exp(LOGITS) / np.exp(LOGITS).sum(), atol=1e-5)


def test_float16_halves_the_large_weights_alone() -> None:
    whole = graft(ear(), outputs={"embedding": "pooled"})
    half = halve(whole)
    assert len(whole) - len(half) == pytest.approx(2 * 4 * N_SAMPLES, abs=500)
    for before, after in zip(run(whole, SOUND), run(half, SOUND), strict=True):
        assert 0 < np.abs(before - after).max() < 1e-3 * np.abs(before).max()
    model = unpack(half)
    names = [operator_names(model)[row.opcodeIndex] for row in model.subgraphs[0].operators]
    assert names == ["DEQUANTIZE", "FULLY_CONNECTED", "FULLY_CONNECTED"]


def test_constants_begin_at_multiples_of_16_bytes() -> None:
    for flatbuffer in (graft(ear(), outputs={"e": "pooled"}), halve(ear())):
        model = schema.Model.GetRootAs(flatbuffer, 0)
        places = [
            row._tab.Vector(row._tab.Offset(4))
            for row in map(model.Buffers, range(model.BuffersLength()))
            if row.DataLength()
        ]
        assert len(places) == 3
        assert [place % 16 for place in places] == [0, 0, 0]


def test_refusals_are_one_line() -> None:
    with pytest.raises(ModelFileError, match="computes no tensor 'poled'; did you mean 'pooled'"):
        graft(ear(), outputs={"embedding": "poled"})
    with pytest.raises(ModelFileError, match=r"computes no tensor 99 \(2 are computed\)"):
        graft(ear(), outputs={"embedding": 99})
    with pytest.raises(ModelFileError, match="computes no tensor 'sound'"):
        find_tensor(ear(), "sound")
    with pytest.raises(ModelFileError, match=r"a head on 7 numbers doesn't fit the tensor 'pooled'"):
        splice(ear(), Head(np.zeros((2, 7)), np.zeros(2), "none"), after="pooled")
    with pytest.raises(InputError, match="one bias for each class"):
        Head(np.zeros((2, 7)), np.zeros(3), "none")


def test_a_damaged_flatbuffer_is_one_line_wherever_it_is_cut() -> None:
    whole = ear()
    for end in (8, 20, 100, len(whole) // 2, len(whole) - 40):
        with pytest.raises(ModelFileError, match="damaged or cut off"):
            describe(whole[:end])
    with pytest.raises(ModelFileError, match="expected a TFLite flatbuffer"):
        describe(b"RIFF" * 10)


def test_no_byte_turned_makes_another_error() -> None:
    whole = ear()
    rng = np.random.default_rng(5)
    head = len(whole) - 1400  # the graph itself; constants are elsewhere
    for place in rng.integers(0, len(whole), 100).tolist() + rng.integers(head, len(whole), 300).tolist():
        turned = bytearray(whole)
        turned[place] ^= 1 << int(rng.integers(8))
        with suppress(ModelFileError):
            graft(bytes(turned), outputs={"embedding": "pooled"}, prune=True)
