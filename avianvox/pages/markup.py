"""HTML and SVG from plain calls: everything that is not `Markup` is escaped, so nothing has to be remembered.

``tag("td", "a < b", class_="num")`` is ``<td class="num">a &lt; b</td>``.
"""

from collections.abc import Iterable
from html import escape

_EMPTY = {"meta", "img", "br", "input"}


class Markup(str):
    """Text that is HTML or SVG already."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """One element with its children.

    Parameters
    ----------
    name : str
    *children : object
        `Markup` as it is, anything else as escaped text; None is left out.
    **attributes : object
        ``class_`` becomes ``class`` and ``stroke_width`` becomes ``stroke-width``. One that is None or False
        is left out, True stands alone, a float has two decimals at most.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _EMPTY:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def join(parts: Iterable[object], separator: str = "") -> Markup:
    """Children one after the other, each as in `tag`."""
    kept = (part for part in parts if part is not None)
    return Markup(separator.join(part if isinstance(part, Markup) else escape(str(part)) for part in kept))


def short(number: float, decimals: int = 2) -> str:
    """A number without trailing zeros, for coordinates."""
    text = f"{number:.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    key = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {key}"
    text = short(value) if isinstance(value, float) else str(value)
    return f' {key}="{escape(text)}"'
