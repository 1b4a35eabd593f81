"""Messages that name options, as the command line calls them, in the words of Python."""

import re
from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec, TypeVar

from avianvox.errors import AvianvoxError

P = ParamSpec("P")
R = TypeVar("R")

_NAMES = {
    "overlap": "overlap_s",
    "gap": "gap_s",
    "min-length": "min_length_s",
    "species-list": "species",
    "raw": "calibrated=False",
    "output": "out",
}
_REFUSED = re.compile(r"unexpected keyword argument '(\w+)'$")
_OPTION = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]*[a-z0-9])\b")


def in_python(text: str) -> str:
    """``text`` with keyword arguments in place of options.

    Examples
    --------
    >>> in_python("--min-score 0.25 sets one")
    'min_score 0.25 sets one'
    """
    return _OPTION.sub(lambda found: _NAMES.get(found[1], found[1].replace("-", "_")), text)


def spoken(function: Callable[P, R]) -> Callable[P, R]:
    """``function`` as ``avianvox`` offers it: its errors speak of keyword arguments.

    The commands call the functions themselves, whose errors speak of options.
    """

    @wraps(function)
    def in_words_of_python(*args: P.args, **options: P.kwargs) -> R:
        try:
            return function(*args, **options)
        except AvianvoxError as error:
            if error.args and isinstance(error.args[0], str):
                error.args = (in_python(error.args[0]), *error.args[1:])
            raise
        except TypeError as error:
            raise _with_nearest(error, function, options) from None

    in_words_of_python.__module__ = "avianvox"  # where it is found when it is sent to other processes
    return in_words_of_python


def _with_nearest(error: TypeError, function: Callable[..., object], options: Iterable[str]) -> TypeError:
    """``error``; where it refuses one of ``options``, with the nearest name that ``function`` takes."""
    refused = _REFUSED.search(str(error))
    if refused is None or refused[1] not in options:
        return error
    from inspect import signature

    from avianvox.registry import nearest

    return TypeError(f"{error}{nearest(refused[1], list(signature(function).parameters))}")


def collected(notes: list[str]) -> Callable[[str], None]:
    """Takes lines that the user should know into ``notes``, in the words of Python."""
    return lambda line: notes.append(in_python(line))
