"""Messages that name options, as the command line calls them, in the words of Python."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from avianvox.errors import InputError

_NAMES = {
    "overlap": "overlap_s",
    "gap": "gap_s",
    "min-length": "min_length_s",
    "species-list": "species",
    "raw": "calibrated=False",
    "output": "out",
}
_OPTION = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]*[a-z0-9])\b")


def in_python(text: str) -> str:
    """``text`` with keyword arguments in place of options.

    Examples
    --------
    >>> in_python("--min-score 0.25 sets one")
    'min_score 0.25 sets one'
    """
    return _OPTION.sub(lambda found: _NAMES.get(found[1], found[1].replace("-", "_")), text)


@contextmanager
def python_words() -> Iterator[None]:
    """Let an `InputError` speak of keyword arguments."""
    try:
        yield
    except InputError as error:
        text = in_python(str(error))
        if text == str(error):
            raise
        raise InputError(text) from error


def collected(notes: list[str]) -> Callable[[str], None]:
    """Takes lines that the user should know into ``notes``, in the words of Python."""
    return lambda line: notes.append(in_python(line))
