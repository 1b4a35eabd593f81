"""JSON that comes from outside, bounded in size, depth and digits, and refused in one line.

Every file of JSON that a user, a server or an earlier run may have written is read here. `Kind` reads those
that name their kind and version; `read_json` any other; `parse_json` a text. `write_json` writes one.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avianvox.errors import AvianvoxError
from avianvox.files import atomic_write, read_regular

MOST_BYTES = 1 << 28
MOST_DEPTH = 64
MOST_DIGITS = 40
"""Of a whole number. Seeds, hashes and times in nanoseconds have fewer, and no float takes 400."""

MISSHAPEN = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, AvianvoxError)
"""What code raises that takes a document apart in which something else stands than it should."""


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


_DECODER = json.JSONDecoder(parse_int=_whole)


def parse_json(text: str | bytes) -> Any:
    """What ``text`` stands for; raises ``ValueError`` with a short message where it is no bounded JSON."""
    if isinstance(text, bytes):
        text = text.decode(json.detect_encoding(text), "surrogatepass")
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if text.count("[") + text.count("{") > MOST_DEPTH and _is_deep(value):
        raise ValueError("it is nested too deeply")
    return value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MOST_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def read_json(path: Path, *, most_bytes: int = MOST_BYTES) -> Any:
    """What a file holds. Raises ``OSError`` as `read_regular`, and ``ValueError`` as `parse_json`."""
    return parse_json(read_regular(path, most_bytes=most_bytes))


def write_json(path: Path, values: Any, *, indent: int | None = 1, allow_nan: bool = False) -> None:
    """Write a document atomically, the same bytes for the same content; in ASCII: a name may be any bytes."""
    with atomic_write(path) as stream:
        json.dump(values, stream, indent=indent, allow_nan=allow_nan)
        stream.write("\n")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file that avianvox writes and reads: a JSON object that says its kind and version.

    Attributes
    ----------
    what : str
        In the user's words, without an article: "gate".
    name : str
        What stands under ``kind``.
    version : int
        What stands under ``version_key``.
    error : type of AvianvoxError
        What is raised.
    otherwise : str
        What to do where the file is something else.
    outdated : str
        What to do where it is of another version.
    """

    what: str
    name: str
    version: int
    error: type[AvianvoxError]
    otherwise: str
    outdated: str
    version_key: str = "version"

    @property
    def head(self) -> dict[str, Any]:
        """What a file of this kind begins with."""
        return {"kind": self.name, self.version_key: self.version}

    def read(self, path: Path) -> dict[str, Any]:
        """The object in a file; raises `error` where it cannot be read or is none of this kind."""
        try:
            document = read_json(path)
        except OSError as error:
            raise self.error(f"cannot read the {self.what} {path}: {error.strerror or error}") from error
        except ValueError as error:
            raise self.error(f"{path} is not a {self.what}: it is not JSON ({error})") from error
        return self.check(document, path)

    def check(self, document: Any, path: Path) -> dict[str, Any]:
        """``document``, read from ``path``; raises `error` unless it is of this kind and version."""
        if not self.claims(document):
            raise self.error(f"{path} is not a {self.what}; {self.otherwise}")
        found = document.get(self.version_key)
        if isinstance(found, bool) or found != self.version:
            raise self.error(
                f"{path} is a {self.what} of format version {found!r:.40}, "
                f"this release reads {self.version}; {self.outdated}"
            )
        return dict(document)

    def claims(self, document: Any) -> bool:
        """Whether ``document`` says that it is of this kind, in whatever version."""
        return isinstance(document, dict) and document.get("kind") == self.name
