"""From the marks of one file to recordings: overlaps, equal marks, and the gaps between them."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from avianvox.audio.probe import probe
from avianvox.dataset.sources.fields import part_id
from avianvox.types import NO_BIRD, Recording


@dataclass(frozen=True, slots=True)
class Mark:
    """One annotation.

    ``begin_s`` and ``end_s`` are None for one of the whole file, ``found`` for one that is left out; else it
    is label and common name.
    """

    begin_s: float | None
    end_s: float | None
    found: tuple[str, str] | None
    low_hz: float | None = None
    high_hz: float | None = None

    @property
    def label(self) -> str:
        return self.found[0] if self.found else ""

    def overlaps(self, other: "Mark") -> bool:
        """Whether both are to be heard at some moment."""
        if None in (self.begin_s, other.begin_s):
            return True
        return self.begin_s < other.end_s and other.begin_s < self.end_s  # type: ignore[operator]


@dataclass(slots=True)
class File:
    """A sound file, as a recording of its whole, and its marks."""

    recording: Recording
    marks: list[Mark] = field(default_factory=list)


def parts_of(file: File, no_bird_s: float) -> Iterator[Recording]:
    """The recordings that a file's marks make, in order of time; equal marks make one.

    A mark of no bird during which something calls makes none.

    Parameters
    ----------
    file : File
    no_bird_s : float, seconds
        Gaps between marks that are as long or longer are recordings of no bird; 0 for none of them.
    """
    equal = {(m.begin_s, m.end_s, m.found): m for m in reversed(file.marks)}
    marks = sorted(equal.values(), key=lambda m: (m.begin_s or 0.0, m.end_s or 0.0, m.label))
    others: list[set[str]] = [set() for _ in marks]
    open_marks: list[int] = []
    for i, mark in enumerate(marks):
        open_marks = [k for k in open_marks if mark.overlaps(marks[k])]
        for k in open_marks:
            others[i].add(marks[k].label)
            others[k].add(mark.label)
        open_marks.append(i)
    whole = file.recording
    taught = ((m, heard) for m, heard in zip(marks, others, strict=True) if m.found)
    rows = [_row(whole, m, heard) for m, heard in taught if m.label != NO_BIRD or not heard - {NO_BIRD, ""}]
    if no_bird_s > 0:
        whole = replace(whole, duration_s=probe(whole.path, decode=False).header_s)
        rows += [_row(whole, gap, set()) for gap in _gaps(marks, whole.duration_s, no_bird_s)]
    times: dict[str, int] = {}
    for row in sorted(rows, key=lambda r: r.begin_s or 0.0):
        times[row.id] = n = times.get(row.id, 0) + 1
        yield row if n == 1 else replace(row, id=f"{row.id}+{n}")


def _row(file: Recording, mark: Mark, heard: set[str]) -> Recording:
    label, common_name = mark.found or ("", "")
    besides = sorted((heard | set(file.background)) - {label, NO_BIRD, ""})
    row = replace(
        file,
        label=label,
        common_name=common_name,
        background=tuple(besides),
        low_hz=mark.low_hz,
        high_hz=mark.high_hz,
    )
    if mark.begin_s is None:
        return row
    ends = file.duration_s if mark.end_s is None else mark.end_s
    return replace(
        row,
        id=part_id(file.id, mark.begin_s, mark.end_s),
        begin_s=mark.begin_s,
        end_s=mark.end_s,
        duration_s=None if ends is None else round(ends - mark.begin_s, 3),
        count=None,
    )


def _gaps(marks: list[Mark], length_s: float | None, least_s: float) -> Iterator[Mark]:
    """The stretches without a mark, of ``least_s`` and more, the last one to the end of the file.

    Marks behind the end of the file part nothing.
    """
    at = 0.0
    for mark in marks:
        if mark.begin_s is None or mark.end_s is None:
            return
        if length_s is not None and mark.begin_s >= length_s:
            break
        if mark.begin_s - at >= least_s:
            yield Mark(at, mark.begin_s, (NO_BIRD, ""))
        at = max(at, mark.end_s)
    if length_s is not None and length_s - at >= least_s:
        yield Mark(at, None, (NO_BIRD, ""))
