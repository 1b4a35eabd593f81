"""The window in a real browser: choose, run, pause, resume, results, review, train; and a kill."""

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from browser import LAPTOP, TABLET
from gui_window import N, Window, sounds_fixture  # noqa: F401, fixture
from handmade_geo import geo_entries
from handmade_model import write_handmade

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

WAIT_MS = 240_000


@pytest.fixture
def windows(tmp_path: Path) -> Iterator[list[Window]]:
    """Servers that end with the test."""
    started: list[Window] = []
    yield started
    for window in started:
        window.end(signal.SIGKILL)


def opened(windows: list[Window], page: "Page", home: Path) -> Window:
    windows.append(Window(home))
    page.set_default_timeout(WAIT_MS)
    page.goto(windows[-1].address)
    page.locator("#new").wait_for()
    return windows[-1]


def state(page: "Page", text: str) -> None:
    page.locator("#state", has_text=text).wait_for()


def n_done(page: "Page") -> int:
    return int(page.inner_text("#count").split()[0].replace(",", ""))


def seen(page: "Page", n: int) -> int:
    """Wait until the page says that more than ``n`` files are done."""
    end = time.monotonic() + WAIT_MS / 1000
    while n_done(page) <= n:
        assert time.monotonic() < end
        page.wait_for_timeout(50)
    return n_done(page)


def list_is_late(route: "Route") -> None:
    """Answer that each run of the list still runs: the list may say so a moment longer than the run does."""
    answer = route.fetch()
    route.fulfill(response=answer, json=[{**run, "state": "running"} for run in answer.json()])


def begin(page: "Page", folder: Path) -> None:
    page.fill("#new-folder", str(folder))
    page.locator("#new summary").click()
    page.fill("[name=min_score]", "0.05")
    page.keyboard.press("Enter")
    page.locator("#run").wait_for()


def test_choose_run_pause_resume_results_review(
    page: "Page",
    windows: list[Window],
    tmp_path: Path,
    sounds: Path,
) -> None:
    night = tmp_path / "card" / "night"
    night.parent.mkdir()
    night.symlink_to(sounds)
    opened(windows, page, tmp_path)
    assert page.input_value("#new-model") == "caribbean_california"
    page.click("[data-browse=new-folder]")
    page.fill("#browse-path", str(night.parent))
    page.keyboard.press("Enter")
    page.locator("#browse-list button", has_text=night.name).wait_for()
    page.keyboard.press(night.name[0])
    page.keyboard.press("Enter")
    page.locator("#browse-about", has_text=f"{N} sound files in it").wait_for()
    page.click("#browse-choose")
    assert page.input_value("#new-folder") == str(night)
    assert page.input_value("#new-out") == str(tmp_path / "avianvox" / night.name)
    page.locator("#new summary").click()
    page.fill("[name=min_score]", "7")
    page.click("#new button.first")
    page.locator("#new .said", has_text="7.0 is not in the range").wait_for()
    page.fill("[name=min_score]", "0.05")
    page.click("#new button.first")
    page.locator("#run").wait_for()
    assert f"avianvox classify {night} --by event" in page.locator("#commands pre").text_content()  # type: ignore[operator]
    seen(page, 2)
    page.keyboard.press("p")
    state(page, "paused")
    before = n_done(page)
    assert 2 < before < N
    page.reload()
    state(page, "paused")
    page.keyboard.press("p")
    state(page, "done")
    assert page.inner_text("#count") == f"{N} of {N} files"
    assert page.locator(".kind").count() > 1
    page.locator("#list .row b").first.wait_for()
    table = tmp_path / "avianvox" / night.name / "events.csv"
    assert len({line.split(",")[0] for line in table.read_text().splitlines()[1:]}) == N
    for name, ending in (
        ("csv", "events.csv"),
        ("jsonl", "events.jsonl"),
        ("audacity", "events.audacity.zip"),
    ):
        page.select_option("#format", name)
        with page.expect_download() as coming:
            page.click("#download")
        assert coming.value.suggested_filename == ending
        if name == "csv":
            assert Path(coming.value.path()).read_bytes() == table.read_bytes()
    page.locator("#list").click()
    page.keyboard.press("r")
    page.locator("#reviewer").fill("Ana")
    page.keyboard.press("Enter")
    page.locator(".row[aria-selected=true]").wait_for()
    page.locator("#picture[aria-busy=false]").wait_for()
    page.keyboard.press("n")
    page.get_by_text("all on disk").wait_for()
    assert ",noise," in table.with_name("events.verdicts.csv").read_text()
    page.go_back()
    state(page, "done")


def test_a_killed_server_loses_nothing(
    page: "Page",
    windows: list[Window],
    tmp_path: Path,
    sounds: Path,
) -> None:
    window = opened(windows, page, tmp_path)
    begin(page, sounds)
    before = seen(page, 2)
    window.end(signal.SIGKILL)
    page.locator("#trouble", has_text="doesn't answer").wait_for()
    opened(windows, page, tmp_path)
    page.locator("#runs button").click()
    page.locator("#count", has_text=f"of {N} files").wait_for()
    assert before <= n_done(page) < N
    page.wait_for_function("document.querySelector('#runs .state').textContent === 'paused'")
    while not page.locator("#state", has_text="running").is_visible():  # the killed run may still be ending
        page.click("#resume")
        page.wait_for_timeout(500)
    state(page, "done")
    assert page.inner_text("#count") == f"{N} of {N} files"
    page.click("#quit")
    page.locator(".gone", has_text="has ended").wait_for()
    assert windows[-1].process.wait(60) == 0


def test_an_overview_is_drawn_and_shown(
    page: "Page", windows: list[Window], tmp_path: Path, synth_catalog_dir: Path
) -> None:
    opened(windows, page, tmp_path)
    begin(page, synth_catalog_dir)
    state(page, "done")
    page.click("#overview")
    page.wait_for_url("**/overview/")
    assert page.locator("h1").count() == 1
    page.go_back()
    state(page, "done")
    page.click("#overview")
    page.wait_for_url("**/overview/")


def test_a_file_that_fails_is_listed_and_a_place_goes_to_models_that_know_places(
    page: "Page", windows: list[Window], tmp_path: Path, synth_catalog_dir: Path
) -> None:
    shutil.copy(next(synth_catalog_dir.rglob("*.flac")), tmp_path / "good.flac")
    (tmp_path / "bad.flac").write_bytes(b"no sound")
    hear, geo = tmp_path / "models" / "hears.tflite", tmp_path / "models" / "travels.tflite"
    hear.parent.mkdir()
    write_handmade(hear)
    write_handmade(geo, others=geo_entries())
    opened(windows, page, tmp_path)
    place = page.locator("#new-place")
    for model, knows in (("hears", False), ("travels", True)):
        page.select_option("#new-model", model)
        assert place.locator("option[value=here]").is_enabled() == knows
    page.select_option("#new-place", "here")
    page.fill("[name=lat]", "18.2")
    page.fill("[name=lon]", "-66")
    page.fill("[name=date]", "2026-05-20")
    begin(page, tmp_path)
    state(page, "done")
    assert page.inner_text("#count") == "2 of 2 files, 1 failed"
    page.locator("#failures summary", has_text="1 file failed").click()
    page.locator("#failures li", has_text=str(tmp_path / "bad.flac")).wait_for()
    assert "--lat=18.2 --lon=-66 --date=2026-05-20" in (page.locator("#commands pre").text_content() or "")


@pytest.mark.slow
def test_a_model_is_trained_with_a_pause_and_names_species(
    page: "Page", windows: list[Window], tmp_path: Path, synth_catalog_dir: Path
) -> None:
    opened(windows, page, tmp_path)
    page.keyboard.press("Escape")
    page.click("#go-train")
    page.fill("#train-folder", str(synth_catalog_dir))
    page.select_option("#train-what", "avianvox_small")
    page.fill("#train [name=epochs]", "25")
    page.fill("#train-name", "caribbean_california")
    page.click("#train button.first")
    page.locator("#train .said", has_text="there is a model 'caribbean_california' already").wait_for()
    page.fill("#train-name", "voices")
    page.click("#train button.first")
    page.locator("#count", has_text="epoch ").wait_for()
    page.click("#pause")
    state(page, "paused")
    done = int(page.inner_text("#count").split()[1])
    assert 0 < done < 25
    assert page.locator("#curves svg").count() == 2
    page.click("#resume")
    page.route("**/runs", list_is_late)
    state(page, "done")
    log = (tmp_path / "avianvox" / "models" / "voices" / "train.log").read_text()
    assert [line.split("epoch ")[1].split("/")[0] for line in log.splitlines()] == [
        str(n + 1) for n in range(25)
    ]
    page.click("#use")
    page.locator("#new").wait_for()
    assert page.input_value("#new-model") == "voices"
    page.unroute("**/runs")
    begin(page, synth_catalog_dir)
    state(page, "done")
    assert page.locator(".kind", has_text="Sonospiza").count() == 1


@pytest.mark.parametrize("size", [LAPTOP, TABLET], ids=["laptop", "tablet"])
def test_everything_is_in_sight_and_in_reach_of_the_keyboard(
    page: "Page", windows: list[Window], tmp_path: Path, size: dict[str, int]
) -> None:
    page.set_viewport_size(size)  # type: ignore[arg-type]
    opened(windows, page, tmp_path)
    for form in ("new", "train"):
        page.click(f"#go-{form}")
        button = page.locator(f"#{form} button.first")
        button.scroll_into_view_if_needed()
        box = button.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size["width"]
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        reached = set()
        for _ in range(30):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
        assert {f"{form}-folder", f"{form}-out", "Start"} <= reached
    page.locator("#go-train").focus()
    page.keyboard.press("?")
    page.locator("#keys[open]").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.locator("#new").wait_for()


def test_a_page_of_another_origin_begins_nothing(page: "Page", windows: list[Window], tmp_path: Path) -> None:
    window = opened(windows, page, tmp_path)
    page.goto("data:text/html,<p>stranger")
    asked = json.dumps({"folder": os.sep, "out": str(tmp_path / "o"), "by": "event"})
    for kind in ("application/json", "text/plain"):
        answered = page.evaluate(
            "async ([url, body, kind]) => { try { const a = await fetch(url, {method: 'POST', body, headers: "
            "{'Content-Type': kind}}); return a.status; } catch { return 0; } }",
            [f"{window.address}classify", asked, kind],
        )
        assert answered == 0
    assert window.get("runs") == []
