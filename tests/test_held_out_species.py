"""Species held out of a cross-validation: who is unknown when, what is learned, what is kept."""

import json
from pathlib import Path

import numpy as np
import pytest
from fake_crossval import N_CLASSES, Predict, contents, never, oracle, parrot, run, sessions_tell, windows_of

from avianvox.dataset.splits import Fold
from avianvox.dataset.training_data import TrainingData, WindowScores
from avianvox.errors import InputError
from avianvox.evaluation.crossval import CrossvalSettings
from avianvox.evaluation.fits import FitReport
from avianvox.evaluation.held_out_species import draw_turns, turn_fold
from avianvox.evaluation.predictions import read_predictions
from avianvox.evaluation.saved_run import SavedRun
from avianvox.types import NO_BIRD, Recording

ONE_BY_ONE = CrossvalSettings(("session",), hold_out_species=1)
PLAIN = CrossvalSettings(("session",))


def test_each_species_is_held_out_once_in_groups_of_nearly_equal_size() -> None:
    names = [f"Species {k}" for k in range(25)]
    turns = draw_turns([*names, NO_BIRD], size=3, n_folds=3, seed=0)
    assert sorted(name for turn in turns for name in turn.species) == sorted(names)
    assert sorted(len(turn.species) for turn in turns) == [2, 2, *[3] * 7]
    assert [turn.fold for turn in turns] == [0, 1, 2] * 3
    assert draw_turns([NO_BIRD, *names[::-1]], size=3, n_folds=3, seed=0) == turns
    assert draw_turns(names, size=3, n_folds=3, seed=1) != turns


def test_a_recording_whose_session_is_learned_from_is_not_tested() -> None:
    def recording(name: str, label: str, recordist: str) -> Recording:
        return Recording(name, Path("none.wav"), label, recordist=recordist)

    recordings = [
        recording("known", "Wren", "A"),
        recording("beside it", "Owl", "A"),
        recording("apart", "Owl", "B"),
        recording("other", "Crow", "C"),
        recording("tested", "Wren", "D"),
        recording("tested too", "Owl", "D"),
    ]
    fold = turn_fold(Fold(np.arange(4), np.array([4, 5])), recordings, ["Owl"], "session")
    assert fold.train.tolist() == [0, 3]
    assert fold.test.tolist() == [2, 4, 5]


def test_turns_are_kept_beside_the_fits_of_all_species(tmp_path: Path) -> None:
    catalog = sessions_tell()
    reports: list[FitReport] = []
    run(catalog, {"parrot": parrot}, tmp_path / "plain", PLAIN)
    run(catalog, {"parrot": parrot, "chance": never_a_rule}, tmp_path / "turns", ONE_BY_ONE, reports.append)
    there, plain = contents(tmp_path / "turns"), contents(tmp_path / "plain")
    for k in range(3):
        name = f"predictions/parrot-session-{k}.npz"
        assert there[name] == plain[name]
    assert "hold_out_species" not in json.loads(plain["config.json"])
    turns = [name for name in there if "without" in name]
    assert set(turns) == {f"predictions/parrot-session-{k % 3}-without1-{k}.npz" for k in range(4)}
    assert sum(report.done and report.turn is not None for report in reports) == 4
    for turn, found in SavedRun.open(tmp_path / "turns").held_out_species("parrot", "session"):
        (position,) = (catalog.labels.index[name] for name in turn.species)
        assert not any(name.startswith(f"r{position}") for name in found.train_ids)
        assert (found.targets == position).sum() == 9, "its own sessions, of training and test part"
        assert not found.scores[:, position].any()
        np.testing.assert_allclose(found.scores.sum(axis=1), 1, atol=1e-6)


def test_turns_are_added_to_a_finished_run_and_stay(tmp_path: Path) -> None:
    catalog = sessions_tell()
    run(catalog, {"oracle": oracle}, tmp_path, PLAIN)
    assert SavedRun.open(tmp_path).held_out_species("oracle", "session") == []
    run(catalog, {"oracle": only_some}, tmp_path, ONE_BY_ONE)
    before = contents(tmp_path)
    run(catalog, {"oracle": never}, tmp_path, PLAIN)
    run(catalog, {"oracle": never}, tmp_path, ONE_BY_ONE)
    assert contents(tmp_path) == before
    assert len(SavedRun.open(tmp_path).held_out_species("oracle", "session")) == N_CLASSES
    path = tmp_path / "predictions/oracle-session-0-without1-0.npz"
    path.unlink()
    assert SavedRun.open(tmp_path).held_out_species("oracle", "session") == []
    run(catalog, {"oracle": oracle}, tmp_path, ONE_BY_ONE)
    assert contents(tmp_path) == before, "the missing turn alone is fitted, and gives the same bytes"


def test_random_folds_have_no_turns(tmp_path: Path) -> None:
    run(
        sessions_tell(),
        {"oracle": oracle},
        tmp_path,
        CrossvalSettings(("random", "session"), hold_out_species=2),
    )
    assert not list((tmp_path / "predictions").glob("*random*without*"))
    assert len(list((tmp_path / "predictions").glob("*session*without2*"))) == 2


def test_classes_without_training_recordings_have_no_score(tmp_path: Path) -> None:
    """Even where a model has a score for nothing else."""

    def stubborn(train: TrainingData, seed: int) -> Predict:
        missing = sorted(set(range(N_CLASSES)) - set(train.targets.tolist())) or [0]
        return lambda test: WindowScores(
            np.eye(N_CLASSES, dtype=np.float32)[[missing[0]] * len(test)], np.arange(len(test))
        )

    run(sessions_tell(), {"stubborn": stubborn}, tmp_path, ONE_BY_ONE)
    for path in (tmp_path / "predictions").glob("*without*"):
        scores = read_predictions(path).scores
        assert sorted(np.unique(scores).tolist()) == pytest.approx([0, 1 / 3])


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (CrossvalSettings(("session",), hold_out_species=4), "has fewer than two classes; hold out fewer"),
        (None, "expected 1 species or more to hold out, got 0"),
    ],
)
def test_refusals(settings: CrossvalSettings | None, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=complaint):
        run(
            sessions_tell(),
            {"oracle": never},
            tmp_path,
            settings or CrossvalSettings(("session",), hold_out_species=0),
        )


def never_a_rule(train: TrainingData, seed: int) -> Predict:
    """A rule knows no unknown species: it is asked for the folds alone."""
    assert len(set(train.targets.tolist())) == N_CLASSES
    return lambda test: windows_of(test, test.targets)


def only_some(train: TrainingData, seed: int) -> Predict:
    """For turns alone."""
    assert len(set(train.targets.tolist())) == N_CLASSES - 1
    return lambda test: windows_of(test, test.targets)
