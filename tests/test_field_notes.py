"""When and where: time zones, midnight, and which of several notes is believed."""

import json
import os
import struct
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorder_files import Chunk, guan, info, wave

from avianvox.audio import xeno_canto
from avianvox.audio.field_notes import FieldNotes, read_field_notes, zone_of
from avianvox.audio.tags import read_tags
from avianvox.errors import InputError

MOTH = "24E1440360371ACA"


@pytest.mark.parametrize(
    ("zone", "begin"),
    [
        ("", "2024-06-01T14:05:05.000"),
        ("UTC", "2024-06-01T14:05:05.000+00:00"),
        ("-04:00", "2024-06-01T14:05:05.000-04:00"),
        ("+0530", "2024-06-01T14:05:05.000+05:30"),
        ("+5:30", "2024-06-01T14:05:05.000+05:30"),
        ("-4", "2024-06-01T14:05:05.000-04:00"),
        ("America/Puerto_Rico", "2024-06-01T14:05:05.000-04:00"),
        ("Europe/Berlin", "2024-06-01T14:05:05.000+02:00"),
    ],
)
def test_a_time_without_a_zone_gets_the_one_that_is_given(zone: str, begin: str) -> None:
    assert read_field_notes("WALDEN_20240601_140505.wav", timezone=zone).time_at(0) == begin


def test_a_time_with_a_zone_keeps_it() -> None:
    assert read_field_notes("5B3C1A80.WAV", timezone="-04:00").time_at(0) == "2018-07-04T00:53:20.000+00:00"


@pytest.mark.parametrize("zone", ["Mars", "+25:00", "+05:99", "-", "America", "../etc/passwd", "é"])
def test_a_zone_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(InputError, match="expected a time zone such as"):
        zone_of(zone)


def test_a_system_without_a_list_of_zones_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoneinfo.available_timezones", set)
    with pytest.raises(InputError, match=r"expected an offset such as -04:00, .*pip install tzdata.*'Mars'"):
        zone_of("Mars")


@pytest.mark.parametrize(
    ("begin", "zone", "seconds", "expected"),
    [
        (datetime(2020, 12, 31, 23, 59, 59), "", 1.0, "2021-01-01T00:00:00.000"),
        (datetime(2020, 2, 28, 23, 59, 59), "", 1.5, "2020-02-29T00:00:00.500"),
        (datetime(2021, 2, 28, 23, 59, 59), "UTC", 1.25, "2021-03-01T00:00:00.250+00:00"),
        (datetime(2020, 12, 31, 23, 59, 59), "", 0.9996, "2021-01-01T00:00:00.000"),  # never 59.1000
        (datetime(2020, 1, 1), "", 86_400.0, "2020-01-02T00:00:00.000"),
        # clocks go forward at 2 o'clock: the hour after 1 is 3
        (datetime(2024, 3, 31, 1, 59, 59), "Europe/Berlin", 0.0, "2024-03-31T01:59:59.000+01:00"),
        (datetime(2024, 3, 31, 1, 59, 59), "Europe/Berlin", 1.0, "2024-03-31T03:00:00.000+02:00"),
        # and back at 3: two o'clock comes twice, told apart by the offset
        (datetime(2024, 10, 27, 1, 0, 0), "Europe/Berlin", 3600.0, "2024-10-27T02:00:00.000+02:00"),
        (datetime(2024, 10, 27, 1, 0, 0), "Europe/Berlin", 7200.0, "2024-10-27T02:00:00.000+01:00"),
        (datetime(2024, 10, 27, 0, 0, 0), "Europe/Berlin", 86_400.0, "2024-10-27T23:00:00.000+01:00"),
    ],
)  # fmt: skip
def test_times_within_a_file(begin: datetime, zone: str, seconds: float, expected: str) -> None:
    assert FieldNotes(begin=begin.replace(tzinfo=zone_of(zone))).time_at(seconds) == expected


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1), timezones=st.just(ZoneInfo("America/New_York"))),
    st.integers(0, 10 * 86_400_000),
)
def test_seconds_pass_alike_in_every_zone(begin: datetime, passed_ms: int) -> None:
    begin = begin.replace(microsecond=0)
    there = datetime.fromisoformat(FieldNotes(begin=begin).time_at(passed_ms / 1000))
    assert there - begin.astimezone(ZoneInfo("UTC")) == timedelta(milliseconds=passed_ms)


def test_slowed_down_sound_is_counted_in_real_seconds(tmp_path: Path) -> None:
    path = wave(tmp_path / "bat.wav", guan("Timestamp: 2024-06-01T22:00:00+02:00", "TE: 10"))
    assert read_field_notes(path).time_at(10.0) == "2024-06-01T22:00:01.000+02:00"


@pytest.mark.parametrize("expansion", ["1e-300", "1e-12", "-1", "0", "1e9", "nan"])
def test_absurd_expansions_are_none_and_absurd_times_not_known(expansion: str, tmp_path: Path) -> None:
    path = wave(tmp_path / "odd.wav", guan("Timestamp: 2024-06-01T22:00:00+02:00", f"TE: {expansion}"))
    notes = read_field_notes(path)
    assert notes.time_at(0.0) == "2024-06-01T22:00:00.000+02:00"
    assert (notes.time_expansion, notes.time_at(10.0)) == (1.0, "2024-06-01T22:00:10.000+02:00")
    assert notes.time_at(1e300) == ""


def test_an_hour_that_came_twice_is_remarked() -> None:
    notes = read_field_notes("S_20241027_023000.wav", timezone="Europe/Berlin")
    assert notes.time_at(0) == "2024-10-27T02:30:00.000+02:00"
    assert len(notes.remarks) == 1
    assert "Europe/Berlin" in notes.remarks[0]
    assert read_field_notes("S_20241027_033000.wav", timezone="Europe/Berlin").remarks == ()


ANSWER = {
    "recordings": [
        {"id": "77", "date": "2024-06-02", "time": "04:30", "lat": "17.9", "lng": "-66.9", "alt": "20",
         "rec": "A. Person", "dvc": "A recorder"},
        {"id": "78", "date": "2024-06-02", "time": "?", "lat": "17.9", "lon": "-66.9"},
        {"id": "79", "date": "2024-06-00", "time": "06:00", "lat": None, "lon": "x"},
    ]
}  # fmt: skip


def test_a_date_without_a_time_of_day_is_kept(tmp_path: Path) -> None:
    (tmp_path / "recordings.json").write_text(json.dumps(ANSWER))
    untimed = read_field_notes(tmp_path / "XC78.wav")
    assert (untimed.time_at(0), untimed.date) == ("", date(2024, 6, 2))
    assert read_field_notes(tmp_path / "XC77.wav").date == date(2024, 6, 2)
    assert read_field_notes(tmp_path / "XC79.wav").date is None
    comment = "XC7 © B. Person // Guanica (17.5, -66.5), Puerto Rico // 30m // 2024-06-04 // song // x"
    assert xeno_canto.comment_notes(comment).day == date(2024, 6, 4)


def test_what_comes_first(tmp_path: Path) -> None:
    """Sources are taken away one by one; what is left speaks."""
    name = "XC77_20240605_000000.wav"
    (tmp_path / "recordings.json").write_text(json.dumps(ANSWER))
    moth = "Recorded at 02:00:00 03/06/2024 (UTC) by AudioMoth 24E1440360371ACA at medium gain"
    xeno = "XC77 © B. Person // Guanica (17.5, -66.5), Puerto Rico // 30m // 05:30h, 2024-06-04 // song // x"
    when = b"2024-06-02 01:00:00"
    wamd: Chunk = (b"wamd", struct.pack("<HI", 5, len(when)) + when)

    def source(*chunks: Chunk) -> tuple[str, str, int]:
        notes = read_field_notes(wave(tmp_path / name, *chunks))
        return notes.time_source, notes.time_at(0), len(notes.remarks)

    assert source(guan("Timestamp: 2024-06-01T00:00:00"), wamd, info(ICMT=moth)) == (
        "guano", "2024-06-01T00:00:00.000", 4)  # fmt: skip
    assert source(wamd, info(ICMT=moth)) == ("wamd", "2024-06-02T01:00:00.000", 3)
    assert source(info(ICMT=moth)) == ("audiomoth comment", "2024-06-03T02:00:00.000+00:00", 2)
    assert source(info(ICMT=xeno)) == ("xeno-canto", "2024-06-02T04:30:00.000", 2)
    (tmp_path / "recordings.json").write_text("{")
    os.utime(tmp_path, ns=(1, 1))
    assert source(info(ICMT=xeno)) == ("xeno-canto comment", "2024-06-04T05:30:00.000", 1)
    assert source() == ("song meter file name", "2024-06-05T00:00:00.000", 0)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_that_is_called_an_answer_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "page0.json")
    (tmp_path / "page1.json").write_text(json.dumps(ANSWER))
    assert read_field_notes(tmp_path / "XC77.mp3").time_source == "xeno-canto"


def test_facts_come_from_whoever_knows_them(tmp_path: Path) -> None:
    comment = "Recorded at 02:00:00 01/06/2024 (UTC-4) by AudioMoth 24E1440360371ACA at medium gain while "
    path = wave(
        tmp_path / "20240601_020001.WAV",
        info(ICMT=comment + "battery was less than 2.5V"),
        tail=(
            guan("Timestamp: 2024-06-01T02:00:00-04:00", "Loc Position: 17.9 -66.9", "Temperature Int:21.5"),
        ),
    )
    notes = read_field_notes(path)
    assert (notes.time_source, notes.time_at(0)) == ("guano", "2024-06-01T02:00:00.000-04:00")
    assert (notes.latitude, notes.longitude, notes.temperature_c) == (17.9, -66.9, 21.5)
    assert (notes.recorder, notes.battery_v, notes.battery_bound) == (MOTH, 2.5, "less than")
    assert notes.remarks == ()  # a second between name and file is no contradiction


def test_a_file_that_was_renamed_is_remarked(tmp_path: Path) -> None:
    comment = f"Recorded at 10:06:19 06/12/2020 (UTC) by AudioMoth {MOTH} at medium gain"
    path = wave(tmp_path / "20240601_030000.WAV", info(ICMT=comment))
    assert read_field_notes(path).remarks == (
        "the time is 2020-12-06T10:06:19+00:00 by audiomoth comment "
        "and 2024-06-01T03:00:00 by audiomoth file name",
    )


def test_answers_of_xeno_canto_beside_a_file(tmp_path: Path) -> None:
    (tmp_path / "page1.json").write_text(json.dumps(ANSWER))
    (tmp_path / "other.json").write_text("[1]")
    (tmp_path / "audio").mkdir()
    for folder in (tmp_path, tmp_path / "audio"):
        notes = read_field_notes(folder / "XC77 - Bird.mp3", timezone="America/Puerto_Rico")
        assert (notes.time_at(90), notes.time_source) == ("2024-06-02T04:31:30.000-04:00", "xeno-canto")
        assert (notes.latitude, notes.longitude, notes.elevation_m) == (17.9, -66.9, 20.0)
        assert (notes.recordist, notes.model) == ("A. Person", "A recorder")
    known = read_field_notes(tmp_path / "XC78.mp3")
    assert (known.begin, known.time_source, known.longitude) == (None, "", -66.9)
    assert read_field_notes(tmp_path / "XC79.mp3") == FieldNotes()
    assert read_field_notes(tmp_path / "XC7.mp3") == FieldNotes()


@pytest.mark.recordings
def test_comments_in_real_files_say_what_the_answer_says(real_data: Path) -> None:
    """The same facts come twice, by ways that have nothing in common."""
    from avianvox.audio import xeno_canto

    files = sorted((real_data / "puerto_rico" / "audio").iterdir())
    compared = 0
    for path in files:
        if comment := read_tags(path).texts.get("comment"):
            inside, beside = xeno_canto.comment_notes(comment), xeno_canto.answer_notes(path)
            for name in ("begin", "latitude", "longitude", "elevation_m", "recordist"):
                assert getattr(inside, name) == getattr(beside, name), path
            compared += 1
    assert compared > 0.9 * len(files)
