"""Spectrograms with boxes. Matplotlib is imported when one is drawn.

Boxes of one kind have the colour of their label. Where drawn ones stand beside found ones, each kind has one
colour: what agrees is seen at a glance.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from avianvox.audio.cut import Clip, cut
from avianvox.errors import require_extra
from avianvox.inference.segments import safe_name, unique_names
from avianvox.inference.spectrogram_picture import draw_clip, save_picture
from avianvox.types import Box, Detection

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PICTURE_S = 10.0
"""Sound in a picture of a stretch."""
FORMS = ("png", "svg")

_COLOURS = ("#7fe3ff", "#ffd166", "#9dff8a", "#ff9ecb", "#ffffff", "#ff8a5c")
_DRAWN, _FOUND = "#7fe3ff", "#ffd166"
_LEAST_HZ = 4000.0  # of a picture: low voices are small in one up to 12 kHz
_ABOVE = 2.0  # times the highest box is shown
_LATE = 0.85
_SHORT = 24  # letters of a label at a box
_NAMED = 6  # labels that a key names


def need_matplotlib(left_out: str) -> None:
    """Raise `MissingExtraError` where pictures can't be drawn; ``left_out``: the option to leave out."""
    require_extra("matplotlib", extra="plot", purpose=f"drawing spectrograms (or leave {left_out} out)")


def draw_boxes(
    clip: Clip, path: Path, *, title: str, found: Sequence[Box] = (), drawn: Sequence[Box] | None = None
) -> None:
    """Draw a spectrogram with boxes, their labels and scores.

    Parameters
    ----------
    clip : Clip
    path : Path
        PNG, or SVG where it ends so.
    title : str
    found : sequence of Box
        Solid lines.
    drawn : sequence of Box, optional
        Dashed lines, and both kinds in a colour of their own.

    Raises
    ------
    MissingExtraError, OutputError
    """
    require_extra("matplotlib", extra="plot", purpose="drawing spectrograms")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    found, drawn = [_within(clip, found), None if drawn is None else _within(clip, drawn)]
    boxes = [*found, *(drawn or ())]
    labels = sorted({box.label for box in boxes})
    by_label = {label: _COLOURS[i % len(_COLOURS)] for i, label in enumerate(labels)}
    figure = Figure(figsize=(10.0, 4.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    highest = max((box.high_hz for box in boxes), default=None)
    top_hz = None if highest is None else max(_LEAST_HZ, _ABOVE * highest)
    draw_clip(axes, clip, Detection(str(path), high_hz=highest), most_hz=top_hz)
    for box in drawn or ():
        _outline(axes, clip, box, _DRAWN, box.label[:_SHORT], dashed=True)
    for box in found:
        score = "" if box.score is None else f"{box.score:.2f}"
        words = score if drawn is None else f"{box.label[:_SHORT]} {score}".strip()
        _outline(axes, clip, box, by_label[box.label] if drawn is None else _FOUND, words)
    axes.set_title(title, fontsize=9, loc="left", parse_math=False)
    keys = (
        [(by_label[label], label or "without a name", "-") for label in labels[:_NAMED]]
        if drawn is None
        else [(_DRAWN, "drawn", "--"), (_FOUND, "found", "-")]
    )
    if keys:
        lines = [axes.plot([], [], color=colour, ls=style, label=words)[0] for colour, words, style in keys]
        key = figure.legend(handles=lines, loc="outside lower center", ncols=min(3, len(keys)), fontsize=8)
        key.get_frame().set(facecolor="#2a1a3a", edgecolor="none")
        for text in key.get_texts():
            text.set(color="white", parse_math=False)
    save_picture(figure, path)


class Pictures:
    """Draws the stretches of each recording that hold most boxes, into a folder.

    Parameters
    ----------
    folder : Path
    most : int
        Pictures of a recording.
    svg : bool
        SVG beside PNG.
    """

    def __init__(self, folder: Path, most: int, *, svg: bool = False) -> None:
        self._folder, self._most, self._forms = folder, most, FORMS if svg else FORMS[:1]
        self._names: list[str] = []

    def draw(self, path: Path, found: Sequence[Box], drawn: Sequence[Box] | None = None) -> None:
        """Draw the boxes of one recording, as `draw_boxes` does. Raises `AudioError` too."""
        self._folder.mkdir(parents=True, exist_ok=True)
        spans = [(PICTURE_S * k, PICTURE_S * (k + 1)) for k in self._chosen([*found, *(drawn or ())])]
        for i, clip in cut(path, spans):
            begin_s, _ = spans[i]
            self._names.append(safe_name(f"{path.stem}_{begin_s:g}s"))
            *_, name = unique_names(self._names)
            for form in self._forms:
                draw_boxes(
                    clip,
                    self._folder / f"{name}.{form}",
                    title=f"{path.name}, from {begin_s:g} s",
                    found=found,
                    drawn=drawn,
                )

    def _chosen(self, boxes: Sequence[Box]) -> list[int]:
        """Which stretches, in order."""
        counts: dict[int, int] = {}
        for box in boxes:
            stretch = int((box.begin_s + box.end_s) / 2 / PICTURE_S)
            counts[stretch] = counts.get(stretch, 0) + 1
        return sorted(sorted(counts, key=lambda stretch: (-counts[stretch], stretch))[: self._most])


def _within(clip: Clip, boxes: Sequence[Box]) -> list[Box]:
    return [box for box in boxes if box.end_s > clip.begin_s and box.begin_s < clip.end_s]


def _outline(axes: "Axes", clip: Clip, box: Box, colour: str, words: str, *, dashed: bool = False) -> None:
    """A box with words above it, or below it where it is dashed."""
    times = [box.begin_s, box.end_s, box.end_s, box.begin_s]
    low, high = box.low_hz / 1000, box.high_hz / 1000
    axes.fill(times, [low, low, high, high], fill=False, ec=colour, lw=1.2, ls="--" if dashed else "-")
    late = box.begin_s > clip.begin_s + _LATE * (clip.end_s - clip.begin_s)  # words stay in the picture
    axes.annotate(
        words,
        (min(box.end_s, clip.end_s) if late else max(box.begin_s, clip.begin_s), low if dashed else high),
        xytext=(0, -2 if dashed else 2),
        textcoords="offset points",
        va="top" if dashed else "bottom",
        ha="right" if late else "left",
        color=colour,
        fontsize=8,
        bbox={"facecolor": "black", "alpha": 0.5, "edgecolor": "none", "pad": 0.8},
        parse_math=False,
        annotation_clip=True,
    )
