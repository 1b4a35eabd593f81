"""Scores for species that were held out: thresholds, figures, and what a model file gets."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from fake_crossval import N_CLASSES, Predict, run, sessions_tell

from avianvox.calibration.calibrate import calibrate_pooled, calibrate_run
from avianvox.calibration.open_set import OPEN_SCORES, Answered
from avianvox.calibration.saved import CalibrateOptions
from avianvox.calibration.turns import Rows, turn_of
from avianvox.calibration.unknown import (
    auroc,
    choose_threshold,
    elsewhere,
    threshold_of_recall,
    threshold_of_share,
)
from avianvox.cli.main import cli
from avianvox.dataset.training_data import Clues, TrainingData, WindowScores
from avianvox.errors import InputError
from avianvox.evaluation.crossval import CrossvalSettings
from avianvox.evaluation.predictions import read_predictions, write_predictions
from avianvox.evaluation.saved_run import SavedRun

ONE_BY_ONE = CrossvalSettings(("session",), hold_out_species=1)
LOOSE = CalibrateOptions(precision=0.3)


def scores_of(targets: np.ndarray, best: np.ndarray) -> WindowScores:
    """One window for each recording, with this score for its class, and the rest shared."""
    scores = np.repeat(((1 - best) / (N_CLASSES - 1))[:, None], N_CLASSES, axis=1).astype(np.float32)
    scores[np.arange(len(targets)), targets] = best
    return WindowScores(scores, np.arange(len(targets)))


def careful(train: TrainingData, seed: int) -> Predict:
    """Right and sure of two recordings in three that it learned the species of; else wrong and unsure."""
    learned = np.unique(train.targets)

    def predict(test: TrainingData) -> WindowScores:
        known = np.isin(test.targets, learned)
        wrong = np.array([name.endswith("2") for name in test.ids])
        other = learned[(np.searchsorted(learned, test.targets) + 1) % len(learned)]
        sure = np.where(wrong, 0.41, 0.9 - 0.002 * np.arange(len(test)) / len(test))
        named = np.where(wrong | ~known, other, test.targets)
        return scores_of(named, np.where(known, sure, 0.45))

    return predict


def blind(train: TrainingData, seed: int) -> Predict:
    """As sure about what it did not learn as about what it did."""
    learned = np.unique(train.targets)

    def predict(test: TrainingData) -> WindowScores:
        named = np.where(np.isin(test.targets, learned), test.targets, learned[0])
        sure = np.random.default_rng(len(test)).uniform(0.5, 0.95, len(test))
        return scores_of(np.where(sure < 0.6, (named + 1) % N_CLASSES, named), sure)

    return predict


def test_a_threshold_names_a_share_of_the_unknown_and_keeps_right_names() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.85, 0.75, 0.65, 0.55])
    unknown = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1], bool)
    right = np.array([1, 1, 1, 0, 1, 0, 0, 0, 0], bool)
    named = np.array([1, 1, 1, 1, 1, 1, 1, 1, 0], bool)
    rows = Rows(scores, named, right, unknown, np.arange(9).astype(str), np.zeros(9, np.int64))
    assert 0.75 < threshold_of_share(rows, 0.25) <= 0.7500001, "one of four stays"
    assert threshold_of_share(rows, 0.75) == -math.inf, "three of four are named anyhow"
    assert threshold_of_recall(rows, 1.0) == 0.5
    assert threshold_of_recall(rows, 0.75) == 0.7
    assert threshold_of_recall(rows.where(unknown), 0.9) == math.inf
    assert choose_threshold(rows, share=0.25, recall=0.75) == 0.7, "right names go first"
    assert choose_threshold(rows, share=0.25, recall=0.5) == threshold_of_share(rows, 0.25)
    assert choose_threshold(rows, share=0.8, recall=0.5) == -math.inf


def test_a_turn_chooses_nothing_from_sessions_that_it_tests() -> None:
    turns, sessions = np.array([0, 0, 1, 1, 2]), np.array(["a", "b", "b", "c", "d"])
    flags = np.ones(5, bool)
    rows = Rows(np.arange(5.0), flags, flags, flags, sessions, turns)
    assert elsewhere(rows, 0).sessions.tolist() == ["c", "d"]
    assert elsewhere(rows, 1).sessions.tolist() == ["a", "d"]


def test_auroc_agrees_with_scikit_learn(rng: np.random.Generator) -> None:
    from sklearn.metrics import roc_auc_score

    scores = rng.integers(0, 20, 80).astype(float)
    above = rng.random(80) < 0.5
    found = auroc(scores, above, ~above, rng.integers(0, 30, 80).astype(str))
    assert found.value == pytest.approx(roc_auc_score(above, scores))
    assert found.low < found.value < found.high


def test_open_scores_have_their_known_answers() -> None:
    answered = Answered(
        scores=np.array([[0.5, 0.3, 0.2], [1.0, 0.0, 0.0]]),
        energy=np.array([2.0, 3.0]),
        embedding=np.array([[3.0, 0.0], [0.0, 9.0]], np.float32),
        train_embedding=np.array([[1, 0], [-1, 0], [1, 10], [-1, 10]], np.float32)
        + np.array([[0, 1], [0, -1], [0, 1], [0, -1]], np.float32),
        train_targets=np.array([0, 0, 1, 1]),
    )
    expected = {
        "probability": [0.5, 1.0],
        "margin": [0.2, 1.0],
        "entropy": [0.5 * math.log(0.5) + 0.3 * math.log(0.3) + 0.2 * math.log(0.2), 0.0],
        "energy": [2.0, 3.0],
        "nearness": [-3.0, -1.0],
    }
    assert set(expected) == set(OPEN_SCORES)
    for name, values in expected.items():
        np.testing.assert_allclose(OPEN_SCORES[name](answered), values, atol=1e-9)


def test_who_is_careful_names_no_unknown_species(tmp_path: Path) -> None:
    catalog = sessions_tell()
    run(catalog, {"careful": careful, "blind": blind}, tmp_path, ONE_BY_ONE)
    saved = SavedRun.open(tmp_path)
    report = calibrate_run(saved, "careful", options=LOOSE)
    assert report.unknown is not None
    assert (report.unknown.n_turns, report.unknown.n_species) == (4, 4)
    level = report.unknown.levels["recording"]
    assert level.n_unknown == 36, "each recording once, since sessions hold one species"
    assert level.n_known == sum(
        len(found.test_ids) - 9 for _, found in saved.held_out_species("careful", "session")
    )
    assert level.before.unknown == 36
    assert (level.after.unknown, level.named_after.value) == (0, 0.0)
    assert level.recall.value == 1.0
    assert {row.name: row.auroc.value for row in report.unknown.scores} == {
        "probability": 1.0,
        "margin": 1.0,
        "entropy": 1.0,
    }
    file = report.calibration.recording
    assert file.unknown == level.threshold > 0
    assert report.calibration.basis["held_out_species"]["levels"]["recording"]["after"]["unknown"] == 0
    other = calibrate_run(saved, "blind", options=LOOSE).unknown
    assert other is not None
    seen = other.levels["recording"]
    assert seen.named_after.value > 0.5, "nothing tells unknown species from known ones"
    assert seen.recall.value > 0.6, "so most of the right names stay"


def test_a_threshold_is_judged_on_other_turns_and_sessions(tmp_path: Path) -> None:
    """A turn's own scores change its figures, and never its threshold."""
    catalog = sessions_tell()
    run(catalog, {"careful": careful}, tmp_path, ONE_BY_ONE)
    saved = SavedRun.open(tmp_path)
    before = calibrate_run(saved, "careful", options=LOOSE).unknown
    path = next(tmp_path.glob("predictions/*without1-2.npz"))
    found = read_predictions(path)
    unknown = ~np.isin(found.targets, np.unique([int(name[1]) for name in found.train_ids]))
    found.scores[unknown] = scores_of(
        found.scores[unknown].argmax(axis=1), np.full(unknown.sum(), 0.999)
    ).scores
    write_predictions(path, found)
    after = calibrate_run(saved, "careful", options=LOOSE).unknown
    assert before is not None
    assert after is not None
    assert (before.levels["recording"].after.unknown, after.levels["recording"].after.unknown) == (0, 9)


def test_without_turns_nothing_is_unknown(tmp_path: Path) -> None:
    run(sessions_tell(), {"careful": careful}, tmp_path, CrossvalSettings(("session",)))
    report = calibrate_run(SavedRun.open(tmp_path), options=LOOSE)
    assert report.unknown is None
    assert "unknown" not in report.to_mapping()
    assert "unknown" not in report.calibration.to_mapping()["recording"]


def test_turns_of_one_fold_have_nothing_to_choose_a_threshold_on(tmp_path: Path) -> None:
    catalog = sessions_tell()
    run(catalog, {"careful": careful}, tmp_path, ONE_BY_ONE)
    saved = SavedRun.open(tmp_path)
    (turn, found), *_ = saved.held_out_species("careful", "session")
    one = turn_of(turn.fold, found, saved.by_id, saved.labels)
    with pytest.raises(InputError, match="turns of two folds or more"):
        calibrate_pooled(
            saved.pooled("careful", "session"), saved.labels, {"model": "careful", "grouping": "session"},
            LOOSE, turns=[one],
        )  # fmt: skip


class WithClues:
    """A fitted model whose energy and embedding tell what it learned."""

    def __init__(self, train: TrainingData) -> None:
        self.learned, self.inner = np.unique(train.targets), careful(train, 0)

    def predict(self, data: TrainingData) -> WindowScores:
        return self.inner(data)

    def clues(self, data: TrainingData) -> Clues:
        known = np.isin(data.targets, self.learned).astype(np.float32)
        embedding = np.eye(N_CLASSES, dtype=np.float32)[data.targets] * 9
        embedding[:, 0] += np.arange(len(data)) % 3
        return Clues(known, embedding, np.arange(len(data)))


def with_clues(train: TrainingData, seed: int) -> Predict:
    return WithClues(train).predict


def test_energy_and_embedding_are_kept_and_compared(tmp_path: Path) -> None:
    run(sessions_tell(), {"clues": with_clues}, tmp_path, ONE_BY_ONE)
    for path in tmp_path.glob("predictions/*.npz"):
        found = read_predictions(path)
        if "without" not in path.name:
            assert found.energy is found.embedding is found.train_embedding is None
            continue
        assert found.embedding is not None
        assert found.train_embedding is not None
        assert found.embedding.shape == (len(found.test_ids), N_CLASSES)
        assert found.train_embedding.shape == (len(found.train_ids), N_CLASSES)
    report = calibrate_run(SavedRun.open(tmp_path), options=LOOSE).unknown
    assert report is not None
    rows = {row.name: row for row in report.scores}
    assert rows["energy"].auroc.value == rows["nearness"].auroc.value == 1.0
    assert rows["energy"].named.value == 0.0


def test_the_command_says_what_unknown_species_get(tmp_path: Path) -> None:
    run(sessions_tell(), {"careful": careful}, tmp_path, ONE_BY_ONE)
    arguments = ["calibrate", str(tmp_path), "--precision", "0.3"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    assert "Unknown species: 4 species, held out in 4 turns" in result.stdout
    assert "| probability | 1.000 [1.00, 1.00] | 0.000 [0.00, 0.00] |" in result.stdout
    kept = json.loads((tmp_path / "calibration/careful-session.json").read_text())
    assert kept["unknown"]["levels"]["recording"]["after"]["unknown"] == 0
    loose = CliRunner().invoke(cli, [*arguments, "--unknown-share", "1", "--json"])
    assert json.loads(loose.stdout)["unknown"]["levels"]["recording"]["after"]["unknown"] == 36
    strict = CliRunner().invoke(cli, [*arguments, "--unknown-share", "0", "--unknown-recall", "1", "--json"])
    level = json.loads(strict.stdout)["unknown"]["levels"]["recording"]
    assert level["recall"]["value"] == 1.0


def test_turns_that_are_missing_are_said_and_options_without_turns_refused(tmp_path: Path) -> None:
    run(sessions_tell(), {"careful": careful}, tmp_path, ONE_BY_ONE)
    next((tmp_path / "predictions").glob("*-without1-*.npz")).unlink()
    result = CliRunner().invoke(cli, ["calibrate", str(tmp_path), "--precision", "0.3"])
    assert result.exit_code == 0, result.output
    assert "fits of careful on them are missing" in result.stderr
    config = tmp_path / "config.json"
    without = json.loads(config.read_text())
    del without["hold_out_species"]
    config.write_text(json.dumps(without))
    result = CliRunner().invoke(cli, ["calibrate", str(tmp_path), "--unknown-share", "0.2"])
    assert result.exit_code == 2
    assert "needs species that were held out" in result.stderr
