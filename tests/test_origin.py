"""Going on from the weights of an earlier run."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tones import SPEC, tone_catalog, tone_store

from avianvox.cli.main import cli
from avianvox.config import settings_from_mapping, settings_to_mapping
from avianvox.dataset.catalog import Catalog
from avianvox.dataset.training_data import training_data
from avianvox.errors import ConfigError, InputError, RunError
from avianvox.export.exporter import export_run
from avianvox.features.store import FeatureStore
from avianvox.models import MODELS
from avianvox.models.protocol import TrainSettings
from avianvox.training.config import TrainConfig
from avianvox.training.inherited import licences_of
from avianvox.training.origin import Origin
from avianvox.training.run import Run
from avianvox.training.train import train

OTHERS = {"hoarse": 800.0, "shrill": 2500.0, "thin": 3500.0}
CONFIG = TrainConfig(epochs=2, batch_size=8, validation=0.0)
FROZEN = "block2_conv"


def made(folder: Path, heights: dict[str, float]) -> tuple[Catalog, FeatureStore]:
    folder.mkdir()
    catalog = tone_catalog(folder, heights)
    return catalog, tone_store(catalog, folder / "features")


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on three other classes, by another licence."""
    folder = tmp_path_factory.mktemp("origin")
    catalog, store = made(folder / "others", OTHERS)
    catalog = Catalog(tuple(replace(r, licence="CC BY 4.0") for r in catalog.recordings))
    return train(catalog, store, CONFIG, folder / "run").path


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalog, FeatureStore]:
    return made(tmp_path_factory.mktemp("ours") / "tones", {"high": 3000.0, "low": 500.0, "middle": 1500.0})


def weights(run: Run) -> dict[str, np.ndarray]:
    return {weight.path: weight.numpy() for weight in run.fitted().model.weights}


def differing(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> set[str]:
    return {name.split("/")[0] for name in a if not np.array_equal(a[name], b[name])}


def test_layers_are_taken_but_those_of_other_classes_and_frozen_ones_stay(
    origin: Path, ours: tuple[Catalog, FeatureStore], tmp_path: Path
) -> None:
    layers = {"block1_conv", "block2_conv", "block3_conv", "logits"}
    scratch = train(*ours, CONFIG, tmp_path / "scratch")
    config = replace(CONFIG, from_=str(origin))
    tuned = train(*ours, config, tmp_path / "tuned")
    frozen = train(*ours, replace(config, freeze_until=FROZEN), tmp_path / "frozen")
    again = train(*ours, replace(config, freeze_until=FROZEN), tmp_path / "again")
    assert differing(weights(scratch), weights(tuned)) == layers
    assert differing(weights(frozen), weights(Run.open(origin))) == layers - {"block1_conv", "block2_conv"}
    assert not differing(weights(frozen), weights(again))
    begun = frozen.config["begun_from"]
    assert (begun["taken"], begun["anew"]) == ([f"block{i}_conv" for i in (1, 2, 3)], ["logits"])
    assert begun["frozen"] == ["block1_conv", "block2_conv"]
    assert begun["sha256"] == Origin.open(origin).sha256
    assert set(frozen.split["before"]) == set(Run.open(origin).split["train"])


def test_a_network_of_the_same_classes_goes_on_with_all_of_its_layers(origin: Path, tmp_path: Path) -> None:
    store = FeatureStore.open(origin.parent / "others" / "features")
    catalog = tone_catalog(tmp_path, OTHERS)
    config = replace(CONFIG, from_=str(origin), validation=0.3)
    run = train(catalog, store, config, tmp_path / "run")
    assert run.config["begun_from"]["anew"] == []
    assert run.config["begun_from"]["validation_heard"] == len(run.split["validation"]) > 0


def test_batch_normalisation_that_is_frozen_keeps_its_statistics(
    ours: tuple[Catalog, FeatureStore], tmp_path: Path
) -> None:
    config = replace(CONFIG, model="avianvox_small", window_frames=53, epochs=1)
    first = train(*ours, config, tmp_path / "first")
    onward = replace(config, from_=str(first.path), seed=3)
    tuned = differing(weights(first), weights(train(*ours, onward, tmp_path / "tuned")))
    kept = train(*ours, replace(onward, freeze_until="block3_norm"), tmp_path / "kept")
    assert {"block1_norm", "block3_norm"} <= tuned
    changed = differing(weights(first), weights(kept))
    assert not changed & {f"block{i}_{part}" for i in (1, 2, 3) for part in ("conv", "norm")}
    assert {"block4_conv", "block4_norm", "moments"} <= changed


def test_licences_and_credits_of_the_origin_are_carried_on(
    origin: Path, ours: tuple[Catalog, FeatureStore], tmp_path: Path
) -> None:
    second = train(*ours, replace(CONFIG, from_=str(origin)), tmp_path / "second")
    third = train(*ours, replace(CONFIG, from_=str(second.path)), tmp_path / "third")
    for run in (second, third):
        found = licences_of(run.config, "")
        assert found["recordings"]["CC BY 4.0"] == 18
        assert set(Run.open(origin).config["credits"]) <= set(found["credits"])
    assert Origin.open(third.path).heard >= set(Run.open(origin).split["train"])
    info = export_run(second.path, tmp_path / "second.tflite").info
    assert info.licences["recordings"] == {"CC BY 4.0": 18, "CC0": 18}
    assert info.provenance["begun_from"]["sha256"] == Origin.open(origin).sha256


def test_a_run_goes_on_only_from_the_same_weights(
    origin: Path, ours: tuple[Catalog, FeatureStore], tmp_path: Path
) -> None:
    there = tmp_path / "origin"
    shutil.copytree(origin, there)
    config = replace(CONFIG, from_=str(there), epochs=1)
    train(*ours, config, tmp_path / "run")
    train(*ours, config, tmp_path / "run", resume=True)
    shutil.rmtree(there)
    other = tone_catalog(tmp_path, OTHERS)
    store = FeatureStore.open(origin.parent / "others" / "features")
    train(other, store, replace(CONFIG, seed=1), there)
    with pytest.raises(RunError, match=r"other settings \(weights to begin from, .*teacher"):
        train(*ours, replace(config, epochs=2), tmp_path / "run", resume=True)


def test_what_cannot_be_begun_from_is_said_in_one_line(
    origin: Path, ours: tuple[Catalog, FeatureStore], tmp_path: Path
) -> None:
    config = replace(CONFIG, from_=str(origin))
    wrong = {
        "expected a layer, got 'block2_con'; did you mean 'block2_conv'": {"freeze_until": "block2_con"},
        r"layers that begin anew \(logits\)": {"freeze_until": "logits"},
        "no layer of its cnn_v20 fits": {"model": "avianvox_small", "combine": "overwrite"},
        "expected a network, got gnb_mfcc": {"model": "gnb_mfcc"},
    }
    for message, changes in wrong.items():
        with pytest.raises((ConfigError, InputError), match=message):
            train(*ours, replace(config, **changes), tmp_path / "run")
    with pytest.raises(ConfigError, match="freeze_until: expected weights to keep"):
        TrainSettings(freeze_until=FROZEN)
    file = tmp_path / "model.tflite"
    file.write_bytes(b"")
    with pytest.raises(InputError, match=r"model\.tflite: expected a run folder .* got a file"):
        Origin.open(file)
    with pytest.raises(RunError, match="no training run"):
        Origin.open(tmp_path / "nowhere")
    assert not (tmp_path / "run").exists()


def test_the_setting_is_called_from_in_files_and_counts_only_where_it_is_set(origin: Path) -> None:
    written = settings_to_mapping(replace(CONFIG, from_="runs/x"))
    assert written["from"] == "runs/x"
    assert settings_from_mapping(TrainConfig, written, table="train").from_ == "runs/x"
    assert not {"from", "from_", "freeze_until"} & set(settings_to_mapping(CONFIG))


def test_a_comparison_begins_from_weights_too(
    origin: Path, ours: tuple[Catalog, FeatureStore], tmp_path: Path
) -> None:
    catalog, store = ours
    data = training_data(catalog, store, SPEC, catalog.labels)
    scratch, tuned = (
        MODELS.get("cnn_v20")(TrainSettings(epochs=1, from_=name)).fit(data, seed=0).predict(data).scores
        for name in (None, str(origin))
    )
    assert not np.array_equal(scratch, tuned)


def test_the_commands_say_what_was_taken_and_refuse_to_judge_on_what_was_heard(
    origin: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "tones"
    for label in ("high", "low"):
        (folder / label).mkdir(parents=True)
    for recording in tone_catalog(tmp_path, {"high": 3000.0, "low": 500.0}).recordings:
        recording.path.rename(folder / recording.label / recording.path.name)
    features = "\n".join(f"{key} = {value}" for key, value in SPEC.to_mapping().items() if key != "combine"
                         and not isinstance(value, str))  # fmt: skip
    config = tmp_path / "train.toml"

    def run(*arguments: object, begin: Path = origin):
        config.write_text(f'[train]\nepochs = 1\nfrom = "{begin}"\n[features]\n{features}\n')
        return CliRunner().invoke(cli, [str(argument) for argument in arguments])

    first = run("train", folder, "--config", config, "--out", tmp_path / "run", "-q", "--validation", 0)
    assert first.exit_code == 0, first.output
    assert "layers taken: block1_conv, block2_conv, block3_conv" in first.stdout
    assert "layers begun anew: logits" in first.stdout
    compared = ("crossval", folder, "--models", "cnn_v20", "--config", config, "--folds", 2)
    done = run(*compared, "--out", tmp_path / "compared")
    assert done.exit_code == 0, done.output
    document = json.loads((tmp_path / "compared" / "config.json").read_text())
    assert document["learned_from"] == {str(origin): Origin.open(origin).sha256}
    assert document["model_settings"]["from"] == str(origin)
    heard = run(*compared, "--out", tmp_path / "again", begin=tmp_path / "run")
    assert isinstance(heard.exception, InputError)
    assert "has learned from 12 of these 12 recordings" in str(heard.exception)


def test_weights_of_another_input_and_species_held_out_are_refused(
    origin: Path, ours: tuple[Catalog, FeatureStore]
) -> None:
    catalog, store = ours
    data = training_data(catalog, store, SPEC, catalog.labels)
    other = replace(CONFIG.settings, combine="mel", from_=str(origin))
    with pytest.raises(InputError, match='expected a run with combine = "mel", got one with "overwrite"'):
        MODELS.get("cnn_v20")(other).fit(data, seed=0)
    with pytest.raises(InputError, match=r"learned 1 of the species held out \(first: hoarse\)"):
        Origin.open(origin).refuse_known(("high", "hoarse"))
    Origin.open(origin).refuse_known(catalog.labels.names)
