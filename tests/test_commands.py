"""A command for each event: what it is told, how it ends, and that it never stands in the way."""

import json
import os
import sys
import threading
import time
from pathlib import Path

import pytest

from avianvox.errors import InputError
from avianvox.tables.columns import COLUMNS
from avianvox.trigger import commands as module
from avianvox.trigger.commands import MOST_WAITING, Commands, read_command
from avianvox.types import Decision, Detection

ROW = Detection(
    "mic",
    begin_s=1.0,
    end_s=4.0,
    begin_time="2026-05-01T05:00:00.000-04:00",
    scientific_name="Parus major",
    common_name='a "great" tit; rm -rf $HOME',
    score=0.5,
    decision=Decision.NAMED,
)

SLEEPS = [sys.executable, "-c", "import time; time.sleep(60)"]


class Said(list[str]):
    def __call__(self, line: str) -> None:
        self.append(line)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def wait_for(condition: "threading.Event | object", seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)


def test_an_event_comes_as_json_and_as_variables(tmp_path: Path) -> None:
    code = (
        "import json, os, sys; event = json.load(sys.stdin)\n"
        f"named = {{k: v for k, v in os.environ.items() if k.startswith('AVIANVOX_')}}\n"
        f"open({str(tmp_path / 'got.json')!r}, 'w').write(json.dumps([event, named]))"
    )
    said = Said()
    commands = Commands(python(code), said)
    commands.put(ROW, Path("clips/a.flac"))
    commands.close()
    event, named = json.loads((tmp_path / "got.json").read_text())
    assert list(event) == [*COLUMNS, "clip"]
    assert (event["scientific_name"], event["score"], event["begin_s"]) == ("Parus major", 0.5, 1.0)
    assert event["clip"] == named["AVIANVOX_CLIP"] == os.path.abspath("clips/a.flac")
    assert event["low_hz"] is None
    assert {f"AVIANVOX_{name.upper()}" for name in COLUMNS} <= set(named)
    assert named["AVIANVOX_COMMON_NAME"] == ROW.common_name  # no shell has seen it
    assert (named["AVIANVOX_SCORE"], named["AVIANVOX_LOW_HZ"]) == ("0.5000", "")
    assert (commands.n_done, commands.n_failed) == (1, 0)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (python("raise SystemExit(3)"), "exit code 3"),
        (python("import os; os.kill(os.getpid(), 11)"), "ended by signal 11 (SIGSEGV)"),
        (["./no-such-program"], "it cannot be run: No such file or directory"),
    ],
)
def test_a_failure_is_one_line_and_is_counted(command: list[str], why: str) -> None:
    said = Said()
    commands = Commands(command, said)
    commands.put(ROW)
    commands.close()
    assert said[-1] == f"--on-event failed for Parus major at {ROW.begin_time}: {why}"
    assert (commands.n_done, commands.n_failed) == (0, 1)
    assert commands.summary() == ["1 command run", "1 of them failed"]


def test_one_that_ignores_its_input_is_no_failure() -> None:
    commands = Commands(python("import sys; sys.stdin.close()"), Said())
    for _ in range(5):
        commands.put(ROW)
    commands.close()
    assert (commands.n_done, commands.n_failed) == (5, 0)


@pytest.mark.skipif(os.name == "nt", reason="process groups")
def test_one_that_takes_too_long_is_killed_with_what_it_began(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"child = subprocess.Popen({SLEEPS!r}); open({str(pid)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(60)"
    )
    said = Said()
    commands = Commands(python(code), said, timeout_s=3.0)
    commands.put(ROW)
    wait_for(lambda: commands.n_failed)
    assert said == [
        f"--on-event failed for Parus major at {ROW.begin_time}: it took longer than 3 s and was killed"
    ]
    wait_for(lambda: not _alive(int(pid.read_text())))
    commands.close()


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_queue_is_bounded_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    running: list[int] = []
    most: list[int] = []

    def run(self: Commands, row: Detection, clip: Path | None) -> str:
        running.append(1)
        most.append(len(running))
        go.wait(30)
        running.pop()
        return ""

    monkeypatch.setattr(Commands, "_run", run)
    said = Said()
    commands = Commands(["x"], said, at_once=3)
    for _ in range(3):
        commands.put(ROW)
    wait_for(lambda: len(running) == 3)
    for _ in range(MOST_WAITING + 10):
        commands.put(ROW)
    assert said == [f"--on-event is too slow: {MOST_WAITING} events wait; no command for the next ones"]
    go.set()
    commands.close()
    assert (commands.n_done, commands.n_dropped, max(most)) == (MOST_WAITING + 3, 10, 3)
    assert commands.summary() == [f"{MOST_WAITING + 3} commands run", "10 events without a command"]


def test_at_the_end_there_is_one_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    said = Said()
    commands = Commands(SLEEPS, said, timeout_s=0.5, at_once=1)
    monkeypatch.setattr(module, "_GRACE_S", 5.0)
    commands._timeout_s = 60.0  # of a run; what runs is killed at the end all the same
    for _ in range(4):
        commands.put(ROW)
    wait_for(lambda: len(commands._running) == 1)
    threading.Timer(2.5, commands.kill).start()
    commands.close()
    assert said[0] == "waiting for 4 commands of --on-event, 60 s at most"
    assert said[1:] == [
        f"--on-event failed for Parus major at {ROW.begin_time}: killed at the end of listening"
    ]
    assert (commands.n_failed, commands.n_dropped) == (1, 3)


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "an empty one"), ("sh 'x", "No closing quotation"), ("no-such-program -x", "no program")],
)
def test_what_is_no_command(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_command(text)


@pytest.mark.skipif(os.name == "nt", reason="its programs take a line apart")
def test_a_command_is_words_and_no_shell() -> None:
    assert read_command("sh -c 'echo $X; y' \"a b\"") == ["sh", "-c", "echo $X; y", "a b"]
