"""Options of commands that write tables: formats by name, and how they are written."""

from collections.abc import Callable

import click

from avianvox.cli.common import F

per_file_option = click.option(
    "--per-file/--combined",
    "per_file",
    default=None,
    help="A table for each recording, or one for all.  [default: for each in raven, audacity, "
    "audacity_boxes and simple_seq, else one for all]",
)
spreadsheet_option = click.option(
    "--spreadsheet",
    is_flag=True,
    help="Spreadsheet-safe CSV: an apostrophe is put before texts that would run as formulas. Names with an "
    "apostrophe no longer match those of other tables. .xlsx needs no apostrophe.",
)


def format_option(text: str, *, default: str, flag: str = "--format") -> Callable[[F], F]:
    """An option ``format_names``: names of formats, separated by commas or given again; none by default."""
    return click.option(
        flag,
        "format_names",
        multiple=True,
        callback=_names,
        metavar="NAMES",
        help=f"{text}  [default: {default}]",
    )


def _names(_ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Each name once, in their order; one that is no format is refused with the nearest."""
    if not values:
        return ()
    from avianvox.registry import nearest
    from avianvox.tables.formats import FORMATS, READ_ONLY

    names = tuple(dict.fromkeys(name.strip() for text in values for name in text.split(",")))
    for name in names:
        if name not in FORMATS or name in READ_ONLY:
            known = [known for known in FORMATS if known not in READ_ONLY]
            raise click.UsageError(
                f"{param.opts[0]}: expected one of {', '.join(known)}; got '{name}'{nearest(name, known)}"
            )
    return names
