"""The folder of a network: filters, activations of each layer, and the windows that classes answer to
most."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from avianvox.errors import InputError
from avianvox.explain.figures import sheet
from avianvox.explain.filters import LayerSeen, busiest, layers_seen
from avianvox.explain.heard import Heard, hear
from avianvox.explain.maximise import Climb, Maximised, maximised
from avianvox.explain.network import RunListener, on_bands
from avianvox.explain.written import Figure, Written
from avianvox.pages.blocks import Block, Chart, Column, Section, Table, Text
from avianvox.tables.rows import Column as Written_
from avianvox.words import printable

MOST_FILTERS, MOST_CHANNELS, MOST_CLASSES = 64, 16, 12


@dataclass(frozen=True)
class Asked:
    """What is shown of a network.

    Attributes
    ----------
    species : tuple of str
        Classes whose window is sought; none: the first `MOST_CLASSES`.
    channels : tuple of (str, int)
        Layers and channels whose window is sought too.
    climb : Climb
    seed : int
    """

    species: tuple[str, ...] = ()
    channels: tuple[tuple[str, int], ...] = ()
    climb: Climb = field(default_factory=Climb)
    seed: int = 0


def channel_of(text: str) -> tuple[str, int]:
    """LAYER:NUMBER as a pair. Raises `InputError`."""
    layer, _, number = text.rpartition(":")
    if not layer or not number.isdigit():
        raise InputError(f"--channel: expected LAYER:NUMBER, such as block2_conv:3, got '{text}'")
    return layer, int(number)


def write_network(
    written: Written,
    opened: RunListener,
    path: Path | None,
    asked: Asked,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write everything, and the page.

    Parameters
    ----------
    written : Written
    opened : RunListener
    path : Path or None
        The recording whose loudest answer is followed through the layers; without one, there are no
        activations.
    asked : Asked
    progress : callable, optional

    Raises
    ------
    AudioError, InputError
    """
    from avianvox.explain.maps import position_of

    targets = [position_of(opened, name) for name in asked.species] or list(range(len(opened.labels)))
    targets = targets[: max(MOST_CLASSES, len(asked.species))]
    heard = None if path is None else hear(opened, path)
    spec = opened.network.spec
    window = 0 if heard is None else int(np.argmax(heard.scores.max(axis=1)))
    silence = np.full((spec.n_frames, spec.n_features), 10 * np.log10(spec.log_floor), np.float32)
    layers = layers_seen(opened, silence if heard is None else heard.rows[window])
    sections = [
        Section("opening", "", (Text(_opening(opened, heard, window)),)),
        Section("layers", "Layers", (_table(written, layers),)),
        Section("filters", "Filters", tuple(_filters(written, layers)), absent=_NO_FILTERS),
        Section("activations", "Activations", tuple(_activations(written, layers, heard)), absent=_NO_SOUND),
        Section(
            "maximised", "What answers most", tuple(_maximised(written, opened, targets, asked, progress))
        ),
    ]
    sections = [Section(s.key, s.title, s.blocks, absent="" if s.blocks else s.absent) for s in sections]
    return written.page(
        "What a network has learned", f"Training run `{printable(str(opened.run.path))}`.", sections
    )


_NO_FILTERS = "The network has no convolutions."
_NO_SOUND = "No recording was given: name one after the folder of the run."


def _opening(opened: RunListener, heard: Heard | None, window: int) -> str:
    said = f"`{opened.name}`, {len(opened.labels)} classes, windows of {opened.spec.window_s:.2f} s."
    if heard is None:
        return said
    begin_s = heard.begin_s + heard.offsets[window] * heard.spec.hop_length / heard.spec.sample_rate
    best = opened.labels[int(np.argmax(heard.scores[window]))]
    file = printable(Path(heard.path).name)
    return f"{said} Activations are those of {file} from {begin_s:.2f} s on, where the answer is *{best}*."


def _table(written: Written, layers: Sequence[LayerSeen]) -> Table:
    columns = Written_("layer"), Written_("kind"), Written_("shape"), Written_("weights", int)
    rows = [(one.name, one.kind, " x ".join(map(str, one.shape)), one.n_weights) for one in layers]
    written.table(rows, columns)
    shown = Column("layer"), Column("kind"), Column("gives"), Column("weights", "d")
    return Table("Each layer but those of dropout.", shown, rows)


def _filters(written: Written, layers: Sequence[LayerSeen]) -> list[Block]:
    charts: list[Block] = []
    for one in layers:
        if one.filters is None:
            continue
        shown = one.filters[:MOST_FILTERS]
        title = f"Filters of {one.name}: {len(shown)} of {len(one.filters)}"
        svg = sheet(
            list(shown), [str(k) for k in range(len(shown))], title=title, signed=True, columns=16, height=34
        )
        written.figure(Figure(f"filters_{one.name}", title, title, svg))
        written.arrays(f"filters_{one.name}", {"filters": one.filters})
        caption = f"{title}; time runs to the right, frequency upward. Red raises, blue lowers."
        charts.append(Chart(f"filters_{one.name}", caption, (svg,), wide=True))
    return charts


def _activations(written: Written, layers: Sequence[LayerSeen], heard: Heard | None) -> list[Block]:
    charts: list[Block] = []
    for one in layers if heard is not None else ():
        written.arrays(f"activation_{one.name}", {"activation": one.activation})
        if one.activation.ndim == 3 and one.activation.shape[1] > 1:
            chosen = busiest(one.activation, MOST_CHANNELS)
            pictures = [one.activation[:, :, k] for k in chosen]
            title = f"{one.name}: {len(chosen)} of {one.activation.shape[-1]} channels"
            svg = sheet(pictures, [str(k) for k in chosen], title=title, columns=4, height=60)
        elif one.activation.ndim == 2:
            title = f"{one.name}: {one.activation.shape[1]} numbers at {one.activation.shape[0]} moments"
            svg = sheet([one.activation], ["time to the right"], title=title, columns=1, height=90)
        else:
            continue
        written.figure(Figure(f"activation_{one.name}", title, title, svg))
        charts.append(
            Chart(f"activation_{one.name}", f"{title}, those that vary most first.", (svg,), wide=True)
        )
    return charts


def _maximised(
    written: Written,
    opened: RunListener,
    targets: Sequence[int],
    asked: Asked,
    progress: Callable[[int, int], None] | None,
) -> list[Block]:
    found: list[tuple[str, Maximised]] = []
    total = len(targets) + len(asked.channels)
    for target in targets:
        one = maximised(opened, target=target, climb=asked.climb, seed=asked.seed)
        found.append((opened.labels[target], one))
        if progress is not None:
            progress(len(found), total)
    for layer, channel in asked.channels:
        one = maximised(opened, layer=layer, channel=channel, climb=asked.climb, seed=asked.seed)
        found.append((f"{layer}:{channel}", one))
        if progress is not None:
            progress(len(found), total)
    spec = opened.network.spec
    arrays = {name: one.window for name, one in found} | {
        f"{name}: answers": one.answers for name, one in found
    }
    written.arrays("maximised", arrays)
    pictures = [on_bands(one.window[None], spec)[0] for _, one in found]
    answers = ["logit"] * len(targets) + ["mean"] * len(asked.channels)
    labels = [
        f"{printable(name)}, {what} {one.answers[-1]:.1f}"
        for (name, one), what in zip(found, answers, strict=True)
    ]
    title = "Windows that classes and channels answer to most"
    svg = sheet(pictures, labels, title=title, columns=3, height=110, view=spec)
    written.figure(Figure("maximised", title, title, svg))
    caption = (
        f"{title}, found by {asked.climb.steps} steps up the gradient from faint noise, with the answer "
        "(logit, or mean of the channel). The brighter, the louder; each window has a range of its own."
    )
    return [Chart("maximised", caption, (svg,), wide=True)]
