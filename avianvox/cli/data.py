"""``avianvox data``: look at a catalog, check it, split it, import or download it, credit its recordists."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avianvox.cli.common import echo, echo_text
from avianvox.cli.download import download
from avianvox.cli.targets import Target, Writer
from avianvox.cli.voices import source_option, voices

if TYPE_CHECKING:
    from avianvox.dataset.catalog import Catalog

_GROUPINGS = ("random", "session", "recordist", "site", "published", "source")

IMPORT_EPILOG = """\b
The published features are float32 files without a header: melsg_<id>.dat holds mel power, shape (128, n), and
mfcc_<id>.dat holds MFCC, shape (20, n). They may also be named <id>_melspectrogram.dat and <id>_mfcc.dat.

\b
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 finished, but features of some recordings are missing
or damaged.

\b
Example:
  avianvox data import recordings/ --out imported
"""

_catalog_argument = click.argument("catalog", type=click.Path(path_type=Path))
_source_option = source_option


@click.group(epilog="Example: avianvox data list recordings/")
def data() -> None:
    """List, check, split, import and download catalogs.

    CATALOG is a folder with recordings.csv or metadata.csv, with xeno-canto answers (recordings.json) beside
    XC<id>.* files, with one folder per class, or in the published set's Kaggle layout; or a CSV file.

    Annotations are a catalog too, with one recording per annotation: a folder with tables of Raven, Audacity
    or other programs beside the sound files; a folder with annotations.toml, which gives the places of sounds
    and tables and the meaning of names; or a table. All commands that take a CATALOG read all of these.
    """


data.add_command(download)
data.add_command(voices)


@data.command("list", epilog="Example: avianvox data list recordings/ --json")
@_catalog_argument
@_source_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_species(catalog: Path, source: str | None, as_json: bool) -> None:
    """List species with recordings, minutes, sessions and recordists."""
    from avianvox.cli.common import tell
    from avianvox.dataset.catalog import read_catalog

    found = read_catalog(catalog, source=source)
    for line in found.problem_lines():
        echo(line, err=True)
    table = _species_table(found)
    if as_json:
        _print_json(table)
        return
    width = max(len(row["label"]) for row in [*table["species"], {"label": "(no label)"}])
    click.echo(f"{'species':<{width}}  recordings  minutes  sessions  recordists  common name")
    for row in [*table["species"], {**table["total"], "label": "total", "common_name": ""}]:
        minutes = "?" if row["minutes"] is None else f"{row['minutes']:.1f}"
        line = (
            f"{row['label'] or '(no label)':<{width}}  {row['recordings']:>10}  {minutes:>7}"
            f"  {row['sessions']:>8}  {row['recordists']:>10}  {row['common_name']}"
        )
        tell(line.rstrip(), hang=width + 45)


@data.command(epilog="Example: avianvox data check recordings/ --duplicates")
@_catalog_argument
@_source_option
@click.option("--duplicates", is_flag=True, help="Search for files with equal content; reads all files.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(catalog: Path, source: str | None, duplicates: bool, as_json: bool) -> None:
    """List the problems of a catalog, one per line.

    The exit code is 3 if there are any. Use "avianvox probe" to check that files decode.
    """
    from dataclasses import asdict

    from avianvox.dataset.catalog import duplicate_audio, read_catalog
    from avianvox.evaluation.plain import counted

    found = read_catalog(catalog, source=source)
    problems = [*found.problems, *(duplicate_audio(found.recordings) if duplicates else ())]
    if as_json:
        _print_json([asdict(problem) for problem in problems])
    else:
        for problem in problems:
            echo(f"{problem.kind}: {problem.message}")
    click.echo(f"{counted(len(found), 'recording')}, {counted(len(problems), 'problem')}", err=True)
    if problems:
        raise SystemExit(3)


@data.command(
    cls=Writer,
    epilog="\b\nExample:\n  avianvox data split recordings/ --grouping site --folds 3 --out split.json",
)
@_catalog_argument
@_source_option
@click.option(
    "--grouping",
    type=click.Choice(_GROUPINGS),
    default="session",
    show_default=True,
    help="Groups kept together on one side; 'source': the split that the catalog defines.",
)
@click.option("--folds", default=3, show_default=True, help="Number of folds.")
@click.option("--seed", default=0, show_default=True, help="Random seed of the folds.")
@click.option(
    "--out",
    type=Target(ours=b'"avianvox split"', path_type=Path),
    help="File for the folds, by recording id.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def split(
    catalog: Path, source: str | None, grouping: str, folds: int, seed: int, out: Path | None, as_json: bool
) -> None:
    """Draw folds and report their overlap.

    The report lists classes without training or test recordings in a fold, and the share of test recordings
    that share their session, or their recordist and species, with training.
    """
    from dataclasses import asdict

    from avianvox.dataset.catalog import read_catalog
    from avianvox.dataset.splits import make_split, report_split, source_split

    found = read_catalog(catalog, source=source)
    if grouping == "source":
        drawn = source_split(found.recordings, found.split)
    else:
        drawn = make_split(found.recordings, grouping=grouping, n_folds=folds, seed=seed)
    report = report_split(drawn, found.recordings)
    if out is not None:
        drawn.save(out, found.recordings)
    if as_json:
        _print_json({"grouping": grouping, "seed": drawn.seed, **asdict(report)})
        return
    click.echo(f"grouping {grouping}, seed {drawn.seed}")
    for i, (n_train, n_test) in enumerate(report.sizes, start=1):
        click.echo(f"fold {i}: {n_train} recordings in training, {n_test} in test")
    click.echo(f"test recordings that share a session with training: {report.shared_session:.1%}")
    click.echo(
        f"test recordings that share recordist and species with training: {report.shared_recordist:.1%}"
    )
    if caveat := report.caveat(grouping):
        echo(caveat)
    for what, labels in (("training", report.untrained), ("test", report.untested)):
        echo(f"classes without {what} recordings in a fold: {', '.join(labels) or 'none'}")


@data.command(name="import", cls=Writer, epilog=IMPORT_EPILOG)
@_catalog_argument
@_source_option
@click.option(
    "--features",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of the published features.  [default: CATALOG/features]",
)
@click.option(
    "--out",
    required=True,
    type=Target(path_type=Path, file_okay=False),
    help="Folder for the imported catalog.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def import_(catalog: Path, source: str | None, features: Path | None, out: Path, as_json: bool) -> None:
    """Import the published data set, or any other catalog.

    OUT gets recordings.csv, an index with the paths of the sound files; split.json, if the source defines a
    split; and a feature store, if the published features are available, which saves decoding. The size of
    every file is checked, and missing files are listed.
    """
    from avianvox.cli.common import exit_with_failures, progress_bar
    from avianvox.dataset import published
    from avianvox.dataset.catalog import read_catalog

    found = read_catalog(catalog, source=source)
    published.import_catalog(found, out)
    folder = features or catalog / published.FEATURES
    cached = None
    if features is not None or published.holds_features(folder):
        with progress_bar("features") as report:
            cached = published.import_features(
                found.recordings, folder, out / published.STORE, progress=report
            )
    n_sound = sum(r.path.is_file() for r in found.recordings)
    failed = [f"{entry.id}: {entry.message}" for entry in cached.failed] if cached else []
    summary: dict[str, Any] = {
        "out": str(out),
        "source": found.source,
        "recordings": len(found),
        "species": len(found.labels),
        "split": {part: list(found.split.values()).count(part) for part in ("train", "test")},
        "sound": n_sound,
        "features": len(found) - len(failed) if cached else 0,
    }
    if cached is not None:
        summary["values"] = cached.values
        summary["other_mfcc"] = cached.n_other_mfcc
    if as_json:
        _print_json(summary)
    else:
        _show_import(summary)
    if not n_sound and cached is None:
        click.echo(f"no sound files and no features found; download them from {published.ORIGIN}", err=True)
    exit_with_failures(failed)


@data.command(name="credits", epilog="Example: avianvox data credits recordings/")
@_catalog_argument
@_source_option
def show_credits(catalog: Path, source: str | None) -> None:
    """List the attribution of each recording.

    One line per file: recordist, id, URL and licence.
    """
    from avianvox.dataset.catalog import read_catalog

    for line in dict.fromkeys(r.attribution for r in read_catalog(catalog, source=source).recordings):
        echo(line)


def _species_table(catalog: "Catalog") -> dict[str, Any]:
    def counts(rows: list[Any]) -> dict[str, Any]:
        durations = [r.duration_s for r in rows]
        return {
            "recordings": len(rows),
            "minutes": None if None in durations else round(sum(durations) / 60, 2),
            "sessions": len({r.session for r in rows}),
            "recordists": len({r.recordist for r in rows if r.recordist}),
        }

    rows = list(catalog.recordings)
    species = []
    for label in sorted({r.label for r in rows}):
        chosen = [r for r in rows if r.label == label]
        species.append({"label": label, "common_name": chosen[-1].common_name, **counts(chosen)})
    return {"source": catalog.source, "species": species, "total": counts(rows)}


def _show_import(summary: dict[str, Any]) -> None:
    from avianvox.dataset import published
    from avianvox.evaluation.plain import counted

    n = summary["recordings"]
    split = summary["split"]
    parts = f"; {split['train']} in training, {split['test']} in test" if any(split.values()) else ""
    what = f"{counted(n, 'recording')} of {counted(summary['species'], 'class')}"
    click.echo(f"{what}, source {summary['source']}{parts}")
    click.echo(f"sound files found: {summary['sound']} of {n}")
    click.echo(f"features imported: {summary['features']} of {n}")
    for name, (count, mean, deviation) in summary.get("values", {}).items():
        told = "{:,} values, mean {:.3f}, standard deviation {:.3f}"
        whole = told.format(*published.PUBLISHED_VALUES[name])
        click.echo(f"  {name}: {told.format(count, mean, deviation)} (published set: {whole})")
    if summary.get("other_mfcc"):
        echo(f"  {summary['other_mfcc']} recordings: MFCC do not match the mel bands")
    echo(f"wrote {summary['out']}")
    if any(split.values()):
        click.echo(
            f"next: avianvox audit {summary['out']}, or avianvox reproduce {summary['out']} (both use the "
            "split of the source), or avianvox crossval (which draws folds)"
        )


def _print_json(value: Any) -> None:
    import json

    echo_text(json.dumps(value, indent=1, ensure_ascii=False))
