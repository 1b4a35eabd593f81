"""What sources share: dates, times, durations, labels and licences as they are spelled in indexes."""

import pytest

from avianvox.dataset.licences import licence_name
from avianvox.dataset.sources.fields import (
    parse_duration,
    parse_number,
    species_label,
)
from avianvox.dataset.sources.kaggle import session_time
from avianvox.tables.times import parse_date, parse_time


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("6:40", "06:40"),
        ("10:30am", "10:30"),
        ("12:05 AM", "00:05"),
        ("4:15pm", "16:15"),
        ("25:00", ""),
        ("?", ""),
        ("dawn", ""),
    ],
)
def test_times(text: str, expected: str) -> None:
    assert parse_time(text) == expected


def test_other_fields() -> None:
    assert [parse_duration(t) for t in ("28", "0:28", "1:02:03", "", "nan")] == [
        28.0,
        28.0,
        3723.0,
        None,
        None,
    ]
    assert [parse_number(t) for t in ("-1.5", "", "nan", None)] == [-1.5, None, None, None]
    assert [parse_date(t) for t in ("2020-02-29", "2021-02-29", "1994-04-00", "20200229")] == [
        "2020-02-29",
        "",
        "",
        "2020-02-29",
    ]
    assert [species_label(*n) for n in (("Parus", "sp."), ("Mystery", "mystery"), ("Parus", "major"))] == [
        "",
        "",
        "Parus major",
    ]
    assert session_time("XC1 // Place // ?h, 2007-03-18 // call") == ("2007-03-18", "")
    assert session_time("XC1 // Place // Middayh, 2009-00-00 // call") == ("", "")
    assert licence_name("http://creativecommons.org/licenses/by-nc-nd/2.5/") == "CC BY-NC-ND 2.5"
    assert licence_name("https://www.creativecommons.org/licenses/by/3.0/us/") == "CC BY 3.0 US"
    assert licence_name("CC BY 4.0") == "CC BY 4.0"
