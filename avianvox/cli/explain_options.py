"""Options that the commands of ``avianvox explain`` share."""

from collections.abc import Callable
from pathlib import Path

import click

from avianvox.cli.common import F, FiniteFloat
from avianvox.cli.targets import Target

METHODS = ("occlusion", "grad-cam", "attention")

out_option = click.option(
    "--out",
    required=True,
    type=Target(path_type=Path, file_okay=False),
    help="Folder for page, figures, arrays.",
)


def weight_option(name: str, default: float, what: str) -> Callable[[F], F]:
    """An option for how much a training example counts."""
    return click.option(
        f"--weight-{name}",
        type=FiniteFloat(0),
        default=default,
        show_default=True,
        help=f"Weight of recordings whose answer is {what}.",
    )


METHOD = (
    click.option(
        "--method",
        type=click.Choice(METHODS),
        default="occlusion",
        show_default=True,
        help="Way to find the map. grad-cam and attention need a training run of a network.",
    ),
    click.option("--layer", help="Layer of a network.  [default: grad-cam: the last convolution]"),
    click.option(
        "--tile",
        "tile_s",
        type=FiniteFloat(0, min_open=True),
        default=0.4,
        show_default=True,
        metavar="SECONDS",
        help="Length of a tile of occlusion.",
    ),
    click.option(
        "--bands",
        type=click.IntRange(1, 128),
        default=8,
        show_default=True,
        help="Number of tiles of occlusion over the frequencies.",
    ),
)


def refuse_layer(method: str, layer: str | None) -> None:
    """Raise `click.UsageError` for a layer beside occlusion."""
    if layer is not None and method == "occlusion":
        raise click.UsageError("--layer needs --method grad-cam or attention")
