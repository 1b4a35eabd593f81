"""Annotations: Raven's, Audacity's and other tables of spans in sound files; every span is a recording.

A span's id is its file's, ``#``, begin and end. Its label is what the table calls it; species that other
spans of the file have at the same time are its ``background``. What an index beside the sound
(``recordings.json``, ``recordings.csv``) says of the file, or else what the recorder noted, is known of the
span.

Such a catalog is a folder with the file `SETTINGS`, one with tables and without an index, or a table. ::

    [annotations]
    audio = "../recordings"   # folder of the sound files; the tables' own if left out
    tables = "checked"        # a table, or a folder of them; this folder if left out
    no_bird_s = 10.0          # gaps of this length or more between annotations are "no bird"; 0: none are
    spans = "recordings"      # or "boxes": each file is a recording, with its spans as boxes in it
    without_table = "empty"   # of boxes: a file without a table holds none; or "left out"

    [names]
    "houfin" = "Haemorhous mexicanus_House Finch"
    "unknown" = ""            # left out

Tables that a program wrote (``*.avianvox.*``, ``*.BirdNET.*``, CSV of BirdNET and Kaleidoscope) are answers
of a model: in a folder without `SETTINGS` they are passed over.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf
from pathlib import Path

from avianvox.audio.find import find_inputs
from avianvox.audio.locate import recordings_in
from avianvox.dataset.catalog import SOURCE_PROBLEM, Catalog, Problem
from avianvox.dataset.sources import SOURCES, Source
from avianvox.dataset.sources.annotated_files import File, Mark, parts_of
from avianvox.dataset.sources.annotation_names import Names
from avianvox.dataset.sources.boxed import boxed
from avianvox.dataset.sources.noted import noted
from avianvox.errors import CatalogError, ConfigError, InputError
from avianvox.files import open_regular
from avianvox.registry import nearest
from avianvox.tables.formats import TABLE_ENDINGS, format_of, read_table, read_together
from avianvox.tables.recordings import Recordings, recording_of
from avianvox.texts import decode_head
from avianvox.types import Detection, Recording

SETTINGS = "annotations.toml"

_HEADER_BYTES = 1 << 16
_NATIVE = ("csv", "jsonl", "parquet", "table")  # what classify writes; read where a file is named
_ANSWERS = (".avianvox.", ".birdnet.")
_CHOICES = {"spans": ("recordings", "boxes"), "without_table": ("empty", "left out")}
_INDEXES = ("kaggle", "xeno_canto", "csv")


@dataclass(frozen=True, slots=True)
class AnnotationSettings:
    """The table ``[annotations]``; paths are relative to the file that it stands in."""

    audio: str = ""
    tables: str = ""
    no_bird_s: float = 0.0
    spans: str = "recordings"
    without_table: str = "empty"

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            if (value := getattr(self, name)) not in known:
                expected = " or ".join(f'"{one}"' for one in known)
                raise ConfigError(f"{name}: expected {expected}, got {value!r}")
        if self.spans == "boxes" and self.no_bird_s:
            raise ConfigError("no_bird_s: boxes have no gaps; leave it out, or write spans = 'recordings'")
        if not 0 <= self.no_bird_s < inf:
            raise ConfigError(f"no_bird_s: expected seconds, 0 or more, got {self.no_bird_s:g}")


class Annotations:
    """The source ``annotations``."""

    def recognises(self, path: Path) -> bool:
        if not path.is_dir():
            return path.name == SETTINGS or _is_named_table(path)
        if (path / SETTINGS).is_file():
            return True
        return _reader(path) is None and any(_tables(path))

    def read(self, path: Path) -> Catalog:
        return _read_catalog(path)


class NoTables(CatalogError):
    """A folder holds no table of annotations."""


def read_boxes(path: Path | str, *, label: str = "") -> Catalog:
    """The sound files of ``path``, each one recording with the boxes that its tables draw in it.

    As the source ``annotations`` reads it, with ``spans = "boxes"`` whatever `SETTINGS` says. A file without
    a table holds no box, unless they say so. What is wrong with a box is a problem of the catalog.

    Parameters
    ----------
    path : path-like
        A folder of sound files and tables, one with `SETTINGS`, or a table.
    label : str
        Of the boxes that the tables give no name.

    Raises
    ------
    CatalogError
        There are no tables, or one cannot be read.
    """
    catalog = _read_catalog(Path(path), boxes=True)
    if not label:
        return catalog
    named = (_named(recording, label) for recording in catalog.recordings)
    return replace(catalog, recordings=tuple(named))


def _named(recording: Recording, label: str) -> Recording:
    boxes = recording.boxes or ()
    return replace(recording, boxes=tuple(replace(box, label=box.label or label) for box in boxes))


def _read_catalog(path: Path, *, boxes: bool = False) -> Catalog:
    folder = path if path.is_dir() else path.parent
    settings, given = AnnotationSettings(), dict[str, str]()
    if (folder / SETTINGS).is_file() and not _is_named_table(path):
        settings, given = read_settings(folder / SETTINGS)
    place = folder / settings.tables if settings.tables else folder if path.name == SETTINGS else path
    audio = folder / settings.audio
    for where in (place, audio):
        if not where.exists() and where == path:
            raise CatalogError(f"no recordings with boxes at {path}: no such file or folder exists")
        if not where.exists():
            raise CatalogError(f"{folder / SETTINGS} names {where}, but no such file or folder exists")
    answers = (folder / SETTINGS).is_file()
    tables = list(_tables(place, answers=answers)) if place.is_dir() else [place]
    if not tables and settings.spans == "recordings":  # a folder that says "boxes" may have none at all
        raise NoTables(f"{place} holds no table of annotations, such as a Raven selection table")
    known = _index(audio)
    names = Names(given, known.recordings if known else ())
    files = _Files(audio, known)
    try:
        problems = [
            found
            for table in tables
            for found in _read(table, read_table(table, recordings=files.recordings), files, names)
        ]
    except InputError as error:
        raise CatalogError(str(error)) from error
    problems += [Problem(SOURCE_PROBLEM, "", str(place), line) for line in names.doubts()]
    if boxes or settings.spans == "boxes":
        if settings.without_table == "empty":
            for sound in find_inputs([audio]):
                files.get(str(sound))
        rows, wrong = boxed(files.by_path.values())
        problems += [Problem(SOURCE_PROBLEM, "", str(place), f"{place}: {line}") for line in wrong]
    else:
        rows = [part for file in files.by_path.values() for part in parts_of(file, settings.no_bird_s)]
    return Catalog.from_rows(rows, source="annotations", problems=problems)


def read_verdicts(tables: Sequence[Path], known: Catalog) -> Catalog:
    """What reviewers said in one or several tables of verdicts, as parts of the recordings of ``known``.

    What a catalog says of a file is known of its parts: they have its recordist, date and site, and so
    belong to its session.

    Raises
    ------
    InputError
        A table cannot be read.
    """
    files, names = _Files(tables[0].parent, known), Names({}, known.recordings)
    problems = list(_read(tables[0], read_together(tables, "verdicts"), files, names))
    rows = (part for file in files.by_path.values() if file.marks for part in parts_of(file, 0.0))
    return Catalog.from_rows(rows, source="verdicts", problems=problems)


def read_settings(path: Path) -> tuple[AnnotationSettings, dict[str, str]]:
    """What `SETTINGS` says: the table ``[annotations]``, and ``[names]``.

    Raises
    ------
    ConfigError
        It is not TOML, or has an unknown table or key.
    """
    from avianvox.config import parse_toml, settings_from_mapping

    document = parse_toml(path)
    names = document.pop("names", {})
    if not isinstance(names, dict) or not all(isinstance(label, str) for label in names.values()):
        raise ConfigError(f"{path}, [names]: expected a text for each name, got {names!r:.60}")
    values = document.pop("annotations", {})
    for name in document:
        raise ConfigError(f"{path} has no table [{name}]{nearest(name, ['annotations', 'names'])}")
    try:
        return settings_from_mapping(AnnotationSettings, values, table="annotations"), names
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


@dataclass
class _Files:
    """The sound files that tables speak of, in the order in which they are met."""

    audio: Path
    known: Catalog | None
    by_path: dict[str, File] = field(default_factory=dict)
    by_name: dict[str, File] = field(default_factory=dict)

    @cached_property
    def recordings(self) -> Recordings:
        return recordings_in(self.audio, may_be_empty=True)

    @cached_property
    def _rows(self) -> dict[str, Recording]:
        """What is known of each file as a whole, also where a catalog has parts of it alone."""
        rows = self.known.recordings if self.known else ()
        wholes = sorted(rows, key=lambda row: row.begin_s is None)
        return {os.path.realpath(row.path): _whole(row) for row in wholes}

    @cached_property
    def _known_files(self) -> Recordings:
        return Recordings(sorted({str(row.path) for row in self._rows.values()}))

    def get(self, name: str) -> File:
        """The file that a table calls ``name``; it need not be there."""
        if name not in self.by_name:
            self.by_name[name] = self._find(name)
        return self.by_name[name]

    def _find(self, name: str) -> File:
        here = name if os.path.isfile(name) else self.recordings.find(name) or self._known_files.find(name)
        path = Path(here or self.audio / os.path.basename(name))
        real = os.path.realpath(path)
        if real not in self.by_path:
            inside = Path(os.path.abspath(path))
            root = Path(os.path.abspath(self.audio))
            name = inside.relative_to(root).as_posix() if inside.is_relative_to(root) else path.as_posix()
            self.by_path[real] = File(self._rows.get(real) or noted(Recording(name, path)))
        return self.by_path[real]


def _whole(row: Recording) -> Recording:
    """The file that a recording is a part of, without what is known of that part alone."""
    if row.begin_s is None:
        return row
    file = replace(row, id=row.file_id, label="", common_name="", background=(), duration_s=None)
    return replace(file, begin_s=None, end_s=None, low_hz=None, high_hz=None)


def _read(table: Path, rows: Iterable[Detection], files: _Files, names: Names) -> Iterator[Problem]:
    """Put the rows of a table to their files; what is wrong with one is listed, and it is left out."""
    anything = False
    for row in rows:
        anything = True
        if row.rank not in (None, 1) or not row.status.usable:
            continue
        found = names.resolve(row.scientific_name, row.common_name)
        file = files.get(row.path)
        begin_s, end_s = (None if s is None else round(s, 3) for s in (row.begin_s, row.end_s))
        if begin_s is not None and (end_s is None or end_s <= begin_s or begin_s < 0):
            message = (
                f"{table}: {file.recording.id}: expected a begin from 0 s and an end after it, "
                f"found {begin_s} to {end_s} s; left out"
            )
            yield Problem(SOURCE_PROBLEM, "", str(table), message)
            continue
        file.marks.append(Mark(begin_s, end_s, found, row.low_hz, row.high_hz))
    if not anything:
        files.get(recording_of(table))  # somebody looked, and heard nothing


def _tables(folder: Path, *, answers: bool = False) -> Iterator[Path]:
    """Tables of annotations in a folder and below; answers of a model only where these are asked for."""
    passed_over = _NATIVE if answers else (*_NATIVE, "birdnet", "kaleidoscope", "verdicts")
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for file in sorted(files):
            own = any(word in file.lower() for word in _ANSWERS)
            if not file.startswith(".") and file.lower().endswith(TABLE_ENDINGS) and (answers or not own):
                path = Path(root, file)
                if _format(path) not in ("", *passed_over):
                    yield path


def _format(path: Path) -> str:
    """The format of a table; "" for what is none."""
    try:
        return format_of(path)
    except InputError:
        return ""


def _is_named_table(path: Path) -> bool:
    """Whether ``path`` is a file that holds annotations; an index of recordings is none."""
    if not path.is_file() or not path.name.lower().endswith(TABLE_ENDINGS):
        return False
    found = _format(path)
    if found != "csv":
        return found not in ("", "table")
    with open_regular(path) as stream:
        header = decode_head(stream.readline(_HEADER_BYTES))
    return {"begin_s", "scientific_name"} <= {cell.strip().strip('"') for cell in header.split(",")}


def _index(folder: Path) -> Catalog | None:
    """The catalog of whole recordings that a folder holds."""
    reader = _reader(folder)
    return reader.read(folder) if reader else None


def _reader(folder: Path) -> Source | None:
    readers = (SOURCES.get(name)() for name in _INDEXES)
    return next((reader for reader in readers if reader.recognises(folder)), None)
