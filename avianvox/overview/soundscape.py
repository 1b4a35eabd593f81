"""The spectrogram of a season: the mean level of each band in recorded time, with what was named below it.

Recordings are streamed, block after block; what is kept are sums for each band and step of time. Steps are as
long as it takes for a picture to hold them all. Time without recordings is left out: steps stand in order.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avianvox.audio.decode import open_audio
from avianvox.audio.probe import probe
from avianvox.errors import AudioError
from avianvox.overview.days import Clock, iso_day, short_days
from avianvox.overview.listened import Heard
from avianvox.overview.picture import WIDE, Picture, cut, room_for
from avianvox.overview.season import DAY_S, Season
from avianvox.pages.clips import N_COLOURS, palette_png
from avianvox.pages.markup import Markup
from avianvox.pages.plot import Axis, Plot
from avianvox.tables.rows import Column, Row

N_BANDS = 64
_FRAME = 1024  # samples of a spectrum; spectra don't overlap, since only their mean is wanted
_RATE = 22_050
_BATS_RATE = 96_000  # a recorder above this rate was not bought for birds
_STEPS_S = (60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400)
_MOST_STEPS = 800
_MOST_SPECIES = 10
_LABEL_ROOM = 46.0
COLUMNS = (
    *(Column("site"), Column("begin"), Column("step_s", int), Column("heard_s", float, 1)),
    *(Column("low_hz", float, 1), Column("high_hz", float, 1), Column("level_db", float, 2)),
)

Locate = Callable[[str], Path]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Soundscape:
    """Levels of one site: ``levels`` has shape (bands, steps), in dB.

    ``begins``: of steps, seconds of the local clock.

    ``heard_s``: how much of each step was heard; ``calls``: shape (species, steps).
    """

    site: int
    step_s: int
    begins: np.ndarray
    heard_s: np.ndarray
    levels: np.ndarray
    top_hz: float
    calls: np.ndarray


def listen(
    season: Season, locate: Locate, *, progress: Progress | None = None
) -> tuple[list[Soundscape], int]:
    """Read the recordings of the season's sample.

    Parameters
    ----------
    season : Season
    locate : callable
        From the path in a table to the file.
    progress : callable, optional
        Called with the number of recordings done and their total.

    Returns
    -------
    list of Soundscape, int
        Of each site with sound; and how many recordings of the sample were not there, or did not decode.
    """
    found, lost, done = [], 0, 0
    total = len(season.sample.recordings)
    for site in range(len(season.sites)):
        mine = [heard for heard in season.sample.recordings if heard.site == site]
        sums = _Sums(mine, len(season.species))
        for heard in mine:
            try:
                sums.add(heard, locate(heard.path))
            except AudioError:
                lost += 1
            done += 1
            if progress:
                progress(done, total)
        if (one := sums.soundscape(site)) is not None:
            found.append(one)
    return found, lost


class _Sums:
    def __init__(self, recordings: list[Heard], n_species: int) -> None:
        self._step_s = next((s for s in _STEPS_S if len(_steps(recordings, s)) <= _MOST_STEPS), _STEPS_S[-1])
        self._steps = np.array(sorted(_steps(recordings, self._step_s)), np.int64)
        self._power = np.zeros((len(self._steps), N_BANDS))
        self._frames = np.zeros(len(self._steps), np.int64)
        self._calls = np.zeros((n_species, len(self._steps)), np.int64)
        self._rate = 0
        self._window = np.hanning(_FRAME + 1)[:-1].astype(np.float32)

    def add(self, heard: Heard, path: Path) -> None:
        if not self._rate:
            own = probe(path, decode=False).sample_rate
            self._rate = own if own > _BATS_RATE else _RATE
        passed = 0
        with open_audio(path, sample_rate=self._rate) as blocks:
            for block in blocks:
                frames = block[: len(block) // _FRAME * _FRAME].reshape(-1, _FRAME)
                if len(frames):
                    spectra = np.fft.rfft(frames * self._window, axis=1)[:, 1:]
                    power = (spectra.real**2 + spectra.imag**2).sum(axis=0, dtype=np.float64)
                    step = self._index(heard.begin + passed / self._rate)
                    self._power[step] += power.reshape(N_BANDS, -1).mean(axis=1)
                    self._frames[step] += len(frames)
                passed += len(block)
        for species, begin_s in heard.calls:
            self._calls[species, self._index(heard.begin + begin_s)] += 1

    def _index(self, moment: float) -> int:
        at = int(np.searchsorted(self._steps, int(moment // self._step_s), side="right")) - 1
        return max(0, at)

    def soundscape(self, site: int) -> Soundscape | None:
        kept = self._frames > 0
        if not kept.any():
            return None
        scale = float((self._window**2).sum()) * _FRAME / 2
        mean = self._power[kept] / self._frames[kept, None] / scale
        levels = 10 * np.log10(mean.T + 1e-12)
        begins = self._steps[kept] * self._step_s
        heard_s = self._frames[kept] * _FRAME / self._rate
        return Soundscape(site, self._step_s, begins, heard_s, levels, self._rate / 2, self._calls[:, kept])


def _steps(recordings: Iterable[Heard], step_s: int) -> set[int]:
    found: set[int] = set()
    for heard in recordings:
        end = heard.begin + max(heard.length_s - 1e-6, 0.0)
        found.update(range(int(heard.begin // step_s), int(end // step_s) + 1))
    return found


def pictures(season: Season, found: list[Soundscape], lost: int, clock: Clock) -> Iterator[Picture]:
    """One for each site; colours mean the same level in all of them."""
    if not found:
        return
    everything = np.concatenate([one.levels.ravel() for one in found])
    low, high = (float(np.percentile(everything, share)) for share in (5, 99.7))
    sample = season.sample
    for one in found:
        name = season.sites[one.site].shown
        caption = (
            f"Recorded time at {cut(name)}, in order; pauses are left out. Colour: mean level of a band, "
            f"{low:.0f} (dark) to {high:.0f} dB of full scale (bright), not calibrated. A column is "
            f"{_said(one.step_s)}; marks below it: species named then."
        )
        if sample.hours < sample.all_hours - 0.005:
            caption += f" Drawn at random: {sample.hours:.1f} of {sample.all_hours:.1f} recorded hours."
        if lost:
            caption += f" Recordings that could not be read, and are left out: {lost}."
        svg = _chart(season, one, low, high, clock)
        yield Picture("spectrogram", f"Spectrogram of {cut(name)}", caption, svg, COLUMNS, _rows(season, one))


def _said(seconds: int) -> str:
    if seconds < 3600:
        return f"{seconds // 60} min" if seconds > 60 else "a minute"
    return f"{seconds // 3600} h"


def _chart(season: Season, one: Soundscape, low: float, high: float, clock: Clock) -> Markup:
    totals = one.calls.sum(axis=1)
    species = [k for k in np.argsort(-totals, kind="stable").tolist() if totals[k]][:_MOST_SPECIES]
    n = len(one.begins)
    names = [cut(season.species[k]) for k in species]
    left = max(room_for(names), 52.0)
    top_khz, row = one.top_hz / 1000, 12.0
    foot = 42 + row * len(species) + (18 if species else 0)
    ticks = tuple((float(k), text) for k, text in _kilohertz(top_khz))
    height = 14 + 210 + foot
    depth = top_khz * (height - 14 - 42) / 210
    y = Axis(top_khz - depth, top_khz, "", ticks)
    plot = Plot(
        Axis(0.0, float(n), "recorded time", _day_ticks(one, clock, WIDE - left)),
        y,
        title=f"Spectrogram of {cut(season.sites[one.site].shown)}",
        left=left,
        top=14.0,
        width=WIDE,
        height=height,
    )
    share = np.clip((one.levels - low) / max(high - low, 1.0), 0, 1)
    plot.image(palette_png(np.round(share[::-1] * (N_COLOURS - 1)).astype(np.uint8)), (0, n), (0, top_khz))
    unit = (top_khz - y.low) / (height - 56)
    for k, (index, name) in enumerate(zip(species, names, strict=True)):
        middle = -(18 + row * (k + 0.5)) * unit
        half = 0.38 * row * unit
        plot.cells([(0, n, middle - half, middle + half)], "h0")
        marks = np.flatnonzero(one.calls[index]).tolist()
        plot.cells([(c, max(c + 1, c + n / 400), middle - half, middle + half) for c in marks], "h5")
        plot.text(0, middle, name, anchor="end", dx=-6, css="taxon")
    plot.text(0, top_khz, "kHz", anchor="end", dx=-6, dy=-3.0, css="tick")
    return plot.svg()


def _kilohertz(top: float) -> list[tuple[float, str]]:
    step = 2 if top <= 12 else 5 if top <= 30 else 20
    return [(k, f"{k}") for k in range(0, int(top) + 1, step)]


def _day_ticks(one: Soundscape, clock: Clock, width: float) -> tuple[tuple[float, str], ...]:
    """The first step of each day, with dates as there is room for."""
    days = (one.begins - clock.begins * 3600) // DAY_S
    firsts = np.flatnonzero(np.diff(days, prepend=-1))
    shown, last = list[int](), -_LABEL_ROOM
    for at in firsts.tolist():
        x = at / len(days) * width
        if x - last >= _LABEL_ROOM:
            shown.append(at)
            last = x
    words = short_days(days[shown].tolist())
    return tuple((float(at), word) for at, word in zip(shown, words, strict=True))


def _rows(season: Season, one: Soundscape) -> list[Row]:
    band = one.top_hz / N_BANDS
    site, rows = season.sites[one.site].shown, list[Row]()
    for k, begin in enumerate(one.begins.tolist()):
        day, rest = divmod(begin, DAY_S)
        when = f"{iso_day(day)}T{rest // 3600:02d}:{rest // 60 % 60:02d}:00"
        for b in range(N_BANDS):
            rows.append(
                [
                    site,
                    when,
                    one.step_s,
                    float(one.heard_s[k]),
                    b * band,
                    (b + 1) * band,
                    float(one.levels[b, k]),
                ]
            )
    return rows
