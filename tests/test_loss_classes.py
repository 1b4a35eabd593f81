"""Losses that depend on the classes: their sizes, and the tree they hang on."""

from pathlib import Path

import numpy as np
import pytest

from avianvox.config import Choice, row_of
from avianvox.errors import ConfigError, InputError
from avianvox.training.losses import LOSSES, Classes
from avianvox.types import NO_BIRD

tf = pytest.importorskip("tensorflow")

NAMES = (
    "Setophaga petechia",
    "Setophaga angelae",
    "Parkesia motacilla",  # the same family
    "Todus mexicanus",
    "Eleutherodactylus coqui",  # no bird of the table
    "Eleutherodactylus portoricensis",
    NO_BIRD,
)
CLASSES = Classes((8, 1, 2, 4, 1, 16, 0), NAMES)
GENERA = ((0, 1), (2,), (3,), (4,), (5,), (6,))
FAMILIES = ((0, 1, 2), (3,), (4,), (5,), (6,))
SPECIES = tuple((k,) for k in range(7))
BY_SIZE_OR_TREE = ("weighted", "hierarchical", "hierarchical_asymptotic")

LOGITS = np.random.default_rng(0).normal(0, 2, (5, 7)).astype(np.float32)
TARGETS = np.array([0, 1, 2, 4, 5])
BLEND = (0.7 * np.eye(7)[TARGETS] + 0.3 * np.eye(7)[(TARGETS + 2) % 7]).astype(np.float32)


def made(name: str, **settings: float):
    return LOSSES.get(name)(**settings).make(CLASSES)


def probabilities(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def shares(targets: np.ndarray, smoothing: float) -> np.ndarray:
    wanted = np.eye(7)[targets] if targets.ndim == 1 else targets.astype(np.float64)
    return (1 - smoothing) * wanted + smoothing / 7


def slopes(loss, logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    at = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(at)
        value = loss(targets, at)
    return tape.gradient(value, at).numpy()


def level(logits: np.ndarray, wanted: np.ndarray, branches, penalty) -> np.ndarray:
    """The loss of one level of each row."""
    found = np.stack([probabilities(logits)[:, list(branch)].sum(1) for branch in branches], 1)
    right = np.stack([wanted[:, list(branch)].sum(1) for branch in branches], 1)
    return (right * penalty(found)).sum(1)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("targets", [TARGETS, BLEND], ids=["classes", "shares"])
def test_values_are_those_of_a_reference(targets: np.ndarray, smoothing: float) -> None:
    wanted = shares(targets, smoothing)

    def total(weights, exponents=(None,) * 3) -> float:
        parts = [
            weight
            * level(LOGITS, wanted, branches, lambda p, q=q: -np.log(p) if q is None else 1 - p**q).mean()
            for branches, weight, q in zip((SPECIES, GENERA, FAMILIES), weights, exponents, strict=True)
        ]
        return sum(parts)

    plain = made("hierarchical", species=1.0, genus=0.3, family=2.0, smoothing=smoothing)
    assert float(plain(targets, LOGITS)) == pytest.approx(total((1.0, 0.3, 2.0)), rel=1e-5)
    settings = {"species": 2.0, "genus": 1.0, "family": 1.0, "smoothing": smoothing}
    exponents = {"species_exponent": 0.9, "genus_exponent": 0.5, "family_exponent": 0.3}
    bounded = made("hierarchical_asymptotic", **settings, **exponents)
    expected = total((0.5, 0.25, 0.25), (0.9, 0.5, 0.3))
    assert float(bounded(targets, LOGITS)) == pytest.approx(expected, rel=1e-5)
    rarity = np.array([32 / n if n else np.nan for n in CLASSES.counts]) ** 0.5
    weights = np.nan_to_num(rarity / np.nanmean(rarity), nan=1.0)
    expected = -(wanted * weights * np.log(probabilities(LOGITS))).sum(1).mean()
    weighted = made("weighted", power=0.5, smoothing=smoothing)
    assert float(weighted(targets, LOGITS)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("targets", [TARGETS, BLEND], ids=["classes", "shares"])
@pytest.mark.parametrize(
    ("name", "settings"), [("weighted", {"clip": 0.0}), *((name, {}) for name in BY_SIZE_OR_TREE[1:])]
)
def test_slopes_are_those_of_finite_differences(name: str, settings, targets: np.ndarray) -> None:
    loss, found, step = made(name, **settings), np.empty(LOGITS.shape), 1e-2
    for place in np.ndindex(LOGITS.shape):
        moved = np.zeros_like(LOGITS)
        moved[place] = step
        found[place] = (float(loss(targets, LOGITS + moved)) - float(loss(targets, LOGITS - moved))) / (
            2 * step
        )
    np.testing.assert_allclose(slopes(loss, LOGITS, targets), found, atol=2e-4)


@pytest.mark.parametrize("name", BY_SIZE_OR_TREE)
@pytest.mark.parametrize("far", [200.0, -200.0])
def test_slopes_are_finite_however_sure_the_answer(name: str, far: float) -> None:
    logits = (far * np.eye(7)[TARGETS]).astype(np.float32)
    loss = made(name)
    assert np.isfinite(float(loss(TARGETS, logits)))
    assert np.isfinite(slopes(loss, logits, TARGETS)).all()


@pytest.mark.parametrize("weights", [{}, {"power": 0.0, "clip": 0.0}, {"genus": 0.0, "family": 0.0}])
def test_without_weights_and_levels_it_is_cross_entropy(weights: dict[str, float]) -> None:
    name = {0: "cross_entropy", "power": "weighted", "genus": "hierarchical"}[next(iter(weights), 0)]
    value = float(made(name, **weights)(TARGETS, LOGITS))
    assert value == pytest.approx(float(made("cross_entropy")(TARGETS, LOGITS)), rel=1e-6)


def test_weights_are_inverse_to_the_recordings_and_1_in_the_mean() -> None:
    weights = np.array(LOSSES.get("weighted")().weights(CLASSES))
    assert weights[-1] == 1.0  # nothing was recorded of it
    np.testing.assert_allclose(weights[:-1] * CLASSES.counts[:-1], weights[0] * 8)
    assert weights[:-1].mean() == pytest.approx(1.0)


@pytest.mark.parametrize("n", [1, 5])
def test_slopes_are_clipped_for_each_crop_whatever_the_batch(n: int) -> None:
    """A class of one recording among 32: its weight of 2.4 would make slopes of up to 2.4 over the batch."""
    logits, targets = np.tile(LOGITS[1], (n, 1)), np.ones(n, np.int64)
    free, clipped = (slopes(made("weighted", clip=c), logits, targets) * n for c in (0.0, 0.5))
    assert np.abs(free).max() > 0.5
    np.testing.assert_allclose(clipped, np.clip(free, -0.5, 0.5), rtol=1e-5)


def test_the_tree_puts_relatives_together_and_what_is_not_known_apart() -> None:
    """A relative of the right species is a lesser error; of two frogs of one genus, nobody says so."""

    def error(answer: int, target: int) -> float:
        logits = (4 * np.eye(7)[[answer]]).astype(np.float32)
        return float(made("hierarchical")(np.array([target]), logits))

    same_genus, same_family, elsewhere, frogs, none = (
        error(answer, target) for answer, target in ((1, 0), (2, 0), (3, 0), (5, 4), (0, 6))
    )
    assert same_genus < same_family < elsewhere
    assert frogs == pytest.approx(none)


@pytest.mark.parametrize("name", BY_SIZE_OR_TREE[1:])
def test_a_tree_needs_names(name: str) -> None:
    with pytest.raises(InputError, match="expected the names of the classes"):
        LOSSES.get(name)().make(Classes((1, 2)))


def test_the_bounded_loss_is_0_where_all_is_right_and_1_where_nothing_is() -> None:
    loss = made("hierarchical_asymptotic")
    sure = (60 * np.eye(7)).astype(np.float32)
    assert float(loss(np.array([0]), sure[[0]])) == pytest.approx(0.0, abs=1e-6)
    assert float(loss(np.array([0]), sure[[3]])) == pytest.approx(1.0, abs=1e-4)
    half = float(loss(np.array([0]), sure[[1]]))  # the right genus and family, another species
    assert half == pytest.approx(1 / 3, abs=1e-4)


def level_slopes(p: float) -> np.ndarray:
    """What each level's probability does to the default loss where all three are ``p``; from autodiff."""
    row = LOSSES.get("hierarchical_asymptotic")()
    found = []
    for weight, exponent in zip(row.weights, row.exponents, strict=True):
        at = tf.constant([np.log(p), np.log1p(-p)])[None]
        loss = type(made("hierarchical_asymptotic"))([[0, 1]], [weight / sum(row.weights)], [exponent])
        with tf.GradientTape() as tape:
            tape.watch(at)
            value = loss(np.array([0]), at)
        found.append(float(tape.gradient(value, at)[0, 0]) / (p * (1 - p)))  # d p / d logit
    return np.array(found)


@pytest.mark.parametrize("p", [0.001, 0.01, 0.1, 0.5, 0.9, 0.99])
def test_slopes_of_the_levels_are_those_of_the_derivation(p: float) -> None:
    exponents = np.array([0.8, 0.4, 0.2])
    np.testing.assert_allclose(level_slopes(p), -exponents * p ** (exponents - 1) / 3, rtol=1e-3)


@pytest.mark.parametrize("p", [0.001, 0.01, 0.1, 0.5, 1.0])
def test_the_page_on_training_shows_these_slopes(p: float) -> None:
    row = " | ".join([f"{p:g}", *(f"{-slope:.2f}" for slope in level_slopes(min(p, 1 - 1e-4)))])
    page = Path(__file__).parents[1] / "docs" / "train.md"
    assert f"| {row} |" in page.read_text(encoding="utf-8")


def test_the_family_leads_near_0_and_the_species_near_1() -> None:
    species, genus, family = -level_slopes(0.001)
    assert family > genus > species
    species, genus, family = -level_slopes(0.99)
    assert species > genus > family
    for (one, other), equal in {(0, 2): 0.25 ** (1 / 0.6), (0, 1): 0.5 ** (1 / 0.4), (1, 2): 0.5**5}.items():
        here = level_slopes(equal)
        assert here[one] == pytest.approx(here[other], rel=1e-3)


def test_the_pull_moves_to_the_species_as_the_family_is_learned() -> None:
    """Of what both levels do to the outputs, the species' share, where nothing is known within the family."""
    at_species, at_family = (
        made("hierarchical_asymptotic", **{"species": 0.0, "genus": 0.0, "family": 0.0, level: 1.0})
        for level in ("species", "family")
    )
    found = []
    for family in (0.02, 0.5, 0.98):
        p = np.where(np.arange(7) < 3, family / 3, (1 - family) / 4)
        logits = np.log(p).astype(np.float32)[None]
        species, above = (np.abs(slopes(loss, logits, TARGETS[:1])).sum() for loss in (at_species, at_family))
        found.append(species / (species + above))
    assert found == sorted(found)
    assert found[0] < 0.25
    assert found[-1] > 0.9


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("weighted", "power", 1.5),
        ("weighted", "clip", -1.0),
        ("weighted", "smoothing", 1.0),
        ("hierarchical", "genus", -0.1),
        ("hierarchical", "smoothing", -0.1),
        ("hierarchical_asymptotic", "family_exponent", 0.0),
        ("hierarchical_asymptotic", "species_exponent", 1.1),
    ],
)
def test_settings_out_of_range_are_refused(kind: str, key: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"\[train.loss\] {key}: expected"):
        row_of(LOSSES, Choice(kind, ((key, value),)), "train.loss")
    with pytest.raises(ConfigError, match="expected one above 0"):
        LOSSES.get("hierarchical")(species=0.0, genus=0.0, family=0.0)
