"""Tables of every format, converted and read as annotations, as a user does, and lists of species."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from table_rows import NIGHT

from avianvox.dataset.catalog import read_catalog
from avianvox.inference.species import read_species
from avianvox.modelfile import read_model_file
from avianvox.modelfolder import bundled_models
from avianvox.tables.formats import FORMATS, READ_ONLY, WRITE_ONLY, read_table, write_table
from avianvox.verdicts.table import HEADER
from tests.fuzz.hostile import NAMES, scattered

_ENCODINGS = ("latin-1", "utf-16", "utf-16-le", "utf-8-sig", "cp1252", "mac-roman", "utf-32")
_OUT = ("csv", "jsonl", "parquet", "xlsx", "raven", "kaleidoscope", "birdnet", "generic_seq", "table")
_SAID = (
    "1,2026-05-01T06:00:00Z,Ana,night/a.wav,0.0,3.0,1000,2500,Aus bus,0.9,accepted,Cus dus,0,3.5,,note",
    "2,2026-05-01T06:00:09Z,Ana,night/a.wav,0.0,3.0,,,Aus bus,0.9,noise,,0,2.0,1,",
    "3,2026-05-01T06:00:19Z,Bo,night/a.wav,,,,,,,added,Aus bus,1,,,",
    "4,2026-05-01T06:01:00Z,Ana,,,,,,,,undone,,0,,2,",
)
VERDICTS = HEADER + "\n".join(_SAID) + "\n"
_NAMES_OF_ONE = ("a.wav", "ñ.wav", "night/a.wav")


def cases(rng: np.random.Generator, folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    readable = [name for name in FORMATS if name not in WRITE_ONLY]
    labels = read_model_file(next(iter(bundled_models().values()))).info.labels
    number = 0
    while True:
        for name in readable:
            number += 1
            place = folder / f"{number}{FORMATS.get(name).endings[0]}"
            kind, content = _twisted(rng, name, place)
            place.write_bytes(content)
            given = name if rng.integers(2) else None
            out = _OUT[rng.integers(len(_OUT))]
            yield f"{name}, {kind}", partial(_convert, place, given, folder / f"{number}.out", out)
        number += 1
        name = readable[rng.integers(len(readable))]
        place = folder / f"{number}" / f"a{FORMATS.get(name).endings[0]}"
        place.parent.mkdir()
        kind, content = _twisted(rng, name, place)
        place.write_bytes(content)
        yield f"annotations of {name}, {kind}", partial(read_catalog, place.parent, source="annotations")
        number += 1
        place = folder / f"{number}.txt"
        text = "\n".join(NAMES[i] for i in rng.integers(len(NAMES), size=5)) + "\nTodus mexicanus\nñ"
        encoding = _ENCODINGS[rng.integers(len(_ENCODINGS))]
        place.write_bytes(scattered(rng, text.encode(encoding, "replace")))
        yield "species list", partial(read_species, str(place), labels)


def _twisted(rng: np.random.Generator, name: str, place: Path) -> tuple[str, bytes]:
    """A table as avianvox writes it with something wrong in it."""
    rows = NIGHT[:2] if FORMATS.get(name).one_per_recording else NIGHT
    if name in READ_ONLY:
        place.write_text(VERDICTS, encoding="utf-8")
    else:
        FORMATS.get(name)().write(rows, place)
    whole = place.read_bytes()
    kind = rng.integers(7)
    if kind == 0 and name != "parquet":
        encoding = _ENCODINGS[rng.integers(len(_ENCODINGS))]
        return encoding, whole.decode().replace("bus", "ñandú").encode(encoding, "replace")
    if kind == 1 and name != "parquet":
        bad = NAMES[rng.integers(len(NAMES))].encode("utf-8", "surrogatepass")
        return "a name", whole.replace((b"Aus bus", b"night/a.wav", b"0.9", b"3.0")[rng.integers(4)], bad)
    if kind == 2:
        return "without end", whole + b"x" * 3_000_000
    if kind == 3:
        return "quote without end", whole + b'"' + b"a,b\n" * 100_000
    if kind == 4:
        return "many columns", whole.split(b"\n")[0] + b",a" * 200_000 + b"\n" + b",1" * 200_000
    if kind == 5:
        return "a large number", whole.replace(b"0.0", b"9" * int(rng.choice([40, 400, 5_000])))
    return "bytes", scattered(rng, whole)


def _convert(table: Path, name: str | None, out: Path, to: str) -> None:
    write_table(read_table(table, name), out, to)
