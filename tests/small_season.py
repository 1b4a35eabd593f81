"""A small season whose numbers are worked out by hand in ``test_overview.py``.

Site A records in the night of 1 May and fails in that of 2 May; site B records two mornings.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from avianvox.tables.times import iso_time
from avianvox.types import Decision, Detection, Status
from avianvox.verdicts.table import Said, Verdict

OTUS, TODUS = "Otus ater", "Todus mexicanus"


def recording(
    path: str,
    begin: str,
    length_s: float | None,
    *calls: tuple[str, float],
    site: str,
    status: Status = Status.OK,
    decision: Decision | None = Decision.NAMED,
    score: float | None = 0.9,
) -> list[Detection]:
    """Calls of three seconds: species and begin in seconds. Without calls, the row of the file."""
    whole = Detection(
        path, status, begin_time=begin, site=site, recorder=f"{site}1", decoded_s=length_s, header_s=length_s
    )
    rows = []
    for name, begin_s in calls:
        row = replace(whole, begin_s=begin_s, end_s=begin_s + 3, scientific_name=name)
        if begin:
            start = datetime.fromisoformat(begin)
            ends = (iso_time(start + timedelta(seconds=s)) for s in (begin_s, begin_s + 3))
            row = replace(row, begin_time=next(ends), end_time=next(ends))
        rows.append(replace(row, common_name=name.upper(), score=score, decision=decision))
    return rows or [whole]


def small_season() -> list[list[Detection]]:
    return [
        recording(
            "A/a1.wav", "2024-05-01T22:00:00.000-04:00", 3600.0, (OTUS, 600.0), (OTUS, 3000.0), site="A"
        ),
        recording("A/a2.wav", "2024-05-01T23:30:00.000-04:00", 3600.0, (OTUS, 2400.0), site="A"),
        recording("A/a3.wav", "2024-05-02T05:00:00.000-04:00", 1800.0, (TODUS, 60.0), site="A"),
        recording("A/a4.wav", "2024-05-02T22:00:00.000-04:00", None, site="A", status=Status.UNDECODABLE),
        recording("B/b1.wav", "2024-05-01T05:30:00.000-04:00", 1800.0, site="B"),
        [
            *recording(
                "B/b2.wav", "2024-05-03T05:30:00.000-04:00", 1800.0, (TODUS, 10.0), (TODUS, 20.0), site="B"
            ),
            *recording(
                "B/b2.wav",
                "2024-05-03T05:30:00.000-04:00",
                1800.0,
                (OTUS, 30.0),
                site="B",
                decision=Decision.UNCERTAIN,
                score=0.2,
            ),
        ],
    ]


def verdict(k: int, said: Said, file: str, begin_s: float, suggested: str, *species: str) -> Verdict:
    return Verdict(
        id=str(k),
        time="2024-06-01T00:00:00+00:00",
        file=file,
        start_s=begin_s,
        end_s=begin_s + 3,
        suggested=suggested,
        verdict=said,
        species=species,
    )
