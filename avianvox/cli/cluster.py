"""``avianvox cluster``: groups of like windows in a store."""

from pathlib import Path

import click

from avianvox.cli.common import FiniteFloat, exit_with_failures, progress_bar
from avianvox.cli.picture_options import spectrograms_option
from avianvox.cli.store_options import catalog_option, min_score_option
from avianvox.cli.targets import Target, Writer

EPILOG = """\b
STORE is a feature store; one of embeddings (features build --spec birdnet) groups best. OUT is a table of
detections: the cluster is the species, the likeness to its centre is the score (at most 1), and examples
have "example" as message. The format of OUT follows from its name, as in 'avianvox convert'.

\b
--names writes one row per cluster. Fill in its column "label", and give the file to 'avianvox convert
--names': this makes a table of labelled windows for 'avianvox suggest' and 'avianvox train'.

\b
Examples:
  avianvox cluster embeddings/ --catalog recordings/ --out clusters.csv
  avianvox cluster embeddings/ --catalog recordings/ --out groups.csv \\
    --n 20 --names group_names.csv --examples listen
"""


@click.command(cls=Writer, epilog=EPILOG)
@click.argument("store", type=click.Path(path_type=Path, file_okay=False))
@click.option("--out", required=True, type=Target(path_type=Path), help="Table of the windows.")
@click.option("--n", type=click.IntRange(min=2), default=50, show_default=True, help="Number of clusters.")
@catalog_option("the table has ids of recordings")
@min_score_option("0.1 where STORE keeps scores")
@click.option(
    "--nearest",
    type=FiniteFloat(0, 1, min_open=True),
    default=1.0,
    show_default=True,
    metavar="SHARE",
    help="Share of the windows that is kept: those nearest to the centres of their clusters, which are the "
    "purest.",
)
@click.option(
    "--names", type=Target(path_type=Path), help="CSV with one row per cluster, for your labels; a new file."
)
@click.option(
    "--examples",
    type=Target(path_type=Path),
    help="New or empty folder for example sounds of each cluster, with spectrograms; needs --catalog.",
)
@click.option(
    "--page",
    type=Target(path_type=Path),
    help="HTML page with the examples, to look at and listen to in a browser; needs --catalog.",
)
@click.option(
    "--per-cluster", type=click.IntRange(min=1), default=5, show_default=True, help="Number of examples."
)
@spectrograms_option
@click.option("--seed", default=0, show_default=True, help="Random seed.")
def cluster(
    store: Path,
    out: Path,
    n: int,
    catalogs: tuple[Path, ...],
    min_score: float | None,
    nearest: float,
    names: Path | None,
    examples: Path | None,
    page: Path | None,
    per_cluster: int,
    pictures: bool,
    seed: int,
) -> None:
    """Group the windows of a store by likeness.

    Whoever listens to a few examples of each cluster can label many windows at once.
    """
    from avianvox.cli.targets import refuse_table
    from avianvox.dataset.catalog import read_catalogs
    from avianvox.dataset.credits import credit_of
    from avianvox.errors import OutputError, require_extra
    from avianvox.evaluation.plain import counted
    from avianvox.features.store import FeatureStore
    from avianvox.find import cluster as clustering
    from avianvox.find.page import write_page
    from avianvox.find.places import Places
    from avianvox.find.windows import Windows
    from avianvox.inference.segments import SegmentOptions, write_segments
    from avianvox.tables.formats import format_of_new, write_table
    from avianvox.tables.rows import write_rows

    if (examples or page) and not catalogs:
        option = "--examples" if examples else "--page"
        raise click.UsageError(f"{option} needs --catalog: a store does not say where its recordings lie")
    require_extra("sklearn", extra="train", purpose="avianvox cluster")
    if examples is not None and pictures:
        require_extra("matplotlib", extra="plot", purpose="drawing spectrograms (or use --no-pictures)")
    if names is not None and names.exists():
        raise OutputError(f"cannot write {names}: it is there and may hold your labels; name a new file")
    form = format_of_new(out)
    opened = FeatureStore.open(store)
    places = Places.of(opened, read_catalogs(catalogs).recordings if catalogs else ())
    everything = Windows.of(opened)
    windows = everything.at(everything.audible(min_score=min_score))
    groups = clustering.cluster(windows, n=n, seed=seed).nearest(nearest)
    rows = clustering.rows(groups, places, n_examples=per_cluster)
    write_table(rows, out, form, refuse=refuse_table)
    n_recordings = len(set(groups.windows.position.tolist()))
    far = len(windows) - len(groups.windows)
    click.echo(
        f"{len(groups.windows)} windows of {counted(n_recordings, 'recording')} "
        f"in {groups.n_clusters} clusters; {len(everything) - len(windows)} quiet windows left out"
        f"{f', and {far} that are far from their centres' if far else ''}",
        err=True,
    )
    click.echo(out)
    failed: dict[str, None] = {}
    if page is not None:
        with progress_bar("page") as progress:
            failed |= dict.fromkeys(
                write_page(page, groups, places, n_examples=per_cluster, progress=progress)
            )
        click.echo(page)
    if examples is not None:
        with progress_bar("cutting") as progress:
            cut = write_segments(
                clustering.examples(groups, places, n_examples=per_cluster),
                examples,
                SegmentOptions(pictures=pictures),
                credit=credit_of,
                progress=progress,
            )
        click.echo(examples / "index.csv")
        missed = (s.detection for s in cut if not s.file)
        failed |= dict.fromkeys(f"{row.path}: {row.status}: {row.message}" for row in missed)
    if names is not None:  # the last one: it is never replaced, and the same command may have to run again
        named = clustering.names(groups, places, n_examples=per_cluster)
        write_rows(named, clustering.NAMES, names, "csv")
        click.echo(names)
    exit_with_failures(failed)
