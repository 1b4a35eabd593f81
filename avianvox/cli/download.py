"""``avianvox data download``: fetch recordings from xeno-canto, with their hashes and their recordists."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avianvox.cli.common import FiniteFloat, echo, echo_text
from avianvox.cli.targets import Target, Writer

if TYPE_CHECKING:
    from avianvox.dataset.download.wishes import Plan

EPILOG = """\b
QUERY uses xeno-canto's tags: gen: sp: en: fam: cnt: loc: rec: q: len: type: lic: year: grp: box: and others
(https://xeno-canto.org/help/search). Put values with spaces in quotes: en:"house wren".

\b
The API key belongs to a member's account (https://xeno-canto.org/account). Set XC_API_KEY rather than --key:
other users of the computer can see the options of a command. The key is never written to a file.

\b
OUT gets audio/XC<id>.*, recordings.json, SHA256SUMS (for sha256sum --check) and ATTRIBUTION.txt. It is a
catalog: avianvox data list OUT. To continue an interrupted download, run the same command again.

\b
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 finished, but some files could not be downloaded.

\b
Examples:
  avianvox data download "gen:Vireo sp:latimeri q:A" --dry-run
  avianvox data download "gen:Vireo sp:latimeri q:A" --out vireo \\
    --per-session 2 --no-nd
"""


@click.command(cls=Writer, goes_on=True, epilog=EPILOG)
@click.argument("query")
@click.option(
    "--out",
    type=Target(path_type=Path),
    help="Folder for the recordings.  [default: named after the query]",
)
@click.option("--key", envvar="XC_API_KEY", default="", show_envvar=True, help="API key.")
@click.option(
    "--min-quality",
    type=click.Choice(("A", "B", "C", "D", "E"), case_sensitive=False),
    help="Minimum quality rating; A is the best. Unrated recordings are left out.",
)
@click.option("--min-length", type=FiniteFloat(min=0), metavar="S", help="Minimum duration in seconds.")
@click.option("--max-length", type=FiniteFloat(min=0), metavar="S", help="Maximum duration in seconds.")
@click.option("--no-nd", is_flag=True, help="Leave out no-derivatives and unknown licences.")
@click.option(
    "--per-species", type=click.IntRange(min=1), metavar="N", help="Maximum number of recordings per species."
)
@click.option(
    "--per-recordist",
    type=click.IntRange(min=1),
    metavar="N",
    help="Maximum number per species and recordist.",
)
@click.option(
    "--per-session",
    type=click.IntRange(min=1),
    metavar="N",
    help="Maximum number per species and session (recordist, day and place).",
)
@click.option(
    "--seed", default=0, show_default=True, help="Random seed of the choice among recordings of equal rating."
)
@click.option("--dry-run", is_flag=True, help="List recordings and durations without downloading.")
@click.option("--sizes", is_flag=True, help="File sizes for --dry-run; one request per file.")
@click.option(
    "--refresh",
    is_flag=True,
    help="Repeat the search, also with other options. Files already there are kept.",
)
@click.option(
    "--rate",
    type=FiniteFloat(min=0.001),
    default=1.0,
    show_default=True,
    help="Requests per second; xeno-canto allows one.",
)
@click.option(
    "--api",
    envvar="XC_API",
    metavar="ADDRESS",
    help="Address of the API.  [default: xeno-canto's]",
    show_envvar=True,
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def download(
    query: str,
    out: Path | None,
    key: str,
    dry_run: bool,
    sizes: bool,
    refresh: bool,
    rate: float,
    api: str | None,
    as_json: bool,
    min_length: float | None,
    max_length: float | None,
    no_nd: bool,
    **same: Any,
) -> None:
    """Download recordings from xeno-canto.

    Recordings of the best quality are kept first under --per-species, --per-recordist and --per-session.
    """
    from avianvox.cli.common import exit_with_failures, progress_bar
    from avianvox.dataset.download import run
    from avianvox.dataset.download.session import API, Manners, Session
    from avianvox.dataset.download.wishes import Wishes

    if sizes and not dry_run:
        raise click.UsageError("--sizes needs --dry-run")
    asked = Wishes(
        query=query, min_length_s=min_length, max_length_s=max_length, no_derivatives=not no_nd, **same
    )
    session = Session(key, Manners(rate=rate), api=api or API, say=lambda line: echo(line, err=True))
    if dry_run:
        plan = run.make_plan(session, asked)
        with progress_bar("sizes", hide=not sizes) as report:
            n_bytes = run.exact_bytes(session, plan, report) if sizes else plan.bytes_about
        _show_plan(plan, n_bytes, exact=sizes, as_json=as_json)
        return
    folder = out or Path(_slug(query))
    with progress_bar("recordings") as report:
        outcome = run.download(session, asked, folder, refresh=refresh, progress=report)
    summary = {
        "out": str(folder),
        **_plan_summary(outcome.plan),
        "fetched": outcome.fetched,
        "fetched_bytes": outcome.fetched_bytes,
        "there": outcome.there,
        "failed": len(outcome.failed),
        "unlisted": outcome.unlisted,
    }
    if as_json:
        _print_json(summary)
    else:
        _show_outcome(summary)
    exit_with_failures(outcome.failed)


def _slug(query: str) -> str:
    """A folder's name: ``gen:Vireo sp:latimeri q:A`` gives ``xc_gen_Vireo_sp_latimeri_q_A``."""
    return "_".join(["xc", *re.findall(r"\w+", query)])[:100]


def _plan_summary(plan: "Plan") -> dict[str, Any]:
    return {
        "found": len(plan.chosen) + sum(plan.left_out.values()),
        "left_out": plan.left_out,
        "chosen": len(plan.chosen),
        "species": plan.n_species,
        "seconds": plan.seconds,
    }


def _show_plan(plan: "Plan", n_bytes: int, *, exact: bool, as_json: bool) -> None:
    summary = _plan_summary(plan)
    if as_json:
        rows = [
            {
                "id": sound.recording.id,
                "label": sound.recording.label,
                "seconds": sound.recording.duration_s,
                "quality": sound.recording.quality,
                "recordist": sound.recording.recordist,
                "licence": sound.recording.licence,
                "url": sound.recording.url,
                "file": sound.name,
            }
            for sound in plan.chosen
        ]
        _print_json({**summary, "bytes": n_bytes, "bytes_exact": exact, "recordings": rows})
        return
    for recording in (sound.recording for sound in plan.chosen):
        length = "?" if recording.duration_s is None else f"{recording.duration_s:.0f}"
        fields = (recording.label, recording.recordist, recording.licence)
        echo(f"{recording.id:<10}  {length:>5} s  {recording.quality or '-'}  {', '.join(fields)}")
    _show_choice(summary)
    click.echo(f"to fetch: {'' if exact else 'about '}{n_bytes / 1e6:.1f} MB")


def _show_choice(summary: dict[str, Any]) -> None:
    from avianvox.evaluation.plain import counted

    left_out = ", ".join(f"{count} {reason}" for reason, count in summary["left_out"].items())
    click.echo(f"found: {counted(summary['found'], 'recording')}; left out: {left_out or 'none'}")
    what = f"{counted(summary['chosen'], 'recording')} of {summary['species']} species"
    click.echo(f"chosen: {what}, {summary['seconds'] / 60:.1f} minutes")


def _show_outcome(summary: dict[str, Any]) -> None:
    _show_choice(summary)
    click.echo(
        f"fetched: {summary['fetched']} ({summary['fetched_bytes'] / 1e6:.1f} MB); "
        f"already there: {summary['there']}; failed: {summary['failed']}"
    )
    if summary["unlisted"]:
        click.echo(f"files of an earlier choice: {summary['unlisted']} in audio/, not listed")
    echo(f"wrote {summary['out']}: recordings.json, SHA256SUMS, ATTRIBUTION.txt, audio/")


def _print_json(value: Any) -> None:
    import json

    echo_text(json.dumps(value, indent=1, ensure_ascii=False))
