"""A process of ``avianvox listen`` and something for it to hear: tones that the model of the tests knows."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

RATE = 32000


def tone(hz: float, seconds: float) -> np.ndarray:
    """At half of full scale, shape (n,), float32."""
    return np.float32(0.5) * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE).astype(
        np.float32
    )


SILENCE = np.zeros(12 * RATE, np.float32)
SCENE = np.concatenate((tone(1000, 9), SILENCE, tone(6000, 9), tone(3000, 6), SILENCE))


@contextmanager
def listening(model: Path, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes]]]:
    """A process that listens to a pipe; it is ended when the block ends."""
    command = [sys.executable, "-m", "avianvox", "listen", "-", "--model", str(model), "--rate", str(RATE)]
    pipe = subprocess.PIPE
    with subprocess.Popen([*command, *options], bufsize=0, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        patience = threading.Timer(60, process.kill)
        patience.start()
        try:
            yield process, process.stdin, process.stdout
        finally:
            patience.cancel()
            process.kill()


def run(model: Path, data: bytes, *options: str) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, rows and what was said."""
    with listening(model, *options) as (process, _, _):
        out, said = process.communicate(data)
    return process.returncode, [json.loads(line) for line in out.splitlines()], said.decode()
