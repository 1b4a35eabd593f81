"""``avianvox data voices``: call types, sexes and stages of life in a catalog."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from avianvox.cli.common import echo, echo_text, tell

source_option = click.option(
    "--source",
    metavar="NAME",
    help="Kind of catalog: annotations, kaggle, xeno_canto, csv or folders.  [default: recognised]",
)
_SHOWN = 20
_TITLES = {"call_types": "call type", "sexes": "sex", "stages": "stage"}


@click.command(epilog="Example: avianvox data voices recordings/")
@click.argument("catalog", type=click.Path(path_type=Path))
@source_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def voices(catalog: Path, source: str | None, as_json: bool) -> None:
    """Count call types, sexes and stages of life.

    They are what a task can learn. A recording may have several call types. Spellings that were not
    understood are listed with their number of recordings; these recordings count as not known.
    """
    import json

    from avianvox.dataset.catalog import read_catalog
    from avianvox.dataset.labels.described import summary

    found = read_catalog(catalog, source=source)
    for line in found.problem_lines():
        echo(line, err=True)
    counts = summary(found.recordings)
    if as_json:
        echo_text(json.dumps(counts, indent=1, ensure_ascii=False))
    else:
        _show(counts)


def _show(counts: Mapping[str, Any]) -> None:
    n = counts["recordings"]
    width = max(len(value) for key in _TITLES for value in (*counts[key], _TITLES[key]))
    for key, title in _TITLES.items():
        click.echo(f"{title:<{width}}  recordings")
        for value, count in counts[key].items():
            click.echo(f"{value:<{width}}  {count:>10}")
        known = counts["understood"] if key == "call_types" else sum(counts[key].values())
        click.echo(f"{'not known':<{width}}  {n - known:>10}\n")
    if not counts["unread"]:
        click.echo("spellings not understood: none")
        return
    click.echo("spellings not understood (recordings):")
    for spelling, count in list(counts["unread"].items())[:_SHOWN]:
        tell(f"  {spelling} ({count})", hang=4)
    if len(counts["unread"]) > _SHOWN:
        click.echo(f"  and {len(counts['unread']) - _SHOWN} more (--json lists all)")
