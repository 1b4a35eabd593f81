"""`SpeciesClassifier`: recordings in, species out, in the manners of scikit-learn."""

import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np

from avianvox.dataset.catalog import Catalog
from avianvox.errors import InputError, StoreError, require_extra
from avianvox.types import LabelSet, Recording

require_extra("sklearn", extra="train", purpose="SpeciesClassifier")
from sklearn.base import BaseEstimator, ClassifierMixin  # noqa: E402
from sklearn.exceptions import NotFittedError  # noqa: E402

if TYPE_CHECKING:
    from avianvox.dataset.training_data import TrainingData
    from avianvox.features.kinds import Spec
    from avianvox.features.store import FeatureStore
    from avianvox.models.protocol import TrainSettings

Recordings: TypeAlias = "Catalog | Sequence[Recording] | Sequence[str | os.PathLike[str]]"

_HOW = "give cross_val_score groups=catalog.sessions and cv=GroupKFold()"


class SpeciesClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Any model of avianvox as a classifier of scikit-learn: `fit`, `predict`, `predict_proba`, `score`.

    What it takes in place of a matrix is recordings: a catalog, a part of one, or paths. A score on
    recordings of sessions that it has learned from says nothing about new sessions, so `score` refuses them:
    ``cross_val_score`` needs ``groups``, and folds that keep them together.

    Parameters
    ----------
    model : str
        A name in `avianvox.models.MODELS`, such as ``"logreg_windows"`` or ``"avianvox_small"``, or an ear
        with a probe, such as ``"birdnet_combined"``.
    settings : mapping, optional
        What ``[train]`` may say of it, such as ``{"epochs": 40}``.
    spec : str
        Named feature settings.
    store : path-like, optional
        Feature store to keep; one of this process, which is gone afterwards, if left out.
    seed : int

    Attributes
    ----------
    classes_ : np.ndarray of str, shape (n_classes,)
    sessions_ : frozenset of str
        What it has learned from.

    Examples
    --------
    >>> import avianvox as av
    >>> from sklearn.model_selection import GroupKFold, cross_val_score
    >>> catalog = av.read_catalog("recordings")
    >>> classifier = av.SpeciesClassifier("logreg_windows")
    >>> scores = cross_val_score(
    ...     classifier, catalog, catalog.targets, groups=catalog.sessions, cv=GroupKFold(4)
    ... )
    >>> scores.shape, bool(scores.mean() > 0.5)
    ((4,), True)
    """

    def __init__(
        self,
        model: str = "logreg_windows",
        *,
        settings: dict[str, Any] | None = None,
        spec: str = "published_v1",
        store: "str | os.PathLike[str] | None" = None,
        seed: int = 0,
    ) -> None:
        self.model = model
        self.settings = settings
        self.spec = spec
        self.store = store
        self.seed = seed

    def fit(
        self, X: "Recordings", y: Iterable[str] | None = None, groups: Iterable[str] | None = None
    ) -> Self:
        """Learn from recordings.

        Parameters
        ----------
        X : Catalog, or sequence of Recording or path-like
        y : iterable of str, optional
            Species of each; the recordings' own labels if left out.
        groups : iterable of str, optional
            Session of each; recordist, date and site if left out.

        Raises
        ------
        InputError, UnknownNameError, StoreError, MissingExtraError
        """
        recordings = _labelled(X, y)
        names = tuple(sorted({recording.label for recording in recordings}))
        if len(names) < 2 or not names[0]:
            raise InputError("SpeciesClassifier: expected labels of two species or more; give y")
        labels = LabelSet(names)
        data, left_out = self._data(recordings, labels)
        if left_out:
            warnings.warn(f"left out: {left_out[0]}" + _more(left_out), stacklevel=2)
        self._fitted = self._estimator(labels).fit(data, seed=self.seed)
        self._labels = labels
        self.classes_ = np.array(names)
        self.sessions_ = frozenset(_sessions(recordings, groups))
        return self

    def predict_proba(self, X: "Recordings") -> np.ndarray:
        """Scores of each recording for each of ``classes_``, shape (n, n_classes).

        A recording that can't be read gets the same score for all, with a warning.
        """
        if not hasattr(self, "_fitted"):
            raise NotFittedError("SpeciesClassifier: expected a fitted classifier; call fit first")
        from avianvox.inference.pooling import pool_answers

        recordings = [replace(recording, label=self.classes_[0]) for recording in _recordings(X)]
        scores = np.full((len(recordings), len(self.classes_)), 1 / len(self.classes_))
        try:
            data, left_out = self._data(recordings, self._labels)
        except StoreError as error:
            warnings.warn(str(error), stacklevel=2)
            return scores
        if left_out:
            warnings.warn(f"not read: {left_out[0]}" + _more(left_out), stacklevel=2)
        found = pool_answers(self._fitted.predict(data), len(data))
        place = {name: row for row, name in enumerate(data.ids)}
        for i, recording in enumerate(recordings):
            if recording.id in place:
                scores[i] = found[place[recording.id]]
        return scores

    def predict(self, X: "Recordings") -> np.ndarray:
        """The species of each recording, shape (n,)."""
        scores = self.predict_proba(X)
        found: np.ndarray = self.classes_[scores.argmax(axis=1)]
        return found

    def score(
        self,
        X: "Recordings",
        y: Iterable[str] | None = None,
        sample_weight: np.ndarray | None = None,
        groups: Iterable[str] | None = None,
    ) -> float:
        """Accuracy on recordings of other sessions than those that it has learned from.

        Raises
        ------
        InputError
            Some are from sessions that it has learned from.
        """
        recordings = _labelled(X, y)
        scores = self.predict_proba(recordings)
        self._refuse_known(_sessions(recordings, groups))
        hits = self.classes_[scores.argmax(axis=1)] == np.array([r.label for r in recordings])
        return float(np.average(hits, weights=sample_weight))

    def _refuse_known(self, sessions: Sequence[str]) -> None:
        known = sum(session in self.sessions_ for session in sessions)
        if known:
            raise InputError(
                f"{known} of {len(sessions)} recordings are from sessions that the classifier has learned "
                f"from; their score says nothing about new ones; {_HOW}"
            )

    def _estimator(self, labels: LabelSet) -> Any:
        from avianvox.models import MODELS
        from avianvox.models.probes import PROBES, probe_of

        if found := probe_of(self.model):
            return PROBES.get(found[1])(self._settings(), labels)
        return MODELS.get(self.model)(self._settings())

    def _settings(self) -> "TrainSettings":
        from avianvox.models import MODELS
        from avianvox.training.config import TrainConfig, read_train_file

        name = self.model if self.model in MODELS else TrainConfig.model
        return read_train_file(None, model=name, **(self.settings or {}))[0].settings

    def _data(
        self, recordings: Sequence[Recording], labels: LabelSet
    ) -> "tuple[TrainingData, tuple[str, ...]]":
        from avianvox.dataset.training_data import training_data

        spec = _spec(self.model, self.spec)
        store = _features(recordings, spec, None if self.store is None else Path(self.store))
        data = training_data(Catalog(tuple(recordings)), store, spec, labels)
        return data, data.left_out


def _spec(model: str, name: str) -> "Spec":
    from avianvox.features.spec import spec_named
    from avianvox.inference.embedding import EmbeddingSpec
    from avianvox.models.probes import probe_of

    found = probe_of(model)
    return EmbeddingSpec.of_model(found[0]) if found else spec_named(name)


def _recordings(given: "Recordings") -> list[Recording]:
    """Recordings, as they are or of paths."""
    found = []
    for item in given:
        if isinstance(item, Recording):
            found.append(item)
        elif isinstance(item, str | os.PathLike):
            found.append(Recording(os.fspath(item), Path(item)))
        else:
            raise InputError(
                f"SpeciesClassifier: expected recordings or paths of sound files, got {type(item).__name__}"
            )
    if not found:
        raise InputError("SpeciesClassifier: expected recordings, got none")
    return found


def _labelled(given: "Recordings", y: Iterable[str] | None) -> list[Recording]:
    recordings = _recordings(given)
    if y is None:
        return recordings
    labels = [str(label) for label in y]
    if len(labels) != len(recordings):
        raise InputError(
            f"SpeciesClassifier: expected a label for each of {len(recordings)} recordings, got {len(labels)}"
        )
    return [replace(recording, label=label) for recording, label in zip(recordings, labels, strict=True)]


def _sessions(recordings: Sequence[Recording], groups: Iterable[str] | None) -> list[str]:
    """The session of each recording; a warning where nobody knows it."""
    if groups is not None:
        return [str(group) for group in groups]
    unknown = sum(not (r.recordist or r.date or r.site) for r in recordings)
    if unknown:
        warnings.warn(
            f"the session of {unknown} of {len(recordings)} recordings is not known (no recordist, date or "
            "site); a score on others of theirs is too good, and that can't be noticed",
            stacklevel=3,
        )
    return [recording.session for recording in recordings]


def _more(lines: Sequence[str]) -> str:
    return f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""


_known: dict[Path, dict[str, Recording]] = {}
"""By store: the recordings that it was built from in this process, so that folds add to each other."""


@cache
def _folder() -> "TemporaryDirectory[str]":
    return TemporaryDirectory(prefix="avianvox-", ignore_cleanup_errors=True)  # Windows keeps what is mapped


def _features(recordings: Sequence[Recording], spec: "Spec", store: Path | None) -> "FeatureStore":
    """A store that holds ``recordings``, and those that were asked for before."""
    from avianvox.features.provide import provide_store
    from avianvox.workers import Workplace

    path = store or Path(_folder().name, spec.extraction_fingerprint)
    known = _known.setdefault(path.absolute(), {})
    known |= {recording.id: recording for recording in recordings}
    wanted = recordings if store is not None and _holds(store, recordings) else list(known.values())
    return provide_store(wanted, spec, path, workplace=Workplace(1))


def _holds(store: Path, recordings: Sequence[Recording]) -> bool:
    from avianvox.features.store import FeatureStore

    try:
        return {recording.id for recording in recordings} <= set(FeatureStore.open(store).ids)
    except StoreError:
        return False
