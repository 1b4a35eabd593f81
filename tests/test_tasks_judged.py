"""Tasks in cross-validation, calibration and report, from predictions that are made up."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tones import SPEC, tone_catalog, tone_store

from avianvox.calibration.calibrate import calibrate_run
from avianvox.calibration.stages import Asked, stages_of
from avianvox.calibration.tasks import fit_temperature
from avianvox.cli.main import main
from avianvox.config import Choice, settings_to_mapping
from avianvox.dataset.catalog import Catalog
from avianvox.dataset.training_data import TrainingData, WindowScores, training_data
from avianvox.errors import InputError, RunError, UnknownNameError
from avianvox.evaluation.conclude import CrossvalResult, conclude
from avianvox.evaluation.crossval import CrossvalSettings, crossvalidate
from avianvox.evaluation.run_folder import predictions_path
from avianvox.evaluation.saved_run import SavedRun
from avianvox.inference.calibration import Calibration
from avianvox.models.protocol import TrainSettings
from avianvox.report.build import write_report
from avianvox.tasks.asked import choices_of, columns_of, settled_tasks, tasks_of
from avianvox.tasks.scaled import scaled

TASKS = (
    Choice("multi", (("name", "call_type"),)),
    Choice("regression", (("name", "pitch_hz"), ("unit", "Hz"))),
)
OF_LABEL = {"high": ("song", "3000"), "low": ("song, call", "500"), "middle": ("", "1500")}


def fit(data: TrainingData, seed: int) -> Callable[[TrainingData], WindowScores]:
    """A model that knows the species, says "song" to every recording with 0.9, and 500 Hz too much."""

    def predict(test: TrainingData) -> WindowScores:
        n = np.repeat(np.arange(len(test)), 2)
        scores = np.eye(test.n_classes, dtype=np.float32)[test.targets[n]]
        hz = np.array([float(value) for value in test.values["pitch_hz"]])[n] + np.tile([0, 1000], len(test))
        said = {
            "call_type": np.tile(np.float32([[0.2, 0.9], [0.4, 0.6]]), (len(test), 1)),
            "pitch_hz": hz[:, None].astype(np.float32),
        }
        return WindowScores(scores, n, tasks=said)

    return predict


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    rows = [
        replace(r, call_type=OF_LABEL[r.label][0], more=(("pitch_hz", OF_LABEL[r.label][1]),))
        for r in tone_catalog(tmp_path_factory.mktemp("tones"))
    ]
    return Catalog(tuple(rows))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crossval")


def fit_species(data: TrainingData, seed: int) -> Callable[[TrainingData], WindowScores]:
    """A model that knows the species, and answers no task."""
    return lambda test: replace(fit(data, seed)(test), tasks={})


Fit = Callable[[TrainingData, int], Callable[[TrainingData], WindowScores]]


def compared(catalog: Catalog, folder: Path, models: dict[str, Fit], **settings: bool) -> CrossvalResult:
    tasks = settled_tasks(tasks_of(TASKS), catalog.recordings)
    asked = TrainSettings(tasks=choices_of(tasks), **settings)
    data = training_data(catalog, tone_store(catalog, folder / "features"), SPEC, catalog.labels)
    data = replace(data, values=columns_of(tasks, catalog.recordings))
    folds = CrossvalSettings(("session",), n_folds=2)
    own = settings_to_mapping(asked)
    return crossvalidate(data, catalog, models, folder / "run", folds, model_settings=own)


@pytest.fixture(scope="module")
def result(catalog: Catalog, folder: Path) -> CrossvalResult:
    return compared(catalog, folder, {"cnn_v17": fit})


@pytest.fixture(scope="module")
def run(result: CrossvalResult, folder: Path) -> SavedRun:
    return SavedRun.open(folder / "run")


def test_figures_of_tasks_have_intervals_and_pass_over_what_is_not_known(result: CrossvalResult) -> None:
    found = result.figures["tasks"]["cnn_v17"]["session"]
    assert found["call_type"]["n_recordings"] == 12
    figures = found["call_type"]["figures"]
    # windows are pooled by their maximum: song 0.9, call 0.4; of 24 decisions, the six missed calls are wrong
    assert figures["accuracy"]["pooled"] == 18 / 24
    assert figures["precision"]["pooled"] == 1.0
    assert figures["recall"]["pooled"] == pytest.approx(12 / 18, abs=1e-6)
    assert figures["all_right"]["pooled"] == 6 / 12
    assert figures["accuracy"]["low"] < 18 / 24 < figures["accuracy"]["high"]
    off = found["pitch_hz"]["figures"]["mean_absolute_error"]
    assert (off["pooled"], off["low"], off["high"]) == (500.0, 500.0, 500.0)
    assert found["pitch_hz"]["n_recordings"] == 18


def test_the_table_shows_them_and_they_are_computed_anew_from_the_folder(
    result: CrossvalResult, run: SavedRun
) -> None:
    assert result.tasks is not None
    row = ("cnn_v17", "session", "pitch_hz", "mean_absolute_error", "500 [500, 500]", "18")
    assert row in result.tasks.rows
    assert "## Tasks" in (run.path / "table.md").read_text()
    before = (run.path / "figures.json").read_bytes()
    conclude(run)
    assert (run.path / "figures.json").read_bytes() == before


def test_each_task_with_scores_has_a_temperature(run: SavedRun) -> None:
    report = calibrate_run(run)
    assert set(report.calibration.tasks) == {"call_type"}
    found = report.calibration.tasks["call_type"]
    assert found["n"] == 12
    assert found["log_loss_after"] < found["log_loss_before"] + 0.5
    kept = Calibration.from_mapping(json.loads(json.dumps(report.calibration.to_mapping())), n_classes=3)
    assert kept.tasks == report.calibration.tasks
    assert kept.of_tasks.window.thresholds == ()
    assert "tasks" not in replace(report.calibration, tasks={}).to_mapping()


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_a_temperature_is_found_again(activation: str) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 3)) * 2
    if activation == "softmax":
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        targets = np.eye(3)[[rng.choice(3, p=row) for row in p]]
    else:
        p = 1 / (1 + np.exp(-logits))
        targets = (rng.random(p.shape) < p).astype(float)
    too_sure = scaled(p, activation, 0.5)
    assert fit_temperature(targets, too_sure, activation) == pytest.approx(2.0, rel=0.08)
    assert fit_temperature(targets[:0], too_sure[:0], activation) == 1.0


def test_the_report_has_a_section_for_each_task(run: SavedRun, tmp_path: Path) -> None:
    report = write_report(run, tmp_path / "report", n_clips=0)
    assert {"task-call_type", "task-pitch_hz"} <= {section.key for section in report.sections}
    text = (tmp_path / "report" / "report.md").read_text()
    assert "| song | 6 | 1.00 | - |" in text
    assert "| call, song | 6 | 0.00 | song (6) |" in text
    assert "Task: pitch hz" in (tmp_path / "report" / "report.html").read_text()
    assert json.loads((tmp_path / "report" / "report.json").read_text())["sections"]["task-pitch_hz"]


def test_a_model_that_names_no_species_has_no_row_among_those_that_do(
    catalog: Catalog, tmp_path: Path
) -> None:
    """It has equal scores for all species, from which nothing follows; a model without tasks names them."""
    both = compared(catalog, tmp_path / "both", {"cnn_v17": fit, "gnb_mfcc": fit_species}, species=False)
    assert [row[0] for row in both.table.rows] == list(both.figures["models"]) == ["gnb_mfcc"]
    assert list(both.figures["tasks"]) == ["cnn_v17"]
    run = SavedRun.open(tmp_path / "both" / "run")
    assert write_report(run, tmp_path / "first", n_clips=0).model == "gnb_mfcc"
    with pytest.raises(
        UnknownNameError, match=r"no model .cnn_v17. to compare with .*name species: gnb_mfcc"
    ):
        conclude(run, against="cnn_v17")
    report = write_report(run, tmp_path / "second", model="cnn_v17", n_clips=0)
    assert [section.key for section in report.sections] == [
        *("summary", "audit", "task-call_type", "task-pitch_hz", "data", "settings")
    ]
    assert "`cnn_v17` was asked for its tasks alone." in (tmp_path / "second" / "report.md").read_text()


def test_a_run_may_name_no_species_at_all(
    catalog: Catalog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = compared(catalog, tmp_path, {"cnn_v17": fit}, species=False)
    assert (alone.table.rows, alone.figures["models"], alone.figures["neighbours"]) == ((), {}, [])
    assert not any("accuracy per recording" in note for note in alone.notes)
    run = tmp_path / "run"
    assert not list((run / "confusion").iterdir())
    assert (run / "table.csv").read_text() == "model\n"
    assert "accuracy" not in (run / "table.md").read_text().partition("## Tasks")[0]
    assert "call_type" in json.dumps(write_report(SavedRun.open(run), tmp_path / "report").to_mapping())
    with pytest.raises(InputError, match="tasks alone and names no species; name tasks with --presence"):
        stages_of(run, Asked())
    for call in (["crossval", "--recompute", str(run)], ["calibrate", str(run)]):
        with pytest.raises(SystemExit) as ended:
            main(call)
        said = capsys.readouterr().out
        assert (ended.value.code, "top-5" in said, "Brier" in said, "call_type" in said) == (
            0,
            False,
            False,
            True,
        )


def test_predictions_that_lack_a_task_are_one_line(run: SavedRun, tmp_path: Path) -> None:
    import shutil

    other = tmp_path / "run"
    shutil.copytree(run.path, other)
    path = predictions_path(other, "cnn_v17-session-1")
    with np.load(path) as arrays:
        kept = {name: arrays[name] for name in arrays if name != "task:pitch_hz"}
    np.savez(path, **kept)  # type: ignore[arg-type]
    with pytest.raises(RunError, match="no answers to the task 'pitch_hz'; run them again"):
        conclude(SavedRun.open(other))
