"""What a model is fitted on and what it answers: recordings of a store with their classes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np

from avianvox.config import differences
from avianvox.dataset.catalog import TO_LABEL, Catalog
from avianvox.dataset.synonyms import species_key
from avianvox.errors import StoreError, UnknownNameError
from avianvox.features.kinds import Spec
from avianvox.features.spec import WINDOW_FIELDS, FeatureSpec
from avianvox.types import LabelSet

if TYPE_CHECKING:
    from avianvox.features.store import FeatureStore


@dataclass(frozen=True)
class TrainingData:
    """Recordings of a store and their classes.

    Attributes
    ----------
    store : FeatureStore
    spec : FeatureSpec
        The model's window and how it combines mel and MFCC; of embeddings, what made them.
    recordings : np.ndarray, shape (n,), int64
        Positions in the store.
    targets : np.ndarray, shape (n,), int64 in [0, n_classes)
    n_classes : int
    left_out : tuple of str
        One line for each recording of the catalog that cannot be used, with the reason.
    names : tuple of str
        Of the classes, in the order of ``targets``; empty where they are not known.
    ears : mapping of str to FeatureStore
        Embeddings of the recordings by models of these names, where something learns from them.
    besides : tuple of tuple of int
        For each recording, the other classes that are heard in its background; empty where nothing is known.
    values : mapping of str to tuple
        For each recording, what the catalog says in the columns of these names that tasks read.
    sessions : tuple of str
        Of each recording, see `avianvox.types.Recording.session`; empty where nothing is known.
    unlabelled : tuple of (str, str)
        Id and session of each usable recording that has no label. Where some recordings are chosen, those of
        the sessions of others are left out: whoever is judged by these shall not have heard their sessions.
    aside : frozenset of str
        Ids of recordings that belong to the training part too, though this fit does without them.
    """

    store: "FeatureStore"
    spec: FeatureSpec
    recordings: np.ndarray
    targets: np.ndarray
    n_classes: int
    left_out: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    ears: "Mapping[str, FeatureStore]" = field(default_factory=dict)
    besides: tuple[tuple[int, ...], ...] = ()
    values: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    sessions: tuple[str, ...] = ()
    unlabelled: tuple[tuple[str, str], ...] = ()
    aside: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.recordings)

    @property
    def ids(self) -> list[str]:
        """Recording ids, in the order of ``recordings``."""
        return [str(self.store.ids[i]) for i in self.recordings.tolist()]

    @property
    def values_hash(self) -> str:
        """Of what the catalog says in the columns that tasks read."""
        return sha256(repr(sorted(self.values.items())).encode()).hexdigest()

    @property
    def counts(self) -> np.ndarray:
        """Recordings of each class, shape (n_classes,), int64."""
        return np.bincount(self.targets, minlength=self.n_classes)

    def with_store(self, store: "FeatureStore") -> Self:
        """The same recordings with the rows of another store.

        Raises
        ------
        UnknownNameError
            The store lacks one of them.
        StoreError
            It has no rows of one of them.
        """
        positions = store.indices_of(self.ids)
        without = np.flatnonzero(store.n_frames[positions] == 0)
        if len(without):
            raise StoreError(
                f"the store in {store.path} has no features of {self.ids[without[0]]}; build it again"
            )
        return replace(self, store=store, recordings=positions)

    def subset(self, positions: np.ndarray) -> Self:
        """The recordings at ``positions`` of ``recordings``, in that order."""
        kept = np.asarray(positions).tolist()
        others = {self.sessions[i] for i in set(range(len(self.sessions))) - set(kept)}
        return replace(
            self,
            recordings=self.recordings[positions],
            targets=self.targets[positions],
            besides=tuple(self.besides[i] for i in kept) if self.besides else (),
            values={column: tuple(of_all[i] for i in kept) for column, of_all in self.values.items()},
            sessions=tuple(self.sessions[i] for i in kept) if self.sessions else (),
            unlabelled=tuple(entry for entry in self.unlabelled if entry[1] not in others),
        )

    def part(self, positions: np.ndarray) -> Self:
        """Like `subset`, for one of several fits of all of these recordings."""
        found = self.subset(positions)
        return replace(found, aside=self.aside | (set(self.ids) - set(found.ids)))

    def without_unlearned(self) -> Self:
        """The same, in whose backgrounds stand no classes but those of its labels."""
        learned = set(np.unique(self.targets).tolist())
        return replace(self, besides=tuple(tuple(c for c in row if c in learned) for row in self.besides))

    def shares(self, positions: np.ndarray, *, also: float = 0.0) -> np.ndarray:
        """Shares in the classes of the recordings at ``positions``: shape (n, n_classes), float32.

        Background species have ``also`` together, where there are any; the rest is that of the label.
        """
        found: np.ndarray = np.eye(self.n_classes, dtype=np.float32)[self.targets[positions]]
        if also and self.besides:
            for row, position in enumerate(positions.tolist()):
                if others := self.besides[position]:
                    found[row] *= 1 - also
                    found[row, list(others)] = also / len(others)
        return found


@dataclass(frozen=True)
class WindowScores:
    """A model's answers for the windows of some `TrainingData`.

    Attributes
    ----------
    scores : np.ndarray, shape (n_windows, n_classes), float32
    positions : np.ndarray, shape (n_windows,), int64
        Position within ``data.recordings`` of the recording that each window belongs to.
    pooling : str
        How windows become a recording, a row of `avianvox.inference.pooling.POOLINGS`. What a window counts
        there is its highest score.
    tasks : mapping of str to np.ndarray, shape (n_windows, n_outputs), float32
        What it says to the tasks of these names, past their activations.
    """

    scores: np.ndarray
    positions: np.ndarray
    pooling: str = "mean"
    tasks: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Clues:
    """What a network says of the windows of some `TrainingData` besides its scores.

    Attributes
    ----------
    energy : np.ndarray, shape (n_windows,), float32
        Logarithm of the sum of the exponentials of the logits.
    embedding : np.ndarray, shape (n_windows, n_embedding), float32
        What the layers before those of the classes make of a window.
    positions : np.ndarray, shape (n_windows,), int64
        As in `WindowScores`.
    """

    energy: np.ndarray
    embedding: np.ndarray
    positions: np.ndarray


def training_data(catalog: Catalog, store: "FeatureStore", spec: Spec, labels: LabelSet) -> TrainingData:
    """Join a catalog with its features.

    Recordings without a label of ``labels`` or without usable features are left out and listed in
    ``left_out``.

    Raises
    ------
    StoreError
        The store was extracted under other settings than ``spec``, or none of the recordings is usable.
    """
    if store.spec.extraction_fingerprint != spec.extraction_fingerprint:
        found = [
            f"{key} {was} instead of {asked}"
            for key, (was, asked) in differences(store.spec.to_mapping(), spec.to_mapping()).items()
            if key not in WINDOW_FIELDS
        ]
        raise StoreError(
            f"the store's features were extracted under other settings than asked for ({', '.join(found)}); "
            "build a store with the same spec"
        )
    usable: list[tuple[int, int]] = []
    sessions: list[str] = []
    unlabelled: list[tuple[str, str]] = []
    besides: list[tuple[int, ...]] = []
    by_species = {species_key(name): position for name, position in labels.index.items()}
    left_out: list[str] = []
    for recording in catalog.recordings:
        if recording.label not in labels.index:
            reason = f"label '{recording.label}' is not among the classes" if recording.label else "no label"
            if not recording.label and _is_usable(store, recording.id):
                unlabelled.append((recording.id, recording.session))
            left_out.append(f"{recording.id}: {reason}")
            continue
        try:
            position = store.index_of(recording.id)
        except UnknownNameError:
            left_out.append(f"{recording.id}: not in the feature store")
            continue
        status = store.status(position)
        if status.usable and store.n_frames[position] > 0:
            usable.append((position, labels.index[recording.label]))
            sessions.append(recording.session)
            keys = {species_key(name) for name in recording.background} - {species_key(recording.label)}
            besides.append(tuple(sorted(by_species[key] for key in keys if key in by_species)))
        else:
            left_out.append(f"{recording.id}: no features (status {status.value})")
    if not any(recording.label for recording in catalog.recordings):
        raise StoreError(f"none of {len(catalog)} recordings has a label; {TO_LABEL}")
    if not usable:
        raise StoreError(f"none of the catalog's {len(catalog)} recordings is usable; first: {left_out[0]}")
    pairs = np.array(usable, dtype=np.int64)
    return TrainingData(
        store,
        cast("FeatureSpec", spec),
        pairs[:, 0].copy(),
        pairs[:, 1].copy(),
        len(labels),
        tuple(left_out),
        labels.names,
        besides=tuple(besides) if any(besides) else (),
        sessions=tuple(sessions),
        unlabelled=tuple(unlabelled),
    )


def _is_usable(store: "FeatureStore", recording_id: str) -> bool:
    if recording_id not in store:
        return False
    position = store.index_of(recording_id)
    return store.status(position).usable and bool(store.n_frames[position] > 0)
