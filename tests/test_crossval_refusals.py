"""What a cross-validation refuses: other configurations, foreign and damaged files, data too small."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from fake_crossval import (
    BOTH,
    Predict,
    contents,
    never,
    parrot,
    run,
    sessions_tell,
    windows_of,
)

from avianvox.dataset.catalog import Catalog
from avianvox.dataset.training_data import TrainingData
from avianvox.errors import InputError, RunError
from avianvox.evaluation.crossval import (
    CrossvalSettings,
)
from avianvox.evaluation.predictions import FoldPredictions, read_predictions, write_predictions
from avianvox.evaluation.run_folder import FOLDER
from avianvox.types import Recording


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return sessions_tell()


@pytest.fixture(scope="module")
def finished(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("crossval") / "run"
    run(catalog, BOTH, out)
    return out


@pytest.mark.parametrize(
    ("settings", "models", "key"),
    [
        (CrossvalSettings(seed=1), BOTH, "seed was 0 and is 1"),
        (CrossvalSettings(n_folds=2), BOTH, "n_folds was 3 and is 2"),
    ],
)
def test_a_run_of_another_configuration_is_refused(
    settings: CrossvalSettings, models: dict, key: str, catalog: Catalog, finished: Path
) -> None:
    before = contents(finished)
    with pytest.raises(RunError, match=rf"cross-validation with other settings \({key}.*--fresh"):
        run(catalog, models, finished, settings)
    assert contents(finished) == before


def test_of_the_settings_of_models_only_those_that_differ_are_named(catalog: Catalog, tmp_path: Path) -> None:
    run(catalog, BOTH, tmp_path / "run", model_settings={"epochs": 5, "padding": "loop"})
    expected = r"other settings \(epochs was 5 and is 6\)"
    with pytest.raises(RunError, match=expected):
        run(catalog, BOTH, tmp_path / "run", model_settings={"epochs": 6, "padding": "loop"})


def test_other_labels_are_another_configuration(catalog: Catalog, finished: Path) -> None:
    first, *rest = catalog.recordings
    other = Catalog((replace(first, label="Species 3"), *rest))
    with pytest.raises(RunError, match="catalog_hash"):
        run(other, BOTH, finished)


def test_foreign_folders_are_neither_used_nor_erased(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(RunError, match=r"holds thesis\.txt, which no cross-validation wrote"):
        run(catalog, {"parrot": parrot}, tmp_path)
    with pytest.raises(RunError, match=r"holds thesis\.txt, which no cross-validation wrote"):
        FOLDER.erase(tmp_path)
    (tmp_path / "config.json").write_text('{"kind": "something else"}')
    with pytest.raises(RunError, match=r"holds no cross-validation \(something else\)"):
        run(catalog, {"parrot": parrot}, tmp_path)
    with pytest.raises(RunError, match=r"holds no cross-validation \(something else\)"):
        FOLDER.erase(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.json", "thesis.txt"]


def test_fresh_erases_a_run_and_nothing_else(catalog: Catalog, tmp_path: Path) -> None:
    FOLDER.erase(tmp_path / "not there yet")
    run(catalog, {"parrot": parrot}, tmp_path)
    (tmp_path / "features-1").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    FOLDER.erase(tmp_path)
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
    with pytest.raises(InputError, match=r"session fold \d has only the class Species other; add"):
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
        RunError, match=r"diverged-random-0\.npz: expected finite scores, got nan for recording r"
    ):
        run(catalog, {"diverged": diverged}, tmp_path)
    path = finished / "predictions" / "parrot-session-1.npz"
    good = read_predictions(path)
    with open(tmp_path / "nan.npz", "wb") as stream:
        kept = {name: value for name, value in asdict(good).items() if value is not None}
        np.savez(stream, **{**kept, "scores": np.full_like(good.scores, np.nan)})
    with pytest.raises(RunError, match=r"nan\.npz: expected finite scores"):
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
