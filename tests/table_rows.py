"""Detections for the tests of tables: examples, and any that can be."""

from datetime import timedelta, timezone

from hypothesis import strategies as st

from avianvox.tables.columns import COLUMNS, DECIMALS
from avianvox.types import Decision, Detection, Status

NIGHT = [
    Detection(
        "night/a.wav",
        channel=2,
        begin_s=0.0,
        end_s=3.0,
        low_hz=1000.0,
        high_hz=2500.5,
        begin_time="2020-12-06T10:06:19.000-06:00",
        end_time="2020-12-06T10:06:22.000-06:00",
        time_source="guano",
        latitude=18.25,
        longitude=-66.5,
        site="El Verde",
        recorder="24E1440360371ACA",
        rank=1,
        scientific_name="Aus bus",
        common_name='Ay, the "bee"',
        score=0.9,
        decision=Decision.NAMED,
        header_s=60.0,
        decoded_s=60.0,
    ),
    Detection(
        "night/a.wav",
        begin_s=58.5,
        end_s=60.0,
        rank=1,
        scientific_name="Cus dus",
        score=0.25,
        decision=Decision.UNCERTAIN,
        header_s=60.0,
        decoded_s=60.0,
    ),
    Detection("night/b.wav", Status.TRUNCATED, rank=1, scientific_name="Cus dus", score=0.5, decoded_s=8.0),
    Detection("night/gone.wav", Status.MISSING, message="no such file"),
]
"""Two spans of one recording, a whole recording, and one that failed."""

_words = st.text(st.characters(exclude_categories=("C",)), max_size=12).map(lambda s: " ".join(s.split()))
_names = _words.filter(bool)


def _numbers(name: str, low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers with as many decimals as the column ``name`` keeps."""
    scale = 10 ** DECIMALS[name]
    return st.integers(int(low * scale), int(high * scale)).map(lambda n: n / scale)


def _maybe(strategy: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | strategy


_zones = st.none() | st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
_times = st.just("") | st.datetimes(timezones=_zones).map(lambda t: t.isoformat(timespec="milliseconds"))
"""To the millisecond, in any zone and in none."""

DETECTIONS = st.builds(
    Detection,
    path=_names,
    status=st.sampled_from(Status),
    channel=_maybe(st.integers(1, 8)),
    begin_s=_maybe(_numbers("begin_s", 0, 1e5)),
    end_s=_maybe(_numbers("end_s", 0, 1e5)),
    low_hz=_maybe(_numbers("low_hz", 0, 1e5)),
    high_hz=_maybe(_numbers("high_hz", 0, 1e5)),
    begin_time=_times,
    end_time=_times,
    time_source=_words,
    latitude=_maybe(_numbers("latitude", -90, 90)),
    longitude=_maybe(_numbers("longitude", -180, 180)),
    site=_words,
    recorder=_words,
    rank=_maybe(st.integers(1, 99)),
    scientific_name=_words,
    common_name=_words,
    score=_maybe(_numbers("score", 0, 1)),
    decision=_maybe(st.sampled_from(Decision)),
    expected_here=st.sampled_from(("", "yes", "no")),
    header_s=_maybe(_numbers("header_s", 0, 1e6)),
    decoded_s=_maybe(_numbers("decoded_s", 0, 1e6)),
    time_expansion=_maybe(_numbers("time_expansion", 1, 100)),
    message=st.text(st.characters(exclude_categories=("Cs",)), max_size=9),  # line ends, tabs, quotes
)
"""Any detection whose texts are without control characters, other than its message."""


@st.composite
def annotations(draw: st.DrawFn) -> list[Detection]:
    """Named spans of one to three recordings, row by row of each."""
    rows = []
    for path in draw(
        st.lists(_names.map(lambda s: s.replace("\\", "") + ".wav"), unique=True, min_size=1, max_size=3)
    ):
        for _ in range(draw(st.integers(1, 3))):
            begin = draw(_numbers("begin_s", 0, 1e4))
            low = draw(_maybe(_numbers("low_hz", 0, 5000)))
            row = Detection(
                path,
                channel=draw(st.integers(1, 4)),
                begin_s=begin,
                end_s=begin + draw(st.integers(1, 9999)) / 1000,
                low_hz=low,
                high_hz=None if low is None else low + draw(st.integers(1, 9999)) / 10,
                scientific_name=draw(_names),
                common_name=draw(_words),
                score=draw(_numbers("score", 0, 1)),
                decoded_s=20_000.0,
            )
            rows.append(row)
    return rows


assert {*COLUMNS, "tasks"} == set(Detection.__dataclass_fields__)
