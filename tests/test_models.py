"""The published CNN family: shapes, parameters, and the battery that every Keras model passes."""

from pathlib import Path

import numpy as np
import pytest

from avianvox.errors import InputError
from avianvox.models import MODELS
from avianvox.models.backend import keras
from avianvox.models.cnn import VARIANTS, build_cnn, with_scores
from avianvox.models.protocol import TrainSettings


def tiny(seed: int = 0, name: str = "cnn_v20"):
    n_frames, n_rows = (53, 56) if VARIANTS[name].kernel == (3, 3) else (76, 12)
    return build_cnn(VARIANTS[name], n_frames=n_frames, n_rows=n_rows, n_classes=3, seed=seed)


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


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_is_in_the_table_and_gives_logits(name: str) -> None:
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
def test_config_round_trip_and_saved_file_give_equal_outputs(tmp_path: Path) -> None:
    model = tiny()
    x, _ = batch(model)
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(np.asarray(again(x)), np.asarray(model(x)))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(loaded(x)), np.asarray(model(x)))


def test_steps_lower_the_loss_and_the_same_seed_gives_the_same_weights() -> None:
    def fitted(seed: int):
        model = tiny(seed)
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
    assert not np.array_equal(a[0], other[0])
