"""The report as one HTML page that holds everything: styles, script, pictures and sounds.

Its content security policy forbids it to load anything, so that opening it sends nothing to anybody.
"""

from collections.abc import Sequence
from importlib.resources import files

from avianvox.pages.blocks import Counter, Section, inline
from avianvox.pages.markup import Markup, join, tag
from avianvox.pages.plot import style_sheet

_POLICY = (
    "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)


def html_page(title: str, byline: str, sections: Sequence[Section], footer: str) -> str:
    """The whole page. The first section stands above the table of contents' numbers and has none itself."""
    counter = Counter()
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Markup(style_sheet() + _file("page.css"))),
    )
    opening, *rest = sections
    contents = (
        tag(
            "li",
            tag("a", tag("span", str(k), class_="no"), section.title, href=f"#{section.key}"),
            class_="off" if section.absent else None,
        )
        for k, section in enumerate(rest, start=1)
    )
    nav = tag("nav", tag("ol", *contents), aria_label="Contents")
    main = tag(
        "main",
        tag("header", tag("h1", title), tag("p", inline(byline), class_="byline")),
        tag("section", *(block.html(counter) for block in opening.blocks), id=opening.key),
        nav,
        *(_section(k, section, counter) for k, section in enumerate(rest, start=1)),
        tag("footer", inline(footer)),
    )
    body = tag("body", tag("div", main, class_="sheet"), tag("script", Markup(_file("page.js"))), class_="c")
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _section(k: int, section: Section, counter: Counter) -> Markup:
    heading = tag("h2", tag("span", str(k), class_="no"), section.title)
    if section.absent:
        return tag("section", heading, tag("p", inline(section.absent), class_="absent"), id=section.key)
    return tag("section", heading, join(block.html(counter) for block in section.blocks), id=section.key)


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
