"""``avianvox report``: everything that a cross-validation found, on one page."""

from pathlib import Path

import click

from avianvox.cli.common import echo
from avianvox.cli.targets import Target, Writer


@click.command(cls=Writer, epilog="Example: avianvox report runs/bayes --out report --clips 2")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--model", help="The model to look at closely; by default the best one on grouped folds.")
@click.option("--out", type=Target(path_type=Path), help="Folder to write into; by default 'report' in RUN.")
@click.option(
    "--clips",
    type=click.IntRange(min=0),
    default=8,
    show_default=True,
    help="Mistakes to show with their sound; reads the recordings.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON too.")
def report(run: Path, model: str | None, out: Path | None, clips: int, as_json: bool) -> None:
    """Write the report of a cross-validation.

    RUN is the folder that "avianvox crossval" made. report.html is one page that holds everything, sounds
    included, and loads nothing; report.md with its pictures in figures/, and report.json say the same.
    """
    import json

    from avianvox.evaluation.report.build import write_report
    from avianvox.evaluation.run_folder import REPORT
    from avianvox.evaluation.saved_run import SavedRun

    folder = out or run / REPORT
    written = write_report(SavedRun.open(run), folder, model=model, n_clips=clips)
    if as_json:
        click.echo(json.dumps(written.to_mapping(), indent=1))
    else:
        click.echo(folder / "report.html")
    for section in written.sections:
        if section.absent:
            echo(f"left out: {section.title}. {section.absent}", err=True)
