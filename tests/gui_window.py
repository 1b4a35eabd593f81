"""A window that runs commands, and recordings for it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from test_desk import HERE, ask

from avianvox.tables.columns import HEADER, to_csv
from avianvox.types import Decision, Detection

ASKED = {"folder": "/sounds", "out": "/results", "by": "event", "model": ""}

ROWS = (
    Detection("/s/a.wav", begin_s=0.0, end_s=3.0, scientific_name="Parus major", common_name="Great Tit",
              score=0.9, decision=Decision.NAMED, decoded_s=9.0),
    Detection("/s/a.wav", begin_s=3.0, end_s=6.0, scientific_name="Parus major", common_name="Great Tit",
              score=0.8, decision=Decision.NAMED, decoded_s=9.0),
    Detection("/s/b.wav", begin_s=0.0, end_s=3.0, scientific_name="Turdus merula", score=0.2,
              decision=Decision.UNCERTAIN, decoded_s=9.0),
    Detection("/s/c.wav", decoded_s=9.0),
)  # fmt: skip


@pytest.fixture(name="table")
def table_fixture(tmp_path: Path) -> Path:
    path = tmp_path / "events.csv"
    path.write_text(HEADER + to_csv(ROWS))
    return path


N = 150


@pytest.fixture(name="sounds", scope="module")
def sounds_fixture(tmp_path_factory: pytest.TempPathFactory, synth_catalog_dir: Path) -> Path:
    """A folder with so many recordings that a run can be stopped among them."""
    folder = tmp_path_factory.mktemp("sounds")
    voices = sorted(synth_catalog_dir.rglob("*.flac"))
    for n in range(N):
        os.link(voices[n % len(voices)], folder / f"{n:03}.flac")
    return folder


def wait(done: Any, *, longest_s: float = 240.0) -> None:
    end = time.monotonic() + longest_s
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


class Window:
    """A server of the window in a process of its own, asked without a page."""

    def __init__(self, folder: Path, **more: str) -> None:
        environment = {**os.environ, "HOME": str(folder), "AVIANVOX_MODELS": str(folder / "models"), **more}
        command = [sys.executable, "-m", "avianvox", "gui", "--no-browser"]
        self.process = subprocess.Popen(command, env=environment, stdout=-1, stderr=-1, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        assert self.address.startswith("http://127.0.0.1:"), self.process.communicate()

    def get(self, path: str) -> Any:
        status, _, content = ask(self.address, path)
        assert status == 200, content
        return json.loads(content)

    def post(self, path: str, body: Any = None) -> Any:
        status, _, content = ask(self.address, path, method="POST", body=body or {}, **HERE)
        assert status in (200, 400)
        return json.loads(content)

    def end(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        self.process.communicate(timeout=120)
