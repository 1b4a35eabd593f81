"""Networks: shapes, parameters, principal components, and the battery that every Keras model passes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from avianvox.errors import InputError
from avianvox.models import KINDS, MODELS
from avianvox.models.backend import keras
from avianvox.models.cnn import VARIANTS, build_cnn, with_scores
from avianvox.models.dense import principal_components
from avianvox.models.networks import NETWORKS, build_network
from avianvox.models.protocol import TrainSettings
from avianvox.models.stacked import stacked


def test_listing_networks_needs_no_keras() -> None:
    code = (
        "import sys; from avianvox.models.networks import NETWORKS; assert list(NETWORKS)\n"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def tiny(seed: int = 0, name: str = "cnn_v20"):
    n_frames, n_rows = (76, 12) if name == "cnn_v16" else (53, 56)
    model = build_network(name, n_frames=n_frames, n_rows=n_rows, n_classes=3, seed=seed)
    if name == "pca_dense":  # its first layer is given, here with directions drawn at random
        layer = model.get_layer("components")
        axes = np.random.default_rng(2).normal(size=layer.kernel.shape) / np.sqrt(n_frames * n_rows)
        layer.set_weights([axes, np.zeros(layer.units)])
    return model


def test_parts_of_a_window_are_stacked_in_their_order() -> None:
    x = np.arange(2 * 50 * 32, dtype=np.float32).reshape(2, 50, 32, 1)
    found = np.asarray(stacked(x))
    assert found.shape == (2, 16, 32, 3)
    for part in range(3):
        assert np.array_equal(found[..., part], x[:, 16 * part : 16 * part + 16, :, 0])
    model = build_network("avianvox_stacked", n_frames=50, n_rows=32, n_classes=2)
    assert model.get_layer("band_height").output.shape == (None, 16, 32, 4)
    assert model.output_shape == (None, 2)
    with pytest.raises(InputError, match="47 frames x 32 rows is too small; expected 48 x 32"):
        build_network("avianvox_stacked", n_frames=47, n_rows=32, n_classes=2)


def test_the_deep_dense_network_is_that_of_the_paper() -> None:
    model = build_network("dense_deep", n_frames=4, n_rows=5, n_classes=3)
    hidden = [layer for layer in model.layers if layer.name.startswith("hidden")]
    dense = [layer for layer in hidden if isinstance(layer, keras.layers.Dense)]
    assert [layer.units for layer in dense] == [1024, 1024, 512, 256, 128]
    assert {layer.activation.__name__ for layer in dense} == {"elu"}
    assert [type(layer).__name__ for layer in hidden] == ["Dense", "Dropout"] * 5
    on_components = build_network("pca_deep", n_frames=20, n_rows=30, n_classes=3)
    assert on_components.get_layer("components").units == 500
    assert not on_components.get_layer("components").trainable
    assert KINDS == ("avianvox_small", "dense_deep", "pca_deep")


def batch(model, n: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    y = np.arange(n) % 3
    x = rng.normal(size=(n, *model.input_shape[1:])) * (1 + y)[:, None, None, None]
    return x.astype(np.float32), y


def test_the_published_network_has_its_parameters() -> None:
    model = build_cnn(VARIANTS["cnn_v20"], n_frames=128, n_rows=128, n_classes=91)
    assert model.count_params() == 80411
    assert model.input.name == "features"
    assert model.output_names == ["logits"]


def test_v16_looks_at_single_bands() -> None:
    model = tiny(name="cnn_v16")
    x, _ = batch(model)
    before = keras.Model(model.input, model.get_layer("block3_pool").output)
    one_band = x.copy()
    one_band[:, :, 5] += 1.0
    changed = np.abs(np.asarray(before(one_band)) - np.asarray(before(x))).max(axis=(0, 1, 3))
    assert list(np.flatnonzero(changed)) == [5]


def test_the_dense_networks_differ_in_what_they_see() -> None:
    pixels, components = tiny(name="dense_pixels"), tiny(name="pca_dense")
    n_values, tail = 53 * 56, (256 * 256 + 256) + (256 * 3 + 3)
    assert pixels.count_params() == (n_values * 256 + 256) + tail
    assert components.count_params() == (n_values * 500 + 500) + (500 * 256 + 256) + tail
    assert [w.path for w in components.non_trainable_weights] == ["components/kernel", "components/bias"]
    assert build_network("pca_dense", n_frames=4, n_rows=5, n_classes=3).get_layer("components").units == 20


def test_principal_components_are_those_of_scikit_learn() -> None:
    from sklearn.decomposition import PCA

    rng = np.random.default_rng(0)
    values = (rng.normal(size=(30, 200)) * np.linspace(3, 0.1, 200) + 5).astype(np.float32)
    mean, axes, variances = principal_components(values, 6)
    expected = PCA(6, svd_solver="full").fit(values)
    np.testing.assert_allclose(mean, expected.mean_, rtol=1e-5)
    np.testing.assert_allclose(variances, expected.explained_variance_, rtol=1e-4)
    np.testing.assert_allclose(np.abs(expected.components_ @ axes), np.eye(6), atol=1e-3)


def test_directions_beyond_the_rank_are_zeros() -> None:
    """Three points lie in a plane: two directions, the longer of which is known."""
    values = np.array([[0, 0, 0, 0], [6, 8, 0, 0], [0, 0, 1, 0]], np.float32)
    _, axes, variances = principal_components(values, 4)
    assert np.count_nonzero(variances) == 2
    assert not axes[:, 2:].any()
    np.testing.assert_allclose(np.linalg.norm(axes[:, :2], axis=0), 1.0, rtol=1e-5)
    assert abs(axes[:, 0] @ np.array([0.6, 0.8, 0, 0])) > 0.99


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_in_the_table_and_gives_logits(name: str) -> None:
    assert MODELS.get(name)(TrainSettings()).architecture == name
    model = tiny(name=name)
    x, _ = batch(model)
    logits = np.asarray(model(x))
    assert logits.shape == (6, 3)
    scores = np.asarray(with_scores(model)(x))
    np.testing.assert_allclose(scores, np.exp(logits) / np.exp(logits).sum(1, keepdims=True), rtol=1e-5)


def test_a_window_that_is_too_small_is_refused() -> None:
    with pytest.raises(InputError, match="20 frames x 40 rows is too small"):
        build_cnn(VARIANTS["cnn_v20"], n_frames=20, n_rows=40, n_classes=3)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras, in Model.save
@pytest.mark.parametrize("name", ["cnn_v20", "pca_dense", "dense_pixels"])
def test_config_round_trip_and_saved_file_give_equal_outputs(name: str, tmp_path: Path) -> None:
    model = tiny(name=name)
    x, _ = batch(model)
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(np.asarray(again(x)), np.asarray(model(x)))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(loaded(x)), np.asarray(model(x)))


@pytest.mark.parametrize("name", ["cnn_v20", "pca_dense", "dense_pixels"])
def test_steps_lower_the_loss_and_the_same_seed_gives_the_same_weights(name: str) -> None:
    def fitted(seed: int):
        model = tiny(seed, name)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(5e-4), loss, jit_compile=False)
        x, y = batch(model)
        first = model.evaluate(x, y, verbose=0)
        for _ in range(12):
            model.train_on_batch(x, y)
        assert model.evaluate(x, y, verbose=0) < first
        return model.get_weights()

    a, b, other = fitted(0), fitted(0), fitted(1)
    assert all(np.array_equal(p, q) for p, q in zip(a, b, strict=True))
    assert not np.array_equal(a[-2], other[-2])
