"""Calibration of a run folder, and its command."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from handmade_model import LABELS as OTHER_LABELS
from handmade_model import make_flatbuffer, write_handmade

from avianvox.calibration.calibrate import calibrate_run
from avianvox.calibration.saved import CalibrateOptions
from avianvox.cli.main import cli
from avianvox.errors import InputError, ModelFileError, RunError
from avianvox.evaluation.saved_run import SavedRun
from avianvox.export.card import model_card
from avianvox.features.spec import FeatureSpec
from avianvox.inference.calibration import LEVELS, Calibration
from avianvox.modelfile import read_model_file, write_model_file
from avianvox.modelinfo import ModelInfo


@pytest.fixture(scope="module")
def run(tiny_crossval: Path) -> SavedRun:
    return SavedRun.open(tiny_crossval)


def test_a_run_is_calibrated_from_its_folder(run: SavedRun) -> None:
    report = calibrate_run(run, "gnb_mfcc", options=CalibrateOptions(precision=None))
    mapping = json.loads(json.dumps(report.to_mapping(), allow_nan=False))
    assert Calibration.from_mapping(mapping["calibration"], n_classes=len(run.labels)) == report.calibration
    assert mapping["options"]["rule"] == report.calibration.basis["thresholds"] == "best F1"
    assert set(mapping["levels"]["recording"]["thresholds"]["classes"]) == set(run.labels.names)
    assert sum(b["n"] for b in mapping["levels"]["window"]["before"]["reliability"]) == (
        report.levels["window"].n
    )
    strict = calibrate_run(run, "gnb_mfcc", options=CalibrateOptions(precision=0.5, listening_factor=3.0))
    assert strict.options.rule == "precision 0.5"
    with pytest.raises(InputError, match="choose one with --model: gnb_pixels, gnb_mfcc"):
        calibrate_run(run)
    with pytest.raises(RunError, match="no grouping 'site'"):
        calibrate_run(run, "gnb_mfcc", grouping="site")


def command(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["calibrate", *map(str, arguments)])


@pytest.fixture
def model_file(run: SavedRun, tmp_path: Path) -> Callable[..., Path]:
    """Writes a model file that fits the run, but for what is asked to be different."""

    def write(name: str, **changes: object) -> Path:
        flatbuffer = make_flatbuffer(np.zeros((len(run.labels), FeatureSpec().n_features), np.float32))
        spec = FeatureSpec.from_mapping(run.config["features"])
        info = replace(ModelInfo(name, "gnb_mfcc", spec, run.labels), **{"outputs": (), **changes})  # type: ignore[arg-type]
        write_model_file(tmp_path / name, flatbuffer=flatbuffer, info=info, card="")
        return tmp_path / name

    return write


def test_the_command_writes_a_report_and_a_model_file(run: SavedRun, model_file: Callable[..., Path]) -> None:
    model = model_file("model.tflite")
    flatbuffer = read_model_file(model).flatbuffer
    result = command(run.path, "--model", "gnb_mfcc", "--best-f1", "--into", model)
    assert result.exit_code == 0, result.output
    assert "calibration error" in result.stdout
    kept = run.path / "calibration" / "gnb_mfcc-session.json"
    found = read_model_file(model)
    assert found.flatbuffer == flatbuffer
    assert found.info.calibration == json.loads(kept.read_text())["calibration"]
    assert "## Calibration" in found.card
    before = kept.read_bytes(), model.read_bytes()
    printed = command(run.path, "--model", "gnb_mfcc", "--best-f1", "--into", model, "--json").stdout
    assert (kept.read_bytes(), model.read_bytes()) == before
    assert json.loads(printed) == json.loads(kept.read_text())


def test_the_card_says_what_unknown_species_get(run: SavedRun, model_file: Callable[..., Path]) -> None:
    model = model_file("model.tflite")
    assert command(run.path, "--model", "gnb_mfcc", "--best-f1", "--into", model).exit_code == 0
    found = read_model_file(model)
    assert "Unknown species" not in found.card
    level = {
        "n_unknown": 9,
        "threshold": 0.25,
        "before": {"unknown": 7, "right": 5},
        "after": {"unknown": 1, "right": 4},
    }
    basis = found.info.calibration["basis"] | {
        "held_out_species": {"n_species": 3, "levels": {"recording": level, "window": level}}
    }
    card = model_card(replace(found.info, calibration={**found.info.calibration, "basis": basis}))
    assert "each of 3 species was held out in turn. Below 0.25 (windows: 0.25), nothing is named" in card
    assert (
        "So 1 of 9 recordings of unknown species are named; by the thresholds of the species alone, 7" in card
    )
    assert "Of 5 correct names of known species, 4 remain." in card


def test_a_file_that_was_trained_otherwise_gets_its_calibration_with_a_note(
    run: SavedRun, model_file: Callable[..., Path]
) -> None:
    settings = run.config["model_settings"] | {"model": "gnb_mfcc", "seed": 5, "patience": 1}
    provenance = {"train": settings, "data_hash": run.config["data_hash"]}
    same = command(
        run.path, "--model", "gnb_mfcc", "--into", model_file("same.tflite", provenance=provenance)
    )
    assert "note" not in same.stderr
    other = {
        "train": settings | {"epochs": 7, "padding": "mean", "loss": "label_smoothing"},
        "data_hash": "0" * 64,
    }
    model = model_file("other.tflite", provenance=other)
    found = command(run.path, "--model", "gnb_mfcc", "--into", model)
    assert found.exit_code == 0
    (note,) = [line for line in found.stderr.splitlines() if line.startswith("note")]
    there = run.config["model_settings"]
    for words in (
        f"epochs 7 instead of {there['epochs']}",
        f"padding mean instead of {there['padding']}",
        "loss label_smoothing instead of cross_entropy",  # both were written without it before it came
        "other rec",
    ):
        assert words in note
    assert f"epochs 7 instead of {there['epochs']}" in read_model_file(model).card
    basis = read_model_file(model).info.calibration["basis"]
    assert (basis["model_settings"], basis["data_hash"]) == (there, run.config["data_hash"])


def test_a_model_may_combine_the_same_rows_in_its_own_way(
    run: SavedRun, model_file: Callable[..., Path]
) -> None:
    spec = FeatureSpec.from_mapping(run.config["features"])
    model = model_file("model.tflite", spec=spec.with_changes(combine="mel"))
    assert command(run.path, "--model", "gnb_mfcc", "--into", model).exit_code == 0
    other = model_file("other.tflite", spec=spec.with_changes(n_frames=spec.n_frames + 1))
    refused = command(run.path, "--model", "gnb_mfcc", "--into", other)
    assert "expected the same features in file" in str(refused.exception)


def test_coverages_of_sets_are_what_is_asked_for(run: SavedRun, model_file: Callable[..., Path]) -> None:
    model = model_file("model.tflite")
    found = command(run.path, "--model", "gnb_mfcc", "--coverages", "0.7, 0.6", "--into", model)
    assert "sets for 60% hold" in found.stdout
    written = read_model_file(model).info.calibration
    assert list(written["recording"]["conformal"]) == ["0.6", "0.7"]
    assert [sorted(written[level]["branches"]) for level in LEVELS] == [["family", "genus"]] * 2
    for wrong in ("", "0.5,1", "much"):
        assert command(run.path, "--model", "gnb_mfcc", "--coverages", wrong).exit_code == 2


def test_a_file_of_another_model_is_refused_and_left_alone(
    run: SavedRun, model_file: Callable[..., Path], tmp_path: Path
) -> None:
    names = replace(run.labels, names=tuple(reversed(run.labels.names)))
    files = {
        "kind of model": model_file("kind.tflite", kind="cnn_v20"),
        "labels": model_file("labels.tflite", labels=names),
        "features": model_file("features.tflite", spec=FeatureSpec(n_mels=64)),
        "number of classes": model_file("classes.tflite", labels=OTHER_LABELS),
    }
    for what, path in files.items():
        before = path.read_bytes()
        result = command(run.path, "--model", "gnb_mfcc", "--into", path)
        assert isinstance(result.exception, ModelFileError)
        assert f"expected the same {what} in file and cross-validation" in str(result.exception)
        assert path.read_bytes() == before
    assert "got handmade and gnb_mfcc" in str(
        command(run.path, "--model", "gnb_mfcc", "--into", write_handmade(tmp_path / "h.tflite")).exception
    )
    assert command(run.path, "--precision", 0.9, "--best-f1").exit_code == 2


def test_the_metric_chooses_the_best_row(run: SavedRun) -> None:
    for metric in ("f1", "precision"):
        options = CalibrateOptions(metric=metric)
        report = calibrate_run(run, "gnb_pixels", grouping="random", options=options)
        found = [getattr(row.classification, metric) for row in report.detection]
        best = report.best_detection("classification")
        assert (best is None) == (not np.nanmax([0, *found]))
        if best is not None:
            assert getattr(best.classification, metric) == np.nanmax(found)
