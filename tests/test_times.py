"""Dates and times of day as people and spreadsheets write them."""

from datetime import UTC, datetime, time

import pytest

from avianvox.audio.notes import date_time
from avianvox.tables.times import clock_time, day_first, iso_time, parse_date, parse_time, says_day


@pytest.mark.parametrize(
    "text",
    [
        *(
            "2024-06-04",
            "2024-06-04 00:00:00",
            "2024-06-04T00:00:00.000Z",
            "2024-6-4",
            "2024/06/04",
            "2024.6.4",
        ),
        *("20240604", "04.06.2024", "4.6.2024", "4 June 2024", "4-Jun-2024", "4. Jun. 2024", "June 4, 2024"),
        *("Jun 4 2024", " 2024-06-04 ", "4.6.2024 00:00"),
    ],
)
def test_what_means_one_day_only_is_read(text: str) -> None:
    assert parse_date(text) == "2024-06-04"


@pytest.mark.parametrize(
    "text", ["6/4/2024", "6-4-2024", "6/4/24", "4-Jun-24", "45447", "2024-02-30", "31/6/2024"]
)
def test_what_may_mean_another_day_is_none(text: str) -> None:
    assert (parse_date(text), says_day(text)) == ("", True)


def test_numbers_or_the_column_tell_day_from_month() -> None:
    assert [parse_date(text) for text in ("13/6/2024", "6/13/2024", "6/6/2024")] == [
        "2024-06-13",
        "2024-06-13",
        "2024-06-06",
    ]
    assert day_first(["6/4/2024", "2024-06-30", "6/13/2024"]) is False
    assert day_first(["6/4/2024", "13/6/2024 00:00"]) is True
    assert day_first(["6/4/2024", "13/6/2024", "6/13/2024"]) is None  # both: it says nothing
    assert day_first(["6/4/2024", "01.06.2024", "13.06.2024"]) is None  # dots tell their own order
    assert parse_date("6/4/2024", day_first=False) == "2024-06-04"
    assert parse_date("6/4/2024", day_first=True) == "2024-04-06"
    assert parse_date("6/13/2024", day_first=True) == "2024-06-13"


@pytest.mark.parametrize("text", ["", "?", "unknown", "2024", "2024-06", "2024-06-00", "2024-00-00"])
def test_days_that_nobody_knows_are_no_problem(text: str) -> None:
    assert (parse_date(text), says_day(text)) == ("", False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("6:40:05", time(6, 40, 5)), ("06:40:05.000", time(6, 40, 5)), ("6:40:05 PM", time(18, 40, 5))),
        *(("6.40", time(6, 40)), ("6:40 a.m.", time(6, 40)), ("1899-12-30 06:40:00", time(6, 40))),
        *(("0.25", None), ("13:40 pm", None), ("0:40 pm", None), ("6:40:61", None), ("0.2777", None)),
    ],
)
def test_times_of_day(text: str, expected: time | None) -> None:
    assert clock_time(text) == expected
    assert parse_time(text) == (f"{expected:%H:%M}" if expected else "")


def test_one_form_to_the_millisecond() -> None:
    assert iso_time(datetime(2024, 6, 1, 5, 30)) == "2024-06-01T05:30:00.000"
    assert iso_time(datetime(2024, 12, 31, 23, 59, 59, 999_600, UTC)) == "2025-01-01T00:00:00.000+00:00"


@pytest.mark.parametrize(
    "text", ["2024-06-01-04:00", "2024-06-01+04:00", "2024-06-01x05:30", "202406010123456"]
)
def test_the_offset_of_a_date_is_no_time_of_day(text: str) -> None:
    assert date_time(text) is None
