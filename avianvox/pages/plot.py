"""Small SVG charts whose colours come from the style sheet: light and dark are one picture.

A `Plot` is one pair of axes of 440 by 300 units, which stays readable on a phone; several of them stand side
by side on a wider page. Series are told apart by the classes ``s1`` to ``s4`` of ``chart.css``.
"""

import math
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from avianvox.pages.markup import Markup, join, short, tag

_RIGHT, _BOTTOM = 14.0, 42.0


@dataclass(frozen=True)
class Axis:
    """What one direction of a plot means.

    ``ticks``: pairs of place and text; None stands for round numbers. ``log``: equal factors are equal steps.
    """

    low: float
    high: float
    label: str = ""
    ticks: tuple[tuple[float, str], ...] | None = None
    log: bool = False

    def share(self, value: float) -> float:
        """Where ``value`` lies between the ends, 0 to 1."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / ((self.high - self.low) or 1.0)

    def marks(self) -> tuple[tuple[float, str], ...]:
        if self.ticks is not None:
            return self.ticks
        step = round_step((self.high - self.low) / 5.5)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return tuple((k * step, short(k * step, 6)) for k in range(first, last + 1))


UNIT = Axis(0.0, 1.0)


def round_step(rough: float) -> float:
    """The least of 1, 2, 5 times a power of ten that is not below ``rough``."""
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)


class Plot:
    """One pair of axes; call the drawing methods in the order from back to front, then `svg`.

    Parameters
    ----------
    x, y : Axis
    title : str
        What a screen reader says.
    left, top : float
        Room beside and above the axes, in units.
    width, height : float
    """

    def __init__(
        self,
        x: Axis,
        y: Axis,
        *,
        title: str,
        left: float = 48.0,
        top: float = 12.0,
        width: float = 440.0,
        height: float = 300.0,
    ) -> None:
        self.x, self.y, self.title = x, y, title
        self.left, self.top, self.width, self.height = left, top, width, height
        self._parts: list[Markup] = []

    def at_x(self, value: float) -> float:
        return self.left + self.x.share(value) * (self.width - self.left - _RIGHT)

    def at_y(self, value: float) -> float:
        return self.height - _BOTTOM - self.y.share(value) * (self.height - self.top - _BOTTOM)

    def line(self, xs: Iterable[float], ys: Iterable[float], css: str, *, tip: str = "") -> None:
        """A line through the points; it says ``tip`` when pointed at."""
        path = _path((self.at_x(x), self.at_y(y)) for x, y in zip(xs, ys, strict=True))
        self._parts.append(tag("path", _tip(tip), d=path, class_=f"line {css}"))

    def band(self, xs: Sequence[float], low: Sequence[float], high: Sequence[float], css: str) -> None:
        """The area between two lines."""
        there = [(self.at_x(x), self.at_y(y)) for x, y in zip(xs, low, strict=True)]
        back = [(self.at_x(x), self.at_y(y)) for x, y in zip(xs, high, strict=True)]
        self._parts.append(tag("path", d=_path([*there, *back[::-1]]) + "Z", class_=f"band {css}"))

    def dot(self, x: float, y: float, css: str, *, tip: str = "", radius: float = 4.0) -> None:
        self._parts.append(
            tag("circle", _tip(tip), cx=self.at_x(x), cy=self.at_y(y), r=float(radius), class_=f"dot {css}")
        )

    def span(self, x: tuple[float, float], y: tuple[float, float], css: str) -> None:
        """A straight stroke from one point to another, as an interval has it."""
        (x1, x2), (y1, y2) = map(self.at_x, x), map(self.at_y, y)
        self._parts.append(tag("line", x1=x1, x2=x2, y1=y1, y2=y2, class_=f"span {css}"))

    def bar(self, x: tuple[float, float], y: float, css: str, *, tip: str = "") -> None:
        """A bar from 0 to ``y``."""
        (x1, x2), top, foot = map(self.at_x, x), self.at_y(y), self.at_y(max(self.y.low, 0.0))
        self._parts.append(
            tag("rect", _tip(tip), x=x1, y=top, width=x2 - x1, height=foot - top, class_=f"bar {css}")
        )

    def image(self, png: bytes, x: tuple[float, float], y: tuple[float, float]) -> None:
        """A picture of pixels from ``x[0]`` to ``x[1]`` and from ``y[0]`` (its foot) to ``y[1]``."""
        (left, right), (foot, top) = map(self.at_x, x), map(self.at_y, y)
        href = f"data:image/png;base64,{b64encode(png).decode()}"
        box = {"x": left, "y": top, "width": right - left, "height": foot - top}
        self._parts.append(tag("image", href=href, **box, preserveAspectRatio="none", class_="pixels"))

    def cross(self, x: float, y: float, css: str, *, radius: float = 3.5, tip: str = "") -> None:
        """A cross that stands out from any shade."""
        at_x, at_y, r = self.at_x(x), self.at_y(y), radius
        rising, falling = (
            [(at_x - r, at_y + r), (at_x + r, at_y - r)],
            [(at_x - r, at_y - r), (at_x + r, at_y + r)],
        )
        path = f"{_path(rising)}{_path(falling)}"
        self._parts.append(tag("path", d=path, class_="cross halo"))
        self._parts.append(tag("path", _tip(tip), d=path, class_=f"cross {css}"))

    def cells(self, boxes: Iterable[tuple[float, float, float, float]], css: str, *, tip: str = "") -> None:
        """Boxes of one shade, each from ``x1`` to ``x2`` and from ``y1`` to ``y2``; one path for all."""
        drawn = []
        for x1, x2, y1, y2 in boxes:
            left, right = sorted((round(self.at_x(x1), 1), round(self.at_x(x2), 1)))
            high, low = sorted((round(self.at_y(y1), 1), round(self.at_y(y2), 1)))
            width = short(right - left, 1)
            drawn.append(f"M{short(left, 1)} {short(high, 1)}h{width}v{short(low - high, 1)}h-{width}z")
        if drawn:
            self._parts.append(tag("path", _tip(tip), d="".join(drawn), class_=f"cells {css}"))

    def swatches(self, title: str, entries: Sequence[tuple[str, str]], *, at: float = 14.0) -> None:
        """A key above the axes, in one line: a title, then boxes of a shade with a word each."""
        x = self.left
        self._parts.append(tag("text", title, x=x, y=at, class_="note"))
        x += _width(title) + 12
        for css, text in entries:
            if css:
                box = f"M{short(x, 1)} {short(at - 9, 1)}h12v10h-12z"
                self._parts.append(tag("path", d=box, class_=f"cells swatch {css}"))
                x += 16
            self._parts.append(tag("text", text, x=x, y=at, class_="note"))
            x += _width(text) + 11

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        anchor: str = "start",
        dx: float = 0.0,
        dy: float = 3.5,
        css: str = "",
        turn: int = 0,
    ) -> None:
        """A word, ``dx`` units to the right of a point its foot ``dy`` units below, turned by degrees."""
        at_x, at_y, css = self.at_x(x) + dx, self.at_y(y) + dy, f"note {css}".strip()
        place: dict[str, object] = {"x": at_x, "y": at_y}
        if turn:
            place = {"transform": f"translate({short(at_x)} {short(at_y)}) rotate({turn})"}
        self._parts.append(tag("text", text, **place, text_anchor=anchor, class_=css))

    def corner(self, text: str) -> None:
        """What the plot is of, in its upper right corner."""
        at = self.width - _RIGHT - 4.0
        self._parts.append(
            tag("text", text, x=at, y=self.top + 12.0, text_anchor="end", class_="note strong")
        )

    def legend(self, entries: Sequence[tuple[str, str]], x: float, y: float) -> None:
        """Lines of (classes of a dot or "", text); where the first one stands, in shares of the axes."""
        left = self.left + x * (self.width - self.left - _RIGHT)
        top = self.height - _BOTTOM - y * (self.height - self.top - _BOTTOM)
        for k, (css, text) in enumerate(entries):
            at = top + 14 * k
            if css:
                self._parts.append(tag("circle", cx=left, cy=at - 3.5, r=4.0, class_=f"dot {css}"))
            self._parts.append(tag("text", text, x=left + 9, y=at, class_="note legend"))

    def svg(self, *, frame: bool = True) -> Markup:
        """The finished chart; without ``frame``, axes are not drawn."""
        parts = [self._frame()] if frame else []
        return drawing(join([*parts, tag("g", *self._parts)]), self.width, self.height, title=self.title)

    def _frame(self) -> Markup:
        right, foot = self.width - _RIGHT, self.height - _BOTTOM
        parts = []
        for value, text in self.x.marks():
            at = self.at_x(value)
            parts.append(tag("line", x1=at, x2=at, y1=self.top, y2=foot, class_="grid"))
            parts.append(tag("text", text, x=at, y=foot + 14, text_anchor="middle", class_="tick"))
        for value, text in self.y.marks():
            at = self.at_y(value)
            parts.append(tag("line", x1=self.left, x2=right, y1=at, y2=at, class_="grid"))
            parts.append(tag("text", text, x=self.left - 6, y=at + 3.5, text_anchor="end", class_="tick"))
        parts.append(
            tag("path", d=_path([(self.left, self.top), (self.left, foot), (right, foot)]), class_="axis")
        )
        middle = (self.left + right) / 2
        parts.append(
            tag("text", self.x.label, x=middle, y=self.height - 8, text_anchor="middle", class_="label")
        )
        if self.y.label:
            at = (self.top + foot) / 2
            turn = f"translate(12 {short(at)}) rotate(-90)"
            parts.append(tag("text", self.y.label, text_anchor="middle", transform=turn, class_="label"))
        return tag("g", *parts)


def drawing(inside: Markup, width: float, height: float, *, title: str) -> Markup:
    """An SVG picture that is as wide as the page lets it be."""
    return tag(
        "svg",
        tag("title", title),
        inside,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {short(width)} {short(height)}",
        role="img",
        class_="chart",
    )


def standalone(svg: Markup) -> str:
    """The same picture as a file of its own, with its style sheet inside."""
    head, rest = svg.split(">", 1)
    return f"{head}>{tag('style', Markup(style_sheet()))}{rest}\n"


def style_sheet() -> str:
    """What charts look like, on a page and in files of their own."""
    return files(__package__).joinpath("chart.css").read_text(encoding="utf-8")


def step_corners(xs: np.ndarray, ys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A curve without the points that lie on a straight line between their neighbours."""
    if len(xs) < 3:
        return xs, ys
    before = np.stack([np.diff(xs)[:-1], np.diff(ys)[:-1]])
    after = np.stack([np.diff(xs)[1:], np.diff(ys)[1:]])
    bent = np.abs(before[0] * after[1] - before[1] * after[0]) > 1e-12
    keep = np.concatenate([[True], bent, [True]])
    return xs[keep], ys[keep]


def _width(text: str) -> float:
    """About how wide a note is."""
    return 5.3 * len(text)


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{short(x, 1)} {short(y, 1)}" for x, y in points)


def _tip(text: str) -> Markup | None:
    return tag("title", text) if text else None
