"""Detections cut to files for review: the sound at its own rate, its picture, and an index of both.

`choose` of :mod:`avianvox.inference.picks` says which detections; `write_segments` cuts them:

- ``<species>/<number>_<score>_<recording>_<begin>s.wav`` (or flac), number 1 first by the rule of the choice;
- the same with the ending ``.png``;
- ``index.csv``: a table of detections (:mod:`avianvox.tables.columns`) with the columns of `INDEX_COLUMNS`
  before it. A row whose recording could not be cut says why, and has no file.
"""

import json
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from avianvox.audio.cut import Clip, cut, write_clip
from avianvox.documents import read_json
from avianvox.errors import AudioError, InputError
from avianvox.files import atomic_write, holdings, output_error, sweep
from avianvox.tables.columns import COLUMNS, cells, csv_line
from avianvox.types import Detection, Status
from avianvox.words import composed, valid_unicode

INDEX_COLUMNS = ("file", "picture", "cut_begin_s", "cut_end_s", "sample_rate", "credit")
"""Paths within the folder; the seconds of the recording that were cut; Hz; recordist, address and licence."""

INDEX = "index.csv"
_PLAN = ".segments.json"  # the files that are being cut, until the index is there

LONGEST_S = 60.0
"""Nobody reviews more of one detection; a longer one is cut off there."""

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
_MOST_LETTERS = 80
_MOST_BYTES = 200  # file systems take 255, and an ending and a number may follow


@dataclass(frozen=True, slots=True)
class SegmentOptions:
    """How segments are cut: sound on both sides, ``"wav"`` or ``"flac"``, and whether pictures are drawn."""

    pad_s: float = 1.0
    audio_format: str = "wav"
    pictures: bool = True


@dataclass(frozen=True, slots=True)
class Segment:
    """One row of the index. ``file`` and ``picture`` are paths within the folder, or ""."""

    detection: Detection
    file: str = ""
    picture: str = ""
    cut_begin_s: float | None = None
    cut_end_s: float | None = None
    sample_rate: int | None = None
    credit: str = ""


@dataclass(frozen=True, slots=True)
class _Job:
    detection: Detection
    place: str  # path within the folder, without its ending


def write_segments(
    chosen: Mapping[str, Sequence[Detection]],
    out: Path,
    options: SegmentOptions,
    *,
    locate: Callable[[str], Path] = Path,
    credit: Callable[[Path], str] = lambda _: "",
    progress: Callable[[int, int], None] | None = None,
) -> list[Segment]:
    """Cut detections into a new or empty folder.

    Parameters
    ----------
    chosen : mapping of str to sequence of Detection
        Species to detections with a begin and an end.
    out : Path
    options : SegmentOptions
    locate : callable
        From a detection's path to the file.
    credit : callable
        From a file to its attribution.
    progress : callable, optional
        Called with the number of recordings done and their total.

    Returns
    -------
    list of Segment
        The rows of the index, in the order of ``chosen``. Bad recordings are a status in it, no error.

    Raises
    ------
    InputError
        ``out`` already holds files.
    OutputError
        A file cannot be written.
    """
    _clear(out)
    _make(out)
    jobs: dict[str, list[_Job]] = defaultdict(list)
    order: list[_Job] = []
    for folder, detections in zip(unique_names(map(safe_name, chosen)), chosen.values(), strict=True):
        for number, detection in enumerate(detections, start=1):
            job = _Job(detection, f"{folder}/{_stem(number, detection)}")
            jobs[detection.path].append(job)
            order.append(job)
    endings = (f".{options.audio_format}", ".png")
    with atomic_write(out / _PLAN) as plan:
        json.dump([f"{job.place}{ending}" for job in order for ending in endings], plan)
    done: dict[str, Segment] = {}
    for n, (path, group) in enumerate(jobs.items(), start=1):
        file = locate(path)
        owed = credit(file) if os.path.isfile(file) else ""
        done |= _cut_recording(file, group, out, options, owed)
        if progress:
            progress(n, len(jobs))
    segments = [done[job.place] for job in order]
    with atomic_write(out / INDEX) as index:
        index.write(csv_line((*INDEX_COLUMNS, *COLUMNS)))
        index.writelines(csv_line(_index_cells(segment)) for segment in segments)
    (out / _PLAN).unlink()
    return segments


def _clear(out: Path) -> None:
    """Remove what a run that was interrupted has cut; raise `InputError` where anything else lies."""
    try:
        begun = [PurePosixPath(name) for name in read_json(out / _PLAN)]
    except (OSError, ValueError, TypeError):
        begun = []
    for name in begun:
        if len(name.parts) != 2 or ".." in name.parts or name.is_absolute():
            continue
        sweep(out / name)
        (out / name).unlink(missing_ok=True)
        with suppress(OSError):
            (out / name).parent.rmdir()
    if begun:
        sweep(out / INDEX)
        (out / INDEX).unlink(missing_ok=True)
    if out.is_file() or [path for path in holdings(out) if path.name != _PLAN]:
        raise InputError(f"{out} already holds files; name a new or empty folder")


def _cut_recording(
    file: Path, jobs: Sequence[_Job], out: Path, options: SegmentOptions, credit: str
) -> dict[str, Segment]:
    """Segments by the place of their job."""
    done: dict[str, Segment] = {}
    try:
        for i, clip in cut(file, [_span(job.detection, options.pad_s) for job in jobs]):
            job = jobs[i]
            try:
                done[job.place] = replace(_write(clip, job, out, options), credit=credit)
            except AudioError as error:  # a channel that isn't there; the other rows may be right
                done[job.place] = _failed(job, error, file)
    except AudioError as error:
        done |= {job.place: _failed(job, error, file) for job in jobs if job.place not in done}
    nothing = AudioError("the recording holds no sound in this span", status=Status.TRUNCATED)
    return {job.place: done.get(job.place) or _failed(job, nothing, file) for job in jobs}


def _span(detection: Detection, pad_s: float) -> tuple[float, float]:
    begin_s, end_s = detection.begin_s or 0.0, detection.end_s or 0.0
    return begin_s - pad_s, min(end_s, begin_s + LONGEST_S) + pad_s


def _write(clip: Clip, job: _Job, out: Path, options: SegmentOptions) -> Segment:
    detection = job.detection
    clip = clip.of_channel(detection.channel)
    file, picture = f"{job.place}.{options.audio_format}", f"{job.place}.png"
    _make((out / file).parent)
    write_clip(clip, out / file)
    if options.pictures:
        from avianvox.inference.spectrogram_picture import draw_segment, save_picture

        save_picture(draw_segment(clip, detection, _title(detection)), out / picture)
    shown = picture if options.pictures else ""
    return Segment(detection, file, shown, clip.begin_s, clip.end_s, clip.sample_rate)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(error, folder) from error


def _failed(job: _Job, error: AudioError, file: Path) -> Segment:
    return Segment(replace(job.detection, status=Status(error.status), message=error.about(file)))


def _title(detection: Detection) -> str:
    common = f" ({detection.common_name})" if detection.common_name else ""
    score = "" if detection.score is None else f"   {detection.score:.2f}"
    where = f"{Path(detection.path).name}   {detection.begin_time}"
    name = f"{detection.scientific_name}{common}{score}   {where}"
    return "".join(c for c in name if c.isprintable())


def _index_cells(segment: Segment) -> list[str]:
    seconds = ["" if s is None else f"{s:.3f}" for s in (segment.cut_begin_s, segment.cut_end_s)]
    rate = "" if segment.sample_rate is None else str(segment.sample_rate)
    return [segment.file, segment.picture, *seconds, rate, segment.credit, *cells(segment.detection)]


def _stem(number: int, detection: Detection) -> str:
    score = "" if detection.score is None else f"_{detection.score:.2f}"
    recording = Path(detection.path.replace("\\", "/")).stem
    return safe_name(f"{number:03d}{score}_{recording[:_MOST_LETTERS]}_{detection.begin_s:.3f}s")


def safe_name(text: str) -> str:
    """A name for a file or folder that Windows, macOS and Linux take; never empty.

    Valid Unicode in its composed form, without the characters and names that Windows keeps for itself.
    """
    text = _FORBIDDEN.sub("_", composed(valid_unicode(text)))
    text = text.encode()[:_MOST_BYTES].decode("utf-8", "ignore").strip().rstrip(". ")
    return f"_{text}" if not text or _RESERVED.fullmatch(text) else text


def unique_names(names: Iterable[str]) -> list[str]:
    """Names that differ where capitals do not count, in their order."""
    taken: set[str] = set()
    unique = []
    for name in names:
        candidate, n = name, 1
        while candidate.casefold() in taken:
            n += 1
            candidate = f"{name}_{n}"
        taken.add(candidate.casefold())
        unique.append(candidate)
    return unique
