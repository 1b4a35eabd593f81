"""Times that count on over several recordings: where each recording begins among them.

Raven counts on where it has opened several files one after the other. A table says how far into its file a
selection begins in ``File Offset (s)``; where that column is missing, the lengths of the files say it.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path

from avianvox.errors import InputError
from avianvox.tables.recordings import Recordings

_TOLERANCE_S = 0.1
_WAYS_OUT = "export the table with the column 'File Offset (s)', or make one table for each recording"


def begins_of(
    table: Path, selected: Mapping[str, tuple[float, float]], recordings: Recordings
) -> dict[str, float]:
    """Where each recording begins, in the time of the table.

    The files stand in the order of their selections. Raven may have opened more files of their folder, in
    which nothing was selected: they are counted in where the times fit in no other way.

    Parameters
    ----------
    table : Path
        For messages.
    selected : mapping of str to (float, float), seconds
        Begin of the first and of the last selection of each recording, by what the table calls it.
    recordings : Recordings

    Raises
    ------
    InputError
        A file is not found, its length is not known, or the times fit the lengths in no way, or in two.
    """
    places: dict[str, str] = {}
    for name in sorted(selected, key=lambda name: selected[name]):
        place = recordings.find(name)
        if place is None:
            raise _refused(table, f"and {name} is not found, whose length is needed; name its folder, or")
        places[name] = place
    listed = list(places.values())
    fitting: list[dict[str, float]] = []
    for files in (listed, recordings.beside(listed[0])):
        begins = _begins(files, listed, recordings)
        found = {name: begins[place] for name, place in places.items() if place in begins}
        if len(found) == len(places) and found not in fitting:
            ends = {name: found[name] + (recordings.length_s(places[name]) or 0.0) for name in found}
            if all(
                found[name] - _TOLERANCE_S <= first and last <= ends[name] + _TOLERANCE_S
                for name, (first, last) in selected.items()
            ):
                fitting.append(found)
    if not fitting:
        raise _refused(table, "and the times do not fit the lengths of the recordings;")
    if len(fitting) > 1:
        raise _refused(table, "and the folder holds recordings that may or may not have been opened before;")
    return fitting[0]


def _begins(files: Sequence[str], wanted: Sequence[str], recordings: Recordings) -> dict[str, float]:
    """Begin of each file, up to the last of ``wanted``; nothing where a length is not known."""
    last = max((i for i, file in enumerate(files) if file in wanted), default=-1)
    lengths = [recordings.length_s(file) for file in files[: last + 1]]
    if None in lengths:
        return {}
    return dict(zip(files, accumulate((s or 0.0 for s in lengths), initial=0.0), strict=False))


def _refused(table: Path, why: str) -> InputError:
    return InputError(
        f"{table}: the times count on over several recordings without a column 'File Offset (s)', "
        f"{why} {_WAYS_OUT}"
    )
