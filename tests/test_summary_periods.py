"""Hours and days: borders, midnights, changes of clocks, and what was recorded beside what was found."""

import csv
import json
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avianvox.errors import InputError, UnknownNameError
from avianvox.inference.period_table import (
    SUMMARY_COLUMNS,
    SUMMARY_VERSION,
    SummaryRow,
    summarise,
    summary_lines,
    write_summary,
)
from avianvox.inference.periods import PERIODS, UNKNOWN, day_of, hour_of, instant, pieces
from avianvox.types import NO_BIRD, Decision, Detection, Status

BERLIN = ZoneInfo("Europe/Berlin")
TODY = ("Todus mexicanus", "Puerto Rican Tody")


def file(
    begin: str, length_s: float, *spans: tuple[float, float, float], path: str = "a.wav"
) -> list[Detection]:
    """A file that begins at a time, and a tody with a score in each span."""
    whole = Detection(path, begin_time=begin, recorder="24E1", decoded_s=length_s)
    rows = []
    for begin_s, end_s, score in spans:
        time = (datetime.fromisoformat(begin) + timedelta(seconds=begin_s)).isoformat() if begin else ""
        row = replace(whole, begin_s=begin_s, end_s=end_s, begin_time=time, score=score)
        rows.append(replace(row, scientific_name=TODY[0], common_name=TODY[1], decision=Decision.NAMED))
    return rows or [whole]


def brief(rows: Sequence[SummaryRow]) -> list[tuple[str, str, int, float, float, int]]:
    return [
        (r.begin_time, r.scientific_name[:5], r.n_events, r.calling_s, r.recorded_s, r.n_files) for r in rows
    ]


def test_events_and_effort_are_split_at_midnight() -> None:
    rows = file("2026-12-31T23:50:00.000-04:00", 1200.0, (540.0, 660.0, 0.5), (690.0, 720.0, 0.8))
    assert brief(list(summarise(rows, by="day"))) == [
        ("2026-12-31T00:00:00.000-04:00", "Todus", 1, 60.0, 600.0, 1),
        ("2027-01-01T00:00:00.000-04:00", "Todus", 1, 90.0, 600.0, 1),
    ]
    first, second = summarise(rows, by="hour")
    assert (first.begin_time, first.end_time) == (
        "2026-12-31T23:00:00.000-04:00",
        "2027-01-01T00:00:00.000-04:00",
    )
    assert (first.recorder, first.common_name) == ("24E1", "Puerto Rican Tody")
    assert (second.best_score, second.mean_score) == (0.8, pytest.approx((0.5 * 60 + 0.8 * 30) / 90))


def test_time_without_events_and_files_without_a_time_have_their_rows() -> None:
    rows = [
        *file("2026-05-01T05:30:00.000", 5400.0, path="a.wav"),
        *file("", 60.0, (3.0, 6.0, 0.9), path="b.wav"),
        *file("2026-05-01T06:30:00.000", 600.0, (0.0, 3.0, 0.7), path="c.wav"),
        *file("", 30.0, path="d.wav"),
        Detection("e.wav", Status.MISSING),
    ]
    assert brief(list(summarise(rows, by="hour"))) == [
        ("2026-05-01T05:00:00.000", "", 0, 0.0, 1800.0, 1),
        ("2026-05-01T06:00:00.000", "Todus", 1, 3.0, 4200.0, 2),
        ("", "Todus", 1, 3.0, 90.0, 2),
    ]


def test_days_have_23_or_25_hours_where_clocks_change() -> None:
    spring = file("2026-03-29T00:00:00.000+01:00", 24 * 3600.0)
    assert [row.recorded_s for row in summarise(spring, by="day", timezone="Europe/Berlin")] == [82800, 3600]
    hours = [row.begin_time for row in summarise(spring, by="hour", timezone="Europe/Berlin")]
    assert hours[1:4] == [f"2026-03-29T0{h}:00:00.000+0{z}:00" for h, z in ((1, 1), (3, 2), (4, 2))]
    autumn = file("2026-10-25T00:00:00.000", 25 * 3600.0, (9000.0, 10800.0, 0.5))  # a clock without a zone
    (day,) = summarise(autumn, by="day", timezone="Europe/Berlin")
    assert (day.begin_time, day.end_time) == (
        "2026-10-25T00:00:00.000+02:00",
        "2026-10-26T00:00:00.000+01:00",
    )
    hours = list(summarise(autumn, by="hour", timezone="Europe/Berlin"))
    assert len(hours) == 25
    assert [(h.begin_time[11:], h.calling_s) for h in hours[2:4]] == [
        ("02:00:00.000+02:00", 1800.0),
        ("02:00:00.000+01:00", 0.0),
    ]
    assert sum(row.recorded_s for row in summarise(autumn, by="day")) == 25 * 3600  # without a zone: two days


def test_a_zone_moves_utc_recordings_into_local_days() -> None:
    rows = file("2026-06-02T01:00:00.000+00:00", 4 * 3600.0, (0.0, 3.0, 0.5))
    assert brief(list(summarise(rows, by="day", timezone="America/Puerto_Rico"))) == [
        ("2026-06-01T00:00:00.000-04:00", "Todus", 1, 3.0, 3 * 3600.0, 1),
        ("2026-06-02T00:00:00.000-04:00", "", 0, 0.0, 3600.0, 1),
    ]
    (kathmandu,) = summarise(file("2026-06-02T01:30:00.000+05:45", 1800.0), by="hour")
    assert kathmandu.begin_time == "2026-06-02T01:00:00.000+05:45"


def test_only_rows_that_name_a_species_count_and_channels_count_once() -> None:
    (row,) = file("2026-06-02T06:00:00.000Z", 60.0, (3.0, 9.0, 0.4))
    rows = [
        replace(row, channel=1),
        replace(row, channel=2, begin_s=6.0, end_s=12.0, score=0.9),
        replace(row, begin_s=12.0, end_s=15.0),  # touches, and is an event of its own
        replace(row, begin_s=20.0, end_s=30.0, rank=2),
        replace(row, begin_s=20.0, end_s=30.0, decision=Decision.UNCERTAIN),
        replace(row, begin_s=20.0, end_s=30.0, decision=Decision.UNKNOWN),
        replace(row, begin_s=20.0, end_s=30.0, scientific_name=NO_BIRD),
        replace(row, begin_s=40.0, end_s=40.0, score=None, decision=None),  # a point that somebody marked
    ]
    (found,) = summarise(rows, by="hour")
    assert (found.n_events, found.calling_s, found.best_score, found.n_files) == (3, 12.0, 0.9, 1)
    assert found.mean_score == pytest.approx((0.9 * 9 + 0.4 * 3) / 12)
    (found,) = summarise([replace(row, begin_s=None, end_s=None)], by="hour")  # of a whole recording
    assert (found.n_events, found.calling_s) == (1, 60.0)
    (found,) = summarise([replace(row, decoded_s=None)], by="hour")  # a table without lengths
    assert (found.n_events, found.recorded_s, found.n_files) == (1, 0.0, 0)


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(InputError, match=r"a\.wav: expected a begin_time in ISO 8601, got 'noon'"):
        list(summarise([Detection("a.wav", begin_time="noon", decoded_s=1.0)], by="day"))
    with pytest.raises(UnknownNameError, match="unknown period 'hours'; did you mean 'hour'"):
        list(summarise([], by="hours"))
    with pytest.raises(InputError, match="time zone"):
        list(summarise([], by="hour", timezone="Europe/Berlim"))
    assert list(summarise([], by="hour")) == []


def test_a_summary_is_written_with_documented_columns(tmp_path: Path) -> None:
    assert [c.name for c in SUMMARY_COLUMNS] == [f.name for f in fields(SummaryRow)]
    rows = file("2026-12-31T23:50:00.000-04:00", 1200.0, (540.0, 660.0, 0.5))
    write_summary(summarise(rows, by="hour"), tmp_path / "hours.csv", "csv")
    with open(tmp_path / "hours.csv", newline="") as stream:
        first, second = csv.DictReader(stream)
    assert (first["n_events"], first["calling_s"], first["best_score"]) == ("1", "60.000", "0.5000")
    assert (second["begin_time"], second["n_events"]) == ("2027-01-01T00:00:00.000-04:00", "0")
    for name in ("csv", "jsonl", "table"):
        write_summary(summarise(rows, by="hour"), tmp_path / "written", name)
        assert (tmp_path / "written").read_text() == "".join(summary_lines(summarise(rows, by="hour"), name))
    write_summary(summarise(file("", 60.0), by="hour"), tmp_path / "hours.jsonl", "jsonl")
    found = json.loads((tmp_path / "hours.jsonl").read_text())
    assert (found["begin_time"], found["best_score"], found["recorded_s"]) == (None, None, 60.0)
    parquet = pytest.importorskip("pyarrow.parquet")
    write_summary(summarise(rows, by="hour"), tmp_path / "hours.parquet", "parquet")
    table = parquet.read_table(tmp_path / "hours.parquet")
    assert table.column("calling_s").to_pylist() == [60.0, 60.0]
    assert table.schema.metadata[b"avianvox.table_version"] == str(SUMMARY_VERSION).encode()


def test_people_read_a_summary_as_text() -> None:
    rows = [
        *file("2026-12-31T23:50:00.000-04:00", 1200.0, (540.0, 660.0, 0.5), (690.0, 720.0, 0.8)),
        Detection("b.wav", decoded_s=60.0),
    ]
    assert "".join(summary_lines(summarise(rows, by="day"), "table")) == (
        "2026-12-31T00:00:00.000-04:00  (24E1, 600 s in 1 file)\n"
        "        1 event      60.0 s  0.5000  Todus mexicanus (Puerto Rican Tody)\n"
        "2027-01-01T00:00:00.000-04:00  (24E1, 600 s in 1 file)\n"
        "        1 event      90.0 s  0.8000  Todus mexicanus (Puerto Rican Tody)\n"
        "time not known  (60 s in 1 file)\n"
        "    nothing named\n"
    )


ZONES = [
    None,
    ZoneInfo("UTC"),
    BERLIN,
    ZoneInfo("Asia/Kathmandu"),  # +05:45
    ZoneInfo("Australia/Lord_Howe"),  # clocks change by half an hour
    ZoneInfo("America/St_Johns"),  # until 2011 at one minute past midnight
    ZoneInfo("America/Sao_Paulo"),  # until 2019 at midnight, which did not come
    ZoneInfo("Pacific/Apia"),  # without the 30th of December 2011
    ZoneInfo("America/Havana"),  # one o'clock is midnight once more
]


@settings(max_examples=300, deadline=None)
@given(
    st.datetimes(datetime(2005, 1, 1), datetime(2030, 1, 1)),
    st.integers(0, 3 * 86_400_000),
    st.sampled_from(ZONES),
    st.sampled_from(list(PERIODS)),
)
def test_pieces_fill_a_span_and_lie_in_their_periods(
    begin: datetime, length_ms: int, zone: ZoneInfo | None, by: str
) -> None:
    begin_ms = instant(begin)
    at = begin_ms
    last = UNKNOWN
    for period, ms in pieces(begin_ms, begin_ms + length_ms, zone, PERIODS.get(by)):
        assert period.begin_ms <= at <= at + ms <= period.end_ms
        assert period != last
        at, last = at + ms, period
    assert at == begin_ms + length_ms


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Pacific/Apia", "2011-12-29", 24),  # the day after it is the 31st
        ("America/Sao_Paulo", "2018-11-04", 23),  # begins at one o'clock
        ("America/Sao_Paulo", "2019-02-16", 25),  # ends an hour after its first midnight
        ("America/Havana", "2026-11-01", 25),
        ("America/St_Johns", "2010-11-06", 25),  # at one past midnight it was 23:01 again
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
    ],
)
def test_days_of_odd_zones(zone: str, day: str, hours: float) -> None:
    noon = instant(datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=ZoneInfo(zone)))
    period = day_of(noon, ZoneInfo(zone))
    assert period.end_ms - period.begin_ms == hours * 3_600_000
    assert period.begin_time.startswith(day)
    assert hour_of(noon, ZoneInfo(zone)).begin_ms == noon
