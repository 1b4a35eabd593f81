"""The page of review in a real browser: keys, clicks, boxes, sound; kills, strangers and long lists."""

import contextlib
import functools
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from avianvox.verdicts.standing import standing
from avianvox.verdicts.table import Verdict, read_verdicts

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

if TYPE_CHECKING:
    from playwright.sync_api import Page

RATE = 16_000
SPECIES = (
    ("Vireo latimeri", "Puerto Rican Vireo"),
    ("Coereba flaveola", "Bananaquit"),
    ("Todus mexicanus", "Puerto Rican Tody"),
)
WAIT_MS = 30_000


def write_sounds(folder: Path) -> None:
    rng = np.random.default_rng(0)
    times = np.arange(20 * RATE) / RATE
    for name, hertz in (("a.wav", 2000), ("b.wav", 4000)):
        tone = 0.3 * np.sin(2 * np.pi * hertz * times) * (times % 2 < 1)
        soundfile.write(folder / name, tone + 1e-3 * rng.standard_normal(len(times)), RATE)


def write_events(path: Path, n: int) -> None:
    """Events of three species, one after the other, each with another score; the first the most uncertain."""
    lines = ["path,begin_s,end_s,site,scientific_name,common_name,score,decoded_s"]
    for k in range(n):
        begin_s = (k // 2) * 18 / n
        end_s = begin_s + 1.5 + k // 2 % 10 / 1000  # no two alike
        species, common = SPECIES[k % 3]
        place = f"{'ab'[k % 2]}.wav,{begin_s:.3f},{end_s:.3f},Maricao"
        lines.append(f"{place},{species},{common},{0.5 + 0.4 * k / n:.4f},20")
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def night(tmp_path: Path) -> Path:
    write_sounds(tmp_path)
    write_events(tmp_path / "events.csv", 12)
    return tmp_path


class Served:
    """A review that runs in a process of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "avianvox", "review", *arguments, "--no-browser"]
        self.process = subprocess.Popen(command, cwd=folder, stdout=-1, stderr=-1, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        assert self.address.startswith("http://127.0.0.1:"), self.process.communicate()

    def end(self, number: int = signal.SIGTERM) -> str:
        """What was said at the end."""
        self.process.send_signal(number)  # nothing happens where it has ended
        if self.process.stdout is None or self.process.stdout.closed:
            return ""
        return self.process.communicate(timeout=30)[1]


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    started: list[Served] = []

    def start(folder: Path, *arguments: str) -> Served:
        started.append(Served(folder, *arguments))
        return started[-1]

    yield start
    for one in started:
        one.end(signal.SIGKILL)


def show(page: "Page", address: str) -> None:
    """Open the page and wait for its first item with its picture."""
    page.goto(address)
    page.locator(".row[aria-selected=true]").wait_for(timeout=WAIT_MS)
    page.locator("#facts", has_text="Maricao").wait_for(timeout=WAIT_MS)
    painted(page)


def painted(page: "Page") -> None:
    page.locator("#picture[aria-busy=false]").wait_for(timeout=WAIT_MS)


def saved(page: "Page") -> None:
    page.get_by_text("all on disk").or_(page.get_by_text("the end of the list")).wait_for(timeout=WAIT_MS)


def at(page: "Page", index: int) -> None:
    page.locator(f"#row-{index}[aria-selected=true]").wait_for(timeout=WAIT_MS)


def told(path: Path, n: int) -> list[Verdict]:
    """The lines of a table, as soon as there are ``n``."""
    end = time.monotonic() + 30
    while True:
        found = read_verdicts(path) if path.exists() else []
        if len(found) >= n or time.monotonic() > end:
            assert len(found) == n
            return found
        time.sleep(0.05)


def place(page: "Page", seconds: float, share: float, *, begin_s: float, end_s: float) -> tuple[float, float]:
    """Where on the screen a moment is, at a share of the height of the spectrogram from above."""
    box = page.locator("canvas.marks").bounding_box()
    assert box is not None
    x = box["x"] + 46 + (seconds - begin_s) / (end_s - begin_s) * (box["width"] - 50)
    return x, box["y"] + 4 + share * (box["height"] - 28)


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
    page.get_by_role("button", name="Ana").click()
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


def test_a_thousand_verdicts_survive_a_kill(page: "Page", serve: Callable[..., Served], night: Path) -> None:
    write_events(night / "events.csv", 1000)
    served = serve(night, "events.csv", "--reviewer", "Ana")
    show(page, served.address)

    def decide(n: int, *, also: str = "u") -> None:
        for k in range(n):
            page.keyboard.press("Enter" if k % 3 else also)

    decide(450)
    served.process.kill()
    decide(60)
    served.process.wait()
    waiting = page.locator("#saved").text_content() or ""
    assert int(waiting.split()[0]) >= 60
    page.get_by_text("verdicts wait in this browser").wait_for(timeout=WAIT_MS)
    on_disk = {v.id for v in read_verdicts(night / "events.verdicts.csv")}
    served = serve(night, "events.csv", "--reviewer", "Ana")  # at the same port, with another token
    show(page, served.address)
    saved(page)
    lines = told(night / "events.verdicts.csv", 510)
    assert on_disk < {v.id for v in lines}
    while not (page.locator("#count").text_content() or "").startswith("1000 of"):
        decide(30, also="Enter")  # at the end of the list the same answer again, which changes nothing
    saved(page)
    lines = told(night / "events.verdicts.csv", 1000)
    assert len({v.id for v in lines}) == 1000
    assert len({v.event for v in lines}) == 1000
    assert all(not v.replaces for v in lines)


def test_a_submission_that_comes_twice_counts_once(
    page: "Page", serve: Callable[..., Served], night: Path
) -> None:
    served = serve(night, "events.csv", "--reviewer", "Ana")
    show(page, served.address)
    page.evaluate("""async () => {
        const real = window.fetch;
        window.fetch = async (path, options) => {
            if (path !== "verdicts") return real(path, options);
            await real(path, options);      // it arrives,
            window.fetch = real;
            throw new TypeError("lost");    // and its answer is lost
        };
    }""")
    page.keyboard.press("Enter")
    saved(page)
    page.locator("#count", has_text="1 of 12").wait_for(timeout=WAIT_MS)
    told(night / "events.verdicts.csv", 1)


class _Stranger(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>another page</title><body></body>")

    def log_message(self, *_: object) -> None: ...


TRY = """async (address) => {
    const tried = {};
    const attempt = async (name, make) => {
        try { tried[name] = await make(); } catch (error) { tried[name] = "refused"; }
    };
    const body = JSON.stringify({ reviewer: "Eve", verdicts: [{ id: "1", key: "0", verdict: "noise" }] });
    await attempt("read", async () => (await fetch(address + "session")).text());
    await attempt("blind read", async () => (await fetch(address + "session", { mode: "no-cors" })).text());
    await attempt("post", async () => (await fetch(address + "verdicts", { method: "POST", body })).text());
    await attempt("post json", async () => (await fetch(address + "verdicts",
        { method: "POST", body, headers: { "Content-Type": "application/json" } })).text());
    await attempt("blind post", async () => (await fetch(address + "verdicts",
        { method: "POST", body, mode: "no-cors" })).text());
    await attempt("script", () => new Promise((done, failed) => {
        const script = document.createElement("script");
        script.src = address + "static/ask.js";
        script.onload = () => done("loaded");
        script.onerror = failed;
        document.body.append(script);
    }));
    await attempt("frame", () => new Promise((done) => {
        const frame = document.createElement("iframe");
        frame.src = address;
        frame.onload = () => done(frame.contentDocument ? "read" : "refused");
        document.body.append(frame);
    }));
    return tried;
}"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_page_of_another_origin_can_neither_read_nor_post(
    host: str, page: "Page", serve: Callable[..., Served], night: Path
) -> None:
    """Also one that knows the token, and one that comes from this computer."""
    served = serve(night, "events.csv", "--reviewer", "Ana")
    stranger = HTTPServer(("127.0.0.1", 0), _Stranger)
    thread = threading.Thread(target=stranger.serve_forever, daemon=True)
    thread.start()
    try:
        statuses: dict[str, set[int]] = {}
        page.on("response", lambda a: statuses.setdefault(a.url.rpartition("/")[2], set()).add(a.status))
        page.goto(f"http://{host}:{stranger.server_port}/")
        tried = page.evaluate(TRY, served.address)
    finally:
        stranger.shutdown()
        stranger.server_close()
        thread.join()
    for name, result in tried.items():
        assert result in ("refused", ""), name  # "": an opaque answer, of which nothing can be read
    assert statuses.get("session", {403}) == {403}
    assert statuses.get("verdicts", {403}) == {403}
    assert read_verdicts(night / "events.verdicts.csv") == []


def test_a_hundred_thousand_events_scroll_in_a_few_elements(
    page: "Page", serve: Callable[..., Served], night: Path
) -> None:
    write_events(night / "events.csv", 100_000)
    served = serve(night, "events.csv", "--reviewer", "Ana")
    show(page, served.address)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    assert page.locator("#count").text_content() == "0 of 100000 (0 %)"
    page.locator("#list").hover()
    for _ in range(20):
        page.mouse.wheel(0, 2000)
        page.wait_for_timeout(10)
    page.wait_for_function("document.querySelector('#list').scrollTop > 30000")
    page.evaluate("document.querySelector('#list').scrollTop = 1e9")
    last = page.locator("#row-99999")
    last.wait_for(timeout=WAIT_MS)
    page.locator("#row-99999 i", has_text="0.90").wait_for(timeout=WAIT_MS)
    assert page.locator(".row").count() < 60
    rows = [url for url in asked if "/rows?" in url]
    assert 0 < len(rows) < 30  # pages of two hundred, and not all that flew by
    last.click()
    page.locator("#facts", has_text=".wav · 0:09.0").wait_for(timeout=WAIT_MS)
    page.keyboard.press("n")
    line = told(night / "events.verdicts.csv", 1)[0]
    assert line.score == pytest.approx(0.9, abs=1e-3)


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
