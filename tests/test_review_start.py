"""A review put together: each option changes what the page gets."""

import http.client
import json
import os
import signal
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
import pytest
import soundfile

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from avianvox.cli.main import main
from avianvox.desk.app import make_app
from avianvox.desk.review.start import ReviewWishes, opened_review
from avianvox.desk.server import serve, served
from avianvox.errors import InputError

TABLE = """path,begin_s,end_s,scientific_name,common_name,score,latitude,longitude
a.wav,0,1,Coereba flaveola,Bananaquit,0.9,18.2,-66.5
a.wav,0.5,1.5,Todus mexicanus,Puerto Rican Tody,0.4,,
b.wav,0,1,Coereba flaveola,Bananaquit,0.6,,
lost.wav,0,1,Coereba flaveola,Bananaquit,0.5,,
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "sounds").mkdir()
    for name in ("a.wav", "b.wav", "c.wav"):
        soundfile.write(tmp_path / "sounds" / name, 0.1 * np.ones(3 * 8000), 8000)
    (tmp_path / "events.csv").write_text(TABLE)
    return tmp_path / "events.csv"


def asked(wishes: ReviewWishes, ask: Callable[[Callable[..., Any]], Any]) -> Any:
    """What ``ask`` makes of a function that gets what the page gets under a path with values."""
    with opened_review(wishes) as (app, _), served(app) as address:
        parts = urlsplit(address)

        def get(path: str, **values: object) -> Any:
            query = "&".join(f"{name}={quote(str(value))}" for name, value in values.items())
            connection = http.client.HTTPConnection(parts.netloc, timeout=30)
            connection.request("GET", f"{parts.path}{path}?{query}")
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            return json.loads(content) if "json" in str(answer.headers["content-type"]) else content

        return ask(get)


def listed(wishes: ReviewWishes, **values: object) -> list[tuple[str, float | None]]:
    """Names and scores of a list's rows."""

    def ask(get: Callable[..., Any]) -> list[tuple[str, float | None]]:
        made = get("list", view="events", **values)
        rows = get("rows", list=made["list"], **{"from": 0, "count": 100})
        return [(row["name"], row.get("score")) for row in rows]

    found: list[tuple[str, float | None]] = asked(wishes, ask)
    return found


def session(wishes: ReviewWishes) -> dict[str, Any]:
    found: dict[str, Any] = asked(wishes, lambda get: get("session"))
    return found


def test_scores_and_seeds(table: Path) -> None:
    assert len(listed(ReviewWishes(table))) == 4
    assert len(listed(ReviewWishes(table, min_score=0.5))) == 3
    assert listed(ReviewWishes(table), order="best")[0] == ("a.wav", 0.9)
    assert listed(ReviewWishes(table), species="Todus mexicanus") == [("a.wav", 0.4)]
    orders = {tuple(listed(ReviewWishes(table, seed=seed), order="drawn")) for seed in range(8)}
    assert len(orders) > 1


def test_a_blind_list_holds_no_suggestion(table: Path) -> None:
    assert {score for _, score in listed(ReviewWishes(table, blind=True), order="time")} == {None}
    refused = asked(ReviewWishes(table, blind=True), lambda get: get("list", view="events", order="best"))
    assert refused == {"error": "suggestions are hidden in this review"}
    found = session(ReviewWishes(table, blind=True))
    assert (found["species"], found["order"]) == ([], "time")


def test_recordings_are_found_in_their_folder(table: Path) -> None:
    def length(get: Callable[..., Any]) -> Any:
        made = get("list", view="events", order="listed")
        rows = get("rows", list=made["list"], **{"from": 0, "count": 4})
        return [get("item", key=row["key"]).get("length_s") for row in rows]

    assert asked(ReviewWishes(table), length) == [None] * 4
    assert asked(ReviewWishes(table, audio=table.parent / "sounds"), length) == [3.0, 3.0, 3.0, None]
    assert session(ReviewWishes(table))["views"]["recordings"] == 3
    assert session(ReviewWishes(table, audio=table.parent / "sounds"))["views"]["recordings"] == 4  # c.wav


def test_what_is_known_of_an_item(table: Path) -> None:
    def first(get: Callable[..., Any]) -> Any:
        made = get("list", view="events", order="listed")
        row = get("rows", list=made["list"], **{"from": 0, "count": 1})[0]
        return get("item", key=row["key"]), get("marks", file=row["file"], **{"from": 0, "to": 2})

    item, marks = asked(ReviewWishes(table, audio=table.parent / "sounds"), first)
    assert [(g["species"], g["score"]) for g in item["guesses"]] == [
        ("Coereba flaveola", 0.9),
        ("Todus mexicanus", 0.4),  # at the same time
    ]
    assert (item["latitude"], item["longitude"], item["sample_rate"]) == (18.2, -66.5, 8000)
    assert [mark["species"] for mark in marks["events"]] == ["Coereba flaveola", "Todus mexicanus"]


def test_names_come_from_the_model_or_a_list(table: Path, tmp_path: Path) -> None:
    birds = tmp_path / "birds.txt"
    birds.write_text("Turdus merula_Eurasian Blackbird\nBananaquit # by its common name\nMy own frog\n")
    names = {name: common for name, common, _ in asked(ReviewWishes(table), lambda get: get("names"))}
    assert len(names) > 30
    assert names["Todus mexicanus"] == "Puerto Rican Tody"
    few = asked(ReviewWishes(table, species_list=birds), lambda get: get("names"))
    assert [name[:2] for name in few] == [
        ["Coereba flaveola", "Bananaquit"],
        ["Todus mexicanus", "Puerto Rican Tody"],
        ["Turdus merula", "Eurasian Blackbird"],
        ["My own frog", ""],
    ]
    birds.write_text("# nothing\n")
    with pytest.raises(InputError, match="expected one species per line"):
        session(ReviewWishes(table, species_list=birds))


def test_tables_of_verdicts_and_other_formats(table: Path, tmp_path: Path) -> None:
    assert session(ReviewWishes(table))["table"] == str(tmp_path / "events.verdicts.csv")
    other = tmp_path / "other.csv"
    assert session(ReviewWishes(table, verdicts=other, reviewer="Ana"))["reviewer"] == "Ana"
    assert other.is_file()
    (tmp_path / "labels.txt").write_text("0.5\t1.5\tParus major\n")
    assert session(ReviewWishes(tmp_path / "labels.txt", table_format="audacity"))["views"]["events"] == 1
    with pytest.raises(InputError):
        session(ReviewWishes(table, table_format="raven"))


@pytest.mark.parametrize(
    "path",
    [
        *("list?view=other", "list?order=worst", "rows?list=9&from=0&count=1", "item?key=1"),
        *("marks?file=99&from=0&to=1", "marks?file=0&from=nan&to=1", "sound?file=0&from=0&to=0"),
        *(
            "sound?file=-1&from=0&to=1",
            "sound?file=0&from=0&to=1&slow=1e9",
            "sound?file=0&from=0&to=1&channel=x",
        ),
        *("spectrogram?file=0&from=0&to=1&columns=0", "spectrogram?file=0&from=0&to=1", "spectrogram?file=a"),
    ],
)
def test_questions_that_make_no_sense_are_answered_by_a_line(table: Path, path: str) -> None:
    name, _, query = path.partition("?")
    values = dict(part.split("=") for part in query.split("&"))
    found = asked(ReviewWishes(table, audio=table.parent / "sounds"), lambda get: get(name, **values))
    assert list(found) == ["error"]
    assert "Error" not in found["error"].split(":")[0]  # no name of an exception


def test_the_browser_is_opened_unless_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    done = threading.Event()
    monkeypatch.setattr(webbrowser, "open", lambda address: (opened.append(address), done.set()))
    said: list[str] = []

    def say(address: str) -> None:
        said.append(address)
        os.kill(os.getpid(), signal.SIGTERM)

    for browser in (False, True):
        serve(make_app([], page="review.html"), browser=browser, say=say)
    assert done.wait(10)
    assert opened == said[1:]


@pytest.mark.parametrize("module", ["starlette", "uvicorn"])
def test_what_is_not_installed_is_one_line(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("avianvox.errors.find_spec", lambda name: None if name == module else name)
    with pytest.raises(SystemExit) as ended:
        main(["review", str(tmp_path)])
    assert ended.value.code == 1
    expected = f"needs the package '{module}', which is not installed; install it with: pip install"
    assert capsys.readouterr().err.startswith(f"avianvox: avianvox review {expected}")
