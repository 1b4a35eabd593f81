"""The two plain CSV formats of crowsetta: ``simple-seq`` for one recording, ``generic-seq`` for many."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from avianvox.files import atomic_write
from avianvox.tables.columns import csv_line
from avianvox.tables.delimited import Line, column_names, read_lines
from avianvox.tables.recordings import recording_of
from avianvox.tables.spans import Span, by_recording, spans, spans_of_one
from avianvox.tables.spreadsheet import CsvFormat
from avianvox.types import Detection
from avianvox.words import valid_unicode

SIMPLE = ("onset_s", "offset_s", "label")
GENERIC = ("label", "onset_s", "offset_s", "notated_path", "annot_path", "sequence", "annotation")


class SimpleSeq(CsvFormat):
    """Onset, offset and label of one recording."""

    endings = (".simple-seq.csv",)
    one_per_recording = True

    def write(
        self, detections: Iterable[Detection], path: Path, about: Mapping[str, str] | None = None
    ) -> None:
        with atomic_write(path) as file:
            file.write(csv_line(SIMPLE))
            for span in spans_of_one(detections, path):
                file.write(self.line([*_times(span), span.label]))

    def read(self, path: Path) -> Iterator[Detection]:
        for line in read_lines(path, ","):
            yield _detection(line, recording_of(path))

    def recognises(self, head: str) -> bool:
        names = column_names(head.partition("\n")[0], ",")
        return set(SIMPLE) <= set(names) and "notated_path" not in names


class GenericSeq(CsvFormat):
    """Onset, offset and label, with path and number of the recording; one sequence a recording."""

    endings = (".generic-seq.csv",)
    one_per_recording = False

    def write(
        self, detections: Iterable[Detection], path: Path, about: Mapping[str, str] | None = None
    ) -> None:
        number = -1
        with atomic_write(path) as file:
            file.write(csv_line(GENERIC))
            for recording, rows in by_recording(detections):
                for n, span in enumerate(spans(rows)):
                    number += not n
                    paths = [valid_unicode(recording), valid_unicode(path.name)]
                    file.write(self.line([span.label, *_times(span), *paths, "0", str(number)]))

    def read(self, path: Path) -> Iterator[Detection]:
        for line in read_lines(path, ","):
            yield _detection(line, line.text("notated_path") or recording_of(path))

    def recognises(self, head: str) -> bool:
        return {"label", "onset_s", "notated_path"} <= set(column_names(head.partition("\n")[0], ","))


def _times(span: Span) -> list[str]:
    return [f"{span.begin_s:.6f}", f"{span.end_s:.6f}"]


def _detection(line: Line, recording: str) -> Detection:
    return Detection(
        path=recording,
        begin_s=line.needed("onset_s"),
        end_s=line.needed("offset_s"),
        scientific_name=line.text("label"),
    )
