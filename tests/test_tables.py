"""Tables that keep every column: CSV, JSON lines and Parquet, read back by avianvox and by others."""

import io
import json
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv as arrow_csv
from pyarrow import parquet
from table_rows import DETECTIONS, NIGHT

from avianvox.errors import InputError, MissingExtraError, UnknownNameError
from avianvox.inference.period_table import SUMMARY_COLUMNS, SUMMARY_VERSION
from avianvox.tables.columns import COLUMNS, HEADER, TABLE_VERSION, from_csv, to_csv
from avianvox.tables.formats import (
    FORMATS,
    READ_ONLY,
    STREAMS,
    format_of,
    format_of_new,
    read_table,
    write_table,
)
from avianvox.tables.rows import Column, write_rows
from avianvox.trigger.clips import INDEX_COLUMNS
from avianvox.types import Detection, Status

FULL = ("csv", "jsonl", "parquet")


def test_the_columns_of_this_version() -> None:
    """A change of this list is a new `TABLE_VERSION`, and a column is never renamed."""
    assert TABLE_VERSION == 3
    assert HEADER == (
        "path,status,channel,begin_s,end_s,low_hz,high_hz,begin_time,end_time,time_source,latitude,longitude,"
        "site,recorder,rank,scientific_name,common_name,score,decision,expected_here,header_s,decoded_s,"
        "time_expansion,message\n"
    )


@pytest.mark.parametrize("name", FULL)
@settings(deadline=None, max_examples=40)  # each writes a file
@given(rows=st.lists(DETECTIONS, max_size=4))
def test_nothing_is_lost(name: str, rows: list[Detection], tmp_path_factory: pytest.TempPathFactory) -> None:
    table = tmp_path_factory.getbasetemp() / f"round trip.{name}"
    write_table(rows, table, name)
    assert list(read_table(table, name)) == rows
    if rows:
        assert format_of(table) == name


@settings(deadline=None, max_examples=40)  # each writes a file
@given(rows=st.lists(DETECTIONS, max_size=4))
def test_pieces_make_up_the_table(rows: list[Detection], tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in STREAMS:
        form = FORMATS.get(name)()
        table = tmp_path_factory.getbasetemp() / f"whole.{name}"
        write_table(rows[:1], table, name)
        pieces = form.header() + (form.lines(rows[:1]) if rows else "")
        assert table.read_bytes().decode() == pieces


def test_pandas_reads_the_same(tmp_path: Path) -> None:
    frames = {}
    for name, read in (("csv", pd.read_csv), ("parquet", pd.read_parquet)):
        write_table(NIGHT, tmp_path / f"t.{name}", name)
        frames[name] = read(tmp_path / f"t.{name}")
    write_table(NIGHT, tmp_path / "t.jsonl", "jsonl")
    frames["jsonl"] = pd.read_json(tmp_path / "t.jsonl", lines=True, dtype=False)
    for frame in frames.values():
        assert tuple(name for name in frame.columns if not name.endswith("_utc_offset_s")) == COLUMNS
        assert frame.score.tolist()[:3] == [0.9, 0.25, 0.5]
        assert frame.common_name[0] == 'Ay, the "bee"'
        assert frame.begin_s.isna().tolist() == [False, False, True, True]


def test_parquet_has_types_and_says_what_it_is(tmp_path: Path) -> None:
    write_table(NIGHT, tmp_path / "t.parquet", "parquet", about={"model": "caribbean", "model_hash": "abc"})
    schema = parquet.read_schema(tmp_path / "t.parquet")
    kinds = {name: str(schema.field(name).type) for name in ("path", "score", "rank", "status")}
    assert kinds == {"path": "string", "score": "double", "rank": "int64", "status": "string"}
    about = {key: value for key, value in schema.metadata.items() if key.startswith(b"avianvox.")}
    assert about == {
        b"avianvox.table": b"detections",
        b"avianvox.table_version": b"3",
        b"avianvox.model": b"caribbean",
        b"avianvox.model_hash": b"abc",
    }


ZONES = [
    replace(NIGHT[0], begin_time="2024-10-27T01:59:59.500+02:00", end_time="2024-10-27T02:00:02.500+01:00"),
    replace(NIGHT[1], begin_time="2024-06-01T05:30:00.000", end_time="2024-06-01T05:30:03.000"),
    replace(NIGHT[2], begin_time="2024-06-01T05:30:00.000-04:00"),
    NIGHT[3],
]
"""A change of clocks within a span, a clock without a zone, another zone, and no time at all."""


def test_parquet_holds_timestamps_of_any_zone(tmp_path: Path) -> None:
    write_table(ZONES, tmp_path / "t.parquet", "parquet")
    table = parquet.read_table(tmp_path / "t.parquet")
    assert [str(table.schema.field(name).type) for name in ("begin_time", "end_time")] == [
        "timestamp[ms]"
    ] * 2
    assert table.column("begin_time").to_pylist() == [
        datetime(2024, 10, 27, 1, 59, 59, 500_000),
        datetime(2024, 6, 1, 5, 30),
        datetime(2024, 6, 1, 5, 30),
        None,
    ]
    assert table.column("begin_utc_offset_s").to_pylist() == [7200, None, -14400, None]
    assert table.column("end_utc_offset_s").to_pylist()[0] == 3600
    frame = pd.read_parquet(tmp_path / "t.parquet")
    assert frame.begin_time.dt.hour.tolist()[:3] == [1, 5, 5]
    instants = (frame.begin_time - pd.to_timedelta(frame.begin_utc_offset_s, unit="s")).dt.tz_localize("UTC")
    assert instants[2] == pd.Timestamp("2024-06-01T09:30Z")
    assert instants.isna().tolist() == [False, True, False, True]
    assert list(read_table(tmp_path / "t.parquet")) == ZONES


def test_times_are_of_one_form_that_pandas_reads(tmp_path: Path) -> None:
    """Also in tables of earlier versions, in which whole seconds had no milliseconds."""
    old = (
        "path,status,begin_time,end_time\na.wav,ok,2024-06-01T05:30:00-04:00,2024-06-01T05:30:00.500-04:00\n"
    )
    (tmp_path / "old.csv").write_text(old)
    rows = list(read_table(tmp_path / "old.csv"))
    assert [(r.begin_time, r.end_time) for r in rows] == [
        ("2024-06-01T05:30:00.000-04:00", "2024-06-01T05:30:00.500-04:00")
    ]
    write_table([*rows, replace(rows[0], begin_time=rows[0].end_time)], tmp_path / "new.csv", "csv")
    times = pd.to_datetime(pd.read_csv(tmp_path / "new.csv").begin_time)
    assert times.dt.hour.tolist() == [5, 5]
    with pytest.raises(InputError, match="column 'begin_time' cannot be 'noon'"):
        list(from_csv(["path,begin_time\n", "a.wav,noon\n"]))
    with pytest.raises(InputError, match="expected a time in ISO 8601, got 'noon'"):
        write_table([replace(NIGHT[0], begin_time="noon")], tmp_path / "t.parquet", "parquet")


def test_parquet_of_version_1_and_of_pandas_is_read(tmp_path: Path) -> None:
    """Texts there, and instants in UTC where somebody made them of our columns."""
    frame = pd.DataFrame({"path": ["a.wav"], "begin_time": ["2024-06-01T05:30:00-04:00"]})
    frame.to_parquet(tmp_path / "v1.parquet")
    assert [r.begin_time for r in read_table(tmp_path / "v1.parquet")] == ["2024-06-01T05:30:00.000-04:00"]
    frame["begin_time"] = pd.to_datetime(frame.begin_time, utc=True)
    frame.to_parquet(tmp_path / "pandas.parquet")
    assert [r.begin_time for r in read_table(tmp_path / "pandas.parquet")] == [
        "2024-06-01T09:30:00.000+00:00"
    ]


def test_arrow_reads_the_csv(tmp_path: Path) -> None:
    write_table(NIGHT, tmp_path / "t.csv", "csv")
    table = arrow_csv.read_csv(tmp_path / "t.csv")
    assert tuple(table.column_names) == COLUMNS
    assert table.column("end_s").to_pylist() == [3.0, 60.0, None, None]


def test_parquet_is_written_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avianvox.tables.rows.ROW_GROUP", 3)
    write_table(NIGHT, tmp_path / "t.parquet", "parquet")
    assert parquet.ParquetFile(tmp_path / "t.parquet").num_row_groups == 2
    assert list(read_table(tmp_path / "t.parquet")) == NIGHT


def test_a_frame_with_gaps_comes_back_from_pandas(tmp_path: Path) -> None:
    """Where values are missing, pandas makes fractions of whole numbers."""
    write_table(NIGHT, tmp_path / "t.csv", "csv")
    pd.read_csv(tmp_path / "t.csv").to_csv(tmp_path / "p.csv", index=False)
    pd.read_csv(tmp_path / "t.csv").to_parquet(tmp_path / "p.parquet")
    assert "2.0" in (tmp_path / "p.csv").read_text()
    assert list(read_table(tmp_path / "p.csv")) == NIGHT
    assert list(read_table(tmp_path / "p.parquet")) == NIGHT


def test_columns_may_move_and_others_may_stand_beside_them() -> None:
    lines = ["note,scientific_name,path\n", "mine,Aus bus,a.wav\n"]
    assert list(from_csv(lines)) == [Detection("a.wav", scientific_name="Aus bus")]


def test_file_names_may_hold_any_bytes(tmp_path: Path) -> None:
    row = Detection("caf\udce9.wav", Status.EMPTY)
    for name in FULL:
        write_table([row], tmp_path / f"t.{name}", name)
        assert [r.path for r in read_table(tmp_path / f"t.{name}")] == ["caf\ufffd.wav"]
    assert FORMATS.get("table")().lines([row]) == "caf\ufffd.wav  (empty)\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,status,rank\na.wav,ok,first\n", "t.csv, line 2: column 'rank' cannot be 'first'"),
        ("path,status,rank\na.wav,ok,1.5\n", "t.csv, line 2: column 'rank' cannot be '1.5'"),
        ("path,status,score\na.wav,ok,nan\n", "t.csv, line 2: column 'score' cannot be 'nan'"),
        ("path,status\na.wav,fine\n", "t.csv, line 2: column 'status' cannot be 'fine'"),
        (
            "file,score\na.wav,1\n",
            "t.csv: expected a table of detections with a column 'path'; there is none",
        ),
        ("path;status;score\na.wav;ok;0,5\n", "column 'path'; cells are separated by semicolons; save it"),
        ('{"path": "a.wav"}\n{"path": 3}\n', "t.csv, line 2: expected a row of a table of detections"),
        ('{"path": "a.wav"}\n[1,\n', "t.csv, line 2: not valid JSON"),
        ('{"path": "a.wav", "score": true}\n', "t.csv, line 1: column 'score' cannot be 'True'"),
        ("PAR1 and no more", "cannot read the table "),
    ],
)
def test_what_is_wrong_is_said_with_its_line(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(InputError) as raised:
        list(read_table(tmp_path / "t.csv"))
    assert message in str(raised.value)
    assert str(tmp_path) in str(raised.value)


def test_a_failed_run_leaves_the_table_as_it_was(tmp_path: Path) -> None:
    def rows():  # type: ignore[no-untyped-def]
        yield NIGHT[0]
        raise RuntimeError

    for name in FORMATS:
        table = tmp_path / f"t{FORMATS.get(name).endings[0]}"
        table.write_text("before")
        with pytest.raises(InputError if name in READ_ONLY else RuntimeError):
            write_table(rows(), table, name)
        assert table.read_text() == "before"
    assert len(list(tmp_path.iterdir())) == len(FORMATS)


def test_parquet_without_its_package_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avianvox.errors.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'avianvox\[parquet\]'"):
        write_table(NIGHT, tmp_path / "t.parquet", "parquet")
    assert not list(tmp_path.iterdir())


def test_the_table_for_people() -> None:
    text = "".join(
        FORMATS.get("table")(0.2, None).lines(group) for group in (NIGHT[:2], NIGHT[2:3], NIGHT[3:])
    )
    assert text == (
        "night/a.wav  (60.0 s)\n"
        '        0.00 - 3.00 s  channel 2  2020-12-06T10:06:19.000-06:00  0.9000  Aus bus (Ay, the "bee")\n'
        "       58.50 - 60.00 s  0.2500  uncertain, perhaps Cus dus\n"
        "night/b.wav  (8.0 s, truncated)\n"
        "    0.5000  Cus dus\n"
        "night/gone.wav  (missing)\n"
        "    no such file\n"
    )
    nothing = FORMATS.get("table")(0.2).lines([Detection("a.wav", decoded_s=3.0)])
    assert nothing == "a.wav  (3.0 s)\n    nothing at 0.2 or above\n"
    assert "one of these 1, with 90 % coverage" in FORMATS.get("table")(0.0, 0.9).lines(NIGHT[2:3])


def test_typed_rows_of_any_table(tmp_path: Path) -> None:
    columns = (Column("hour"), Column("n", int), Column("seconds", float, 1))
    rows = [("2020-12-06T10", 3, 12.34), ("", None, None)]
    expected = {
        "csv": "hour,n,seconds\n2020-12-06T10,3,12.3\n,,\n",
        "jsonl": '{"hour": "2020-12-06T10", "n": 3, "seconds": 12.3}\n'
        '{"hour": null, "n": null, "seconds": null}\n',
    }
    for name, text in expected.items():
        write_rows(rows, columns, tmp_path / name, name)
        assert (tmp_path / name).read_text() == text
    write_rows(rows, columns, tmp_path / "parquet", "parquet")
    assert parquet.read_table(tmp_path / "parquet").to_pylist() == [
        json.loads(line) for line in io.StringIO(expected["jsonl"])
    ]
    with pytest.raises(UnknownNameError, match="did you mean 'csv'"):
        write_rows(rows, columns, tmp_path / "x", "cvs")


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_new_file_says_its_format_by_its_ending(name: str) -> None:
    for ending in FORMATS.get(name).endings:
        assert format_of_new(f"OUT/Night{ending.upper()}") == name


def test_the_page_on_tables_names_every_column_and_format() -> None:
    page = (Path(__file__).parent.parent / "docs" / "tables.md").read_text()
    live = page[page.index("## Tables of live sound") :]
    assert tuple(re.findall(r"^\| `(\w+)` \|", live, re.MULTILINE)) == INDEX_COLUMNS
    periods = page[page.index("## Hours, days and nights") : page.index("## Tables of live sound")]
    assert re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", periods, re.MULTILINE))) == [
        column.name for column in SUMMARY_COLUMNS
    ]
    columns = page[page.index("## Columns") : page.index("## Formats")]
    assert re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", columns, re.MULTILINE))) == list(
        COLUMNS
    )
    rows = re.findall(r"^\| `(\w+)` \| `(\S+)` \|", page, re.MULTILINE)
    assert rows == [(name, FORMATS.get(name).endings[0]) for name in FORMATS]
    assert f"version {TABLE_VERSION}" in columns
    assert f"version {SUMMARY_VERSION}" in periods


def test_an_ending_that_says_nothing() -> None:
    with pytest.raises(InputError, match=r"'night\.ods' has no known format; end the name in \.csv, "):
        format_of_new("night.ods")
    with pytest.raises(UnknownNameError, match="unknown format 'ravn'; did you mean 'raven'"):
        format_of("night.txt", "ravn")
    assert to_csv([]) == ""
