"""Run folders of training: what is held out, what lies there, and what is refused."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from tones import SPEC
from training_tones import CONFIG, catalog_fixture, data_fixture, same, store_fixture  # noqa: F401, fixtures

from avianvox.config import settings_to_mapping
from avianvox.dataset.catalog import Catalog
from avianvox.dataset.training_data import TrainingData
from avianvox.errors import ConfigError, InputError, RunError
from avianvox.features.store import FeatureStore
from avianvox.training.config import TrainConfig
from avianvox.training.run import (
    CHECKPOINT,
    CHECKPOINTS,
    FIGURES,
    FIRST_ROUND,
    FOLDER,
    LOG,
    TEACHERS,
    WEIGHTS,
    Run,
)
from avianvox.training.train import _prepare, hold_out, train
from avianvox.types import Recording


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_whole_sessions_are_held_out_and_no_class_is_lost(data: TrainingData, catalog: Catalog) -> None:
    def parts(recordings: list[Recording]) -> tuple[set[str], set[str]]:
        learned, held_out = hold_out(data, recordings, CONFIG)
        assert sorted(learned.ids + held_out.ids) == sorted(data.ids)
        session = {r.id: r.session for r in recordings}
        assert not {session[i] for i in learned.ids} & {session[i] for i in held_out.ids}
        return set(learned.targets.tolist()), set(held_out.ids)

    assert parts(list(catalog.recordings))[0] == {0, 1, 2}
    one_session = [replace(r, recordist="x") if r.label == "low" else r for r in catalog.recordings]
    classes, held_out_ids = parts(one_session)
    assert classes == {0, 1, 2}
    assert not any(name.startswith("low") for name in held_out_ids)
    assert hold_out(data, [], replace(CONFIG, validation=0.0)) == (data, None)


def test_synthetic_recordings_are_learned_from_and_not_looked_at(
    data: TrainingData, catalog: Catalog
) -> None:
    rows = list(catalog.recordings)
    made = [i for i, r in enumerate(rows) if r.label == rows[0].label][:2]
    marked = [replace(r, origin="scene", made_of=(r.id,)) if i in made else r for i, r in enumerate(rows)]
    learned, held_out = hold_out(data, marked, CONFIG)
    assert {rows[i].id for i in made} <= set(learned.ids)
    assert held_out is not None
    assert not {rows[i].id for i in made} & set(held_out.ids)
    of_held_out = [replace(r, made_of=tuple(held_out.ids)) if r.synthetic else r for r in marked]
    assert not {rows[i].id for i in made} & set(hold_out(data, of_held_out, CONFIG)[0].ids)


@pytest.mark.parametrize(("share", "n"), [(0.15, 14), (0.2, 20), (0.3, 28), (0.4, 40), (0.45, 44), (0.5, 50)])
def test_the_share_that_is_asked_for_is_held_out(share: float, n: int) -> None:
    data, rows = of_one_recording_each(100)
    learned, held_out = hold_out(data, rows, TrainConfig(validation=share))
    assert held_out is not None
    assert abs(len(held_out) - n) <= 2
    assert sorted(learned.ids + held_out.ids) == sorted(data.ids)


def test_one_session_leaves_nothing_to_hold_out() -> None:
    data, rows = of_one_recording_each(10)
    one = [replace(r, recordist="p") for r in rows]
    with pytest.raises(InputError, match=r"all 10 recordings are of one session; .*--validation 0"):
        hold_out(data, one, TrainConfig())


def test_what_is_made_of_a_part_is_left_out_with_it() -> None:
    data, rows = of_one_recording_each(40)
    parts = [replace(r, id=f"{r.id}#0-2", begin_s=0.0, end_s=2.0) for r in rows[:20]]
    scenes = [
        replace(r, origin="scene", made_of=(of.file_id,)) for r, of in zip(rows[20:], parts, strict=True)
    ]
    learned, held_out = hold_out(data, [*parts, *scenes], TrainConfig())
    assert held_out is not None
    kept = set(learned.recordings.tolist())
    assert {i + 20 for i in range(20) if i in kept} == {i for i in kept if i >= 20}


def of_one_recording_each(n: int) -> tuple[TrainingData, list[Recording]]:
    """``n`` sessions of one recording, of two classes."""
    rows = [Recording(f"r{i}", Path(f"r{i}.wav"), "ab"[i % 2], recordist=f"p{i}") for i in range(n)]
    store = SimpleNamespace(ids=np.array([r.id for r in rows]))
    return TrainingData(store, SPEC, np.arange(n), np.arange(n) % 2, 2), rows  # type: ignore[arg-type]


def test_more_epochs_are_refused_where_other_fits_came_first(tmp_path: Path) -> None:
    for settings in ({"self_training": "confident"}, {"guide": "ensemble"}):
        short, longer = (TrainConfig(model="avianvox_small", epochs=n, **settings) for n in (5, 10))  # type: ignore[arg-type]
        out = tmp_path / min(settings)
        FOLDER.begin(out, {"train": settings_to_mapping(short)})
        with pytest.raises(RunError, match="epochs was 5 and is 10"):
            _prepare(out, {"train": settings_to_mapping(longer)}, longer, resume=True, fresh=False)


def test_a_run_is_read_back_and_repeats_byte_for_byte(
    catalog: Catalog, store: FeatureStore, data: TrainingData, tmp_path: Path
) -> None:
    run = train(catalog, store, CONFIG, tmp_path / "a", catalogs=["tones"])
    assert sorted(p.name for p in run.path.iterdir()) == sorted(
        set(FOLDER.files) - {*CHECKPOINTS[1:], *TEACHERS, *FIRST_ROUND.values()}
    )
    assert run.architecture == "cnn_v20"
    assert run.labels.names == ("high", "low", "middle")
    assert run.spec == SPEC.with_changes(combine="overwrite")
    assert run.provenance["catalogs"] == [str(Path("tones").resolve())]
    assert len(run.split["train"]) + len(run.split["validation"]) == 18
    assert run.config["licences"] == {"CC0": 18}
    assert len(run.config["credits"]) == 18
    assert run.figures["validation"]["n_recordings"] > 0
    assert len((run.path / LOG).read_text().splitlines()) == 3
    with np.load(run.path / WEIGHTS) as stored:
        assert all(np.array_equal(stored[w.path], w.numpy()) for w in run.fitted().model.weights)

    again = train(catalog, store, CONFIG, tmp_path / "b", catalogs=["tones"])
    for name in (WEIGHTS, FIGURES, "history.csv", "learning_curve.png", "config.json", CHECKPOINT):
        assert (again.path / name).read_bytes() == (run.path / name).read_bytes(), name
    other = train(catalog, store, replace(CONFIG, seed=1), tmp_path / "b", fresh=True)
    assert (other.path / WEIGHTS).read_bytes() != (run.path / WEIGHTS).read_bytes()


def test_a_run_is_neither_overwritten_nor_mixed(
    catalog: Catalog, store: FeatureStore, tmp_path: Path
) -> None:
    short = replace(CONFIG, epochs=1, validation=0.0)
    train(catalog, store, short, tmp_path)
    with pytest.raises(RunError, match="--resume or replace it with --fresh"):
        train(catalog, store, short, tmp_path)
    with pytest.raises(RunError, match=r"other settings \(batch_size was 8 and is 4\); use the same"):
        train(catalog, store, replace(short, batch_size=4), tmp_path, resume=True)
    longer = train(catalog, store, replace(short, epochs=2), tmp_path, resume=True)
    straight = train(catalog, store, replace(short, epochs=2), tmp_path / "straight")
    assert (longer.path / WEIGHTS).read_bytes() == (straight.path / WEIGHTS).read_bytes()
    before = contents(tmp_path)
    with pytest.raises(RunError, match="has finished 2 epochs, expected at most 1"):
        train(catalog, store, short, tmp_path, resume=True)
    assert contents(tmp_path) == before
    (tmp_path / FIGURES).unlink()
    with pytest.raises(RunError, match="not complete"):
        Run.open(tmp_path)
    with pytest.raises(RunError, match="no training run"):
        Run.open(tmp_path / "nowhere")
    with pytest.raises(InputError, match="'majority' cannot be trained"):
        train(catalog, store, replace(short, model="majority"), tmp_path / "c")


def test_a_run_goes_on_only_with_the_same_recordings_labels_and_split(
    catalog: Catalog, store: FeatureStore, tmp_path: Path
) -> None:
    train(catalog, store, replace(CONFIG, epochs=1), tmp_path)
    before = contents(tmp_path)
    first, *rest = catalog.recordings
    for others in (rest, [replace(first, label="low"), *rest], [replace(first, recordist="x"), *rest]):
        with pytest.raises(RunError, match=r"other settings \(.*recordings, labels or sessions"):
            train(Catalog(tuple(others)), store, replace(CONFIG, epochs=2), tmp_path, resume=True)
    assert contents(tmp_path) == before


def test_fresh_erases_no_cross_validation(catalog: Catalog, store: FeatureStore, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"kind": "avianvox cross-validation"}')
    with pytest.raises(RunError, match="holds no training run"):
        train(catalog, store, CONFIG, tmp_path, fresh=True)
    with pytest.raises(RunError, match="holds no training run"):
        train(catalog, store, CONFIG, tmp_path, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_the_command_reads_a_file_and_options_go_before_it(catalog: Catalog, tmp_path: Path) -> None:
    from avianvox.cli.train import train as command

    rows = [
        "path,id,label,recordist",
        *(f"{r.path},{r.id},{r.label},{r.recordist}" for r in catalog.recordings),
        f"{catalog.recordings[1].path},high0,high,",
        f"{catalog.recordings[1].path},nameless,,",
    ]
    (tmp_path / "recordings.csv").write_text("\n".join(rows))
    features = "\n".join(f"{k} = {v!r}" for k, v in SPEC.to_mapping().items())
    file = tmp_path / "train.toml"
    file.write_text(
        f'[train]\nmodel = "cnn_v20"\nepochs = 7\nvalidation = 0\nseed = 3\n[features]\n{features}\n'
    )
    arguments = [str(tmp_path / "recordings.csv"), "--config", str(file), "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(command, [*arguments, "--epochs", "1"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "3 classes, 1 epoch," in result.stdout
    assert "duplicate id: high0: listed twice" in result.stderr
    assert "left out: nameless: no label" in result.stderr
    run = Run.open(tmp_path / "run")
    assert (run.config["train"]["epochs"], run.config["train"]["seed"]) == (1, 3)
    assert run.spec == SPEC
    with pytest.raises(RunError, match="--fresh"):
        CliRunner().invoke(command, arguments, catch_exceptions=False)
    file.write_text("[train]\nepoch = 7\n")
    with pytest.raises(ConfigError, match="did you mean 'epochs'"):
        CliRunner().invoke(command, [*arguments, "--fresh"], catch_exceptions=False)
    assert CliRunner().invoke(command, [*arguments, "--fresh", "--resume"]).exit_code == 2
