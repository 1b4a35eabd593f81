"""Licences as people write them: short names instead of addresses."""

import re
from collections.abc import Iterable

_ADDRESS = re.compile(
    r"^(?:https?:)?//(?:www\.)?creativecommons\.org/(?P<kind>licenses|publicdomain)/"
    r"(?P<terms>[a-z+-]+)/(?P<version>[\d.]+)(?:/(?P<port>[a-z]{2,3}))?(?:/.*)?$",
    re.IGNORECASE,
)
_PUBLIC_DOMAIN = {"zero": "CC0", "mark": "Public Domain Mark"}


def licence_name(text: str) -> str:
    """The short name of a Creative Commons address; any other text is returned as it is.

    Examples
    --------
    >>> licence_name("//creativecommons.org/licenses/by-nc-sa/4.0/")
    'CC BY-NC-SA 4.0'
    >>> licence_name("https://creativecommons.org/publicdomain/zero/1.0/")
    'CC0 1.0'
    >>> licence_name("all rights reserved")
    'all rights reserved'
    """
    text = text.strip()
    found = _ADDRESS.match(text)
    if found is None:
        return text
    terms = found["terms"].lower()
    public = found["kind"].lower() == "publicdomain"
    name = _PUBLIC_DOMAIN.get(terms) if public else f"CC {terms.upper()}"
    if name is None:
        return text
    return " ".join(part for part in (name, found["version"], (found["port"] or "").upper()) if part)


_NOT_STATED = "not stated"


def no_derivatives(text: str) -> bool:
    """Whether a licence forbids to pass on what is made of a recording."""
    return "ND" in _terms(text)


def most_restrictive(licences: Iterable[str]) -> str:
    """The licence of what is made of several recordings: the one that allows least.

    Public domain allows most; then come attribution, share alike, non-commercial and no derivatives. What
    states none, or is no Creative Commons licence, allows nothing, and is named.

    Examples
    --------
    >>> most_restrictive(["CC0 1.0", "CC BY-NC-SA 4.0", "CC BY-SA 4.0"])
    'CC BY-NC-SA 4.0'
    >>> most_restrictive(["CC BY 4.0", ""])
    'CC BY 4.0; of others not stated'
    """
    names = sorted({licence_name(text) or _NOT_STATED for text in licences})
    known = [name for name in names if _terms(name) or _is_free(name)]
    others = [name for name in names if name not in known]
    strictest = max(known, key=lambda name: (_strictness(name), name), default="")
    if not others:
        return strictest
    return "; of others ".join(part for part in (strictest, ", ".join(others)) if part)


def _terms(text: str) -> tuple[str, ...]:
    """The terms of a Creative Commons licence, such as BY, NC and SA."""
    words = licence_name(text).upper().replace("-", " ").split()
    return tuple(word for word in words[1:] if word in _STRICTNESS) if words[:1] == ["CC"] else ()


def _is_free(text: str) -> bool:
    plain = text.casefold()
    return plain.startswith("cc0") or plain.startswith("public domain")


_STRICTNESS = {"BY": 1, "SA": 2, "NC": 4, "ND": 8}


def _strictness(text: str) -> int:
    return sum(_STRICTNESS[term] for term in set(_terms(text)))
