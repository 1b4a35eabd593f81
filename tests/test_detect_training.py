"""Training a detector: run folder, resuming, what is left out and refused, and weights to begin from."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from small_detector import CONFIG, SPEC, TOML, boxed_folder, tiny_trunk

from avianvox.boxes.matching import Sound
from avianvox.boxes.protocol import boxes_in
from avianvox.cli.detect import detect
from avianvox.dataset.sources.annotations import read_boxes
from avianvox.detect.detector import Detector
from avianvox.detect.figures import box_figures, in_words
from avianvox.detect.network import build
from avianvox.detect.run import DetectorRun, shape_of
from avianvox.detect.settings import DetectConfig, read_detect_file
from avianvox.detect.train import (
    MOST_JUDGED,
    begin_from_run,
    held_out,
    learnable,
    train_detector,
    watched,
)
from avianvox.detect.windows import BoxedRecordings, WindowBatches
from avianvox.errors import ConfigError, InputError, ModelFileError, RunError
from avianvox.features.extract import extract_features
from avianvox.features.provide import provide_store
from avianvox.features.store import FeatureStore
from avianvox.inference.classifier import Classifier
from avianvox.modelfile import read_model_file
from avianvox.tables.formats import read_table
from avianvox.training.run import Run, read_arrays
from avianvox.types import NO_BIRD, Box, Recording, Waveform
from avianvox.workers import Workplace

SHORT = replace(CONFIG, steps=4, evaluate_every=2)


@pytest.fixture(scope="module", autouse=True)
def tiny() -> Iterator[None]:
    with tiny_trunk():
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return boxed_folder(tmp_path_factory.mktemp("boxed"))


@pytest.fixture(scope="module")
def recordings(folder: Path) -> tuple[Recording, ...]:
    return read_boxes(folder).recordings


@pytest.fixture(scope="module")
def store(recordings: tuple[Recording, ...], tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    path = tmp_path_factory.mktemp("features") / "store"
    return provide_store(recordings, SPEC, path, workplace=Workplace(1))


@pytest.fixture(scope="module")
def trained(folder: Path, store: FeatureStore, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run that was killed at its third step, and what the command said that went on with it."""
    out = tmp_path_factory.mktemp("runs") / "run"
    (out.parent / "tiny.toml").write_text(
        TOML.replace("steps = 60\nevaluate_every = 30", "steps = 4\nevaluate_every = 2")
    )

    class Killed(Exception):
        pass

    def kill(step: int, *_: object) -> None:
        if step == 3:
            raise Killed

    recordings = read_boxes(folder).recordings
    with pytest.raises(Killed):
        train_detector(recordings, store, SHORT, out, spec=SPEC, catalogs=[str(folder)], progress=kill)
    with pytest.raises(RunError, match="not complete; finish it with: avianvox detect train"):
        DetectorRun.open(out)
    with pytest.raises(RunError, match="--resume or replace it with --fresh"):
        train_detector(recordings, store, SHORT, out, spec=SPEC)
    other = replace(SHORT, learning_rate=1e-4)
    with pytest.raises(RunError, match=r"learning_rate was 0.003 and is 0.0001"):
        train_detector(recordings, store, other, out, spec=SPEC, resume=True)
    arguments = ["--config", out.parent / "tiny.toml", "--store", store.path, "--resume"]
    result = command("train", folder, "--out", out, *arguments)
    assert result.exit_code == 0, result.output
    return out, result.stdout


@pytest.fixture(scope="module")
def model(trained: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The file of the run, and what the command said of it."""
    out = tmp_path_factory.mktemp("models") / "small.tflite"
    result = command(
        "export", trained[0], "--out", out, "--json", "--min-score", 0.2, "--quantize", "float16"
    )
    assert result.exit_code == 0, result.output
    return out, json.loads(result.stdout)


def command(*arguments: object) -> Result:
    return CliRunner().invoke(detect, list(map(str, arguments)))


def test_a_run_holds_what_came_of_it_and_opens_again(trained: tuple[Path, str]) -> None:
    path, said = trained
    assert said.startswith(f"{path}: detector, 2 classes, ")
    assert "mean IoU" in said
    run = DetectorRun.open(path)
    names = {"config.json", "split.json", "checkpoint.npz", "history.csv", "learning_curve.png"}
    assert {file.name for file in path.iterdir()} == names | {"weights.npz", "figures.json", "train.log"}
    history = (path / "history.csv").read_text().splitlines()
    assert history[0].split(",")[:2] == ["step", "loss"]
    assert history[0].endswith("iou,ap50")
    assert [row.split(",")[0] for row in history[1:]] == ["2", "4"]
    assert run.figures["train"].keys() == {"iou", "ap50"}
    over = run.figures["over_steps"]
    assert (over["part"], over["recordings"]) == ("train", 4)  # none is held out
    assert [row["step"] for row in over["rows"]] == [2, 4]
    assert {"iou", "ap50"} <= over["rows"][0].keys()
    assert run.figures["synthetic"] is False  # the tables don't say so
    weights = read_arrays(path / "weights.npz")
    for name, array in run.network().arrays().items():
        np.testing.assert_array_equal(array, weights[name])


def test_weights_of_another_run_are_begun_from(trained: tuple[Path, str], tmp_path: Path) -> None:
    run = DetectorRun.open(trained[0])
    network = build(replace(shape_of(run.config, run.plan), seed=5))
    before = network.arrays()
    document: dict[str, Any] = {"labels": list(run.plan.labels), "detect": {"trunk": "tiny"}}
    begun = begin_from_run(network, trained[0], SPEC, document)
    assert {"block1_conv", "region_classes"} <= set(begun["taken"])
    theirs = read_arrays(trained[0] / "weights.npz")
    assert not np.array_equal(before["block1_conv/kernel"], theirs["block1_conv/kernel"])
    np.testing.assert_array_equal(network.arrays()["block1_conv/kernel"], theirs["block1_conv/kernel"])
    assert document["inherited"][0]["kind"] == "weights"
    others = begin_from_run(network, trained[0], SPEC, document | {"labels": ["a", "b"]})
    assert "region_classes" not in others["taken"]
    with pytest.raises(InputError, match="learned from other features"):
        begin_from_run(network, trained[0], SPEC.with_changes(n_mels=60), document)
    with pytest.raises(RunError, match="no training run in"):
        begin_from_run(network, tmp_path, SPEC, document)
    with pytest.raises(RunError, match=r"training run"):
        Run.open(trained[0])  # the other way round: what exports classifiers refuses a detector


def test_the_file_says_what_keras_says_with_built_in_operators(model: tuple[Path, dict[str, Any]]) -> None:
    path, said = model
    assert said["parity"]["scores"] < 1e-3
    assert said["parity"]["windows"] > 0
    assert said["parity"]["waveform"] < 1e-3
    assert not [name for name in said["operators"] if name.startswith(("CUSTOM", "FLEX"))]
    info = read_model_file(path).info
    assert info.kind == "detector"
    assert info.parity["scores"] == said["parity"]["scores"]
    assert [output.name for output in info.outputs] == ["species", "boxes"]
    assert "detector of boxes" in read_model_file(path).card


def test_sound_goes_in_too_and_weights_may_have_half_precision(
    model: tuple[Path, dict[str, Any]], folder: Path
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    file = read_model_file(model[0])
    assert file.info.quantization == "float16"
    graph = Interpreter(model_content=bytes(file.flatbuffer))
    kernels = [one for one in graph.get_tensor_details() if one["dtype"] is np.float16]
    assert kernels  # dequantised as they are read
    samples = soundfile.read(next(folder.glob("*.wav")), dtype="float32")[0][None, : SPEC.window_samples]
    rows = extract_features(Waveform(samples[0, SPEC.n_fft // 2 :], SPEC.sample_rate), SPEC).values
    heard = graph.get_signature_runner("serving_default")(waveform=samples)
    read = graph.get_signature_runner("features")(features=rows[None, : SPEC.n_frames])
    assert heard.keys() == read.keys() == {"objectness", "offsets", "map"}
    assert said_alike(heard["objectness"], read["objectness"]) > 0.99


def said_alike(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_boxes_are_found_without_keras(
    model: tuple[Path, dict[str, Any]], folder: Path, tmp_path: Path
) -> None:
    code = (
        "import sys; from avianvox.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: print(sorted({'keras', 'tensorflow', 'scipy', 'sklearn', 'librosa'} & set(sys.modules)))\n"
    )
    arguments = ["detect", "find", model[0], folder, "--out", tmp_path / "found", "--json"]
    result = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    said, loaded = result.stdout.rstrip().rsplit("\n", 1)
    assert loaded == "[]"
    found = json.loads(said)
    assert len(found["recordings"]) == 4
    assert found["sound_s"] > 20
    detector = Detector.open(model[0])
    for row in found["recordings"]:
        boxes = list(boxes_in(row["path"], detector))
        assert row["boxes"] == len(boxes)
        assert row["labels"] == dict(Counter(box.label for box in boxes))
        table = tmp_path / "found" / f"{Path(row['path']).stem}.avianvox.selections.txt"
        assert table.exists() == bool(boxes)
        if boxes:
            read = [(round(d.begin_s or 0, 3), d.scientific_name) for d in read_table(table)]
            assert sorted(read) == sorted((round(box.begin_s, 3), box.label) for box in boxes)


def test_files_that_cannot_be_read_are_listed_and_the_others_searched(
    model: tuple[Path, dict[str, Any]], folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF0000WAVE")
    good = next(folder.glob("*.wav"))
    out = tmp_path / "found.csv"
    result = command("find", model[0], tmp_path / "broken.wav", good, "--out", out, "--min-score", 0)
    assert result.exit_code == 3
    assert "failed: " in result.stderr
    assert "broken.wav" in result.stderr
    rows = list(read_table(out))
    assert {Path(row.path).name for row in rows} == {"broken.wav", good.name}
    with pytest.raises(ModelFileError, match="finds no boxes: it is a model of"):
        Detector.open("caribbean_california")
    with pytest.raises(ModelFileError, match=r"finds boxes.*avianvox detect find"):
        Classifier.load(os.fspath(model[0]))


def test_recordings_without_boxes_are_background_or_left_out(
    recordings: tuple[Recording, ...], store: FeatureStore
) -> None:
    one, *others = recordings
    undrawn = [replace(one, boxes=None), *others]
    assert learnable(undrawn, store).left_out == (
        f"{one.id}: nobody drew boxes in it; add its table, or label it '{NO_BIRD}'",
    )
    quiet = learnable([replace(one, boxes=None, label=NO_BIRD), *others], store)
    assert quiet.boxes[one.id] == ()
    assert quiet.left_out == ()


def test_a_class_with_one_box_is_told_and_none_is_an_error(
    recordings: tuple[Recording, ...], store: FeatureStore
) -> None:
    single = replace(recordings[-1], boxes=(Box(1, 2, 500, 900, "Rara avis"),))
    learned = learnable([*recordings[:-1], single], store)
    assert learned.left_out == ("class 'Rara avis': one box, expected 2 or more",)
    data = BoxedRecordings.of(store, learned.boxes, learned.names)
    assert len(data.all_boxes) == sum(len(r.boxes or ()) for r in recordings)
    with pytest.raises(InputError, match=r"no class with 2 boxes or more \(recordings: 1\)"):
        learnable([single], store)
    with pytest.raises(InputError, match="none of 1 recordings can be learned; first: gone: not in"):
        learnable([replace(single, id="gone")], store)
    with pytest.raises(InputError, match=r"none of 0 recordings can be learned$"):
        learnable([], store)
    with pytest.raises(InputError, match="name what they hold with --label"):
        learnable([replace(single, boxes=(Box(1, 2, 500, 900),))], store)


def test_whole_sessions_are_held_out_and_each_class_is_still_learned(
    recordings: tuple[Recording, ...], store: FeatureStore
) -> None:
    learned = learnable(recordings, store)
    out = held_out(learned, replace(CONFIG, validation=0.5))
    assert 0 < len(out) <= 2
    left = {box.label for name, found in learned.boxes.items() if name not in out for box in found}
    assert left == set(learned.names)
    assert held_out(learned, CONFIG) == set()


def test_a_run_looks_at_recordings_with_boxes_among_many(
    recordings: tuple[Recording, ...], store: FeatureStore
) -> None:
    learned = learnable(recordings, store)
    names = [f"empty {i}" for i in range(200)] + [f"box {i}" for i in range(25)]
    drawn = {name: (learned.drawn(recordings[0].id) if name[0] == "b" else ()) for name in names}
    many = replace(learned, boxes=drawn)
    looked_at = watched(names, many, 0)
    assert len(looked_at) == MOST_JUDGED == 40
    assert sum(name[0] == "b" for name in looked_at) >= 20
    assert looked_at == watched(names, many, 0) != watched(names, many, 1)
    assert watched(names[:30], many, 0) == names[:30]


def test_batches_depend_on_step_and_seed_alone(
    recordings: tuple[Recording, ...], store: FeatureStore
) -> None:
    learned = learnable(recordings, store)
    data = BoxedRecordings.of(store, learned.boxes, learned.names)
    batches = WindowBatches(data, replace(CONFIG, batch_size=16, boxed=1.0, mix=0.0))
    windows, pieces = batches.batch(3)
    assert windows.shape == (16, SPEC.n_frames, SPEC.n_mels)
    assert all(len(piece.boxes) + len(piece.ignored) for piece in pieces)
    again, _ = WindowBatches(data, batches.config).batch(3)
    np.testing.assert_array_equal(windows, again)
    assert not np.array_equal(windows, batches.batch(4)[0])
    mixed = WindowBatches(data, replace(batches.config, mix=1.0)).batch(3)[1]
    assert sum(len(p.boxes) for p in mixed) > sum(len(p.boxes) for p in pieces)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[detect]\naugment = ['blend']", r"augment: expected some of height.* got 'blend'"),
        ("[detect]\nstep = 3", r"\[detect\] has no key 'step'; did you mean 'steps'"),
        ("[detect]\nsteps = 0", "steps: expected 1 or more, got 0"),
        ("[detect]\noptimiser = 'adamm'", "did you mean 'adam'"),
        ("[train]\nsteps = 3", r"no table \[train\]"),
    ],
)
def test_settings_that_are_wrong_are_one_line(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(ConfigError, match=says):
        read_detect_file(tmp_path / "a.toml", {})


def test_settings_of_the_command_go_before_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[detect]\nsteps = 7\nseed = 3\nwindow_frames = 64\n")
    config, spec = read_detect_file(tmp_path / "a.toml", {"seed": 5})
    assert config == DetectConfig(steps=7, seed=5, window_frames=64)
    assert (spec.n_frames, spec.combine) == (64, "above_floor")


def test_figures_of_boxes() -> None:
    drawn = (Box(0, 1, 0, 100, "a"), Box(2, 3, 0, 100, "a"))
    good, doubled = Box(0, 1, 0, 100, "a", 0.9), Box(0, 1, 0, 90, "a", 0.8)

    def figures(*found: Box) -> dict[str, float]:
        return box_figures([Sound("x", "x", drawn, found), Sound("y", "y", (), ())])

    assert figures(good, doubled) == {"iou": 0.5, "ap50": 0.5}  # the second one is wrong, and later
    named = figures(replace(good, label="b"), Box(2, 3, 0, 100, "a", 0.4))
    assert named == {"iou": 0.0, "ap50": 0.5}
    assert np.isnan(box_figures([Sound("y", "y", (), ())])["iou"])
    for nothing in (None, float("nan")):
        words = "mean IoU none, average precision at IoU 0.5 0.25"
        assert in_words({"iou": nothing, "ap50": 0.25}, digits=2) == words
