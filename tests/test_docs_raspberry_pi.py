"""The recipe for a Raspberry Pi: its unit is valid, its command is ours, its script runs."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from handmade_model import write_handmade
from listen_process import RATE, SCENE

from avianvox.cli.listen import listen
from avianvox.cli.main import main
from avianvox.tables.formats import read_table

PAGE = (Path(__file__).parents[1] / "docs" / "raspberry-pi.md").read_text(encoding="utf-8")


def block(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```", PAGE, flags=re.DOTALL)
    assert found is not None, name
    return found[1]


def exec_start() -> list[str]:
    (line,) = re.findall(r"^ExecStart=(.*)$", block("unit"), flags=re.MULTILINE)
    program, command, *arguments = shlex.split(line)
    assert (program, command) == ("/opt/avianvox/bin/avianvox", "listen")
    return arguments


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_the_unit_is_valid(tmp_path: Path) -> None:
    unit = tmp_path / "avianvox.service"
    text = (
        block("unit")
        .replace("/opt/avianvox/bin/avianvox", sys.executable)
        .replace("User=avianvox", "User=root")
    )
    unit.write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True
    )
    said = [line for line in done.stderr.splitlines() if "avianvox" in line]
    assert (done.returncode, said) == (0, [])


def test_the_times_of_the_unit_fit_the_command() -> None:
    values = dict(re.findall(r"^(\w+)=(.*)$", block("unit"), flags=re.MULTILINE))
    assert values["Type"] == "notify"
    timeout = next(param for param in listen.params if param.name == "on_event_timeout_s").default
    assert timeout < int(values["TimeoutStopSec"])
    assert "clips" in exec_start()


def test_the_command_of_the_unit_and_the_script_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With sound from a pipe in place of the microphone, and a camera that writes what it is told."""
    monkeypatch.chdir(tmp_path)
    model = write_handmade(tmp_path / "tones.tflite")
    script = block("hook").replace("Setophaga angelae", "Regulus altus")
    Path("on_event.sh").write_text(script)
    Path("on_event.sh").chmod(0o755)
    Path("photos").mkdir()
    camera = tmp_path / "bin" / "rpicam-still"
    camera.parent.mkdir()
    camera.write_text('#!/bin/sh\necho "$@" > "$3"\n')
    camera.chmod(0o755)
    monkeypatch.setenv("PATH", f"{camera.parent}{os.pathsep}{os.environ['PATH']}")
    arguments = ["-" if word == "USB" else word for word in exec_start()]
    arguments[arguments.index("48000")] = str(RATE)
    arguments += ["--model", str(model), "--on-event", "./on_event.sh"]
    for n in (1, 2):  # the second one goes on with the same files, as after a reboot
        command = [sys.executable, "-m", "avianvox", "listen", *arguments]
        done = subprocess.run(command, input=SCENE.tobytes(), capture_output=True, timeout=100)
        assert (done.returncode, done.stderr, done.stdout) == (0, b"", b"")
        rows = list(read_table("events.csv"))
        assert len(rows) == 3 * n
        assert {(row.path, row.site) for row in rows} == {("garden", "garden")}
        clips = [Path(row.path) for row in read_table("clips/clips.csv")]
        assert len(clips) == 3 * n
        assert all(clip.exists() for clip in clips)
    heard = sorted(Path("heard.txt").read_text().splitlines())  # two at a time: in any order
    assert len(heard) == 4
    told = sorted(row.begin_time for row in rows if row.scientific_name != "Regulus altus")
    assert [line.split(" ")[0] for line in heard] == told
    assert all(line.endswith(".flac") for line in heard)
    assert list(Path("photos").glob("*.jpg"))


def test_back_at_the_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of the page, on a copy of the folder in which nothing lies where it did."""
    monkeypatch.chdir(tmp_path)
    model = write_handmade(tmp_path / "tones.tflite")
    command = [sys.executable, "-m", "avianvox", "listen", "-", "--rate", str(RATE), "--model", str(model)]
    options = ["--output", "pi/events.csv", "--save-clips", "pi/clips"]
    Path("pi").mkdir()
    subprocess.run([*command, *options], input=SCENE.tobytes(), check=True, stderr=subprocess.DEVNULL)
    Path("pi").rename("garden")
    text = PAGE.split("## Back at the desk")[1].split("```")[1]
    lines = [line for line in text.strip().splitlines() if line.startswith("avianvox")]
    assert len(lines) == 3
    for line in lines:
        with pytest.raises(SystemExit) as ended:
            main(shlex.split(line)[1:])
        assert ended.value.code == 0, line
    assert len(list(Path("check").rglob("*.wav"))) == 3
    assert len(list(read_table("selections"))) == 3
