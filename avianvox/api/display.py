"""What a notebook shows: tables, scores, spectrograms and sound, as HTML that needs no network."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from avianvox.errors import AvianvoxError
from avianvox.pages.clips import colour_steps, palette_png, sound_address
from avianvox.pages.markup import Markup, join, tag
from avianvox.types import Detection, Prediction, Recording, Waveform

if TYPE_CHECKING:
    from avianvox.api.clips import Heard
    from avianvox.audio.cut import Clip

_TABLE = "font-size: 90%; border-collapse: collapse; text-align: left"
_CELL = "padding: 0.15em 0.7em 0.15em 0; text-align: left; white-space: nowrap"
_NOTE = "font-size: 85%; opacity: 0.75; margin: 0.2em 0"
_SHOWN_S = 30.0  # of a sound that nobody chose a part of: what is shown travels with the notebook
_WIDTH, _HEIGHT = 640, 160
_TOP = 5  # species of a prediction
_BAR = 220  # pixels of a score of 1


def table_html(columns: Sequence[str], rows: Sequence[Sequence[str]], *, n_rows: int, called: str) -> str:
    """The first rows of a table; columns in which nothing stands are left out."""
    filled = [i for i in range(len(columns)) if any(row[i] for row in rows)]
    head = tag("tr", *(tag("th", columns[i], style=_CELL) for i in filled))
    body = [tag("tr", *(tag("td", row[i], style=_CELL) for i in filled)) for row in rows]
    more = f"{n_rows:,} {called if n_rows != 1 else called.removesuffix('s')}"
    more += f", of which {len(rows)} are shown" if n_rows > len(rows) else ""
    return div([tag("table", tag("thead", head), tag("tbody", *body), style=_TABLE), _note(more)])


def div(parts: Iterable[object]) -> str:
    return str(tag("div", join(parts)))


def sound_html(sound: "Heard") -> str:
    """Title, spectrogram and player of a sound; a line that says why, where it can't be heard."""
    from avianvox.api.clips import clip_of, title_of

    try:
        clip, about = clip_of(sound)
    except (AvianvoxError, OSError) as error:
        title = title_of(sound) if isinstance(sound, Detection) else ""
        return div([tag("b", title) if title else None, _note(f"not to be heard: {error}")])
    chosen = about.begin_s is not None
    return div([tag("b", title_of(about)), *_heard(clip, all_of_it=chosen)])


def _heard(clip: "Clip", *, all_of_it: bool) -> Iterable[Markup]:
    from avianvox.inference.spectrogram_picture import highest_hz, spectrogram

    samples, rate = clip.samples.mean(axis=1), clip.sample_rate
    if not all_of_it:
        samples = samples[: round(_SHOWN_S * rate)]
    power, step_hz = spectrogram(samples, rate)
    top_hz = highest_hz(Detection(""), rate)
    picture = palette_png(colour_steps(power[: int(top_hz / step_hz) + 1][::-1]))
    yield tag(
        "img",
        src=f"data:image/png;base64,{b64encode(picture).decode()}",
        alt="spectrogram",
        width=_WIDTH,
        height=_HEIGHT,
        style="display: block; image-rendering: auto; max-width: 100%; margin: 0.3em 0",
    )
    end_s = clip.begin_s + len(samples) / rate
    yield _note(f"{clip.begin_s:.1f} to {end_s:.1f} s of the recording, 0 to {top_hz / 1000:.3g} kHz")
    yield tag("audio", controls=True, preload="metadata", src=sound_address(samples, rate))


def detection_html(detection: Detection) -> str:
    """An event: what it is, and its sound."""
    return sound_html(detection)


def recording_html(recording: Recording) -> str:
    """A row of a catalog: what is known about it, and its sound."""
    facts = (recording.label, recording.recordist, recording.date, recording.site, recording.licence)
    line = ", ".join(part for part in facts if part)
    return div([Markup(sound_html(recording)), _note(line) if line else None])


def waveform_html(waveform: Waveform) -> str:
    """Samples, seen and heard."""
    return sound_html(waveform)


def prediction_html(prediction: Prediction) -> str:
    """The best species of a recording with their scores as bars, above its sound."""
    rows = []
    for name, score in prediction.top(_TOP) if len(prediction.scores) else ():
        bar = f"display: inline-block; height: 0.8em; width: {_BAR * score:.0f}px; background: #4477aa"
        common = prediction.labels.common_name(prediction.labels.index[name])
        cells = (name, common, f"{score:.2f}", tag("span", style=bar))
        rows.append(tag("tr", *(tag("td", cell, style=_CELL) for cell in cells)))
    said = prediction.decision or prediction.message or (prediction.status if not rows else "")
    table = tag("table", tag("tbody", *rows), style=_TABLE) if rows else None
    return div([table, _note(str(said)) if said else None, Markup(sound_html(prediction.path))])


def gallery_html(sounds: "Iterable[Heard]") -> str:
    """Several sounds, one below the other."""
    return div(Markup(sound_html(sound)) for sound in sounds)


def _note(text: str) -> Markup:
    return tag("p", text, style=_NOTE)


class Gallery:
    """Sounds to look at and listen to in a notebook."""

    def __init__(self, sounds: "Iterable[Heard]") -> None:
        self.sounds = tuple(sounds)

    def __len__(self) -> int:
        return len(self.sounds)

    def _repr_html_(self) -> str:
        return gallery_html(self.sounds)
