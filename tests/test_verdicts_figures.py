"""Figures of verdicts against known answers: precision, draws, thresholds, agreement, what suggestions do."""

import csv
import json
import math
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas
import pytest
from click.testing import CliRunner, Result
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score
from test_verdicts import said
from test_verdicts_learned import run, write

from avianvox.cli.main import cli
from avianvox.errors import InputError
from avianvox.tables.formats import read_table, write_table
from avianvox.types import Detection
from avianvox.verdicts.agreement import among_all, by_species, pairs
from avianvox.verdicts.consensus import opinions
from avianvox.verdicts.cuts import FOUND, NOT_REACHED, TOO_FEW, cuts
from avianvox.verdicts.events import Listed, draw, is_drawn, read_events, strata_of, write_drawn
from avianvox.verdicts.modes import modes
from avianvox.verdicts.precision import Stratum, precisions, simple_share, stratified_share, wilson
from avianvox.verdicts.standing import standing
from avianvox.verdicts.summary import summarise
from avianvox.verdicts.table import Said, Verdict

A, B = "Turdus merula", "Pica pica"


def event(n: int, species: str = A, score: float | None = 0.5, file: str = "") -> Detection:
    return Detection(
        file or f"{n % 10}.wav", begin_s=1.0 * n, end_s=n + 0.5, scientific_name=species, score=score
    )


def on(row: Detection, verdict: Said = Said.ACCEPTED, reviewer: str = "Ana", **changes: object) -> Verdict:
    where = {"file": row.path, "start_s": row.begin_s, "end_s": row.end_s, "score": row.score}
    more = {
        "suggested": row.scientific_name,
        "reviewer": reviewer,
        "blind": False,
        "seconds": None,
        **changes,
    }
    number = f"{reviewer} {row.path} {row.begin_s} {row.scientific_name} {verdict}"
    return said(number, verdict, **{**where, **more})


def judged(right: list[bool], rows: list[Detection]) -> list[Verdict]:
    return [on(row, Said.ACCEPTED if r else Said.NOISE) for r, row in zip(right, rows, strict=True)]


def known(verdicts: list[Verdict]):  # type: ignore[no-untyped-def]
    return {opinion.event: opinion for opinion in opinions(standing(verdicts))}


@pytest.mark.parametrize(("right", "n"), [(0, 5), (5, 5), (13, 20), (1, 200)])
def test_the_interval_is_wilsons(right: int, n: int) -> None:
    interval = binomtest(right, n).proportion_ci(method="wilson")
    assert wilson(right / n, n) == pytest.approx((interval.low, interval.high))
    share = simple_share(right, n)
    assert (share.value, share.low, share.high) == pytest.approx((right / n, interval.low, interval.high))
    large = stratified_share([Stratum(10**9, n, right)])
    assert (large.value, large.low, large.high) == pytest.approx((right / n, *interval), abs=1e-6)


def test_strata_count_as_often_as_they_have_events() -> None:
    share = stratified_share([Stratum(100, 10, 10), Stratum(300, 10, 5), Stratum(50, 0, 0)])
    assert share.value == 0.625
    assert math.isnan(stratified_share([Stratum(9, 0, 0)]).value)
    every = stratified_share([Stratum(10, 10, 7), Stratum(20, 20, 20)])
    assert every.low == every.value == every.high == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("shares", "events", "n"),
    [
        ((0.8, 0.8, 0.8, 0.8), (100, 100, 100, 100), (10, 10, 10, 10)),
        ((0.4, 0.7, 0.95, 0.99), (100, 100, 100, 100), (10, 10, 10, 10)),
        ((0.3, 0.6, 0.9, 0.95), (500, 300, 150, 50), (10, 10, 10, 10)),
        ((0.9,), (200,), (20,)),
        ((0.9, 0.5, 0.99, 0.2, 0.8), (400, 30, 200, 10, 60), (8, 8, 8, 8, 8)),
    ],
)
def test_intervals_hold_what_they_promise(shares, events, n) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(1000):
        right = [rng.random(size) < share for size, share in zip(events, shares, strict=True)]
        truth = np.concatenate(right).mean()
        drawn = [int(rng.choice(rows, k, replace=False).sum()) for rows, k in zip(right, n, strict=True)]
        found = stratified_share([Stratum(*one) for one in zip(events, n, drawn, strict=True)])
        held += found.low <= truth <= found.high
    assert 0.92 <= held / 1000 <= 0.985


def test_precision_of_a_table_by_species() -> None:
    rows = [event(n) for n in range(30)] + [event(n, B) for n in range(10)]
    verdicts = judged([True] * 6 + [False] * 4, rows[:10])
    verdicts += [on(rows[10], Said.UNSURE), on(rows[11], Said.SKIPPED), on(rows[12], Said.OTHER)]
    verdicts += [on(rows[12], Said.ACCEPTED, "Bo"), on(rows[30], Said.OTHER, species=(B, A), blind=True)]
    overall, (pica, merula) = precisions(list(map(Listed, rows)), known(verdicts), drawn=False)
    assert (merula.species, merula.events, merula.judged, merula.right) == (A, 30, 10, 6)
    assert (merula.unsure, merula.disputed, merula.covered) == (1, 1, 30)
    assert (pica.judged, pica.right, pica.share.value) == (1, 1, 1.0)
    assert overall.share.value == pytest.approx((30 * 0.6 + 10 * 1.0) / 40)
    assert (overall.events, overall.judged, overall.right) == (40, 11, 7)


def many(n: int = 400) -> list[Listed]:
    rng = np.random.default_rng(5)
    scores = rng.random(n)
    species = [A if n % 4 else B for n in range(n)]
    return [Listed(event(k, species[k], float(scores[k]))) for k in range(n)]


def test_a_draw_takes_species_and_scores_evenly_and_grows() -> None:
    rows = many()
    small, large = draw(rows, 40, seed=3), draw(rows, 80, seed=3)
    assert [row.event for row in small] == [row.event for row in large[:40]]
    assert small == draw(rows[::-1], 40, seed=3)
    assert small != draw(rows, 40, seed=4)
    assert Counter(row.species for row in small) == {A: 20, B: 20}
    assert set(Counter(row.stratum for row in small).values()) == {5}
    assert {row.species: row.stratum_events for row in small} == {A: 75, B: 25}
    few = draw([*rows[:30], Listed(event(900, "Rara avis", None))], 1000)
    assert len(few) == 31
    scores = [[row.detection.score for row in stratum] for stratum in strata_of(rows)[:4]]
    assert [max(low) < min(high) for low, high in pairwise(scores)] == [True] * 3


def test_bands_without_a_draw_are_counted_with_the_next_one() -> None:
    rows = many()
    for n in (2, 5, 40):
        drawn = draw(rows, n, seed=3)
        sizes = {(row.species, row.stratum): row.stratum_events for row in drawn}
        of_species = {name: sum(size for (own, _), size in sizes.items() if own == name) for name in (A, B)}
        assert of_species == {A: 300, B: 100}
    one = draw([row for row in rows if row.species == A][:3], 1, seed=1)
    overall, _ = precisions(one, known(judged([True], [r.detection for r in one])), drawn=True)
    assert (overall.events, overall.judged) == (3, 1)
    assert overall.share.low < 1.0


def test_a_drawn_list_is_a_table_of_events_and_weights_itself(tmp_path: Path) -> None:
    rows = many()
    drawn = draw(rows, 80, seed=1)
    write_drawn(drawn, tmp_path / "drawn.csv")
    back = read_events(tmp_path / "drawn.csv")
    assert [(r.event, r.stratum, r.stratum_events) for r in back] == [
        (r.event, r.stratum, r.stratum_events) for r in drawn
    ]
    assert [r.path for r in read_table(tmp_path / "drawn.csv")] == [r.detection.path for r in drawn]
    assert is_drawn(back)
    right = [r.detection.scientific_name == B for r in back]
    overall, _ = precisions(back, known(judged(right, [r.detection for r in back])), drawn=True)
    assert overall.share.value == pytest.approx(100 / 400), "half of the list, a quarter of the events"
    assert overall.events == 400
    half = back[: len(back) // 2]
    broken_off = known(judged(right[: len(half)], [r.detection for r in half]))
    assert precisions(back, broken_off, drawn=True)[0].share.value == pytest.approx(100 / 400)


def test_drawn_precision_is_that_of_all_events_on_average() -> None:
    rows = many(200)
    truth = {row.event: (row.detection.score or 0) > 0.4 for row in rows}
    values, held = [], 0
    for seed in range(60):
        drawn = draw(rows, 40, seed=seed)
        verdicts = judged([truth[r.event] for r in drawn], [r.detection for r in drawn])
        share = precisions(drawn, known(verdicts), drawn=True)[0].share
        values.append(share.value)
        held += share.low <= np.mean(list(truth.values())) <= share.high
    assert np.mean(values) == pytest.approx(np.mean(list(truth.values())), abs=0.01)
    assert held >= 54


def test_the_threshold_is_the_lowest_that_surely_reaches_the_precision() -> None:
    rows = [event(n, score=(n + 1) / 100) for n in range(100)]
    verdicts = judged([n >= 40 for n in range(100)], rows)
    all_species, of = cuts(list(map(Listed, rows)), known(verdicts), 0.9, drawn=False)
    cut = of[A]
    assert cut == all_species
    assert cut.state == FOUND
    n = cut.judged
    assert cut.score == pytest.approx((101 - n) / 100)
    assert (cut.precision, cut.kept) == (pytest.approx(60 / n), n / 100)
    z = 0.8416212
    below = n + 1
    for count, reaches in ((n, True), (below, False)):
        p = 60 / count
        low = (p + z * z / 2 / count - z * math.sqrt(p * (1 - p) / count + (z / 2 / count) ** 2)) / (
            1 + z * z / count
        )
        assert (low >= 0.9) is reaches
    assert cuts(list(map(Listed, rows)), known(verdicts[:40]), 0.9, drawn=False)[1][A].state == NOT_REACHED
    assert cuts(list(map(Listed, rows)), known(verdicts[:9]), 0.9, drawn=False)[1][A].state == TOO_FEW
    one_file = [replace(row, path="a.wav") for row in rows]
    few = cuts(list(map(Listed, one_file)), known(judged([True] * 100, one_file)), 0.9, drawn=False)
    assert few[0].state == TOO_FEW, "one recording is one witness"
    with pytest.raises(InputError, match="above 0 and below 1, got 1"):
        cuts(list(map(Listed, rows)), {}, 1.0, drawn=False)


def test_thresholds_weigh_drawn_events() -> None:
    rows = [
        Listed(event(n, score=0.3 if n < 50 else 0.8), 1 + (n >= 50), (50, 950)[n >= 50]) for n in range(100)
    ]
    right = [n >= 50 or n % 2 == 0 for n in range(100)]
    verdicts = known(judged(right, [row.detection for row in rows]))
    assert cuts(rows, verdicts, 0.9, drawn=True)[0].score == 0.3, "1 of 20 low events, half of them wrong"
    assert cuts(rows, verdicts, 0.9, drawn=False)[0].score == 0.8


def test_kappa_of_two_is_cohens() -> None:
    rng = np.random.default_rng(2)
    answers = rng.integers(0, 3, size=(60, 2))
    answers[:30, 1] = answers[:30, 0]
    rows = [event(n) for n in range(60)]
    kinds = [(Said.ACCEPTED, ()), (Said.OTHER, (B,)), (Said.NOISE, ())]
    verdicts = [
        on(row, kinds[k][0], who, species=kinds[k][1])
        for row, pair in zip(rows, answers, strict=True)
        for who, k in zip(("Ana", "Bo"), pair, strict=True)
    ]
    found = opinions(standing([*verdicts, on(event(99), reviewer="Cy")]))
    (pair,) = pairs(found)
    assert pair.reviewers == ("Ana", "Bo")
    assert pair.kappa.value == pytest.approx(cohen_kappa_score(answers[:, 0], answers[:, 1]))
    assert pair.share == pytest.approx(np.mean(answers[:, 0] == answers[:, 1]))
    assert pair.kappa.low < pair.kappa.value < pair.kappa.high
    assert pairs(found) == [pair]
    heard = {a.species: a for a in by_species(found)}
    assert list(heard) == [B, A]
    p = (answers == 1).mean()
    same = np.mean((answers[:, 0] == 1) == (answers[:, 1] == 1))
    chance = p * p + (1 - p) ** 2
    assert heard[B].kappa.value == pytest.approx((same - chance) / (1 - chance))


FLEISS = (
    "0 0 0 0 14,0 2 6 4 2,0 0 3 5 6,0 3 9 2 0,2 2 8 1 1,7 7 0 0 0,3 2 6 3 0,2 5 3 2 2,6 5 2 1 0,0 2 2 3 7"
)
"""The example of Wikipedia's page on Fleiss' kappa: ten subjects, fourteen raters, 0.210."""


def test_kappa_of_all_is_fleiss() -> None:
    species = ("Aus bus", "Cus dus", "Eus fus", "Gus hus", "Ius jus")
    verdicts = []
    for n, line in enumerate(FLEISS.split(",")):
        names = [name for name, k in zip(species, map(int, line.split()), strict=True) for _ in range(k)]
        verdicts += [on(event(n), Said.OTHER, f"R{k}", species=(name,)) for k, name in enumerate(names)]
    found = among_all(opinions(standing(verdicts)))
    assert found is not None
    assert found.kappa.value == pytest.approx(0.210, abs=5e-4)
    assert len(found.reviewers) == 14
    assert among_all(opinions(standing([on(event(1))]))) is None


def test_suggestions_that_lead_are_found() -> None:
    rows = [event(n) for n in range(100)]
    verdicts = [on(row, Said.ACCEPTED if n < 80 else Said.NOISE, seconds=2.0) for n, row in enumerate(rows)]
    verdicts += [
        on(row, Said.OTHER, "Bo", species=(A if n < 60 else B,), blind=True, seconds=6.0)
        for n, row in enumerate(rows)
    ]
    verdicts += [on(event(200), Said.UNSURE, blind=True), on(event(201), Said.SKIPPED, seconds=99.0)]
    words = standing(verdicts)
    found = modes(words, opinions(words))
    assert (found.open.verdicts, found.open.named.value, found.open.seconds) == (100, 0.8, (2.0, 2.0, 2.0))
    assert (found.blind.verdicts, found.blind.unsure, found.blind.named.value) == (101, 1, 0.6)
    assert found.bias is not None
    difference = found.bias.difference
    assert difference.value == pytest.approx(0.2)
    assert (difference.low, difference.high) == pytest.approx((0.0740, 0.3173), abs=2e-3)
    assert (found.bias.events, found.bias.paired.value) == (100, pytest.approx(0.2))
    only = modes(standing(verdicts[:100]), [])
    assert only.bias is None


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Forty events of two species, and what Ana and Bo say of them."""
    rows = [event(n, (A, B)[n % 2], (n + 1) / 40) for n in range(40)]
    write_table(rows, tmp_path / "events.csv", "csv")
    words = [
        on(row, Said.ACCEPTED if n >= 10 else Said.OTHER, species=("Parus major",))
        for n, row in enumerate(rows)
    ]
    words += [on(row, Said.NOISE, "Bo") for row in rows[:5]]
    write(tmp_path / "events.verdicts.csv", words)
    return tmp_path / "events.csv"


def test_the_command_shows_what_was_said(table: Path, tmp_path: Path) -> None:
    done = run("verdicts", table, "--precision", 0.8, "-o", tmp_path / "out.csv")
    assert done.exit_code == 0, (done.output, done.exception)
    assert run("verdicts", "show", table, "--precision", 0.8).stdout == done.stdout
    assert "| all           | 40     | 35     | 30    | 0      | 5        | 0.858 [" in done.stdout
    assert "45 verdicts by Ana, Bo: 30 accepted, 5 noise, 10 other" in done.stdout
    assert "agreement of Ana and Bo: kappa 0.00 [0.00, 0.00], 0 % of 5 events the same" in done.stdout
    assert "no majority on 5 events:\n  0.wav 0.0 to 0.5 s: Ana: Parus major; Bo: noise\n" in done.stdout
    with open(tmp_path / "out.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["species"] for row in rows] == ["", B, A]
    assert (rows[0]["judged"], rows[0]["right"], rows[0]["threshold_state"]) == ("35", "30", FOUND)
    done = run("verdicts", table, "--reviewer", "Ana", "--json")
    document = json.loads(done.stdout)
    assert document["overall"]["share"] == {"value": 0.75, "low": 0.75, "high": 0.75}
    assert done.stderr == ""
    assert document["disputed"] == []
    run("verdicts", table, "--reviewer", "Ana", "-o", tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text()) == document
    assert run("verdicts", table, "-o", tmp_path / "out.parquet").exit_code == 0
    assert pandas.read_parquet(tmp_path / "out.parquet")["judged"].tolist() == [35, 18, 17]


def test_the_command_says_what_its_figures_rest_on(table: Path) -> None:
    path = table.with_name("events.verdicts.csv")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:8]))
    done = run("verdicts", table)
    assert "taken for a random sample of each species; 'avianvox verdicts draw' draws one" in done.stderr
    other = write(path.with_name("more.verdicts.csv"), [on(event(77, "Rara avis"))])
    done = run("verdicts", table, "--verdicts", path, "--verdicts", other)
    assert "not in this table: 1 reviewed event," in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--reviewer", "An"], "no verdict is by 'An'; did you mean 'Ana'?"),
        (["--verdicts", "EVENTS"], "expected a table of verdicts with the columns id, time"),
        (["-o", "EVENTS.ods"], "expected a table that ends in .csv"),
        (["-o", "EVENTS"], "this command reads this file"),
    ],
)
def test_mistakes_are_one_line(table: Path, arguments: list[str], words: str) -> None:
    before = table.read_bytes()
    done = run("verdicts", table, *(a.replace("EVENTS", str(table)) for a in arguments))
    assert words in f"{done.exception}{done.output}"
    assert table.read_bytes() == before


def test_without_verdicts_the_command_says_how_to_make_them(table: Path) -> None:
    table.with_name("events.verdicts.csv").unlink()
    done = run("verdicts", table)
    assert "there is no table of verdicts; make one with 'avianvox review" in str(done.exception)


def test_a_table_of_verdicts_in_place_of_the_events_is_named_so(table: Path) -> None:
    done = run("verdicts", table.with_name("events.verdicts.csv"))
    assert "is a table of verdicts; give the table of events" in str(done.exception)


def test_draw_writes_a_list_that_verdicts_reads(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "drawn.csv"
    done = run("verdicts", "draw", table, "-n", 20, "--seed", 3, "-o", out)
    assert done.exit_code == 0, done.output
    assert "20 events of 2 species" in done.stderr
    first = out.read_bytes()
    run("verdicts", "draw", table, "-n", 20, "--seed", 3, "-o", out)
    assert out.read_bytes() == first
    write(tmp_path / "drawn.verdicts.csv", judged([True] * 20, [r.detection for r in read_events(out)]))
    assert (
        "| all           | 40     | 20     | 20    | 0      | 0        | 1.000 ["
        in run("verdicts", out).stdout
    )
    done = run("verdicts", "draw", table, "-n", 20, "-o", tmp_path / "x.verdicts.csv")
    assert done.exit_code == 2


def test_a_summary_of_nothing_judged_is_no_number() -> None:
    found = summarise([Listed(event(1))], [on(event(1), Said.SKIPPED)], precision=0.9)
    assert next(iter(found.rows()))[7] is None
    json.dumps(found.document(), allow_nan=False)


def test_a_list_on_which_verdicts_stand_grows_and_is_not_replaced(tmp_path: Path) -> None:
    events, out = tmp_path / "events.csv", tmp_path / "drawn.csv"
    write_drawn(draw(many(), 400), events)

    def drawn(*options: str) -> Result:
        return CliRunner().invoke(cli, ["verdicts", "draw", str(events), "-o", str(out), *options])

    assert drawn("-n", "20", "--seed", "1").exit_code == 0
    assert drawn("-n", "20", "--seed", "2").exit_code == 0  # nobody has judged it
    (tmp_path / "drawn.verdicts.csv").touch()
    assert drawn("-n", "30", "--seed", "2").exit_code == 0
    before = out.read_bytes()
    refused = drawn("-n", "30", "--seed", "3")
    assert str(refused.exception).endswith("drawn.verdicts.csv has verdicts on that list; name another file")
    assert out.read_bytes() == before
