"""Cross-validation with models that cost nothing: known figures, resuming, refusing, equal bytes."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_crossval import (
    BOTH,
    N_CLASSES,
    Predict,
    contents,
    data_of,
    gambler,
    never,
    oracle,
    parrot,
    run,
    sessions_tell,
)

from avianvox.dataset.catalog import Catalog
from avianvox.dataset.training_data import TrainingData
from avianvox.errors import InputError, UnknownNameError
from avianvox.evaluation.bootstrap import paired_test
from avianvox.evaluation.conclude import conclude
from avianvox.evaluation.crossval import CrossvalSettings, crossvalidate, with_session_folds
from avianvox.evaluation.fits import FitReport, fit_seed, rule_fit
from avianvox.evaluation.metrics import expected_hits
from avianvox.evaluation.predictions import pool
from avianvox.evaluation.run_folder import RunFolder, calibration_path
from avianvox.evaluation.saved_run import SavedRun
from avianvox.types import Recording


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return sessions_tell()


@pytest.fixture(scope="module")
def finished(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("crossval") / "run"
    run(catalog, BOTH, out)
    return out


def test_what_is_known_by_heart_shows_as_a_gap(catalog: Catalog, tmp_path: Path) -> None:
    result = run(catalog, {"oracle": oracle, "parrot": parrot}, tmp_path)
    accuracy = {
        (model, grouping): result.outcomes[model][grouping].figures["recording", "accuracy"].pooled
        for model in ("oracle", "parrot")
        for grouping in ("random", "session")
    }
    assert accuracy["oracle", "random"] == accuracy["oracle", "session"] == 1.0
    assert accuracy["parrot", "random"] > 0.8
    assert accuracy["parrot", "session"] == 1 / N_CLASSES
    gap = accuracy["parrot", "random"] - accuracy["parrot", "session"]
    assert result.table.columns == ("model", "random", "session", "gap", "step", "p", "top-5", "F1")
    oracle_row, parrot_row = result.table.rows
    assert oracle_row == ("oracle", *["1.000 [1.00, 1.00]"] * 2, "+0.000", "", "", "1.000", "1.000")
    assert parrot_row[3:5] == (f"{gap:+.3f}", "-0.750")
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["models"]["parrot"]["gap"]["session"]["recording"]["accuracy"] == pytest.approx(
        gap, abs=1e-6
    )
    assert figures["splits"]["session"]["shared_session"] == 0.0
    assert figures["settings"] == {"n_recordings": 36, "n_folds": 3, "seed": 0, "model_settings": {}}
    windows = figures["models"]["oracle"]["groupings"]["session"]["window"]["accuracy"]
    # A window that knows nothing is right for a quarter of the recordings.
    assert windows == {
        "mean": 0.625,
        "deviation": 0.0,
        "folds": [0.625] * 3,
        "pooled": 0.625,
        "low": None,
        "high": None,
    }
    step = figures["neighbours"][1]
    assert (step["grouping"], step["lower"], step["higher"]) == ("session", "oracle", "parrot")
    assert step["difference"] == -0.75
    assert step["p_value"] < 0.01
    table = (tmp_path / "table.md").read_text()
    assert "session folds: 0% of test recordings share a session with training" in table
    with open(tmp_path / "table.csv", newline="") as stream:
        rows = {row["model"]: row for row in csv.DictReader(stream)}
    assert float(rows["parrot"]["gap to session"]) == pytest.approx(gap, abs=1e-6)
    assert rows["oracle"]["session p"] == ""
    assert float(rows["oracle"]["session accuracy per window"]) == 0.625


def test_a_killed_run_continues_and_ends_with_the_same_bytes(
    catalog: Catalog, finished: Path, tmp_path: Path
) -> None:
    fits: list[int] = []

    def dying(train: TrainingData, seed: int) -> Predict:
        if len(fits) == 4:
            raise KeyboardInterrupt
        fits.append(seed)
        return parrot(train, seed)

    with pytest.raises(KeyboardInterrupt):
        run(catalog, {"parrot": dying, "gambler": gambler}, tmp_path)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "predictions").iterdir()}
    assert len(before) == 4
    reports: list[FitReport] = []
    run(catalog, BOTH, tmp_path, progress=reports.append)
    assert contents(tmp_path) == contents(finished)
    assert {p: p.stat().st_mtime_ns for p in before} == before
    assert [r.kept for r in reports if r.done] == [True] * 4 + [False] * 8
    assert all(r.seconds is not None for r in reports if r.done)
    assert sum(not r.done for r in reports) == 8


def test_an_average_goes_without_a_model_that_was_never_finished(catalog: Catalog, tmp_path: Path) -> None:
    def dying(train: TrainingData, seed: int) -> Predict:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(catalog, {"parrot": parrot, "slow": dying}, tmp_path, ensemble=("parrot", "slow"))
    run(catalog, BOTH, tmp_path, ensemble=tuple(BOTH))
    saved = SavedRun.open(tmp_path)
    mean = saved.predictions("ensemble", "session")[0].scores
    parts = [saved.predictions(model, "session")[0].scores for model in BOTH]
    np.testing.assert_allclose(mean, np.mean(parts, axis=0), atol=1e-6)


def test_a_calibration_of_other_members_does_not_stay(catalog: Catalog, tmp_path: Path) -> None:
    run(catalog, BOTH, tmp_path, ensemble=tuple(BOTH))
    kept = calibration_path(tmp_path, "ensemble", "session")
    kept.parent.mkdir()
    kept.write_text("{}")
    run(catalog, BOTH, tmp_path, ensemble=tuple(BOTH))
    assert kept.exists()
    run(catalog, {"oracle": oracle}, tmp_path, ensemble=("oracle",))
    assert not kept.exists()


def test_nothing_is_learned_from_the_recordist_that_is_tested(catalog: Catalog, tmp_path: Path) -> None:
    """Without a label, of another session, and of a recordist of the catalog each."""
    more = [replace(r, id=f"{r.id}u", label="", date="2020-01-01") for r in catalog.recordings[::3]]
    data = replace(
        data_of(catalog),
        sessions=tuple(r.session for r in catalog.recordings),
        unlabelled=tuple((r.id, r.session) for r in more),
    )
    recordist = {r.id: r.recordist for r in (*catalog.recordings, *more)}
    heard: list[int] = []

    def hearing(train: TrainingData, seed: int) -> Predict:
        heard.append(len(train.unlabelled))
        assert {recordist[name] for name, _ in train.unlabelled} == {recordist[name] for name in train.ids}
        return parrot(train, seed)

    settings = CrossvalSettings(("recordist",))
    every = Catalog((*catalog.recordings, *more))
    crossvalidate(data, every, {"hearing": hearing}, tmp_path, settings, listen=False)
    assert min(heard) > 0


def test_what_is_not_a_number_in_the_notes_of_a_fit_is_none(catalog: Catalog, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run", {"models": ["m"]})
    folder.keep_notes("m-session-0", {"epochs": [{"loss": float("inf")}]})
    assert json.loads((folder.path / "notes" / "m-session-0.json").read_text()) == {
        "epochs": [{"loss": None}]
    }


def test_the_windows_of_a_model_are_those_of_its_recipe(catalog: Catalog, tmp_path: Path) -> None:
    recipes = {"parrot": {"window_frames": 256, "overlap": 0.5}}
    run(catalog, BOTH, tmp_path, recipes=recipes, ensemble=tuple(BOTH))
    saved = SavedRun.open(tmp_path)
    windows = {model: saved.windows_of(model) for model in saved.models}
    found = {model: (spec.n_frames, hop) for model, (spec, hop) in windows.items()}
    assert found == {"parrot": (256, 128), "gambler": (128, 128), "ensemble": (256, 128)}


def test_figures_come_back_from_the_folder_alone(catalog: Catalog, finished: Path, tmp_path: Path) -> None:
    expected = contents(finished)
    for name in ("figures.json", "table.csv", "table.md", "confusion/parrot-random.png"):
        (finished / name).unlink()

    result = conclude(SavedRun.open(finished))
    assert contents(finished) == expected
    assert set(result.seconds) == {"parrot", "gambler"}
    assert (finished / "confusion" / "parrot-random.png").read_bytes()[:4] == b"\x89PNG"
    (finished / "table.csv").unlink()
    run(catalog, {"parrot": never, "gambler": never}, finished)
    assert contents(finished) == expected


def test_models_are_compared_with_one_that_is_named(catalog: Catalog, finished: Path) -> None:
    saved = SavedRun.open(finished)
    result = conclude(saved, against="gambler")
    pooled = {model: pool(saved.predictions(model, "session"), saved.by_id) for model in BOTH}
    right = {model: expected_hits(found.targets, found.scores) for model, found in pooled.items()}
    expected = paired_test(right["parrot"], right["gambler"], pooled["parrot"].sessions)
    (found,) = [step for step in result.figures["against"] if step["grouping"] == "session"]
    assert (found["higher"], found["lower"]) == ("parrot", "gambler")
    values = [found[name] for name in ("difference", "low", "high", "p_value")]
    by_hand = [expected.difference, expected.low, expected.high, expected.p_value]
    assert values == pytest.approx(by_hand, abs=1e-6)
    line = f"parrot against gambler, session folds: {expected.difference:+.3f} [{expected.low:+.2f}, "
    assert any(note.startswith(line) for note in result.notes)
    conclude(saved)  # leaves the shared folder as it was
    with pytest.raises(UnknownNameError, match=r"no model 'parot'.*did you mean 'parrot'"):
        conclude(saved, against="parot")


def test_more_models_are_added_to_what_is_there(catalog: Catalog, finished: Path, tmp_path: Path) -> None:
    run(catalog, {"parrot": parrot}, tmp_path)
    grown = run(catalog, {"gambler": gambler}, tmp_path)
    assert [row[0] for row in grown.table.rows] == ["parrot", "gambler"]
    assert contents(tmp_path) == contents(finished)
    ladder = run(catalog, {"oracle": oracle, "gambler": never, "parrot": never}, tmp_path)
    assert [row[0] for row in ladder.table.rows] == ["oracle", "gambler", "parrot"]


def test_a_rule_is_a_rung(catalog: Catalog, tmp_path: Path) -> None:
    """Ties count by their expected value; of a session without training recordings a rule knows nothing."""
    rules = {name: rule_fit(name, catalog) for name in ("chance", "session_lookup")}
    result = run(catalog, rules, tmp_path)
    figures = {
        (model, grouping): outcome.figures["recording", "accuracy"]
        for model, by_grouping in result.outcomes.items()
        for grouping, outcome in by_grouping.items()
    }
    assert figures["chance", "random"].pooled == pytest.approx(1 / N_CLASSES)
    assert figures["chance", "session"].high == pytest.approx(1 / N_CLASSES)
    assert figures["session_lookup", "random"].pooled > 0.8
    assert figures["session_lookup", "session"].pooled == pytest.approx(1 / N_CLASSES)
    assert not list((tmp_path / "confusion").iterdir())


def test_the_audit_is_kept_and_stands_below_the_table(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = run(catalog, {"oracle": oracle}, tmp_path).audit
    assert audit is not None
    assert any(f.kind == "shared session" and "random" in f.title for f in audit.findings)
    assert audit.findings[0].title in (tmp_path / "table.md").read_text()
    assert json.loads((tmp_path / "audit.json").read_text()) == audit.to_mapping()
    monkeypatch.setattr("avianvox.evaluation.crossval.audit_recordings", never)
    assert run(catalog, {"parrot": parrot}, tmp_path).audit == audit


def test_a_learning_curve_is_of_cut_training_parts(catalog: Catalog, tmp_path: Path) -> None:
    sizes: list[int] = []

    def counting(train: TrainingData, seed: int) -> Predict:
        sizes.append(len(train))
        return parrot(train, seed)

    settings = CrossvalSettings(("random", "session"), per_class=(1, 3))
    run(catalog, {"oracle": oracle}, tmp_path)
    reports: list[FitReport] = []
    curve = run(catalog, {"parrot": counting}, tmp_path, settings, reports.append).figures["learning_curve"]
    assert sizes == [24] * 6 + [4] * 6 + [12] * 6
    assert [r.per_class for r in reports if r.done] == [None] * 6 + [1] * 6 + [3] * 6
    points = {(p["grouping"], p["per_class"]): p for p in curve}
    assert list(points) == [(g, n) for g in ("random", "session") for n in (1, 3, None)]
    assert {p["model"] for p in curve} == {"parrot"}
    assert [p["n_train"] for p in curve] == [4, 12, 24] * 2
    # One recording a class is of one session, three are of all three.
    assert points["random", 1]["accuracy"] < points["random", 3]["accuracy"] == 1.0
    assert points["session", 3]["accuracy"] == 1 / N_CLASSES
    again = run(catalog, {"parrot": never}, tmp_path, CrossvalSettings())
    assert again.figures["learning_curve"] == curve


def test_recordings_without_a_known_session_are_said_so(catalog: Catalog, tmp_path: Path) -> None:
    nameless = Catalog(tuple(replace(r, recordist="") for r in catalog.recordings))
    notes = run(nameless, {"parrot": parrot}, tmp_path).notes
    assert notes[-1].startswith("36 of 36 recordings have no recordist, date or site")
    assert notes[-1] in (tmp_path / "table.md").read_text()


def test_seeds_are_named_and_the_run_seed_changes_them(
    catalog: Catalog, finished: Path, tmp_path: Path
) -> None:
    seeds = {
        fit_seed(s, m, g, k) for s in (0, 1) for m in "ab" for g in ("random", "session") for k in (0, 1)
    }
    assert len(seeds) == 16
    assert max(seeds) < 2**31
    run(catalog, BOTH, tmp_path, CrossvalSettings(seed=1))
    assert contents(tmp_path)["splits/session.json"] != contents(finished)["splits/session.json"]


def test_random_folds_never_stand_alone() -> None:
    some = [Recording(name, Path("none.wav"), recordist=name) for name in "ab"]
    assert with_session_folds(("random",), some) == ("random", "session")
    assert with_session_folds(("published", "recordist"), some) == ("published", "recordist")
    with pytest.raises(InputError, match="different groupings"):
        CrossvalSettings(("random", "random"))
    with pytest.raises(InputError, match="unknown grouping 'sesion'; did you mean 'session'"):
        CrossvalSettings(("random", "sesion"))
    with pytest.raises(InputError, match="2 folds or more"):
        CrossvalSettings(n_folds=1)
    with pytest.raises(InputError, match="1 recording a class or more, got 0"):
        CrossvalSettings(per_class=(2, 0))


def test_one_session_is_judged_by_random_folds_and_said_to_flatter(catalog: Catalog, tmp_path: Path) -> None:
    one = Catalog(tuple(replace(r, recordist="p", date="2020-01-01", site="s") for r in catalog.recordings))
    result = run(one, {"oracle": oracle, "parrot": parrot}, tmp_path, CrossvalSettings(("random",)))
    assert list(result.splits) == ["random"]
    assert result.notes[-1].startswith("all recordings are from one session")
    assert result.table.columns == ("model", "random", "step", "p", "top-5", "F1")
    with pytest.raises(InputError, match="by session: all recordings stand in one group"):
        run(one, {"parrot": parrot}, tmp_path / "both")
