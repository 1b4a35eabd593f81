"""Cross-validation with models that cost nothing: known figures, resuming, refusing, equal bytes."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from avianvox.dataset.catalog import Catalog
from avianvox.dataset.training_data import TrainingData, WindowScores
from avianvox.errors import InputError, RunError
from avianvox.evaluation.conclude import CrossvalResult, conclude
from avianvox.evaluation.crossval import (
    CrossvalSettings,
    FitFunction,
    FitReport,
    crossvalidate,
    fit_seed,
    rule_fit,
    with_session_folds,
)
from avianvox.evaluation.predictions import FoldPredictions, read_predictions, write_predictions
from avianvox.evaluation.run_folder import erase_run
from avianvox.evaluation.saved_run import SavedRun
from avianvox.features.spec import FeatureSpec
from avianvox.types import Recording

Predict = Callable[[TrainingData], WindowScores]

N_CLASSES, N_SESSIONS, N_REPEATS = 4, 3, 3


@dataclass(frozen=True)
class FakeStore:
    """Ids without sound."""

    ids: tuple[str, ...]
    data_hash: str = "abc"


def data_of(catalog: Catalog) -> TrainingData:
    store = FakeStore(tuple(r.id for r in catalog.recordings))
    targets = np.array([catalog.labels.index[r.label] for r in catalog.recordings])
    return TrainingData(store, FeatureSpec(), np.arange(len(targets)), targets, N_CLASSES)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """Every class was recorded in sessions of its own, so that a session tells the class."""
    return Catalog(
        tuple(
            Recording(f"r{c}{s}{i}", Path("none.wav"), f"Species {c}", recordist=f"{c}{s}")
            for c in range(N_CLASSES)
            for s in range(N_SESSIONS)
            for i in range(N_REPEATS)
        )
    )


def windows_of(data: TrainingData, classes: Sequence[int] | np.ndarray) -> WindowScores:
    """Two windows for each recording: one sure of the class, one that knows nothing."""
    scores = np.repeat(np.eye(N_CLASSES, dtype=np.float32)[classes], 2, axis=0)
    scores[1::2] = 1 / N_CLASSES
    return WindowScores(scores, np.repeat(np.arange(len(data)), 2))


def oracle(train: TrainingData, seed: int) -> Predict:
    return lambda test: windows_of(test, test.targets)


def parrot(train: TrainingData, seed: int) -> Predict:
    """Knows sessions by heart and says class 0 in a session it has not met."""
    heard = {name[:3]: target for name, target in zip(train.ids, train.targets, strict=True)}
    return lambda test: windows_of(test, [heard.get(name[:3], 0) for name in test.ids])


def gambler(train: TrainingData, seed: int) -> Predict:
    draw = np.random.default_rng(seed)
    return lambda test: windows_of(test, draw.integers(N_CLASSES, size=len(test)))


def never(train: TrainingData, seed: int) -> Predict:
    raise AssertionError("fitted again")


BOTH = {"parrot": parrot, "gambler": gambler}
DEFAULT = CrossvalSettings()


def run(
    catalog: Catalog,
    models: Mapping[str, FitFunction],
    out: Path,
    settings: CrossvalSettings = DEFAULT,
    progress: Callable[[FitReport], None] | None = None,
) -> CrossvalResult:
    return crossvalidate(data_of(catalog), catalog, models, out, settings, listen=False, progress=progress)


def contents(folder: Path) -> dict[str, bytes]:
    """Bytes of every file that has to be the same for the same configuration."""
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name not in ("timings.json", "versions.json")
    }


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
    assert (
        "session folds: 0% of the test recordings have their session" in (tmp_path / "table.md").read_text()
    )
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
    assert notes[-1].startswith("36 of 36 recordings name neither recordist, date nor site")
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


@pytest.mark.parametrize(
    ("settings", "models", "key"),
    [
        (CrossvalSettings(seed=1), BOTH, "seed was 0 and is 1 now"),
        (CrossvalSettings(n_folds=2), BOTH, "n_folds was 3 and is 2 now"),
    ],
)
def test_a_run_of_another_configuration_is_refused(
    settings: CrossvalSettings, models: dict, key: str, catalog: Catalog, finished: Path
) -> None:
    before = contents(finished)
    with pytest.raises(RunError, match=rf"another configuration \({key}.*--fresh"):
        run(catalog, models, finished, settings)
    assert contents(finished) == before


def test_other_labels_are_another_configuration(catalog: Catalog, finished: Path) -> None:
    first, *rest = catalog.recordings
    other = Catalog((replace(first, label="Species 3"), *rest))
    with pytest.raises(RunError, match="catalog_hash"):
        run(other, BOTH, finished)


def test_foreign_folders_are_neither_used_nor_erased(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(RunError, match="holds no cross-validation"):
        run(catalog, {"parrot": parrot}, tmp_path)
    with pytest.raises(RunError, match="holds no cross-validation"):
        erase_run(tmp_path)
    (tmp_path / "config.json").write_text('{"kind": "something else"}')
    with pytest.raises(RunError, match="not the folder of a cross-validation"):
        run(catalog, {"parrot": parrot}, tmp_path)
    with pytest.raises(RunError, match="not the folder of a cross-validation"):
        erase_run(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.json", "thesis.txt"]


def test_fresh_erases_a_run_and_nothing_else(catalog: Catalog, tmp_path: Path) -> None:
    erase_run(tmp_path / "not there yet")
    run(catalog, {"parrot": parrot}, tmp_path)
    (tmp_path / "features-1").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    erase_run(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["features-1", "notes.txt"]


def test_a_damaged_prediction_is_named(catalog: Catalog, tmp_path: Path) -> None:
    run(catalog, {"parrot": parrot}, tmp_path)
    path = tmp_path / "predictions" / "parrot-random-0.npz"
    path.write_bytes((tmp_path / "predictions" / "parrot-random-1.npz").read_bytes())
    with pytest.raises(RunError, match=r"parrot-random-0\.npz holds the predictions of another fold"):
        run(catalog, {"parrot": parrot}, tmp_path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(RunError, match=r"parrot-random-0\.npz is damaged"):
        run(catalog, {"parrot": parrot}, tmp_path)


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
    assert result.notes[-1].startswith("all recordings are of one session")
    assert result.table.columns == ("model", "random", "step", "p", "top-5", "F1")
    with pytest.raises(InputError, match="by session: all recordings stand in one group"):
        run(one, {"parrot": parrot}, tmp_path / "both")


def test_a_fold_with_one_class_to_learn_from_is_refused_before_anything_is_fitted(tmp_path: Path) -> None:
    pair = Catalog(
        tuple(
            Recording(
                f"{label}{i}",
                Path("none.wav"),
                f"Species {label}",
                recordist=f"{i}" if label == "other" else "p",
            )
            for label in ("lone", "other")
            for i in range(6)
        )
    )
    with pytest.raises(
        InputError, match=r"session fold \d has no class but Species other to learn from; add"
    ):
        run(pair, {"oracle": never}, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_scores_that_are_no_numbers_are_named_by_file(
    catalog: Catalog, finished: Path, tmp_path: Path
) -> None:
    def diverged(train: TrainingData, seed: int) -> Predict:
        return lambda test: replace(
            windows_of(test, test.targets), scores=np.full((2 * len(test), 4), np.nan)
        )

    with pytest.raises(
        RunError, match=r"diverged-random-0\.npz: expected numbers .* got nan for recording r"
    ):
        run(catalog, {"diverged": diverged}, tmp_path)
    path = finished / "predictions" / "parrot-session-1.npz"
    good = read_predictions(path)
    with open(tmp_path / "nan.npz", "wb") as stream:
        np.savez(stream, **{**asdict(good), "scores": np.full_like(good.scores, np.nan)})
    with pytest.raises(RunError, match=r"nan\.npz: expected numbers"):
        read_predictions(tmp_path / "nan.npz")


def test_a_prediction_file_gives_the_same_bytes_and_the_same_values(tmp_path: Path) -> None:
    one = FoldPredictions(
        np.array([[1.0, 0.0], [0.4, 0.6]], np.float32),
        np.array([1, 0]),
        np.array([1, 0]),
        np.array(["t0", "t1"]),
        np.array(["a"]),
    )
    np.testing.assert_allclose(one.recording_scores(), [[0.4, 0.6], [1.0, 0.0]], rtol=1e-6)
    write_predictions(tmp_path / "p.npz", one)
    write_predictions(tmp_path / "q.npz", one)
    assert (tmp_path / "p.npz").read_bytes() == (tmp_path / "q.npz").read_bytes()
    assert read_predictions(tmp_path / "p.npz").test_ids.tolist() == ["t0", "t1"]
    with pytest.raises(RunError, match="is missing"):
        read_predictions(tmp_path / "r.npz")
    with pytest.raises(InputError, match="none of t1"):
        replace(one, positions=np.array([0, 0]))
