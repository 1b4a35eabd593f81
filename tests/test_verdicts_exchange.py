"""Verdicts in Raven and Audacity and back: spans, boxes and places stay, and nothing is said twice."""

from dataclasses import replace
from pathlib import Path

import pytest
from test_verdicts import said
from test_verdicts_figures import A, B, on
from test_verdicts_learned import run, write

from avianvox.tables.formats import read_table, write_table
from avianvox.types import NO_BIRD, Detection
from avianvox.verdicts.consensus import opinions
from avianvox.verdicts.events import Listed
from avianvox.verdicts.exchange import annotations, taken_up
from avianvox.verdicts.standing import standing
from avianvox.verdicts.table import Event, Said, Verdict, read_verdicts

TIME = "2026-05-02T06:00:00.000+00:00"


def events(folder: Path) -> list[Detection]:
    """Two nights with places; times to the millisecond, and an event of two species."""
    rows = []
    for night in ("one", "two"):
        common = Detection(
            str(folder / night / "20260501_220000.wav"),
            latitude=18.123456,
            longitude=-66.5,
            site="El Yunque",
            recorder="A1",
            header_s=60.0,
            decoded_s=60.0,
            score=0.75,
        )
        spans = ((0.123, 2.456, A), (10.001, 11.999, A), (10.001, 11.999, B), (30.0, 33.333, B))
        rows += [replace(common, begin_s=a, end_s=b, scientific_name=name) for a, b, name in spans]
    return rows


def verdicts(rows: list[Detection]) -> list[Verdict]:
    one, both_a, both_b, last = rows[:4]
    moved = on(last, start_s=29.5, end_s=33.333, low_hz=1500.0, high_hz=4000.1, replaces=on(last).id)
    return [
        on(one, low_hz=None, high_hz=None),
        on(both_a),
        on(both_b, Said.OTHER, species=(A,)),
        on(last),
        replace(moved, id="moved"),
        on(rows[4], Said.NOISE),
        on(rows[5], Said.UNSURE),
        on(rows[7], Said.OTHER, species=(A, "Parus major")),
        said(
            "added",
            Said.ADDED,
            file=one.path,
            start_s=50.001,
            end_s=51.0,
            suggested="",
            score=None,
            blind=False,
        ),
    ]


def state(words: list) -> dict[Event, tuple[object, ...]]:  # type: ignore[type-arg]
    """What holds: kind, species and box of each event."""
    return {
        w.event: (
            w.verdict.verdict,
            frozenset(w.verdict.names),
            (w.verdict.start_s, w.verdict.end_s, w.verdict.low_hz, w.verdict.high_hz),
        )
        for w in words
    }


@pytest.mark.parametrize("form", ["raven", "audacity_boxes", "generic_seq", "audacity"])
def test_export_and_import_give_the_same_verdicts(form: str, tmp_path: Path) -> None:
    rows = events(tmp_path / "recordings")
    for row in rows:
        Path(row.path).parent.mkdir(parents=True, exist_ok=True)
        Path(row.path).touch()
    write_table(rows, tmp_path / "events.csv", "csv")
    table = write(tmp_path / "events.verdicts.csv", verdicts(rows))
    out = tmp_path / ("tables.csv" if form == "generic_seq" else "tables")
    done = run("verdicts", "export", tmp_path / "events.csv", "--to", form, "-o", out)
    assert done.exit_code == 0, (done.output, done.exception)
    before = table.read_bytes()
    done = run("verdicts", "import", tmp_path / "events.csv", out, "--reviewer", "Ana")
    assert "0 verdicts of Ana added" in done.stderr, (done.output, done.exception)
    assert table.read_bytes() == before
    done = run(
        "verdicts",
        "import",
        tmp_path / "events.csv",
        out,
        "--reviewer",
        "Bo",
        "--verdicts",
        tmp_path / "bo.csv",
    )
    assert done.exit_code == 0, (done.output, done.exception)
    ana, bo = (state(standing(read_verdicts(path))) for path in (table, tmp_path / "bo.csv"))
    moved = next(event for event, (kind, _, box) in ana.items() if box[0] == 29.5)
    _, names, box = ana.pop(moved)
    ana[Event(moved.file, 29.5, 33.333)] = (Said.ADDED, names, box)  # Bo never saw it where it was
    unsure = next(event for event, (kind, *_) in ana.items() if kind == Said.UNSURE)
    ana[unsure._replace(suggested=B)] = ana[unsure]  # what is written there is said of both species
    assert bo.keys() == ana.keys()
    assert {e: s[:2] for e, s in bo.items()} == {e: s[:2] for e, s in ana.items()}
    assert {e: s[2][:2] for e, s in bo.items()} == {e: s[2][:2] for e, s in ana.items()}
    if form in ("raven", "audacity_boxes"):
        assert {e: s[2] for e, s in bo.items()} == {e: s[2] for e, s in ana.items()}


def test_raven_tables_keep_place_box_and_time(tmp_path: Path) -> None:
    rows = events(tmp_path)
    words = standing(verdicts(rows))
    out = list(annotations(words, list(map(Listed, rows))))
    assert [(r.begin_s, r.scientific_name) for r in out] == [
        (0.123, A),
        (10.001, A),
        (10.001, A),
        (29.5, B),
        (50.001, B),
        (0.123, NO_BIRD),
        (10.001, "?"),
        (30.0, A),
        (30.0, "Parus major"),
    ]
    write_table(out, tmp_path / "sel", "raven", root=tmp_path)
    back = list(read_table(tmp_path / "sel"))
    kept = (
        "path",
        "begin_s",
        "end_s",
        "low_hz",
        "high_hz",
        "latitude",
        "longitude",
        "site",
        "recorder",
        "score",
    )
    for found, row in zip(back, out, strict=True):
        assert [getattr(found, name) for name in kept] == [getattr(row, name) for name in kept]
    assert {(r.latitude, r.longitude, r.site) for r in back} == {(18.123456, -66.5, "El Yunque")}


def test_what_an_annotator_changed_is_taken_up(tmp_path: Path) -> None:
    rows = events(tmp_path)[:4]
    listed = list(map(Listed, rows))
    words = standing([on(rows[0]), on(rows[1])])
    notes = [
        Detection(rows[0].path, begin_s=0.1235, end_s=2.456, scientific_name=B),
        Detection(
            rows[1].path, begin_s=10.001, end_s=11.999, scientific_name=A, low_hz=900.0, high_hz=1000.0
        ),
        Detection(rows[3].path, begin_s=30.0, end_s=33.333, common_name="noise"),
        Detection(rows[3].path, begin_s=40.0, end_s=41.0, scientific_name="Parus_major"),
    ]
    new = taken_up(notes, listed, words, reviewer="Ana", time=TIME)
    assert [(v.verdict, v.names, v.replaces, v.low_hz) for v in new] == [
        (Said.OTHER, (B,), on(rows[0]).id, 2000.0),
        (Said.ACCEPTED, (A,), on(rows[1]).id, 900.0),
        (Said.OTHER, (A,), "", 900.0),
        (Said.NOISE, (), "", None),
        (Said.ADDED, ("Parus major",), "", None),
    ]
    held = standing([*(w.verdict for w in words), *new])
    assert [o.is_right for o in opinions(held)] == [False, True, False, False, None]
    assert taken_up(notes, listed, held, reviewer="Ana", time=TIME) == []
    again = taken_up(notes[:1], listed, held, reviewer="Bo", time=TIME)
    assert [(v.reviewer, v.verdict, v.replaces) for v in again] == [("Bo", Said.OTHER, "")]
    back = [Detection(rows[0].path, begin_s=0.123, end_s=2.456, scientific_name=A)]
    third = taken_up(back, listed, held, reviewer="Ana", time=TIME)
    assert [(v.verdict, v.replaces) for v in third] == [(Said.ACCEPTED, new[0].id)]
    assert len({v.id for v in (*new, *again, *third)}) == 7


@pytest.mark.parametrize("form", ["raven", "audacity_boxes"])
def test_recordings_that_were_annotated_from_nothing_go_out_and_come_back(form: str, tmp_path: Path) -> None:
    folder = tmp_path / "night"
    (folder / "a").mkdir(parents=True)
    for name in ("a/1.wav", "2.wav"):
        (folder / name).touch()
    calls = [
        said(
            str(n),
            Said.ADDED,
            file=str(folder / name),
            suggested="",
            score=None,
            blind=False,
            start_s=n,
            end_s=n + 1.5,
        )
        for n, name in enumerate(("a/1.wav", "2.wav", "2.wav"))
    ]
    table = write(tmp_path / "night.verdicts.csv", calls)
    done = run("verdicts", "export", folder, "--to", form, "-o", tmp_path / "tables")
    assert done.exit_code == 0, (done.output, done.exception)
    assert "3 annotations of 2 recordings" in done.stderr
    before = table.read_bytes()
    assert "0 verdicts" in run("verdicts", "import", folder, tmp_path / "tables", "--reviewer", "Ana").stderr
    assert table.read_bytes() == before
    table.unlink()
    done = run("verdicts", "import", folder, tmp_path / "tables", "--reviewer", "Bo")
    assert done.exit_code == 0, (done.output, done.exception)
    back = {
        (v.file, v.start_s, v.end_s, v.low_hz, v.high_hz, v.names, v.verdict) for v in read_verdicts(table)
    }
    assert back == {(v.file, v.start_s, v.end_s, v.low_hz, v.high_hz, v.names, v.verdict) for v in calls}


def test_import_never_adds_to_another_file(tmp_path: Path) -> None:
    write_table(events(tmp_path), tmp_path / "events.csv", "csv")
    (tmp_path / "notes.csv").write_text("hello\n")
    (tmp_path / "a.labels.txt").write_text("0\t1\tPica pica\n")
    arguments = [
        "verdicts",
        "import",
        tmp_path / "events.csv",
        tmp_path / "a.labels.txt",
        "--reviewer",
        "Ana",
    ]
    done = run(*arguments, "--verdicts", tmp_path / "notes.csv")
    assert "there is a file that is no table of verdicts" in str(done.exception)
    assert (tmp_path / "notes.csv").read_text() == "hello\n"
