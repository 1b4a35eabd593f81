"""``avianvox review``: events and recordings on a page, where people say what they hear."""

from pathlib import Path

import click

from avianvox.cli.common import FiniteFloat, audio_option, browser_option, echo
from avianvox.cli.targets import Target, Writer

EPILOG = """\b
SOURCE is a table of events as 'avianvox classify --by event', Raven or BirdNET write it, a folder of such
tables, a folder that 'avianvox segments' wrote, or a folder of recordings, which are annotated from nothing.

\b
Verdicts are written as they are made, each on disk before the page goes on. Press ? on the page for the keys.
The page is for this computer alone: its address holds a secret that is new each time.

\b
Examples:
  avianvox review events.csv
  avianvox review recorder/ --species-list birds.txt --reviewer Ana
  avianvox review events.csv --blind --seed 7 --no-browser
"""


@click.command(cls=Writer, epilog=EPILOG)
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--verdicts",
    "verdicts",
    type=Target(path_type=Path, dir_okay=False, ours=b"id,time,reviewer,file", only_ours="table of verdicts"),
    metavar="FILE",
    help="Table of verdicts, which is extended where it is there.  [default: beside SOURCE, .verdicts.csv]",
)
@click.option("--reviewer", default="", metavar="NAME", help="Name of the reviewer.  [default: asked for]")
@click.option(
    "--blind", is_flag=True, help="Hide what the model suggests, to measure what suggestions do to reviewers."
)
@click.option(
    "--min-score",
    type=FiniteFloat(0, 1),
    default=0.0,
    help="Minimum score of an event.  [default: none]",
)
@audio_option
@click.option(
    "--from", "table_format", metavar="FORMAT", help="Format of SOURCE.  [default: recognised by its content]"
)
@click.option(
    "--species-list",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Names that the page completes, one per line, 'Scientific name_Common name' or one of both.  "
    "[default: those of the model]",
)
@click.option(
    "--model",
    metavar="MODEL",
    help="Model whose species the page completes.  [default: that of 'avianvox classify']",
)
@click.option("--seed", default=0, show_default=True, help="Random seed of the order 'drawn'.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Port of the page.  [default: one for each table of verdicts]",
)
@browser_option
def review(
    source: Path,
    verdicts: Path | None,
    reviewer: str,
    blind: bool,
    min_score: float,
    audio: Path | None,
    table_format: str | None,
    species_list: Path | None,
    model: str | None,
    seed: int,
    port: int | None,
    browser: bool,
) -> None:
    """Listen to events or recordings on a local page, and say what is heard."""
    from avianvox.errors import require_extra

    for module in ("starlette", "uvicorn"):
        require_extra(module, extra="review", purpose="avianvox review")
    from avianvox.desk.review.start import ReviewWishes, run_review

    wishes = ReviewWishes(
        source,
        verdicts=verdicts,
        reviewer=reviewer.strip(),
        blind=blind,
        min_score=min_score,
        audio=audio,
        table_format=table_format,
        species_list=species_list,
        model=model,
        seed=seed,
    )
    told = run_review(wishes, port=port or 0, browser=browser, say=lambda line: click.echo(line))
    echo(f"avianvox review: {told}", err=True)
