"""Boxes by energy and shape alone: what a learned detector has to beat.

Cells of a mel spectrogram that stand above the noise floor (:mod:`avianvox.features.foreground`) and touch
form a component. Those that are loud enough are joined across short pauses, and what has the size of a voice
is a box. Nothing is learned. Sound is looked at in windows that overlap by half, of which the middle counts,
so memory is that of a window and of what is still open.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import exp, inf

import numpy as np

from avianvox.boxes.components import Cells, Components, Groups
from avianvox.boxes.protocol import stream_boxes
from avianvox.errors import InputError
from avianvox.features.extract import FeatureStream
from avianvox.features.filters import band_edges_hz
from avianvox.features.foreground import LEAST_DB, height_db
from avianvox.features.spec import FeatureSpec
from avianvox.inference.box_source import band_of
from avianvox.types import Box

_WINDOW_S = 6.0
_EVEN_DB, _STEP_DB = 10.0, 3.0
"""The height that has a score of 0.5, and how much more makes the odds e times as high."""


@dataclass(frozen=True, slots=True)
class SegmenterSettings:
    """What becomes a box.

    Attributes
    ----------
    least_db, peak_db : float
        Height above the noise floor from which a cell counts, and that the highest of a component reaches.
    low_hz, high_hz : float
        Nothing outside these is looked at.
    gap_s : float, seconds
        Components with shorter pauses between them are one box.
    trim : float in [0, 0.5)
        Share of a component's energy that is left out at each of its four edges.
    shortest_s, longest_s : float, seconds
        Of a box; what goes on for longer is cut.
    narrowest_hz, widest_hz : float
        Of a box.
    margin_s, margin_hz : float
        So much is added at each edge in the end, as people draw boxes.
    """

    least_db: float = LEAST_DB
    peak_db: float = 6.0
    low_hz: float = 0.0
    high_hz: float = inf
    gap_s: float = 0.1
    trim: float = 0.02
    shortest_s: float = 0.05
    longest_s: float = 10.0
    narrowest_hz: float = 0.0
    widest_hz: float = inf
    margin_s: float = 0.0
    margin_hz: float = 0.0

    def __post_init__(self) -> None:
        pairs = (("low_hz", "high_hz"), ("shortest_s", "longest_s"), ("narrowest_hz", "widest_hz"))
        for low, high in pairs:
            if not 0 <= getattr(self, low) < getattr(self, high):
                raise InputError(
                    f"segmenter: expected 0 <= {low} < {high}, "
                    f"got {getattr(self, low):g} and {getattr(self, high):g}"
                )
        if not 0 <= self.trim < 0.5 or not 0 < self.longest_s < inf:
            raise InputError(
                f"segmenter: expected a trim from 0 to 0.5 and boxes that end, "
                f"got {self.trim:g} and {self.longest_s:g} s"
            )
        for name in ("gap_s", "margin_s", "margin_hz"):
            if not 0 <= getattr(self, name) < inf:
                raise InputError(f"segmenter: {name}: expected at least 0, got {getattr(self, name):g}")


class EnergySegmenter:
    """A `PushedSource` that knows energy and shape alone; its boxes have no label.

    The score is that of the greatest height above the noise floor: 0.5 at 10 dB, 0.95 at 19 dB.

    Parameters
    ----------
    settings : SegmenterSettings
    sample_rate : int, Hz

    Examples
    --------
    >>> sound = 0.01 * np.random.default_rng(0).standard_normal(5 * 22050)
    >>> sound[44100:66150] += 0.1 * np.sin(2 * np.pi * 3000 * np.arange(22050) / 22050)
    >>> (box,) = EnergySegmenter().boxes([sound.astype(np.float32)])
    >>> box.begin_s < 2.0 < 3.0 < box.end_s, box.low_hz < 3000 < box.high_hz
    (True, True)
    """

    def __init__(self, settings: SegmenterSettings | None = None, *, sample_rate: int = 22050) -> None:
        self.settings = settings or SegmenterSettings()
        n_fft = 2 ** round(np.log2(sample_rate * 2048 / 22050))
        self.spec = FeatureSpec(
            sample_rate=sample_rate,
            n_fft=n_fft,
            hop_length=n_fft // 4,
            fmax_hz=sample_rate / 2,
            n_mfcc=1,
            combine="mel",
        )
        edges = band_edges_hz(self.spec)
        self._edges_hz = (edges[:-1] + edges[1:]) / 2  # of bands, half way between their centres
        centres = edges[1:-1]
        self._longest = max(1, self.spec.seconds_to_frames(self.settings.longest_s))
        self._heard = (centres >= self.settings.low_hz) & (centres <= self.settings.high_hz)

    @property
    def sample_rate(self) -> int:
        return self.spec.sample_rate

    @property
    def latest_s(self) -> float:
        """So long after its end, at most, a box comes out."""
        return _WINDOW_S + self.settings.gap_s + self.settings.longest_s

    def boxes(self, blocks: Iterable[np.ndarray]) -> Iterator[Box]:
        """The boxes of one recording, as `BoxSource.boxes` says."""
        return stream_boxes(blocks, self.stream())

    def stream(self) -> "_Stream":
        """For one recording, block by block."""
        return _Stream(self)

    def components(self) -> Components:
        """What finds components in one recording."""
        return Components(
            self.spec.n_mels,
            least_db=self.settings.least_db,
            heard=self._heard,
            longest=self._longest,
            trim=self.settings.trim,
        )

    def groups(self) -> Groups:
        """What joins the components of one recording."""
        return Groups(gap=self.spec.seconds_to_frames(self.settings.gap_s), longest=self._longest)

    def box(self, cells: Cells, length_s: float) -> Box | None:
        """The box of an area in ``length_s`` of sound; None where it hasn't the size of a voice."""
        settings, step_s = self.settings, self.spec.hop_length / self.sample_rate
        begin_s, end_s = (cells.begin - 0.5) * step_s, (cells.end - 0.5) * step_s
        low_hz, high_hz = float(self._edges_hz[cells.low]), float(self._edges_hz[cells.high])
        if not settings.shortest_s <= end_s - begin_s:
            return None
        if not settings.narrowest_hz <= high_hz - low_hz <= settings.widest_hz:
            return None
        return Box(
            max(0.0, begin_s - settings.margin_s),
            min(end_s + settings.margin_s, length_s),
            max(0.0, low_hz - settings.margin_hz),
            min(high_hz + settings.margin_hz, self.sample_rate / 2),
            score=1.0 / (1.0 + exp(-(cells.peak_db - _EVEN_DB) / _STEP_DB)),
        )


def voices_in(band: str, *, sample_rate: int) -> EnergySegmenter:
    """A segmenter for calls in a band such as "300-1000", whose notes may have short pauses between them."""
    edges = band_of(band)
    if edges is None:
        raise InputError(f"segmenter: expected all, or two frequencies such as 300-1000, got '{band}'")
    low_hz, high_hz = edges
    settings = SegmenterSettings(low_hz=low_hz, high_hz=high_hz, gap_s=0.25, shortest_s=0.15)
    return EnergySegmenter(settings, sample_rate=sample_rate)


class Heights:
    """Sound in, heights above the noise floor out: each frame once, shape (_, n_mels), dB."""

    def __init__(self, spec: FeatureSpec) -> None:
        self._features = FeatureStream(spec)
        self._half = max(8, spec.seconds_to_frames(_WINDOW_S) // 2)
        self._rows, self._given = np.empty((0, spec.n_mels), np.float32), 0  # given: from their begin

    def push(self, samples: np.ndarray) -> Iterator[np.ndarray]:
        for rows in self._features.push(samples):
            yield from self._take(rows)

    def finish(self) -> Iterator[np.ndarray]:
        for rows in self._features.finish():
            yield from self._take(rows)
        if len(self._rows) > self._given:
            yield height_db(self._rows)[self._given :]

    def _take(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """The heights of each frame are those in the middle of a window of features."""
        half = self._half
        self._rows = np.concatenate((self._rows, rows[:, : self._rows.shape[1]]))
        while len(self._rows) >= 2 * half:
            yield height_db(self._rows[: 2 * half])[self._given : half + half // 2]
            self._rows, self._given = self._rows[half:], half // 2


class _Stream:
    """One recording on its way through an `EnergySegmenter`."""

    def __init__(self, segmenter: EnergySegmenter) -> None:
        self._segmenter, self._heights = segmenter, Heights(segmenter.spec)
        self._parts, self._groups = segmenter.components(), segmenter.groups()
        self._n_samples = 0

    def push(self, samples: np.ndarray) -> list[Box]:
        self._n_samples += len(samples)
        return [box for heights in self._heights.push(samples) for box in self._heard(heights)]

    def finish(self) -> list[Box]:
        found = [box for heights in self._heights.finish() for box in self._heard(heights)]
        self._keep(self._parts.finish())
        return found + self._boxes(self._groups.finish())

    def _heard(self, heights: np.ndarray) -> list[Box]:
        for row in heights:
            self._keep(self._parts.push(row))
        return self._boxes(self._groups.pass_to(self._parts.earliest))

    def _keep(self, ended: Iterable[Cells]) -> None:
        for cells in ended:
            if cells.peak_db >= self._segmenter.settings.peak_db:
                self._groups.push(cells)

    def _boxes(self, ended: Iterable[Cells]) -> list[Box]:
        length_s = self._n_samples / self._segmenter.sample_rate
        found = (self._segmenter.box(cells, length_s) for cells in ended)
        return [box for box in found if box is not None]
