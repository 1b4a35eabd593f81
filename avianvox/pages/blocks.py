"""What a section of a report is made of. Each block writes itself as HTML and as Markdown.

Figures and tables are numbered in the order in which they are written, so both pages give them the same
numbers. In texts, ``*stars*`` make italics (scientific names) and ```backticks``` make code.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from avianvox.pages.markup import Markup, join, tag

Cell = str | float | int | None
Pictures = dict[str, Markup]
"""``name -> picture`` of those that a Markdown page refers to, for files of their own."""

MISSING = "–"
_LONG = 44
"""Letters of a cell from which on it is broken into lines."""
PICTURES = "figures"
"""The folder of pictures beside a Markdown page."""


class Counter:
    """Numbers figures and tables while a page is written."""

    def __init__(self) -> None:
        self._n = {"Figure": 0, "Table": 0}
        self.pictures: Pictures = {}

    def next(self, kind: str) -> str:
        self._n[kind] += 1
        return f"{kind} {self._n[kind]}"


class Block(Protocol):
    """A piece of a section."""

    def html(self, counter: Counter) -> Markup: ...

    def markdown(self, counter: Counter) -> str: ...


@dataclass(frozen=True)
class Section:
    """One section: ``key`` names it in ``report.json``, where it holds ``data``.

    Where there is nothing to show, ``absent`` says in one line why, and what would bring it.
    """

    key: str
    title: str
    blocks: tuple[Block, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    absent: str = ""


def inline(text: str) -> Markup:
    """A text's stars and backticks as HTML."""
    escaped = join([text])
    escaped = Markup(re.sub(r"\*([^*]+)\*", r"<i>\1</i>", escaped))
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped))


def name(label: str) -> str:
    """A scientific name within a text."""
    return f"*{label}*"


def number(value: float | int | None, form: str = ".3f") -> str:
    """A number as it is printed; a dash for one that is not defined."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    return format(value, form)


def estimate(
    value: float | None, low: float | None = None, high: float | None = None, *, form: str = ".3f"
) -> str:
    """A figure with its interval, where there is one."""
    if low is None or high is None:
        return number(value, form)
    return f"{number(value, form)} [{number(low, form)}, {number(high, form)}]"


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str

    def html(self, counter: Counter) -> Markup:
        return tag("p", inline(self.text))

    def markdown(self, counter: Counter) -> str:
        return self.text


@dataclass(frozen=True)
class Column:
    """A column of a `Table`. ``form``: a format of numbers, ``"text"``, ``"name"``, or ``"bar"`` (0 to 1)."""

    title: str
    form: str = "text"
    tip: str = ""

    def print(self, cell: Cell) -> str:
        if isinstance(cell, str):
            return cell
        return number(cell, ".2f" if self.form == "bar" else self.form)

    @property
    def is_number(self) -> bool:
        return self.form not in ("text", "name")


@dataclass(frozen=True)
class Table:
    """A table, which a click on a column's head sorts. ``folded``: only its caption shows at first."""

    caption: str
    columns: tuple[Column, ...]
    rows: Sequence[tuple[Cell, ...]]
    folded: bool = False

    def html(self, counter: Counter) -> Markup:
        number = counter.next("Table")
        caption = join([tag("b", f"{number}. "), inline(self.caption)])
        heads = [
            tag(
                "th",
                tag("button", column.title, type="button"),
                scope="col",
                title=column.tip or None,
                class_="num" if column.is_number else None,
            )
            for column in self.columns
        ]
        body = [tag("tr", *map(self._cell, self.columns, row)) for row in self.rows]
        table = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *body))
        scroller = tag("div", table, class_="scroll", tabindex="0")
        if self.folded:
            return tag("details", tag("summary", caption), scroller, class_="table")
        return tag("figure", tag("figcaption", caption), scroller, class_="table")

    @staticmethod
    def _cell(column: Column, cell: Cell) -> Markup:
        text = column.print(cell)
        if column.form == "name":
            return tag("th", tag("i", text), scope="row")
        if column.form == "bar" and isinstance(cell, float) and not math.isnan(cell):
            return tag("td", text, class_="num bar", style=f"--v:{cell:.3f}")
        if column.is_number:
            return tag("td", text, class_="num")
        return tag("td", inline(text), class_="long" if len(text) > _LONG else None)

    def markdown(self, counter: Counter) -> str:
        rows = [
            [
                self._escape(c.print(v) if c.form != "name" else name(c.print(v)))
                for c, v in zip(self.columns, row, strict=True)
            ]
            for row in self.rows
        ]
        head = [self._escape(c.title) for c in self.columns]
        rule = ["---:" if c.is_number else "---" for c in self.columns]
        lines = "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))
        return f"**{counter.next('Table')}.** {self.caption}\n\n{lines}"

    @staticmethod
    def _escape(text: str) -> str:
        return text.replace("|", "\\|").replace("\n", " ")


@dataclass(frozen=True)
class Chart:
    """One numbered figure of one or more `panels`, each an SVG picture."""

    key: str
    caption: str
    panels: tuple[Markup, ...]
    wide: bool = False

    def html(self, counter: Counter) -> Markup:
        caption = tag("figcaption", tag("b", f"{counter.next('Figure')}. "), inline(self.caption))
        panels = tag("div", *self.panels, class_="panels wide" if self.wide else "panels")
        return tag("figure", panels, caption)

    def markdown(self, counter: Counter) -> str:
        label = counter.next("Figure")
        lines = []
        for letter, panel in zip("abcdefgh", self.panels, strict=False):
            file = f"{self.key}-{letter}" if len(self.panels) > 1 else self.key
            counter.pictures[file] = panel
            lines.append(f"![{label}]({PICTURES}/{file}.svg)")
        return "\n".join([*lines, "", f"**{label}.** {self.caption}"])


@dataclass(frozen=True)
class Facts:
    """Pairs of a word and what it stands for."""

    facts: Sequence[tuple[str, str]]

    def html(self, counter: Counter) -> Markup:
        pairs = (tag("div", tag("dt", word), tag("dd", inline(text))) for word, text in self.facts)
        return tag("dl", *pairs, class_="facts")

    def markdown(self, counter: Counter) -> str:
        return "\n".join(f"- **{word}**: {text}" for word, text in self.facts)


@dataclass(frozen=True)
class Tiles:
    """The few numbers to begin with: number, what it is, and one line on it."""

    tiles: Sequence[tuple[str, str, str]]

    def html(self, counter: Counter) -> Markup:
        cards = (
            tag("div", tag("b", figure), tag("span", title), tag("small", inline(text)), class_="tile")
            for figure, title, text in self.tiles
        )
        return tag("div", *cards, class_="tiles")

    def markdown(self, counter: Counter) -> str:
        return "\n".join(f"- **{figure}** {title}: {text}" for figure, title, text in self.tiles)


@dataclass(frozen=True)
class Findings:
    """What an audit found, gravest first: mappings of `avianvox.audit.findings.Finding`."""

    findings: Iterable[Mapping[str, str]]

    def html(self, counter: Counter) -> Markup:
        cards = (
            tag(
                "li",
                tag("span", finding["level"], class_="level"),
                tag("h3", inline(finding["title"])),
                *(tag("p", inline(line.removeprefix("- "))) for line in finding["detail"].splitlines()),
                tag("p", tag("b", "What to do. "), inline(finding["advice"])) if finding["advice"] else None,
                class_=finding["level"],
            )
            for finding in self.findings
        )
        return tag("ol", *cards, class_="findings")

    def markdown(self, counter: Counter) -> str:
        return "\n".join(
            f"- **{f['level'].upper()}: {f['title']}** "
            f"{' '.join(line.removeprefix('- ') for line in f['detail'].splitlines())} "
            f"*What to do:* {f['advice']}"
            for f in self.findings
        )
