"""A folder of clips of events, which never takes more of the disk than its budget.

``clips.csv`` in it has a row for each clip: `INDEX_COLUMNS`, then those of a table of detections
(:mod:`avianvox.tables.columns`), of which ``path``, ``begin_s`` and ``end_s`` speak of the clip. A row comes
before its clip appears. Where the budget is used up, the oldest clips and their rows go, some at a time. A
file is taken for a clip of ours, and may go, where the index has its name and its size: one that was renamed,
changed or put there by somebody else is never touched.
"""

import csv
import os
import re
import shutil
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from avianvox.audio.cut import Clip, encode_clip
from avianvox.errors import InputError, OutputError
from avianvox.files import atomic_write, output_error, sweep_folder
from avianvox.inference.segments import safe_name
from avianvox.lock import exclusive_lock
from avianvox.tables.appended import Appended
from avianvox.tables.columns import COLUMNS, cells, csv_line
from avianvox.types import Detection

INDEX = "clips.csv"
INDEX_COLUMNS = ("file", "bytes", "sample_rate")
"""Name in the folder, size of the file when it was written, Hz."""

FREE_SHARE, FREE_BYTES = 0.05, 500_000_000
"""So much of a disk stays free, the smaller of both: a full one ends more than listening."""

SPARE_SHARE = 0.05
"""So much of the budget is made free at once, so that the index is seldom written anew."""

_HEADER = csv_line((*INDEX_COLUMNS, *COLUMNS))
_LOCK = ".clips.lock"
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_UNITS |= {f"{unit}I": 1 << 10 * n for n, unit in enumerate("KMGT", start=1)}


def read_size(text: str) -> int:
    """Bytes of a size such as ``2GB``, ``500 MB`` or ``1.5GiB``.

    Raises
    ------
    InputError
        It is none, or nothing.

    Examples
    --------
    >>> read_size("1.5 GB"), read_size("64MiB")
    (1500000000, 67108864)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?I?)B?\s*", text.upper())
    size = int(float(found[1]) * _UNITS[found[2]]) if found and found[2] in _UNITS else 0
    if not size:
        raise InputError(f"expected a size such as 2GB or 500MB, got '{text}'")
    return size


class _Kept(NamedTuple):
    name: str
    size: int


class ClipFolder:
    """Clips in a folder; open it with `open_clips`.

    Parameters
    ----------
    folder : Path
    index : Appended
    budget : int, bytes
        What all clips of the index may take.
    kind : {"flac", "wav"}

    Attributes
    ----------
    n_removed : int
        Clips that made room for newer ones.
    """

    def __init__(self, folder: Path, index: Appended, *, budget: int, kind: str) -> None:
        self.folder, self._index, self._budget, self._kind = folder, index, budget, kind
        self.n_removed = 0
        self._kept = deque(self._listed())
        self._size = sum(size for _, size in self._kept)

    def save(self, row: Detection, clip: Clip) -> Path:
        """Write the clip of an event, and its row; the file appears whole or not at all.

        Parameters
        ----------
        row : Detection
            With seconds and times of the stream.
        clip : Clip
            ``first_frame`` is counted from the begin of the stream.

        Raises
        ------
        OutputError
            There is no room, or it cannot be written.
        AudioError
            The format doesn't hold such a sample rate.
        """
        content = encode_clip(clip, self._kind)
        self._make_room(len(content))
        path = self._free_name(row, clip)
        facts = (path.name, str(len(content)), str(clip.sample_rate))
        line = csv_line((*facts, *cells(_of_clip(row, clip, path))))
        with atomic_write(path, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            self._index.append(line)  # before the clip appears: no clip lies there without its row
        self._kept.append(_Kept(path.name, len(content)))
        self._size += len(content)
        return path

    def _make_room(self, size: int) -> None:
        if size > self._budget:
            raise OutputError(f"a clip has {size:,} bytes, more than the budget; raise --clips-budget")
        if self._size + size > self._budget:
            self._remove_oldest(max(0, round((1 - SPARE_SHARE) * self._budget) - size))
        disk = shutil.disk_usage(self.folder)
        if disk.free - size < min(FREE_BYTES, FREE_SHARE * disk.total):
            raise OutputError(
                f"{self.folder}: the disk is nearly full ({disk.free / 1e6:,.0f} MB free); no clip is saved "
                "until there is room"
            )

    def _remove_oldest(self, most: int) -> None:
        """Remove clips until they take ``most`` bytes, and all rows whose file is gone."""
        try:
            while self._size > most:
                oldest = self._kept.popleft()
                self._size -= oldest.size
                path = self.folder / oldest.name
                if _is_ours(path, oldest.size):
                    path.unlink()
                    self.n_removed += 1
        except OSError as error:
            raise output_error(error, path) from error
        self._index.rewrite(csv_line(row) for row in self._rows() if (self.folder / row[0]).exists())

    def _rows(self) -> Iterator[list[str]]:
        with open(self._index.path, encoding="utf-8", errors="replace", newline="") as lines:
            yield from (row for row in islice(csv.reader(lines), 1, None) if len(row) > 1)

    def _free_name(self, row: Detection, clip: Clip) -> Path:
        """Time of its first sample, species and score; `avianvox inspect` reads the time."""
        time = _begin(row, clip)
        moment = f"{time:%Y%m%dT%H%M%S}.{time.microsecond // 1000:03d}{time:%z}"[:24]
        score = "" if row.score is None else f"_{row.score:.2f}"
        species = safe_name((row.scientific_name or row.common_name).replace(" ", "_"))
        stem = f"{moment}_{species}{score}"
        path = self.folder / f"{stem}.{self._kind}"
        number = 1
        while os.path.lexists(path):  # a clock was set back
            number += 1
            path = self.folder / f"{stem}_{number}.{self._kind}"
        return path

    def _listed(self) -> Iterator[_Kept]:
        """Clips of the index that are still there."""
        for name, size, *_ in self._rows():
            plain = name == os.path.basename(name) and size.isdecimal()
            if plain and _is_ours(self.folder / name, int(size)):
                yield _Kept(name, int(size))


@contextmanager
def open_clips(folder: Path, *, budget: int, kind: str = "flac") -> Iterator[ClipFolder]:
    """A folder of clips, made if need be, while the block runs.

    Raises
    ------
    OutputError
        It cannot be written, or its ``clips.csv`` is none of ours.
    StoreError
        Another process saves clips there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(error, folder) from error
    busy = f"{folder}: another process saves clips there; name another folder"
    with exclusive_lock(folder / _LOCK, busy=busy):
        sweep_folder(folder)
        with Appended(folder / INDEX, _HEADER, what="index of clips") as index:
            yield ClipFolder(folder, index, budget=budget, kind=kind)


def _is_ours(path: Path, size: int) -> bool:
    try:
        return not path.is_symlink() and path.is_file() and path.stat().st_size == size
    except OSError:
        return False


def _begin(row: Detection, clip: Clip) -> datetime:
    """When the clip's first sample was heard."""
    early_s = (row.begin_s or 0.0) - clip.begin_s
    return datetime.fromisoformat(row.begin_time) - timedelta(seconds=early_s)


def _of_clip(row: Detection, clip: Clip, path: Path) -> Detection:
    """The row with seconds of the clip, which is what other commands open."""
    begin_s, end_s = row.begin_s or 0.0, row.end_s or 0.0
    length_s = clip.end_s - clip.begin_s
    return replace(
        row,
        path=os.path.abspath(path),
        channel=None,
        begin_s=max(0.0, begin_s - clip.begin_s),
        end_s=min(length_s, end_s - clip.begin_s),
        recorder=row.recorder or ("" if row.path == "-" else row.path),
        header_s=length_s,
        decoded_s=length_s,
    )
