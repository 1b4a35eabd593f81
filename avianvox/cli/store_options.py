"""Options of commands that look for something in a feature store."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from avianvox.cli.common import FiniteFloat

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def catalog_option(default: str, more: str = "") -> Decorator:
    """``--catalog``; ``default``: what stands in place of files without it, ``more``: a sentence of help."""
    return click.option(
        "--catalog",
        "catalogs",
        multiple=True,
        metavar="CATALOG",
        type=click.Path(path_type=Path),
        help=f"Catalog that STORE was built from, which names its files; may be given several times.{more}  "
        f"[default: {default}]",
    )


def min_score_option(default: str) -> Decorator:
    """``--min-score``; ``default`` as help says it."""
    return click.option(
        "--min-score",
        type=FiniteFloat(0, 1),
        help="Minimum score of the ear's best animal in a window; windows below are left out as quiet.  "
        f"[default: {default}]",
    )
