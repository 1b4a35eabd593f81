"""Output formats, read back by independent readers."""

import csv
import io
import json

import numpy as np
import pytest

from avianvox.inference.formats import COLUMNS, FORMATS, View
from avianvox.types import LabelSet, Prediction, Status, Window

LABELS = LabelSet(("Aus bus", "Cus dus", "Eus fus"), ("Ay, the bee", 'The "sea"', ""))


def scores(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


GOOD = Prediction(
    path='odd "name", ñ.wav',
    status=Status.OK,
    labels=LABELS,
    scores=scores(0.25, 0.7, 0.05),
    windows=(Window(0, 200, scores(0.1, 0.9, 0.0)), Window(150, 200, scores(0.4, 0.5, 0.1))),
    sample_rate=100,
    header_s=3.5,
    decoded_s=3.5,
)
BAD = Prediction("gone.wav", Status.MISSING, LABELS, scores(), (), 100, message="no such file")


def written(name: str, view: View) -> str:
    form = FORMATS.get(name)(view)
    return form.header() + "".join(line for p in (GOOD, BAD) for line in form.lines(p))


def rows(view: View) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(written("csv", view), newline="")))


def test_csv_can_be_read_back() -> None:
    found = rows(View(top=2))
    assert tuple(found[0]) == COLUMNS
    assert [r["rank"] for r in found] == ["1", "2", ""]
    assert found[0] == {
        "path": 'odd "name", ñ.wav',
        "status": "ok",
        "rank": "1",
        "scientific_name": "Cus dus",
        "common_name": 'The "sea"',
        "score": "0.7000",
        "decision": "",
        "begin_s": "",
        "end_s": "",
        "header_s": "3.500",
        "decoded_s": "3.500",
        "message": "",
    }
    assert found[1]["common_name"] == "Ay, the bee"
    assert (found[2]["status"], found[2]["scientific_name"], found[2]["message"]) == (
        "missing",
        "",
        "no such file",
    )


def test_csv_timeline_has_the_windows_times() -> None:
    found = rows(View(top=1, timeline=True))
    assert [(r["begin_s"], r["end_s"], r["score"]) for r in found[:2]] == [
        ("0.000", "2.000", "0.9000"),
        ("1.500", "3.500", "0.5000"),
    ]
    assert len(found) == 3


def test_min_score_leaves_species_out_but_never_a_file() -> None:
    assert [r["scientific_name"] for r in rows(View(min_score=0.2))] == ["Cus dus", "Aus bus", ""]
    assert [r["path"] for r in rows(View(min_score=0.99))] == [GOOD.path, BAD.path]


def test_jsonl_can_be_read_back() -> None:
    good, bad = (json.loads(line) for line in written("jsonl", View(top=1, timeline=True)).splitlines())
    assert good["species"] == [
        {"rank": 1, "scientific_name": "Cus dus", "common_name": 'The "sea"', "score": 0.7}
    ]
    assert [(w["begin_s"], w["end_s"], w["species"][0]["score"]) for w in good["windows"]] == [
        (0.0, 2.0, 0.9),
        (1.5, 3.5, 0.5),
    ]
    assert (bad["status"], bad["species"], bad["windows"]) == ("missing", [], [])
    assert "windows" not in json.loads(written("jsonl", View()).splitlines()[0])


def test_table_is_for_people() -> None:
    text = written("table", View(top=1))
    assert text == (
        'odd "name", ñ.wav  (3.5 s)\n    0.7000  Cus dus (The "sea")\ngone.wav  (missing)\n    no such file\n'
    )
    assert "        1.50 - 3.50 s  0.4000  Aus bus (Ay, the bee)\n" in written("table", View(timeline=True))
    assert "nothing at 0.9 or above" in written("table", View(min_score=0.9))


@pytest.mark.parametrize("name", list(FORMATS))
def test_every_format_writes_any_file_name(name: str) -> None:
    broken = Prediction("caf\udce9.wav", Status.EMPTY, LABELS, scores(), (), 100)
    text = "".join(FORMATS.get(name)(View()).lines(broken))
    assert "caf\ufffd.wav" in text.encode().decode()
    assert text.endswith("\n")
