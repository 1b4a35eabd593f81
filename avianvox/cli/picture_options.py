"""Options of commands that draw: spectrograms, with and without boxes, and figures."""

import click

from avianvox.cli.common import F

png_option = click.option("--png/--no-png", default=True, help="Draw PNG beside SVG.  [default: PNG]")
spectrograms_option = click.option(
    "--pictures/--no-pictures", default=True, help="Draw spectrograms.  [default: pictures]"
)


def picture_options(command: F) -> F:
    """``--pictures`` and ``--svg``."""
    svg = click.option("--svg", is_flag=True, help="Write these pictures as SVG too, beside PNG.")
    number = click.option(
        "--pictures",
        type=click.IntRange(0),
        default=0,
        help="Number of spectrograms with boxes per recording, of the 10 s with most boxes.  [default: none]",
    )
    return number(svg(command))


def refuse_idle_svg(pictures: int, svg: bool) -> None:
    """Raise `click.UsageError` where ``--svg`` would change nothing, and `MissingExtraError`."""
    if svg and not pictures:
        raise click.UsageError("--svg needs --pictures")
    if pictures:
        from avianvox.boxes.pictures import need_matplotlib

        need_matplotlib("--pictures")
