"""``avianvox gate``: train, describe and measure the stage that passes over windows without a voice."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avianvox.cli.common import catalogs_argument, echo, echo_text
from avianvox.cli.targets import Target, Writer

if TYPE_CHECKING:
    from avianvox.inference.gate_share import Passed

_LONG = 5  # lists longer than this are only counted


@click.group(epilog="Example: avianvox gate measure recordings/")
def gate() -> None:
    """Train, describe and measure gates, which skip windows without a voice.

    With --gate, classify and listen ask it before the network that names species.
    """


@gate.command(
    cls=Writer,
    epilog="""\b
Recordings labelled "no bird" (a folder of that name, or "background") have no voice; all others have one
somewhere. Thresholds and figures come from folds that keep sessions together.

\b
Example:
  avianvox gate train recordings/ background/ --out gate.json --folds 3
""",
)
@catalogs_argument
@click.option(
    "--out",
    required=True,
    type=Target(ours=b'"avianvox gate"', path_type=Path, dir_okay=False),
    help="File of the gate.",
)
@click.option(
    "--store",
    type=Target(path_type=Path, file_okay=False),
    help="Feature store.  [default: a temporary one]",
)
@click.option(
    "--spec", "spec_name", default="published_v1", show_default=True, help="Named feature settings."
)
@click.option(
    "--folds",
    "n_folds",
    type=click.IntRange(2),
    default=5,
    show_default=True,
    help="Number of folds by session.",
)
@click.option("--seed", default=0, show_default=True, help="Random seed of folds and noises.")
@click.option("--licence", default="", help="Licence of the gate.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def train(
    catalogs: tuple[Path, ...],
    out: Path,
    store: Path | None,
    spec_name: str,
    n_folds: int,
    seed: int,
    licence: str,
    as_json: bool,
) -> None:
    """Train a gate on one CATALOG or on several together."""
    import json

    from avianvox.api.catalogs import unreadable
    from avianvox.cli.common import exit_with_failures, progress_bar
    from avianvox.dataset.catalog import read_catalogs
    from avianvox.errors import OutputError, require_extra
    from avianvox.features.provide import provide_store
    from avianvox.features.spec import spec_named
    from avianvox.files import named, scratch_folder
    from avianvox.inference.gate import check_bands
    from avianvox.models.gate import train_gate

    # before features are made for long
    require_extra("sklearn", extra="train", purpose="training a gate")
    if not out.absolute().parent.is_dir():
        raise OutputError(f"cannot write {out}: the folder does not exist; create it first")
    spec = spec_named(spec_name)
    check_bands(spec)
    catalog = read_catalogs(catalogs)
    for line in catalog.problem_lines():
        echo(line, err=True)
    with scratch_folder() as folder:
        with progress_bar("features") as report:
            features = provide_store(catalog.recordings, spec, store or folder / "features", progress=report)
        with progress_bar("windows") as report:
            trained = train_gate(
                catalog,
                features,
                spec,
                n_folds=n_folds,
                seed=seed,
                catalogs=[named(path).name for path in catalogs],
                licence=licence,
                progress=report,
            )
        failed = unreadable(catalog.recordings, features)
    trained.save(out)
    if as_json:
        click.echo(json.dumps(trained.figures, indent=1))
    else:
        echo(f"{out}:")
        _show_figures(trained.figures)
    exit_with_failures(failed)


@gate.command(epilog="Example: avianvox gate info")
@click.argument("gate_file", required=False, metavar="[GATE]")
@click.option("--json", "as_json", is_flag=True, help="JSON of the whole file.")
def info(gate_file: str | None, as_json: bool) -> None:
    """Describe a gate.

    GATE is the file of a gate; by default the bundled one.
    """
    import json

    from avianvox.cli.common import tell
    from avianvox.inference.gate import DEFAULT_GATE, Gate

    found = Gate.load(gate_file or DEFAULT_GATE)
    if as_json:
        echo_text(json.dumps(found.to_mapping(), indent=1, ensure_ascii=False))
        return
    for name, part in (("provenance", found.provenance), ("licences", found.licences)):
        echo(f"{name}:")
        for key, value in part.items():
            long = isinstance(value, list) and len(value) > _LONG
            text = f"{len(value)} entries, with --json" if long else value
            text = text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)
            tell(f"  {key}: {text}", hang=4)
    echo("figures, computed on held-out sessions:")
    _show_figures(found.figures)


@gate.command(
    epilog="""\b
With --calls, a window has a call if one overlaps it by 0.1 s or more.

\b
Examples:
  avianvox gate measure recordings/ --recall 0.98
  avianvox gate measure recordings/ --calls recordings/ --json
"""
)
@click.argument("paths", nargs=-1, required=True, metavar="PATHS...")
@click.option("--gate", "gate_file", metavar="FILE", help="File of a gate.  [default: the bundled one]")
@click.option(
    "--recall",
    type=float,
    help="Recall of the gate, as share of recordings with a voice: 0.9, 0.95, 0.98 or 0.99.  [default: 0.98]",
)
@click.option(
    "--calls",
    "calls_folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of 'avianvox synth', with the times of all calls.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each file, then one for all.")
def measure(
    paths: tuple[str, ...],
    gate_file: str | None,
    recall: float | None,
    calls_folder: Path | None,
    as_json: bool,
) -> None:
    """Measure the share of windows that pass the gate.

    PATHS are sound files and folders.
    """
    import json

    from avianvox.audio.find import find_audio
    from avianvox.cli.common import exit_with_failures
    from avianvox.inference.gate import DEFAULT_GATE, load_gate
    from avianvox.inference.gate_share import added_up, pass_file, read_calls

    chosen = load_gate(gate_file or DEFAULT_GATE, recall)
    calls = read_calls(calls_folder) if calls_folder else None
    failed, seen = [], []
    for path in find_audio(paths):
        passed = pass_file(path, chosen, None if calls is None else calls.get(path.stem, []))
        if passed.message:
            failed.append(f"{path}: {passed.message}")
            continue
        seen.append(passed)
        echo(json.dumps(passed.to_mapping()) if as_json else f"{path}: {_told(passed)}")
    total = added_up(seen)
    echo(json.dumps(total.to_mapping()) if as_json else f"all: {_told(total)}")
    exit_with_failures(failed)


def _told(passed: "Passed") -> str:
    share = passed.n_through / max(passed.n_windows, 1)
    text = f"{passed.n_through} of {passed.n_windows} windows go on ({share:.0%}), {passed.seconds:.0f} s"
    if passed.n_calling is None or passed.n_calling_through is None:
        return text
    quiet, through = passed.n_windows - passed.n_calling, passed.n_through - passed.n_calling_through
    return (
        f"{text}; with a call {passed.n_calling_through} of {passed.n_calling}, without {through} of {quiet}"
    )


def _show_figures(figures: Mapping[str, Any]) -> None:
    """A row for each share that a gate may keep; intervals are those of resampled sessions."""
    row = "  {:>6}  {:>5}  {:<20}  {:>12}  {}"
    heads = ("recall", "score", "strongest kept", "windows kept", "noise passed over")
    click.echo(row.format(*heads))
    for recall, found in figures["recall"].items():
        kept, noise = _interval(found["strongest_kept"]), _interval(found["noise_passed_over"])
        score, windows = f"{found['threshold']:.3f}", f"{found['voice_windows_kept']:.3f}"
        click.echo(row.format(recall, score, kept, windows, noise))


def _interval(found: Mapping[str, Any]) -> str:
    ends = [f"{found[end]:.3f}" if found[end] is not None else "?" for end in ("low", "high")]
    return f"{found['value']:.3f} [{', '.join(ends)}]"
