"""``avianvox report``: everything that a cross-validation found, on one page."""

from pathlib import Path

import click

from avianvox.cli.common import echo
from avianvox.cli.targets import Target, Writer


@click.command(cls=Writer, epilog="Example: avianvox report runs/bayes --out report --clips 2")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--model", help="Model shown in detail.  [default: the best one on grouped folds]")
@click.option("--out", type=Target(path_type=Path), help="Folder of the report.  [default: RUN/report]")
@click.option(
    "--clips",
    type=click.IntRange(min=0),
    default=8,
    show_default=True,
    help="Number of mistakes shown with their sound; reads the recordings.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON of the report on standard output.")
def report(run: Path, model: str | None, out: Path | None, clips: int, as_json: bool) -> None:
    """Write the report of a cross-validation.

    RUN is the folder of "avianvox crossval". report.html is one page with everything, sounds included, and
    loads nothing from the network. report.md (pictures in figures/) and report.json have the same content.
    """
    import json

    from avianvox.evaluation.run_folder import REPORT
    from avianvox.evaluation.saved_run import SavedRun
    from avianvox.report.build import write_report

    folder = out or run / REPORT
    written = write_report(SavedRun.open(run), folder, model=model, n_clips=clips)
    if as_json:
        click.echo(json.dumps(written.to_mapping(), indent=1))
    else:
        click.echo(folder / "report.html")
    for section in written.sections:
        if section.absent:
            echo(f"left out: {section.title}. {section.absent}", err=True)
