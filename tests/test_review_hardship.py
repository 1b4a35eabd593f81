"""The page of review in a real browser: kills, strangers and long lists."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from review_served import WAIT_MS, Served, at, night_fixture, saved, serve_fixture, show, told, write_events  # noqa: F401, fixtures

from avianvox.verdicts.table import read_verdicts

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

if TYPE_CHECKING:
    from playwright.sync_api import Page


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
