"""Options that say where and when: of ``avianvox classify``, ``evaluate`` and ``species``."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from avianvox.cli.classify_asked import Weighing, Where
from avianvox.cli.common import FiniteFloat

if TYPE_CHECKING:
    from avianvox.inference.place_options import PlaceOptions

F = TypeVar("F", bound=Callable[..., Any])

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


def options_of(rows: tuple[Callable[[F], F], ...]) -> Callable[[F], F]:
    """A decorator that puts options on a command, in their order."""

    def put(command: F) -> F:
        for option in reversed(rows):
            command = option(command)
        return command

    return put


def week_option(asked: Where) -> int | None:
    """The week of ``--week`` or ``--date``; None where neither is given. Raises `click.UsageError`."""
    week, text = asked.week, asked.date
    if text is None:
        return week
    if week is not None:
        raise click.UsageError("--week and --date: give one of them")
    from avianvox.audio.notes import date_alone
    from avianvox.inference.place_options import week_of

    day = date_alone(text)
    if day is None:
        raise click.UsageError(f"--date: expected a date such as 2026-05-20, got '{text}'")
    return week_of(day)


def place_asked(asked: Weighing) -> "PlaceOptions | None":
    """What is asked about the place, or None where nothing is. Raises `click.UsageError`."""
    from avianvox.inference.place_options import WEIGHT, PlaceOptions

    lat, lon, weight, wall = asked.lat, asked.lon, asked.place_weight, asked.place_min
    week = week_option(asked)
    if (lat is None) != (lon is None):
        raise click.UsageError("--lat and --lon: give both of them")
    if asked.place and lat is not None:
        raise click.UsageError("--place auto excludes --lat and --lon")
    if asked.place is None and lat is None:
        if (week, weight, wall) != (None, None, None):
            raise click.UsageError(
                "--week, --date, --place-weight and --place-min need a place: give --lat and --lon, or "
                "--place auto"
            )
        return None
    return PlaceOptions(lat, lon, week, WEIGHT if weight is None else weight, wall or 0.0)
