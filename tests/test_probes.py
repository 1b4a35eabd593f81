"""Probes and shortcuts: what facts about files give away, and what chance does."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from avianvox.audit.facts import Fact, noise_floor_db
from avianvox.audit.probes import Probe, Shortcut, probe_accuracy, run_probes
from avianvox.dataset.splits import Fold, Split, make_split
from avianvox.types import Recording

LABELS = np.repeat(np.arange(6), 12)


def one_fold(n: int) -> Split:
    return Split((Fold(np.arange(0, n, 2), np.arange(1, n, 2)),), "random", 0)


def clean_facts(seed: int, sessions: np.ndarray) -> dict[str, np.ndarray]:
    """A rate of each session's recorder, a length of its own, and a noise floor of the session's."""
    rng = np.random.default_rng(seed)
    n_sessions = sessions.max() + 1
    return {
        "sample rate": np.array(["44100 Hz", "48000 Hz", "22050 Hz"])[
            rng.choice(3, n_sessions, p=[0.5, 0.4, 0.1])
        ][sessions],
        "length": rng.lognormal(3, 0.6, len(sessions)),
        "noise floor": rng.normal(-50, 8, n_sessions)[sessions] + rng.normal(0, 1, len(sessions)),
    }


def own_sessions(seed: int) -> np.ndarray:
    """Sessions of one to six recordings; each holds one class only."""
    rng = np.random.default_rng(seed)
    cuts = rng.random(len(LABELS)) < 0.35
    return np.cumsum(cuts | (np.diff(LABELS, prepend=-1) != 0)) - 1


def ask(facts: dict[str, np.ndarray], sessions: np.ndarray) -> tuple[list[Probe], list[Shortcut]]:
    names = [f"session {s}" for s in sessions]
    recordings = [
        Recording(id=f"{i:03d}", path=Path("-"), label=f"species {t}", site=name)
        for i, (t, name) in enumerate(zip(LABELS, names, strict=True))
    ]
    splits = {g: make_split(recordings, grouping=g, n_folds=3, seed=0) for g in ("random", "session")}
    return run_probes([Fact(*item) for item in facts.items()], LABELS, names, splits, n_permutations=199)


@pytest.mark.parametrize("seed", range(8))
def test_what_sessions_share_is_no_shortcut(seed: int) -> None:
    sessions = own_sessions(seed)
    probes, shortcuts = ask(clean_facts(seed, sessions), sessions)
    assert len(probes) == 6
    assert len(shortcuts) == 18
    assert not [p for p in probes if p.p_value <= 0.01]
    assert not [s for s in shortcuts if s.separation >= 0.75 and s.p_value <= 0.05]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("fact", ["sample rate", "length"])
def test_a_planted_shortcut_is_found_and_no_other(fact: str, seed: int) -> None:
    sessions = np.random.default_rng(seed).integers(0, 12, len(LABELS))  # each holds several classes
    sessions = np.unique(sessions, return_inverse=True)[1]
    facts = clean_facts(seed, sessions)
    planted = np.full(len(LABELS), "32000 Hz") if fact == "sample rate" else facts["length"] / 5
    facts[fact] = np.where(LABELS == 2, planted, facts[fact])
    _, shortcuts = ask(facts, sessions)
    told = [s for s in shortcuts if s.separation >= 0.75 and s.p_value <= 0.05]
    assert [(s.fact, s.target) for s in told] == [(fact, 2)]


def test_a_fact_that_is_the_label_names_everything() -> None:
    sessions = np.arange(len(LABELS))
    probes, _ = ask({"codec": np.array([f"codec {t}" for t in LABELS])}, sessions)
    assert [p.accuracy for p in probes] == [1.0, 1.0]
    assert all(p.p_value < 1e-6 for p in probes)
    assert all(p.chance == pytest.approx(1 / 6, abs=0.05) for p in probes)


def test_a_fact_that_never_varies_says_nothing() -> None:
    probes, shortcuts = ask({"codec": np.array(["WAV"] * len(LABELS))}, np.arange(len(LABELS)))
    assert all(each.p_value == 1 for each in (*probes, *shortcuts))
    assert all(s.separation == 0.5 for s in shortcuts)
    assert probe_accuracy(np.zeros(72, np.int64), LABELS, one_fold(72)) == pytest.approx(1 / 6)


def test_the_commonest_class_of_the_group_is_named_and_unseen_groups_get_the_commonest_of_all() -> None:
    # training: even positions
    codes = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 2])
    targets = np.array([0, 0, 0, 1, 1, 0, 1, 1, 0, 0])
    # group 0 -> class 0 (two of three), group 1 -> one each: class 0 is the commoner one; group 2 is new
    assert probe_accuracy(codes, targets, one_fold(10)) == pytest.approx((1 + 0 + 1 + 0 + 1) / 5)


def test_separation_agrees_with_scikit_learn(rng: np.random.Generator) -> None:
    numbers = rng.integers(0, 9, len(LABELS)).astype(float)  # with ties
    words = rng.choice(["a", "b", "c"], len(LABELS))
    _, shortcuts = ask({"length": numbers, "codec": words}, np.arange(len(LABELS)))
    for shortcut in shortcuts:
        own = shortcut.target == LABELS
        area = roc_auc_score(own, numbers)
        by_word = max(balanced_accuracy_score(own, words == word) for word in "abc")
        expected = max(area, 1 - area) if shortcut.fact == "length" else by_word
        assert shortcut.separation == pytest.approx(expected)


def test_numbers_are_sorted_into_groups_of_one_size() -> None:
    assert np.bincount(Fact("length", np.arange(100.0)[::-1]).codes()).tolist() == [10] * 10
    assert Fact("length", np.array([0.0] * 50 + [1.0])).codes().tolist() == [0] * 50 + [1]


def test_the_noise_floor_is_that_of_the_quiet_moments() -> None:
    log_mel = np.full((3000, 8), -10.0)
    log_mel[::5] = np.arange(-64, -56)
    assert noise_floor_db(log_mel) == pytest.approx(-60.5)
