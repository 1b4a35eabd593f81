"""``avianvox features``: build, inspect and verify a feature store."""

import sys
from pathlib import Path

import click

from avianvox.cli.common import catalogs_argument, echo, echo_text, workplace_of, workplace_options
from avianvox.cli.label_options import add_labels_option, with_labels
from avianvox.cli.targets import Target, Writer


@click.group(epilog="Example: avianvox features build recordings/ --out features/")
def features() -> None:
    """Build, inspect and verify a feature store."""


@features.command(
    cls=Writer,
    goes_on=True,
    epilog="""\b
Examples:
  avianvox features build recordings/ --out features/
  avianvox features build recordings/ --out features_v2/ --spec published_v2 \\
    --dtype float16 --jobs 4

\b
Embeddings of a model of your own (avianvox models add birdnet):
  avianvox features build recordings/ --out embeddings/ --spec birdnet
""",
)
@catalogs_argument
@click.option("--out", required=True, type=Target(file_okay=False), help="Folder of the store.")
@click.option(
    "--spec",
    "spec_name",
    default="published_v1",
    show_default=True,
    help="Named feature settings, or a model (name or file) whose embeddings are kept, such as birdnet.",
)
@click.option(
    "--overlap",
    "overlap_s",
    type=float,
    help="Embeddings: overlap of neighbouring windows, seconds.  [default: 0]",
)
@click.option(
    "--no-scores", is_flag=True, help="Embeddings: leave out the model's own scores; the store is smaller."
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float16"]),
    default="float32",
    show_default=True,
    help="Number format of the values.",
)
@add_labels_option
@workplace_options("number of cores")
def build(
    catalogs: tuple[Path, ...],
    labels: tuple[Path, ...],
    out: str,
    spec_name: str,
    overlap_s: float | None,
    no_scores: bool,
    dtype: str,
    jobs: int | None,
    scheduler: str,
    dask_config: Path | None,
) -> None:
    """Build or update a feature store.

    Where a recording's id stands in an earlier CATALOG already, its folder's name is put before it.
    A build that was interrupted continues where it stopped. Only files that have changed are decoded again.
    Exit code 3 says that some recordings could not be read; each is listed. The workers of a Dask cluster
    (--scheduler) write to the folder of the store: it has to be on a file system that they share.
    """
    from avianvox.api.stores import build as build_features
    from avianvox.cli.common import exit_with_failures
    from avianvox.cli.screen import Screen
    from avianvox.inference.spec_names import spec_of
    from avianvox.workers import n_cores

    workplace = workplace_of(jobs, scheduler, dask_config, default=n_cores)
    spec = spec_of(spec_name, overlap_s=overlap_s, scores=not no_scores)
    watch = Screen()
    report, catalog = build_features(
        with_labels(catalogs, labels), out, spec=spec, dtype=dtype, workplace=workplace, watch=watch
    )
    recordings = catalog.recordings
    paths = {recording.id: recording.path for recording in recordings}
    rows = "frames" if spec.anchored else "windows"
    hours = spec.frames_to_seconds(report.n_frames) / 3600
    click.echo(
        f"{report.path}: {len(report.entries)} recordings, {report.n_frames} {rows}, {hours:.2f} h; "
        f"{report.n_extracted} read, {len(report.entries) - report.n_extracted} taken over, "
        f"{report.n_dropped} dropped, {len(report.failed)} failed"
    )
    if n_doubtful := sum(entry.doubtful for entry in report.entries):
        echo(
            f"{n_doubtful} recordings stand as damaged by an earlier version, which took an interrupt for "
            "the end of a file; delete the store to have it made anew",
            err=True,
        )
    if report.n_doubted:
        echo(
            f"{report.n_doubted} recordings stood as damaged in a store of an earlier version, which took an "
            "interrupt for the end of a file; they were read again",
            err=True,
        )
    exit_with_failures(f"{paths[e.id]}: {e.status}: {e.message}" for e in report.failed)


@features.command(epilog="Example: avianvox features info features/ --json")
@click.argument("store", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(store: str, as_json: bool) -> None:
    """Say what the feature store STORE holds."""
    import json

    from avianvox.features.store import FeatureStore

    summary = FeatureStore.open(store).summary()
    if as_json:
        echo_text(json.dumps(summary, indent=2))
        return
    spec = summary.pop("spec")
    for name, value in summary.items():
        text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        echo(f"{name:12} {text}")
    click.echo(f"{'spec':12} " + ", ".join(f"{k}={v}" for k, v in spec.items()))


@features.command(epilog="Example: avianvox features verify features/")
@click.argument("store", type=click.Path())
def verify(store: str) -> None:
    """Read the feature store STORE again and compare it with its hashes.

    Exit code 1 says that something is damaged; each damaged file or recording is listed.
    """
    from avianvox.features.store import FeatureStore, count_doubtful, verify_store

    problems = verify_store(store)
    for problem in problems:
        echo(problem, err=True)
    if problems:
        sys.exit(1)
    opened = FeatureStore.open(store)
    if n_doubtful := count_doubtful(store):
        echo(
            f"{store}: {n_doubtful} recordings stand as damaged by an earlier version, which took an "
            "interrupt for the end of a file; to read them again, run avianvox features build",
            err=True,
        )
    echo(f"{store}: intact, {len(opened)} recordings, {len(opened.rows)} frames")
