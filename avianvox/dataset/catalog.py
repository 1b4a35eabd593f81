"""Catalogs: which recordings there are, what is known about them, and what is wrong with them.

Start at `read_catalog`; the sources it knows are in `avianvox.dataset.sources`. A catalog lists every
row of its source, also those with a problem: a recording whose file is missing still counts in an audit
of the index. Only the second row of a duplicate id is left out, and it is listed. Where catalogs are merged,
another recording with an id that is taken gets a new one.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import overload

from avianvox.dataset.label_remarks import label_remarks
from avianvox.errors import CatalogError, InputError
from avianvox.files import sha256_file
from avianvox.types import LabelSet, Recording
from avianvox.words import composed

MISSING_FILE = "missing file"
EMPTY_FILE = "empty file"
ZERO_DURATION = "zero duration"
UNKNOWN_LABEL = "unknown label"
DUPLICATE_ID = "duplicate id"
RENAMED = "renamed"
DUPLICATE_AUDIO = "duplicate audio"
UNREAD_TIME = "unread date"
SOURCE_PROBLEM = "inconsistent source"
LABEL_REMARK = "doubtful label"
EMPTY_CLASS = "empty class"
TO_LABEL = "put those of each species in a folder of its name, or fill in the column label"
"""What to do where no recording has a label."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a catalog. ``recording_id`` is "" where it concerns the source itself."""

    kind: str
    recording_id: str
    path: str
    message: str


@dataclass(frozen=True)
class Catalog:
    """Recordings and their problems.

    Attributes
    ----------
    recordings : tuple of Recording
        In the source's order; ids are unique.
    problems : tuple of Problem
    source : str
        Name of the source in `avianvox.dataset.sources.SOURCES`.
    split : mapping of str to str
        Recording id to "train" or "test", where the source defines a split.
    paths : tuple of str
        What it was read from; empty where it is a part of that, or was made of recordings.
    """

    recordings: tuple[Recording, ...]
    problems: tuple[Problem, ...] = ()
    source: str = ""
    split: Mapping[str, str] = field(default_factory=dict)
    paths: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def from_rows(
        cls,
        rows: Iterable[Recording],
        *,
        source: str,
        problems: Iterable[Problem] = (),
        split: Mapping[str, str] | None = None,
    ) -> "Catalog":
        """Keep the first row of each id and list what is wrong: files, durations, labels and ids.

        Names in two forms of Unicode are one name.
        """
        unique, repeated = _first_of_each_id(rows)
        unique = [replace(_composed(r), source=source) for r in unique]
        found = [*problems, *repeated, *(p for r in unique for p in recording_problems(r))]
        found += _label_problems(unique)
        return cls(tuple(unique), tuple(found), source, split or {})

    def __repr__(self) -> str:
        return f"<catalog of {len(self)} recordings of {len(self.labels)} classes, source '{self.source}'>"

    @cached_property
    def labels(self) -> LabelSet:
        """All labels in alphabetical order."""
        return LabelSet.from_recordings(self.recordings)

    @property
    def targets(self) -> tuple[str, ...]:
        """The label of each recording."""
        return tuple(recording.label for recording in self.recordings)

    @property
    def sessions(self) -> tuple[str, ...]:
        """The session of each recording: what must not be parted by folds."""
        return tuple(recording.session for recording in self.recordings)

    def __len__(self) -> int:
        return len(self.recordings)

    def __iter__(self) -> Iterator[Recording]:
        return iter(self.recordings)

    @overload
    def __getitem__(self, position: int) -> Recording: ...

    @overload
    def __getitem__(self, position: slice) -> "Catalog": ...

    def __getitem__(self, position: int | slice) -> "Recording | Catalog":
        """A recording, or the catalog of several."""
        if isinstance(position, slice):
            return self.subset(range(*position.indices(len(self))))
        return self.recordings[position]

    def subset(self, indices: Iterable[int]) -> "Catalog":
        """The recordings at ``indices``, in that order, with their own problems."""
        chosen = tuple(self.recordings[i] for i in indices)
        ids = {r.id for r in chosen}
        problems = tuple(p for p in self.problems if p.recording_id in ids)
        return Catalog(chosen, problems, self.source, {k: v for k, v in self.split.items() if k in ids})

    def merged(self, other: "Catalog", *, name: str = "") -> "Catalog":
        """Both catalogs in one.

        Where an id stands in both, the second recording is left out if its file holds the same bytes as the
        first one's, and is called ``name/id`` if not. Each of them is listed. Parts of two files are told
        apart by the ids of the files, see `Recording.file_id`.

        Raises
        ------
        CatalogError
            ``name/id`` is the id of a third recording.
        """
        there = {r.id: r for r in self.recordings}
        file_of = {r.file_id: r for r in reversed(self.recordings)}
        taken = {**{r.id: r for r in other.recordings}, **there}
        added: list[Recording] = []
        found: list[Problem] = []
        new_id: dict[str, str] = {}
        new_source: dict[str, str] = {}
        for row in other.recordings:
            kept = there.get(row.id) or file_of.get(row.file_id)
            if kept is None or (row.id not in there and _same_sound(kept.path, row.path)):
                added.append(row)
                continue
            renamed = replace(row, id=f"{name}/{row.id}")
            third = taken.get(renamed.id)
            same = [r for r in (kept, third) if r is not None and _same_sound(r.path, row.path)]
            if same:
                found.append(_listed_twice(same[0], row))
            elif third is not None:
                raise CatalogError(
                    f"the id '{row.id}' of {row.path} is also that of {kept.path}, "
                    f"and '{renamed.id}' that of {third.path}; rename the catalog's folder"
                )
            else:
                message = f"{row.id}: also the id of {kept.path}; {row.path} is now called {renamed.id}"
                found.append(Problem(RENAMED, renamed.id, str(row.path), message))
                new_id[row.id] = renamed.id
                new_source |= {row.id: renamed.id, row.file_id: renamed.file_id}
                added.append(renamed)
        if new_source:
            added = [
                replace(r, made_of=tuple(new_source.get(name, name) for name in r.made_of)) for r in added
            ]
        theirs = (replace(p, recording_id=new_id.get(p.recording_id, p.recording_id)) for p in other.problems)
        known = (p for p in (*self.problems, *theirs) if p.kind != LABEL_REMARK)
        names = dict.fromkeys(name for name in (self.source, other.source) if name)
        return Catalog(
            (*self.recordings, *added),
            (*known, *found, *_label_problems((*self.recordings, *added))),
            "+".join(names),
            {**{new_id.get(k, k): part for k, part in other.split.items()}, **self.split},
        )

    def problem_lines(self) -> list[str]:
        """One line for each problem that costs a recording or a label, one for all new ids, and one for all
        dates and times that could not be read.

        What the others cost comes out later: a missing file fails, a recording without a label is left out.
        """
        told = (DUPLICATE_ID, SOURCE_PROBLEM, LABEL_REMARK, EMPTY_CLASS)
        lines = [f"{p.kind}: {p.message}" for p in self.problems if p.kind in told]
        for kind in (RENAMED, UNREAD_TIME):
            found = [p.message for p in self.problems if p.kind == kind]
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            lines += [f"{kind}: {message}{more}" for message in found[:1]]
        return lines


def read_catalog(path: Path | str, *, source: str | None = None) -> Catalog:
    """Read a catalog from a folder or an index file.

    Parameters
    ----------
    path : path-like
        A folder, a CSV file, a xeno-canto API answer or a table of annotations.
    source : str, optional
        A name in `avianvox.dataset.sources.SOURCES`; by default the first one that recognises ``path``.

    Raises
    ------
    CatalogError
        Nothing is there, nothing recognises it, or the index cannot be read.
    UnknownNameError
        ``source`` is not a known source.
    """
    from avianvox.dataset.sources import SOURCES

    path = Path(path)
    if not os.path.exists(path):
        raise CatalogError(f"no catalog at {path}: no such file or folder exists, or it cannot be read")
    try:
        if source is not None:
            catalog = SOURCES.get(source)().read(path)
        else:
            names = sorted(SOURCES, key=lambda name: name == "folders")  # any folder with folders is one
            readers = (SOURCES.get(name)() for name in names)
            reader = next((r for r in readers if r.recognises(path)), None)
            if reader is None:
                raise CatalogError(
                    f"{path} is not a catalog: expected recordings.csv, metadata.csv, a xeno-canto answer "
                    "(recordings.json), tables of annotations, one folder per class, or a folder of sounds"
                )
            catalog = reader.read(path)
    except OSError as error:
        raise CatalogError(f"cannot read the catalog {path}: {error.strerror or error}") from error
    if not catalog.recordings:
        raise CatalogError(f"the catalog {path} lists no recordings")
    return catalog


def read_catalogs(paths: Iterable[str | os.PathLike[str]]) -> Catalog:
    """Read one or several catalogs and merge them.

    A recording whose id stands in an earlier catalog already is called ``folder/id``, after its catalog's
    folder, see `Catalog.merged`. Tables of verdicts behind the first catalog speak of recordings of the other
    catalogs: parts have their ids, recordists, dates and sites, and so belong to their sessions. Raises as
    `read_catalog` and `Catalog.merged` do.
    """
    first, *others = places = tuple(map(Path, paths))
    merged = read_catalog(first)
    verdicts = [path for path in others if _holds_verdicts(path)]
    for path in others:
        if path not in verdicts:
            folder = path if path.is_dir() else path.parent
            merged = merged.merged(read_catalog(path), name=folder.resolve().name)
    if verdicts:
        said = _read_verdicts(verdicts, merged)
        labelled, rest = _labelled(merged, said)
        merged = labelled.merged(rest, name="verdicts")
    return replace(merged, paths=tuple(map(str, places)))


def _holds_verdicts(path: Path) -> bool:
    from avianvox.tables.formats import format_of

    try:
        return path.is_file() and format_of(path) == "verdicts"
    except InputError:
        return False  # whoever reads it says what is wrong


def _read_verdicts(tables: Sequence[Path], known: Catalog) -> Catalog:
    from avianvox.dataset.sources.annotations import read_verdicts

    try:
        return read_verdicts(tables, known)
    except InputError as error:
        raise CatalogError(str(error)) from error


def _labelled(catalog: Catalog, said: Catalog) -> tuple[Catalog, Catalog]:
    """Both without what ``said`` says of whole recordings that have no label: that is their label now."""
    unknown = {r.id for r in catalog.recordings if not r.label}
    told = {r.id: r for r in said.recordings if r.span is None and r.id in unknown}
    rows = tuple(
        replace(r, label=told[r.id].label, background=told[r.id].background) if r.id in told else r
        for r in catalog.recordings
    )
    left = tuple(p for p in catalog.problems if p.kind != UNKNOWN_LABEL or p.recording_id not in told)
    rest = tuple(r for r in said.recordings if r.id not in told)
    return replace(catalog, recordings=rows, problems=left), replace(said, recordings=rest)


def recording_problems(recording: Recording) -> list[Problem]:
    """What is wrong with one row: no file or an empty one, a duration of zero, no label."""
    size = os.path.getsize(recording.path) if os.path.isfile(recording.path) else None
    checks = (
        (size is None, MISSING_FILE, f"no sound file at {recording.path}"),
        (size == 0, EMPTY_FILE, "the file is empty (0 bytes)"),
        (
            recording.duration_s is not None and recording.duration_s <= 0,
            ZERO_DURATION,
            f"the source gives a duration of {recording.duration_s} s",
        ),
        (not recording.label and recording.boxes is None, UNKNOWN_LABEL, "the source names no species"),
    )
    return [
        Problem(kind, recording.id, str(recording.path), f"{recording.id}: {text}")
        for wrong, kind, text in checks
        if wrong
    ]


def _label_problems(recordings: Iterable[Recording]) -> list[Problem]:
    counts = Counter(r.label for r in recordings if r.label)
    return [Problem(LABEL_REMARK, "", "", line) for line in label_remarks(counts)]


def _composed(row: Recording) -> Recording:
    """``row`` with its names in one form of Unicode."""
    if "".join((row.label, row.common_name, row.recordist, row.site, *row.background)).isascii():
        return row
    return replace(
        row,
        label=composed(row.label),
        common_name=composed(row.common_name),
        recordist=composed(row.recordist),
        site=composed(row.site),
        background=tuple(map(composed, row.background)),
    )


def duplicate_audio(recordings: Sequence[Recording]) -> list[Problem]:
    """Recordings whose files hold the same bytes. Reads the files that agree in size."""
    by_size: dict[int, list[Recording]] = defaultdict(list)
    files: dict[str, Recording] = {}
    for recording in recordings:
        files.setdefault(recording.file_id, recording)
    for recording in files.values():
        if os.path.isfile(recording.path):
            by_size[recording.path.stat().st_size].append(recording)
    problems = []
    for same_size in by_size.values():
        first: dict[str, Recording] = {}
        for recording in same_size if len(same_size) > 1 else ():
            original = first.setdefault(sha256_file(recording.path), recording)
            if original is not recording:
                message = f"{recording.id}: the same sound as {original.id} ({original.path})"
                problems.append(Problem(DUPLICATE_AUDIO, recording.id, str(recording.path), message))
    return problems


def _first_of_each_id(rows: Iterable[Recording]) -> tuple[list[Recording], list[Problem]]:
    first: dict[str, Recording] = {}
    problems = []
    for row in rows:
        kept = first.setdefault(row.id, row)
        if kept is not row:
            problems.append(_listed_twice(kept, row))
    return list(first.values()), problems


def _listed_twice(kept: Recording, other: Recording) -> Problem:
    message = f"{kept.id}: listed twice; kept {kept.path} and left out {other.path}"
    return Problem(DUPLICATE_ID, kept.id, str(other.path), message)


def _same_sound(one: Path, other: Path) -> bool:
    """Whether both are one file, or two with the same bytes."""
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    if not (os.path.isfile(one) and os.path.isfile(other)) or one.stat().st_size != other.stat().st_size:
        return False
    return sha256_file(one) == sha256_file(other)
