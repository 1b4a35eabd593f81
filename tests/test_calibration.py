"""Calibrated scores, decisions and prediction sets: in the file, on the command line, with known answers."""

import csv
import io
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from handmade_model import LABELS, write_handmade

from avianvox.cli.main import cli
from avianvox.errors import InputError, ModelFileError
from avianvox.inference.calibration import Calibration, LevelCalibration, LogOdds, Scaling, nonconformity
from avianvox.inference.classifier import Classifier, calibrate
from avianvox.inference.found import NOTHING
from avianvox.modelfile import read_model_file, write_model_file
from avianvox.modelinfo import ModelInfo
from avianvox.types import Decision, LabelSet, Prediction, Status, Window

RATE = 22050
CALIBRATION = Calibration(
    window=LevelCalibration(Scaling(2.0), (0.5, 0.99, 0.5), {0.5: 0.0, 0.9: 1.1}),
    recording=LevelCalibration(Scaling(0.5, 0.1), (math.inf, 0.3, 0.3), {0.5: 0.0, 0.9: 1.1}),
    basis={"model": "handmade", "grouping": "session"},
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_handmade(tmp_path_factory.mktemp("model") / "model.tflite")


@pytest.fixture(scope="module")
def calibrated(model: Path) -> Path:
    path = model.with_name("calibrated.tflite")
    rewrite(model, path, calibration=CALIBRATION.to_mapping())
    return path


@pytest.fixture(scope="module")
def sound(model: Path) -> Path:
    tone = 0.3 * np.sin(2 * np.pi * 3000 * np.arange(5 * RATE) / RATE)
    soundfile.write(model.with_name("tone.wav"), tone, RATE)
    return model.with_name("tone.wav")


def rewrite(model: Path, out: Path, **changes: object) -> None:
    found = read_model_file(model)
    info = replace(found.info, **changes)  # type: ignore[arg-type]
    write_model_file(out, flatbuffer=found.flatbuffer, info=info, card=found.card)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["classify", *map(str, arguments), "-q"])


def rows(*arguments: object) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(run(*arguments, "--format", "csv").stdout, newline="")))


def test_scaling_has_its_known_answers() -> None:
    scores = np.array([0.8, 0.2])
    np.testing.assert_allclose(Scaling().apply(scores), scores)
    np.testing.assert_allclose(Scaling(2.0).apply(scores), [2 / 3, 1 / 3])  # roots: 2 to 1
    np.testing.assert_allclose(Scaling(1.0, 0.5).apply(scores), [0.65, 0.35])
    np.testing.assert_allclose(Scaling(5.0, 1.0).apply(scores), [0.5, 0.5])
    np.testing.assert_allclose(Scaling(1e6).apply(np.array([1.0, 0.0, 0.0])), np.full(3, 1 / 3), atol=1e-4)
    many = Scaling(0.5, 0.1).apply(np.zeros((2, 3, 4), np.float32))
    np.testing.assert_allclose(many, np.full((2, 3, 4), 0.25))
    for temperature, uniform in ((0, 0), (math.nan, 0), (math.inf, 0), (1, 1.1), (1, -0.1)):
        with pytest.raises(InputError, match="temperature above 0"):
            Scaling(temperature, uniform)


def test_nonconformity_counts_what_stands_before() -> None:
    found = nonconformity(np.array([[0.2, 0.5, 0.3], [0.25, 0.5, 0.25]]))
    np.testing.assert_allclose(found, [[0.8 + 0.2, 0, 0.5 + 0.1], [0.5 + 0.1, 0, 0.75 + 0.2]])


def test_log_odds_are_scaled_class_by_class() -> None:
    scores = np.array([[0.5, 0.9, 0.1], [0.0, 1.0, 0.5]])
    found = LogOdds(2.0, -1.0).apply(scores)
    np.testing.assert_allclose(found[0], [1 / (1 + np.e), 81 / (81 + np.e), 1 / (1 + 81 * np.e)])
    assert 0 < found[1, 0] < 1e-11
    assert found[1, 1] > 1 - 1e-11
    np.testing.assert_allclose(LogOdds().apply(scores[0]), scores[0])
    for slope, intercept in ((0, 0), (-1, 0), (math.nan, 0), (1, math.inf)):
        with pytest.raises(InputError, match="slope of at least"):
            LogOdds(slope, intercept)


def test_log_odds_survive_json() -> None:
    level = LevelCalibration(LogOdds(0.5, -1.5), (0.4, math.inf, 0.4))
    found = Calibration(level, replace(level, scaling=LogOdds(0.7, 0.25)))
    text = json.dumps(found.to_mapping(), allow_nan=False)
    assert Calibration.from_mapping(json.loads(text), n_classes=3) == found


@pytest.mark.parametrize("pooling", ["mean", "weighted", "max", "confident3"])
def test_a_recording_is_what_pooling_makes_of_calibrated_windows(pooling: str) -> None:
    raw = [np.array([0.9, 0.1, 0.0], np.float32), np.array([0.3, 0.3, 0.4], np.float32)]
    windows = tuple(Window(i, 1, scores, None, 1.0 + i) for i, scores in enumerate(raw))
    prediction = Prediction("r.wav", Status.OK, LabelSet(("a", "b", "c")), raw[0], windows, 8000)
    first, second = CALIBRATION.apply(np.array(raw), "window")
    pooled = {
        "mean": (first + second) / 2,
        "weighted": (first + 4 * second) / 5,
        "max": np.maximum(first, second),
        "confident3": np.sqrt(first * second) / np.sqrt(first * second).sum(),
    }
    found = calibrate(prediction, CALIBRATION, pooling)
    np.testing.assert_allclose([window.scores for window in found.windows], [first, second], rtol=1e-6)
    np.testing.assert_allclose(found.scores, Scaling(0.5, 0.1).apply(pooled[pooling]), rtol=1e-6)


def test_a_decision_looks_at_the_threshold_of_the_best_class() -> None:
    level = CALIBRATION.recording
    assert level.decide(np.array([0.1, 0.3, 0.2])) == Decision.NAMED  # at the threshold
    assert level.decide(np.array([0.1, 0.29, 0.2])) == Decision.UNCERTAIN
    assert level.decide(np.array([0.9, 0.05, 0.05])) == Decision.UNCERTAIN  # no score suffices for it
    assert LevelCalibration().decide(np.array([0.9, 0.1])) is None


def test_below_the_score_of_unknown_species_nothing_is_named() -> None:
    level = LevelCalibration(thresholds=(0.3, 0.8, math.inf), unknown=0.5)
    found = [level.decision(score, label) for label in range(3) for score in (0.4, 0.5, 0.9)]
    unknown, uncertain, named = Decision.UNKNOWN, Decision.UNCERTAIN, Decision.NAMED
    assert found == [unknown, named, named, unknown, uncertain, named, unknown, uncertain, uncertain]
    assert level.named_from == (0.5, 0.8, math.inf)
    mapping = level.to_mapping()
    assert LevelCalibration.from_mapping(json.loads(json.dumps(mapping))) == level
    assert "unknown" not in LevelCalibration(thresholds=(0.3,)).to_mapping(), "files stay as they were"
    with pytest.raises(ValueError, match="finite"):
        LevelCalibration.from_mapping(mapping | {"unknown": math.nan})


def test_what_is_unknown_is_no_answer() -> None:
    found = {decision: NOTHING._replace(rank=1, decision=decision).named for decision in (None, *Decision)}
    assert [decision for decision, named in found.items() if named] == [None, Decision.NAMED]


def test_unknown_is_said_in_words_and_is_no_event(model: Path, sound: Path) -> None:
    window = replace(CALIBRATION.window, thresholds=(0.1,) * 3, unknown=0.999)
    path = model.with_name("careful.tflite")
    rewrite(model, path, calibration=replace(CALIBRATION, window=window).to_mapping())
    assert {row["decision"] for row in rows(sound, "--model", path, "--by", "window", "--top", 1)} == {
        "unknown"
    }
    assert run(sound, "--model", path, "--by", "window").stdout.count("unknown, perhaps ") == 2
    events = ("--model", path, "--by", "event")
    assert {row["scientific_name"] for row in rows(sound, *events)} == {""}
    shown = rows(sound, *events, "--min-score", 0.2)
    assert {row["decision"] for row in shown} == {"unknown"}
    named = replace(window, unknown=0.2)
    rewrite(model, path, calibration=replace(CALIBRATION, window=named).to_mapping())
    assert {row["decision"] for row in rows(sound, *events)} == {"named"}


def test_it_survives_json() -> None:
    text = json.dumps(CALIBRATION.to_mapping(), allow_nan=False)
    assert Calibration.from_mapping(json.loads(text), n_classes=3) == CALIBRATION
    with pytest.raises(ModelFileError, match="3 thresholds for 4 classes"):
        Calibration.from_mapping(json.loads(text), n_classes=4)
    for broken in ({}, {"window": 3}, {**json.loads(text), "recording": {"temperature": "hot"}}):
        with pytest.raises(ModelFileError, match="is not valid"):
            Calibration.from_mapping(broken, n_classes=3)
    for key, wrong in (
        ("temperature", math.nan),
        ("temperature", 0),
        ("uniform", math.inf),
        ("thresholds", [0.5, math.nan, 0.5]),
        ("thresholds", [0.5, math.inf, 0.5]),
        ("conformal", {"0.9": math.nan}),
        ("conformal", {"0.9": -math.inf}),
        ("conformal", {"nan": 1.0}),
    ):
        level = json.loads(text)["window"] | {key: wrong}
        with pytest.raises(ModelFileError, match=r"is not valid.*(finite|temperature above 0)"):
            Calibration.from_mapping({**json.loads(text), "window": level}, n_classes=3)
    with pytest.raises(InputError, match="window, recording"):
        CALIBRATION.level("night")
    with pytest.raises(InputError, match=r"holds 0\.5, 0\.9, got 0\.8"):
        CALIBRATION.set_limit(0.8, "window")


def test_old_model_files_are_read(model: Path) -> None:
    mapping = read_model_file(model).info.to_mapping()
    del mapping["calibration"]
    assert ModelInfo.from_mapping(mapping).calibration == {}
    assert Classifier.load(model).calibration is None


def test_a_damaged_calibration_names_the_file(model: Path, tmp_path: Path) -> None:
    rewrite(model, tmp_path / "odd.tflite", calibration={"window": {}})
    with pytest.raises(ModelFileError, match=r"odd\.tflite: the calibration is not valid"):
        Classifier.load(tmp_path / "odd.tflite")


def test_scores_are_calibrated_unless_raw_ones_are_asked_for(
    model: Path, calibrated: Path, sound: Path
) -> None:
    raw = Classifier.load(calibrated).classify(sound, calibrated=False)
    plain = Classifier.load(model).classify(sound)
    np.testing.assert_array_equal(raw.scores, plain.scores)
    assert (raw.calibrated, raw.decision, plain.calibrated, plain.decision) == (False, None, False, None)
    found = Classifier.load(calibrated).classify(sound)
    windows = CALIBRATION.apply(np.array([window.scores for window in raw.windows]), "window")
    expected = CALIBRATION.apply(windows.mean(axis=0), "recording")
    np.testing.assert_allclose(found.scores, expected, rtol=1e-6)
    assert found.calibrated
    assert found.decision == Decision.NAMED
    assert {window.decision for window in found.windows} == {Decision.UNCERTAIN}
    assert run(sound, "--model", calibrated, "--raw").stdout == run(sound, "--model", model).stdout


def test_uncertain_is_said_in_words_and_the_candidates_are_listed(calibrated: Path, sound: Path) -> None:
    recording = rows(sound, "--model", calibrated)
    assert [(row["rank"], row["decision"]) for row in recording] == [
        ("1", "named"),
        ("2", "named"),
        ("3", "named"),
    ]
    windows = rows(sound, "--model", calibrated, "--by", "window", "--top", 1)
    assert {row["decision"] for row in windows} == {"uncertain"}
    assert {row["decision"] for row in rows(sound, "--model", calibrated, "--raw")} == {""}
    text = run(sound, "--model", calibrated, "--by", "window").stdout
    assert text.count("uncertain, perhaps Parus medius (Middle Tit)\n") == text.count("uncertain") == 2
    assert "uncertain" not in run(sound, "--model", calibrated).stdout


def test_coverage_lists_the_prediction_set(model: Path, calibrated: Path, sound: Path) -> None:
    best, second, _ = Classifier.load(calibrated).classify(sound).top(3)
    assert best[1] + 0.1 < 1.1 < best[1] + second[1] + 0.2
    members = rows(sound, "--model", calibrated, "--coverage", 0.9)
    assert [row["scientific_name"] for row in members] == [best[0], second[0]]
    assert [row["rank"] for row in rows(sound, "--model", calibrated, "--coverage", 0.5)] == [
        "1"
    ]  # never empty
    assert len(rows(sound, "--model", calibrated)) == len(LABELS)
    text = run(sound, "--model", calibrated, "--coverage", 0.9).stdout.splitlines()
    assert text[1] == "    one of these 2, with 90 % coverage"
    assert "coverage" not in run(sound, "--model", calibrated).stdout
    refused = {
        ("--coverage", 0.8): "calibration holds 0.5, 0.9, got 0.8",
        ("--coverage", 0.9, "--top", 1): "excludes --top",
        ("--coverage", 0.9, "--raw"): "excludes --top",
    }
    for options, words in refused.items():
        result = run(sound, "--model", calibrated, *options)
        assert (result.exit_code, words in result.stderr) == (2, True)
    result = run(sound, "--model", model, "--coverage", 0.9)
    assert (result.exit_code, "has no calibration" in result.stderr) == (2, True)
