"""Figures: a map over its spectrogram, sheets of small pictures, curves. Each is SVG, which can become PNG.

The same figure gives the same bytes. Frequencies stand on the mel scale, as the model hears them.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avianvox.evaluation.plain import counted
from avianvox.explain.heard import Heard
from avianvox.explain.maps import Explanation
from avianvox.features.filters import hz_to_mel
from avianvox.features.spec import FeatureSpec
from avianvox.pages.clips import SHOWN_DB, TICKS_HZ, colour_map, rgb_png
from avianvox.pages.markup import Markup, join, short, tag
from avianvox.pages.plot import drawing, round_step
from avianvox.words import printable

WIDTH = 640.0
LEFT, RIGHT = 46.0, 72.0
"""Room for kilohertz, and for the colour bar."""

HEAT = "fff7bc fec44f fe9929 d95f0e 993404"
BOTH = "2166ac 92c5de f7f7f7 f4a582 b2182b"
"""From what speaks against to what speaks for."""

_MOST_COLUMNS = 1200
_OUTLINE = (90, 230, 255)


@dataclass(frozen=True)
class Panel:
    """Pixels with axes: shape (height, width, 3), the lowest band last; ``bar``: see `_bar`."""

    pixels: np.ndarray
    height: float
    label: str
    bar: tuple[np.ndarray, str, str, str]


def explanation_figure(found: Explanation, *, credit: str = "") -> Markup:
    """The spectrogram with the outline of the vocal mask, and below it the map over the same spectrogram."""
    heard = found.heard
    bands = _narrowed(heard.bands)
    mask = _narrowed(heard.mask.astype(np.float64)) >= 0.5
    values = _narrowed(found.values, whole=False)
    shares = np.clip(1 + (bands - bands.max()) / SHOWN_DB, 0, 1)
    seen = colour_map(shares)
    seen[_outline(mask)] = _OUTLINE
    top = float(np.max(values, initial=0.0)) or 1.0
    strength = np.clip(values / top, 0, 1)
    grey = np.repeat((255 * (0.25 + 0.6 * shares))[..., None], 3, axis=-1)
    heat = colour_map(strength, anchors=HEAT)
    weight = 0.9 * np.minimum(1.0, 1.5 * strength)[..., None]
    over = (grey * (1 - weight) + heat * weight).round().astype(np.uint8)
    steps = np.linspace(0, 1, 64)
    panels = (
        Panel(_upright(seen), 150.0, "", (colour_map(steps), f"{-SHOWN_DB:.0f}", "0", "dB")),
        Panel(
            _upright(over),
            150.0,
            "",
            (colour_map(steps, anchors=HEAT), "0", _short(top), _UNITS[found.method]),
        ),
    )
    head = (printable(found.scientific_name), said_of(found))
    foot = [
        "Above: spectrogram, outline of the vocal mask. "
        f"Below: what speaks for the species, {windows_said(found)}.",
        *([credit] if credit else []),
    ]
    return _stacked(heard, panels, head, foot, title=f"{found.method} of {found.scientific_name}")


_UNITS = {"occlusion": "log-odds", "grad-cam": "strength", "attention": "share"}


def said_of(found: Explanation) -> str:
    """Score and overlap in one line."""
    common = f"{printable(found.common_name)}, " if found.common_name else ""
    share = "no overlap" if np.isnan(found.share) else f"{found.share:.2f} of the map on the voice"
    chance = "" if np.isnan(found.chance) else f" (by chance {found.chance:.2f})"
    iou = "" if np.isnan(found.iou) else f", IoU {found.iou:.2f}"
    return f"{common}score {found.score:.2f}, {found.method}: {share}{chance}{iou}"


def sheet(
    pictures: Sequence[np.ndarray],
    labels: Sequence[str],
    *,
    title: str,
    signed: bool = False,
    columns: int = 8,
    height: float = 64.0,
    view: FeatureSpec | None = None,
) -> Markup:
    """Small pictures side by side, each over its own range of values; shapes (n_frames, n_bands).

    ``signed``: 0 has the middle colour. ``view``: of pictures that are windows of its mel bands, which have
    kilohertz on the left and seconds below then.
    """
    gap, room = 8.0, 14.0 if view is None else 47.0
    left = gap if view is None else LEFT
    columns = max(1, min(columns, len(pictures)))
    width = (WIDTH - gap - left - (columns - 1) * gap) / columns
    parts = [tag("text", title, x=gap, y=16.0, class_="note strong")]
    for k, (values, label) in enumerate(zip(pictures, labels, strict=True)):
        x = left + (k % columns) * (width + gap)
        y = 26.0 + (k // columns) * (height + room + gap)
        parts.append(_image(_upright(coloured(values, signed=signed)), x, y, width, height))
        parts.append(tag("text", label, x=x, y=y + height + room - 4, class_="tick"))
        if view is not None:
            parts += _kilohertz(view, y, height) if x == left else []
            parts += _seconds(0.0, view.window_s, y + height, between=(x, x + width), label="seconds")
    n_lines = -(-len(pictures) // columns)
    return drawing(join(parts), WIDTH, 30.0 + n_lines * (height + room + gap), title=title)


def coloured(values: np.ndarray, *, signed: bool = False) -> np.ndarray:
    """Colours of one picture over its own range, shape (n_frames, n_bands, 3), uint8."""
    if signed:
        most = float(np.abs(values).max()) or 1.0
        return colour_map(0.5 + 0.5 * values / most, anchors=BOTH)
    low, high = float(values.min()), float(values.max())
    return colour_map((values - low) / ((high - low) or 1.0))


def _stacked(
    heard: Heard, panels: Sequence[Panel], head: tuple[str, str], foot: Sequence[str], *, title: str
) -> Markup:
    """Panels below one another over the seconds of a recording."""
    right = WIDTH - RIGHT
    parts: list[Markup] = [
        tag("text", head[0], x=LEFT, y=18.0, class_="note strong", font_style="italic"),
        tag("text", head[1], x=LEFT, y=33.0, class_="note"),
    ]
    top = 42.0
    for panel in panels:
        parts.append(_image(panel.pixels, LEFT, top, right - LEFT, panel.height))
        parts += _kilohertz(heard.view, top, panel.height)
        parts += _bar(panel, top)
        top += panel.height + 10.0
    parts += _seconds(
        heard.begin_s, heard.end_s, top - 10.0, between=(LEFT, right), label="seconds in the recording"
    )
    top += 30.0
    for k, line in enumerate(foot):
        parts.append(tag("text", line, x=LEFT, y=top + 13.0 * k, class_="tick"))
    return drawing(join(parts), WIDTH, top + 13.0 * len(foot), title=title)


def _kilohertz(view: FeatureSpec, top: float, height: float) -> list[Markup]:
    parts = []
    low, high = (float(hz_to_mel(hz)) for hz in (view.fmin_hz, view.fmax_hz))
    for hz in TICKS_HZ:
        if view.fmin_hz < hz < view.fmax_hz:
            y = top + height * (1 - (float(hz_to_mel(hz)) - low) / (high - low))
            parts.append(tag("line", x1=LEFT - 3, x2=LEFT, y1=y, y2=y, class_="axis"))
            parts.append(
                tag("text", f"{hz / 1000:g}", x=LEFT - 6, y=y + 3.5, text_anchor="end", class_="tick")
            )
    middle = short(top + height / 2)
    turn = f"translate(12 {middle}) rotate(-90)"
    parts.append(tag("text", "kHz", text_anchor="middle", transform=turn, class_="label"))
    return parts


def _seconds(
    begin_s: float, end_s: float, top: float, *, between: tuple[float, float], label: str
) -> list[Markup]:
    left, right = between
    parts = []
    step = round_step((end_s - begin_s) / min(8.0, (right - left) / 40.0))
    for k in range(int(np.ceil(begin_s / step)), int(end_s / step) + 1):
        x = left + (k * step - begin_s) / (end_s - begin_s) * (right - left)
        parts.append(tag("line", x1=x, x2=x, y1=top, y2=top + 3, class_="axis"))
        parts.append(tag("text", f"{k * step:g}", x=x, y=top + 14, text_anchor="middle", class_="tick"))
    middle = (left + right) / 2
    parts.append(tag("text", label, x=middle, y=top + 28, text_anchor="middle", class_="label"))
    return parts


def _bar(panel: Panel, top: float) -> list[Markup]:
    """The colour bar: its colours from below, the words at its ends, and what it measures."""
    colours, low, high, unit = panel.bar
    x = WIDTH - RIGHT + 12.0
    return [
        _image(colours[::-1, None, :], x, top + 14, 10.0, panel.height - 14),
        tag("text", unit, x=x, y=top + 8, class_="tick"),
        tag("text", high, x=x + 14, y=top + 22, class_="tick"),
        tag("text", low, x=x + 14, y=top + panel.height, class_="tick"),
    ]


def _image(pixels: np.ndarray, x: float, y: float, width: float, height: float) -> Markup:
    href = f"data:image/png;base64,{b64encode(rgb_png(pixels)).decode()}"
    box = {"x": x, "y": y, "width": width, "height": height}
    return tag("image", href=href, **box, preserveAspectRatio="none", class_="pixels")


def _upright(pixels: np.ndarray) -> np.ndarray:
    """From (frames, bands, 3) to rows of pixels, the highest band first."""
    return np.ascontiguousarray(pixels.transpose(1, 0, 2)[::-1])


def _outline(mask: np.ndarray) -> np.ndarray:
    """The cells of a mask that have a neighbour outside it."""
    padded = np.pad(mask, 1, mode="edge")
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.asarray(mask & ~inner)


def _narrowed(values: np.ndarray, *, whole: bool = True) -> np.ndarray:
    """At most so many columns as can be seen; of several frames, the greatest value, or else the mean."""
    step = -(-len(values) // _MOST_COLUMNS)
    firsts = np.arange(0, len(values), step)
    if whole:
        return np.asarray(np.maximum.reduceat(values, firsts, axis=0))
    sizes = np.diff(np.append(firsts, len(values)))[:, None]
    return np.asarray(np.add.reduceat(values, firsts, axis=0) / sizes)


def _short(value: float) -> str:
    return f"{value:.2g}"


def draw(folder: Path, key: str, svg: Markup, *, png: bool = True) -> list[str]:
    """Write a figure as SVG, and as PNG; the names of its files."""
    from avianvox.files import atomic_write
    from avianvox.pages.plot import standalone
    from avianvox.words import valid_unicode

    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / f"{key}.svg") as stream:
        stream.write(valid_unicode(standalone(svg)))
    if not png:
        return [f"{key}.svg"]
    from avianvox.pages.raster import png_of

    with atomic_write(folder / f"{key}.png", "wb") as stream:
        stream.write(png_of(svg))
    return [f"{key}.svg", f"{key}.png"]


def windows_said(found: Explanation) -> str:
    """How many windows have a map."""
    n, of = len(found.windows), len(found.heard.rows)
    return counted(n, "window") if n == of else f"{n} of {of} windows"
