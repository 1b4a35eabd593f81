"""Training on an ear: run folders, one file, calibration, and what is refused."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from handmade_ear import ear
from heads_on_ears import N_EACH, SOUNDS, data_of, folder_fixture, run  # noqa: F401, fixtures

from avianvox.cli.train import _worth
from avianvox.dataset.catalog import read_catalogs
from avianvox.dataset.splits import make_split
from avianvox.ears.graft import describe, graft
from avianvox.errors import ModelFileError
from avianvox.inference.classifier import Classifier
from avianvox.inference.head_runtime import MARK
from avianvox.inference.pooling import POOLINGS, pool
from avianvox.modelfile import read_model_file, write_model_file
from avianvox.models.probes import PROBES
from avianvox.models.probes.heard import ear_for
from avianvox.models.protocol import TrainSettings
from avianvox.training.on_ear import EarRun, _out_of_fold


@pytest.fixture(scope="module")
def trained(folder: Path) -> Path:
    done = run("train", folder / "birds", "--on", folder / "tones.tflite", "--out", folder / "run",
               "--store", folder / "embeddings", "-q")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "does not know" in done.stdout or "too few sessions" in done.stdout
    return folder / "run"


def test_one_file_gives_the_answers_of_training(folder: Path, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "ours.tflite"
    done = run("export", trained, "--out", out, "--quantize", "none")
    assert done.exit_code == 0, done.output
    assert "licence: CC BY-NC-SA 4.0" in done.stdout
    info = read_model_file(out).info
    assert [(o.name, o.size, o.exclusive) for o in info.outputs] == [
        ("species", 3, True),
        ("embedding", 4, False),
    ]
    assert info.pooling == {"kind": "confident3", "by": "species"}
    assert describe(bytes(read_model_file(out).flatbuffer)).last[0] == "SOFTMAX"
    data, labels = data_of(folder)
    fitted = PROBES.get("combined")(TrainSettings(), labels).fit(data, seed=0)
    expected = fitted.predict(data).scores
    catalog = read_catalogs((folder / "birds",))
    classifier = Classifier.load(out)
    for recording, scores in zip(catalog.recordings, expected, strict=True):
        found = classifier.classify(recording.path, calibrated=False)
        np.testing.assert_allclose(found.scores, scores, atol=1e-3)
        assert found.labels.names[int(found.scores.argmax())] == recording.label
    table = run("classify", folder / "birds", "--model", out, "--format", "csv", "--top", "1")
    rows = list(csv.DictReader(io.StringIO(table.stdout)))
    assert [row["scientific_name"] for row in rows] == [r.label for r in catalog.recordings]


def test_a_calibration_of_held_out_sessions_travels_into_the_file(
    folder: Path, trained: Path, tmp_path: Path
) -> None:
    kept = EarRun.open(trained).calibration
    assert (kept["basis"]["model"], kept["basis"]["n_folds"]) == ("combined", 3)
    held_out = kept["basis"]["held_out"]
    assert (held_out["recording"]["rows"], held_out["window"]["rows"]) == (3 * N_EACH, 3 * N_EACH * 5)
    assert held_out["window"]["error_after"] < held_out["window"]["error_before"]
    assert kept["window"]["temperature"] != kept["recording"]["temperature"]
    out = tmp_path / "ours.tflite"
    assert run("export", trained, "--out", out, "--quantize", "none").exit_code == 0
    classifier = Classifier.load(out)
    assert classifier.info.calibration == kept
    assert classifier.calibration is not None
    sound = next((folder / "birds").rglob("*.wav"))
    raw, found = (classifier.classify(sound, calibrated=asked) for asked in (False, True))
    windows = [
        replace(window, scores=classifier.calibration.apply(window.scores, "window"))
        for window in raw.windows
    ]
    expected = classifier.calibration.apply(pool(windows, "confident3"), "recording")
    np.testing.assert_allclose(found.scores, expected, rtol=1e-5)
    assert found.calibrated
    (trained / "calibration.json").rename(tmp_path / "calibration.json")  # a run of before
    try:
        assert run("export", trained, "--out", out).exit_code == 0
        assert Classifier.load(out).calibration is None
    finally:
        (tmp_path / "calibration.json").rename(trained / "calibration.json")


def test_training_says_which_names_never_come() -> None:
    held = dict(rows=9, named=3, named_rightly=2, error_before=0.2, error_after=0.1, error_by_chance=0.15)
    basis = {"thresholds": "precision 0.9", "held_out": {"recording": held}}
    assert list(_worth(basis, {"thresholds": [0.8, None]}, ("Parus major", "Parus ater"))) == [
        "calibration error per recording: 0.200 before, 0.100 after; by chance 0.150",
        "thresholds (precision 0.9): 3 of 9 held-out recordings named, 2 rightly",
        "always uncertain: 'Parus ater'; no score is sure enough to name a recording so",
    ]


def test_out_of_fold_windows_are_pooled_as_their_recordings_are_judged(folder: Path) -> None:
    data, labels = data_of(folder)
    recordings = read_catalogs((folder / "birds",)).recordings
    pooled = _out_of_fold(data, recordings, labels, make_split(recordings, grouping="session", n_folds=3))
    np.testing.assert_allclose(pooled.pooled(pooled.window_scores), pooled.scores, atol=1e-4)
    assert sorted(np.bincount(pooled.folds)) == [6, 6, 6]
    part = pooled.where(pooled.folds == 1)
    np.testing.assert_allclose(part.pooled(part.window_scores), part.scores, atol=1e-4)


def test_a_run_is_not_replaced_without_being_asked(folder: Path, trained: Path) -> None:
    before = (trained / "weights.npz").read_bytes()
    arguments = ("train", folder / "birds", "--on", folder / "tones.tflite", "--out", trained,
                 "--store", folder / "embeddings", "-q")  # fmt: skip
    done = run(*arguments)
    assert done.exit_code == 1
    assert "--fresh" in str(done.exception)
    assert run(*arguments, "--fresh").exit_code == 0
    assert (trained / "weights.npz").read_bytes() == before
    figures = EarRun.open(trained).figures
    assert figures["unknown_to_ear"] == ["Strix nova"]
    refused = run(*arguments, "--fresh", "--epochs", "3")
    assert refused.exit_code == 2
    assert "--epochs" in refused.output


def test_what_is_not_installed_is_said_before_hours_of_listening(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avianvox.errors.find_spec", lambda name: None if name == "sklearn" else name)
    done = run("train", folder / "birds", "--on", folder / "tones.tflite", "--out", tmp_path / "run")
    assert "needs the package 'sklearn'" in str(done.exception)
    assert not (tmp_path / "run").exists()
    for options in ((), ("--page", tmp_path / "page.html", "--catalog", folder / "birds")):
        done = run("cluster", folder / "embeddings", "--out", tmp_path / "clusters.csv", *options)
        assert "avianvox cluster needs the package 'sklearn'" in str(done.exception)


def test_parts_of_recordings_are_not_counted_as_recordings(folder: Path, tmp_path: Path) -> None:
    paths = sorted((folder / "birds").rglob("*.wav"))
    lines = [f"{path},{begin},{begin + 2},{path.parent.name}" for path in paths for begin in (0, 2)]
    (tmp_path / "labels.csv").write_text("\n".join(["path,begin_s,end_s,label", *lines]))
    done = run("train", tmp_path / "labels.csv", "--on", folder / "tones.tflite", "--out", tmp_path / "run")
    assert done.exit_code == 0, done.output
    assert f"{2 * len(paths)} labelled parts" in done.stdout


@pytest.mark.parametrize("options", [(), ("--head-only",)])
def test_export_says_that_there_is_no_run(options: tuple[str, ...], tmp_path: Path) -> None:
    done = run("export", tmp_path / "nothing", "--out", tmp_path / "x.tflite", *options)
    assert done.exit_code == 1
    assert str(done.exception).startswith(f"no training run in {tmp_path / 'nothing'}")


def test_another_ear_under_the_name_is_refused_at_export(folder: Path, trained: Path, tmp_path: Path) -> None:
    path = folder / "tones.tflite"
    content = path.read_bytes()
    try:
        info = read_model_file(path).info
        other = graft(ear(last="LOGISTIC"), outputs={"embedding": "pooled"})
        write_model_file(path, flatbuffer=other, info=info, card="")
        done = run("export", trained, "--out", tmp_path / "x.tflite")
        assert done.exit_code == 1
        assert "is not the ear of the run" in str(done.exception)
    finally:
        path.write_bytes(content)
        ear_for.cache_clear()


@pytest.mark.parametrize("options", [[], ["--head-only"]])
def test_an_export_never_replaces_the_ear(folder: Path, trained: Path, options: list[str]) -> None:
    path = folder / "tones.tflite"
    content = path.read_bytes()
    try:
        done = run("export", trained, "--out", folder / "birds" / ".." / "tones.tflite", *options)
        assert (done.exit_code, path.read_bytes()) == (1, content)
        assert "this is the ear of the run; name another file" in str(done.exception)
    finally:
        path.write_bytes(content)


def test_the_most_confident_windows_decide() -> None:
    pooling = POOLINGS.get("confident3")()
    windows = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.4, 0.6]])
    for scores, confidence in zip(windows, (0.1, 0.9, 0.8, 0.7), strict=True):
        pooling.add(scores, confidence)
    product = np.prod(windows[1:], axis=0) ** (1 / 3)
    np.testing.assert_allclose(pooling.scores(), product / product.sum())


def test_a_head_alone_finds_its_ear_and_gives_the_same_answers(
    folder: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVIANVOX_MODELS", str(folder))
    whole, alone = tmp_path / "whole.tflite", tmp_path / "alone.avianvox"
    assert run("export", trained, "--out", whole, "--quantize", "none", "--name", "ours").exit_code == 0
    done = run("export", trained, "--out", alone, "--head-only", "--name", "ours")
    assert done.exit_code == 0, done.output
    assert "licence: CC BY-NC-SA 4.0" in done.stdout
    model = read_model_file(alone)
    assert bytes(model.flatbuffer).startswith(MARK)
    assert len(model.flatbuffer) == len(MARK) + 4 * 3 * (4 + 1)
    info, full = model.info, read_model_file(whole).info
    assert (info.labels, info.calibration, info.pooling) == (full.labels, full.calibration, full.pooling)
    assert info.source["ear sha256"] == read_model_file(folder / "tones.tflite").hashes["flatbuffer"]
    sounds = sorted((folder / "birds").rglob("*.wav"))
    first, second = Classifier.load(whole), Classifier.load(alone)
    for sound in sounds[::4]:
        expected, found = first.classify(sound), second.classify(sound)
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
        assert len(found.windows) == len(expected.windows)
    shown = run("models", "info", alone)
    assert f"listens with: {folder / 'tones.tflite'}" in shown.stdout
    assert "birds among the classes: 3, of 3 families and 3 orders" in shown.stdout
    assert run("models", "verify", alone).exit_code == 0


def test_a_head_without_its_ear_is_one_line(
    folder: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, models = tmp_path / "alone.avianvox", tmp_path / "models"
    assert run("export", trained, "--out", alone, "--head-only").exit_code == 0
    monkeypatch.setenv("AVIANVOX_MODELS", str(models))
    digest = read_model_file(folder / "tones.tflite").hashes["flatbuffer"]
    with pytest.raises(ModelFileError) as error:
        Classifier.load(alone)
    assert str(error.value) == (
        f"{alone} is a head that listens with the model 'tones' (SHA-256 {digest[:12]}…), which is not in "
        f"{models}; add it: avianvox models add tones"
    )
    models.mkdir()
    path = folder / "tones.tflite"
    ear_file = read_model_file(path)
    other = graft(ear(last="LOGISTIC"), outputs={"embedding": "pooled"})
    write_model_file(models / "other.tflite", flatbuffer=other, info=ear_file.info, card="")
    with pytest.raises(ModelFileError, match="which is not in"):  # the same name, another graph
        Classifier.load(alone)
    (models / "damaged.tflite").write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelFileError, match=r"which is not in .*damaged\.tflite"):
        Classifier.load(alone)
    (models / "renamed.tflite").write_bytes(path.read_bytes())
    assert Classifier.load(alone).labels.names == tuple(sorted(SOUNDS))


def test_a_damaged_head_is_one_line(folder: Path, trained: Path, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("AVIANVOX_MODELS", str(folder))
    alone = tmp_path / "alone.avianvox"
    assert run("export", trained, "--out", alone, "--head-only").exit_code == 0
    model = read_model_file(alone)
    write_model_file(alone, flatbuffer=bytes(model.flatbuffer)[:-4], info=model.info, card="")
    with pytest.raises(ModelFileError, match="expected weights of 3 classes and 4 numbers"):
        Classifier.load(alone).classify(sorted((folder / "birds").rglob("*.wav"))[0])
    refused = run("export", trained, "--out", alone, "--head-only", "--quantize", "float16")
    assert refused.exit_code == 2
