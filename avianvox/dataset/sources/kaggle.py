"""The Kaggle layout of the published dataset: an index, its split and a flat folder of sound files.

``*_index.csv`` lists the recordings, ``train_file_ids.csv`` and ``test_file_ids.csv`` the published split,
with the class as the species' place in the alphabetical list of English names. Sound files lie in
``xeno-canto-ca-nv/``. The date and time stand inside the column ``remarks``, between its ``//``:
``... // 150m // 08:20h, 2014-04-28 // call // ...``.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from avianvox.dataset.catalog import SOURCE_PROBLEM, UNKNOWN_LABEL, Catalog, Problem
from avianvox.dataset.labels.described import with_remarks
from avianvox.dataset.licences import licence_name
from avianvox.dataset.sources.fields import (
    parse_address,
    parse_duration,
    parse_number,
    read_rows,
    species_label,
)
from avianvox.errors import CatalogError
from avianvox.tables.times import parse_date, parse_time
from avianvox.types import Recording

AUDIO_FOLDER = "xeno-canto-ca-nv"
PARTS = ("train", "test")
_COLUMNS = ("file_id", "file_name", "genus", "species", "english_cname", "recordist", "location", "remarks")
_WHEN = re.compile(r"^(?:(?P<time>.*?)h?,\s*)?(?P<date>\d{4}-\d{2}-\d{2})$")


class Kaggle:
    """The source ``kaggle``."""

    def recognises(self, path: Path) -> bool:
        return path.is_dir() and (path / "train_file_ids.csv").is_file() and any(path.glob("*_index.csv"))

    def read(self, path: Path) -> Catalog:
        indexes = sorted(path.glob("*_index.csv"))
        if len(indexes) != 1:
            raise CatalogError(f"{path}: expected one file *_index.csv, found {len(indexes)}")
        index = read_rows(indexes[0], required=_COLUMNS)
        rows = [_recording(row, path / AUDIO_FOLDER) for row in index]
        split: dict[str, str] = {}
        problems: list[Problem] = []
        for part in PARTS:
            listing = path / f"{part}_file_ids.csv"
            classes = {
                f"XC{row['file_id']}": row["label"]
                for row in read_rows(listing, required=("file_id", "label"))
            }
            problems += _contradictions(listing, classes, rows, split)
            split |= dict.fromkeys(classes, part)
        return Catalog.from_rows(rows, source="kaggle", problems=problems, split=split)


def session_time(remarks: str) -> tuple[str, str]:
    """Date and time of a recording from its remarks, "" where they are not told.

    Examples
    --------
    >>> session_time("XC1 © A // Some place // 150m // 08:20h, 2014-04-28 // call")
    ('2014-04-28', '08:20')
    """
    for part in remarks.split("//"):
        found = _WHEN.match(part.strip())
        if found:
            return parse_date(found["date"]), parse_time(found["time"] or "")
    return "", ""


def free_remarks(remarks: str) -> str:
    """What the recordist wrote, without place, time, type and the species heard besides.

    Examples
    --------
    >>> free_remarks("XC1 © A // Place // 150m // 08:20h, 2014-04-28 // call // A male. /  / bird-seen:yes")
    'A male.'
    """
    parts = [part.strip() for part in remarks.split("//")]
    when = next((i for i, part in enumerate(parts) if _WHEN.match(part)), len(parts))
    return "\n".join(part.partition("/  /")[0].strip() for part in parts[when + 2 :] if part[:5] != "also:")


def _recording(row: dict[str, str], audio: Path) -> Recording:
    date, time = session_time(row["remarks"])
    recording = Recording(
        id=f"XC{row['file_id']}",
        path=audio / row["file_name"],
        label=species_label(row["genus"], row["species"]),
        common_name=row["english_cname"],
        recordist=row["recordist"].strip(),
        date=date,
        time=time,
        site=row["location"].strip(),
        latitude=parse_number(row.get("latitude")),
        longitude=parse_number(row.get("longitude")),
        duration_s=parse_duration(row.get("duration_seconds", "")),
        call_type=row.get("type", ""),
        licence=licence_name(row.get("license", "")),
        url=parse_address(row.get("file_url", "")).removesuffix("/download"),
    )
    return with_remarks(recording, free_remarks(row["remarks"]))


def _contradictions(
    listing: Path, classes: dict[str, str], rows: list[Recording], earlier: dict[str, str]
) -> Iterator[Problem]:
    """Where a listing of the split disagrees with the index or with the other listing."""
    english = {row.id: row.common_name for row in rows}
    number = {name: str(place) for place, name in enumerate(sorted(set(english.values())))}
    for recording, given in classes.items():
        if recording not in english:
            message = f"{recording}: in {listing.name} but not in the index"
            yield Problem(SOURCE_PROBLEM, recording, str(listing), message)
        elif given != number[english[recording]]:
            expected = number[english[recording]]
            message = f"{recording}: class {given} in {listing.name}, but {expected} in the index"
            yield Problem(UNKNOWN_LABEL, recording, str(listing), message)
        if recording in earlier:
            message = f"{recording}: both in {listing.name} and in {earlier[recording]}_file_ids.csv"
            yield Problem(SOURCE_PROBLEM, recording, str(listing), message)
