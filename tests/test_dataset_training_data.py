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

    def __contains__(self, name: str) -> bool:
        return name in self.ids

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


def test_species_in_the_background_have_a_share_of_the_target() -> None:
    heard = {"a": ("Bb  bb", "Xx xx", "Aa aa"), "b": ("Aa aa", "bb BB"), "broken": ("Bb bb",)}
    rows = tuple(replace(r, background=heard.get(r.id, ())) for r in catalog().recordings)
    labels = LabelSet(("Bb bb", "Aa aa", "Cc cc"))
    data = training_data(Catalog(rows), FakeStore(), FakeStore.spec, labels)  # type: ignore[arg-type]
    assert data.besides == ((0,), (1,), ())  # of a, b and c
    shares = data.subset(np.array([1, 0])).shares(np.array([0, 1, 0]), also=0.2)
    np.testing.assert_allclose(shares, [[0.8, 0.2, 0], [0.2, 0.8, 0], [0.8, 0.2, 0]], rtol=1e-6)
    two = replace(data, besides=((0, 2), (), ()))
    np.testing.assert_allclose(two.shares(np.array([0]), also=0.3), [[0.15, 0.7, 0.15]], rtol=1e-6)
    assert two.shares(np.array([0])).tolist() == [[0, 1, 0]]
    turn = two.subset(np.flatnonzero(two.targets != 2)).without_unlearned()
    assert all(c in set(turn.targets.tolist()) for row in turn.besides for c in row)
    assert joined().besides == ()


def test_names_of_another_checklist_are_found() -> None:
    rows = (Recording("a", Path("none"), "Aa aa", background=("Accipiter cooperii",)),)
    labels = LabelSet(("Aa aa", "Astur cooperii"))
    data = training_data(Catalog(rows), FakeStore(), FakeStore.spec, labels)  # type: ignore[arg-type]
    assert data.besides == ((1,),)


def test_a_foreign_store_and_an_empty_join_are_refused() -> None:
    with pytest.raises(StoreError, match="other settings"):
        joined(replace(FakeStore.spec, n_fft=1024))
    with pytest.raises(StoreError, match="none of the catalog's 6 recordings"):
        training_data(catalog(), FakeStore(), FakeStore.spec, LabelSet(("Dd dd",)))  # type: ignore[arg-type]
