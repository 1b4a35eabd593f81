"""Names and texts from files, models and servers, as a terminal or a message may show them.

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


def _shown(character: str) -> str:
    from json import dumps
    from unicodedata import category

    if category(character) == "Zs":
        return " "
    return dumps(character)[1:-1]  # so that JSON which passes through stays JSON
