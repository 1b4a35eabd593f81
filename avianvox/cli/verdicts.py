"""``avianvox verdicts``: what reviewers' verdicts say of events."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from avianvox.cli.common import FiniteFloat, echo
from avianvox.cli.targets import Target, Writer

if TYPE_CHECKING:
    from avianvox.verdicts.events import Listed
    from avianvox.verdicts.table import Verdict

FORMATS_TO = ("raven", "audacity", "audacity_boxes", "generic_seq", "csv")
_MARK = b"id,time,reviewer,file,"


class _DefaultCommand(click.Group):
    """A group whose arguments are those of its first command where they don't name another one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_DefaultCommand,
    subcommand_metavar="EVENTS | COMMAND [ARGS]...",
    epilog="""\b
"avianvox verdicts EVENTS" is short for "avianvox verdicts show EVENTS".

\b
Examples:
  avianvox verdicts events.csv
  avianvox verdicts draw events.csv -n 200 -o drawn.csv
""",
)
def verdicts() -> None:
    """Precision, agreement and thresholds from verdicts of reviewers.

    Verdicts are what 'avianvox review' writes beside the table of events.
    """


_TABLES = click.option(
    "--verdicts",
    "tables",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Table of verdicts; may be given several times, one for each reviewer.  "
    "[default: EVENTS with the ending .verdicts.csv]",
)
_EVENTS = click.argument("events", type=click.Path(path_type=Path, exists=True))


@verdicts.command(
    cls=Writer,
    epilog="""\b
EVENTS is a table of events, such as 'avianvox classify --by event' writes, or a list that 'avianvox verdicts
draw' has drawn from one. The precision of a drawn list is weighted: each stratum counts as often as it has
events. The judged events of another table are taken for a random sample of each species.

\b
Intervals of precision hold 95 % (Wilson's, at the effective sample size). They speak of this very table.
Unsure and disputed events are left out and counted. Several reviewers: the majority holds.

\b
--precision P looks for the lowest score from which on the lower bound of the precision (one-sided, 80 %)
reaches P. It needs 10 judged events of 5 recordings. No shape of the curve is assumed.

\b
Examples:
  avianvox verdicts show events.csv
  avianvox verdicts show events.csv --precision 0.9 -o precision.csv
  avianvox verdicts show events.csv --verdicts events.verdicts.csv --json
""",
)
@_EVENTS
@_TABLES
@click.option(
    "--precision", type=FiniteFloat(0, 1), metavar="P", help="Precision to find thresholds for, such as 0.9."
)
@click.option(
    "--reviewer",
    "reviewers",
    multiple=True,
    metavar="NAME",
    help="Reviewer whose verdicts count; may be given several times.  [default: all]",
)
@click.option(
    "--output",
    "-o",
    "out",
    type=Target(path_type=Path),
    help="Table of species (.csv, .jsonl, .parquet, .xlsx), or all figures (.json).",
)
@click.option("--json", "as_json", is_flag=True, help="Print all figures as JSON.")
@click.option("--seed", default=0, show_default=True, help="Random seed of the intervals of agreement.")
def show(
    events: Path,
    tables: tuple[Path, ...],
    precision: float | None,
    reviewers: tuple[str, ...],
    out: Path | None,
    as_json: bool,
    seed: int,
) -> None:
    """Show precision, thresholds and agreement of reviewed events."""
    import json

    from avianvox.cli.common import show_table
    from avianvox.cli.verdicts_shown import lines_below, remarks, species_table
    from avianvox.documents import write_json
    from avianvox.tables.rows import form_of, write_rows
    from avianvox.verdicts.events import read_events
    from avianvox.verdicts.summary import COLUMNS, summarise

    form = "" if out is None else "json" if out.suffix.lower() == ".json" else form_of(out)
    listed = read_events(events)
    found = summarise(listed, _said(events, tables), precision=precision, reviewers=reviewers, seed=seed)
    if out is not None and form == "json":
        write_json(out, found.document())
    elif out is not None:
        write_rows(found.rows(), COLUMNS, out, form)
    if as_json:
        click.echo(json.dumps(found.document(), indent=1, allow_nan=False))
    else:
        show_table(species_table(found))
        for line in lines_below(found):
            echo(line)
    for line in remarks(found):
        echo(line, err=True)


@verdicts.command(
    cls=Writer,
    epilog="""\b
Drawn are equally many events of each species, and of each quarter of its scores. OUT is a table of events
with the columns "stratum" and "stratum_events". 'avianvox review OUT' opens it, and 'avianvox verdicts OUT'
weights by them. The order is random: a review may stop anywhere. A larger -n with the same seed draws the
same events and more.

\b
Example:
  avianvox verdicts draw events.csv -n 200 --seed 1 -o drawn.csv
""",
)
@_EVENTS
@click.option("-n", "n", type=click.IntRange(min=1), required=True, help="Number of events.")
@click.option("--seed", default=0, show_default=True, help="Random seed.")
@click.option(
    "--output", "-o", "out", type=Target(path_type=Path), required=True, help="List of events (.csv)."
)
def draw(events: Path, n: int, seed: int, out: Path) -> None:
    """Draw events to review, for an estimate of precision.

    EVENTS is a table of events, such as 'avianvox classify --by event' writes.
    """
    from avianvox.errors import OutputError
    from avianvox.evaluation.plain import counted
    from avianvox.verdicts import events as listing
    from avianvox.verdicts.table import verdicts_path

    if out.suffix.lower() != ".csv" or out.name.lower().endswith(".verdicts.csv"):
        raise click.UsageError(f"--output: expected a name that ends in .csv, got '{out.name}'")
    drawn = listing.draw(listing.read_events(events), n, seed=seed)
    judged = verdicts_path(out)
    if out.exists() and judged.exists():
        kept = {row.event for row in drawn}
        if not all(row.event in kept for row in listing.read_events(out)):
            raise OutputError(f"cannot write {out}: {judged} has verdicts on that list; name another file")
    listing.write_drawn(drawn, out)
    echo(out)
    n_species = len({row.species for row in drawn})
    echo(
        f"{counted(len(drawn), 'event')} of {n_species} species; review them with: avianvox review {out}",
        err=True,
    )


@verdicts.command(
    "export",
    cls=Writer,
    epilog="""\b
OUT is a folder with a table for each recording (raven, audacity, audacity_boxes), or a file. Noise is
called "no bird"; "?" means that nobody knows, or that there is no majority. Boxes are kept by raven and
audacity_boxes. 'avianvox verdicts import' takes changed tables up again.

\b
Example:
  avianvox verdicts export events.csv --to raven -o selections/
""",
)
@_EVENTS
@_TABLES
@click.option(
    "--to", "form", type=click.Choice(FORMATS_TO), default="raven", show_default=True, help="Format."
)
@click.option("--output", "-o", "out", type=Target(path_type=Path), required=True, help="Folder or file.")
def export_tables(events: Path, tables: tuple[Path, ...], form: str, out: Path) -> None:
    """Write verdicts as annotations for Raven, Audacity and others.

    EVENTS is a table of events, or a folder of recordings that were annotated without any.
    """
    from avianvox.cli.targets import refuse_table
    from avianvox.evaluation.plain import counted
    from avianvox.tables.formats import write_table
    from avianvox.tables.recordings import common_folder
    from avianvox.verdicts.exchange import annotations
    from avianvox.verdicts.standing import standing

    words = standing(_said(events, tables))
    rows = list(annotations(words, _reviewed(events)[0]))
    write_table(rows, str(out), form, root=common_folder(row.path for row in rows), refuse=refuse_table)
    echo(out)
    n_files = len({row.path for row in rows})
    echo(f"{counted(len(rows), 'annotation')} of {counted(n_files, 'recording')}", err=True)


@verdicts.command(
    "import",
    cls=Writer,
    epilog="""\b
An annotation with the span of an event answers it; others are added calls. "no bird" and "noise" stand for
noise, "?" for unsure. What the reviewer has said already is not said again, so that a table may be imported
twice. Events without an annotation stay as they are.

\b
Example:
  avianvox verdicts import events.csv selections/ --reviewer Ana
""",
)
@_EVENTS
@click.argument(
    "annotated", nargs=-1, required=True, metavar="TABLE...", type=click.Path(path_type=Path, exists=True)
)
@click.option("--reviewer", required=True, metavar="NAME", help="Name of the person who made the tables.")
@click.option(
    "--verdicts",
    "into",
    type=Target(path_type=Path, dir_okay=False, ours=_MARK, only_ours="table of verdicts"),
    help="Table of verdicts to add to.  [default: EVENTS with the ending .verdicts.csv]",
)
def import_tables(events: Path, annotated: tuple[Path, ...], reviewer: str, into: Path | None) -> None:
    """Take annotations of Raven, Audacity and others up as verdicts.

    EVENTS is a table of events, or a folder of recordings. TABLE is a table of annotations, or a folder of
    them.
    """
    from avianvox.audio.locate import recordings_in
    from avianvox.evaluation.plain import counted
    from avianvox.tables.formats import read_table
    from avianvox.tables.recordings import folder_of
    from avianvox.verdicts.exchange import taken_up
    from avianvox.verdicts.standing import standing
    from avianvox.verdicts.table import now, verdicts_path
    from avianvox.verdicts.writing import Writer as Table

    listed, sounds = _reviewed(events)
    recordings = recordings_in(folder_of(events), may_be_empty=True)
    time = now()
    with Table(into or verdicts_path(events)) as table:
        n = 0
        for path in annotated:
            rows = list(read_table(path, recordings=recordings))
            words, tables = standing(table.verdicts), str(folder_of(path))
            for verdict in taken_up(
                rows, listed, words, reviewer=reviewer, time=time, tables=tables, sounds=sounds
            ):
                n += table.add(verdict)
    echo(table.path)
    echo(f"{counted(n, 'verdict')} of {reviewer} added", err=True)


def _reviewed(events: Path) -> "tuple[list[Listed], list[str]]":
    """The events of a table; of a folder of recordings, which may have none, also its sound files."""
    from avianvox.audio.find import find_audio
    from avianvox.errors import InputError
    from avianvox.verdicts.events import read_events

    if not events.is_dir():
        return read_events(events), []
    sounds = list(map(str, find_audio([events])))
    try:
        return read_events(events), sounds
    except InputError:
        return [], sounds


def _said(events: Path, tables: tuple[Path, ...]) -> "list[Verdict]":
    from avianvox.errors import InputError
    from avianvox.verdicts.table import SUFFIX, read_tables, verdicts_path

    beside = verdicts_path(events)
    if not tables and not beside.exists() and events.name.endswith(SUFFIX):
        raise InputError(f"{events} is a table of verdicts; give the table of events that they speak of")
    if not tables and not beside.exists():
        raise InputError(
            f"{beside}: there is no table of verdicts; make one with 'avianvox review {events}', "
            "or name it with --verdicts"
        )
    return read_tables(tables or (beside,))
