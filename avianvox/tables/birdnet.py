"""CSV as BirdNET-Analyzer writes it: one row a segment, over any number of recordings."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from avianvox.files import atomic_write
from avianvox.tables.carried import Carried
from avianvox.tables.columns import csv_line, with_tasks
from avianvox.tables.delimited import column_names, read_lines
from avianvox.tables.recordings import recording_of
from avianvox.tables.spans import one_line, spans
from avianvox.tables.spreadsheet import CsvFormat
from avianvox.types import Detection
from avianvox.words import valid_unicode

COLUMNS = ("Start (s)", "End (s)", "Scientific name", "Common name", "Confidence", "File")

_OWN = ("path", "begin_s", "end_s", "scientific_name", "common_name", "score")
_READ = ("filepath", "start", "end", "lat", "lon")  # in its table for R
_CARRIED = Carried(*_OWN, known=(*map(str.lower, COLUMNS), *_READ))


class BirdNet(CsvFormat):
    """Its table for R (``filepath, start, end, ...``) is read too, and so are ``lat`` and ``lon``."""

    endings = (".birdnet.csv", ".birdnet.results.csv")
    one_per_recording = False

    def write(
        self, detections: Iterable[Detection], path: Path, about: Mapping[str, str] | None = None
    ) -> None:
        with atomic_write(path) as file:
            tasks, detections = with_tasks(detections)
            file.write(csv_line((*COLUMNS, *_CARRIED.header(tasks))))
            for begin_s, end_s, label, row in spans(detections, answers=True):
                times = [f"{begin_s:.3f}", f"{end_s:.3f}"]
                names = [label, one_line(row.common_name)]
                score = "" if row.score is None else f"{row.score:.4f}"
                more = _CARRIED.cells(row, tasks)
                file.write(self.line([*times, *names, score, valid_unicode(row.path), *more]))

    def read(self, path: Path) -> Iterator[Detection]:
        for line in read_lines(path, ","):
            latitude, longitude = _place(line.number("lat"), line.number("lon"))
            row = Detection(
                path=line.text("file", "filepath") or recording_of(path),
                begin_s=line.needed("start (s)", "start"),
                end_s=line.needed("end (s)", "end"),
                latitude=latitude,
                longitude=longitude,
                scientific_name=line.text("scientific name", "scientific_name"),
                common_name=line.text("common name", "common_name"),
                score=line.number("confidence"),
            )
            yield _CARRIED.take_back(line, row)

    def recognises(self, head: str) -> bool:
        names = set(column_names(head.partition("\n")[0], ","))
        return {"start (s)", "end (s)", "confidence"} <= names or {"filepath", "start", "end"} <= names


def _place(latitude: float | None, longitude: float | None) -> tuple[float | None, float | None]:
    """BirdNET writes -1 twice where no place was given; one of them alone is a degree like any other."""
    return (None, None) if latitude == longitude == -1 else (latitude, longitude)
