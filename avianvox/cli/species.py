"""``avianvox species``: which species a model's geo model expects at a place and time."""

from typing import Any

import click

from avianvox.api.asked import Where, week_asked
from avianvox.cli.common import FiniteFloat, options_of, wrong_usage
from avianvox.cli.place_options import WHEN, WHERE

EPILOG = """\b
The number behind a species is what the geo model gives, from 0 to 1: how often observers list the species
there and then. It is no probability. The geo model does not know some rare species with small ranges. They
are counted on standard error, and --unknown lists them too. The option --species-list of avianvox classify
takes the list.

\b
Examples:
  avianvox species --lat 18.4 --lon -66.1 --week 20 --model birdnet
  avianvox species --lat 18.4 --lon -66.1 --unknown --csv --model birdnet
"""


@click.command(epilog=EPILOG)
@options_of(WHERE)
@options_of(WHEN)
@click.option(
    "--min",
    "least",
    type=FiniteFloat(0, 1),
    default=0.03,
    show_default=True,
    metavar="NUMBER",
    help="Minimum of the geo model's number.",
)
@click.option("--unknown", is_flag=True, help="Species that the geo model does not know are listed too.")
@click.option("--model", metavar="NAME|FILE", help="Model with a geo model.  [default: the default model]")
@click.option("--csv", "form", flag_value="csv", help="CSV table.")
@click.option("--json", "form", flag_value="json", help="JSON lines, one object per species.")
def species(least: float, unknown: bool, model: str | None, form: str | None, **where: Any) -> None:
    """List the species that are expected at a place and time.

    Without --week and --date, the list is that of the whole year.
    """
    asked = Where(**where)
    if asked.lat is None or asked.lon is None:
        raise click.UsageError("expected a place, got none; give --lat and --lon")
    from avianvox.cli.common import echo
    from avianvox.errors import InputError
    from avianvox.inference.place import geo_of
    from avianvox.inference.place_options import ALL_YEAR, Place
    from avianvox.modelfile import read_model_file
    from avianvox.modelfolder import default_model, find_model

    with wrong_usage():
        week = week_asked(asked)
    place = Place(asked.lat, asked.lon, ALL_YEAR if week is None else week)
    found = read_model_file(find_model(model or default_model()))
    info, geo = found.info, geo_of(found)
    if geo is None:
        raise InputError(f"the model '{info.name}' has no geo model; name one that has with --model")
    expectation = geo.at(place)
    known, here = expectation.known, expectation.here
    order = sorted(range(len(here)), key=lambda k: (-float(here[k]), k))
    animals = [k for k in order if geo.has(k)]
    shown = [k for k in animals if (known[k] and here[k] >= least) or (unknown and not known[k])]
    _print(shown, info.labels, expectation, form)
    left = sum(1 for k in animals if not known[k])
    if left and not unknown:
        echo(
            f"{len(shown):,} species; {left:,} that the geo model does not know are left out (--unknown)",
            err=True,
        )


def _print(shown: list[int], labels: Any, expectation: Any, form: str | None) -> None:
    """A line for each species."""
    import csv
    import io
    import json

    from avianvox.cli.common import echo

    if form == "csv":
        echo("scientific_name,common_name,expected,known")
    for k in shown:
        name, common = labels.names[k], labels.common_name(k)
        known, here = bool(expectation.known[k]), round(float(expectation.here[k]), 4)
        if form == "json":
            row = {"scientific_name": name, "common_name": common, "expected": here, "known": known}
            echo(json.dumps(row, ensure_ascii=False))
        elif form == "csv":
            line = io.StringIO()
            csv.writer(line, lineterminator="").writerow([name, common, here, str(known).lower()])
            echo(line.getvalue())
        else:
            told = f"expected here: {here:.2f}" if known else "not known to the geo model"
            echo(f"{name}_{common}  # {told}" if common and "," not in common else f"{name}  # {told}")
