"""Files that an earlier commit wrote still open: before settings could grow, and model files of version 1.

``tests/yesterday`` holds them as they were written: six tones of half a second as two species.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from avianvox.cli.main import cli
from avianvox.config import settings_from_mapping, settings_to_mapping
from avianvox.evaluation.saved_run import SavedRun
from avianvox.features.spec import FeatureSpec
from avianvox.features.store import FeatureStore, verify_store
from avianvox.inference.classifier import Classifier
from avianvox.inference.gate import Gate
from avianvox.modelfile import read_model_file, verify_model_file
from avianvox.modelinfo import SPECIES, Output
from avianvox.training.config import TrainConfig
from avianvox.training.run import Run

HERE = Path(__file__).with_name("yesterday")


def test_a_model_file_of_version_1(tmp_path: Path) -> None:
    path = HERE / "model.tflite"
    assert verify_model_file(path) == []
    info = read_model_file(path).info
    assert info.format_version == 1
    assert info.outputs == (Output(SPECIES, 3),)
    tone = 0.3 * np.sin(2 * np.pi * 800 / 22050 * np.arange(70_000)).astype(np.float32)
    scores = [window.scores for window in Classifier.load(path).windows([tone])]
    assert [int(each.argmax()) for each in scores] == [0, 0]


def test_a_store() -> None:
    assert verify_store(HERE / "store") == []
    store = FeatureStore.open(HERE / "store")
    assert (len(store), store.log_mel.n_mels) == (6, 16)
    assert FeatureStore.open(HERE / "store", spec=store.log_mel).data_hash == store.data_hash


def test_a_gate() -> None:
    assert Gate.load().spec == FeatureSpec()


def test_a_cross_validation_is_computed_anew(tmp_path: Path) -> None:
    run = SavedRun.open(HERE / "crossval")
    assert list(run.models) == ["gnb_mfcc"]
    moved = tmp_path / "run"
    shutil.copytree(HERE / "crossval", moved)
    before = json.loads((moved / "figures.json").read_text())["models"]["gnb_mfcc"]
    done = CliRunner().invoke(cli, ["crossval", "--recompute", str(moved)])
    assert done.exit_code == 0, done.output
    assert json.loads((moved / "figures.json").read_text())["models"]["gnb_mfcc"] == before


def test_a_training_run() -> None:
    run = Run.open(HERE / "run")
    assert len(run.split["train"]) == 6
    settings = settings_from_mapping(TrainConfig, run.config["train"], table="train", stored=True)
    assert (settings.model, settings.loss, settings.sampler) == ("dense_pixels", "cross_entropy", "shuffled")
    assert settings_to_mapping(settings) == run.config["train"]


@pytest.mark.parametrize("name", ["store/store.json", "run/config.json", "crossval/config.json"])
def test_they_are_older_than_what_came_since(name: str) -> None:
    text = (HERE / name).read_text()
    assert not any(word in text for word in ('"kind": "log_mel"', '"loss"', '"sampler"'))
