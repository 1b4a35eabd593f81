"""Names and texts from files, models and servers: as a terminal or a message may show them, and compared.

Tables for programs keep names as they are, since names must join; whatever people read passes through
`printable`.
"""


def valid_unicode(text: str) -> str:
    """``text`` in which what is no Unicode is replaced: file names on Linux may hold any bytes."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:  # half of a pair, as JSON may spell it
        return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)


def printable(text: str) -> str:
    """`valid_unicode` in one line, without what moves a cursor, changes colours or turns the text around."""
    valid = valid_unicode(text)
    return valid if valid.isprintable() else "".join(c if c.isprintable() else _shown(c) for c in valid)


def printable_lines(text: str) -> str:
    """`printable` for a text of several lines, which stay lines."""
    return "\n".join(map(printable, text.expandtabs().split("\n")))


def composed(text: str) -> str:
    """``text`` in the composed form of Unicode (NFC): the same letters, however a program wrote them."""
    if text.isascii():
        return text
    from unicodedata import normalize

    return normalize("NFC", text)


def name_key(name: str) -> str:
    """What a name is compared by: letters and digits alone, without case and accents, "grey" for "gray"."""
    from unicodedata import normalize

    plain = normalize("NFKD", name).casefold()
    return "".join(c for c in plain if c.isalnum()).replace("gray", "grey")


def _shown(character: str) -> str:
    from json import dumps
    from unicodedata import category

    if category(character) == "Zs":
        return " "
    return dumps(character)[1:-1]  # so that JSON which passes through stays JSON
