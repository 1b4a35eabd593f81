"""Well-known architectures: their layers are counted, and their answers are averaged."""

from pathlib import Path

import numpy as np
import pytest
from tones import tone_catalog, tone_data

from avianvox.api.compare import crossvalidate
from avianvox.dataset.training_data import TrainingData
from avianvox.evaluation.ensemble import averaged
from avianvox.evaluation.predictions import FoldPredictions
from avianvox.evaluation.saved_run import SavedRun
from avianvox.models import ARCHITECTURES, MODELS
from avianvox.models.backend import keras
from avianvox.models.networks import NETWORKS, RECIPES, build_network
from avianvox.models.protocol import TrainSettings
from avianvox.models.trunks import PLANS

LAYERS = (8, 16, 22, 32, 18, 34, 50, 101, 152)


def longest_way(model) -> int:
    """How many layers with weights of their own lie on the longest way through ``model``."""
    found: dict[str, int] = {}
    for layer in model.layers:
        given = [tensor for node in layer._inbound_nodes for tensor in node.input_tensors]
        before = max((found[tensor._keras_history.operation.name] for tensor in given), default=0)
        found[layer.name] = before + isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)
    return max(found.values())


@pytest.mark.parametrize(("name", "n"), list(zip(ARCHITECTURES, LAYERS, strict=True)))
def test_an_architecture_has_its_layers_and_its_width(name: str, n: int) -> None:
    model = build_network(name, n_frames=128, n_rows=128, n_classes=25)
    assert longest_way(model) == PLANS[name].layers == n
    assert name in RECIPES
    assert f"{n} layers" in NETWORKS.summaries[name]
    widest = {"alexnet": 2048, "nin": 1024, "vgg": 2048, "googlenet": 384, "resnet18": 512, "resnet34": 512}
    units = [w.shape[-1] for w in model.weights if "kernel" in w.path and not w.path.startswith("logits")]
    assert max(units) == widest.get(name, 2048) // PLANS[name].width


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    return tone_data(tmp_path_factory.mktemp("tones"))


def test_an_architecture_learns_and_the_same_seed_gives_the_same_weights(data: TrainingData) -> None:
    settings = TrainSettings(epochs=3, batch_size=9)
    fitted = [MODELS.get("resnet18")(settings).fit(data, seed=seed) for seed in (0, 0, 1)]
    losses = [row["loss"] for row in fitted[0].history.epochs]
    assert losses[-1] < losses[0]
    first, again, other = (one.arrays()["stage4_2_b/kernel"] for one in fitted)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def predictions(scores: list[list[float]], positions: list[int], pooling: str = "mean") -> FoldPredictions:
    ids = np.array(["a", "b"])
    return FoldPredictions(
        np.array(scores, np.float32), np.array(positions), np.array([0, 1]), ids, ids[:0], pooling
    )


def test_an_ensemble_averages_windows_where_they_are_the_same_and_recordings_elsewhere() -> None:
    one = predictions([[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]], [0, 0, 1])
    other = predictions([[0.4, 0.6], [0.2, 0.8], [0.3, 0.7]], [0, 0, 1])
    both = averaged([one, other])
    np.testing.assert_allclose(both.scores, [[0.6, 0.4], [0.4, 0.6], [0.2, 0.8]], atol=1e-6)
    short = predictions([[0.5, 0.5], [0.3, 0.7]], [0, 1])
    both = averaged([one, short])
    assert both.positions.tolist() == [0, 1]
    np.testing.assert_allclose(both.scores, [[0.6, 0.4], [0.2, 0.8]], atol=1e-6)
    by_maximum = averaged([one, predictions([[0.4, 0.6], [0.2, 0.8], [0.3, 0.7]], [0, 0, 1], "max")])
    np.testing.assert_allclose(by_maximum.scores, [[0.55, 0.55], [0.2, 0.8]], atol=1e-6)


def test_an_ensemble_is_a_row_of_the_comparison(tmp_path: Path) -> None:
    catalog = tone_catalog(tmp_path)
    run = tmp_path / "run"
    names = ["chance", "gnb_mfcc", "logreg_mel"]
    result = crossvalidate(catalog, names, run, folds=2, groupings=["session"], ensemble=True).result
    assert list(result.outcomes) == [*names, "ensemble"]
    assert result.n_weights["ensemble"] == result.n_weights["gnb_mfcc"] + result.n_weights["logreg_mel"]
    saved = SavedRun.open(run)
    assert saved.config["ensemble"] == ["gnb_mfcc", "logreg_mel"]
    each = [saved.pooled(name, "session").scores for name in ("gnb_mfcc", "logreg_mel", "ensemble")]
    np.testing.assert_allclose(each[2], (each[0] + each[1]) / 2, atol=1e-6)
    grown = crossvalidate(
        catalog, ["logreg_floor"], run, folds=2, groupings=["session"], ensemble=True
    ).result
    assert SavedRun.open(run).config["ensemble"] == ["gnb_mfcc", "logreg_mel", "logreg_floor"]
    assert list(grown.outcomes) == [*names, "ensemble", "logreg_floor"]
