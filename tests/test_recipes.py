"""Recipes: what a network is trained with where the user asks for nothing else."""

from pathlib import Path

import pytest

from avianvox.config import settings_to_mapping
from avianvox.errors import RunError
from avianvox.evaluation.run_folder import RECIPES as KEY
from avianvox.evaluation.run_folder import RunFolder
from avianvox.models.networks import NETWORKS, RECIPES
from avianvox.models.protocol import TrainSettings
from avianvox.training.config import TrainConfig, read_train_file


def test_a_network_without_a_recipe_has_the_published_settings() -> None:
    config, _ = read_train_file(None)
    assert config == TrainConfig()
    assert read_train_file(None, model="cnn_v16")[0].settings == TrainSettings()


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_of_a_network_and_can_be_read(name: str) -> None:
    assert name in NETWORKS
    found = read_train_file(None, model=name)[0]
    assert found.settings != TrainSettings()
    assert set(settings_to_mapping(found)) >= set(RECIPES[name])


def test_what_is_asked_for_goes_before_the_recipe(tmp_path: Path) -> None:
    file = tmp_path / "train.toml"
    file.write_text('[train]\nmodel = "avianvox_small"\nbatch_size = 16\nepochs = 3\n')
    found, spec = read_train_file(file)
    assert (found.batch_size, found.epochs, found.placing) == (16, 3, "voiced")
    assert found.validation == 0  # judged by session folds, it is trained on all recordings for all epochs
    assert spec.n_frames == 128
    assert found.settings.spec_for(spec, published="above_floor").n_frames == 256
    assert read_train_file(file, epochs=5)[0].epochs == 5
    other = read_train_file(file, model="cnn_v20")[0]
    assert (other.epochs, other.placing, other.optimiser) == (3, "anywhere", "adam")


def test_a_comparison_goes_on_with_more_recipes_and_not_with_changed_ones(tmp_path: Path) -> None:
    first = {"models": ["a"], "per_class": [], "model_settings": {}}
    RunFolder(tmp_path, first)
    grown = RunFolder(tmp_path, first | {"models": ["a", "b"], KEY: {"b": {"epochs": 60}}})
    assert grown.config[KEY] == {"b": {"epochs": 60}}
    assert RunFolder(tmp_path, first).config[KEY] == {"b": {"epochs": 60}}
    with pytest.raises(RunError, match="epochs was 60 and is 61"):
        RunFolder(tmp_path, first | {"models": ["b"], KEY: {"b": {"epochs": 61}}})


def test_a_comparison_goes_on_with_more_that_is_learned_from(tmp_path: Path) -> None:
    first = {"models": ["a"], "per_class": [], "model_settings": {}}
    RunFolder(tmp_path, first)
    grown = RunFolder(tmp_path, first | {"models": ["a", "b"], "learned_from": {"birdnet": "ab"}})
    assert grown.config["learned_from"] == {"birdnet": "ab"}
    assert RunFolder(tmp_path, first).config["learned_from"] == {"birdnet": "ab"}
    with pytest.raises(RunError, match="birdnet was ab and is cd"):
        RunFolder(tmp_path, first | {"learned_from": {"birdnet": "cd"}})
