"""A catalog and a store are joined by recording id, and nothing disappears without a line."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avianvox.dataset.catalog import Catalog
from avianvox.dataset.training_data import TrainingData, training_data
from avianvox.errors import StoreError, UnknownNameError
from avianvox.features.spec import FeatureSpec
from avianvox.types import LabelSet, Recording, Status


class FakeStore:
    spec = FeatureSpec()
    ids = ("c", "broken", "a", "b")
    n_frames = np.array([10, 0, 20, 30])

    def index_of(self, name: str) -> int:
        if name not in self.ids:
            raise UnknownNameError(name)
        return self.ids.index(name)

    def status(self, position: int) -> Status:
        return Status.UNDECODABLE if self.ids[position] == "broken" else Status.OK


def catalog() -> Catalog:
    labels = {"a": "Aa aa", "b": "Bb bb", "broken": "Aa aa", "c": "Cc cc", "gone": "Aa aa", "nameless": ""}
    return Catalog(tuple(Recording(name, Path("none"), label=label) for name, label in labels.items()))


def joined(spec: FeatureSpec = FakeStore.spec) -> TrainingData:
    return training_data(catalog(), FakeStore(), spec, LabelSet(("Bb bb", "Aa aa")))  # type: ignore[arg-type]


def test_recordings_are_found_by_id_and_left_out_with_a_reason() -> None:
    data = joined(FakeStore.spec.with_changes(combine="mel"))
    assert (data.recordings.tolist(), data.targets.tolist(), data.n_classes) == ([2, 3], [1, 0], 2)
    assert (data.ids, len(data), data.spec.combine) == (["a", "b"], 2, "mel")
    assert data.left_out == (
        "broken: no features (status undecodable)",
        "c: label 'Cc cc' is not among the classes",
        "gone: not in the feature store",
        "nameless: no label",
    )


def test_a_subset_follows_positions() -> None:
    part = joined().subset(np.array([1, 1, 0]))
    assert (part.recordings.tolist(), part.targets.tolist()) == ([3, 3, 2], [0, 0, 1])
    assert (part.names, part.counts.tolist()) == (("Bb bb", "Aa aa"), [2, 1])


def test_a_foreign_store_and_an_empty_join_are_refused() -> None:
    with pytest.raises(StoreError, match="other settings"):
        joined(replace(FakeStore.spec, n_fft=1024))
    with pytest.raises(StoreError, match="none of the catalog's 6 recordings"):
        training_data(catalog(), FakeStore(), FakeStore.spec, LabelSet(("Dd dd",)))  # type: ignore[arg-type]
