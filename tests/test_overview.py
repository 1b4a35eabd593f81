"""A season in numbers: what was counted, beside what was recorded. The small season is worked out by hand."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from small_season import OTUS, TODUS, recording, small_season, verdict

from avianvox.errors import InputError
from avianvox.inference.period_table import summarise, write_summary
from avianvox.overview.activity import activity
from avianvox.overview.calls import first_and_last
from avianvox.overview.community import accumulation, by_date, by_site, sampling_units
from avianvox.overview.days import Clock, clock_of, day_ticks
from avianvox.overview.histories import histories, wide_rows
from avianvox.overview.picture import Picture
from avianvox.overview.places import read_positions
from avianvox.overview.rarefaction import rarefaction
from avianvox.overview.recorders import calendar
from avianvox.overview.results import recordings_of
from avianvox.overview.season import Asked, Season, read_season
from avianvox.overview.sitemap import site_map
from avianvox.overview.verified import Checked
from avianvox.pages.heat import legend, levels, limits_of
from avianvox.tables.formats import write_table
from avianvox.types import Detection, Status
from avianvox.verdicts.consensus import opinions
from avianvox.verdicts.standing import standing
from avianvox.verdicts.table import Said

MIDNIGHT, NOON = Clock(0), Clock(12)
MAY_1 = date(2024, 5, 1).toordinal()


def season(rows: Iterable[list[Detection]] | None = None, **asked: object) -> Season:
    return read_season(small_season() if rows is None else rows, Asked(**asked))  # type: ignore[arg-type]


def cells(picture: Picture, *names: str) -> list[tuple[object, ...]]:
    at = [[column.name for column in picture.columns].index(name) for name in names]
    return [tuple(row[k] for k in at) for row in picture.rows]


def test_calls_and_effort_are_put_into_the_hours_of_the_clock() -> None:
    found = season()
    assert [site.name for site in found.sites] == ["A", "B"]
    assert (found.species, found.common) == ((OTUS, TODUS), (OTUS.upper(), TODUS.upper()))
    calls, effort = found.calls, found.effort
    hours = zip(
        effort.site.tolist(), (effort.day - MAY_1).tolist(), effort.hour.tolist(), effort.hours, strict=True
    )
    assert sorted(hours) == [
        *((0, 0, 22, 1.0), (0, 0, 23, 0.5), (0, 1, 0, 0.5), (0, 1, 5, 0.5)),
        *((1, 0, 5, 0.5), (1, 2, 5, 0.5)),
    ]
    heard = zip(
        calls.species.tolist(),
        calls.site.tolist(),
        (calls.day - MAY_1).tolist(),
        calls.hour.tolist(),
        calls.n.tolist(),
        strict=True,
    )
    assert sorted(heard) == [(0, 0, 0, 22, 2), (0, 0, 1, 0, 1), (1, 0, 1, 5, 1), (1, 1, 2, 5, 2)]
    assert (found.n_files, found.n_calls, found.n_uncertain, found.recorded_h) == (6, 6, 1, 3.5)


def test_a_minimum_score_counts_uncertain_calls_as_classify_does() -> None:
    assert season(min_score=0.2).n_calls == 7
    found = season(min_score=0.95)
    assert (found.n_calls, found.recorded_h) == (0, 3.5)


def test_rates_are_calls_by_recorded_hour_and_what_was_not_recorded_has_none() -> None:
    everything, otus, todus = activity(season(), MIDNIGHT)
    assert cells(otus, "day", "hour", "n_calls", "recorded_h", "calls_per_recorded_h") == [
        ("2024-05-01", "05:00", 0, 0.5, 0.0),
        ("2024-05-01", "22:00", 2, 1.0, 2.0),
        ("2024-05-01", "23:00", 0, 0.5, 0.0),
        ("2024-05-02", "00:00", 1, 0.5, 2.0),
        ("2024-05-02", "05:00", 0, 0.5, 0.0),
        ("2024-05-03", "05:00", 0, 0.5, 0.0),
    ]
    assert cells(todus, "n_calls", "calls_per_recorded_h")[-1] == (2, 4.0)
    assert [n for (n,) in cells(everything, "n_calls")] == [0, 2, 0, 1, 1, 2]


def test_a_night_is_one_day_where_days_begin_at_noon() -> None:
    _, otus, _ = activity(season(), NOON)
    assert cells(otus, "day", "hour")[:3] == [
        ("2024-04-30", "05:00"),
        ("2024-05-01", "22:00"),
        ("2024-05-01", "23:00"),
    ]
    assert cells(by_date(season(), NOON), "species", "day", "n_calls", "recorded_h")[:3] == [
        (OTUS, "2024-04-30", 0, 0.5),
        (OTUS, "2024-05-01", 3, 2.5),
        (OTUS, "2024-05-02", 0, 0.5),
    ]
    assert clock_of(season()) == NOON  # two hours about midnight, none about noon
    assert clock_of(season(), "midnight") == MIDNIGHT


def test_first_and_last_calls_of_a_night_stand_beside_what_was_recorded() -> None:
    otus, todus = first_and_last(season(), NOON)
    names = ("site", "day", "first_call", "last_call", "recorded_from", "recorded_to")
    assert cells(otus, *names) == [
        (
            "A",
            "2024-05-01",
            "2024-05-01T22:10:00",
            "2024-05-02T00:10:00",
            "2024-05-01T22:00:00",
            "2024-05-02T05:30:00",
        )
    ]
    assert [row[:4] for row in cells(todus, *names)] == [
        ("A", "2024-05-01", "2024-05-02T05:01:00", "2024-05-02T05:01:00"),
        ("B", "2024-05-02", "2024-05-03T05:30:10", "2024-05-03T05:30:20"),
    ]
    by_day = cells(next(first_and_last(season(), MIDNIGHT)), *names)
    assert by_day[0][1:] == (
        "2024-05-01",
        "2024-05-01T22:10:00",
        "2024-05-01T22:50:00",
        "2024-05-01T22:00:00",
        "2024-05-02T00:00:00",
    )
    assert by_day[1][1:4] == ("2024-05-02", "2024-05-02T00:10:00", "2024-05-02T00:10:00")


def test_species_by_site_divides_by_the_time_of_that_site() -> None:
    assert cells(by_site(season()), "species", "site", "n_calls", "recorded_h", "calls_per_recorded_h") == [
        (OTUS, "A", 3, 2.5, 1.2),
        (OTUS, "B", 0, 1.0, 0.0),
        (TODUS, "A", 1, 2.5, 0.4),
        (TODUS, "B", 2, 1.0, 2.0),
    ]


def test_the_calendar_has_hours_and_failures_of_each_recorder() -> None:
    rows = cells(
        calendar(season(), MIDNIGHT), "site", "recorder", "day", "recorded_h", "n_files", "n_undecodable"
    )
    assert rows == [
        ("A", "A1", "2024-05-01", 1.5, 2, 0),
        ("A", "A1", "2024-05-02", 1.0, 2, 1),
        ("B", "B1", "2024-05-01", 0.5, 1, 0),
        ("B", "B1", "2024-05-03", 0.5, 1, 0),
    ]


def test_rarefaction_gives_what_is_worked_out_by_hand() -> None:
    """Three units; one species in all of them, one in a single one."""
    curve = rarefaction(np.array([3, 1, 0]), 3)
    assert curve.richness == pytest.approx([4 / 3, 5 / 3, 2])
    assert curve.chao2 == 2.0  # 2 + 2/3 * 1 * 0 / (2 * 1)
    spread = np.array([1 + 1 / 9, 1 + 4 / 9, 2.0]) - np.array([16 / 9, 25 / 9, 4]) / 2
    assert curve.high - curve.richness == pytest.approx(1.96 * np.sqrt(spread))
    assert rarefaction(np.array([1, 1, 1]), 2).chao2 == 3 + 1 / 2 * 3 * 2 / 2


def test_rarefaction_is_the_mean_over_all_draws(rng: np.random.Generator) -> None:
    there = rng.random((9, 6)) < rng.random(6)
    curve = rarefaction(there.sum(axis=0), 9)
    drawn = [there[rng.permutation(9)[:4]].any(axis=0).sum() for _ in range(4000)]
    assert curve.richness[3] == pytest.approx(np.mean(drawn), abs=0.06)


def test_sampling_units_are_days_of_sites_with_sound() -> None:
    n_units, units_with = sampling_units(season(), NOON)
    assert (n_units, units_with.tolist()) == (3, [1, 2])
    picture, curve = accumulation(season(), NOON)
    assert len(picture.rows) == 3
    assert curve.richness == pytest.approx([1.0, 5 / 3, 2.0])  # (1/3 + 2/3), (2/3 + 1), 2


def test_histories_say_na_where_nothing_was_recorded() -> None:
    found = season()
    nights = histories(found, "night")
    assert [date.fromordinal(day).isoformat() for day in nights.begins] == [
        "2024-04-30",
        "2024-05-01",
        "2024-05-02",
    ]
    assert nights.effort_h.tolist() == [[0, 2.5, 0], [0.5, 0, 0.5]]
    header, rows = wide_rows(nights, found, 0)
    assert header[:6] == ["site", "y.1", "y.2", "y.3", "latitude", "longitude"]
    assert [row[:4] for row in rows] == [["A", "NA", "1", "NA"], ["B", "0", "NA", "0"]]
    assert [row[:4] for row in wide_rows(histories(found, "day"), found, 0)[1]] == [
        ["A", "1", "1", "NA"],
        ["B", "0", "NA", "0"],
    ]
    weeks = histories(found, "week")
    assert (len(weeks.begins), weeks.effort_h.tolist(), weeks.n_calls[:, :, 0].tolist()) == (
        1,
        [[2.5], [1.0]],
        [[3, 0], [1, 2]],
    )
    assert (nights.end(1), weeks.end(0)) == ("2024-05-02", "2024-05-07")


def test_rejected_calls_are_left_out_and_confirmed_ones_are_counted_apart() -> None:
    said = [
        verdict(1, Said.ACCEPTED, "A/a1.wav", 600.0, OTUS),
        verdict(2, Said.NOISE, "A/a1.wav", 3000.0, OTUS),
        verdict(3, Said.OTHER, "B/b2.wav", 20.0, TODUS, "Vireo altiloquus"),
        verdict(4, Said.ACCEPTED, "B/b2.wav", 30.0, OTUS),  # uncertain for the model, certain for a person
        verdict(5, Said.ADDED, "B/b1.wav", 90.0, "", TODUS),
        verdict(6, Said.UNSURE, "A/a3.wav", 60.0, TODUS),
        verdict(7, Said.NOISE, "elsewhere.wav", 60.0, TODUS),
    ]
    checked = Checked(opinions(standing(said)))
    found = read_season(small_season(), Asked(), verdicts=checked)
    assert (checked.n, checked.n_met) == (7, 6)
    assert found.species == (OTUS, TODUS, "Vireo altiloquus")
    assert (found.n_calls, found.n_verified, found.n_rejected, found.n_uncertain) == (7, 4, 2, 0)
    days = histories(found, "day")
    by_species = {
        name: (days.n_calls[k].tolist(), days.n_verified[k].tolist()) for k, name in enumerate(found.species)
    }
    assert by_species[OTUS] == ([[1, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 0, 1]])
    assert by_species[TODUS] == ([[0, 1, 0], [1, 0, 1]], [[0, 0, 0], [1, 0, 0]])
    assert by_species["Vireo altiloquus"] == ([[0, 0, 0], [0, 0, 1]], [[0, 0, 0], [0, 0, 1]])
    header, rows = wide_rows(days, found, 0)
    assert [row[header.index("verified.1") :] for row in rows] == [["1", "0", "NA"], ["0", "NA", "1"]]
    assert found.recorded_h == 3.5


def test_a_recording_of_which_every_call_is_rejected_keeps_its_length() -> None:
    said = [verdict(1, Said.NOISE, "A/a2.wav", 2400.0, OTUS)]
    found = read_season(small_season(), Asked(), verdicts=Checked(opinions(standing(said))))
    assert (found.n_calls, found.recorded_h) == (5, 3.5)


def test_times_without_a_zone_are_those_of_the_clock_and_a_zone_moves_others() -> None:
    rows = [recording("a.wav", "2024-05-01T23:30:00.000", 3600.0, (OTUS, 2400.0), site="A")]
    found = season(rows)
    assert ((found.calls.day - MAY_1).tolist(), found.calls.hour.tolist()) == ([1], [0])
    moved = season([small_season()[0]], timezone="UTC")  # 22:00 at -04:00
    assert ((moved.calls.day - MAY_1).tolist(), moved.calls.hour.tolist()) == ([1], [2])
    assert cells(next(first_and_last(moved, MIDNIGHT)), "first_call") == [("2024-05-02T02:10:00",)]


def test_recordings_without_a_time_count_by_site_alone() -> None:
    rows = [*small_season(), recording("B/odd.wav", "", 3600.0, (TODUS, 10.0), site="B")]
    found = season(rows)
    assert (found.undated_h, found.n_calls, found.recorded_h) == ({1: 1.0}, 7, 4.5)
    assert cells(by_site(found), "species", "site", "n_calls", "recorded_h")[1] == (TODUS, "B", 3, 2.0)
    assert histories(found, "day").n_calls[0].sum() == 3  # of todies, who have the most calls now
    assert season([recording("odd.wav", "", 3600.0, (TODUS, 10.0), site="B")]).days is None


def test_sites_have_the_mean_of_their_positions_or_those_of_a_table(tmp_path: Path) -> None:
    (tmp_path / "sites.csv").write_text("site,latitude,longitude\nB,18.5,-66.25\n")
    rows = [[replace(row, latitude=18.0, longitude=-67.0) for row in one] for one in small_season()[:2]]
    found = read_season(
        [*rows, *small_season()[4:]], Asked(), positions=read_positions(tmp_path / "sites.csv")
    )
    names = ("site", "latitude", "longitude", "n_species", "n_calls")
    assert cells(site_map(found), *names) == [("A", 18.0, -67.0, 1, 3), ("B", 18.5, -66.25, 1, 2)]
    assert ">20 km<" in (site_map(found).svg or "")
    assert site_map(season()).svg is None
    (tmp_path / "sites.csv").write_text("site,latitude,longitude\nB,185,-66.25\n")
    with pytest.raises(InputError, match=r"line 2: expected latitude and longitude in degrees, got '185'"):
        read_positions(tmp_path / "sites.csv")


def test_lengths_count_once(tmp_path: Path) -> None:
    rows = [row for one in small_season() for row in one]
    write_table(rows, tmp_path / "one.csv", "csv")
    write_table(rows[:1], tmp_path / "two.csv", "csv")
    write_table(sorted(rows, key=lambda row: -(row.begin_s or 0)), tmp_path / "mixed.csv", "csv")
    with pytest.raises(
        InputError, match=r"A/a1.wav is in .*one.csv and in .*two.csv: its length would count"
    ):
        list(recordings_of([tmp_path / "one.csv", tmp_path / "two.csv"]))
    with pytest.raises(InputError, match="don't stand together; sort the table by path"):
        list(recordings_of([tmp_path / "mixed.csv"]))


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "raven", "birdnet"])
def test_a_season_is_the_same_in_every_format(form: str, tmp_path: Path) -> None:
    """Annotation formats lack recordings without calls, and the rows beside them are read."""
    rows = [row for one in small_season() for row in one]
    table = tmp_path / f"season.{'txt' if form == 'raven' else form}"
    write_table(rows, table, form)
    warned: list[str] = []
    if form in ("raven", "birdnet"):
        assert season(recordings_of([table], warn=warned.append)).n_files == 4
        assert "recordings without detections are not in it" in warned.pop()
        write_table(rows, Path(f"{table}.rows.csv"), "csv")
    found = season(recordings_of([table], warn=warned.append))
    assert (found.n_calls, found.recorded_h, found.n_files) == (6, 3.5, 6)
    assert bool(warned) == (form in ("raven", "birdnet"))


def test_what_a_person_changed_in_a_table_holds_and_one_by_hour_is_read_from_its_rows(tmp_path: Path) -> None:
    rows = [row for one in small_season() for row in one]
    for name in ("mine.csv", "hours.csv"):
        write_table(rows, tmp_path / f"{name}.rows.csv", "csv")
    write_table(rows[2:], tmp_path / "mine.csv", "csv")
    write_summary(summarise(rows, by="hour"), tmp_path / "hours.csv", "csv")
    assert season(recordings_of([tmp_path / "mine.csv"])).n_files == 5
    assert season(recordings_of([tmp_path / "hours.csv"])).n_files == 6


def test_statuses_are_known_by_day() -> None:
    assert season().statuses[0, MAY_1 + 1, Status.UNDECODABLE] == 1


def test_shades_have_round_limits_and_nothing_is_a_level_of_its_own() -> None:
    values = np.array([0.0, 0.4, 1.0, 3.0, 37.0])
    limits = limits_of(values)
    assert limits == (1, 2, 5, 10, 20)
    assert levels(values, limits).tolist() == [0, 1, 1, 3, 6]
    assert legend(limits, 37.0)[-1] == ("h6", "> 20")
    assert limits_of(np.zeros(3)) == ()
    assert levels(np.array([0.0, 7.0]), limits_of(np.array([7.0]))).tolist() == [0, 3]


def test_an_axis_of_days_is_never_crowded() -> None:
    for n in (1, 5, 12, 40, 200, 900, 4000):
        assert 1 <= len(day_ticks(MAY_1, MAY_1 + n - 1)) <= 14, n
