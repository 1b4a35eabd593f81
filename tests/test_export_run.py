"""From a run folder to a file that answers the same with and without avianvox."""

import json
import math
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from avianvox.cli.main import main
from avianvox.dataset.catalog import read_catalog
from avianvox.dataset.training_data import training_data
from avianvox.documents import write_json
from avianvox.errors import MissingExtraError
from avianvox.export import exporter
from avianvox.export.exporter import export_run
from avianvox.export.parity import Tolerance
from avianvox.features.build import build_store
from avianvox.features.extract import extract_features
from avianvox.features.spec import FeatureSpec
from avianvox.features.store import FeatureStore
from avianvox.inference.calibration import Calibration, LevelCalibration, Scaling
from avianvox.inference.classifier import Classifier
from avianvox.inference.pooling import pool_answers
from avianvox.modelfile import read_model_file, write_model_file
from avianvox.models.cnn import VARIANTS, build_cnn
from avianvox.runfolder import CONFIG
from avianvox.training import run as folder
from avianvox.types import Decision, Waveform

REPOSITORY = Path(__file__).resolve().parent.parent
SPEC = FeatureSpec(n_fft=1024, n_mels=64, n_frames=64)
LABELS = ("Alpha beta", "Gamma delta", "no bird")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of sounds for each class; the first recording is several windows long."""
    path = tmp_path_factory.mktemp("recordings")
    rng = np.random.default_rng(0)
    for k, label in enumerate(LABELS):
        (path / label).mkdir()
        seconds = np.arange(int(SPEC.sample_rate * (5.3 - k))) / SPEC.sample_rate
        sound = 0.3 * np.sin(2 * np.pi * (900 + 1000 * k) * seconds * (1 + 0.1 * seconds))
        sound += 0.02 * rng.standard_normal(len(seconds))
        soundfile.write(path / label / f"r{k}.wav", sound, SPEC.sample_rate, "PCM_16")
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, catalog: Path) -> Path:
    """A run folder as training leaves it, of an untrained network with strong opinions."""
    path = tmp_path_factory.mktemp("run")
    samples, rate = soundfile.read(catalog / LABELS[0] / "r0.wav", dtype="float32")
    rows = extract_features(Waveform(samples, rate), SPEC).values
    model = build_cnn(VARIANTS["cnn_v20"], n_frames=64, n_rows=SPEC.n_rows, n_classes=3, seed=1)
    kernel, bias = model.get_layer("logits").get_weights()
    model.get_layer("logits").set_weights([20 * kernel, bias])
    config = {
        **folder.FOLDER.file.head,
        "train": {"model": "cnn_v20", "seed": 0, "combine": None},
        "features": SPEC.to_mapping(),
        "labels": list(LABELS),
        "common_names": ["", "", ""],
        "catalogs": [str(catalog), "somewhere else"],
        "n_recordings": 3,
        "data_hash": "0",
        "versions": {},
        "licences": {"CC BY 4.0": 3},
        "credits": ["A. Person, r0, CC BY 4.0"],
    }
    write_json(path / CONFIG, config)
    ids = [recording.id for recording in read_catalog(catalog).recordings]
    write_json(path / folder.SPLIT, {"train": ids, "validation": [], "left out": []})
    write_json(path / folder.FIGURES, {"epochs": 3})
    normalisation = {"mean": rows.mean(axis=0), "deviation": rows.std(axis=0)}
    folder.write_arrays(path / folder.NORMALISATION, normalisation)
    folder.write_arrays(path / folder.WEIGHTS, {w.path: w.numpy() for w in model.weights})
    return path


@pytest.fixture(scope="module")
def model_file(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "letters.tflite"
    export_run(run, path, licence="CC BY 4.0")
    return path


def test_the_file_describes_its_run(model_file: Path) -> None:
    info = read_model_file(model_file).info
    assert (info.name, info.kind, info.quantization) == ("letters", "cnn_v20", "none")
    assert info.spec == SPEC
    assert info.labels.names == LABELS
    assert info.provenance["catalogs"][1] == "somewhere else"
    assert info.provenance["figures"] == {"epochs": 3}
    assert info.licences["model"] == "CC BY 4.0"
    assert info.parity["source"] == "one window from each of 3 training recordings"
    assert info.parity["agreement"] == 1.0
    assert info.extractor_revision == 1  # the run names none
    assert "A. Person, r0" in read_model_file(model_file).card


def test_the_file_answers_as_its_network_does_in_a_cross_validation(
    run: Path, catalog: Path, tmp_path: Path
) -> None:
    """Windows overlap by half, and sure ones count more: by the run as by the file."""
    copy = shutil.copytree(run, tmp_path / "run")
    config = json.loads((copy / CONFIG).read_text())
    config["train"] |= {"overlap": 0.5, "pooling": "weighted", "from": "/runs/deep/first"}
    write_json(copy / CONFIG, config)
    export_run(copy, tmp_path / "half.tflite")
    info = read_model_file(tmp_path / "half.tflite").info
    hop_s = 32 * SPEC.hop_length / SPEC.sample_rate
    assert info.pooling == {"kind": "weighted", "by": "species", "overlap_s": hop_s}
    classifier = Classifier.load(tmp_path / "half.tflite")
    recordings = read_catalog(catalog)
    build_store(recordings.recordings, SPEC, tmp_path / "store")
    store = FeatureStore.open(tmp_path / "store")
    data = training_data(recordings, store, SPEC, recordings.labels)
    found = folder.Run.open(copy).fitted().predict(data)
    pooled = pool_answers(found, len(data))
    for row, name in enumerate(data.ids):
        recording = next(r for r in recordings.recordings if r.id == name)
        answer = classifier.classify(recording.path)
        assert len(answer.windows) == (found.positions == row).sum()
        np.testing.assert_allclose(answer.scores, pooled[row], atol=2e-3)
    assert "runs/deep" not in json.dumps(dict(info.provenance))
    assert info.provenance["train"]["from"] == "first"
    longest = recordings.recordings[0].path
    alone = Classifier.load(tmp_path / "half.tflite").classify(longest, overlap_s=0.0)
    assert len(alone.windows) < len(classifier.classify(longest).windows)


def test_the_file_is_compared_on_recordings_that_were_learned(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copytree(run, tmp_path / "run")
    first, *others = folder.Run.open(copy).split["train"]
    assert others
    write_json(copy / folder.SPLIT, {"train": [first], "validation": others, "left out": []})
    found: list[Path] = []
    monkeypatch.setattr(exporter, "recording_windows", lambda paths, *_, **__: found.extend(paths))
    exporter.training_windows(folder.Run.open(copy), seed=0)
    assert [path.stem for path in found] == [Path(first).stem]


@pytest.mark.parametrize("threshold", [None, 0.0, 0.99, math.inf])
def test_the_script_in_the_documentation_gives_the_commands_numbers(
    model_file: Path, catalog: Path, tmp_path: Path, threshold: float | None
) -> None:
    if threshold is not None:
        plain, model_file = read_model_file(model_file), tmp_path / "calibrated.tflite"
        recording_level = LevelCalibration(Scaling(0.5, 0.25), (threshold,) * len(LABELS))
        found = Calibration(LevelCalibration(Scaling(3.0)), recording_level)
        info = replace(plain.info, calibration=found.to_mapping())
        write_model_file(model_file, flatbuffer=plain.flatbuffer, info=info, card="")
    page = (REPOSITORY / "docs" / "model-file.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    assert "avianvox" not in re.sub(r"avianvox\.json", "", script)
    (tmp_path / "classify.py").write_text(script, encoding="utf-8")
    recording = catalog / LABELS[0] / "r0.wav"
    answer = subprocess.run(
        [sys.executable, "classify.py", model_file, recording],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    prediction = Classifier.load(model_file).classify(recording)
    assert prediction.calibrated == (threshold is not None)
    assert len(prediction.windows) == 4
    lines = answer.stdout.splitlines()
    uncertain = lines[0] == "uncertain, perhaps"
    assert uncertain == (prediction.decision == Decision.UNCERTAIN) == (threshold in (0.99, math.inf))
    found = [line.split("\t") for line in lines[uncertain:]]
    expected = prediction.top(3)
    assert [label for label, _ in found] == [label for label, _ in expected]
    np.testing.assert_allclose([float(s) for _, s in found], [s for _, s in expected], atol=1e-4)


def test_the_command(run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "small.tflite"
    main_exits(0, ["export", str(run), "--out", str(out), "--quantize", "int8", "--name", "small one"])
    text, log = capfd.readouterr()
    assert f"{out}: cnn_v20, 3 classes, {out.stat().st_size} bytes" in text
    assert "same best class: 100.0%" in text
    assert "RFFT2D" in text
    assert log == ""
    assert read_model_file(out).info.name == "small one"
    assert read_model_file(out).info.quantization == "int8"


def test_a_file_beyond_tolerance_is_not_written(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(exporter.TOLERANCES, "none", Tolerance(scores=0.0))
    out = tmp_path / "m.tflite"
    main_exits(1, ["export", str(run), "--out", str(out)])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"avianvox: {out} was not written: scores from")
    assert list(tmp_path.iterdir()) == []
    main_exits(0, ["export", str(run), "--out", str(out), "--no-verify", "--json"])
    report, problems = capsys.readouterr()
    assert json.loads(report)["bytes"] == out.stat().st_size
    assert "beyond tolerance: scores from" in problems


def test_recordings_that_are_gone_are_said(
    run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    moved = tmp_path / "run"
    shutil.copytree(run, moved)
    config = json.loads((moved / CONFIG).read_text())
    write_json(moved / CONFIG, config | {"catalogs": ["/nowhere/recordings"]})
    main_exits(0, ["export", str(moved), "--out", str(tmp_path / "m.tflite")])
    text, log = capfd.readouterr()
    assert "compared on 16 windows of synthetic sound" in text
    assert len(log.splitlines()) == 1
    assert (
        "not found in /nowhere/recordings; the exported file is compared with its model on synthetic sound"
        in log
    )


def test_a_run_that_lacks_its_split(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "run"
    shutil.copytree(run, broken)
    (broken / folder.SPLIT).unlink()
    main_exits(1, ["export", str(broken), "--out", str(tmp_path / "m.tflite"), "--quantize", "int8"])
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{broken / folder.SPLIT} is missing or damaged" in line


def test_a_missing_quantiser_is_said_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avianvox.errors.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"quantisation 'dynamic' needs .*'ai_edge_quantizer'"):
        export_run(tmp_path, tmp_path / "m.tflite", quantize="dynamic")


def test_a_run_becomes_a_page_for_browsers(
    run: Path, model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Alone, or beside the model file that is asked for; settings of the export hold for both."""
    settings = ["--licence", "CC BY 4.0", "--name", "letters"]
    main_exits(0, ["export", str(run), "--web", str(tmp_path / "alone"), *settings])
    (first, *_) = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{tmp_path / 'alone'}: page for letters, {len(LABELS)} classes, ")
    assert (tmp_path / "alone" / "model.tflite").read_bytes() == model_file.read_bytes()
    both = ["--web", str(tmp_path / "both"), "--out", str(tmp_path / "m.tflite")]
    main_exits(0, ["export", str(run), *both, *settings, "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["web"]["model"] == "letters"
    assert (tmp_path / "m.tflite").read_bytes() == (tmp_path / "both" / "model.tflite").read_bytes()
    assert told["path"] == str(tmp_path / "m.tflite")


def test_a_folder_without_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main_exits(1, ["export", str(tmp_path), "--out", str(tmp_path / "m.tflite")])
    assert "no training run in" in capsys.readouterr().err


def main_exits(code: int, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert (caught.value.code or 0) == code
