"""``avianvox demo``: the whole line on synthetic voices."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from avianvox.cli.targets import Target, Writer

if TYPE_CHECKING:
    from avianvox.demo.line import Step

EPILOG = """\b
Takes about a minute and a half on two cores. Each step does the same as the command of its name. Networks are
trained for far fewer epochs than in practice.

\b
Example:
  avianvox demo --out demo --seed 1
"""


@click.command(cls=Writer, epilog=EPILOG)
@click.option(
    "--out",
    type=Target(path_type=Path, file_okay=False),
    default=Path("avianvox-demo"),
    show_default=True,
    help="New or empty folder for all results.",
)
@click.option(
    "--seed", default=0, show_default=True, help="Random seed of recordings, folds, weights and crops."
)
def demo(out: Path, seed: int) -> None:
    """Run all steps on synthetic recordings.

    Synthesise recordings, build features, train a network, cross-validate it beside two simple models, export
    it, and classify recordings with the exported file. Prints each step's time and figures, and at the end
    the pictures that were made.
    """
    from avianvox.demo.line import DemoSettings, run_demo

    with _status() as doing:
        steps = run_demo(out, DemoSettings(seed=seed), doing=doing, done=_show)
    click.echo(f"all steps: {sum(step.seconds for step in steps):.0f} s\npictures:")
    for step in steps:
        for picture in step.pictures:
            click.echo(f"  {picture}")


def _show(step: "Step") -> None:
    click.echo(f"avianvox {step.name}: {step.seconds:.1f} s")
    for line in step.figures:
        click.echo(f"  {line}")
    click.echo()


@contextmanager
def _status() -> Iterator[Callable[[str], None] | None]:
    """What is being done now, on standard error, where that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    with Console(stderr=True).status("") as status:
        yield status.update
