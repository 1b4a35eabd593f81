"""A night of events, a review of it in a process of its own, and hands on its page."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from avianvox.verdicts.table import Verdict, read_verdicts

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


@pytest.fixture(name="night")
def night_fixture(tmp_path: Path) -> Path:
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


@pytest.fixture(name="serve")
def serve_fixture() -> Iterator[Callable[..., Served]]:
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
