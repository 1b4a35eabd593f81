"""``avianvox audit``: what a catalog and its splits give away without a bird being heard."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avianvox.cli.common import catalogs_argument, comma_names, echo, tell
from avianvox.cli.run_options import folds_option
from avianvox.cli.targets import Target, Writer

if TYPE_CHECKING:
    from avianvox.audit.findings import Audit, Finding
    from avianvox.dataset.catalog import Catalog
    from avianvox.dataset.splits import Split
    from avianvox.features.store import FeatureStore

EPILOG = """\b
Without --splits, the audit looks at the split that the catalog's source defines, if any ("source"), and at
folds drawn here for each of --groupings. Its rules use no sound: they answer with the most common species in
training among recordings of the same session (recordist, date and place), recordist, place or duration in
whole seconds. Ties count by their expected value.

\b
Exit codes: 0 done, whatever was found; 1 failed; 2 wrong usage; 3 finished, but some recordings could not
be read (listed on standard error).

\b
Examples:
  avianvox audit recordings/
  avianvox audit recordings/ --groupings session --sound --store features/ \\
    --out audit.json
"""

_SHARED = {"session": "session", "recordist": "recordist", "site": "site"}
_RULES = {
    "session_lookup": "by session",
    "recordist_lookup": "by recordist",
    "site_lookup": "by site",
    "duration": "by duration",
    "majority": "most common species",
    "chance": "chance",
}


@click.command(cls=Writer, epilog=EPILOG)
@catalogs_argument
@click.option(
    "--splits",
    "split_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help='Split to audit, from "avianvox data split" or a run folder.',
)
@click.option(
    "--groupings",
    callback=comma_names,
    default="random,session",
    show_default=True,
    metavar="A,B",
    help="Groupings of the folds to audit: random, session, recordist, site, published.",
)
@folds_option
@click.option("--seed", default=0, show_default=True, help="Random seed of the folds.")
@click.option(
    "--sound",
    is_flag=True,
    help="Audit of the sound too: sample rate, codec, duration and noise that reveal the species, and "
    "copies.",
)
@click.option(
    "--store",
    type=Target(path_type=Path, file_okay=False),
    help="Feature store for --sound, built if missing.  [default: runs/audit/features-SETTINGS]",
)
@click.option("--json", "as_json", is_flag=True, help="Print findings and figures as JSON.")
@click.option(
    "--out",
    type=Target(ours=b'"findings"', path_type=Path, dir_okay=False),
    metavar="FILE",
    help="File for the JSON.",
)
def audit(
    catalogs: tuple[Path, ...],
    split_file: Path | None,
    groupings: tuple[str, ...],
    folds: int,
    seed: int,
    sound: bool,
    store: Path | None,
    as_json: bool,
    out: Path | None,
) -> None:
    """Find shortcuts in a catalog and leaks in its folds.

    CATALOG is a folder or an index file, as for "avianvox data"; several are merged. The index alone is
    enough: no sound is read without --sound. Findings are ranked: an alarm says that figures can't be trusted
    as they are, a warning that they need a word beside them, a note that something is good to know.
    """
    import json
    from dataclasses import replace

    from avianvox.api.catalogs import unreadable
    from avianvox.audit.index import audit_recordings
    from avianvox.cli.common import exit_with_failures, progress_bar
    from avianvox.dataset.catalog import TO_LABEL, read_catalogs
    from avianvox.errors import CatalogError
    from avianvox.evaluation.plain import counted
    from avianvox.files import atomic_write

    if not groupings:
        raise click.UsageError("--groupings names none; for example: --groupings random,session")
    if store is not None and not sound:
        raise click.UsageError("--store is for --sound")
    catalog = read_catalogs(catalogs)
    for line in catalog.problem_lines():
        echo(line, err=True)
    labelled = [i for i, recording in enumerate(catalog.recordings) if recording.label]
    if not labelled:
        names = ", ".join(map(str, catalogs))
        raise CatalogError(f"{names}: no recording has a label; {TO_LABEL}")
    if len(labelled) < len(catalog):
        click.echo(
            f"left out: {counted(len(catalog) - len(labelled), 'recording')} without a label", err=True
        )
    catalog = catalog.subset(labelled)
    splits, undrawn = _splits(catalog, split_file, groupings, folds, seed)
    features = _features(catalog, store) if sound else None
    with progress_bar("audit", hide=not sound) as progress:
        found = audit_recordings(
            catalog.recordings, splits, catalog.labels, store=features, progress=progress
        )
    found = replace(found, findings=(*undrawn, *found.findings))
    text = json.dumps(found.to_mapping(), indent=1)  # in ASCII: an id may come from a name that is not UTF-8
    if out is not None:
        with atomic_write(out) as stream:
            stream.write(text + "\n")
    if as_json:
        click.echo(text)
    else:
        _show(found, splits)
    exit_with_failures(unreadable(catalog.recordings, features) if features else ())


def _splits(
    catalog: "Catalog", file: Path | None, groupings: tuple[str, ...], folds: int, seed: int
) -> "tuple[dict[str, Split], list[Finding]]":
    """The splits to look at, by name, and what is to be said of groupings that allow none."""
    from avianvox.audit.classes import undrawn_finding
    from avianvox.dataset.splits import GROUPINGS, Split, make_split, source_split
    from avianvox.errors import InputError

    rows = catalog.recordings
    if file is not None:
        return {file.name: Split.load(file, rows)}, []
    splits = {"source": source_split(rows, catalog.split)} if catalog.split else {}
    undrawn = []
    for name in groupings:
        try:
            splits[name] = make_split(rows, grouping=name, n_folds=folds, seed=seed)
        except InputError as error:
            if name not in GROUPINGS:
                raise
            undrawn.append(undrawn_finding(name, rows, str(error)))
    return splits, undrawn


def _features(catalog: "Catalog", store: Path | None) -> "FeatureStore":
    from contextlib import suppress

    from avianvox.cli.common import progress_bar
    from avianvox.errors import CatalogError, StoreError
    from avianvox.features.provide import default_store, provide_store
    from avianvox.features.spec import spec_named
    from avianvox.features.store import FeatureStore

    spec = spec_named("published_v1")
    at = store or default_store(Path("runs/audit"), spec)
    if not any(recording.path.is_file() for recording in catalog.recordings):
        with suppress(StoreError):
            held = FeatureStore.open(at, spec=spec)
            if {recording.id for recording in catalog.recordings} <= set(held.ids):
                return held  # features may come without any sound: avianvox data import
        raise CatalogError(
            f"none of the catalog's {len(catalog)} sound files is there, the first one at "
            f"{catalog.recordings[0].path}, and {at} holds no features of them; leave --sound out to audit "
            "the index alone"
        )
    with progress_bar("features") as progress:
        return provide_store(catalog.recordings, spec, at, progress=progress)


def _show(found: "Audit", splits: "dict[str, Split]") -> None:
    """Figures of each split in a table, then every finding."""
    from avianvox.audit.findings import LEVELS
    from avianvox.evaluation.plain import counted

    figures = found.figures
    lines = [f"{counted(figures['recordings'], 'recording')}, {counted(figures['classes'], 'class')}", ""]
    lines += _table(figures["splits"]) if splits else ["no folds to look at"]
    lines += ["", *(f"{name}: {_meaning(name, split)}" for name, split in splits.items()), ""]
    counts = {level: len(found.at(level)) for level in LEVELS}
    lines += [", ".join(counted(n, level) for level, n in counts.items())]
    lines += [line for finding in found.findings for line in ("", *finding.lines())]
    tell("\n".join(lines), hang=4)


def _table(splits: dict[str, Any]) -> list[str]:
    """One column for each split."""
    rows = [("", list(splits)), ("test recordings", [f"{s['test_recordings']}" for s in splits.values()])]
    rows.append(("share with training:", []))
    for key, title in _SHARED.items():
        rows.append((f"  {title}", [f"{s['shared'][key]:.1%}" for s in splits.values()]))
    rows.append(("accuracy without sound (first five species):", []))
    for rule, title in _RULES.items():
        figures = [s["rules"][rule] for s in splits.values()]
        rows.append((f"  {title}", [f"{f['top1']:.1%} ({f['top5']:.1%})" for f in figures]))
    width = max(18, *(len(name) + 2 for name in splits))
    return [
        f"{title:<{28 if cells else 0}}" + "".join(f"{c:>{width}}" for c in cells) for title, cells in rows
    ]


def _meaning(name: str, split: "Split") -> str:
    """Where a split comes from, in words."""
    from avianvox.dataset.splits import GROUPINGS
    from avianvox.evaluation.plain import counted

    if name == "source":
        return "the split that the catalog's source defines"
    if name not in GROUPINGS:
        return f"read from the file, {counted(len(split.folds), 'fold')}, grouping {split.grouping}"
    return f"{len(split.folds)} folds drawn here with seed {split.seed}: {GROUPINGS[name]}"
