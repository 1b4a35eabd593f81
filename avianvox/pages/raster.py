"""Charts as PNG: matplotlib draws what `avianvox.pages.plot` has put into SVG, in the colours of light pages.

It knows the elements that charts are made of (lines, boxes, circles, paths of straight strokes, texts,
pictures) and the few rules of ``chart.css``; so a chart is described once, and is the same in both forms.
"""

import re
import warnings
from base64 import b64decode
from collections.abc import Iterator, Mapping
from functools import cache
from io import BytesIO
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import numpy as np

from avianvox.errors import require_extra
from avianvox.pages.markup import Markup
from avianvox.pages.plot import style_sheet

SCALE = 2.0
"""Pixels to a unit of a chart."""

_FONT = 0.92  # of the size: matplotlib's own font is wider than those of pages
_ANCHORS = {"start": "left", "middle": "center", "end": "right"}
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_TOKEN = re.compile(r"[MLHVhvZz]|-?\d+(?:\.\d+)?")
_TURN = re.compile(r"translate\(([-\d.]+) ([-\d.]+)\) rotate\(([-\d.]+)\)")


def png_of(svg: Markup, *, scale: float = SCALE) -> bytes:
    """The PNG of a chart.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    require_extra("matplotlib", extra="plot", purpose="drawing PNG")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    root = fromstring(svg)
    _, _, width, height = (float(part) for part in root.get("viewBox", "0 0 1 1").split())
    figure = Figure(figsize=(width / 72, height / 72), dpi=72 * scale)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0), autoscale_on=False)
    axes.axis("off")
    names = _rules()[0]
    figure.patch.set_facecolor(names["--paper"])
    for order, (element, style) in enumerate(_walk(root, dict(names))):
        _draw(axes, element, style, order)
    axes.set(xlim=(0, width), ylim=(height, 0))
    stream = BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a letter that its font lacks is drawn as a box
        figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


@cache
def _rules() -> tuple[dict[str, str], tuple[tuple[str, frozenset[str], dict[str, str]], ...]]:
    """Names of colours, and rules: an element's name or "", its classes, and what they say."""
    text = re.sub(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", style_sheet())
    names: dict[str, str] = {}
    rules = []
    for selectors, body in _RULE.findall(text):
        said = dict(pair.split(":", 1) for part in body.split(";") if (pair := part.strip()))
        said = {key.strip(): value.strip() for key, value in said.items()}
        for selector in selectors.split(","):
            last = selector.split()[-1]
            if last == "svg.chart":
                names |= {key: value for key, value in said.items() if key.startswith("--")}
            elif ":" not in last:
                element, *classes = last.split(".")
                rules.append((element, frozenset(classes), said))
    return names, tuple(rules)


def _walk(element: Element, names: Mapping[str, str]) -> Iterator[tuple[Element, dict[str, str]]]:
    """Each element that shows something, and how it looks."""
    kind = element.tag.rpartition("}")[2]
    if kind in ("title", "style"):
        return
    classes = set(element.get("class", "").split())
    said = {key: value for key, value in element.attrib.items()}
    for wanted, needed, rule in _rules()[1]:
        if wanted in ("", kind) and needed <= classes and kind != "svg":
            said |= rule
    inside = {**names, **{key: value for key, value in said.items() if key.startswith("--")}}
    if kind not in ("svg", "g"):
        yield element, {key: _value(value, inside) for key, value in said.items()}
    for child in element:
        yield from _walk(child, inside)


def _value(text: str, names: Mapping[str, str]) -> str:
    while found := re.fullmatch(r"var\((--[\w-]+)\)", text):
        text = names.get(found[1], "none")
    return text


def _draw(axes: Any, element: Element, style: Mapping[str, str], order: int) -> None:
    from matplotlib import patches
    from matplotlib.path import Path

    def at(name: str) -> float:
        return float(element.get(name, 0))

    look = _look(style) | {"zorder": order}
    kind = element.tag.rpartition("}")[2]
    if kind == "text":
        _write(axes, element, style, order)
    elif kind == "image":
        _show(axes, element, order)
    elif kind == "circle":
        axes.add_artist(patches.Circle((at("cx"), at("cy")), at("r"), **look))
    elif kind == "rect":
        axes.add_artist(patches.Rectangle((at("x"), at("y")), at("width"), at("height"), **look))
    elif style.get("class", "") != "playhead":
        points = f"M{at('x1')} {at('y1')}L{at('x2')} {at('y2')}" if kind == "line" else element.get("d", "")
        vertices, codes = _strokes(points)
        if len(vertices):
            axes.add_artist(patches.PathPatch(Path(vertices, codes), capstyle="butt", **look))


def _look(style: Mapping[str, str]) -> dict[str, Any]:
    """Face, edge and line as matplotlib takes them; a filled shape without a stroke has none."""
    from matplotlib.colors import to_rgba

    whole = float(style.get("opacity", 1))

    def colour(name: str, usual: str) -> Any:
        value = style.get(name, usual)
        return "none" if value == "none" else to_rgba(value, whole * float(style.get(f"{name}-opacity", 1)))

    dashes = style.get("stroke-dasharray", "")
    line: Any = (0, [float(part) for part in dashes.split()]) if dashes else "-"
    return {
        "facecolor": colour("fill", "#000"),
        "edgecolor": colour("stroke", "none"),
        "linewidth": float(style.get("stroke-width", 1)) if style.get("stroke", "none") != "none" else 0.0,
        "linestyle": line,
    }


def _strokes(text: str) -> tuple[np.ndarray, list[int]]:
    """Points and codes of a path of M, L, H, V, h, v and Z."""
    from matplotlib.path import Path

    points: list[tuple[float, float]] = []
    codes: list[int] = []
    x = y = 0.0
    start = (0.0, 0.0)
    command, numbers = "", list[float]()
    for token in [*_TOKEN.findall(text), ""]:
        if token and (token[0] == "-" or token[0].isdigit()):
            numbers.append(float(token))
            if command in "ML" and len(numbers) == 2:
                x, y = numbers
            elif command in "Hh":
                x = numbers[0] + (x if command == "h" else 0.0)
            elif command in "Vv":
                y = numbers[0] + (y if command == "v" else 0.0)
            else:
                continue
            start = (x, y) if command == "M" else start
            points.append((x, y))
            codes.append(int(Path.MOVETO if command == "M" else Path.LINETO))
            command, numbers = ("L" if command == "M" else command), []
        else:
            command = token
            if token in ("Z", "z"):
                points.append(start)
                codes.append(int(Path.CLOSEPOLY))
                x, y = start
    return np.array(points), codes


def _write(axes: Any, element: Element, style: Mapping[str, str], order: int) -> None:
    x, y, turn = float(element.get("x", 0)), float(element.get("y", 0)), 0.0
    if found := _TURN.fullmatch(element.get("transform", "")):
        x, y, turn = float(found[1]), float(found[2]), -float(found[3])
    size = float(style.get("font-size", "11px").removesuffix("px"))
    axes.text(
        x,
        y,
        element.text or "",
        fontsize=size * _FONT,
        color=style.get("fill", "#000"),
        ha=_ANCHORS[element.get("text-anchor", "start")],
        va="baseline",
        rotation=turn,
        rotation_mode="anchor",
        style=style.get("font-style", "normal"),
        weight="bold" if style.get("font-weight", "") == "600" else "normal",
        parse_math=False,
        zorder=order,
    )


def _show(axes: Any, element: Element, order: int) -> None:
    from matplotlib.image import imread

    pixels = imread(BytesIO(b64decode(element.get("href", "").partition(",")[2])))
    x, y, width, height = (float(element.get(key, 0)) for key in ("x", "y", "width", "height"))
    axes.imshow(
        pixels,
        extent=(x, x + width, y + height, y),
        aspect="auto",
        interpolation="nearest",
        zorder=order,
    )
