"""What is asked of recordings and of live sound: a field for each option, with its default."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from avianvox.errors import InputError

if TYPE_CHECKING:
    from avianvox.inference.place_options import PlaceOptions

PERIODS = ("hour", "day", "night")
"""What events are counted in; the other answers are rows of detections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A place and a time of the year."""

    lat: float | None = None
    lon: float | None = None
    week: int | None = None
    date: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing(Where):
    """A place by which scores are weighed."""

    place_weight: float | None = None
    place_min: float | None = None
    place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Live(Weighing):
    """What is asked of any sound, recorded or live.

    Attributes
    ----------
    model : str
        A bundled name or a model file.
    by : {"recording", "event", "window", "hour", "day", "night"}
        What a row speaks of.
    min_score : float in [0, 1], optional
        Minimum score of a row, for all species; None: the threshold of the species decides on events.
    calibrated : bool
        Calibrated scores, where the model has them.
    species_list, exclude : str, optional
        Species that may be named, and that never are: a file, or names separated by commas.
    overlap_s : float, seconds, optional
        Overlap of neighbouring windows; None: as the model says.
    gate : bool
        Whether windows without a voice are passed over.
    gate_recall : float, optional
    gate_file : str, optional
    leave, gap_s, min_length_s, smooth
        See `avianvox.inference.events.EventOptions`.
    multi_label : bool
        Every species that reaches its minimum score, not only the best one.
    narrow : str
        See `avianvox.inference.question.Question`.
    site : str
        Where all of the sound is from; "": each recording says it, or its folder.
    quiet : bool
        No remarks but those about what was asked for by name.
    """

    model: str
    by: str = "recording"
    min_score: float | None = None
    calibrated: bool = True
    species_list: str | None = None
    exclude: str | None = None
    overlap_s: float | None = None
    gate: bool = False
    gate_recall: float | None = None
    gate_file: str | None = None
    leave: float = 0.8
    gap_s: float = 0.0
    min_length_s: float = 0.0
    smooth: int = 1
    multi_label: bool = False
    narrow: str = ""
    site: str = ""
    quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(Live):
    """What is asked of recordings, and of live sound where the fields here keep their defaults."""

    paths: tuple[str, ...] = ()
    top: int | None = None
    coverage: float | None = None
    channels: str = "mix"
    timezone: str = ""
    level: str = "species"

    @property
    def counted(self) -> bool:
        """Whether events are counted by hour, day or night."""
        return self.by in PERIODS


def week_asked(asked: Where) -> int | None:
    """The week that is asked for, or that of the date; None where neither is. Raises `InputError`."""
    week, text = asked.week, asked.date
    if text is None:
        return week
    if week is not None:
        raise InputError("--week and --date: give one of them")
    from avianvox.audio.notes import date_alone
    from avianvox.inference.place_options import week_of

    day = date_alone(text)
    if day is None:
        raise InputError(f"--date: expected a date such as 2026-05-20, got '{text}'")
    return week_of(day)


def place_asked(asked: Weighing) -> "PlaceOptions | None":
    """What is asked about the place, or None where nothing is. Raises `InputError`."""
    from avianvox.inference.place_options import WEIGHT, PlaceOptions

    lat, lon, weight, wall = asked.lat, asked.lon, asked.place_weight, asked.place_min
    week = week_asked(asked)
    if (lat is None) != (lon is None):
        raise InputError("--lat and --lon: give both of them")
    if asked.place and lat is not None:
        raise InputError("--place auto excludes --lat and --lon")
    if asked.place is None and lat is None:
        if (week, weight, wall) != (None, None, None):
            raise InputError(
                "--week, --date, --place-weight and --place-min need a place: give --lat and --lon, or "
                "--place auto"
            )
        return None
    return PlaceOptions(lat, lon, week, WEIGHT if weight is None else weight, wall or 0.0)
