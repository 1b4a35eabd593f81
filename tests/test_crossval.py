"""Cross-validation with models that cost nothing: known figures, resuming, refusing, equal bytes."""

import csv
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from avianvox.dataset.catalog import Catalog
from avianvox.dataset.training_data import TrainingData, WindowScores
from avianvox.errors import InputError, RunError
from avianvox.evaluation.crossval import (
    CrossvalResult,
    CrossvalSettings,
    FitFunction,
    FitReport,
    crossvalidate,
    fit_seed,
)
from avianvox.evaluation.predictions import FoldPredictions, read_predictions, write_predictions
from avianvox.evaluation.run_folder import erase_run
from avianvox.evaluation.summary import Figure, Table, comparison_table, figures_mapping, summarise
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
    return crossvalidate(data_of(catalog), catalog, models, out, settings, progress=progress)


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
        (model, grouping): result.outcomes[model][grouping].figures["recording", "accuracy"].mean
        for model in ("oracle", "parrot")
        for grouping in ("random", "session")
    }
    assert accuracy["oracle", "random"] == accuracy["oracle", "session"] == 1.0
    assert accuracy["parrot", "random"] > 0.8
    assert accuracy["parrot", "session"] == pytest.approx(1 / N_CLASSES)
    gap = accuracy["parrot", "random"] - accuracy["parrot", "session"]
    row = next(row for row in result.table.rows if row[:2] == ("parrot", "accuracy per recording"))
    assert result.table.columns == ("model", "figure", "random", "session", "gap")
    assert row[3:] == ("0.250 ± 0.000", f"{gap:+.3f}")
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["models"]["parrot"]["gap"]["session"]["recording"]["accuracy"] == pytest.approx(
        gap, abs=1e-6
    )
    assert figures["splits"]["session"]["shared_session"] == 0.0
    settings = {"n_recordings": 36, "n_folds": 3, "seed": 0, "model_settings": {}}
    assert figures["settings"] == settings
    assert (
        "session folds: 0% of the test recordings have their session" in (tmp_path / "table.md").read_text()
    )
    with open(tmp_path / "table.csv", newline="") as stream:
        rows = {(r["model"], r["grouping"], r["level"], r["figure"]): r for r in csv.DictReader(stream)}
    assert len(rows) == 2 * 2 * 2 * 4
    # The window that knows nothing names the first class, which is right for a quarter of the recordings.
    assert float(rows["oracle", "session", "window", "accuracy"]["mean"]) == (1 + 1 / N_CLASSES) / 2


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


def test_figures_come_back_from_predictions_without_a_fit(
    catalog: Catalog, finished: Path, tmp_path: Path
) -> None:
    expected = contents(finished)
    for name in ("figures.json", "table.csv", "table.md", "confusion/parrot-random.png"):
        (finished / name).unlink()

    result = run(catalog, {"parrot": never, "gambler": never}, finished)
    assert contents(finished) == expected
    assert set(result.seconds) == {"parrot", "gambler"}
    assert (finished / "confusion" / "parrot-random.png").read_bytes()[:4] == b"\x89PNG"


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
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(RunError, match=r"parrot-random-0\.npz is damaged"):
        run(catalog, {"parrot": parrot}, tmp_path)


def test_random_folds_never_stand_alone() -> None:
    assert CrossvalSettings(("random",)).groupings == ("random", "session")
    assert CrossvalSettings(("published", "recordist")).groupings == ("published", "recordist")
    with pytest.raises(InputError, match="different groupings"):
        CrossvalSettings(("random", "random"))
    with pytest.raises(InputError, match="unknown grouping 'sesion'; did you mean 'session'"):
        CrossvalSettings(("random", "sesion"))
    with pytest.raises(InputError, match="2 folds or more"):
        CrossvalSettings(n_folds=1)


def fold(scores: list[list[float]], recording: list[int], targets: list[int]) -> FoldPredictions:
    n = len(targets)
    return FoldPredictions(
        np.array(scores, np.float32),
        np.array(recording),
        np.array(targets),
        np.array([f"t{i}" for i in range(n)]),
        np.array(["a", "b"]),
    )


def test_a_recording_is_the_mean_of_its_windows(tmp_path: Path) -> None:
    """Windows out of order, one of a recording and three of another."""
    one = fold([[1.0, 0.0], [0.4, 0.6], [0.3, 0.7], [0.5, 0.5]], [1, 0, 1, 1], [1, 0])
    np.testing.assert_allclose(one.recording_scores(), [[0.4, 0.6], [0.6, 0.4]], rtol=1e-6)
    outcome = summarise([one, fold([[0.0, 1.0]], [0], [0])])
    assert outcome.figures["recording", "accuracy"].folds == (1.0, 0.0)
    assert outcome.figures["window", "accuracy"].folds == (0.625, 0.0)  # a tie is half right
    assert outcome.confusion.tolist() == [[1, 1], [0, 1]]
    write_predictions(tmp_path / "p.npz", one)
    write_predictions(tmp_path / "q.npz", one)
    assert (tmp_path / "p.npz").read_bytes() == (tmp_path / "q.npz").read_bytes()
    assert read_predictions(tmp_path / "p.npz").test_ids.tolist() == ["t0", "t1"]
    with pytest.raises(RunError, match="is missing"):
        read_predictions(tmp_path / "r.npz")
    with pytest.raises(InputError, match="none of t1"):
        fold([[0.0, 1.0]], [0], [0, 1])


def test_deviation_is_that_of_a_sample() -> None:
    assert Figure((0.1, 0.2, 0.3)).deviation == pytest.approx(0.1)
    assert str(Figure((0.1, 0.2, 0.3))) == "0.200 ± 0.100"
    assert math.isnan(Figure((0.5,)).deviation)
    assert str(Figure((0.5,))) == "0.500"


def test_one_gap_for_each_grouping_that_keeps_things_together() -> None:
    outcome = summarise([fold([[0.0, 1.0]], [0], [1])])
    outcomes = {"m": {name: outcome for name in ("site", "random", "session")}}
    table = comparison_table(outcomes, ("site", "random", "session"))
    assert table.columns[2:] == ("site", "random", "session", "gap to site", "gap to session")
    plain = figures_mapping(outcomes, ("a", "b"), ("site", "random", "session"))["m"]
    assert plain["groupings"]["site"]["recording"]["accuracy"] == {
        "mean": 1.0,
        "deviation": None,
        "folds": [1.0],
    }
    assert plain["groupings"]["site"]["classes"]["a"]["recall"] is None
    assert list(plain["gap"]) == ["site", "session"]


def test_a_table_is_aligned_markdown() -> None:
    table = Table(("a", "long name"), (("x", "1"), ("wider", "2")))
    assert table.markdown() == (
        "| a     | long name |\n| ----- | --------- |\n| x     | 1         |\n| wider | 2         |\n"
    )
