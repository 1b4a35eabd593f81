"""A finished model of independent classes: what its best answers are worth, and a calibrated copy."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from handmade_ear import LABELS, N_SAMPLES, RATE, ear, tone
from handmade_geo import geo_entries

from avianvox.calibration.answers import BestAnswers, Named, read_answers
from avianvox.calibration.finished import calibrate_answers
from avianvox.calibration.saved import CalibrateOptions
from avianvox.calibration.scaling import fit_log_odds
from avianvox.cli.main import cli
from avianvox.errors import InputError, RunError
from avianvox.features.waveform import WaveformSpec
from avianvox.inference.classifier import Classifier
from avianvox.judge.best import best_answers
from avianvox.judge.figures import Classes
from avianvox.judge.listening import N_OTHER, Heard, Kept
from avianvox.judge.sounds import Sound
from avianvox.modelfile import read_model_file, write_model_file
from avianvox.modelinfo import SPECIES, ModelInfo, Output
from avianvox.types import NO_BIRD, LabelSet, Recording, Status

N_CLASSES = 40


def answers_by_hand(n: int = 1500, *, slope: float = 0.5, intercept: float = -1.0) -> BestAnswers:
    """Scores whose log-odds are worth ``slope`` times themselves plus ``intercept``; five windows each."""
    rng = np.random.default_rng(3)
    classes = rng.integers(0, 8, n)
    scores = rng.uniform(0.02, 0.999, n)
    worth = 1 / (1 + np.exp(-(slope * np.log(scores / (1 - scores)) + intercept)))
    targets = np.where(rng.random(n) < worth, classes, 30)
    targets[targets == 30] = rng.choice([-1, 20], (targets == 30).sum())
    recordings = np.arange(n, dtype=np.int64)
    rows = np.repeat(recordings, 5)
    windows = np.tile(np.linspace(0.2, 1.0, 5), n) * np.repeat(scores, 5)
    return BestAnswers(
        name="ear",
        path="ear.tflite",
        sha256="0" * 64,
        classes=N_CLASSES,
        exclusive=False,
        pooling="max",
        calibrated=False,
        placed=False,
        ids=np.array([f"r{i}" for i in range(n)]),
        labels=np.array([f"species {target}" for target in targets]),
        sessions=np.array([f"s{i // 3}" for i in range(n)]),
        targets=targets,
        window=Named(rows, np.repeat(classes, 5), windows),
        recording=Named(recordings, classes, scores),
        catalogs=("here",),
    )


def test_the_fit_finds_what_made_the_answers() -> None:
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.001, 0.999, 40_000)
    worth = 1 / (1 + np.exp(-(0.4 * np.log(scores / (1 - scores)) - 1.5)))
    found = fit_log_odds(scores, rng.random(len(scores)) < worth)
    assert (found.slope, found.intercept) == (pytest.approx(0.4, abs=0.02), pytest.approx(-1.5, abs=0.04))
    with pytest.raises(InputError, match="got 3 and 0"):
        fit_log_odds(np.array([0.1, 0.2, 0.3]), np.ones(3, bool))


def test_held_out_sessions_become_probabilities() -> None:
    answers = answers_by_hand()
    report = calibrate_answers(answers)
    level = report.levels["recording"]
    assert (level.n, level.n_sessions, report.levels["window"].n) == (1500, 500, 7500)
    assert level.before.accuracy == level.after.accuracy  # the order of the classes stays
    assert level.before.error > 0.15
    assert level.after.error < level.after.floor.high < 0.06
    assert level.after.log_loss < level.before.log_loss
    window, recording = report.calibration.window.scaling, report.calibration.recording.scaling
    assert window != recording
    both = recording.apply(window.apply(answers.recording.scores))
    worth = 1 / (1 + np.exp(-(0.5 * np.log(answers.recording.scores / (1 - answers.recording.scores)) - 1)))
    np.testing.assert_allclose(both, worth, atol=0.06)


def test_every_class_of_the_model_has_a_threshold() -> None:
    report = calibrate_answers(answers_by_hand(), CalibrateOptions(precision=0.6))
    for name, level in report.levels.items():
        scores = getattr(report.calibration, name).thresholds
        assert len(scores) == N_CLASSES
        assert report.seen == tuple(range(8))
        assert set(scores[8:]) == {level.thresholds.pooled.score}
        assert scores[:8] == level.thresholds.scores[:8]
        assert 0.55 < level.decided.precision < 0.75  # 0.33 without thresholds
    assert report.calibration.basis["catalogs"] == ["here"]
    assert report.calibration.recording.conformal == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"exclusive": True}, "its classes exclude each other"),
        ({"calibrated": True}, "evaluate it again with --uncalibrated"),
        ({"placed": True}, "evaluate it again without a place"),
        ({"pooling": "mean"}, "evaluate it again with --pooling max"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        calibrate_answers(replace(answers_by_hand(60), **change))  # type: ignore[arg-type]


@pytest.mark.parametrize("n_sessions", [1, 4])
def test_few_sessions_are_refused_with_what_can_be_done(n_sessions: int) -> None:
    answers = answers_by_hand(60)
    few = replace(answers, sessions=np.array([f"s{i % n_sessions}" for i in range(len(answers.ids))]))
    with pytest.raises(InputError, match="as many sessions; evaluate the model on more recordings"):
        calibrate_answers(few)


def test_a_folder_of_neither_kind_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["calibrate", str(tmp_path)])
    assert done.exit_code == 1
    assert "found neither; make one with: avianvox crossval, or of a finished" in str(done.exception)


def test_answers_are_read_as_they_were_written(tmp_path: Path) -> None:
    answers = answers_by_hand(20)
    path = answers.write(tmp_path / "answers")
    first = path.read_bytes()
    assert answers.write(tmp_path / "answers").read_bytes() == first
    found = read_answers(tmp_path)
    assert (found.name, found.catalogs, found.classes) == ("ear", ("here",), N_CLASSES)
    np.testing.assert_array_equal(found.window.scores, answers.window.scores)
    np.testing.assert_array_equal(found.targets, answers.targets)
    replace(answers, name="other", sha256="1" * 64).write(tmp_path / "answers")
    with pytest.raises(InputError, match="choose one with --model: ear, other"):
        read_answers(tmp_path)
    assert read_answers(tmp_path, "other").sha256 == "1" * 64
    with pytest.raises(InputError, match="no answers of the model 'third'"):
        read_answers(tmp_path, "third")
    path.write_bytes(first[:-40])
    with pytest.raises(RunError, match="is damaged"):
        read_answers(tmp_path)


def test_background_and_silence_have_no_say() -> None:
    """Of windows that are named as a bird of the background nobody can say that they are wrong."""
    labels = LabelSet(("a", "b", "c", NO_BIRD))
    classes = Classes.of(("a", "x"), labels)
    recordings = (
        Recording("one", Path("s.wav"), "a", begin_s=0.0, end_s=2.0, background=("b",)),
        Recording("two", Path("s.wav"), "x", begin_s=2.0, end_s=4.0),
    )
    sound = Sound(Path("s.wav"), recordings, complete=False)
    whole = Sound(Path("t.wav"), (Recording("none", Path("t.wav")),), complete=False)

    def kept(rows: list[tuple[float, float, int, float]]) -> Kept:
        other = np.full((len(rows), N_OTHER), -1, np.int32)
        scores = np.zeros((len(rows), N_OTHER), np.float32)
        for i, (_, _, position, score) in enumerate(rows):
            other[i, 0], scores[i, 0] = position, score
        own = np.array([row[:2] for row in rows], np.float32)
        return Kept(own, other, scores)

    windows = kept([(0.9, 0, 1, 0.1), (0.1, 0, 1, 0.8), (0.1, 0, 2, 0.7), (0.1, 0.9, 2, 0.5)])
    spans = np.array([[0, 8], [8, 8], [16, 8], [24, 8]]) * 1000
    heard = [
        Heard(Status.OK, "", 4.0, kept([(0.9, 0, 1, 0.8), (0.1, 0, 2, 0.7)]), windows, spans),
        Heard(Status.OK, "", 1.0, kept([(0.6, 0, 1, 0.1)]), kept([(0.6, 0, 1, 0.1)]), spans[:1]),
    ]
    targets = np.array([0, -1, -2])
    rows, window, recording = best_answers([sound, whole], heard, classes, labels, targets, sample_rate=8000)
    assert rows.tolist() == [0, 1]
    assert (recording.rows.tolist(), recording.classes.tolist()) == ([0, 1], [0, 2])
    assert recording.scores == pytest.approx([0.9, 0.7])
    assert (window.rows.tolist(), window.classes.tolist()) == ([0, 1], [0, 2])


SOUNDS = {"Columba bassa": 500.0, "Parus medius": 1000.0, "Strix nova": 500.0}
"""The ear does not know the third, and takes it for the first."""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    names, common = zip(*(label.split("_") for label in LABELS), strict=True)
    info = ModelInfo(
        "tones",
        "ear",
        WaveformSpec(RATE, N_SAMPLES),
        LabelSet(names, common),
        licences={"model": "CC BY-NC-SA 4.0"},
        outputs=(Output(SPECIES, 3, 0, "sigmoid", exclusive=False),),
        not_animals=("Engine",),
    )
    write_model_file(
        folder / "tones.tflite", flatbuffer=ear(), info=info, card="# Tones\n", others=geo_entries()
    )
    rng = np.random.default_rng(1)
    for name, hz in SOUNDS.items():
        (folder / "birds" / name).mkdir(parents=True)
        for i in range(10):
            parts = [0.01 * rng.standard_normal(N_SAMPLES) + rng.uniform(0, 0.5) * tone(hz) for _ in range(2)]
            soundfile.write(folder / "birds" / name / f"{name[:2]}{i}.wav", np.concatenate(parts), RATE)
    done = run("evaluate", folder / "tones.tflite", folder / "birds", "--out", folder / "judged")
    assert done.exit_code == 0, done.output
    return folder


def test_a_copy_is_calibrated_and_the_model_stays(folder: Path) -> None:
    before = (folder / "tones.tflite").read_bytes()
    done = run("calibrate", folder / "judged")
    assert done.exit_code == 0, done.output
    assert "5 session folds: 30 sessions, 30 recordings, 60 windows" in done.stdout
    assert (folder / "tones.tflite").read_bytes() == before
    copy = folder / "judged/tones_calibrated.tflite"
    found, info = read_model_file(copy), read_model_file(copy).info
    assert (info.name, info.kind) == ("tones_calibrated", "ear")
    assert set(found.others) == set(geo_entries())
    assert bytes(found.flatbuffer) == bytes(read_model_file(folder / "tones.tflite").flatbuffer)
    assert "## Calibration" in found.card
    assert json.loads((folder / "judged/calibration.json").read_text())["n_folds"] == 5
    sound = folder / "birds/Columba bassa/Co3.wav"
    raw, calibrated = (Classifier.load(path).classify(sound) for path in (folder / "tones.tflite", copy))
    classifier = Classifier.load(copy)
    assert classifier.calibration is not None
    expected = classifier.calibration.apply(
        classifier.calibration.apply(raw.scores, "window"), "recording"
    )  # the order stays, so the maximum may come first
    np.testing.assert_allclose(calibrated.scores, expected, rtol=1e-5)
    rows = list(
        csv.DictReader(io.StringIO(run("classify", sound, "--model", copy, "--format", "csv").stdout))
    )
    assert {rows[0]["decision"]} <= {"named", "uncertain"}
    again = copy.read_bytes()
    assert run("calibrate", folder / "judged", "--json").exit_code == 0
    assert copy.read_bytes() == again


def test_calibrated_scores_are_judged_as_probabilities(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "here.tflite"
    assert run("calibrate", folder / "judged", "--out", copy).exit_code == 0
    assert read_model_file(copy).info.name == "here"
    done = run("evaluate", copy, folder / "birds", "--out", tmp_path / "again", "--json")
    (figures,) = json.loads(done.stdout)["models"].values()
    assert figures["probabilities"]
    refused = run("calibrate", tmp_path / "again")
    assert "--uncalibrated" in str(refused.exception)
    assert list((tmp_path / "again/answers").glob("*.npz"))


def test_options_of_a_cross_validation_are_refused(folder: Path, tmp_path: Path) -> None:
    for option, value in (("--into", folder / "tones.tflite"), ("--grouping", "random"), ("--metric", "f1")):
        done = run("calibrate", folder / "judged", option, value)
        assert (done.exit_code, option in done.stderr) == (2, True)
    done = run("calibrate", folder / "judged", "--out", folder / "tones.tflite")
    assert "is the model that was judged" in str(done.exception)
    (tmp_path / "run").mkdir()
    done = run("calibrate", tmp_path / "run", "--out", tmp_path / "x.tflite")
    assert (done.exit_code, "--into names the model file" in done.stderr) == (2, True)
