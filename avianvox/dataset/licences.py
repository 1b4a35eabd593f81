"""Licences as people write them: short names instead of addresses."""

import re

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
