"""From predictions to figures and tables: what is counted, cut, drawn and printed."""

import csv
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from avianvox.dataset.splits import Fold
from avianvox.evaluation.figures import Figure, Outcome, Table, model_mapping, summarise
from avianvox.evaluation.ladder import compare_neighbours, ladder_csv, ladder_table, p_text
from avianvox.evaluation.learning import cut_training
from avianvox.evaluation.predictions import FoldPredictions, Pooled, pool
from avianvox.evaluation.sensitivity import crop_seed_accuracies
from avianvox.pages.blocks import Counter
from avianvox.report.ladder import _neighbours
from avianvox.types import LabelSet, Recording

LABELS = LabelSet(("a a", "b b"))


def fold(
    scores: list[list[float]], recording: list[int], targets: list[int], start: int = 0
) -> FoldPredictions:
    n = len(targets)
    return FoldPredictions(
        np.array(scores, np.float32),
        np.array(recording),
        np.array(targets),
        np.array([f"t{start + i}" for i in range(n)]),
        np.array(["x", "y"]),
    )


def recordings(targets: list[int]) -> dict[str, Recording]:
    return {
        f"t{i}": Recording(f"t{i}", Path("none.wav"), LABELS.names[t], duration_s=60.0 * (i + 1))
        for i, t in enumerate(targets)
    }


def outcome_of(folds: list[FoldPredictions], targets: list[int]) -> Outcome:
    return summarise(folds, pool(folds, recordings(targets)), LABELS)


def test_a_recording_is_the_mean_of_its_windows() -> None:
    """Windows out of order, one of a recording and three of another."""
    one = fold([[1.0, 0.0], [0.4, 0.6], [0.3, 0.7], [0.5, 0.5]], [1, 0, 1, 1], [1, 0])
    outcome = outcome_of([one, fold([[0.0, 1.0]], [0], [0], start=2)], [1, 0, 0])
    accuracy = outcome.figures["recording", "accuracy"]
    assert accuracy.folds == (1.0, 0.0)
    assert accuracy.mean == 0.5
    assert accuracy.pooled == pytest.approx(2 / 3)
    assert 0.0 <= accuracy.low < accuracy.pooled < accuracy.high <= 1.0
    # 0.5 and 0.5 are a tie, which counts one half.
    assert outcome.figures["window", "accuracy"].folds == (0.625, 0.0)
    assert math.isnan(outcome.figures["window", "accuracy"].low)
    assert outcome.confusion.tolist() == [[1, 1], [0, 1]]
    assert outcome.classes["recall"].tolist() == [0.5, 1.0]
    assert outcome.duration.minutes.tolist() == [5.0, 1.0]


def test_scores_of_different_folds_are_not_ranked_against_each_other() -> None:
    """Each fold ranks its recordings rightly, on a scale of its own; a third one tests a single class."""
    low = fold([[0.4, 0.6], [0.3, 0.7]], [0, 1], [0, 1])
    high = fold([[0.9, 0.1], [0.8, 0.2]], [0, 1], [0, 1], start=2)
    alone = fold([[0.1, 0.9]], [0], [1], start=4)
    targets = [0, 1, 0, 1, 1]
    outcome = outcome_of([low, high, alone], targets)
    assert outcome.classes["roc_auc"].tolist() == [1.0, 1.0]
    assert outcome.classes["average_precision"].tolist() == [1.0, 1.0]
    area = outcome.figures["recording", "mean_roc_auc"]
    assert math.isnan(area.folds[2])
    assert (area.mean, area.shown, str(area)) == (1.0, 1.0, "1.000")
    assert np.isnan([area.pooled, area.low, area.high]).all()
    majority = [fold([[p, 1 - p]] * 2, [0, 1], [0, 1], start=2 * i) for i, p in enumerate((0.2, 0.8))]
    assert outcome_of(majority, targets[:4]).figures["recording", "mean_roc_auc"].shown == 0.5
    by_grouping = {"random": outcome, "session": outcome_of(majority, targets[:4])}
    assert model_mapping(by_grouping, LABELS)["gap"]["session"]["recording"]["mean_roc_auc"] == 0.5
    row = next(csv.DictReader(ladder_csv({"m": by_grouping}, [], tuple(by_grouping)).splitlines()))
    assert (row["session mean_roc_auc"], row["session mean_roc_auc low"]) == ("0.500000", "")


def test_deviation_is_that_of_a_sample() -> None:
    assert Figure((0.1, 0.2, 0.3), 0.2).deviation == pytest.approx(0.1)
    assert str(Figure((0.1, 0.2, 0.3), 0.2, 0.104, 1.0)) == "0.200 [.10, 1.00]"
    assert math.isnan(Figure((0.5,), 0.5).deviation)
    assert str(Figure((0.5,), 0.5)) == "0.500"


def test_one_gap_for_each_grouping_that_keeps_things_together() -> None:
    outcome = outcome_of([fold([[0.0, 1.0]], [0], [1])], [1])
    by_grouping = {name: outcome for name in ("site", "random", "session")}
    table = ladder_table({"m": by_grouping}, [], tuple(by_grouping))
    assert table.columns == (
        *("model", "site", "random", "session", "gap to site", "gap to session", "step", "p", "top-5", "F1"),
    )
    plain = model_mapping(by_grouping, LABELS)
    assert plain["groupings"]["site"]["recording"]["accuracy"]["folds"] == [1.0]
    assert math.isnan(plain["groupings"]["site"]["classes"]["a a"]["recall"])
    assert list(plain["gap"]) == ["site", "session"]
    assert plain["gap"]["site"]["window"]["top3"] == 0.0


def test_a_ladder_of_fifteen_rungs_fits_a_terminal() -> None:
    outcome = outcome_of([fold([[0.0, 1.0], [0.3, 0.7]], [0, 1], [1, 0])], [1, 0])
    names = [f"model_of_len{i}" for i in range(15)]
    right = {name: np.array([1.0, 0.0]) for name in names}
    steps = compare_neighbours("session", right, np.array(["s", "t"]))
    assert [(step.lower, step.higher) for step in steps] == list(pairwise(names))
    assert {(step.difference, step.p_value) for step in steps} == {(0.0, 1.0)}
    outcomes = {name: {"random": outcome, "session": outcome} for name in names}
    lines = ladder_table(outcomes, steps, ("random", "session")).markdown().splitlines()
    assert len(lines) == 17
    assert max(map(len, lines)) <= 100


def test_a_small_p_value_is_never_printed_as_none() -> None:
    assert [p_text(p) for p in (0.0001, 0.001, 1.0)] == ["<.001", "0.001", "1.000"]
    names = {"grouping": "session", "lower": "a", "higher": "b"}
    row = names | {"difference": 0.25, "low": 0.125, "high": 0.375, "p_value": 0.0001}
    assert "| +0.250 [+0.125, +0.375] | <.001 |" in _neighbours([row]).markdown(Counter())


def test_a_table_is_aligned_markdown() -> None:
    table = Table(("a", "long name"), (("x", "1"), ("wider", "2")))
    assert table.markdown() == (
        "| a     | long name |\n| ----- | --------- |\n| x     | 1         |\n| wider | 2         |\n"
    )


def test_one_window_of_each_recording_is_drawn_under_each_seed() -> None:
    """Half the windows are right, every other one; the windows stand in no order."""
    n, windows = 40, 10
    rows = np.tile(np.arange(n), windows)
    right = np.repeat(np.arange(windows) % 2 == 0, n)
    pooled = Pooled(
        tuple(Recording(f"r{i}", Path("none.wav"), "a a") for i in range(n)),
        np.zeros(n, np.int64),
        np.zeros(n, np.int64),
        np.tile([0.6, 0.4], (n, 1)),
        np.where(right[:, None], [0.9, 0.1], [0.1, 0.9]).astype(np.float32),
        rows,
    )
    found = crop_seed_accuracies(pooled)
    assert len(found["values"]) == 5
    assert len(set(found["values"])) > 1
    assert found["mean"] == pytest.approx(0.5, abs=0.15)
    assert found["deviation"] == pytest.approx(np.std(found["values"], ddof=1))
    one = pooled.where(np.arange(n) == 0)
    assert set(crop_seed_accuracies(one, range(50))["values"]) == {0.0, 1.0}


def test_few_recordings_come_from_many_sessions() -> None:
    """Eight recordings of a class in one session, and one in each of three; another class has two in all."""
    sessions = ["s"] * 8 + ["t", "u", "v"] + ["w", "w"]
    rows = [
        Recording(f"r{i}", Path("none.wav"), "a a" if i < 11 else "b b", recordist=name)
        for i, name in enumerate(sessions)
    ]
    whole = Fold(np.arange(13), np.array([13]))
    cuts = {n: cut_training(whole, rows, n, seed=0) for n in (1, 4, 5, 20)}
    assert {n: len(cut.train) for n, cut in cuts.items()} == {1: 2, 4: 6, 5: 7, 20: 13}
    assert {rows[i].session for i in cuts[4].train} == {r.session for r in rows}
    assert set(cuts[1].train) < set(cuts[4].train) < set(cuts[5].train)
    assert all(cut.test is whole.test for cut in cuts.values())
    order = np.random.default_rng(0).permutation(13)
    moved = cut_training(whole, [rows[i] for i in order], 5, seed=0)
    assert set(order[moved.train]) == set(cuts[5].train)
    assert any(set(cut_training(whole, rows, 5, seed=s).train) != set(cuts[5].train) for s in range(1, 5))
    # Of more sessions than recordings are wanted, the seed draws some, in whatever order they stand.
    drawn = [cut_training(whole, rows, 1, seed=seed).train.tolist() for seed in range(40)]
    assert {rows[i].session for cut in drawn for i in cut if i < 11} == {rows[i].session for i in range(11)}
    for seed, cut in enumerate(drawn):
        assert sorted(order[cut_training(whole, [rows[i] for i in order], 1, seed=seed).train]) == cut
