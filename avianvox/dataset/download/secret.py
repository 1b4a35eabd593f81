"""The key of an API, found in whatever spelling a server may repeat it, and taken out."""

import re
from typing import Any

STARS = "***"
_HTML_NAMES = {
    "&": "amp",
    "<": "lt",
    ">": "gt",
    '"': "quot",
    "'": "apos",
    "/": "sol",
    "+": "plus",
    "=": "equals",
}


class Secret:
    """Hides one key: as it is, percent-encoded, escaped for JSON or HTML, each of them once or again.

    Examples
    --------
    >>> Secret("a/b").hide("key=a%2Fb, a\\\\/b, A&#47;B, ab")
    'key=***, ***, ***, ab'
    """

    def __init__(self, key: str) -> None:
        self._pattern = re.compile("".join(map(_spellings, key)), re.IGNORECASE)

    def hide(self, text: str) -> str:
        """``text`` with stars wherever it names the key."""
        return self._pattern.sub(STARS, text)

    def hide_in(self, value: Any) -> Any:
        """What JSON stands for, with stars in every text of it, names of members too."""
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, dict):
            return {self.hide(name): self.hide_in(inner) for name, inner in value.items()}
        return [self.hide_in(inner) for inner in value] if isinstance(value, list) else value


def _spellings(character: str) -> str:
    """A pattern for one character of a key."""
    number, name = ord(character), _HTML_NAMES.get(character)
    ways = [
        rf"\\*{re.escape(character)}",
        "".join(f"%(?:25)*{byte:02x}" for byte in character.encode()),
        rf"\\+u{number:04x}",
        rf"\\+x{number:02x}",
        f"&(?:amp;)*#0*{number};",
        f"&(?:amp;)*#x0*{number:x};",
    ]
    ways += [f"&(?:amp;)*{name};"] if name else []
    ways += [r"\+"] if character == " " else [" "] if character == "+" else []
    return f"(?:{'|'.join(ways)})"
