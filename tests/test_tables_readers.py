"""Annotation formats, opened by crowsetta and pandas; crowsetta's own files, opened by avianvox."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import crowsetta
import pandas as pd
import pytest
from hypothesis import given, settings
from table_rows import NIGHT, annotations

from avianvox.errors import InputError
from avianvox.tables.formats import FORMATS, format_of, read_table, write_table
from avianvox.types import Detection

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")  # crowsetta's, of pandas

NAMES = {
    "raven": "raven",
    "audacity": "aud-seq",
    "audacity_boxes": "aud-bbox",
    "simple_seq": "simple-seq",
    "generic_seq": "generic-seq",
}
"""``name here -> name there``."""

Label = tuple[str, float, float]


def read_by_crowsetta(table: Path, name: str) -> list[Any]:
    """Its boxes or segments, of all annotations in a file."""
    annotation = crowsetta.Transcriber(format=NAMES[name]).from_file(table).to_annot()
    found = []
    for one in annotation if isinstance(annotation, list) else [annotation]:
        found += one.bboxes if "bboxes" in vars(one) and one.bboxes else one.seq.segments
    return found


def label(item: Any) -> Label:
    begin, end = (item.onset_s, item.offset_s) if hasattr(item, "onset_s") else (item.onset, item.offset)
    return item.label, float(begin), float(end)


def our_label(row: Detection) -> Label:
    assert row.begin_s is not None
    assert row.end_s is not None
    return row.scientific_name, row.begin_s, row.end_s


@pytest.mark.parametrize("name", NAMES)
def test_crowsetta_opens_what_is_written(name: str, tmp_path: Path) -> None:
    table = tmp_path / f"t{FORMATS.get(name).endings[0]}"
    several = name == "generic_seq"
    write_table(NIGHT if several else NIGHT[:2], table, name)
    expected = [("Aus bus", 0.0, 3.0), ("Cus dus", 58.5, 60.0), ("Cus dus", 0.0, 8.0)]
    found = read_by_crowsetta(table, name)
    assert [label(item) for item in found] == expected[: 3 if several else 2]
    if name in ("raven", "audacity_boxes"):
        assert [(item.low_freq, item.high_freq) for item in found] == [(1000.0, 2500.5), (0.0, 11025.0)]


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=8)
@given(rows=annotations())
def test_it_reads_the_same_as_we_do(
    name: str, rows: list[Detection], tmp_path_factory: pytest.TempPathFactory
) -> None:
    table = tmp_path_factory.getbasetemp() / f"crowsetta{FORMATS.get(name).endings[0]}"
    rows = [
        replace(row, scientific_name=f"Aus {n}") for n, row in enumerate(rows)
    ]  # pandas reads 1 as a number
    write_table([row for row in rows if row.path == rows[0].path], table, name)
    ours = sorted(our_label(row) for row in read_table(table))
    theirs = sorted(label(item) for item in read_by_crowsetta(table, name))
    assert [name for name, *_ in theirs] == [name for name, *_ in ours]
    for (_, *times), (_, *expected) in zip(theirs, ours, strict=True):
        assert times == pytest.approx(expected, abs=1e-3)  # crowsetta rounds to milliseconds


def test_a_text_with_odd_line_ends_is_no_table(tmp_path: Path) -> None:
    path = tmp_path / "readme.txt"
    path.write_bytes(b"first\rsecond, third\n")
    with pytest.raises(InputError, match="there is no table of"):
        next(read_table(tmp_path))


def test_pandas_opens_the_others(tmp_path: Path) -> None:
    frames = {}
    for name in ("kaleidoscope", "birdnet"):
        write_table(NIGHT, tmp_path / name, name)
        frames[name] = pd.read_csv(tmp_path / name)
    theirs, ours = frames["kaleidoscope"], frames["birdnet"]
    assert theirs.INDIR.str.cat(theirs["IN FILE"], "/").tolist() == ours.File.tolist()
    assert theirs.OFFSET.tolist() == ours["Start (s)"].tolist() == [0.0, 58.5, 0.0]
    assert (theirs.OFFSET + theirs.DURATION).tolist() == ours["End (s)"].tolist() == [3.0, 60.0, 8.0]
    assert theirs["TOP1MATCH*"].tolist() == ours["Scientific name"].tolist()
    assert theirs.sort_values("TOP1DIST").confidence.tolist() == [0.9, 0.5, 0.25]
    assert pd.to_datetime(theirs.DATE + " " + theirs.TIME)[0] == pd.Timestamp("2020-12-06 10:06:19")


EXAMPLES = {
    "Recording_1_Segment_02.Table.1.selections.txt": ("raven", 6, "Recording_1_Segment_02"),
    "spinetail.txt": ("audacity_boxes", 18, "spinetail"),
    "405_marron1_June_14_2016_69640887.audacity.txt": ("audacity", 61, "405_marron1_June_14_2016_69640887"),
    "bird1.csv": ("generic_seq", 151, "lbr3009_0005_2017_04_27_06_14_46.wav"),
}
"""Files in crowsetta that Raven, Audacity and people made: format, number of rows, recording of the first."""


@pytest.mark.parametrize("file", EXAMPLES)
def test_crowsettas_examples_are_opened(file: str) -> None:
    table = Path(crowsetta.__file__).parent / "examples" / file
    name, n_rows, recording = EXAMPLES[file]
    assert format_of(table) == name
    rows = list(read_table(table))
    assert (len(rows), Path(rows[0].path).name) == (n_rows, recording)
    options = {"annot_col": "Species"} if name == "raven" else {}
    annotation = crowsetta.Transcriber(format=NAMES[name]).from_file(table, **options).to_annot()
    first = annotation[0] if isinstance(annotation, list) else annotation
    items = first.bboxes if name in ("raven", "audacity_boxes") else first.seq.segments
    for item, row in zip(items, rows, strict=False):
        assert label(item)[0] == row.scientific_name
        assert label(item)[1:] == pytest.approx(our_label(row)[1:], abs=1e-3)
