"""Hostile inputs for a while; longer by hand: ``python -m tests.fuzz --minutes 30``."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz.worker import _run

from avianvox.errors import InputError

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_no_hostile_input_does_harm(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--minutes", "0.7", "--keep", str(tmp_path / "failures")]
    command += ["--seconds-each", "60"]  # other tests may run beside it
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_counts_as_a_failure() -> None:
    def refuses() -> None:
        raise InputError("one line")

    class _Chatty(InputError):
        def __str__(self) -> str:
            return "two\nlines"

    def chatters() -> None:
        raise _Chatty

    def stumbles() -> None:
        raise RecursionError

    assert _run(lambda: None)[2] == _run(refuses)[2] == ""
    assert "not one line" in _run(chatters)[2]
    assert _run(stumbles)[2].startswith("RecursionError")
    assert _run(lambda: bytearray(200_000_000))[1] > 100
