"""A run folder, read back without the catalog it was made from."""

import json
import shutil
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from avianvox.errors import RunError
from avianvox.evaluation.predictions import FoldPredictions, pool
from avianvox.evaluation.run_folder import fit_name, predictions_path
from avianvox.evaluation.saved_run import SavedRun
from avianvox.report.data_card import settings_section
from avianvox.runfolder import catalog_hash
from avianvox.types import Recording


def test_everything_is_read_back(tiny_crossval: Path, synth_catalog_dir: Path) -> None:
    from avianvox.dataset.catalog import read_catalog

    run = SavedRun.open(tiny_crossval)
    catalog = read_catalog(synth_catalog_dir)
    assert run.recordings == catalog.recordings
    assert run.labels == catalog.labels
    assert run.models == ("gnb_pixels", "gnb_mfcc")
    assert run.groupings == ("random", "session")
    pooled = run.pooled("gnb_mfcc", "session")
    assert sorted(r.id for r in pooled.recordings) == sorted(r.id for r in catalog.recordings)
    assert [run.labels.names[t] for t in pooled.targets] == [r.label for r in pooled.recordings]
    accuracy = run.figures["models"]["gnb_mfcc"]["groupings"]["session"]["recording"]["accuracy"]
    right = pooled.predicted == pooled.targets
    folds = [right[pooled.folds == k].mean() for k in range(2)]
    assert folds == pytest.approx(accuracy["folds"], abs=1e-6)


def test_a_name_that_is_not_utf8_survives(tmp_path: Path) -> None:
    from avianvox.evaluation.confusion_picture import draw_confusion
    from avianvox.evaluation.run_folder import FOLDER, RunFolder, read_recordings

    recording = Recording(
        "a\udce9", tmp_path / "a\udce9.wav", "Vireo", background=("Turdus",), duration_s=1.5
    )
    folder = RunFolder(tmp_path / "run", {"models": [], "labels": ["B\udcff"]})
    folder.write_catalog([recording])
    assert read_recordings(tmp_path / "run") == (recording,)
    assert FOLDER.read(tmp_path / "run")["labels"] == ["B\udcff"]
    draw_confusion(tmp_path / "foreign.png", np.eye(2, dtype=int), ["A", "B\udcff"], title="")
    draw_confusion(tmp_path / "marked.png", np.eye(2, dtype=int), ["A", "B\ufffd"], title="")
    assert (tmp_path / "foreign.png").read_bytes() == (tmp_path / "marked.png").read_bytes()


def test_a_name_with_signs_of_formulas_is_drawn(tmp_path: Path) -> None:
    from avianvox.evaluation.confusion_picture import draw_confusion

    draw_confusion(tmp_path / "a.png", np.eye(2, dtype=int), ["A $_$ b", "B"], title="a $^$ b")
    assert (tmp_path / "a.png").stat().st_size > 0


def test_the_seconds_of_models_are_told_apart() -> None:
    config = {"models": ["perch-v1_linear", "perch-v2_linear", "perch"]}
    timings = {"perch-v1_linear-session-0": 1.0, "perch-v2_linear-session-0": 2.0, "perch-session-1-n3": 4.0}
    table = settings_section(config, {}, timings).blocks[2]
    assert dict(table.rows) == {"perch-v1_linear": 1.0, "perch-v2_linear": 2.0, "perch": 4.0}  # type: ignore[attr-defined]


def test_a_model_without_all_its_fits_is_not_shown(tiny_crossval: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(tiny_crossval, folder)
    predictions_path(folder, fit_name("gnb_pixels", "session", 1)).unlink()
    run = SavedRun.open(folder)
    assert run.models == ("gnb_mfcc",)
    with pytest.raises(
        RunError, match=r"has no model 'gnb_mfc'; did you mean 'gnb_mfcc'\? \(it has: gnb_mfcc\)"
    ):
        run.predictions("gnb_mfc", "session")
    predictions_path(folder, fit_name("gnb_mfcc", "random", 0)).unlink()
    with pytest.raises(RunError, match="is not complete; run it again"):
        SavedRun.open(folder)


def test_pooled_rows_take_their_windows_along() -> None:
    recordings = {name: Recording(name, Path(f"{name}.wav"), recordist=name) for name in "abc"}
    first = FoldPredictions(
        scores=np.array([[0.9, 0.1], [0.3, 0.7], [0.2, 0.8]], np.float32),
        positions=np.array([0, 0, 1]),
        targets=np.array([0, 1]),
        test_ids=np.array(["a", "b"]),
        train_ids=np.array(["c"]),
    )
    second = FoldPredictions(
        scores=np.array([[0.4, 0.6]], np.float32),
        positions=np.array([0]),
        targets=np.array([0]),
        test_ids=np.array(["c"]),
        train_ids=np.array(["a", "b"]),
    )
    pooled = pool([first, second], recordings)
    np.testing.assert_array_equal(pooled.folds, [0, 0, 1])
    np.testing.assert_array_equal(pooled.window_rows, [0, 0, 1, 2])
    np.testing.assert_allclose(pooled.scores[:, 0], [0.6, 0.2, 0.4])
    chosen = pooled.where(pooled.predicted != pooled.targets)
    assert [r.id for r in chosen.recordings] == ["c"]
    np.testing.assert_array_equal(chosen.window_rows, [0])
    np.testing.assert_allclose(chosen.window_scores, [[0.4, 0.6]])
    chosen = pooled.where(np.array([False, True, True]))
    np.testing.assert_array_equal(chosen.window_rows, [0, 1])
    assert list(chosen.sessions) == ["b |  | ", "c |  | "]


def edit(file: Path, **changes: object) -> None:
    """Change keys of a JSON file; None takes one out."""
    values = {**json.loads(file.read_text()), **changes}
    file.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))


def test_figures_older_than_the_predictions_are_refused(tiny_crossval: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(tiny_crossval, folder)
    older = rf"is older than the predictions; run: avianvox crossval --recompute {folder}"
    figures = SavedRun.open(folder).figures
    edit(folder / "figures.json", models={"gnb_mfcc": figures["models"]["gnb_mfcc"]})
    with pytest.raises(RunError, match=older):
        _ = SavedRun.open(folder).figures
    edit(folder / "figures.json", models=figures["models"])
    edit(folder / "config.json", per_class=[2])
    for k in range(2):
        name, cut = (fit_name("gnb_mfcc", "random", k, n) for n in (None, 2))
        assert SavedRun.open(folder).figures  # while the learning curve is not complete
        shutil.copy(predictions_path(folder, name), predictions_path(folder, cut))
    with pytest.raises(RunError, match=older):
        _ = SavedRun.open(folder).figures


def test_damaged_files_say_what_to_do(tiny_crossval: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(tiny_crossval, folder)
    (folder / "audit.json").write_text('{"a": 1}')
    with pytest.raises(RunError, match=r"audit\.json is damaged; run the cross-validation again"):
        _ = SavedRun.open(folder).audit
    (folder / "figures.json").write_text("{")
    with pytest.raises(RunError, match=rf"again, or: avianvox crossval --recompute {folder}$"):
        _ = SavedRun.open(folder).figures
    edit(folder / "config.json", labels=None, splits=None)
    with pytest.raises(RunError, match=r"config\.json lacks labels; run"):
        SavedRun.open(folder)


def test_a_catalog_is_known_again_whatever_its_names() -> None:
    known = [Recording("a", Path("a.wav"), "Vireo"), Recording("é", Path("e.wav"), "Turdus")]
    lines = "".join(f"{r.id}\t{r.label}\t{r.session}\n" for r in known)
    assert catalog_hash(known) == sha256(lines.encode()).hexdigest()
    foreign = [Recording(name, Path("x.wav")) for name in ("a\udce9", "a\udce8")]
    assert len({catalog_hash([r]) for r in foreign}) == 2
