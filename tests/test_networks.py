"""The project's own networks: what all have in common, and what each has of its own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tones import SPEC, tone_data

from avianvox.dataset.training_data import TrainingData
from avianvox.errors import InputError
from avianvox.export.graph import build_graph, convert, signature_runners
from avianvox.features.filters import dct_matrix
from avianvox.features.floor import above_floor
from avianvox.features.normalise import Normalisation
from avianvox.features.spec import FeatureSpec
from avianvox.models.backend import keras
from avianvox.models.blocks import Cepstrum
from avianvox.models.cbam import ATTENTION_MAP
from avianvox.models.front_end import network_graph
from avianvox.models.networks import RECIPES, build_network
from avianvox.training.config import read_train_file
from avianvox.training.estimator import NetworkEstimator

OWN = [name for name in RECIPES if name.startswith("avianvox_")]
SHAPE = {"n_frames": 64, "n_rows": 40, "n_classes": 5}


@pytest.mark.parametrize("name", OWN)
def test_a_network_is_small_and_the_same_seed_gives_the_same_weights(name: str) -> None:
    model = build_network(name, **SHAPE, seed=3)
    assert model.count_params() < 400_000
    for seed, equal in ((3, True), (4, False)):
        again = build_network(name, **SHAPE, seed=seed)
        pairs = zip(model.weights, again.weights, strict=True)
        kernels = [np.array_equal(a.numpy(), b.numpy()) for a, b in pairs if "kernel" in a.path]
        assert all(found == equal for found in kernels)
    names = [layer.name for layer in model.layers]
    assert {"attention", "moments", "dropout"} < set(names)
    with pytest.raises(InputError, match=r"64 frames x 31 rows is too small; expected (16|48) x 32"):
        build_network(name, **(SHAPE | {"n_rows": 31}))


@pytest.mark.parametrize("name", OWN)
def test_a_network_leaves_as_a_file_that_says_the_same(name: str, rng: np.random.Generator) -> None:
    spec = FeatureSpec(n_frames=64, n_mels=40, n_mfcc=4, combine="above_floor")
    scale = Normalisation(np.full(44, -60, np.float32), np.full(44, 8, np.float32))
    model = build_network(name, **SHAPE, seed=3)
    rows = rng.normal(-60, 8, (1, 64, spec.n_features)).astype(np.float32)
    from_features = network_graph(model, scale, spec)
    expected = np.asarray(from_features(rows))
    logits = np.asarray(model(above_floor(rows[..., :40])[..., None]))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(expected, shares, atol=1e-4)
    for quantize, tolerance in (("none", 1e-4), ("float16", 1e-2)):
        runners = signature_runners(convert(build_graph(from_features, spec), quantize=quantize))
        np.testing.assert_allclose(runners["features"](features=rows)["scores"], expected, atol=tolerance)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    return tone_data(tmp_path_factory.mktemp("tones"))


@pytest.mark.parametrize("name", OWN)
def test_a_network_learns_by_its_recipe(name: str, data: TrainingData, tmp_path: Path) -> None:
    file = tmp_path / "train.toml"
    file.write_text("[train]\nepochs = 12\nbatch_size = 9\nwindow_frames = 53\n")
    config = read_train_file(file, model=name)[0]
    fitted = NetworkEstimator(name, config.settings).fit(data, seed=0)
    assert fitted.spec == SPEC.with_changes(combine="above_floor")
    losses = [row["loss"] for row in fitted.history.epochs]
    assert losses[-1] < losses[0]


def test_mfcc_are_those_of_the_extractor_without_the_floor(rng: np.random.Generator) -> None:
    spec = FeatureSpec(n_mels=40)
    floor = np.linspace(-80, -40, 40)
    bands = (floor + np.abs(rng.normal(0, 6, (2, 9, 40)))).astype(np.float32)
    mfcc = bands @ dct_matrix(spec)
    heard = np.asarray(Cepstrum()((bands - floor.astype(np.float32))[..., None]))
    assert heard.shape == (2, 9, 20, 1)
    np.testing.assert_allclose(heard[..., 0], mfcc - floor @ dct_matrix(spec), atol=1e-3)


def first_layers(name: str, *, cut: bool, rng: np.random.Generator) -> float:
    """How much the answer changes where what MFCC don't tell is taken out."""
    model = build_network(name, **SHAPE, seed=1)
    bands = rng.normal(1, 1, (1, 64, 40)).astype(np.float32)
    basis = dct_matrix(FeatureSpec(n_mels=40))
    told = bands @ basis @ basis.T
    other = told if cut else bands[:, :, ::-1]
    return float(np.abs(np.asarray(model(bands[..., None])) - np.asarray(model(other[..., None]))).max())


def test_one_network_hears_mfcc_alone_and_another_both(rng: np.random.Generator) -> None:
    assert first_layers("avianvox_mfcc", cut=True, rng=rng) < 1e-4
    assert first_layers("avianvox_mfcc", cut=False, rng=rng) > 1e-3
    assert first_layers("avianvox_two_branches", cut=True, rng=rng) > 1e-3
    model = build_network("avianvox_two_branches", **SHAPE)
    assert model.get_layer("mfcc").output.shape == (None, 64, 20, 1)


def test_attention_can_be_seen_by_name_and_weighs_what_is_found(rng: np.random.Generator) -> None:
    model = build_network("avianvox_cbam", **SHAPE, seed=1)
    layer = model.get_layer(ATTENTION_MAP)
    seen: Any = keras.Model(model.input, layer.output)
    crops = rng.normal(0, 1, (2, 64, 40, 1)).astype(np.float32)
    found = np.asarray(seen(crops))
    assert found.shape == (2, 8, 2, 1)
    assert ((found > 0) & (found < 1)).all()
    before = np.asarray(model(crops))
    layer.set_weights([np.zeros_like(layer.get_weights()[0]), np.full(1, -30, np.float32)])
    nothing = np.asarray(model(crops))  # where nothing is attended to, nothing is told
    np.testing.assert_allclose(nothing[0], nothing[1], atol=1e-5)
    assert np.abs(before[0] - before[1]).max() > 1e-3


def test_the_small_network_keeps_the_weights_of_its_seed() -> None:
    model = build_network("avianvox_small", n_frames=64, n_rows=40, n_classes=5, seed=3)
    kernel = model.get_layer("block3_conv").get_weights()[0]
    assert model.count_params() == 316_058
    np.testing.assert_allclose(kernel.ravel()[:3], [0.039091013, 0.003453046, -0.05908832], rtol=1e-6)
