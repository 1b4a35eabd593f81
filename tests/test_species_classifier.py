"""`av.SpeciesClassifier` keeps scikit-learn's manners, and says nothing about sessions that it knows."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, KFold, cross_val_predict, cross_val_score

import avianvox as av
from avianvox.dataset.catalog import Catalog
from avianvox.errors import InputError, UnknownNameError
from avianvox.features.provide import provide_store


@pytest.fixture(scope="module")
def catalog(synth_catalog_dir: Path) -> Catalog:
    return av.read_catalog(synth_catalog_dir)


@pytest.mark.parametrize("model", ["gnb_mfcc", "logreg_windows"])
def test_cross_val_score_with_groups_gives_a_score_for_each_fold(model: str, catalog: Catalog) -> None:
    scores = cross_val_score(
        av.SpeciesClassifier(model),
        catalog,
        catalog.targets,
        groups=catalog.sessions,
        cv=GroupKFold(4),
        error_score="raise",
    )
    assert scores.shape == (4,)
    assert scores.mean() > 0.4  # by chance 0.25


def test_without_groups_it_says_nothing(catalog: Catalog) -> None:
    folds = KFold(4, shuffle=True, random_state=0)
    with pytest.raises(InputError) as refused:
        cross_val_score(
            av.SpeciesClassifier("gnb_mfcc"), catalog, catalog.targets, cv=folds, error_score="raise"
        )
    assert "are from sessions that the classifier has learned from" in str(refused.value)
    assert "groups=catalog.sessions and cv=GroupKFold()" in str(refused.value)
    with pytest.warns(UserWarning, match="Scoring failed"):
        scores = cross_val_score(av.SpeciesClassifier("gnb_mfcc"), catalog, catalog.targets, cv=folds)
    assert np.isnan(scores).all()


def test_paths_have_no_sessions_and_that_is_said(catalog: Catalog) -> None:
    paths = [str(recording.path) for recording in catalog]
    classifier = av.SpeciesClassifier("gnb_mfcc")
    with pytest.warns(UserWarning, match="the session of 16 of 16 recordings is not known"):
        classifier.fit(paths, catalog.targets)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier.fit(paths, catalog.targets, groups=catalog.sessions)
        assert classifier.sessions_ == frozenset(catalog.sessions)
        with pytest.raises(InputError, match="16 of 16 recordings are from sessions"):
            classifier.score(paths, catalog.targets, groups=catalog.sessions)
        assert classifier.score(paths, catalog.targets, groups=["other"] * 16) > 0.5


def test_manners(catalog: Catalog) -> None:
    classifier = av.SpeciesClassifier("gnb_mfcc", seed=3)
    assert classifier.get_params() == {
        "model": "gnb_mfcc",
        "settings": None,
        "spec": "published_v1",
        "store": None,
        "seed": 3,
    }
    fitted = clone(classifier).set_params(seed=1).fit(catalog)
    assert list(fitted.classes_) == sorted(set(catalog.targets))
    scores = fitted.predict_proba(catalog[:3])
    assert scores.shape == (3, 4)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
    assert list(fitted.predict(catalog[:3])) == [fitted.classes_[i] for i in scores.argmax(axis=1)]
    names = cross_val_predict(classifier, catalog, catalog.targets, groups=catalog.sessions, cv=GroupKFold(4))
    assert names.shape == (16,)


def test_the_same_seed_gives_the_same_scores(catalog: Catalog) -> None:
    one, other = (av.SpeciesClassifier("gnb_pixels", seed=5).fit(catalog) for _ in range(2))
    np.testing.assert_array_equal(one.predict_proba(catalog), other.predict_proba(catalog))


def test_a_store_that_stands_is_used_as_it_is(catalog: Catalog, tmp_path: Path) -> None:
    store = av.build_store(catalog, tmp_path / "store")
    before = store.data_hash
    classifier = av.SpeciesClassifier("gnb_mfcc", store=tmp_path / "store").fit(catalog[:8])
    classifier.predict(catalog[8:])
    assert provide_store(catalog.recordings, store.spec, tmp_path / "store").data_hash == before


def test_a_recording_that_fails_is_said_and_gets_no_answer(catalog: Catalog, tmp_path: Path) -> None:
    classifier = av.SpeciesClassifier("gnb_mfcc").fit(catalog)
    gone = replace(catalog[0], id="gone", path=tmp_path / "gone.wav")
    with pytest.warns(UserWarning, match=r"not read: gone: no features \(status missing\)"):
        scores = classifier.predict_proba([gone, catalog[1]])
    assert scores[0].tolist() == [0.25] * 4
    assert scores[1].max() > 0.5


def test_what_it_can_not_take_is_one_line(catalog: Catalog) -> None:
    with pytest.raises(InputError, match="got ndarray"):
        av.SpeciesClassifier().fit(np.zeros((3, 4)), ["a", "b", "c"])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a label for each of 16 recordings, got 2"):
        av.SpeciesClassifier().fit(catalog, ["a", "b"])
    with pytest.raises(InputError, match="two species or more"):
        av.SpeciesClassifier().fit(catalog[:2], ["a", "a"])
    with pytest.raises(UnknownNameError, match="did you mean 'gnb_mfcc'"):
        av.SpeciesClassifier("gnb_mfc").fit(catalog)
    with pytest.raises(Exception, match="call fit first"):
        av.SpeciesClassifier().predict(catalog)
