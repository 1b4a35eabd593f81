"""Optimisers and schedules: every row keeps the contract, and each changes what is learned."""

import numpy as np
import pytest

from avianvox.errors import ConfigError

keras = pytest.importorskip("keras")

from avianvox.training.optimisers import OPTIMISERS  # noqa: E402
from avianvox.training.schedules import SCHEDULES  # noqa: E402


def learned(optimiser: str, rate: float = 0.05, **settings: float) -> np.ndarray:
    """The weights of a dense layer after 80 steps on four examples, of which one number says nothing."""
    x = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0]], np.float32)
    y = np.array([1, 0, 1, 0], np.float32)
    layer = keras.layers.Dense(1, kernel_initializer="ones", bias_initializer="ones")
    model = keras.Sequential([keras.Input((3,)), layer])
    model.compile(optimizer=OPTIMISERS.get(optimiser)(**settings).make(rate), loss="mse")
    model.fit(x, y, epochs=80, batch_size=4, shuffle=False, verbose=0)
    return np.concatenate([weights.ravel() for weights in model.get_weights()])


@pytest.mark.parametrize("name", list(OPTIMISERS))
def test_every_optimiser_learns_the_same_again(name: str) -> None:
    plain = learned(name)
    np.testing.assert_array_equal(plain, learned(name))
    assert plain[0] > plain[1] + 0.01


def test_optimisers_are_what_they_say() -> None:
    assert learned("adam")[2] == 1  # nothing says anything of it
    decayed = learned("adamw", weight_decay=0.5)
    assert decayed[2] == pytest.approx((1 - 0.05 * 0.5) ** 80, rel=1e-3)
    assert not np.allclose(learned("sgd"), learned("adam"), atol=1e-3)
    assert not np.allclose(learned("sgd"), learned("sgd", momentum=0.0), atol=1e-4)
    for name, wrong in (("adamw", {"weight_decay": -1.0}), ("sgd", {"momentum": 1.0})):
        with pytest.raises(ConfigError, match=r"\[train.optimiser\]"):
            OPTIMISERS.get(name)(**wrong)


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_every_schedule_begins_at_the_learning_rate_and_never_rises(name: str) -> None:
    schedule = SCHEDULES.get(name)().make(0.01, 110)
    rates = [float(schedule(step)) if callable(schedule) else schedule for step in range(110)]
    assert rates[0] == pytest.approx(0.01)
    assert (np.diff(rates) <= 1e-9).all()


def test_schedules_are_what_they_say() -> None:
    cosine, steps = SCHEDULES.get("cosine")().make(0.01, 110), SCHEDULES.get("steps")().make(0.01, 110)
    assert float(cosine(55)) == pytest.approx(0.005, rel=1e-5)
    assert float(cosine(110)) == pytest.approx(0, abs=1e-9)
    found = [float(steps(2 * epoch - 1)) for epoch in (1, 18, 19, 29, 30, 43, 44, 52, 53, 55)]
    expected = [0.01, 0.01, 0.005, 0.005, 0.001, 0.001, 0.0005, 0.0005, 0.0001, 0.0001]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
