"""What the user asked of ``avianvox classify`` and ``avianvox listen``: a field for each option."""

from dataclasses import dataclass
from pathlib import Path

PERIODS = ("hour", "day", "night")
"""What ``--by`` counts events in; the other answers are rows of detections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A place and a time of the year."""

    lat: float | None
    lon: float | None
    week: int | None
    date: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing(Where):
    """A place by which scores are weighed."""

    place_weight: float | None
    place_min: float | None
    place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(Weighing):
    """What is asked of sound, recorded or live; a field with a default is asked of recordings alone."""

    model: str
    by: str
    min_score: float | None
    calibrated: bool
    species_list: str | None
    exclude: str | None
    overlap_s: float | None
    gate: bool
    gate_recall: float | None
    gate_file: str | None
    leave: float
    gap_s: float
    min_length_s: float
    smooth: int
    multi_label: bool
    site: str
    quiet: bool
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifyOptions(Asked):
    """The options of ``avianvox classify``: what is asked, where the answer goes and who works on it."""

    format_name: str | None
    output: str | None
    spreadsheet: bool
    resume: bool
    jobs: int | None
    scheduler: str
    dask_config: Path | None
    log_file: str | None
