"""Catalogs: which recordings there are, what is known about them, and what is wrong with them.

Start at `read_catalog`; the sources it knows are in `avianvox.dataset.sources`. A catalog lists every
row of its source, also those with a problem: a recording whose file is missing still counts in an audit
of the index. Only the second row of a duplicate id is left out, and it is listed.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from pathlib import Path

from avianvox.errors import CatalogError
from avianvox.files import sha256_file
from avianvox.types import LabelSet, Recording

MISSING_FILE = "missing file"
ZERO_DURATION = "zero duration"
UNKNOWN_LABEL = "unknown label"
DUPLICATE_ID = "duplicate id"
DUPLICATE_AUDIO = "duplicate audio"
SOURCE_PROBLEM = "inconsistent source"


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
    """

    recordings: tuple[Recording, ...]
    problems: tuple[Problem, ...] = ()
    source: str = ""
    split: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_rows(
        cls,
        rows: Iterable[Recording],
        *,
        source: str,
        problems: Iterable[Problem] = (),
        split: Mapping[str, str] | None = None,
    ) -> "Catalog":
        """Keep the first row of each id and list what is wrong: files, durations, labels and ids."""
        unique, repeated = _first_of_each_id(rows)
        unique = [replace(r, source=source) for r in unique]
        found = [*problems, *repeated, *(p for r in unique for p in recording_problems(r))]
        return cls(tuple(unique), tuple(found), source, split or {})

    @cached_property
    def labels(self) -> LabelSet:
        """All labels in alphabetical order."""
        return LabelSet.from_recordings(self.recordings)

    def __len__(self) -> int:
        return len(self.recordings)

    def subset(self, indices: Iterable[int]) -> "Catalog":
        """The recordings at ``indices``, in that order, with their own problems."""
        chosen = tuple(self.recordings[i] for i in indices)
        ids = {r.id for r in chosen}
        problems = tuple(p for p in self.problems if p.recording_id in ids)
        return Catalog(chosen, problems, self.source, {k: v for k, v in self.split.items() if k in ids})

    def merged(self, other: "Catalog") -> "Catalog":
        """Both catalogs in one; an id that stands in both is kept from the first and listed."""
        recordings, repeated = _first_of_each_id((*self.recordings, *other.recordings))
        names = dict.fromkeys(name for name in (self.source, other.source) if name)
        return Catalog(
            tuple(recordings),
            (*self.problems, *other.problems, *repeated),
            "+".join(names),
            {**other.split, **self.split},
        )


def read_catalog(path: Path | str, *, source: str | None = None) -> Catalog:
    """Read a catalog from a folder or an index file.

    Parameters
    ----------
    path : path-like
        A folder, a CSV file or a xeno-canto API answer.
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
    if not path.exists():
        raise CatalogError(f"no catalog at {path}: there is no such file or folder")
    try:
        if source is not None:
            catalog = SOURCES.get(source)().read(path)
        else:
            readers = (SOURCES.get(name)() for name in SOURCES)
            reader = next((r for r in readers if r.recognises(path)), None)
            if reader is None:
                raise CatalogError(
                    f"{path} is not a catalog: expected recordings.csv, metadata.csv, a xeno-canto answer "
                    "(recordings.json), one folder per class, or a folder called 'background' or 'no bird'"
                )
            catalog = reader.read(path)
    except OSError as error:
        raise CatalogError(f"cannot read the catalog {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise CatalogError(f"cannot read the catalog {path}: its index is not UTF-8 text") from error
    if not catalog.recordings:
        raise CatalogError(f"the catalog {path} lists no recordings")
    return catalog


def read_catalogs(paths: Iterable[Path | str]) -> Catalog:
    """Read several catalogs and merge them. Raises as `read_catalog` does."""
    return reduce(Catalog.merged, map(read_catalog, paths))


def recording_problems(recording: Recording) -> list[Problem]:
    """What is wrong with one row: no file, a duration of zero, no label."""
    checks = (
        (not recording.path.is_file(), MISSING_FILE, f"no sound file at {recording.path}"),
        (
            recording.duration_s is not None and recording.duration_s <= 0,
            ZERO_DURATION,
            f"the source gives a duration of {recording.duration_s} s",
        ),
        (not recording.label, UNKNOWN_LABEL, "the source names no species"),
    )
    return [
        Problem(kind, recording.id, str(recording.path), f"{recording.id}: {text}")
        for wrong, kind, text in checks
        if wrong
    ]


def duplicate_audio(recordings: Sequence[Recording]) -> list[Problem]:
    """Recordings whose files hold the same bytes. Reads the files that agree in size."""
    by_size: dict[int, list[Recording]] = defaultdict(list)
    for recording in recordings:
        if recording.path.is_file():
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
            message = f"{row.id}: listed twice; kept {kept.path} and left out {row.path}"
            problems.append(Problem(DUPLICATE_ID, row.id, str(row.path), message))
    return list(first.values()), problems
