"""One network with a task of every kind, from training to a table, on tones at the heights of classes."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from tones import HEIGHTS, SPEC, tone_catalog, tone_store

from avianvox.cli.main import cli
from avianvox.config import Choice
from avianvox.dataset.catalog import Catalog
from avianvox.errors import ConfigError, InputError, ModelFileError, RunError
from avianvox.features.store import FeatureStore
from avianvox.models.networks import NETWORKS
from avianvox.tables.columns import HEADER
from avianvox.tables.formats import read_table, write_table
from avianvox.tasks import TASK_KINDS
from avianvox.tasks.task import Range, Task
from avianvox.training.config import read_train_file
from avianvox.training.sequence import CropSequence
from avianvox.training.train import TrainConfig, train

TASKS = (
    Choice("single", (("name", "sex"),)),
    Choice("multi", (("name", "call_type"), ("classes", ["song", "call"]))),
    Choice("ordinal", (("name", "count"), ("classes", ["1", "2", "3+"]))),
    Choice("regression", (("name", "pitch_hz"), ("unit", "Hz"))),
)
CONFIG = TrainConfig(
    model="dense_pixels", combine="mel", epochs=1, batch_size=9, validation=0.0, window_frames=53, tasks=TASKS
)
_OF_LABEL = {"high": ("song", "male", 1), "low": ("call, song", "female", 2), "middle": ("call", "", 3)}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Where the sex of a third of the recordings is not known."""
    rows = []
    for recording in tone_catalog(tmp_path_factory.mktemp("tones")):
        call_type, sex, count = _OF_LABEL[recording.label]
        more = (("pitch_hz", f"{HEIGHTS[recording.label]:g}"),)
        rows.append(replace(recording, call_type=call_type, sex=sex, count=count, more=more))
    return Catalog(tuple(rows))


@pytest.fixture(scope="module")
def store(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    return tone_store(catalog, tmp_path_factory.mktemp("store") / "features")


@pytest.fixture(scope="module")
def run(catalog: Catalog, store: FeatureStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(catalog, store, CONFIG, tmp_path_factory.mktemp("runs") / "tasks").path


@pytest.fixture(scope="module")
def model(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from avianvox.export import export_run

    out = tmp_path_factory.mktemp("models") / "tasks.tflite"
    export_run(run, out)
    return out


def test_a_file_may_ask_for_tasks_alone(tmp_path: Path) -> None:
    file = tmp_path / "presence.toml"
    file.write_text('[train]\nspecies = false\n\n[[tasks]]\nkind = "single"\nname = "presence"\n')
    assert not read_train_file(file)[0].species
    file.write_text("[train]\nspecies = false\n")
    with pytest.raises(ConfigError, match=r"presence\.toml: \[train\] species = false: expected \[\[tasks"):
        read_train_file(file)


@pytest.mark.parametrize("name", ["dense_pixels", "cnn_v20", "avianvox_small", "resnet18"])
def test_heads_of_every_kind_stand_on_values_means_and_moments(name: str) -> None:
    from functools import partial

    from avianvox.training.many_tasks import heads_on

    tasks = [settled(kind) for kind in TASK_KINDS]
    build = partial(NETWORKS.get(name).build, n_frames=128, n_rows=128)
    network = build(n_classes=3)
    heads = heads_on(network, name, lambda n: build(n_classes=n), tasks)
    assert [tuple(head.shape) for head in heads] == [(None, task.n_outputs) for task in tasks]


def settled(kind: str) -> Task:
    classes = {"regression": (), "ordinal": ("1", "2", "3+")}
    return TASK_KINDS.get(kind)(name=f"a_{kind}", classes=classes.get(kind, ("a", "b", "c")))


def test_what_is_not_known_has_no_part_in_a_loss() -> None:
    from avianvox.training.many_tasks import masked_loss

    nan = np.nan
    targets, outputs = np.float32([[1, 0], [nan, nan]]), np.float32([[2.0, 1.0], [50.0, -50.0]])
    cross_entropy = np.log(1 + np.exp(-1.0))
    assert float(masked_loss("softmax", targets, outputs)) == pytest.approx(cross_entropy, rel=1e-5)
    each = (np.log(1 + np.exp(-2.0)) + np.log(1 + np.exp(1.0))) / 2
    assert float(masked_loss("sigmoid", targets, outputs)) == pytest.approx(each, rel=1e-5)
    numbers = np.float32([[3000.0], [nan]]), np.float32([[2000.0], [1e6]])
    assert float(masked_loss("none", *numbers, scale=500.0)) == pytest.approx(4.0, rel=1e-5)
    assert float(masked_loss("softmax", targets[1:], outputs[1:])) == 0.0


def test_the_mean_loss_of_a_task_is_that_of_the_crops_whose_value_is_known() -> None:
    from avianvox.models.backend import keras
    from avianvox.training.guided import CLASSES
    from avianvox.training.many_tasks import ManyTasks

    put_in = keras.Input((1,))
    network = keras.Model(put_in, keras.layers.Dense(2)(put_in))
    head = keras.layers.Dense(1, name="task_a")(put_in)
    asked = TASK_KINDS.get("ordinal")(name="a", classes=("1", "2+"))
    whole = ManyTasks(network, [head], [asked], [Range()], species=True)
    whole.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    classes, logits = np.zeros(2, np.int64), np.zeros((2, 2), np.float32)
    for targets, said in (([1.0, np.nan], 0.0), ([1.0, 1.0], 2.0), ([np.nan, np.nan], 9.0)):
        y = {CLASSES: classes, "a": np.float32(targets)[:, None]}
        whole.compute_loss(None, y, [logits, np.full((2, 1), said, np.float32)])
    wanted = (np.log(2.0) + 2 * np.log(1 + np.exp(-2.0))) / 3
    assert float(whole.task_means[0].result()) == pytest.approx(wanted, rel=1e-5)


def test_targets_of_blended_crops_are_blended_and_stay_unknown() -> None:
    from avianvox.training.sequence import mixed

    targets = np.float32([[1, 0], [0, 1], [np.nan, np.nan]])
    shares = np.float32([[0.75, 0.25, 0], [0, 1, 0], [0.5, 0, 0.5]])
    wanted = np.array([[0.75, 0.25], [0, 1], [np.nan, np.nan]])
    assert np.array_equal(mixed(targets, shares), wanted, equal_nan=True)


def test_a_sampler_goes_by_the_classes_of_a_task_where_species_are_not_learned(
    catalog: Catalog, store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[np.ndarray] = []

    def sequence(*args: Any, drawn: np.ndarray, **options: Any) -> CropSequence:
        seen.append(drawn)
        return CropSequence(*args, drawn=drawn, **options)

    monkeypatch.setattr("avianvox.training.estimator.CropSequence", sequence)
    asked = (TASKS, False), (TASKS, True), (TASKS[:1], False), (TASKS[1:2], False), (TASKS[2:], False)
    for tasks, species in asked:
        train(catalog, store, replace(CONFIG, tasks=tasks, species=species), tmp_path / str(len(seen)))
    sexes = [{"male": 1, "female": 0, "": -1}[_OF_LABEL[r.label][1]] for r in catalog]
    labels = [catalog.labels.index[r.label] for r in catalog]
    counts = [_OF_LABEL[r.label][2] - 1 for r in catalog]
    others = [2 if sex < 0 else sex for sex in sexes]  # the other tasks know them
    assert [found.tolist() for found in seen] == [others, labels, sexes, labels, counts]


def test_a_run_keeps_its_tasks_with_their_classes_and_figures(run: Path, catalog: Catalog) -> None:
    config = json.loads((run / "config.json").read_text())
    kept = {row["name"]: row for row in config["train"]["tasks"]}
    assert kept["sex"]["classes"] == ["female", "male"]
    assert kept["call_type"]["classes"] == ["song", "call"]
    figures = json.loads((run / "figures.json").read_text())["train"]["tasks"]
    assert {name: found["n_recordings"] for name, found in figures.items()} == {
        "sex": 12,
        "call_type": 18,
        "count": 18,
        "pitch_hz": 18,
    }
    assert set(figures["count"]["figures"]) == {"exact", "within_one", "mean_bin_error"}


def test_a_restored_model_says_the_same_and_numbers_are_in_units(
    run: Path, catalog: Catalog, store: FeatureStore
) -> None:
    from avianvox.dataset.training_data import training_data
    from avianvox.training.estimator import FittedNetwork
    from avianvox.training.run import Run

    fitted = Run.open(run).fitted()
    assert isinstance(fitted, FittedNetwork)
    answers = fitted.predict(training_data(catalog, store, SPEC, catalog.labels))
    assert set(answers.tasks) == {"sex", "call_type", "count", "pitch_hz"}
    assert answers.tasks["sex"].sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    units = [w for w in fitted.arrays() if "pitch_hz_units" in w]
    assert sorted(units) == [f"task_pitch_hz_units/{w}" for w in ("deviation", "highest", "lowest", "mean")]
    hz = np.array(list(HEIGHTS.values()))
    assert fitted.arrays()["task_pitch_hz_units/lowest"] == hz.min()
    assert fitted.arrays()["task_pitch_hz_units/highest"] == hz.max()
    assert fitted.arrays()["task_pitch_hz_units/mean"] == pytest.approx(hz.mean(), rel=1e-5)
    assert fitted.arrays()["task_pitch_hz_units/deviation"] == pytest.approx(hz.std(), rel=1e-5)
    again = {name: np.asarray(fitted.graph().output[name].shape) for name in ("scores", "pitch_hz")}
    assert [int(shape[-1]) for shape in again.values()] == [3, 1]


def test_numbers_stay_in_the_range_that_was_learned(run: Path, tmp_path: Path) -> None:
    import shutil

    from avianvox.training.estimator import FittedNetwork
    from avianvox.training.run import WEIGHTS, Run, read_arrays

    fitted = Run.open(run).fitted()
    assert isinstance(fitted, FittedNetwork)
    (units,) = (layer for layer in fitted._whole.layers if layer.name == "task_pitch_hz_units")
    far = np.array([[-9.0], [0.0], [9.0]], np.float32)
    lowest, highest = min(HEIGHTS.values()), max(HEIGHTS.values())
    assert units(far).numpy()[[0, 2], 0].tolist() == [lowest, highest]
    assert units(far, training=True).numpy()[0, 0] < 0  # beyond, so that it has a gradient
    shutil.copytree(run, tmp_path / "earlier")
    arrays = read_arrays(run / WEIGHTS)
    earlier = {name: array for name, array in arrays.items() if not name.endswith(("/lowest", "/highest"))}
    assert len(earlier) == len(arrays) - 2
    np.savez(tmp_path / "earlier" / WEIGHTS, **earlier)
    opened = Run.open(tmp_path / "earlier").fitted()
    assert isinstance(opened, FittedNetwork)
    (units,) = (layer for layer in opened._whole.layers if layer.name == "task_pitch_hz_units")
    assert units(far).numpy()[0, 0] < 0  # as it answered before


def test_training_goes_on_to_the_same_weights_and_refuses_other_tasks(
    catalog: Catalog, store: FeatureStore, run: Path, tmp_path: Path
) -> None:
    import shutil

    from avianvox.training.run import WEIGHTS, read_arrays

    two = replace(CONFIG, epochs=2)
    whole = read_arrays(train(catalog, store, two, tmp_path / "whole").path / WEIGHTS)
    shutil.copytree(run, tmp_path / "parts")
    parts = read_arrays(train(catalog, store, two, tmp_path / "parts", resume=True).path / WEIGHTS)
    assert all(np.array_equal(whole[name], parts[name]) for name in whole)
    with pytest.raises(RunError, match="tasks") as caught:
        train(catalog, store, replace(two, tasks=TASKS[:1]), tmp_path / "parts", resume=True)
    assert "\n" not in str(caught.value)
    relabelled = Catalog(tuple(replace(r, sex="male" if r.sex else "female") for r in catalog))
    with pytest.raises(RunError, match="labels of the tasks"):
        train(relabelled, store, two, tmp_path / "parts", resume=True)


def test_what_cannot_be_learned_is_one_line(catalog: Catalog, store: FeatureStore, tmp_path: Path) -> None:
    def refusal(error: type[Exception], **settings: Any) -> str:
        with pytest.raises(error) as caught:
            train(catalog, store, replace(CONFIG, **settings), tmp_path / "run")
        assert "\n" not in str(caught.value)
        return str(caught.value)

    unlabelled = (Choice("single", (("name", "stage"),)),)
    assert "no recording has a value in the column 'stage'" in refusal(InputError, tasks=unlabelled)
    pooled = (Choice("single", (("name", "sex"), ("pooling", "meen"))),)
    assert "got 'meen'; did you mean 'mean'?" in refusal(ConfigError, tasks=pooled)
    unsure = (Choice("multi", (("name", "call_type"), ("pooling", "weighted"))),)
    assert "expected a pooling of mean, max, top3, got 'weighted'" in refusal(ConfigError, tasks=unsure)
    wrong = (Choice("single", (("name", "a"), ("column", "sexx"))),)
    assert "no column 'sexx'; did you mean 'sex'?" in refusal(InputError, tasks=wrong)
    assert "expected a network, got logreg_windows" in refusal(InputError, model="logreg_windows")
    for name, value in (("guide", "voice"), ("ensemble", "seeds"), ("beside", ("cnn_v17",))):
        assert f"[train] {name}: expected no [[tasks]]" in refusal(ConfigError, **{name: value})
    assert "expected [[tasks]] to learn instead" in refusal(ConfigError, tasks=(), species=False)
    assert not (tmp_path / "run").exists()


def test_models_that_answer_no_tasks_say_so(tmp_path: Path) -> None:
    from avianvox.api.compare import crossvalidate

    file, out = tmp_path / "tasks.toml", tmp_path / "run"
    file.write_text('[[tasks]]\nkind = "single"\nname = "sex"\n')
    asked = ["train", str(tmp_path), "--on", "birdnet", "--config", str(file), "--out", str(out)]
    refused = CliRunner().invoke(cli, asked)
    assert refused.exit_code == 2
    assert "answers the species alone" in refused.output
    with pytest.raises(InputError, match="expected a network among the models, got gnb_mfcc"):
        crossvalidate(tmp_path, "gnb_mfcc", out, config=file)
    alone = {"config": file, "settings": {"species": False}}
    for name, value in {"ensemble": True, "hold_out_species": 3, "per_class": (2,)}.items():
        with pytest.raises(InputError, match=r"^--[a-z-]+: expected models that name species, got .*= false"):
            crossvalidate(tmp_path, ["nin", "resnet18"], out, **alone, **{name: value})  # type: ignore[arg-type]


def test_the_model_file_names_its_outputs(model: Path) -> None:
    from avianvox.inference.classifier import Classifier
    from avianvox.modelfile import read_model_file

    found = read_model_file(model)
    assert [(o.name, o.size, o.kind, o.classes, o.unit) for o in found.info.outputs] == [
        ("species", 3, "", (), ""),
        ("sex", 2, "single", ("female", "male"), ""),
        ("call_type", 2, "multi", ("song", "call"), ""),
        ("count", 2, "ordinal", ("1", "2", "3+"), ""),
        ("pitch_hz", 1, "regression", (), "Hz"),
    ]
    assert "## Tasks" in found.card
    assert [o.pooling for o in found.info.outputs] == ["", "mean", "max", "mean", "mean"]
    assert "kind" not in found.info.to_mapping()["outputs"][0]
    other = replace(found.info, outputs=(found.info.outputs[0], replace(found.info.outputs[1], kind="dance")))
    with pytest.raises(ModelFileError, match=r"a task of the kind 'dance'.*update avianvox"):
        Classifier(replace(found, info=other), runtime=None)  # type: ignore[arg-type]


COLUMNS_OF_TASKS = (
    "sex,sex_score,call_type,call_type_score,count,count_score,pitch_hz,pitch_hz_score"  # after all others
)


@pytest.mark.parametrize("by", ["recording", "window", "event"])
def test_classify_has_columns_for_tasks(model: Path, catalog: Catalog, tmp_path: Path, by: str) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound")
    out = tmp_path / "answers.csv"
    asked = ["classify", str(catalog[0].path), str(broken), "--model", str(model), "--by", by, "--jobs", "1"]
    asked += ["--min-score", "0.1", "--format"]
    assert CliRunner().invoke(cli, [*asked, "csv", "--output", str(out)]).exit_code == 3
    assert out.read_text().splitlines()[0] == f"{HEADER.strip()},{COLUMNS_OF_TASKS}"
    rows = list(read_table(out))
    assert [[tuple(answer[1:]) for answer in row.tasks] for row in rows if row.status.failed] == [
        [("", None)] * 4
    ]
    first = {answer.name: answer for answer in rows[0].tasks}
    assert first["sex"].text in ("female", "male")
    assert 0.5 <= (first["sex"].score or 0) <= 1
    assert float(first["pitch_hz"].text) > 0
    assert first["pitch_hz"].score is None
    lines = CliRunner().invoke(cli, [*asked, "jsonl"]).stdout.splitlines()
    assert json.loads(lines[0])["sex"] == first["sex"].text
    for name in ("csv", "jsonl", "parquet"):
        write_table(rows, tmp_path / f"again.{name}", name)
        assert next(read_table(tmp_path / f"again.{name}")).tasks == rows[0].tasks
    assert CliRunner().invoke(cli, [*asked, "raven", "--output", str(tmp_path / "raven.txt")]).exit_code == 3
    selections = list(read_table(tmp_path / "raven.txt"))
    assert [row.tasks for row in selections] == [row.tasks for row in rows if row.scientific_name]
    resumed = CliRunner().invoke(cli, [*asked, "csv", "--output", str(out), "--resume"])
    assert resumed.exit_code == 3
    assert list(read_table(out)) == rows


def test_a_table_shows_answers_to_people(model: Path, catalog: Catalog) -> None:
    shown = CliRunner().invoke(cli, ["classify", str(catalog[0].path), "--model", str(model)]).stdout
    assert "    sex: " in shown
    assert "pitch_hz: " in shown
    told = CliRunner().invoke(cli, ["models", "info", str(model)]).stdout
    assert "tasks (4):\n  sex, single: female, male\n" in told
    assert "  pitch_hz, regression: a number in Hz\n" in told


def test_a_model_of_tasks_alone_names_no_species(
    catalog: Catalog, store: FeatureStore, tmp_path: Path
) -> None:
    from avianvox.export import export_run

    alone = replace(CONFIG, species=False, tasks=TASKS[1:2])
    run, out = train(catalog, store, alone, tmp_path / "run"), tmp_path / "alone.tflite"
    assert set(run.figures["train"]) == {"tasks", "n_recordings", "n_windows"}
    assert export_run(run.path, out).info.labels.names == ()
    asked = ["classify", str(catalog[0].path), "--model", str(out), "--format", "jsonl"]
    (line,) = CliRunner().invoke(cli, asked).stdout.splitlines()
    row = json.loads(line)
    assert (row["scientific_name"], row["score"], row["rank"]) == (None, None, None)
    assert 0 < row["call_type_score"] < 1
    windows = CliRunner().invoke(cli, [*asked, "--by", "window"]).stdout.splitlines()
    labels = ["--by", "window", "--format", "raven", "--output", str(tmp_path / "labels")]
    assert CliRunner().invoke(cli, [*asked, *labels]).exit_code == 0  # the last format counts
    wanted = [text for line in windows if (text := json.loads(line)["call_type"])]
    assert wanted
    assert [row.tasks[0].text for row in read_table(tmp_path / "labels")] == wanted
    refused = CliRunner().invoke(cli, [*asked, "--by", "event"])
    assert refused.exit_code == 2
    assert "names no species, so that there are no events" in str(refused.output) + str(refused.exception)
    told = CliRunner().invoke(cli, ["models", "info", str(out)])
    assert "call_type, multi: song, call" in told.stdout
    sound, where = str(catalog[0].path), str(tmp_path / "out")
    table = tmp_path / "labels.csv"
    table.write_text(f"path,species\n{sound},Low low\n")
    for command in (
        ["evaluate", str(out), str(table), "--out", where],
        ["explain", "maps", str(out), sound, "--out", where, "--no-png"],
        ["boxes", "find", sound, "--model", str(out), "--out", where],
    ):
        refused = CliRunner().invoke(cli, command)
        assert isinstance(refused.exception, InputError), command
        assert "answers tasks and names no species" in str(refused.exception)
