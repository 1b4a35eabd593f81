"""Heads on an ear: probes in a comparison, training, one file, and the same answers from it."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from handmade_ear import CLASS_BIAS, CLASS_WEIGHTS, LABELS, N_SAMPLES, RATE, ear, tone
from sklearn.covariance import ledoit_wolf

from avianvox.cli.main import cli
from avianvox.cli.train import _worth
from avianvox.dataset.catalog import read_catalogs
from avianvox.dataset.splits import make_split
from avianvox.dataset.training_data import training_data
from avianvox.ears.dense import last_layer
from avianvox.ears.graft import describe, graft, halve
from avianvox.errors import ModelFileError, StoreError
from avianvox.features.store import FeatureStore
from avianvox.features.waveform import WaveformSpec
from avianvox.inference.activation import activate
from avianvox.inference.classifier import Classifier
from avianvox.inference.head_runtime import MARK
from avianvox.inference.pooling import POOLINGS, pool
from avianvox.modelfile import read_model_file, write_model_file
from avianvox.modelinfo import EMBEDDING, SPECIES, ModelInfo, Output
from avianvox.models.offset_regression import OffsetRegression
from avianvox.models.probes import PROBES, probe_of
from avianvox.models.probes.combined import LIFT, PENALTY, fit_combined
from avianvox.models.probes.heard import Ear, Heard, ear_for, hear, known_classes
from avianvox.models.probes.lda import fit_discriminant
from avianvox.models.protocol import TrainSettings
from avianvox.training.on_ear import EarRun, _out_of_fold
from avianvox.types import LabelSet

NAMES = LabelSet(*(tuple(part) for part in zip(*(label.split("_") for label in LABELS), strict=True)))
SOUNDS = {"Columba bassa": 500.0, "Parus medius": 1000.0, "Strix nova": 2000.0}
"""Species and what they sing; the ear takes the third one for an engine."""

N_EACH = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ear, recordings of three species in noise, and a store of their embeddings."""
    folder = tmp_path_factory.mktemp("ear")
    info = ModelInfo(
        "tones",
        "ear",
        WaveformSpec(RATE, N_SAMPLES),
        NAMES,
        licences={"model": "CC BY-NC-SA 4.0"},
        outputs=(
            Output(SPECIES, 3, 0, "sigmoid", exclusive=False),
            Output(EMBEDDING, 4, 1, exclusive=False),
        ),
        not_animals=("Engine",),
    )
    flatbuffer = graft(ear(), outputs={"embedding": "pooled"})
    write_model_file(folder / "tones.tflite", flatbuffer=flatbuffer, info=info, card="")
    rng = np.random.default_rng(0)
    for name, hz in SOUNDS.items():
        for i in range(N_EACH):
            (folder / "birds" / name).mkdir(parents=True, exist_ok=True)
            loud = 0.2 + 0.1 * rng.random()
            parts = [0.01 * rng.standard_normal(N_SAMPLES) + loud * on * tone(hz) for on in (0, 1, 1, 0, 1)]
            soundfile.write(folder / "birds" / name / f"{hz:.0f}_{i}.wav", np.concatenate(parts), RATE)
    done = run("features", "build", folder / "birds", "--spec", folder / "tones.tflite",
               "--out", folder / "embeddings", "--jobs", "1")  # fmt: skip
    assert done.exit_code == 0, done.output
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def trained(folder: Path) -> Path:
    done = run("train", folder / "birds", "--on", folder / "tones.tflite", "--out", folder / "run",
               "--store", folder / "embeddings", "-q")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "does not know" in done.stdout or "too few sessions" in done.stdout
    return folder / "run"


def data_of(folder: Path):  # type: ignore[no-untyped-def]
    catalog = read_catalogs((folder / "birds",))
    store = FeatureStore.open(folder / "embeddings")
    return training_data(catalog, store, store.spec, catalog.labels), catalog.labels


def test_the_last_layer_of_a_graph_is_read_in_both_precisions() -> None:
    plain = graft(ear(), outputs={"embedding": "pooled"})
    for flatbuffer in (plain, halve(plain)):
        weight, bias = last_layer(flatbuffer, output=0, embedding=1)
        np.testing.assert_allclose(weight, CLASS_WEIGHTS, atol=1e-4)
        np.testing.assert_allclose(bias, CLASS_BIAS, atol=1e-3)
    with pytest.raises(ModelFileError, match="dense layer on its embedding"):
        last_layer(graft(ear(last="SOFTMAX"), outputs={"embedding": "pooled"}), output=0, embedding=1)


def test_what_is_heard_is_the_mean_of_the_most_confident_windows(folder: Path) -> None:
    data, labels = data_of(folder)
    heard = hear(data, labels)
    assert heard.known.tolist() == [True, True, False]
    rows = data.store.features(int(data.recordings[0]))
    loud = [1, 2, 4]  # the windows with a tone
    np.testing.assert_allclose(heard.embedding[0], rows[loud, :4].mean(axis=0), rtol=1e-5)
    own = rows[loud, :4] @ CLASS_WEIGHTS[:2].T + CLASS_BIAS[:2]
    np.testing.assert_allclose(heard.own[0], [*own.mean(axis=0), 0.0], rtol=1e-4)
    np.testing.assert_array_equal(known_classes(data.store, labels), heard.known)


def test_names_of_probes() -> None:
    assert list(PROBES) == list(PROBES.summaries)
    assert probe_of("birdnet_logreg") == ("birdnet", "logreg")
    assert probe_of("my_ear_own") == ("my_ear", "own")
    assert probe_of("logreg") is None
    assert probe_of("cnn_v20") is None


@pytest.mark.parametrize("name", PROBES)
def test_a_probe_learns(folder: Path, name: str) -> None:
    """Scores add up to one, two fits are the same, and what can be told apart is."""
    data, labels = data_of(folder)
    train, test = (data.subset(np.arange(len(data))[k::2]) for k in (0, 1))
    fits = [PROBES.get(name)(TrainSettings(epochs=200), labels).fit(train, seed=0) for _ in range(2)]
    first, second = (fitted.predict(test) for fitted in fits)
    np.testing.assert_array_equal(first.scores, second.scores)
    np.testing.assert_allclose(first.scores.sum(axis=1), 1.0, atol=1e-5)
    right = first.scores.argmax(axis=1) == test.targets
    known = test.targets < 2
    assert right[known].all()
    assert right[~known].all() == (name != "own")  # the ear alone can't name what it never heard of


def test_the_combined_probe_chooses_its_windows_itself() -> None:
    """Of an unknown species the ear's windows are mostly those of its neighbour. The windows that are learned
    from in the end, and those that a recording is judged by, are chosen by the head."""
    rng = np.random.default_rng(0)
    target, windows = np.repeat([0, 1, 2], 8), []
    for species in target:
        rows = 0.3 * rng.standard_normal((6, 4))
        rows[:3, 0] += 3.0 * (species > 0)  # class 0 calls beside the others, and the ear hears it
        rows[3:, species] += 3.0
        windows.append(rows.astype(np.float32))
    known = np.array([True, True, False])
    ear_weight = np.array([[4.0, 0, 0, 0], [0, 4.0, 0, 0], [0, 0, 0, 0]])
    odds = tuple(rows @ ear_weight.T - 6 * known for rows in windows)
    best = [[0, 1, 5] if species == 2 else [0, 4, 5] for species in target]
    heard = Heard(
        np.array([rows[at].mean(axis=0) for rows, at in zip(windows, best, strict=True)]),
        np.array([rows[at].mean(axis=0) for rows, at in zip(odds, best, strict=True)]),
        np.array([rows.max(axis=0) for rows in odds]),
        known,
        tuple(windows),
        odds,
    )
    fitted = fit_combined(heard, target, TrainSettings(), 0)
    own = np.array([rows[3:].mean(axis=0) for rows in odds])
    offsets = np.where(known, own, own[:, known].mean())
    embedding = np.array([rows[3:].mean(axis=0, dtype=np.float64) for rows in windows])
    expected = OffsetRegression.fit(embedding, offsets, target, penalty=PENALTY)
    np.testing.assert_allclose(fitted.regression.weight, expected.weight, atol=1e-5)
    np.testing.assert_allclose(fitted.regression.bias, expected.bias + np.array([0, 0, LIFT]), atol=1e-5)
    calls = [np.r_[np.zeros(species), 3.0, np.zeros(3 - species)] for species in range(3)]
    scores = fitted.windows(np.array(calls), np.array(calls) @ ear_weight.T - 6 * known, known)
    assert scores.argmax(axis=1).tolist() == [0, 1, 2]
    weight, bias = fitted.layer(Ear(known, np.ones(2, bool), ear_weight, -6.0 * known))
    np.testing.assert_allclose(activate(np.array(calls) @ weight.T + bias, "softmax"), scores, atol=1e-5)
    three = Heard(
        *(part[:1] for part in (heard.embedding, heard.own, heard.loudest)), known, windows[:1], odds[:1]
    )
    by_window = fitted.windows(windows[0], odds[0], known)
    kept = by_window[np.argsort(-by_window.max(axis=1), kind="stable")[:3]]
    product = np.prod(kept, axis=0, dtype=np.float64) ** (1 / 3)
    np.testing.assert_allclose(fitted(three)[0], product / product.sum(), rtol=1e-5)


def test_the_discriminant_takes_all_classes_for_as_likely_and_shrinks_the_covariance() -> None:
    rng = np.random.default_rng(0)
    targets = np.repeat([0, 1], [40, 4])
    embedding = rng.standard_normal((44, 60)) + 2.0 * targets[:, None]
    zeros = np.zeros((44, 2))
    heard = Heard(embedding, zeros, zeros, np.zeros(2, bool), (), ())
    score = fit_discriminant(heard, targets, TrainSettings(), 0)
    scaled = (embedding - embedding.mean(axis=0)) / embedding.std(axis=0)
    means = np.stack([scaled[targets == k].mean(axis=0) for k in (0, 1)])
    covariance = np.zeros((60, 60))
    for k in (0, 1):
        deviation = scaled[targets == k].std(axis=0)
        shrunken = ledoit_wolf((scaled[targets == k] - means[k]) / deviation)[0]
        covariance += 0.5 * shrunken * deviation * deviation[:, None]
    weight = np.linalg.solve(covariance, (means[1] - means[0]))
    odds = scaled @ weight - weight @ means.sum(axis=0) / 2
    np.testing.assert_allclose(score(heard)[:, 1], 1 / (1 + np.exp(-odds)), atol=1e-4)


def test_a_store_without_scores_is_refused(folder: Path, tmp_path: Path) -> None:
    done = run("features", "build", folder / "birds", "--spec", folder / "tones.tflite", "--no-scores",
               "--out", tmp_path / "e", "--jobs", "1")  # fmt: skip
    assert done.exit_code == 0, done.output
    store = FeatureStore.open(tmp_path / "e")
    assert store.rows.shape[1] == 4
    with pytest.raises(StoreError, match="ear's own scores"):
        known_classes(store, NAMES)


def test_the_regression_begins_with_the_offsets() -> None:
    rng = np.random.default_rng(0)
    features, targets = rng.standard_normal((60, 5)), np.arange(60) % 3
    offsets = 4.0 * np.eye(3)[targets]
    found = OffsetRegression.fit(features, offsets, targets, penalty=1e6)
    np.testing.assert_allclose(found.weight, 0, atol=1e-4)
    assert (found.logits(features, offsets).argmax(axis=1) == targets).all()
    features[:, 0] += 5 * targets
    found = OffsetRegression.fit(features, np.zeros((60, 3)), targets, penalty=0.01)
    assert (found.logits(features, np.zeros((60, 3))).argmax(axis=1) == targets).mean() > 0.95


def test_crossval_compares_probes_beside_the_ladder(folder: Path, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("AVIANVOX_MODELS", str(folder))
    done = run("crossval", folder / "birds", "--models", "majority+tones", "--groupings", "random",
               "--folds", "2", "--out", tmp_path / "cv", "--json")  # fmt: skip
    assert done.exit_code == 0, done.output
    models = json.loads(done.stdout)["models"]
    assert list(models) == ["majority", *(f"tones_{probe}" for probe in PROBES)]
    again = run("crossval", folder / "birds", "--models", "tones_nonsense", "--out", tmp_path / "cv")
    assert again.exit_code == 1
    assert "unknown model 'tones_nonsense'" in str(again.exception)


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
