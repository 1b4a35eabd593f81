"""Times as texts: the one form in which they are written, and the forms in which they are read.

`iso_time` writes. `parse_date` and `parse_time` read cells that people or spreadsheets wrote, and `day_first`
says which order of day and month a column of dates has. What may mean two things is not read.
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

_YEAR_FIRST = r"(\d{4})(?:-(\d{1,2})-(\d{1,2})|/(\d{1,2})/(\d{1,2})|\.(\d{1,2})\.(\d{1,2}))"
_DIGITS = r"((?:19|20)\d\d)(\d\d)(\d\d)"
_YEAR_LAST = r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})"
_DAY_NAMED = r"(\d{1,2})(?:[ -]|\. ?)([A-Za-z]{3,9})\.?[ ,-]+(\d{4})"
_MONTH_NAMED = r"([A-Za-z]{3,9})\.? (\d{1,2}),? (\d{4})"
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_BEHIND = r"[T ]\s*(\d{1,2}:\d\d.*)"
_NO_DAY = r"\d{4}(-\d{1,2}|-\d{1,2}-00|-00-00)?"
_TIME = (
    r"(?i)(?:(?:1899-12-3[01]|1900-01-0[01])[T ])?"  # a spreadsheet's day 0
    r"(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:\.\d+)?)?\s*([ap])?\.?(?(4)m\.?)"
)


def iso_time(moment: datetime) -> str:
    """ISO 8601 to the millisecond, with the offset from UTC where the zone is known: always this one form.

    Seconds pass in UTC, so that rounding across a change of clocks comes out right.

    Examples
    --------
    >>> iso_time(datetime(2024, 6, 1, 22, 0, 0, 999_600))
    '2024-06-01T22:00:01.000'
    """
    if moment.microsecond % 1000:
        zone = moment.tzinfo
        start = moment.astimezone(UTC) if zone else moment
        rounded = start.replace(microsecond=0) + timedelta(milliseconds=round(start.microsecond / 1000))
        moment = rounded.astimezone(zone) if zone else rounded
    return moment.isoformat(timespec="milliseconds")


def one_form(text: str) -> str:
    """A time in ISO 8601 as `iso_time` writes it. Raises `ValueError` for what is none."""
    try:
        return iso_time(datetime.fromisoformat(text))
    except OverflowError as error:
        raise ValueError(text) from error


def real_seconds(file_s: float, time_expansion: float | None) -> float:
    """Seconds of the world that so many seconds of a file took; None: the file isn't slowed down."""
    return file_s / (time_expansion or 1.0)


def day_first(dates: Iterable[str]) -> bool | None:
    """Whether a column of dates such as "13/6/2024" has the day first; None where it doesn't say.

    A column that says both says nothing.

    Examples
    --------
    >>> day_first(["6/1/2024", "6/13/2024"]), day_first(["6/1/2024"])
    (False, None)
    """
    said = set()
    for text in dates:
        if (found := re.match(_YEAR_LAST, text.strip())) and found[2] != ".":
            first, second = int(found[1]), int(found[3])
            said |= {first > 12} if max(first, second) > 12 else set()
    return said.pop() if len(said) == 1 else None


def parse_date(text: str, *, day_first: bool | None = None) -> str:
    """``YYYY-MM-DD`` from a date in any form that means one day only; "" for others.

    The year has four digits. A time of day may stand behind it. Between dots the day comes first; between
    slashes or hyphens it does where ``day_first`` or the numbers say so.

    Examples
    --------
    >>> [parse_date(text) for text in ("2024-06-04 00:00:00", "01.06.2024", "6/13/2024", "6/1/2024")]
    ['2024-06-04', '2024-06-01', '2024-06-13', '']
    """
    text = " ".join(text.split())
    if behind := re.search(_BEHIND, text):
        text = text[: behind.start()]
    if found := re.fullmatch(_YEAR_FIRST, text) or re.fullmatch(_DIGITS, text):
        year, month, day = (int(part) for part in found.groups() if part)
    elif found := re.fullmatch(_YEAR_LAST, text):
        day, month, year = int(found[1]), int(found[3]), int(found[4])
        if found[2] != ".":
            ambiguous = day <= 12 and month <= 12 and day != month
            if ambiguous and day_first is None:
                return ""
            if month > 12 or (ambiguous and not day_first):
                day, month = month, day
    elif found := re.fullmatch(_DAY_NAMED, text):
        day, month, year = int(found[1]), _month(found[2]), int(found[3])
    elif found := re.fullmatch(_MONTH_NAMED, text):
        day, month, year = int(found[2]), _month(found[1]), int(found[3])
    else:
        return ""
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return ""


def _month(name: str) -> int:
    """1 to 12 from an English name or its first three letters; 0 for none."""
    name = name.lower().removesuffix("t") if len(name) == 4 else name.lower()
    return next((n for n, full in enumerate(_MONTHS, start=1) if name in (full, full[:3])), 0)


def parse_time(text: str) -> str:
    """``HH:MM`` of what `clock_time` reads, "" for others."""
    found = clock_time(text)
    return f"{found:%H:%M}" if found else ""


def clock_time(text: str) -> time | None:
    """A time of day from "6:40", "6.40", "06:40:00" or "6:40 pm", also behind a spreadsheet's day 0.

    "0.25" is none: a spreadsheet means a quarter of a day by it.
    """
    found = re.fullmatch(_TIME, text.strip())
    if found is None or re.fullmatch(r"0\.\d\d", text.strip()):
        return None
    hour, minute, second, half = int(found[1]), int(found[2]), int(found[3] or 0), (found[4] or "").lower()
    if half and not 1 <= hour <= 12:
        return None
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    return time(hour, minute, second) if hour < 24 and minute < 60 and second < 60 else None


def time_behind(text: str) -> str:
    """``HH:MM`` of the time behind a date; "" for none, and for the midnight that spreadsheets put there."""
    found = re.search(_BEHIND, text)
    time_of_day = parse_time(found[1]) if found else ""
    return "" if time_of_day == "00:00" else time_of_day


def says_day(text: str) -> bool:
    """Whether a cell was meant to say a day: "2024", "2024-06" and "2024-06-00" say that nobody knows it."""
    return any(c.isdigit() for c in text) and not re.fullmatch(_NO_DAY, text.strip())
