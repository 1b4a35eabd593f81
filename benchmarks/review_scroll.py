"""How smoothly the page of review scrolls through many events, and how long a verdict takes to be on disk.

python benchmarks/review_scroll.py [--events 100000] [--seconds 5]
"""

import argparse
import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile
from playwright.sync_api import sync_playwright

from avianvox.desk.review.start import ReviewWishes, opened_review
from avianvox.desk.server import served
from avianvox.tables.columns import HEADER, to_csv
from avianvox.types import Detection

FRAMES = """(seconds) => new Promise((done) => {
    const times = [];
    const step = (now) => {
        times.push(now);
        if (now - times[0] < seconds * 1000) requestAnimationFrame(step);
        else done(times.slice(1).map((time, i) => time - times[i]));
    };
    requestAnimationFrame(step);
})"""
SCROLL = """(speed) => {
    const list = document.querySelector("#list");
    const step = () => { list.scrollTop += speed; window.scrolling = requestAnimationFrame(step); };
    step();
}"""


def show(name: str, frames: list[float]) -> None:
    slow = sum(frame > 50 for frame in frames)
    middle, late, worst = (np.percentile(frames, q) for q in (50, 95, 100))
    print(
        f"{name}: median {middle:.1f} ms, 95 % below {late:.1f} ms, longest {worst:.0f} ms, "
        f"{slow} above 50 ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        sound, table = Path(folder, "a.wav"), Path(folder, "events.csv")
        soundfile.write(sound, 0.1 * np.random.default_rng(0).standard_normal(60 * 22_050), 22_050)
        rows = (
            Detection(
                "a.wav",
                begin_s=n % 50 + n / 1e6,
                end_s=n % 50 + 3 + n / 1e6,
                scientific_name=f"Avis {n % 60}",
                score=n % 997 / 997,
            )
            for n in range(options.events)
        )
        with table.open("w") as file:
            file.write(HEADER)
            file.write(to_csv(rows))
        began = time.perf_counter()
        with opened_review(ReviewWishes(table, reviewer="Ana")) as (app, writer), served(app) as address:
            print(f"{options.events:,} events opened in {time.perf_counter() - began:.1f} s")
            with sync_playwright() as driver:
                chromium = shutil.which("chromium") or shutil.which("google-chrome")
                browser = driver.chromium.launch(
                    executable_path=chromium, args=["--headless", "--no-sandbox", "--disable-gpu"]
                )
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                page.goto(address)
                page.locator("#picture[aria-busy=false]").wait_for(timeout=60_000)
                page.keyboard.press("p")
                page.wait_for_timeout(1500)
                show("at rest", page.evaluate(FRAMES, options.seconds))
                for speed in (30, 300, 30_000):
                    page.evaluate(SCROLL, speed)
                    show(f"scrolled {speed:,} px a frame", page.evaluate(FRAMES, options.seconds))
                    page.evaluate("cancelAnimationFrame(window.scrolling)")
                    page.evaluate("document.querySelector('#list').scrollTop = 0")
                print(f"{page.locator('.row').count()} rows in the document")
                page.evaluate("document.querySelector('#list').scrollTop = 0")
                page.wait_for_timeout(500)
                began, n = time.perf_counter(), len(writer.verdicts)
                for _ in range(300):
                    page.keyboard.press("Enter")
                page.locator("#saved", has_text="all on disk").wait_for(timeout=60_000)
                n = len(writer.verdicts) - n
                print(
                    f"{n} verdicts by keys: {1000 * (time.perf_counter() - began) / n:.1f} ms each, on disk"
                )
                browser.close()


if __name__ == "__main__":
    main()
