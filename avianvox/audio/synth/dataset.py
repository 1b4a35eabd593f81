"""A folder of synthetic recordings with a catalog and exact annotations.

``<out>/<Genus species>/<id>.<format>``, ``<out>/no bird/...``, ``recordings.csv`` (a plain-CSV catalog) and
``annotations.csv`` (one row for each call). Recordings belong to sessions of one recordist, date and site
with a noise and a recorder of their own, and every species is unevenly spread over them: a model can learn
the session instead of the bird, as it can with real recordings, and grouped folds show it.
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.audio.synth.encode import FORMATS, check_rate, encode
from avianvox.audio.synth.scene import Call, Place, draw_place, record
from avianvox.audio.synth.species import MAX_SPECIES, Species, species
from avianvox.audio.synth.voices import check_sample_rate
from avianvox.config import settings_from_mapping
from avianvox.errors import InputError
from avianvox.files import atomic_write, holdings, output_error
from avianvox.randomness import derive_rng
from avianvox.types import NO_BIRD, Box, Waveform

CATALOG, ANNOTATIONS = "recordings.csv", "annotations.csv"
CATALOG_COLUMNS = (
    *("path", "id", "label", "common_name", "recordist", "date", "time", "site", "latitude", "longitude"),
    *("duration_s", "quality", "call_type", "licence", "url", "background", "origin"),
)
ANNOTATION_COLUMNS = ("recording_id", "begin_s", "end_s", "low_hz", "high_hz", "label")

_RECORDISTS = ("Ada Fynbos", "Bo Lindwurm", "Cem Yalan", "Dora Nimmer", "Eli Sham", "Fay Illuso")
_SITES = ("Lake Nowhere", "Mirage Ridge", "Seeming Wood", "Cape Hearsay", "Hollow Hill", "Pretence Marsh")
_SHARES = np.array([5.0, 3.0, 2.0, 1.0])  # of a species' recordings, in the sessions where it was heard
_COMPANY = 0.15  # share of recordings in which a second species is heard


@dataclass(frozen=True, slots=True)
class SynthSettings:
    """What to synthesise.

    Attributes
    ----------
    n_species : int
    n_recordings : int
        Of each species.
    duration_s : tuple of float
        Shortest and longest recording; at least 2 s.
    sample_rate : int, Hz
    seed : int
        Draws recordings and sessions; the species are the same for every seed.
    n_sessions : int
    no_bird : int
        Recordings of background alone.
    audio_format : {"wav", "flac", "mp3", "ogg"}
    """

    n_species: int = 5
    n_recordings: int = 12
    duration_s: tuple[float, ...] = (4.0, 12.0)
    sample_rate: int = 22050
    seed: int = 0
    n_sessions: int = 4
    no_bird: int = 6
    audio_format: str = "wav"

    def __post_init__(self) -> None:
        if not 1 <= self.n_species <= MAX_SPECIES:
            raise InputError(f"n_species: expected 1 to {MAX_SPECIES}, got {self.n_species}")
        if self.n_recordings < 1 or self.no_bird < 0 or self.n_sessions < 1:
            raise InputError(
                "expected at least one recording of each species and one session, got "
                f"n_recordings={self.n_recordings}, no_bird={self.no_bird}, n_sessions={self.n_sessions}"
            )
        if len(self.duration_s) != 2 or not 2.0 <= self.duration_s[0] <= self.duration_s[1] < inf:
            raise InputError(
                f"duration_s: expected shortest and longest, 2 s or more, got {list(self.duration_s)}"
            )
        if self.audio_format not in FORMATS:
            raise InputError(f"audio_format: expected one of {', '.join(FORMATS)}, got '{self.audio_format}'")
        check_sample_rate(self.sample_rate)
        check_rate(self.audio_format, self.sample_rate)


@dataclass(frozen=True, slots=True)
class Session:
    """One recordist at one site on one date."""

    recordist: str
    date: str
    site: str
    latitude: float
    longitude: float
    place: Place


@dataclass(frozen=True, slots=True)
class SynthRecording:
    """One synthetic recording with its answers; ``label`` is `NO_BIRD` where nothing calls."""

    id: str
    label: str
    common_name: str
    background: tuple[str, ...]
    session: Session
    time: str
    snr_db: float
    waveform: Waveform
    calls: tuple[Call, ...]


def draw_session(seed: int, number: int) -> Session:
    """The session with a number; sites lie around the point of the ocean that is farthest from any land."""
    rng = derive_rng(seed, "session", number)
    day = date(2020, 4, 1) + timedelta(days=31 * number + int(rng.integers(30)))
    return Session(
        recordist=_RECORDISTS[number % len(_RECORDISTS)],
        date=day.isoformat(),
        site=_SITES[(number + number // len(_SITES)) % len(_SITES)],
        latitude=round(-48.88 + rng.uniform(-0.5, 0.5), 4),
        longitude=round(-123.39 + rng.uniform(-0.5, 0.5), 4),
        place=draw_place(rng),
    )


def _spread(n_recordings: int, n_sessions: int, rng: np.random.Generator) -> np.ndarray:
    """Session of each recording of one species: uneven shares of up to four sessions."""
    order = rng.permutation(n_sessions)[: len(_SHARES)]
    shares = _SHARES[: len(order)]
    edges = np.round(np.cumsum(shares) / shares.sum() * n_recordings).astype(int)
    return order[np.searchsorted(edges, np.arange(n_recordings), side="right")]


def synthesize_recording(
    number: int, bird_number: int | None, session_number: int, settings: SynthSettings
) -> SynthRecording:
    """One recording of a data set; depends on nothing but its arguments.

    Parameters
    ----------
    number : int
        Counts the recordings of the data set.
    bird_number : int or None
        Species; None for background alone.
    session_number : int
    settings : SynthSettings
    """
    seed = settings.seed
    rng = derive_rng(seed, "recording", number)
    session = draw_session(seed, session_number)
    low_s, high_s = settings.duration_s
    n = round(rng.uniform(low_s, high_s) * settings.sample_rate)
    birds: list[tuple[Species, float, np.random.Generator]] = []
    if bird_number is not None:
        individual = derive_rng(seed, "individual", bird_number, session_number)
        birds.append((species(bird_number), float(rng.uniform(4.0, 40.0)), individual))
        if settings.n_species > 1 and rng.random() < _COMPANY:
            other = int((bird_number + rng.integers(1, settings.n_species)) % settings.n_species)
            individual = derive_rng(seed, "individual", other, session_number)
            birds.append((species(other), float(rng.uniform(60.0, 120.0)), individual))
    waveform, calls, snr_db = record(birds, n, settings.sample_rate, session.place, rng)
    return SynthRecording(
        id=f"SYN{seed}-{number:04d}",
        label=birds[0][0].name if birds else NO_BIRD,
        common_name=birds[0][0].common_name if birds else "",
        background=tuple(bird.name for bird, _, _ in birds[1:]),
        session=session,
        time=f"{rng.integers(5, 20):02d}:{rng.integers(60):02d}",
        snr_db=snr_db,
        waveform=waveform,
        calls=tuple(calls),
    )


def synthesize_dataset(
    out_dir: Path | str, *, progress: Callable[[int, int], None] | None = None, **settings: Any
) -> Path:
    """Write a data set of synthetic recordings.

    Parameters
    ----------
    out_dir : path-like
        A folder that is empty or does not exist yet.
    progress : callable, optional
        Called with the number of recordings written and their total.
    **settings
        The fields of `SynthSettings`.

    Returns
    -------
    Path
        ``out_dir``, which `avianvox.dataset.catalog.read_catalog` reads. The same settings give the same
        bytes.

    Raises
    ------
    ConfigError, InputError
        A setting is unknown or outside its range, or ``out_dir`` holds files.
    OutputError
        ``out_dir`` cannot be written.

    Examples
    --------
    >>> import avianvox as av
    >>> folder = av.synthesize_dataset("voices", n_species=2, n_recordings=2, no_bird=1)
    >>> len(av.read_catalog(folder))
    5
    """
    chosen = settings_from_mapping(SynthSettings, settings, table="synth")
    out = Path(out_dir)
    try:
        out.mkdir(parents=True, exist_ok=True)
        if holdings(out):
            raise InputError(f"{out} already holds files; name a new or empty folder")
    except OSError as error:
        raise output_error(error, out) from error

    plan = _plan(chosen)
    catalog, annotations = [], []
    for number, (bird, session) in enumerate(plan):
        recording = synthesize_recording(number, bird, session, chosen)
        path = out / recording.label / f"{recording.id}.{chosen.audio_format}"
        path.parent.mkdir(exist_ok=True)
        with atomic_write(path, "wb") as stream:
            stream.write(encode(recording.waveform, chosen.audio_format))
        catalog.append(_catalog_row(recording, path.relative_to(out)))
        annotations += [_annotation_row(recording.id, call) for call in recording.calls]
        if progress is not None:
            progress(number + 1, len(plan))
    _write_csv(out / ANNOTATIONS, ANNOTATION_COLUMNS, annotations)
    _write_csv(out / CATALOG, CATALOG_COLUMNS, catalog)
    return out


def read_annotations(folder: Path | str) -> dict[str, list[tuple[Box, str]]]:
    """Box and label of every call, by recording id, from a folder that `synthesize_dataset` wrote."""
    found: dict[str, list[tuple[Box, str]]] = {}
    with open(Path(folder) / ANNOTATIONS, encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            begin_s, end_s, low_hz, high_hz = (float(row[name]) for name in ANNOTATION_COLUMNS[1:5])
            box = Box(begin_s, end_s, low_hz, high_hz)
            found.setdefault(row["recording_id"], []).append((box, row["label"]))
    return found


def _plan(settings: SynthSettings) -> list[tuple[int | None, int]]:
    """Species and session of every recording."""
    plan: list[tuple[int | None, int]] = []
    for bird in range(settings.n_species):
        rng = derive_rng(settings.seed, "spread", bird)
        plan += [(bird, int(s)) for s in _spread(settings.n_recordings, settings.n_sessions, rng)]
    return plan + [(None, k % settings.n_sessions) for k in range(settings.no_bird)]


def _catalog_row(recording: SynthRecording, path: Path) -> tuple[object, ...]:
    session = recording.session
    grade = "ABCDE"[int(np.searchsorted([-15.0, -5.0, 5.0, 10.0], -recording.snr_db))]
    types = {call.call_type for call in recording.calls if call.label == recording.label}
    return (
        *(path.as_posix(), recording.id, recording.label, recording.common_name, session.recordist),
        *(session.date, recording.time, session.site, session.latitude, session.longitude),
        *(f"{recording.waveform.duration_s:.3f}", grade if types else ""),
        *(", ".join(sorted(types, reverse=True)), "synthetic", "", ";".join(recording.background), "voices"),
    )


def _annotation_row(recording_id: str, call: Call) -> tuple[object, ...]:
    box = call.box
    times = (f"{box.begin_s:.6f}", f"{box.end_s:.6f}")
    return (recording_id, *times, f"{box.low_hz:.1f}", f"{box.high_hz:.1f}", call.label)


def _write_csv(path: Path, columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    with atomic_write(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
