"""The project's own small network: what it sees, what it is made of, and that its graph says the same."""

import numpy as np
import pytest

from avianvox.errors import InputError
from avianvox.features.floor import above_floor

keras = pytest.importorskip("keras")

from avianvox.features.normalise import Normalisation  # noqa: E402
from avianvox.features.spec import FeatureSpec  # noqa: E402
from avianvox.models.front_end import network_graph  # noqa: E402
from avianvox.models.networks import NETWORKS, build_network  # noqa: E402

SPEC = FeatureSpec(n_frames=64, n_mels=40, n_mfcc=4, combine="above_floor")


def test_what_stands_above_the_floor_has_no_gain_and_no_steady_noise(rng: np.random.Generator) -> None:
    window = rng.normal(-70, 0.2, (64, 40)).astype(np.float32) + np.linspace(0, 30, 40, dtype=np.float32)
    window[20:30, 7] += 26
    above = above_floor(window)
    assert above.dtype == np.float32
    np.testing.assert_allclose(above[20:30, 7], 2.0, atol=0.15)  # 13 dB are 1
    rest = np.ones(above.shape, bool)
    rest[20:30, 7] = False
    assert np.abs(above[rest]).max() < 0.1
    np.testing.assert_allclose(above_floor(window + 12), above, atol=1e-5)
    window[5, 3] = 90
    assert above_floor(window)[5, 3] == np.float32(44 / 13)
    window[6, 3] = -100
    assert above_floor(window)[6, 3] == np.float32(-4 / 13)


def test_the_floor_is_a_mean_of_clipped_frames_and_can_be_found_in_place(rng: np.random.Generator) -> None:
    windows = rng.normal(-70, 9, (2, 61, 40)).astype(np.float32)
    floor = windows.mean(axis=-2, keepdims=True)
    for _ in range(4):
        floor = np.minimum(windows, floor + np.float32(2)).mean(axis=-2, keepdims=True)
    expected = np.clip(windows - floor, np.float32(-4), np.float32(44)) / np.float32(13)
    assert np.array_equal(above_floor(windows), expected)
    assert above_floor(windows, out=windows) is windows
    assert np.array_equal(windows, expected)


def test_a_call_that_fills_a_third_of_the_window_hardly_raises_the_floor() -> None:
    window = np.full((60, 1), -80.0, np.float32)
    window[:20] = -40
    assert above_floor(window)[0, 0] * 13 == pytest.approx(40, abs=3.2)


def test_it_is_small_and_its_graph_takes_stored_rows(rng: np.random.Generator) -> None:
    model = build_network("avianvox_small", n_frames=64, n_rows=40, n_classes=5, seed=3)
    assert model.count_params() < 350_000
    rows = rng.normal(-60, 8, (2, 64, SPEC.n_features)).astype(np.float32)
    scale = Normalisation(np.full(44, -60, np.float32), np.full(44, 8, np.float32))
    scores = np.asarray(network_graph(model, scale, SPEC)(rows))
    assert scores.shape == (2, 5)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
    logits = np.asarray(model(above_floor(rows[..., :40])[..., None]))
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    again = build_network("avianvox_small", n_frames=64, n_rows=40, n_classes=5, seed=3)
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_window_too_small_is_one_line() -> None:
    with pytest.raises(InputError, match="8 frames x 40 rows is too small; expected 16 x 32"):
        build_network("avianvox_small", n_frames=8, n_rows=40, n_classes=5)


def test_it_stands_in_the_table() -> None:
    assert NETWORKS.get("avianvox_small").combine == "above_floor"
