"""The contract of every loss of the table."""

import numpy as np
import pytest

from avianvox.models.backend import keras
from avianvox.training.losses import LOSSES, Classes

LOGITS = np.array([[2.0, 0.0, -1.0, 0.5], [0.0, 3.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]], np.float32)
TARGETS = np.array([0, 1, 3])
CLASSES = Classes((3, 1, 2, 1), ("Setophaga petechia", "Setophaga adelaidae", "Parula americana", "no bird"))


def value(loss, logits: np.ndarray = LOGITS, targets: np.ndarray = TARGETS) -> float:
    return float(loss(targets, logits))


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_less_for_the_right_class_and_survives_its_configuration(name: str) -> None:
    loss = LOSSES.get(name)().make(CLASSES)
    assert np.isfinite(value(loss))
    assert value(loss) < value(loss, targets=(TARGETS + 1) % 4)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert value(again) == value(loss)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_of_shares_is_the_mean_over_the_classes(name: str) -> None:
    loss = LOSSES.get(name)().make(CLASSES)
    other = (TARGETS + 1) % 4
    shares = 0.75 * np.eye(4, dtype=np.float32)[TARGETS] + 0.25 * np.eye(4, dtype=np.float32)[other]
    expected = 0.75 * value(loss) + 0.25 * value(loss, targets=other)
    assert value(loss, targets=shares) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_steps_lower_a_loss(name: str) -> None:
    inputs = keras.Input((4,))
    kernel = keras.initializers.GlorotUniform(0)
    model = keras.Model(inputs, keras.layers.Dense(4, kernel_initializer=kernel)(inputs))
    model.compile(keras.optimizers.Adam(0.05), LOSSES.get(name)().make(CLASSES), jit_compile=False)
    x = np.eye(4, dtype=np.float32)
    first = model.evaluate(x, np.arange(4), verbose=0)
    for _ in range(20):
        model.train_on_batch(x, np.arange(4))
    assert model.evaluate(x, np.arange(4), verbose=0) < first


def test_values_are_those_of_the_formulas() -> None:
    shares = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
    wanted = np.eye(4)[TARGETS]
    plain = -(wanted * np.log(shares)).sum(1).mean()
    smoothed = -((0.9 * wanted + 0.1 / 4) * np.log(shares)).sum(1).mean()
    assert value(LOSSES.get("cross_entropy")().make(CLASSES)) == pytest.approx(plain, rel=1e-5)
    assert value(LOSSES.get("label_smoothing")().make(CLASSES)) == pytest.approx(smoothed, rel=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 2.0, 3.5])
def test_the_focal_loss_is_that_of_the_formula(gamma: float) -> None:
    right = (np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True))[np.arange(3), TARGETS]
    expected = (-((1 - right) ** gamma) * np.log(right)).mean()
    assert value(LOSSES.get("focal")(gamma=gamma).make(CLASSES)) == pytest.approx(expected, rel=1e-5)
