"""Labels that reviewers gave, beside a catalog."""

from pathlib import Path

import click

add_labels_option = click.option(
    "--add-labels",
    "labels",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="VERDICTS",
    help="Table of verdicts on recordings of CATALOG, as 'avianvox review' writes it; may be given several "
    "times. Each span in which a species or noise is heard becomes a labelled part of its recording.",
)


def with_labels(catalogs: tuple[Path, ...], labels: tuple[Path, ...]) -> tuple[Path, ...]:
    """What `avianvox.dataset.catalog.read_catalogs` takes: catalogs, and tables of verdicts behind them.

    Raises
    ------
    InputError
        One of ``labels`` is no table of verdicts.
    """
    from avianvox.errors import InputError
    from avianvox.tables.formats import format_of

    for table in labels:
        if (found := format_of(table)) != "verdicts":
            raise InputError(
                f"{table}: expected a table of verdicts, got one of the format '{found}'; give it as CATALOG"
            )
    return (*catalogs, *labels)
