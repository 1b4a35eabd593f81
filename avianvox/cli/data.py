"""``avianvox data``: look at a catalog, check it, split it, import or download it, credit its recordists."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avianvox.cli.common import echo, echo_text
from avianvox.cli.download import download
from avianvox.cli.targets import Target, Writer

if TYPE_CHECKING:
    from avianvox.dataset.catalog import Catalog

_GROUPINGS = ("random", "session", "recordist", "site", "published", "source")

IMPORT_EPILOG = """\b
Of the published features, melsg_<id>.dat holds mel power as float32 of shape (128, n) and mfcc_<id>.dat MFCC
of shape (20, n), without a header; <id>_melspectrogram.dat and <id>_mfcc.dat are the other names they go by.

\b
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 done, but features of some recordings are missing or damaged.

\b
Example:
  avianvox data import recordings/ --out imported
"""

_catalog_argument = click.argument("catalog", type=click.Path(path_type=Path))
_source_option = click.option(
    "--source",
    metavar="NAME",
    help="Kind of catalog (annotations, kaggle, xeno_canto, csv, folders); else recognised by itself.",
)


@click.group(epilog="Example: avianvox data list recordings/")
def data() -> None:
    """List, check, split, import and download a catalog of recordings.

    CATALOG is a folder with recordings.csv or metadata.csv, with xeno-canto answers (recordings.json) beside
    XC<id>.* files, with one folder per class, or in the published set's Kaggle layout; or a CSV file.

    Annotations are a catalog too, and each of them a recording: a folder with tables of Raven, Audacity or
    other programs beside the sound files, or with annotations.toml, which says where sound and tables are and
    what names in them mean; or a table. It goes for every command that takes a CATALOG.
    """


data.add_command(download)


@data.command("list", epilog="Example: avianvox data list recordings/ --json")
@_catalog_argument
@_source_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_species(catalog: Path, source: str | None, as_json: bool) -> None:
    """Show species, recordings, minutes, sessions and recordists."""
    from avianvox.dataset.catalog import read_catalog

    found = read_catalog(catalog, source=source)
    for line in found.problem_lines():
        click.echo(line, err=True)
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
        echo(line.rstrip())


@data.command(epilog="Example: avianvox data check recordings/ --duplicates")
@_catalog_argument
@_source_option
@click.option("--duplicates", is_flag=True, help="Compare the files' contents too; reads the files.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(catalog: Path, source: str | None, duplicates: bool, as_json: bool) -> None:
    """List what is wrong, one line each.

    Ends with exit code 3 if anything is. Whether the sound decodes is for "avianvox probe" to say.
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
    epilog="Example: avianvox data split recordings/ --grouping session --folds 3 --out split.json",
)
@_catalog_argument
@_source_option
@click.option(
    "--grouping",
    type=click.Choice(_GROUPINGS),
    default="session",
    show_default=True,
    help="What stands on one side only; 'source' takes the split that the catalog defines.",
)
@click.option("--folds", default=3, show_default=True, help="Number of folds.")
@click.option("--seed", default=0, show_default=True, help="Another seed draws other folds.")
@click.option(
    "--out",
    type=Target(ours=b'"avianvox split"', path_type=Path),
    help="Write the folds here, by recording id.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def split(
    catalog: Path, source: str | None, grouping: str, folds: int, seed: int, out: Path | None, as_json: bool
) -> None:
    """Draw folds and report on them.

    The report names the classes that the folds leave without training or test recordings, and says how many
    test recordings share their session, or their recordist and species, with training.
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
        click.echo(f"fold {i}: {n_train} for training, {n_test} for testing")
    click.echo(f"test recordings whose session stands in training: {report.shared_session:.1%}")
    click.echo(f"test recordings whose recordist has the species in training: {report.shared_recordist:.1%}")
    if caveat := report.caveat(grouping):
        echo(caveat)
    for what, labels in (("training", report.untrained), ("test", report.untested)):
        echo(f"classes without {what} recordings in some fold: {', '.join(labels) or 'none'}")


@data.command(name="import", cls=Writer, epilog=IMPORT_EPILOG)
@_catalog_argument
@_source_option
@click.option(
    "--features",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of the published features.  [default: CATALOG/features, where it holds some]",
)
@click.option(
    "--out", required=True, type=Target(path_type=Path, file_okay=False), help="The imported folder."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def import_(catalog: Path, source: str | None, features: Path | None, out: Path, as_json: bool) -> None:
    """Bring the published data set, or any other catalog, into a plain index.

    OUT gets recordings.csv, which names the sound files where they lie; split.json, read with it from then
    on, where the source defines a split; and a feature store where the features of the published experiment
    are at hand: they are read without decoding any sound. Every file's size is checked, and what is missing
    is listed.
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
        click.echo(f"neither sound nor features here; they come from {published.ORIGIN}", err=True)
    exit_with_failures(failed)


@data.command(name="credits", epilog="Example: avianvox data credits recordings/")
@_catalog_argument
@_source_option
def show_credits(catalog: Path, source: str | None) -> None:
    """Credit each recording.

    One line for each file: recordist, id, address and licence.
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
    parts = f"; {split['train']} for training, {split['test']} for testing" if any(split.values()) else ""
    what = f"{counted(n, 'recording')} of {counted(summary['species'], 'class')}"
    click.echo(f"{what}, source {summary['source']}{parts}")
    click.echo(f"sound files there: {summary['sound']} of {n}")
    click.echo(f"features imported: {summary['features']} of {n}")
    for name, (count, mean, deviation) in summary.get("values", {}).items():
        told = "{:,} values, mean {:.3f}, deviation {:.3f}"
        whole = told.format(*published.PUBLISHED_VALUES[name])
        click.echo(f"  {name}: {told.format(count, mean, deviation)} (published set: {whole})")
    if summary.get("other_mfcc"):
        click.echo(f"  of {summary['other_mfcc']} recordings the MFCC are not those of their bands")
    echo(f"wrote {summary['out']}")
    if any(split.values()):
        click.echo(
            f"next: avianvox audit {summary['out']}, and avianvox reproduce {summary['out']}: both go by "
            "the source's split; avianvox crossval draws folds"
        )


def _print_json(value: Any) -> None:
    import json

    echo_text(json.dumps(value, indent=1, ensure_ascii=False))
