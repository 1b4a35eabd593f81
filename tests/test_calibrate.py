"""Calibration on predictions whose truth is known."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from avianvox.calibration.automation import automation_at, automation_curve
from avianvox.calibration.calibrate import calibrate_run
from avianvox.calibration.conformal import COVERAGES, covered, random_halves, set_limit
from avianvox.calibration.saved import CalibrateOptions
from avianvox.calibration.scaling import (
    Bin,
    brier_score,
    calibrated,
    calibration_error,
    cross_fitted,
    error_floor,
    fit_levels,
    fit_scaling,
    held_out,
    log_loss,
    reliability,
)
from avianvox.calibration.thresholds import decide, find_thresholds, shrunk
from avianvox.cli.calibrate import _lines
from avianvox.cli.calibrate import verdicts as verdicts_of
from avianvox.errors import InputError
from avianvox.evaluation.predictions import Pooled
from avianvox.evaluation.saved_run import SavedRun
from avianvox.inference.calibration import Scaling, nonconformity
from avianvox.pages.blocks import Chart, Counter, Table, Text
from avianvox.report.trust import automation_section, calibration_section, thresholds_section
from avianvox.types import LabelSet, Recording


def overconfident(
    rng: np.random.Generator, *, n_sessions: int = 200, n_classes: int = 8, temperature: float = 3.0
) -> Pooled:
    """Windows whose true probabilities are known, and scores that are too sharp by ``temperature``.

    Four recordings a session, three windows a recording; one in three recordings tells nothing.
    """
    n = 4 * n_sessions
    logits = rng.normal(0, 2, (n, n_classes))
    targets = (np.log(-np.log(rng.random(logits.shape))) * -1 + logits).argmax(
        axis=1
    )  # Gumbel: softmax draws
    logits[rng.random(n) < 1 / 3] = rng.normal(0, 2, n_classes)
    rows = np.repeat(np.arange(n), 3)
    windows = Scaling(1 / temperature).apply(np.exp(logits[rows] + rng.normal(0, 0.5, (3 * n, n_classes))))
    sessions = np.repeat(np.arange(n_sessions), 4)
    recordings = tuple(
        Recording(f"R{i}", Path(f"R{i}.wav"), recordist=f"P{s}") for i, s in enumerate(sessions)
    )
    scores = windows.reshape(n, 3, n_classes).mean(axis=1)
    return Pooled(recordings, targets, sessions % 3, scores, windows.astype(np.float32), rows)


def test_reliability_and_calibration_error_have_their_known_answers() -> None:
    scores = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.3, 0.7]])
    targets = np.array([0, 1, 1, 1])
    assert reliability(scores, targets, n_bins=2) == (Bin(0.5, 1.0, 4, pytest.approx(0.775), 0.75),)
    bins = reliability(scores, targets, n_bins=10)
    assert [(b.low, b.n, b.accuracy) for b in bins] == [(0.6, 1, 1.0), (0.7, 1, 1.0), (0.9, 2, 0.5)]
    assert calibration_error(scores, targets, n_bins=10) == pytest.approx((0.4 + 0.3 + 2 * 0.4) / 4)
    certain = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert calibration_error(certain, np.array([0, 1])) == 0
    assert calibration_error(certain, np.array([1, 0])) == 1
    assert np.isnan(calibration_error(np.empty((0, 2)), np.empty(0, np.int64)))


def test_proper_scores_agree_with_scikit_learn(rng: np.random.Generator) -> None:
    from sklearn import metrics

    scores = rng.dirichlet(np.ones(5), 50)
    targets = rng.integers(0, 5, 50)
    assert log_loss(scores, targets) == pytest.approx(metrics.log_loss(targets, scores, labels=range(5)))
    squares = ((scores - np.eye(5)[targets]) ** 2).sum(axis=1).mean()
    assert brier_score(scores, targets) == pytest.approx(squares)
    assert log_loss(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(-np.log(1e-12))


def test_the_floor_is_what_a_perfect_model_shows(rng: np.random.Generator) -> None:
    scores = rng.dirichlet(np.ones(4), 300)
    errors = []
    for _ in range(200):
        targets = (scores.cumsum(axis=1) > rng.random((300, 1))).argmax(axis=1)
        errors.append(calibration_error(scores, targets))
    alone = error_floor(scores, np.arange(300))
    assert alone.mean == pytest.approx(np.mean(errors), abs=0.003)
    assert alone.high == pytest.approx(np.quantile(errors, 0.95), abs=0.01)
    assert error_floor(scores, np.arange(300) // 30).mean > 1.2 * alone.mean


def test_fitting_finds_the_temperature_and_the_share_that_were_put_in(rng: np.random.Generator) -> None:
    true = Scaling().apply(np.exp(rng.normal(0, 1, (20_000, 6))))
    draw = rng.random((20_000, 1))
    targets = (true.cumsum(axis=1) > draw).argmax(axis=1)
    sharp = Scaling(1 / 2).apply(true)
    found = fit_scaling(sharp, targets)
    assert (found.temperature, found.uniform) == (pytest.approx(2, rel=0.05), pytest.approx(0, abs=0.03))
    mixed = Scaling(1.0, 0.3).apply(true)
    targets = (mixed.cumsum(axis=1) > draw).argmax(axis=1)
    found = fit_scaling(sharp, targets)
    assert (found.temperature, found.uniform) == (pytest.approx(2, rel=0.1), pytest.approx(0.3, abs=0.05))
    with pytest.raises(InputError, match="got none"):
        fit_scaling(np.empty((0, 3)), np.empty(0, np.int64))


def test_a_fold_is_calibrated_without_its_own_labels(rng: np.random.Generator) -> None:
    pooled = overconfident(rng, n_sessions=30)
    lies = np.where(pooled.folds == 0, (pooled.targets + 1) % 8, pooled.targets)
    true, false = cross_fitted(pooled), cross_fitted(replace(pooled, targets=lies))
    mine = pooled.folds == 0
    np.testing.assert_array_equal(true.scores[mine], false.scores[mine])
    np.testing.assert_array_equal(
        true.window_scores[mine[pooled.window_rows]], false.window_scores[mine[pooled.window_rows]]
    )
    assert not np.allclose(true.scores[~mine], false.scores[~mine])
    with pytest.raises(InputError, match="2 folds or more"):
        cross_fitted(replace(pooled, folds=np.zeros(len(pooled), np.int64)))


def test_a_recording_that_several_folds_test_teaches_none_of_them(rng: np.random.Generator) -> None:
    pooled = overconfident(rng, n_sessions=10)
    twice = replace(pooled, recordings=(pooled.recordings[4], *pooled.recordings[1:]))  # folds 0 and 1
    for rest, test in held_out(twice):
        assert not {r.id for r in rest.recordings} & {r.id for r in test.recordings}


def test_calibration_and_coverage_keep_their_promise_on_held_out_folds(rng: np.random.Generator) -> None:
    pooled = overconfident(rng)
    crossed = cross_fitted(pooled)
    before, after = (calibration_error(p.scores, p.targets) for p in (pooled, crossed))
    assert before > 0.15
    assert after < before / 3
    windows = pooled.targets[pooled.window_rows]
    assert calibration_error(crossed.window_scores, windows) < (
        calibration_error(pooled.window_scores, windows) / 3
    )
    for nominal in COVERAGES:
        distances = nonconformity(crossed.scores)
        halves = random_halves(distances, crossed.targets, crossed.sessions, nominal, n_halves=200)
        assert halves.mean() == pytest.approx(nominal, abs=0.02)


def run_of(pooled: Pooled) -> SavedRun:
    """As much of a run as a calibration reads."""
    names = tuple(f"Avis a{i}" for i in range(pooled.scores.shape[1]))
    config = {"model_settings": {"epochs": 3}, "data_hash": "d"}
    found = SimpleNamespace(
        models=("m",),
        labels=LabelSet(names),
        config=config,
        settings_of=lambda model: config["model_settings"],
        answers_tasks=lambda model: False,
        pooled=lambda model, grouping: pooled,
        held_out_species=lambda model, grouping: [],
    )
    return cast(SavedRun, found)


def test_a_fold_is_judged_by_what_the_other_folds_taught(rng: np.random.Generator) -> None:
    """Scalings, thresholds, sets and automation, each worked out here from the other folds alone."""
    pooled = overconfident(rng, n_sessions=40)
    report = calibrate_run(run_of(pooled), options=CalibrateOptions(precision=0.6, accuracy=0.7))
    level = report.levels["recording"]
    named = right = 0
    inside: dict[float, list[float]] = {nominal: [] for nominal in COVERAGES}
    left: list[bool] = []
    for rest, test in held_out(pooled):
        decided = decide(
            test.scores,
            test.targets,
            find_thresholds(rest.scores, rest.targets, rest.sessions, precision=0.6).scores,
        )
        named, right = named + decided.named, right + decided.right
        for nominal, shares in inside.items():
            limit = set_limit(nonconformity(rest.scores), rest.targets, nominal)
            shares.append(covered(nonconformity(test.scores), test.targets, limit).mean())
        curve = automation_curve(rest.predicted == rest.targets, rest.scores.max(axis=1))
        alone = test.scores.max(axis=1) >= automation_at(curve, 0.7).threshold
        left.extend((test.predicted == test.targets)[alone])
    assert (level.decided.named, level.decided.right) == (named, right)
    assert [c.folds for c in level.coverage] == [pytest.approx(shares) for shares in inside.values()]
    assert report.automation.held_out == pytest.approx((len(left) / len(pooled), np.mean(left)))
    crossed, final = cross_fitted(pooled), calibrated(pooled, *fit_levels(pooled))
    assert level.after.error == calibration_error(crossed.scores, crossed.targets)
    windows = crossed.targets[crossed.window_rows]
    assert report.levels["window"].after.error == calibration_error(crossed.window_scores, windows)
    wanted = find_thresholds(final.scores, final.targets, final.sessions, precision=0.6)
    assert level.thresholds == wanted  # what the file gets is of calibrated scores
    of_window = pooled.window_rows
    wanted = find_thresholds(
        final.window_scores, windows, pooled.sessions[of_window], precision=0.6, rule=shrunk
    )
    assert report.calibration.window.thresholds == wanted.scores
    assert wanted != find_thresholds(final.window_scores, windows, pooled.sessions[of_window], precision=0.6)


def test_hours_count_a_recording_once_however_many_folds_test_it(rng: np.random.Generator) -> None:
    pooled = overconfident(rng, n_sessions=10)
    song = replace(pooled.recordings[0], duration_s=1800.0)
    others = pooled.recordings[12:]  # 4 recordings a session: the first three sessions are of folds 0, 1, 2
    thrice = replace(pooled, recordings=(*(song, *pooled.recordings[1:4]) * 3, *others))
    report = calibrate_run(run_of(thrice), options=CalibrateOptions(accuracy=0.0))
    assert report.automation.best.n_items == len(pooled)
    assert report.automation.best.hours == pytest.approx(0.5)
    assert "32 recordings, tested 40 times" in next(_lines(report))


def test_a_table_of_detection_leaves_out_what_is_undefined_throughout(rng: np.random.Generator) -> None:
    report = calibrate_run(run_of(overconfident(rng, n_sessions=6)))
    (head,) = [line for line in "\n".join(_lines(report)).splitlines() if "something calls:" in line]
    columns = [cell.split() for cell in head.strip("|").split("|")[1:]]
    assert columns == [
        ["something", "calls:", "R", "A-"],
        ["this", "species", "calls:", "P", "R", "F1", "A-"],
    ]


def test_what_takes_recordings_for_independent_says_so(rng: np.random.Generator) -> None:
    for accuracy, volunteers in ((0.966, True), (0.9, False)):
        options = CalibrateOptions(accuracy=accuracy)
        report = calibrate_run(run_of(overconfident(rng, n_sessions=6)), options=options)
        assert "; surely so, were recordings independent: " in "\n".join(_lines(report))
        curve = automation_section(report.to_mapping(), "session").blocks[1]
        assert isinstance(curve, Chart)
        assert "lower 95 % bound for independent recordings" in curve.caption
        assert ("Snapshot Serengeti" in curve.caption) == volunteers


def test_what_is_never_named_is_counted_whole(rng: np.random.Generator) -> None:
    """Where no score suffices for all classes together, one with few sessions is not named from it either."""
    pooled = overconfident(rng, n_sessions=6)
    targets = np.where(rng.random(len(pooled)) < 0.5, (pooled.predicted + 1) % 8, pooled.predicted)
    report = calibrate_run(run_of(replace(pooled, targets=targets)), options=CalibrateOptions(precision=1.0))
    thresholds = report.levels["recording"].thresholds
    unsure = sum(not found.sure for found in thresholds.classes)
    assert np.isinf([thresholds.pooled.score, *thresholds.scores]).all()
    assert 0 < unsure < 8
    printed = [line for line in _lines(report) if "named" in line][1:]
    never = "Never named, since no score suffices: all 8 classes"
    assert printed == [f"  {never}; for {unsure} of them there are too few sessions to tell"]
    table = thresholds_section(report.to_mapping()).blocks[-1]
    assert isinstance(table, Table)
    assert "| *all species* | – | never named | 0 | 0 | – | – | – | 0.00 | " in table.markdown(Counter())


def test_classes_of_one_score_share_the_answer() -> None:
    scores, targets = np.full((6, 3), 1 / 3), np.array([0, 0, 0, 0, 1, 2])
    recordings = tuple(Recording(f"R{i}", Path(f"R{i}.wav"), recordist=f"P{i}") for i in range(6))
    folds, windows = np.arange(6) % 2, scores.astype(np.float32)
    even = Pooled(recordings, targets, folds, scores, windows, np.arange(6))
    quality = calibrate_run(run_of(even)).levels["recording"].before
    assert quality.accuracy == pytest.approx(1 / 3)
    assert quality.error == pytest.approx(0)


def test_a_verdict_where_calibration_is_no_help(rng: np.random.Generator) -> None:
    def verdicts(score: float, *right: float) -> str:
        """Of a model that gives every answer this score, and is right so often in each fold."""
        folds = np.repeat(np.arange(len(right)), 200)
        scores = np.full((len(folds), 3), (1 - score) / 2)
        scores[:, 0] = score
        targets = np.where(rng.random(len(folds)) < np.array(right)[folds], 0, 1 + np.arange(len(folds)) % 2)
        recordings = tuple(
            Recording(f"R{i}", Path(f"R{i}.wav"), recordist=f"P{i}") for i in range(len(folds))
        )
        windows = scores.astype(np.float32)
        pooled = Pooled(recordings, targets, folds, scores, windows, np.arange(len(folds)))
        report = calibrate_run(run_of(pooled))
        printed = " ".join(verdicts_of(report))
        section = calibration_section(report.to_mapping(), "session")
        assert isinstance(section.blocks[0], Text)
        assert ("the calibration error per recording" in section.blocks[0].text) == (
            "error per recording" in printed
        )
        return printed

    assert verdicts(0.99, 0.5, 0.5, 0.5) == ""
    assert "the calibration error per recording does not fall (0.0" in verdicts(0.5, 1.0, 0.0)
    assert "the calibration error per recording is 0.1" in verdicts(0.99, 0.3, 0.6, 0.6)
