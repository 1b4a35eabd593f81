"""``avianvox suggest``: what to listen to and label next."""

from pathlib import Path

import click

from avianvox.cli.common import echo_text, exit_with_failures
from avianvox.cli.store_options import catalog_option, min_score_option
from avianvox.cli.targets import Target, Writer
from avianvox.find.rules import RULES

EPILOG = """\b
LABELS is CSV with the columns path (or id), begin_s, end_s and label; without begin and end, the label is of
the whole recording. Tables of verdicts, of Raven, Audacity and others, and what this command writes, are read
too. Rows without a label are passed over. The label "?" says that you have listened and do not know.

\b
Fill in the column "label" of the output, add its rows to LABELS, and run the command again. The column
"guess" is what your labels so far say. 'avianvox train LABELS --on birdnet' trains on them.

\b
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 finished, but some labels can't be read or fit nothing in
STORE: each has a line on standard error.

\b
Examples:
  avianvox suggest embeddings/ --n 20 --catalog recordings/ --out first.csv
  avianvox suggest embeddings/ --labels labels.csv --n 50 \\
    --catalog recordings/ --out next.csv
  avianvox suggest embeddings/ --labels labels.csv --by window --n 10
"""


@click.command(cls=Writer, epilog=EPILOG)
@click.argument("store", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--labels",
    "tables",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Labels that you have given; may be given several times.  [default: none]",
)
@click.option("--n", type=click.IntRange(min=1), default=50, show_default=True, help="Number of suggestions.")
@click.option(
    "--by",
    type=click.Choice(["recording", "window"]),
    default="recording",
    show_default=True,
    help="What is suggested: whole recordings, or windows of them.",
)
@click.option(
    "--pick",
    type=click.Choice(list(RULES)),
    default="both",
    show_default=True,
    help="Rule: uncertain and diverse, one of the two, or random.",
)
@catalog_option("the table has ids of recordings", " Its labels are not used.")
@min_score_option("0.1 of windows where STORE keeps scores, 0 of recordings")
@click.option(
    "--out", type=Target(path_type=Path), help="Table (.csv, .jsonl, .parquet, .xlsx).  [default: print CSV]"
)
@click.option("--seed", default=0, show_default=True, help="Random seed.")
def suggest(
    store: Path,
    tables: tuple[Path, ...],
    n: int,
    by: str,
    pick: str,
    catalogs: tuple[Path, ...],
    min_score: float | None,
    out: Path | None,
    seed: int,
) -> None:
    """Choose recordings or windows to listen to and label next.

    With labels: those that a model of your labels is unsure of, and that differ from one another. Without:
    those that stand for as many others as possible.
    """
    from avianvox.dataset.catalog import read_catalogs
    from avianvox.errors import OutputError
    from avianvox.features.store import FeatureStore
    from avianvox.find import suggest as suggesting
    from avianvox.find.items import Items
    from avianvox.find.labels import place_labels, read_labels
    from avianvox.find.places import Places
    from avianvox.find.windows import Windows
    from avianvox.tables.rows import csv_header, csv_lines, form_of, write_rows

    form = "csv" if out is None else form_of(out)
    if out is not None and _may_hold_labels(out):
        raise OutputError(f"cannot write {out}: it is there and may hold your labels; name a new file")
    opened = FeatureStore.open(store)
    places = Places.of(opened, read_catalogs(catalogs).recordings if catalogs else ())
    whole = by == "recording"
    windows = Windows.of(opened)
    kept = windows.audible(min_score=0.0 if whole and min_score is None else min_score)
    read = [read_labels(table) for table in tables]
    labels = [label for found, _ in read for label in found]
    labelled = place_labels(labels, windows, places, kept)
    items = (Items.of_recordings if whole else Items.of_windows)(windows, kept)
    chosen = suggesting.suggest(items, labelled, n=n, rule=pick, seed=seed)
    rows = suggesting.rows(chosen, items, places, whole=whole)
    if out is None:
        echo_text((csv_header(suggesting.COLUMNS) + csv_lines(suggesting.COLUMNS, rows)).removesuffix("\n"))
    else:
        write_rows(rows, suggesting.COLUMNS, out, form)
        click.echo(out)
    n_used = len(labelled.labels)
    click.echo(f"{len(chosen)} {by}s of {len(items)}; {n_used} labels used", err=True)
    exit_with_failures([*(line for _, unread in read for line in unread), *labelled.problems])


def _may_hold_labels(out: Path) -> bool:
    """Whether something is there other than suggestions in CSV that nobody has labelled yet."""
    from avianvox.errors import InputError
    from avianvox.find.labels import read_labels

    if not out.is_file() or not out.stat().st_size:
        return False
    try:
        labels, unread = read_labels(out)
    except InputError:
        return True
    return bool(labels or unread) or out.suffix.lower() != ".csv"
