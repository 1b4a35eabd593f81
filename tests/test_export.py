"""One file, two ways in, the model's own answers, and nothing but TFLite's operators."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avianvox.errors import InputError, ModelFileError
from avianvox.export import parity as module
from avianvox.export.card import model_card, read_figures
from avianvox.export.flatbuffer import operators
from avianvox.export.graph import QUANTIZATIONS, Graph, build_graph, convert, signature_runners
from avianvox.export.parity import TOLERANCES, Parity, Tolerance, measure_parity
from avianvox.export.sample_windows import Windows, cut_window, recording_windows, synthetic_windows
from avianvox.features.filters import mel_matrix
from avianvox.features.normalise import Normalisation
from avianvox.features.spec import FeatureSpec
from avianvox.modelfile import read_model_file, write_model_file
from avianvox.modelinfo import ModelInfo
from avianvox.models.cnn import VARIANTS, build_cnn
from avianvox.models.front_end import network_graph
from avianvox.models.networks import build_network
from avianvox.types import LabelSet, Waveform

SPEC = FeatureSpec(n_fft=1024, n_mels=64, n_frames=64)
LABELS = LabelSet(("Alpha beta", "Gamma delta", "no bird"), ("Letter bird", "", ""))


@pytest.fixture(scope="module")
def windows() -> Windows:
    return synthetic_windows(SPEC, n=8)


@pytest.fixture(scope="module")
def graph(windows: Windows) -> Graph:
    """An untrained network whose answers are nevertheless far from even."""
    model = build_cnn(
        VARIANTS["cnn_v20"], n_frames=SPEC.n_frames, n_rows=SPEC.n_rows, n_classes=len(LABELS), seed=1
    )
    kernel, bias = model.get_layer("logits").get_weights()
    model.get_layer("logits").set_weights([20 * kernel, bias])
    rows = windows.features.reshape(-1, SPEC.n_features)
    return build_graph(network_graph(model, Normalisation(rows.mean(axis=0), rows.std(axis=0)), SPEC), SPEC)


@pytest.fixture(scope="module")
def flatbuffers(graph: Graph, windows: Windows) -> dict[str, bytes]:
    return {kind: convert(graph, quantize=kind, calibration=windows) for kind in QUANTIZATIONS}


def constants(flatbuffer: bytes) -> list[tuple[tuple[int, ...], int, int]]:
    """Shape, bytes and buffer of every constant of every subgraph."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(flatbuffer, 0))
    return [
        (tuple(tensor.shape), len(model.buffers[tensor.buffer].data), tensor.buffer)
        for subgraph in model.subgraphs
        for tensor in subgraph.tensors
        if model.buffers[tensor.buffer].data is not None
    ]


@pytest.mark.parametrize("kind", QUANTIZATIONS)
def test_every_kind_gives_the_models_answers(
    kind: str, graph: Graph, flatbuffers: dict[str, bytes], windows: Windows
) -> None:
    parity = measure_parity(graph, flatbuffers[kind], windows, tolerance=TOLERANCES[kind])
    assert parity.problems() == []
    assert parity.windows == 8
    assert parity.features_db < 0.01
    scores = signature_runners(flatbuffers[kind])["features"](features=windows.features[:1])["scores"]
    assert scores.shape == (1, len(LABELS))
    assert scores.sum() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("kind", QUANTIZATIONS)
def test_builtin_operators_alone(kind: str, flatbuffers: dict[str, bytes]) -> None:
    found = operators(flatbuffers[kind])
    assert {"RFFT2D", "CONV_2D", "SOFTMAX"} <= set(found)
    assert not [name for name in found if name.startswith(("CUSTOM", "FLEX", "STABLEHLO", "GATHER"))]


@pytest.mark.parametrize("kind", QUANTIZATIONS)
def test_weights_lie_in_the_file_once_and_the_front_end_stays_in_float(
    kind: str, flatbuffers: dict[str, bytes]
) -> None:
    found = constants(flatbuffers[kind])
    kernels = [entry for entry in found if entry[0] == (64, 3, 3, 64)]
    assert len(kernels) == 4  # two layers in two subgraphs ...
    assert len({buffer for *_, buffer in kernels}) == 2  # ... share two buffers
    bytes_each = {"none": 4, "float16": 2, "dynamic": 1, "int8": 1}[kind]
    assert {size for _, size, _ in kernels} == {64 * 3 * 3 * 64 * bytes_each}
    mel = [size for shape, size, _ in found if shape == mel_matrix(SPEC).T.shape]
    assert mel == [4 * mel_matrix(SPEC).size]


def test_each_kind_is_another_file(flatbuffers: dict[str, bytes]) -> None:
    size = {kind: len(flatbuffer) for kind, flatbuffer in flatbuffers.items()}
    assert size["dynamic"] < size["int8"] < size["float16"] < size["none"]


def test_the_same_model_gives_the_same_bytes(graph: Graph, flatbuffers: dict[str, bytes]) -> None:
    assert convert(graph) == flatbuffers["none"]


def test_a_file_of_another_model_is_noticed(
    graph: Graph, flatbuffers: dict[str, bytes], windows: Windows
) -> None:
    other = Windows(windows.waveforms[::-1], windows.features, "shuffled windows")
    parity = measure_parity(graph, flatbuffers["none"], other, tolerance=TOLERANCES["none"])
    assert [line.split(" differ")[0] for line in parity.problems()] == [
        "front end and extractor",
        "scores from sound",
    ]
    strict = Tolerance(scores=0.0, features_db=1.0)
    parity = measure_parity(graph, flatbuffers["int8"], windows, tolerance=strict)
    assert [line.split(" differ")[0] for line in parity.problems()] == [
        "scores from sound",
        "scores from features",
    ]
    with pytest.raises(ModelFileError, match="no windows of sound"):
        measure_parity(graph, b"", synthetic_windows(SPEC, n=0), tolerance=strict)


@pytest.mark.parametrize(("below_db", "is_seen"), [(2.0, True), (40.0, True), (58.0, True), (62.0, False)])
def test_features_are_compared_down_to_60_db_below_the_loudest(
    below_db: float, is_seen: bool, graph: Graph, flatbuffers: dict[str, bytes]
) -> None:
    """Far below, 32-bit arithmetic differs by itself; what lies above has to agree."""
    windows = loud_and_soft()
    mel = windows.features[0, :, : SPEC.n_mels]
    place = np.unravel_index(np.abs(mel - (mel.max() - below_db)).argmin(), mel.shape)
    assert mel.max() - mel[place] == pytest.approx(below_db, abs=1.0)
    mel[place] -= 0.5  # a view: the window's own value
    parity = measure_parity(graph, flatbuffers["none"], windows, tolerance=TOLERANCES["none"])
    assert (parity.features_db == pytest.approx(0.5, abs=0.01)) == is_seen
    assert (parity.features_db > 0.01) == is_seen


def loud_and_soft() -> Windows:
    """One window in which a tone grows by 80 dB."""
    n = SPEC.window_samples + SPEC.n_fft
    t = np.arange(n) / SPEC.sample_rate
    sound = 0.5 * 10 ** (-4 * (1 - t / t[-1])) * np.sin(2 * np.pi * 3000 * t)
    sound += 1e-6 * np.random.default_rng(0).standard_normal(n)
    waveform, rows = cut_window(Waveform(sound.astype(np.float32), SPEC.sample_rate), SPEC, 1)
    return Windows(waveform[None], rows[None].copy(), "a tone that grows")


@pytest.mark.parametrize("wrong", ["serving_default", "features"])
def test_both_roads_have_to_agree(
    wrong: str, graph: Graph, windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = graph.from_features(windows.features, training=False).numpy()
    others = np.roll(reference, 1, axis=1)
    assert (reference.argmax(axis=1) != others.argmax(axis=1)).all()

    def road(name: str) -> Any:
        answers = iter(others if name == wrong else reference)
        return lambda **_: {"scores": next(answers)[None]}

    roads = {name: road(name) for name in ("serving_default", "features")}
    monkeypatch.setattr(module, "signature_runners", lambda _: roads)
    parity = measure_parity(graph, b"", windows, tolerance=TOLERANCES["none"])
    assert parity.agreement == 0.0
    difference = np.abs(others - reference).max(axis=1)
    assert parity.mean_scores == pytest.approx(difference.mean(), rel=1e-4)
    found = {"serving_default": parity.waveform_scores, "features": parity.features_scores}
    assert found.pop(wrong) == pytest.approx(difference.max(), rel=1e-4)
    assert list(found.values()) == [pytest.approx(0.0, abs=1e-6)]
    assert any(line.startswith("best classes agree in 0.0%") for line in parity.problems())


def test_a_class_as_good_as_the_best_is_no_disagreement(
    graph: Graph, windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the tolerance of scores, which of two classes comes first says nothing."""
    answers = np.array([[0.4002, 0.4, 0.1998], [0.42, 0.4, 0.18]], np.float32)
    two = Windows(windows.waveforms[:2], windows.features[:2], "two windows")
    monkeypatch.setattr(module, "_answers", lambda model, inputs: (answers, 3))
    monkeypatch.setattr(module, "_features_difference", lambda *_: 0.0)

    def road() -> Any:
        swapped = iter(answers[:, [1, 0, 2]])
        return lambda **_: {"scores": next(swapped)[None]}

    roads = {name: road() for name in ("serving_default", "features")}
    monkeypatch.setattr(module, "signature_runners", lambda _: roads)
    assert measure_parity(graph, b"", two, tolerance=TOLERANCES["none"]).agreement == 0.5


@pytest.mark.parametrize("name", ["features_db", "waveform_scores", "features_scores", "agreement"])
def test_a_difference_that_is_no_number_is_a_problem(name: str) -> None:
    fine = Parity(8, "windows", 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, TOLERANCES["none"])
    assert fine.problems() == []
    assert len(replace(fine, **{name: float("nan")}).problems()) == 1


def test_what_cannot_be_converted_is_refused(graph: Graph) -> None:
    with pytest.raises(InputError, match=r"unknown quantization 'int9'; did you mean 'int8'\?"):
        convert(graph, quantize="int9")
    with pytest.raises(InputError, match="needs training recordings for calibration"):
        convert(graph, quantize="int8")
    model = build_cnn(VARIANTS["cnn_v20"], n_frames=64, n_rows=80, n_classes=2)
    ones = np.ones(SPEC.n_features, np.float32)
    with pytest.raises(InputError, match=r"expects windows of shape \(None, 64, 80, 1\), the features have"):
        build_graph(network_graph(model, Normalisation(ones, ones), SPEC), SPEC)


def test_a_dense_network_agrees_with_its_file_and_has_no_int8(windows: Windows) -> None:
    n_classes = len(LABELS)
    model = build_network("dense_pixels", n_frames=SPEC.n_frames, n_rows=SPEC.n_rows, n_classes=n_classes)
    rows = windows.features.reshape(-1, SPEC.n_features)
    dense = build_graph(network_graph(model, Normalisation(rows.mean(axis=0), rows.std(axis=0)), SPEC), SPEC)
    assert measure_parity(dense, convert(dense), windows, tolerance=TOLERANCES["none"]).problems() == []
    with pytest.raises(InputError, match="'int8' needs convolutions"):
        convert(dense, quantize="int8", calibration=windows)


def test_a_recording_of_one_window_has_one(tmp_path: Path, rng: np.random.Generator) -> None:
    import soundfile

    n = (SPEC.n_frames - 1) * SPEC.hop_length
    for name, length in (("just.wav", n), ("short.wav", n - SPEC.hop_length)):
        soundfile.write(tmp_path / name, 0.1 * rng.standard_normal(length), SPEC.sample_rate)
    assert SPEC.frames_of(n) == SPEC.n_frames
    assert len(recording_windows([tmp_path / "just.wav"], SPEC)) == 1
    assert len(recording_windows([tmp_path / "short.wav"], SPEC)) == 0


def test_windows_of_recordings(tmp_path: Path, rng: np.random.Generator) -> None:
    import soundfile

    paths = [tmp_path / f"{name}.wav" for name in ("long", "short", "broken")]
    soundfile.write(paths[0], 0.1 * rng.standard_normal(4 * SPEC.sample_rate), SPEC.sample_rate)
    soundfile.write(paths[1], 0.1 * rng.standard_normal(1000), SPEC.sample_rate)
    paths[2].write_text("no sound")
    found = recording_windows(paths, SPEC)
    assert found.source == "one window from each of 1 training recordings"
    assert found.waveforms.shape == (1, SPEC.window_samples)
    again = recording_windows(paths[::-1], SPEC, seed=0)
    np.testing.assert_array_equal(found.waveforms, again.waveforms)
    assert not np.array_equal(found.waveforms, recording_windows(paths, SPEC, seed=1).waveforms)


def info(**changes: Any) -> ModelInfo:
    values: dict[str, Any] = {"name": "letters", "kind": "cnn_v20", "spec": SPEC, "labels": LABELS}
    return ModelInfo(**(values | changes))


def test_a_card_says_what_the_file_says(tmp_path: Path) -> None:
    figure = {"mean": 0.5, "deviation": 0.25, "folds": [0.25, 0.75]}
    names = ("accuracy", "top5", "balanced_accuracy")
    levels = {level: dict.fromkeys(names, figure) for level in ("recording", "window")}
    path = tmp_path / "figures.json"
    settings = {"n_recordings": 90, "n_folds": 3, "seed": 0, "model_settings": {"epochs": 150}}
    models = {"cnn_v20": {"groupings": {"session": levels}}}
    path.write_text(json.dumps({"settings": settings, "models": models}))
    card = model_card(
        info(
            provenance={"seed": 3, **read_figures(path, "cnn_v20")},
            licences={"model": "CC BY-NC-SA 4.0", "credits": ["A. Person, XC1, CC BY 4.0"]},
            parity={"agreement": 1.0},
        )
    )
    for expected in (
        "Classes: 2 species and 'no bird'.",
        "| cnn_v20, 150 epochs, 3 session folds | 0.500 ± 0.250 |",
        "over the folds of 90 recordings",
        "- seed: 3",
        "- model: CC BY-NC-SA 4.0",
        "- A. Person, XC1, CC BY 4.0",
        "- agreement: 1\n",
        "- Alpha beta (Letter bird)\n- Gamma delta\n- no bird\n",
        "- n mels: 64",
    ):
        assert expected in card
    assert "No figures: this model was not cross-validated" in model_card(info())
    with pytest.raises(InputError, match="has no figures of 'cnn_v16'"):
        read_figures(path, "cnn_v16")
    path.write_text('{"models": {"cnn_v20": {}}}')
    with pytest.raises(InputError, match="is not the figures"):
        read_figures(path, "cnn_v20")


def test_the_interpreter_reads_the_whole_file(
    tmp_path: Path, flatbuffers: dict[str, bytes], windows: Windows
) -> None:
    path = tmp_path / "letters.tflite"
    write_model_file(path, flatbuffer=flatbuffers["none"], info=info(), card="")
    whole = signature_runners(path.read_bytes())
    bare = signature_runners(read_model_file(path).flatbuffer)
    for runners in (whole, bare):
        assert set(runners) == {"serving_default", "features"}
    window = windows.waveforms[:1]
    np.testing.assert_array_equal(
        whole["serving_default"](waveform=window)["scores"],
        bare["serving_default"](waveform=window)["scores"],
    )
