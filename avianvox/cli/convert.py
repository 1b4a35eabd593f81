"""``avianvox convert``: tables of detections and annotations from one format into another."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from avianvox.cli.common import fitted
from avianvox.cli.format_options import format_option, per_file_option, spreadsheet_option
from avianvox.cli.targets import Target, Writer, refuse_table
from avianvox.tables.formats import FORMATS, WRITE_ONLY, keeps

if TYPE_CHECKING:
    from avianvox.tables.formats import Format
    from avianvox.tables.recordings import Recordings
    from avianvox.tables.several import Tables
    from avianvox.types import Detection

EPILOG = """\b
Formats and their file names:
  csv             .csv              all columns and rows; next three too
  jsonl           .jsonl            one JSON object per row
  parquet         .parquet          typed columns; needs the extra "parquet"
  xlsx            .xlsx             spreadsheet; needs the extra "xlsx"
  raven           .selections.txt   Raven selection tables
  audacity        .labels.txt       Audacity labels: begin, end, label
  audacity_boxes  .boxes.txt        Audacity labels with frequencies
  kaleidoscope    .kaleidoscope.csv Kaleidoscope
  birdnet         .birdnet.csv      BirdNET
  simple_seq      .simple-seq.csv   crowsetta
  generic_seq     .generic-seq.csv  crowsetta
  verdicts        .verdicts.csv     what reviewers said; only read
  table           .txt              for reading; cannot be converted back

\b
Tables of raven, audacity, audacity_boxes and simple_seq hold one recording each. OUT is then a folder with
the same subfolders as the recordings. If OUT ends in .txt (.csv), it is one file; a Raven file then holds
all recordings. Annotation formats hold named spans only: other rows are left out and counted. Answers to
tasks go into columns of raven, kaleidoscope and birdnet; the other annotation formats have no place for them.

--per-file writes a table for each recording in any format. Several formats (--to csv,raven,xlsx) are written
into the folder OUT: tables of all recordings are called like IN, and replace no file.

crowsetta reads raven, simple_seq, generic_seq, audacity ("aud-seq") and audacity_boxes ("aud-bbox").

\b
Examples:
  avianvox convert answers.csv answers.parquet
  avianvox convert answers.csv selections --to raven --audio recordings
  avianvox convert selections annotations.csv --audio recordings
  avianvox convert answers.csv both --to raven,jsonl
  avianvox convert answers.csv - --to jsonl
  avianvox convert clusters.csv named.csv --names names.csv
"""


@dataclass
class Tally:
    """What has gone through, for the line at the end."""

    formats: tuple[str, ...] = ()
    rows: int = 0
    kept: int = 0  # in one of the formats
    recordings: int = 0
    missing: dict[str, None] = field(default_factory=dict)  # recordings that --audio doesn't hold

    def count(self, rows: "Iterable[Detection]") -> "Iterator[Detection]":
        path = None
        for row in rows:
            self.rows += 1
            self.kept += any(keeps(name, row) for name in self.formats)
            self.recordings += row.path != path
            path = row.path
            yield row


@click.command(cls=Writer, epilog=EPILOG)
@click.argument("source", metavar="IN", type=click.Path(readable=False))
@click.argument(
    "out", metavar="OUT", type=Target(ours=None, beside=("audio",), readable=False, allow_dash=True)
)
@click.option(
    "--from",
    "source_format",
    type=click.Choice([name for name in FORMATS if name not in WRITE_ONLY]),
    metavar="FORMAT",
    help="Format of IN.  [default: recognised by its content]",
)
@format_option(
    "Format of OUT; several, such as raven,xlsx, into a folder.", default="by its file name", flag="--to"
)
@per_file_option
@click.option(
    "--audio",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Folder of the recordings. Paths in the table are replaced by those of the files of the same name, "
    "and missing durations are read from their headers.",
)
@click.option(
    "--names",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="CSV with the columns name and label: other names for what IN names. Rows of a name with an empty "
    "label are left out.",
)
@spreadsheet_option
@click.option("-q", "--quiet", is_flag=True, help="No summary; missing recordings are still listed.")
def convert(
    source: str,
    out: str,
    source_format: str | None,
    format_names: tuple[str, ...],
    per_file: bool | None,
    audio: Path | None,
    names: Path | None,
    spreadsheet: bool,
    quiet: bool,
) -> None:
    """Convert the table IN to OUT, in another format.

    IN is a table, or a folder of tables with one recording each. OUT is a file, a folder, or - for standard
    output.
    """
    from avianvox.audio.locate import recordings_in
    from avianvox.cli.common import exit_with_failures
    from avianvox.tables.formats import STREAMS, form_of, format_of_new, read_table
    from avianvox.tables.names import read_names, renamed
    from avianvox.tables.recordings import common_folder, folder_of
    from avianvox.tables.several import is_csv, write_tables

    names_of_formats = format_names or ("table" if out == "-" else format_of_new(out),)
    if out == "-" and (len(names_of_formats) > 1 or names_of_formats[0] not in STREAMS):
        raise click.UsageError(
            f"'{','.join(names_of_formats)}' cannot be written to standard output; expected one of "
            f"{', '.join(STREAMS)}"
        )
    form = form_of(next(filter(is_csv, names_of_formats), names_of_formats[0]), spreadsheet=spreadsheet)
    _spare_tables(source, source_format, out)
    written = None if out == "-" else _tables(source, out, names_of_formats, per_file=per_file)
    tables = folder_of(source)
    recordings = recordings_in(audio or tables, tables=tables, may_be_empty=audio is None)
    labels = None if names is None else read_names(names)

    def rows(tally: Tally) -> "Iterator[Detection]":
        found = read_table(source, source_format, recordings=recordings)
        found = tally.count(found if labels is None else renamed(found, labels))
        return found if audio is None else _located(found, recordings, tally)

    tally = Tally(names_of_formats)
    tallies = iter([tally])  # rows are counted once, however often they are read
    if written is None:
        _print(rows(tally), form)
    else:
        root = audio or (
            common_folder(row.path for row in read_table(source, source_format, recordings=recordings))
            if written.each
            else None
        )
        write_tables(
            written,
            lambda: rows(next(tallies, Tally())),
            root=root,
            spreadsheet=spreadsheet,
            refuse=refuse_table,
        )
    if not quiet:
        left_out = tally.rows - tally.kept
        said = f", {left_out} without a species left out" if left_out else ""
        click.echo(f"{_count(tally.rows, 'row')} of {_count(tally.recordings, 'recording')}{said}", err=True)
    exit_with_failures(f"{path}: not found in {audio}, or found several times" for path in tally.missing)


def _tables(source: str, out: str, names: tuple[str, ...], *, per_file: bool | None) -> "Tables":
    """What is written to OUT; in a folder, a table of all recordings is called like IN and replaces none."""
    from avianvox.errors import InputError, OutputError
    from avianvox.tables.several import plan_tables

    base = os.path.basename(os.path.abspath(source))
    known = (ending for name in FORMATS for ending in FORMATS.get(name).endings)
    endings = [ending for ending in known if base.lower().endswith(ending)]
    base = base[: len(base) - len(max(endings, key=len, default=""))] or "table"
    try:
        tables = plan_tables(out, names, base=base, per_file=per_file)
    except InputError as error:
        raise click.UsageError(f"OUT: {error}") from error
    for _, path in tables.whole if tables.in_folder else ():
        if os.path.lexists(path):
            raise OutputError(f"cannot write {path}: there is such a file; move it, or name another folder")
    return tables


def _spare_tables(source: str, source_format: str | None, out: str) -> None:
    """Raise `OutputError` where OUT is a table in the folder IN, or a folder in which IN may be replaced."""
    from avianvox.errors import InputError, OutputError
    from avianvox.tables.formats import format_of

    if ".avianvox." in os.path.basename(source) and os.path.realpath(os.path.dirname(source)) == (
        os.path.realpath(out)
    ):
        raise OutputError(f"cannot write into {out}: {source} could be replaced; name another folder")
    inside = Path(os.path.realpath(out)).is_relative_to(os.path.realpath(source))
    if os.path.isdir(source) and os.path.isfile(out) and inside:
        with suppress(InputError):
            found = format_of(out)
            if found == source_format or (source_format is None and FORMATS.get(found).one_per_recording):
                raise OutputError(
                    f"cannot write {out}: it is one of the tables in {source}; name another file"
                )


def _located(rows: "Iterable[Detection]", recordings: "Recordings", tally: Tally) -> "Iterator[Detection]":
    """The rows with the paths of the files in ``recordings``, and with lengths where they had none."""
    from avianvox.audio.probe import probe

    for path, group in groupby(rows, key=attrgetter("path")):
        found = recordings.find(path)
        if found is None:
            tally.missing[path] = None
            yield from group
            continue
        length: float | None = None
        for row in group:
            if row.header_s is None and row.decoded_s is None:
                length = probe(found, decode=False).header_s if length is None else length
                row = replace(row, header_s=length)
            yield replace(row, path=found)


def _print(rows: "Iterable[Detection]", form: "Format") -> None:
    from avianvox.tables.columns import with_tasks
    from avianvox.tables.terminal import Table

    write, for_people = sys.stdout.buffer.write, isinstance(form, Table)
    tasks, rows = with_tasks(rows)
    write(form.header(tasks).encode())  # type: ignore[attr-defined]
    for _, group in groupby(rows, key=attrgetter("path")):
        lines = form.lines(list(group))  # type: ignore[attr-defined]
        write((fitted(lines, sys.stdout, hang=12) if for_people else lines).encode())
    sys.stdout.buffer.flush()


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
