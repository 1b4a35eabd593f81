"""The page of review in a real browser: several reviewers, what is hidden, and what is told at the end."""

import contextlib
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from review_served import (  # noqa: F401, fixtures
    SPECIES,
    WAIT_MS,
    Served,
    at,
    night_fixture,
    painted,
    saved,
    serve_fixture,
    show,
    told,
    write_events,
)

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_in_blind_mode_nothing_of_the_suggestions_reaches_the_page(
    page: "Page", serve: Callable[..., Served], night: Path
) -> None:
    write_events(night / "events.csv", 12)
    text = (night / "events.csv").read_text().replace("Todus mexicanus", "Mystax secretus")
    (night / "events.csv").write_text(text.replace("Puerto Rican Tody", "Secret Bird"))
    served = serve(night, "events.csv", "--reviewer", "Bo", "--blind")
    seen: list[tuple[str, str]] = []
    page.on("response", lambda answer: seen.append((answer.url, _text_of(answer))))
    show(page, served.address)
    assert page.locator("#accept").is_hidden()
    assert [o.text_content() for o in page.locator("#order option").all()] == [
        "by time",
        "drawn, for precision",
        "as in the table",
    ]
    page.keyboard.press("Enter")  # nothing to accept
    page.keyboard.press("o")
    page.keyboard.type("Vireo lat")
    page.keyboard.press("Enter")
    at(page, 1)
    line = told(night / "events.verdicts.csv", 1)[0]
    assert (line.blind, line.verdict, line.species) == (True, "other", ("Vireo latimeri",))
    assert (line.suggested, line.score) == (SPECIES[0][0], 0.5)
    told_names = [text for url, text in seen if "/names" not in url and "/static/" not in url]
    assert len(told_names) >= 5
    assert not any("ecret" in text or '"score"' in text for text in told_names)


def _text_of(answer: Any) -> str:
    if "json" not in answer.headers.get("content-type", ""):
        return ""
    with contextlib.suppress(Exception):  # of a page that has gone on
        return str(answer.text())
    return ""


def test_two_reviewers_have_answers_of_their_own(
    page: "Page", serve: Callable[..., Served], night: Path
) -> None:
    served = serve(night, "events.csv")
    page.goto(served.address)
    page.get_by_label("Name of the reviewer").wait_for(timeout=WAIT_MS)
    page.keyboard.type("Ana")
    page.get_by_role("button", name="Begin").click()
    at(page, 0)
    page.keyboard.press("Enter")
    at(page, 1)
    page.get_by_role("button", name="Ana", exact=True).click()
    page.get_by_label("Name of the reviewer").fill("Bo")
    page.get_by_role("button", name="Begin").click()
    at(page, 0)
    page.keyboard.press("n")
    at(page, 1)
    lines = told(night / "events.verdicts.csv", 2)
    assert [(v.reviewer, v.verdict.value, v.replaces) for v in lines] == [
        ("Ana", "accepted", ""),
        ("Bo", "noise", ""),
    ]


def test_the_overview_knows_what_was_verified(
    page: "Page", serve: Callable[..., Served], night: Path
) -> None:
    head, *rows = (night / "events.csv").read_text().splitlines()
    (night / "events.csv").write_text("\n".join([head, *sorted(rows)]) + "\n")  # as the overview wants them
    served = serve(night, "events.csv", "--reviewer", "Ana")
    show(page, served.address)
    page.keyboard.press("Enter")
    saved(page)
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Overview").click()
    season = opened.value
    season.get_by_role("heading", name="Overview of a season").wait_for(timeout=2 * WAIT_MS)
    assert "Coereba flaveola" in season.content()
    asked = season.evaluate("fetch('../session').then(() => 'answered', () => 'refused')")
    assert asked == "refused"  # what a command wrote asks the server for nothing
    page.goto(served.address + "overview/figures/../../session")
    assert "title" in page.content()
    page.goto(served.address + "overview/..%2f/overview.json")
    assert "not found" in page.content().lower()


def test_an_event_without_its_recording_can_be_passed_over(
    page: "Page", serve: Callable[..., Served], night: Path
) -> None:
    (night / "a.wav").unlink()
    served = serve(night, "events.csv", "--reviewer", "Ana")
    page.goto(served.address)
    at(page, 0)
    painted(page)
    for key in ("ArrowLeft", "+", "h", "f", "b", "Escape", " ", "2", "]", "Delete"):
        page.keyboard.press(key)
    page.keyboard.press("s")
    at(page, 1)
    page.locator("#facts", has_text="Maricao").wait_for(timeout=WAIT_MS)
    assert [v.verdict.value for v in told(night / "events.verdicts.csv", 1)] == ["skipped"]


def test_a_second_review_of_the_same_table_is_one_line(serve: Callable[..., Served], night: Path) -> None:
    served = serve(night, "events.csv")
    command = [sys.executable, "-m", "avianvox", "review", "events.csv", "--no-browser"]
    done = subprocess.run(command, cwd=night, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"avianvox: .*events\.verdicts\.csv: .* already; .*\n", done.stderr)
    assert served.end(signal.SIGINT).count("\n") == 1
    assert served.process.returncode == 0


def test_the_port_is_that_of_the_table(serve: Callable[..., Served], night: Path) -> None:
    """So that what a browser remembers for it is found again."""
    ports = []
    for _ in range(2):
        served = serve(night, "events.csv")
        ports.append(served.address.split("/")[2])
        served.end()
    assert ports[0] == ports[1]
