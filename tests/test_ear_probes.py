"""Probes: what is learned on what an ear hears."""

import json
from pathlib import Path

import numpy as np
import pytest
from handmade_ear import CLASS_BIAS, CLASS_WEIGHTS, ear
from heads_on_ears import NAMES, data_of, folder_fixture, run  # noqa: F401, fixtures
from sklearn.covariance import ledoit_wolf

from avianvox.ears.dense import last_layer
from avianvox.ears.graft import graft, halve
from avianvox.errors import ModelFileError, StoreError
from avianvox.features.store import FeatureStore
from avianvox.inference.activation import activate
from avianvox.models.offset_regression import OffsetRegression
from avianvox.models.probes import PROBES, probe_of
from avianvox.models.probes.combined import LIFT, PENALTY, fit_combined
from avianvox.models.probes.heard import Ear, Heard, hear, known_classes
from avianvox.models.probes.lda import fit_discriminant
from avianvox.models.protocol import TrainSettings


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
