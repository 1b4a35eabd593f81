"""The page of review in a real browser: keys, clicks, boxes and sound."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from review_served import (  # noqa: F401, fixtures
    SPECIES,
    WAIT_MS,
    Served,
    at,
    night_fixture,
    painted,
    place,
    saved,
    serve_fixture,
    show,
    told,
    write_sounds,
)

from avianvox.verdicts.standing import standing
from avianvox.verdicts.table import read_verdicts

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

if TYPE_CHECKING:
    from playwright.sync_api import Page


def drag(page: "Page", start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    page.mouse.move(*end)
    page.mouse.up()


def test_all_verdicts_by_keys(page: "Page", serve: Callable[..., Served], night: Path) -> None:
    served = serve(night, "events.csv", "--reviewer", "Ana")
    show(page, served.address)
    press = page.keyboard.press
    press("Enter")
    at(page, 1)
    press("u")
    at(page, 2)
    press("n")
    at(page, 3)
    press("s")
    at(page, 4)
    press("o")  # another species, by some letters of its common name
    page.keyboard.type("pue to")
    press("Enter")
    at(page, 5)
    press("o")  # several; one of them is what was suggested
    page.keyboard.type("tody")
    press(";")
    page.keyboard.type("Corvus corax")
    press("Enter")
    at(page, 6)
    press("n")
    at(page, 7)
    press("z")
    at(page, 6)
    press("c")
    page.keyboard.type("far away")
    press("Enter")
    press("a")
    at(page, 7)
    press("1")
    at(page, 8)
    saved(page)
    lines = told(night / "events.verdicts.csv", 10)
    words = [(v.verdict.value, v.species) for v in lines]
    assert words == [
        *(("accepted", ()), ("unsure", ()), ("noise", ()), ("skipped", ())),
        *(("other", ("Todus mexicanus",)), ("accepted", ("Corvus corax",))),
        *(("noise", ()), ("undone", ()), ("accepted", ()), ("accepted", ())),
    ]
    assert [v.note for v in lines if v.note] == ["far away"]
    assert lines[7].replaces == lines[6].id
    assert all(v.reviewer == "Ana" and not v.blind for v in lines)
    assert [v.suggested for v in lines[:3]] == [name for name, _ in SPECIES]
    assert all(v.seconds is not None and 0 < v.seconds < 60 for v in lines if v.verdict != "undone")
    assert page.locator("#count").text_content() is not None
    assert page.locator("#count").text_content().startswith("8 of 12 (66 %)")  # type: ignore[union-attr]
    assert served.end() == f"avianvox review: 10 lines added to {night / 'events.verdicts.csv'}\n"


def test_what_was_said_is_there_after_a_new_start(
    page: "Page", serve: Callable[..., Served], night: Path
) -> None:
    served = serve(night, "events.csv", "--reviewer", "Ana")
    show(page, served.address)
    page.keyboard.press("Enter")
    told(night / "events.verdicts.csv", 1)
    served.end()
    served = serve(night, "events.csv", "--reviewer", "Ana")
    show(page, served.address)
    at(page, 1)  # the first without an answer
    assert page.locator("#row-0 .mark").text_content() == "✓"
    page.locator("#state").select_option("done")
    page.locator("#verdict", has_text="Accepted: Puerto Rican Vireo").wait_for(timeout=WAIT_MS)
    assert page.locator(".row:visible").count() == 1
    page.locator("#state").select_option("open")
    page.locator("#row-10").wait_for(timeout=WAIT_MS)
    assert page.locator(".row:visible").count() == 11
    page.locator("#species").select_option("Todus mexicanus")
    page.locator("#name", has_text="Tody").wait_for(timeout=WAIT_MS)
    assert page.locator(".row:visible").count() == 4


def test_clicks_and_the_help(page: "Page", serve: Callable[..., Served], night: Path) -> None:
    served = serve(night, "events.csv", "--reviewer", "Ana")
    show(page, served.address)
    page.get_by_role("button", name="Keys").click()
    page.get_by_role("dialog").get_by_text("Noise: no animal voice").wait_for()
    page.keyboard.press("n")  # is for the page behind, and not heard
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Unsure").click()
    at(page, 1)
    page.locator("#row-4").click()
    at(page, 4)
    page.get_by_role("button", name="Name species").click()
    page.keyboard.type("viréo")
    page.locator("#completed").get_by_text("Puerto Rican Vireo").click()
    at(page, 5)
    page.get_by_role("group", name="Guesses").get_by_role("button").nth(1).click()
    at(page, 6)
    lines = told(night / "events.verdicts.csv", 3)
    assert [v.verdict.value for v in lines] == ["unsure", "other", "other"]
    assert lines[1].species == ("Vireo latimeri",)
    assert lines[2].species[0] != lines[2].suggested


def test_boxes_are_moved_resized_drawn_and_removed(
    page: "Page", serve: Callable[..., Served], night: Path
) -> None:
    served = serve(night, "events.csv", "--reviewer", "Ana")
    show(page, served.address)
    spot = functools.partial(place, page, begin_s=0.0, end_s=4.5)  # the event, and as much as it lasts around
    drag(page, spot(1.5, 0.5), spot(2.0, 0.5))  # its end
    drag(page, spot(1.0, 0.0), spot(1.0, 0.25))  # its top: 8 kHz are seen
    page.keyboard.press("Enter")
    at(page, 1)
    shown, moved = told(night / "events.verdicts.csv", 2)
    assert (shown.start_s, shown.end_s) == (0.0, 1.5)
    assert moved.replaces == shown.id
    assert moved.start_s == 0.0
    assert moved.end_s == pytest.approx(2.0, abs=0.02)
    assert moved.low_hz == pytest.approx(0, abs=100)
    assert moved.high_hz == pytest.approx(6000, abs=150)
    page.keyboard.press("ArrowUp")
    at(page, 0)
    page.locator("#verdict", has_text="Accepted").wait_for()
    page.locator("#facts", has_text="Maricao").wait_for()
    painted(page)
    page.keyboard.press("b")
    drag(page, spot(2.2, 0.2), spot(2.8, 0.6))
    page.keyboard.type("banana")
    page.keyboard.press("Enter")
    added = told(night / "events.verdicts.csv", 3)[2]
    assert (added.verdict, added.species, added.suggested) == ("added", ("Coereba flaveola",), "")
    assert (added.start_s, added.end_s) == (pytest.approx(2.2, abs=0.02), pytest.approx(2.8, abs=0.02))
    assert (added.low_hz, added.high_hz) == (pytest.approx(3200, abs=150), pytest.approx(6400, abs=150))
    drag(page, spot(2.5, 0.4), spot(2.6, 0.4))  # all of it
    changed = told(night / "events.verdicts.csv", 4)[3]
    assert (changed.replaces, changed.species) == (added.id, added.species)
    assert (changed.start_s, changed.end_s) == (pytest.approx(2.3, abs=0.02), pytest.approx(2.9, abs=0.02))
    page.keyboard.press("z")
    told(night / "events.verdicts.csv", 5)
    page.get_by_role("button", name="Remove the call").click()
    told(night / "events.verdicts.csv", 6)
    held = [word.verdict for word in standing(read_verdicts(night / "events.verdicts.csv"))]
    assert [v.verdict.value for v in held] == ["accepted"]


def test_recordings_are_annotated_from_nothing(
    page: "Page", serve: Callable[..., Served], tmp_path: Path
) -> None:
    folder = tmp_path / "calls"
    folder.mkdir()
    write_sounds(folder)
    (tmp_path / "birds.txt").write_text("Turdus merula_Eurasian Blackbird\nParus major\n# no bird\n")
    served = serve(tmp_path, "calls", "--species-list", "birds.txt")
    page.goto(served.address)
    page.get_by_label("Name of the reviewer").wait_for(timeout=WAIT_MS)
    page.keyboard.type("Ana")
    page.keyboard.press("Enter")
    at(page, 0)
    page.locator("#name", has_text="a.wav").wait_for()
    painted(page)
    spot = functools.partial(place, page, begin_s=0.0, end_s=20.0)
    drag(page, spot(2.0, 0.3), spot(3.0, 0.7))
    page.keyboard.type("black")
    page.keyboard.press("Enter")
    drag(page, spot(6.0, 0.3), spot(7.0, 0.7))
    page.keyboard.press("Enter")  # the same species again
    drag(page, spot(10.0, 0.3), spot(11.0, 0.7))
    page.keyboard.press("Escape")  # none after all
    page.keyboard.press("Enter")  # all calls of the recording are marked
    at(page, 1)
    page.locator("#name", has_text="b.wav").wait_for()
    page.keyboard.press("n")
    lines = told(tmp_path / "calls.verdicts.csv", 4)
    assert [v.verdict.value for v in lines] == ["added", "added", "other", "noise"]
    assert all(v.species == ("Turdus merula",) for v in lines[:3])
    assert [Path(v.file).name for v in lines] == ["a.wav", "a.wav", "a.wav", "b.wav"]
    assert (lines[2].start_s, lines[2].end_s, lines[2].reviewer) == (None, None, "Ana")
    at(page, 1)
    page.keyboard.press("k")
    page.locator("#name", has_text="a.wav").wait_for()
    page.reload()  # the calls are there again, and the name of the reviewer
    page.locator("#who", has_text="Ana").wait_for(timeout=WAIT_MS)


def test_sound_plays_and_is_slowed_down(page: "Page", serve: Callable[..., Served], night: Path) -> None:
    served = serve(night, "events.csv", "--reviewer", "Ana")
    with page.expect_response(lambda answer: "/sound?" in answer.url, timeout=WAIT_MS) as first:
        show(page, served.address)
    assert first.value.status == 206
    assert first.value.url.endswith("slow=1")
    page.get_by_role("button", name="Pause").wait_for(timeout=WAIT_MS)  # it plays by itself
    with page.expect_response(lambda answer: "slow=10" in answer.url, timeout=WAIT_MS) as slowed:
        for _ in range(3):
            page.keyboard.press("d")
    assert slowed.value.status == 206
    page.get_by_role("button", name="Pause").wait_for(timeout=WAIT_MS)
    page.keyboard.press(" ")
    page.locator("#play", has_text="Play").wait_for(timeout=WAIT_MS)
