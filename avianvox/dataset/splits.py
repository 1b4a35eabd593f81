"""Splits: which recordings are trained on and which are tested on.

Start at `make_split`; `GROUPINGS` says what each way of drawing keeps together. A split holds positions in
the sequence of recordings it was made from, and is kept in a file by recording id. `report_split` says what
a split leaves unevaluable and how much of its tests it has, in a sense, heard before.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.documents import Kind, write_json
from avianvox.errors import CatalogError, InputError, require_extra
from avianvox.randomness import hash_name
from avianvox.registry import nearest
from avianvox.types import Recording

GROUPINGS = {
    "random": "stratified folds of whole files; training and test may share sessions",
    "session": "stratified folds that keep recordist, date and site together",
    "recordist": "stratified folds that keep a recordist together",
    "site": "stratified folds that keep a site together",
    "published": "independent stratified draws of two thirds and one third, as in the published experiment",
}


def _own_group(recording: Recording) -> str:
    """As `Recording.session` says of a recording about which nothing is known."""
    return f"recording {recording.file_id}"


GROUP_OF: dict[str, Callable[[Recording], str]] = {
    "session": lambda r: r.session,
    "recordist": lambda r: r.recordist or _own_group(r),
    "site": lambda r: r.site or _own_group(r),
}
"""What keeps recordings together in the folds of a grouping; the other groupings keep nothing together."""
_TEST_SHARE = 1 / 3
_FILE = Kind(
    what="split",
    name="avianvox split",
    version=1,
    error=CatalogError,
    otherwise="write one with: avianvox data split CATALOG --out FILE",
    outdated="draw it again with: avianvox data split",
)


@dataclass(frozen=True)
class Fold:
    """Positions of training and test recordings, each of shape (n,), int64, ascending."""

    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class Split:
    """Folds and how they were drawn.

    ``unevaluable``: labels that some fold leaves without training or without test recordings.
    """

    folds: tuple[Fold, ...]
    grouping: str
    seed: int
    unevaluable: tuple[str, ...] = ()

    def save(self, path: Path | str, recordings: Sequence[Recording]) -> None:
        """Write the split as JSON, with the ids of ``recordings`` in place of positions."""
        ids = [r.id for r in recordings]
        document = {
            **_FILE.head,
            "grouping": self.grouping,
            "seed": self.seed,
            "unevaluable": list(self.unevaluable),
            "folds": [
                {"train": [ids[i] for i in fold.train], "test": [ids[i] for i in fold.test]}
                for fold in self.folds
            ],
        }
        write_json(Path(path), document)

    @classmethod
    def load(cls, path: Path | str, recordings: Sequence[Recording]) -> "Split":
        """Read a split for ``recordings``, whose order may differ from that of the saving.

        Raises
        ------
        CatalogError
            The file is not a split, or names a recording that is not among ``recordings``.
        """
        document = read_document(Path(path))
        position = {r.id: i for i, r in enumerate(recordings)}

        def positions(ids: list[str]) -> np.ndarray:
            unknown = [name for name in ids if name not in position]
            if unknown:
                raise CatalogError(
                    f"{path}: recording '{unknown[0]}' (and {len(unknown) - 1} more) is not in the catalog; "
                    "draw a new split or use the catalog it was drawn from"
                )
            return np.array(sorted(position[name] for name in ids), dtype=np.int64)

        folds = tuple(Fold(positions(fold["train"]), positions(fold["test"])) for fold in document["folds"])
        return cls(folds, document["grouping"], document["seed"], tuple(document["unevaluable"]))


@dataclass(frozen=True)
class SplitReport:
    """What to say beside a split's figures. Shares are over all test recordings of all folds, in [0, 1].

    Attributes
    ----------
    sizes : tuple of (int, int)
        Training and test recordings of each fold.
    untrained, untested : tuple of str
        Labels that some fold leaves without training, or without test recordings.
    shared_session : float
        Share of test recordings whose session stands in the fold's training part too.
    shared_recordist : float
        Share whose recordist has a training recording of the same species.
    alone : int
        Recordings about which the grouping's key is not known: each is a group of its own.
    """

    sizes: tuple[tuple[int, int], ...]
    untrained: tuple[str, ...]
    untested: tuple[str, ...]
    shared_session: float
    shared_recordist: float
    alone: int = 0

    def caveat(self, grouping: str) -> str:
        """What to say where the grouping's key is not known of every recording; "" where it is."""
        if not self.alone:
            return ""
        key = "no recordist, date or site" if grouping == "session" else f"no {grouping}"
        return (
            f"{self.alone} of {sum(self.sizes[0])} recordings have {key}: each is a group of its own, "
            f"so {grouping} folds may be as optimistic as random ones"
        )


def make_split(
    recordings: Sequence[Recording], *, grouping: str = "session", n_folds: int = 3, seed: int = 0
) -> Split:
    """Draw stratified folds. Recordings without a label stand in no fold.

    The draw depends on the ids, labels and groups, not on the order of ``recordings``. A class with too few
    recordings for every fold is reported as unevaluable.

    Parameters
    ----------
    recordings : sequence of Recording
    grouping : str
        A key of `GROUPINGS`.
    n_folds : int, at least 2
    seed : int

    Raises
    ------
    InputError
        The grouping is unknown, or there are fewer groups or recordings of any class than folds.
    MissingExtraError
        scikit-learn is not installed.
    """
    if grouping not in GROUPINGS:
        known = list(GROUPINGS)
        raise InputError(
            f"unknown grouping '{grouping}'{nearest(grouping, known)} (known: {', '.join(known)})"
        )
    if n_folds < 2:
        raise InputError(f"make_split: expected at least 2 folds, got {n_folds}")
    labelled = [i for i, r in enumerate(recordings) if r.label]
    order = np.array(sorted(labelled, key=lambda i: recordings[i].id), dtype=np.int64)
    labels = np.array([recordings[i].label for i in order])
    state = hash_name(seed, "split", grouping) % 2**32
    parts = any(recordings[i].span for i in order)
    if grouping == "published":
        if parts:
            raise InputError(
                "the published draws part whole recordings, and some of these are parts of one file; ask for "
                "random or session folds, which keep a file's parts together"
            )
        drawn = _shuffled(labels, n_folds, state)
    else:
        group_of = GROUP_OF.get(grouping) or (_own_group if parts else None)
        groups = np.array([group_of(recordings[i]) for i in order]) if group_of else None
        drawn = _folds(labels, groups, n_folds, state, grouping)
    folds = tuple(Fold(np.sort(order[train]), np.sort(order[test])) for train, test in drawn)
    return _with_unevaluable(folds, grouping, seed, recordings)


def source_split(recordings: Sequence[Recording], parts: Mapping[str, str]) -> Split:
    """The one fold that a source defines: ``parts`` maps recording ids to "train" or "test"."""
    sides = {
        side: np.array([i for i, r in enumerate(recordings) if parts.get(r.id) == side], dtype=np.int64)
        for side in ("train", "test")
    }
    if not all(len(side) for side in sides.values()):
        raise InputError("the catalog's source defines no split; draw one with another grouping")
    return _with_unevaluable((Fold(**sides),), "source", 0, recordings)


def report_split(split: Split, recordings: Sequence[Recording]) -> SplitReport:
    """Count what a split leaves unevaluable and what its test recordings share with training."""
    untrained, untested = _absences(split.folds, recordings)
    sessions = _shared(split, [r.session for r in recordings])
    recordists = _shared(split, [(r.recordist or _own_group(r), r.label) for r in recordings])
    sizes = tuple((len(fold.train), len(fold.test)) for fold in split.folds)
    group_of = GROUP_OF.get(split.grouping)
    alone = sum(group_of(r) == _own_group(r) for r in recordings) if group_of else 0
    return SplitReport(sizes, untrained, untested, sessions, recordists, alone)


def _folds(
    labels: np.ndarray, groups: np.ndarray | None, n_folds: int, state: int, grouping: str
) -> list[tuple[np.ndarray, np.ndarray]]:
    require_extra("sklearn", extra="train", purpose="drawing a split")
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    largest = int(np.unique(labels, return_counts=True)[1].max(initial=0))
    n_groups = largest if groups is None else min(largest, len(np.unique(groups)))
    if groups is not None and n_groups == 1 < largest:
        raise InputError(
            f"cannot draw folds by {grouping}: all recordings stand in one group; ask for random folds "
            f"alone, or add recordings of another {grouping}"
            if grouping != "random"
            else "cannot draw folds: all are parts of one file; annotate other files too"
        )
    if n_groups < n_folds:
        ending = "" if n_groups == 1 else "s"
        what = f"recording{ending} of any class" if largest < n_folds else f"group{ending} by {grouping}"
        raise InputError(f"cannot draw {n_folds} folds out of only {n_groups} {what}; ask for fewer folds")
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    folds = kind(n_splits=n_folds, shuffle=True, random_state=state)
    with warnings.catch_warnings():  # a class smaller than the folds is reported as unevaluable
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        return list(folds.split(labels, labels, groups))


def _shuffled(labels: np.ndarray, n_folds: int, state: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Stratified draws; a class of fewer than three recordings has no third and stays in training."""
    require_extra("sklearn", extra="train", purpose="drawing a split")
    from sklearn.model_selection import StratifiedShuffleSplit

    names, counts = np.unique(labels, return_counts=True)
    drawable = np.isin(labels, names[counts >= 3])
    if not drawable.any():
        raise InputError("cannot draw a test part of one third: no class has three recordings")
    among, always = np.flatnonzero(drawable), np.flatnonzero(~drawable)
    draws = StratifiedShuffleSplit(n_splits=n_folds, test_size=_TEST_SHARE, random_state=state)
    return [
        (np.concatenate((among[train], always)), among[test])
        for train, test in draws.split(among, labels[among])
    ]


def _with_unevaluable(
    folds: tuple[Fold, ...], grouping: str, seed: int, recordings: Sequence[Recording]
) -> Split:
    untrained, untested = _absences(folds, recordings)
    return Split(folds, grouping, seed, tuple(sorted({*untrained, *untested})))


def _absences(
    folds: Sequence[Fold], recordings: Sequence[Recording]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Labels absent from some fold's training part, and from some fold's test part."""
    all_labels = {r.label for r in recordings if r.label}
    untrained: set[str] = set()
    untested: set[str] = set()
    for fold in folds:
        untrained |= all_labels - {recordings[i].label for i in fold.train}
        untested |= all_labels - {recordings[i].label for i in fold.test}
    return tuple(sorted(untrained)), tuple(sorted(untested))


def _shared(split: Split, keys: Sequence[object]) -> float:
    """Share of test recordings whose key some training recording of the same fold has."""
    shared = tested = 0
    for fold in split.folds:
        trained = {keys[i] for i in fold.train}
        shared += sum(keys[i] in trained for i in fold.test)
        tested += len(fold.test)
    return shared / tested if tested else 0.0


def read_document(path: Path) -> dict[str, Any]:
    """What a split's file holds, with recording ids in its folds. Raises `CatalogError` where it is none."""
    document = {"grouping": "", "seed": 0, "unevaluable": [], **_FILE.read(path)}
    folds = document.get("folds")
    if not isinstance(folds, list) or not folds:
        raise CatalogError(f"{path}: expected a list of folds under 'folds', got {folds!r:.60}")
    for number, fold in enumerate(folds, start=1):
        for part in ("train", "test"):
            ids = fold.get(part) if isinstance(fold, dict) else None
            if not isinstance(ids, list) or not ids or not all(isinstance(name, str) for name in ids):
                raise CatalogError(
                    f"{path}: expected ids of recordings under '{part}' of fold {number}, got {ids!r:.60}"
                )
    kinds = {"grouping": str, "seed": int, "unevaluable": list}
    for name, kind in kinds.items():
        if not isinstance(document[name], kind):
            raise CatalogError(f"{path}: expected {kind.__name__} under '{name}', got {document[name]!r:.60}")
    return document
