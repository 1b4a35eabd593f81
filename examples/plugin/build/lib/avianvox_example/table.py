"""A format of tables: labels of HTK, as speech people use them. One file speaks of one recording."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from avianvox.errors import InputError
from avianvox.files import atomic_write
from avianvox.types import Detection

_UNIT_S = 1e-7


class Htk:
    """Begin and end in units of 100 ns, and a species without spaces."""

    endings = (".lab",)
    one_per_recording = True

    def write(
        self, detections: Iterable[Detection], path: Path, about: Mapping[str, str] | None = None
    ) -> None:
        with atomic_write(path) as file:
            for row in detections:
                begin_s, end_s = row.begin_s or 0.0, row.end_s or row.decoded_s or 0.0
                label = row.scientific_name.replace(" ", "_")
                file.write(f"{round(begin_s / _UNIT_S)} {round(end_s / _UNIT_S)} {label}\n")

    def read(self, path: Path) -> Iterator[Detection]:
        recording = str(path).removesuffix(".lab").removesuffix(".avianvox")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            try:
                begin, end, label = line.split()
                yield Detection(
                    recording,
                    begin_s=int(begin) * _UNIT_S,
                    end_s=int(end) * _UNIT_S,
                    scientific_name=label.replace("_", " "),
                )
            except ValueError as error:
                raise InputError(f"{path}, line {number}: expected begin, end and a label") from error

    def recognises(self, head: str) -> bool:
        fields = head.partition("\n")[0].split(" ")
        return len(fields) == 3 and fields[0].isdecimal() and fields[1].isdecimal()
