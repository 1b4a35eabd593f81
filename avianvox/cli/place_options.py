"""Options that say where and when: of ``avianvox classify``, ``evaluate`` and ``species``."""

from collections.abc import Callable

import click

from avianvox.cli.common import F, FiniteFloat

WHERE: tuple[Callable[[F], F], ...] = (
    click.option("--lat", type=FiniteFloat(-90, 90), metavar="DEGREES", help="Latitude, north positive."),
    click.option("--lon", type=FiniteFloat(-180, 180), metavar="DEGREES", help="Longitude, east positive."),
)
WHEN: tuple[Callable[[F], F], ...] = (
    click.option(
        "--week", type=click.IntRange(1, 48), metavar="1-48", help="Week of the year, four a month."
    ),
    click.option("--date", metavar="YYYY-MM-DD", help="Date, in place of --week."),
)
WEIGHING: tuple[Callable[[F], F], ...] = (
    click.option(
        "--place",
        type=click.Choice(["auto"]),
        help="Place and date from each recording's own notes (GUANO, xeno-canto and others). Scores of "
        "species that the model's geo model does not expect there and then become lower.",
    ),
    *WHERE,
    *WHEN,
    click.option(
        "--place-weight",
        type=FiniteFloat(min=0),
        metavar="NUMBER",
        help="Strength of the place against the sound; 0 changes nothing.  [default: 2]",
    ),
    click.option(
        "--place-min",
        type=FiniteFloat(0, 1),
        metavar="NUMBER",
        help="Minimum of the geo model: species that are less expected are not named, except those that it "
        "does not know.  [default: none]",
    ),
)
