"""``avianvox reproduce``: the published experiment, on its own data or on any other catalog."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from avianvox.cli.common import comma_names, echo, echo_text, progress_bar, progress_bars
from avianvox.cli.targets import Target, Writer
from avianvox.reproduce.figures import PUBLISHED

if TYPE_CHECKING:
    from avianvox.dataset.catalog import Catalog
    from avianvox.dataset.splits import Split
    from avianvox.evaluation.fits import FitReport
    from avianvox.features.store import FeatureStore

EPILOG = """\b
The published data are 2,730 recordings of 91 species with split and features, in one folder as downloaded
(xeno-canto_ca-nv_index.csv, train_file_ids.csv, test_file_ids.csv, xeno-canto-ca-nv/ or features/). Any other
catalog works too; without a split, a random third is used as test part. Each fit is saved at once. To
continue an interrupted run, or to add models, run the command again.

\b
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 finished, but some recordings could not be read (listed on
standard error).

\b
Example:
  avianvox reproduce recordings/ --models gnb_pixels,gnb_mfcc --epochs 1 \\
    --out runs/published
"""


@click.command(cls=Writer, goes_on=True, epilog=EPILOG)
@click.argument("catalog", required=False, type=click.Path(path_type=Path))
@click.option(
    "--models",
    callback=comma_names,
    metavar="A,B",
    help=f"Names of published models: {', '.join(PUBLISHED)}.  [default: all]",
)
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Number of epochs of networks and perceptron on the folds; final fits have 1.5 times as many.",
)
@click.option("--seed", default=0, show_default=True, help="Random seed of folds, fits and a random split.")
@click.option(
    "--split",
    "split_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of a split with one fold.  [default: the catalog's split, CATALOG/split.json, or random]",
)
@click.option(
    "--store",
    type=Target(path_type=Path, file_okay=False),
    help="Feature store.  [default: CATALOG/store, or OUT/features-SETTINGS]",
)
@click.option(
    "--out",
    type=Target(path_type=Path, file_okay=False),
    default=Path("runs/reproduced"),
    show_default=True,
    help="Folder of the reproduction.",
)
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")
def reproduce(
    catalog: Path | None,
    models: tuple[str, ...] | None,
    epochs: int,
    seed: int,
    split_file: Path | None,
    store: Path | None,
    out: Path,
    as_json: bool,
) -> None:
    """Reproduce the published experiment.

    Each model is evaluated on three random folds of the training part of CATALOG, then trained on all of it
    and evaluated on the test part with five crop seeds. The published figures are shown beside. For
    comparison, so are folds that keep sessions together, and a rule that uses no sound.
    """
    import json

    from avianvox.api.catalogs import unreadable
    from avianvox.cli.common import exit_with_failures
    from avianvox.dataset.catalog import read_catalog
    from avianvox.dataset.published import ORIGIN
    from avianvox.errors import require_extra

    if catalog is None:
        raise click.UsageError(
            f"name a CATALOG. The published data come from {ORIGIN}; unpack all into one folder"
        )
    for module in ("sklearn", "matplotlib"):
        require_extra(module, extra="train", purpose="avianvox reproduce")
    from avianvox.reproduce.run import MODEL_NAMES, Protocol
    from avianvox.reproduce.run import reproduce as run_protocol

    protocol = Protocol(models or MODEL_NAMES, epochs, seed)
    found = read_catalog(catalog)
    for line in found.problem_lines():
        echo(line, err=True)
    parts = _parts(found, catalog, split_file, seed)
    features = _features(found, catalog, store, out)
    with progress_bars() as bars:
        task = bars.add_task("epochs", total=None) if bars else None

        def after_epoch(report) -> None:  # type: ignore[no-untyped-def]
            if bars is not None and task is not None:
                bars.update(task, completed=report.epoch, total=report.n_epochs)

        result = run_protocol(found, features, parts, out, protocol, progress=_say, epochs=after_epoch)
    echo_text(json.dumps(result.to_mapping(), indent=1) if as_json else result.markdown(), nl=as_json)
    exit_with_failures(unreadable(found.recordings, features))


def _say(report: "FitReport") -> None:
    if report.done and not report.kept:
        where = f"{report.model}, {report.grouping} fold {report.fold + 1}"
        echo(f"{report.number}/{report.n_fits} {where}: {report.seconds:.1f} s", err=True)


def _parts(catalog: "Catalog", path: Path, split_file: Path | None, seed: int) -> "Split":
    """The training and the test part: named, the source's own, an imported one, or drawn."""
    from avianvox.dataset.published import SPLIT
    from avianvox.dataset.splits import Split, make_split, source_split

    if split_file is None and catalog.split:
        return source_split(catalog.recordings, catalog.split)
    if split_file is not None or (path / SPLIT).is_file():
        return Split.load(split_file or path / SPLIT, catalog.recordings)
    drawn = make_split(catalog.recordings, grouping="published", n_folds=2, seed=seed)
    return Split(drawn.folds[:1], drawn.grouping, drawn.seed)


def _features(catalog: "Catalog", path: Path, store: Path | None, out: Path) -> "FeatureStore":
    """The store that was named or imported; else one from cached features or from sound."""
    from avianvox.dataset import published
    from avianvox.errors import InputError
    from avianvox.features.layout import STORE
    from avianvox.features.provide import default_store, provide_store

    imported = path / published.STORE
    if store is None and (imported / STORE).is_file():
        store = imported
    at = store or default_store(out, published.SPEC)
    cached = path / published.FEATURES
    if not (at / STORE).is_file():
        if published.holds_features(cached):
            with progress_bar("features") as report:
                published.import_features(catalog.recordings, cached, at, progress=report)
        elif not any(recording.path.is_file() for recording in catalog.recordings):
            raise InputError(
                f"{path} holds neither sound nor features of its {len(catalog)} recordings; "
                f"they come from {published.ORIGIN}"
            )
    with progress_bar("features") as report:
        return provide_store(catalog.recordings, published.SPEC, at, progress=report)
