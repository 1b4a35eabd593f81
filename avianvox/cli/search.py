"""``avianvox search``: find windows of a store that sound like a query."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avianvox.cli.common import echo, echo_text, progress_bar
from avianvox.cli.store_options import catalog_option
from avianvox.cli.targets import Target, Writer

if TYPE_CHECKING:
    import numpy as np

    from avianvox.features.store import FeatureStore
    from avianvox.find.places import Places
    from avianvox.find.search import Found

EPILOG = """\b
STORE is a feature store. One of embeddings (features build --spec birdnet) finds the most.

\b
Examples:
  avianvox search "recording.mp3#1-2" --in embeddings/ --catalog recordings/
  avianvox search "recording.mp3#1-2" "recording.mp3#3-4" --in embeddings/ \\
    --n 200 --csv
  avianvox search "recording.mp3#1-2" --in embeddings/ --index windows.index
"""


@click.command(cls=Writer, epilog=EPILOG)
@click.argument("queries", nargs=-1, required=True, metavar="QUERY...")
@click.option(
    "--in",
    "searched",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="STORE",
    help="Feature store that is searched.",
)
@click.option("--n", type=click.IntRange(min=1), default=20, show_default=True, help="Number of windows.")
@click.option(
    "--index",
    type=Target(path_type=Path, dir_okay=False),
    help="Index of STORE, for millions of windows: built where the file is missing or older than STORE, and "
    "read from then on. Needs the extra 'index'; without it, all windows are compared.",
)
@catalog_option("ids of recordings")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def search(
    queries: tuple[str, ...],
    searched: Path,
    n: int,
    index: Path | None,
    catalogs: tuple[Path, ...],
    as_csv: bool,
    as_json: bool,
) -> None:
    """Find the windows of a store that sound like a query.

    QUERY is a sound file, or a part of one: FILE#BEGIN-END in seconds. With several, the nearest one counts.
    Likeness is the cosine between embeddings, at most 1: it orders windows, and is no probability.
    """
    import json
    from dataclasses import asdict

    import numpy as np

    from avianvox.dataset.catalog import read_catalogs
    from avianvox.features.store import FeatureStore
    from avianvox.find.places import Places
    from avianvox.find.search import describe_query, parse_query
    from avianvox.find.search import search as search_store

    if as_csv and as_json:
        raise click.UsageError("--csv and --json exclude each other")
    parts = [parse_query(text) for text in queries]
    opened = FeatureStore.open(searched)
    places = Places.of(opened, read_catalogs(catalogs).recordings) if catalogs else None
    query = np.concatenate([describe_query(path, span, opened) for path, span in parts])
    among = None if index is None else _near(index, opened, query, n)
    found = search_store(opened, query, n=n, among=among)
    name = "path" if places else "recording_id"
    rows = [asdict(row) if places is None else _in_file(row, places) for row in found]
    if as_json:
        echo_text(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    if as_csv:
        import csv
        import io

        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow((name, "begin_s", "end_s", "likeness"))
        for row in rows:
            times = (f"{row['begin_s']:.3f}", f"{row['end_s']:.3f}", f"{row['likeness']:.4f}")
            table.writerow((row[name], *times))
        echo_text(text.getvalue().removesuffix("\n"))
        return
    for row in rows:
        echo(f"{row['likeness']:.4f}  {row['begin_s']:8.2f} - {row['end_s']:.2f} s  {row[name]}")


def _in_file(row: "Found", places: "Places") -> dict[str, Any]:
    """A window by its file, and by the seconds in it."""
    at = places.ids.index(row.recording_id)
    begin_s = places.begin_s(at)
    return {
        "path": places.files[at],
        "begin_s": begin_s + row.begin_s,
        "end_s": begin_s + row.end_s,
        "likeness": row.likeness,
    }


def _near(path: Path, store: "FeatureStore", query: "np.ndarray", n: int) -> "np.ndarray | None":
    """Windows that an index finds near the query; None where all have to be compared."""
    from importlib.util import find_spec

    from avianvox.find.index import build_index, candidates, is_current
    from avianvox.find.windows import Windows

    if find_spec("usearch") is None:
        advice = "for an index: pip install 'avianvox[index]'"
        echo(f"all windows are compared: the package 'usearch' is not installed; {advice}", err=True)
        return None
    windows = Windows.of(store)
    if not is_current(path, windows):
        with progress_bar("index") as progress:
            build_index(path, windows, progress=progress)
        echo(f"{path}: index of {len(windows)} windows", err=True)
    return candidates(path, query, n=n)
