"""The formats of tables of detections, one row of `FORMATS` each, and how any of them is read and written.

Start with `read_table` and `write_table`. Formats whose tables speak of one recording are written as a folder
of tables that mirrors the folder of the recordings.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from avianvox.errors import AvianvoxError, InputError
from avianvox.files import open_regular, output_error
from avianvox.registry import GROUPS, Registry, nearest
from avianvox.tables.spreadsheet import CsvFormat
from avianvox.texts import decode_head
from avianvox.types import Detection

if TYPE_CHECKING:
    from avianvox.tables.recordings import Recordings


class Format(Protocol):
    """How detections stand in a file. It is made without arguments."""

    endings: tuple[str, ...]
    """How names of such files end; the first is used for new ones."""

    one_per_recording: bool
    """Whether a table speaks of one recording, so that many of them are written as a folder."""

    def write(
        self, detections: Iterable[Detection], path: Path, about: Mapping[str, str] | None = None
    ) -> None:
        """Write a file, which appears whole or not at all, in memory that doesn't grow with it.

        ``about``: what the table comes from, such as ``{"model": ...}``, kept where the format has a place.
        """

    def read(self, path: Path) -> Iterator[Detection]:
        """The rows of a file, one by one; raises `InputError`, with file and line, for what isn't valid."""

    def recognises(self, head: str) -> bool:
        """Whether a file that begins with ``head`` is of this format."""


class Stream(Protocol):
    """A format whose tables can be written piece by piece; which are said in `STREAMS`."""

    def header(self, tasks: Sequence[str] = ()) -> str:
        """What stands before the first rows, which answer ``tasks``."""

    def lines(self, group: Sequence[Detection]) -> str:
        """The rows of one file."""


@runtime_checkable
class Among(Protocol):
    """A format that may have to ask the recordings what its times mean."""

    def read_among(self, path: Path, recordings: "Recordings") -> Iterator[Detection]:
        """Like `Format.read`."""


@runtime_checkable
class Together(Protocol):
    """A format in which several people's tables say one thing together."""

    def read_together(self, paths: Sequence[Path]) -> Iterator[Detection]:
        """Like `Format.read`, of several tables as one."""


FORMATS: Registry[type[Format]] = Registry(
    "format",
    {
        "csv": "avianvox.tables.native:Csv",
        "jsonl": "avianvox.tables.native:JsonLines",
        "parquet": "avianvox.tables.parquet:Parquet",
        "xlsx": "avianvox.tables.spreadsheet:Xlsx",
        "raven": "avianvox.tables.raven:Raven",
        "audacity": "avianvox.tables.audacity:Audacity",
        "audacity_boxes": "avianvox.tables.audacity:AudacityBoxes",
        "kaleidoscope": "avianvox.tables.kaleidoscope:Kaleidoscope",
        "birdnet": "avianvox.tables.birdnet:BirdNet",
        "simple_seq": "avianvox.tables.sequences:SimpleSeq",
        "generic_seq": "avianvox.tables.sequences:GenericSeq",
        "verdicts": "avianvox.verdicts.format:VerdictTable",
        "table": "avianvox.tables.terminal:Table",
    },
    group=GROUPS["formats"],
)

STREAMS = ("csv", "jsonl", "table")
EVERY_ROW = (*STREAMS, "parquet", "xlsx")
"""Formats that keep every row, also of files in which nothing was named."""
WITH_TASKS = ("raven", "kaleidoscope", "birdnet")
"""Annotation formats with columns of tasks: they keep rows that answer one and name no species, too."""
WRITE_ONLY = ("xlsx", "table")
"""Formats that are not read back."""
READ_ONLY = ("verdicts",)
"""Formats in which detections are not written: what people said of them."""

_HEAD = 4096
_LONGEST_NAME = 230  # bytes; file systems take 255, and a temporary sibling needs some of them
_OURS = ".avianvox."
"""In the names of tables in a folder, between that of the recording and the ending of the format."""

TABLE_ENDINGS = (".txt", ".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
"""Of files that may be tables, in lower case."""


def format_of(path: Path | str, name: str | None = None) -> str:
    """The name of a table's format: ``name``, else what its content says, else its ending.

    Raises
    ------
    UnknownNameError
        There is no format ``name``.
    InputError
        Neither content nor ending says it.
    """
    if name is not None:
        FORMATS.get(name)
        return name
    if not os.path.isfile(path):
        return format_of_new(path)
    if found := _recognised(path, list(FORMATS)):
        return found
    try:
        return format_of_new(path)
    except InputError:
        raise InputError(
            f"{path}: not a table that avianvox knows, by its content or ending; "
            f"where it is one of {', '.join(FORMATS)}, say which"
        ) from None


def format_of_new(path: Path | str) -> str:
    """The format that the ending of ``path`` stands for; raises `InputError` where it stands for none."""
    endings = _endings(FORMATS.own)
    fitting = [ending for ending in endings if str(path).lower().endswith(ending)]
    if not fitting:  # only now are other packages looked for
        endings = _endings(FORMATS)
        fitting = [ending for ending in endings if str(path).lower().endswith(ending)]
    if not fitting:
        hint = nearest(os.path.splitext(path)[1].lower(), list(endings))
        raise InputError(
            f"'{path}' has no known format; end the name in {', '.join(endings)}, or name the format{hint}"
        )
    return endings[max(fitting, key=len)]


def _endings(names: Iterable[str]) -> dict[str, str]:
    """Ending to the format that it stands for."""
    return {ending: name for name in names for ending in FORMATS.get(name).endings}


def _recognised(path: Path | str, names: Iterable[str]) -> str | None:
    try:
        with open_regular(path) as file:
            head = decode_head(file.read(_HEAD))
    except OSError as error:
        raise InputError(f"cannot read the table {path}: {error.strerror or error}") from error
    return next((name for name in names if FORMATS.get(name)().recognises(head)), None)


def read_table(
    path: Path | str, name: str | None = None, *, recordings: "Recordings | None" = None
) -> Iterator[Detection]:
    """The rows of a table, or of all tables in a folder, in the order of their names.

    A table that doesn't name its recording speaks of the sound file beside it that is called like it; where
    there is none, ``path`` of its rows is that name without an ending. In a folder, tables of one recording
    each are looked for, or those of the format ``name``; other files are passed over.

    Parameters
    ----------
    path : path-like
    name : str, optional
        The format; by default what the content says.
    recordings : Recordings, optional
        Asked where a table does not say by itself what its times mean, see :mod:`avianvox.tables.continued`.

    Raises
    ------
    UnknownNameError, InputError
        As the rows are asked for, too: what isn't valid is found where it stands.
    """
    if not os.path.isdir(path):
        if not os.path.exists(path):
            raise InputError(f"{path}: no such table")
        found = format_of(path, name)
        beside = os.listdir(os.path.dirname(path) or ".") if FORMATS.get(found).one_per_recording else ()
        yield from _read(Path(path), found, _sounds(beside), recordings)
        return
    names = [format_of(path, name)] if name else [n for n in FORMATS if FORMATS.get(n).one_per_recording]
    wanted = (*TABLE_ENDINGS, *_endings(name for name in names if name in FORMATS.added))
    anything = False
    formats: dict[str, str] = {}
    for folder, folders, files in os.walk(path):
        folders.sort()
        sounds = _sounds(files)
        for file in sorted(files):
            table = Path(folder, file)
            if file.lower().endswith(wanted) and (known := _recognised(table, names)):
                anything = True
                stem, ours, _ = file.partition(_OURS)
                first = formats.setdefault(os.path.join(folder, stem), known) if ours else known
                if first != known:
                    raise InputError(
                        f"{path}: the rows of {stem} are there as {first} and as {known}; say which to read "
                        "(--from)"
                    )
                yield from _read(table, known, sounds, recordings)
    if not anything:
        raise InputError(f"{path}: there is no table of {', '.join(names)} in this folder")


def read_together(paths: Sequence[Path], name: str) -> Iterator[Detection]:
    """What several tables of the format ``name`` say as one; else of one after the other, as `read_table`."""
    form = FORMATS.get(name)()
    if isinstance(form, Together):
        yield from form.read_together(paths)
    else:
        for path in paths:
            yield from read_table(path, name)


def _read(
    table: Path, name: str, sounds: Mapping[str, str], recordings: "Recordings | None"
) -> Iterator[Detection]:
    """The rows of ``table``; a path that lacks its ending gets it from the sound file beside the table."""
    form = FORMATS.get(name)()
    if recordings is not None and isinstance(form, Among):
        rows = form.read_among(table, recordings)
    else:
        rows = form.read(table)
    folder = os.path.dirname(table)
    for row in rows:
        if form.one_per_recording:
            beside, stem = os.path.split(row.path)
            if stem in sounds and beside == folder:
                row = replace(row, path=os.path.join(folder, sounds[stem]))
        if row.begin_s is not None and row.begin_s < 0:
            from avianvox.tables.spans import begin_within

            row = replace(row, begin_s=begin_within(row.begin_s))
        yield row


def _sounds(names: Iterable[str]) -> dict[str, str]:
    """``name without its ending -> name`` of the files that are no tables, where there is one such file."""
    found: dict[str, str] = {}
    for name in names:
        stem, ending = os.path.splitext(name)
        if ending and ending.lower() not in TABLE_ENDINGS:
            found[stem] = "" if stem in found else name
    return {stem: name for stem, name in found.items() if name}


def write_table(
    detections: Iterable[Detection],
    out: Path | str,
    name: str,
    *,
    root: Path | str | None = None,
    about: Mapping[str, str] | None = None,
    spreadsheet: bool = False,
    refuse: Callable[[str], None] | None = None,
) -> None:
    """Write rows as one file, or as a folder of tables where a table speaks of one recording.

    One file is written for such a format too where ``out`` ends like one (``.txt``). In a folder, the table
    of ``<root>/night/a.wav`` is ``night/a.avianvox.selections.txt``; a second recording of that name with
    another ending gets ``night/a.flac.avianvox.selections.txt``. A recording in which nothing is named gets
    no table, and one that an earlier run wrote for it is removed.

    Parameters
    ----------
    detections : iterable of Detection
        The rows of a recording stand together.
    out : path-like
    name : str
        A name in `FORMATS`.
    root : path-like, optional
        The folder whose tree is mirrored; else the one in which the program runs.
    about : mapping of str to str, optional
        What the table comes from, such as ``{"model": ...}``, kept where the format has a place for it.
    spreadsheet : bool
        Of a format in CSV: no cell is taken for a formula, see :mod:`avianvox.tables.spreadsheet`.
    refuse : callable, optional
        Called with the path of each table in a folder before it is written or removed; it raises where
        something stands there that must not be lost.

    Raises
    ------
    UnknownNameError, InputError, OutputError, MissingExtraError
    """
    if is_one_file(out, name):
        form_of(name, spreadsheet=spreadsheet).write(detections, Path(out), about)
        return
    write_folder(detections, out, name, root=root, about=about, spreadsheet=spreadsheet, refuse=refuse)


def write_folder(
    detections: Iterable[Detection],
    out: Path | str,
    name: str,
    *,
    root: Path | str | None = None,
    about: Mapping[str, str] | None = None,
    spreadsheet: bool = False,
    refuse: Callable[[str], None] | None = None,
) -> None:
    """Write a table of each recording, in any format, as `write_table` describes; parameters are its own.

    In the formats of `EVERY_ROW` a recording in which nothing is named has a table too.
    """
    from avianvox.tables.spans import by_recording

    form = form_of(name, spreadsheet=spreadsheet)
    taken: set[str] = set()
    try:
        os.makedirs(out, exist_ok=True)
        for path, rows in by_recording(detections):
            kept = [row for row in rows if keeps(name, row)]
            place = mirrored(path, root)
            ending = _OURS + form.endings[0].removeprefix(".")
            table = _fitting(place.with_suffix(""), path, ending)
            if str(table).lower() in taken:
                table = _fitting(place, path, ending)
            taken.add(str(table).lower())
            if refuse is not None:
                refuse(os.path.join(out, table))
            if kept:
                os.makedirs(Path(out, table).parent, exist_ok=True)
                form.write(kept, Path(out, table), about)
            else:
                Path(out, table).unlink(missing_ok=True)
    except AvianvoxError:
        raise
    except OSError as error:
        raise output_error(error, Path(out)) from error


def keeps(name: str, row: Detection) -> bool:
    """Whether ``row`` stands in a table of the format ``name``."""
    from avianvox.tables.spans import says_something

    named = bool(row.scientific_name or row.common_name)
    return name in EVERY_ROW or named or (name in WITH_TASKS and says_something(row))


def form_of(name: str, *, spreadsheet: bool = False) -> Format:
    """The format ``name``, ready to write; `InputError` where it isn't, or ``spreadsheet`` means nothing."""
    form = FORMATS.get(name)()
    if name in READ_ONLY:
        raise InputError(f"'{name}' can't be written: it holds what people said; name another format")
    if spreadsheet:
        if not isinstance(form, CsvFormat):
            raise InputError(f"--spreadsheet is for CSV, where a text may pass for a formula; not for {name}")
        form.spreadsheet = True
    return form


def _fitting(place: Path, recording: str, ending: str) -> Path:
    """``place`` with ``ending``; a name that is too long for a file is cut, and told apart by a hash."""
    if len(os.fsencode(place.name + ending)) <= _LONGEST_NAME:
        return place.with_name(place.name + ending)
    from hashlib import blake2b

    mark = blake2b(os.fsencode(recording), digest_size=4).hexdigest()
    room = _LONGEST_NAME - len(f".{mark}{ending}")
    stem = os.fsencode(place.name)[:room].decode("utf-8", "ignore")
    return place.with_name(f"{stem}.{mark}{ending}")


def is_one_file(out: Path | str, name: str) -> bool:
    """Whether `write_table` makes one file of ``out``, and not a folder of tables."""
    form = FORMATS.get(name)
    ending = os.path.splitext(f"name{form.endings[0]}")[1]  # a name that is an ending alone has none
    return not form.one_per_recording or (
        os.path.splitext(out)[1].lower() == ending and not os.path.isdir(out)
    )


def mirrored(path: str, root: Path | str | None) -> Path:
    """Where ``path`` stands in a folder that mirrors ``root``; its whole path where it is elsewhere.

    ``root`` itself, which a row names where it holds no sound, stands there by its name.
    """
    place = PurePath(os.path.abspath(path))
    base = os.path.abspath(root or ".")
    if place == PurePath(base):
        return Path(place.name or "root")
    if place.is_relative_to(base):
        return Path(place.relative_to(base))
    return Path(place.drive.strip(":\\"), *place.parts[1:])
