"""Answers of the xeno-canto API, versions 2 and 3, beside the sound files they describe.

A folder holds one or more pages as ``*.json`` and files whose names begin with ``XC<id>``, in the folder
itself or in ``audio/`` below it. Version 2 says ``lng`` and ``group`` where version 3 says ``lon`` and
``grp``; both are read. An animal group is not part of a `Recording`.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from avianvox.audio.find import is_audio
from avianvox.dataset.catalog import SOURCE_PROBLEM, Catalog, Problem
from avianvox.dataset.labels.described import with_remarks
from avianvox.dataset.licences import licence_name
from avianvox.dataset.sources.fields import (
    parse_address,
    parse_duration,
    parse_number,
    species_label,
)
from avianvox.documents import read_json
from avianvox.errors import CatalogError
from avianvox.files import open_regular
from avianvox.tables.times import parse_date, parse_time
from avianvox.types import Recording

_SHOWN_PAGES = 20
_FILE = re.compile(r"^XC(\d+)(?!\d)", re.IGNORECASE)


class XenoCanto:
    """The source ``xeno_canto``."""

    def recognises(self, path: Path) -> bool:
        return any(_looks_like_answer(page) for page in _json_files(path))

    def read(self, path: Path) -> Catalog:
        pages = [page for page in _json_files(path) if _looks_like_answer(page)]
        if not pages:
            raise CatalogError(f"{path} holds no xeno-canto answer: expected a JSON file with 'recordings'")
        answers = [_read_answer(page) for page in pages]
        folder = path if path.is_dir() else path.parent
        files = _sound_files(folder)
        rows = [
            read_recording(row, folder, files, f"{page}, recording {number}")
            for page, answer in zip(pages, answers, strict=True)
            for number, row in enumerate(answer["recordings"], start=1)
        ]
        problems = [*_missing_pages(path, pages, answers), *_several_files(rows, files)]
        return Catalog.from_rows(rows, source="xeno_canto", problems=problems)


def _json_files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.glob("*.json"))
    return [path] if path.suffix.lower() == ".json" else []


def _looks_like_answer(page: Path) -> bool:
    try:
        with open_regular(page) as stream:
            head = stream.read(4096)
    except OSError:
        return False
    return b'"recordings"' in head and b'"kind": "avianvox' not in head  # one of our own lists some too


def _read_answer(page: Path) -> dict[str, Any]:
    try:
        answer = read_json(page)
    except OSError as error:
        raise CatalogError(f"cannot read {page}: {error.strerror or error}") from error
    except ValueError as error:
        raise CatalogError(f"{page} is not complete JSON: {error}; download the page again") from error
    if not isinstance(answer, dict) or not isinstance(answer.get("recordings"), list):
        raise CatalogError(f"{page} is not a xeno-canto answer: expected an object with a list 'recordings'")
    return answer


def _sound_files(folder: Path) -> dict[str, list[Path]]:
    """``id -> files``, those with a known sound ending first."""
    found: dict[str, list[Path]] = defaultdict(list)
    for place in (folder, folder / "audio"):
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            match = _FILE.match(path.name)
            if match and path.is_file():
                found[match[1]].append(path)
    for paths in found.values():
        paths.sort(key=lambda p: not is_audio(p.name))
    return found


def read_recording(row: Any, folder: Path, files: dict[str, list[Path]], place: str) -> Recording:
    """One entry of an answer's list, and its sound in ``files``; ``place`` says where it stands.

    Raises
    ------
    CatalogError
        It is no object, has no id, or names background species in another way.
    """
    if not isinstance(row, dict):
        raise CatalogError(f"{place}: expected an object, found {row!r:.60}")
    if not row.get("id"):
        raise CatalogError(f"{place} has no 'id'")
    background = row.get("also") or []
    if not isinstance(background, list) or not all(isinstance(name, str) for name in background):
        raise CatalogError(f"{place}: expected a list of names in 'also', found {background!r:.60}")

    def text(*names: str) -> str:
        """The first of these fields that is there; a question mark means "not known"."""
        value = next((row[name] for name in names if row.get(name) is not None), "")
        return "" if str(value).strip() == "?" else str(value).strip()

    number = text("id").upper().removeprefix("XC")
    recording = Recording(
        id=f"XC{number}",
        path=files[number][0] if number in files else folder / f"XC{number}.mp3",
        label=species_label(text("gen"), text("sp")),
        common_name=text("en"),
        background=tuple(filter(None, background)),
        recordist=text("rec"),
        date=parse_date(text("date")),
        time=parse_time(text("time")),
        site=text("loc"),
        latitude=parse_number(text("lat")),
        longitude=parse_number(text("lon", "lng")),
        duration_s=parse_duration(text("length")),
        quality=text("q"),
        call_type=text("type"),
        licence=licence_name(text("lic")),
        url=parse_address(text("url")),
        sex=text("sex"),
        stage=text("stage"),
    )
    return with_remarks(recording, text("rmk"))


def _missing_pages(path: Path, pages: list[Path], answers: list[dict[str, Any]]) -> Iterator[Problem]:
    def numbers(name: str) -> set[int]:
        return {_page_number(a.get(name) or 1, name, page) for page, a in zip(pages, answers, strict=True)}

    expected, present = max(numbers("numPages")), numbers("page")
    n_absent = expected - sum(1 <= number <= expected for number in present)
    if n_absent > 0:
        absent = list(islice((n for n in range(1, expected + 1) if n not in present), _SHOWN_PAGES))
        more = f" and {n_absent - len(absent)} more" if n_absent > len(absent) else ""
        listed = ", ".join(map(str, absent)) + more
        message = f"{path}: missing pages (of {expected}): {listed}"
        yield Problem(SOURCE_PROBLEM, "", str(path), message)


def _page_number(value: Any, name: str, page: Path) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise CatalogError(f"{page}: expected a number in '{name}', found {value!r:.60}") from error


def _several_files(rows: list[Recording], files: dict[str, list[Path]]) -> Iterator[Problem]:
    for name in dict.fromkeys(row.id for row in rows):
        sounds = [p for p in files.get(name.removeprefix("XC"), ()) if is_audio(p.name)]
        if len(sounds) > 1:
            message = f"{name}: several sound files; the first is used: {', '.join(map(str, sounds))}"
            yield Problem(SOURCE_PROBLEM, name, str(sounds[0]), message)
