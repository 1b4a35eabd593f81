"""What follows an event that was heard live: rows in any format, clips and commands, with real processes."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
from handmade_model import write_handmade
from listen_process import RATE, SCENE, SILENCE, listening, run, tone

from avianvox.cli.main import main
from avianvox.tables.formats import read_table

BEGIN = ("--begin", "2026-05-01T05:00:00-04:00")
MILLISECOND = RATE // 1000  # to which rows give their seconds
NAMES = ["Columba bassa", "Regulus altus", "Parus medius"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_handmade(tmp_path_factory.mktemp("model") / "tones.tflite")


def clip_rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / "clips.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("piece_s", [0.01, 0.7, 100.0])
def test_clips_hold_the_event_and_what_is_around_it(piece_s: float, model: Path, tmp_path: Path) -> None:
    """However fast the sound comes: sample for sample that of the stream."""
    clips = tmp_path / "clips"
    options = ("--save-clips", str(clips), "--clip-before", "2", "--clip-after", "1.5", *BEGIN)
    with listening(model, *options) as (process, pipe, out):
        data, size = SCENE.tobytes(), 4 * round(piece_s * RATE)
        for at in range(0, len(data), size):
            pipe.write(data[at : at + size])
        pipe.close()
        rows = [json.loads(line) for line in out.read().splitlines()]
        assert process.stderr is not None
        said = process.stderr.read().decode()
        assert process.wait(20) == 0
    assert said.endswith("3 lines, 3 clips saved\n")
    found = clip_rows(clips)
    assert [row["scientific_name"] for row in found] == NAMES == [row["scientific_name"] for row in rows]
    for row, line in zip(found, rows, strict=True):
        sound, rate = soundfile.read(clips / row["file"], dtype="float32")
        begin_s = max(0.0, line["begin_s"] - 2)
        first, end = round(begin_s * RATE), round((line["end_s"] + 1.5) * RATE)
        assert rate == RATE
        assert abs(len(sound) - (end - first)) <= 2 * MILLISECOND
        assert any(
            np.abs(sound - SCENE[at : at + len(sound)]).max() <= 1 / 32768
            for at in range(max(0, first - MILLISECOND), first + MILLISECOND)
        )
        assert float(row["begin_s"]) == pytest.approx(line["begin_s"] - begin_s, abs=0.002)
        assert row["begin_time"] == line["begin_time"]
    assert found[1]["file"].startswith("20260501T050018.8")  # 20.8 s, and two seconds before


def test_a_long_event_has_a_clip_of_its_last_minute(model: Path, tmp_path: Path) -> None:
    sound = np.concatenate((tone(1000, 90), SILENCE))
    run(model, sound.tobytes(), "--save-clips", str(tmp_path), "--clip-format", "wav", "-q")
    (row,) = clip_rows(tmp_path)
    samples, _ = soundfile.read(tmp_path / row["file"])
    assert len(samples) / RATE == pytest.approx(3 + 60 + 3, abs=0.1)
    assert float(row["begin_s"]) == 0.0


def test_the_budget_holds_while_it_listens(model: Path, tmp_path: Path) -> None:
    call = np.concatenate((tone(1000, 6), SILENCE, tone(6000, 6), SILENCE))
    budget = 3_000_000
    options = ("--save-clips", str(tmp_path), "--clips-budget", "3MB", "--clip-format", "wav")
    _, rows, said = run(model, np.tile(call, 8).tobytes(), *options)
    assert len(rows) == 16
    assert "16 clips saved, " in said
    kept = [row["file"] for row in clip_rows(tmp_path)]
    assert sorted(kept) == sorted(path.name for path in tmp_path.glob("*.wav"))
    assert 2 <= len(kept) < 16
    assert sum(path.stat().st_size for path in tmp_path.glob("*.wav")) <= budget


def test_a_command_has_the_event_and_its_clip(model: Path, tmp_path: Path) -> None:
    script = tmp_path / "hook.py"
    script.write_text(
        "import json, os, sys\n"
        "event = json.load(sys.stdin)\n"
        "print('heard', event['scientific_name'])\n"
        "line = json.dumps([event, os.path.getsize(event['clip'])])\n"
        f"open({str(tmp_path / 'log')!r}, 'a').write(line + '\\n')\n"
        "sys.exit(os.environ['AVIANVOX_SCIENTIFIC_NAME'] == 'Regulus altus')\n"
    )
    command = f"{sys.executable} {script}"
    options = ("--on-event", command, "--on-event-jobs", "1", "--save-clips", str(tmp_path / "clips"))
    code, rows, said = run(model, SCENE.tobytes(), *options, *BEGIN)
    assert code == 0
    told = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [event["scientific_name"] for event, _ in told] == NAMES
    assert [{k: v for k, v in event.items() if k != "clip"} for event, _ in told] == rows
    assert all(size > 1000 for _, size in told)
    assert said.count("heard ") == 3  # on standard error: standard output is the table's
    assert (
        said.count("--on-event failed for Regulus altus at 2026-05-01T05:00:20.805-04:00: exit code 1") == 1
    )
    assert "3 clips saved, 3 commands run, 1 of them failed" in said


def test_a_slow_command_does_not_slow_listening(model: Path, tmp_path: Path) -> None:
    call = np.concatenate((tone(1000, 6), SILENCE))
    options = ("--on-event", "sleep 60", "--on-event-timeout", "2", "--on-event-jobs", "2")
    began = time.monotonic()
    with listening(model, *options) as (process, pipe, out):
        pipe.write(np.tile(call, 5).tobytes())
        for _ in range(5):
            out.readline()
        assert time.monotonic() - began < 40  # five of 60 s would not be done
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        said = process.stderr.read().decode()
        assert process.wait(20) == 0
    assert "waiting for " in said
    assert "it took longer than 2 s and was killed" in said or "killed at the end of listening" in said


def test_a_second_signal_kills_the_commands(model: Path, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    command = f"sh -c 'echo $$ > {pid}.part; mv {pid}.part {pid}; exec sleep 300'"
    with listening(model, "--on-event", command, "--on-event-timeout", "200") as (process, pipe, out):
        pipe.write(np.concatenate((tone(1000, 6), SILENCE)).tobytes())
        out.readline()
        end = time.monotonic() + 20
        while not pid.exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        line = b""
        while b"waiting for 1 command of --on-event, 200 s at most" not in line:
            line = process.stderr.readline()
            assert line
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == -signal.SIGINT
    while Path(f"/proc/{pid.read_text().strip()}").exists():
        assert time.monotonic() < end + 20
        time.sleep(0.02)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_a_kill_leaves_whole_clips_only(model: Path, tmp_path: Path) -> None:
    call = np.concatenate((tone(1000, 3), SILENCE[: 4 * RATE], tone(6000, 3), SILENCE[: 4 * RATE]))
    options = ("--save-clips", str(tmp_path), "--clips-budget", "2MB")
    for n in range(4):
        with listening(model, *options, *BEGIN) as (process, pipe, out):
            pipe.write(np.tile(call, 20).tobytes())
            for _ in range(3 + 5 * n):
                out.readline()
            process.send_signal(signal.SIGKILL)
            process.wait(20)
    run(model, tone(1000, 3).tobytes(), *options)  # the next one begins where that left off
    rows = clip_rows(tmp_path)
    there = {path.name for path in tmp_path.glob("*.flac")}
    assert there <= {row["file"] for row in rows}
    for row in rows:
        if row["file"] in there:
            assert (tmp_path / row["file"]).stat().st_size == int(row["bytes"])
            soundfile.read(tmp_path / row["file"])
    assert {path.name for path in tmp_path.iterdir()} - there == {"clips.csv", ".clips.lock"}
    assert sum(path.stat().st_size for path in tmp_path.glob("*.flac")) <= 2_000_000


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")
def test_memory_stays_flat_over_hours(model: Path, tmp_path: Path) -> None:
    """Fed as fast as it takes it, with events, clips and commands all the time."""
    code = "import sys; from avianvox.cli.main import main\ntry: main(sys.argv[1:])\n"
    code += (
        "finally: print(*(line for line in open('/proc/self/status') if 'VmHWM' in line), file=sys.stderr)"
    )
    call = np.concatenate((tone(1000, 3), SILENCE, tone(6000, 3), SILENCE))
    half_minute = (32000 * call).astype("<i2").tobytes()
    options = ["listen", "-", "--rate", str(RATE), "--sample-format", "s16le", "-q", "--model", str(model)]
    options += ["--save-clips", str(tmp_path), "--clips-budget", "2MB", "--on-event", "true"]
    env = {**os.environ, "MALLOC_ARENA_MAX": "1"}  # else each thread keeps some of its own
    peaks = []
    for half_minutes in (20, 240):
        with subprocess.Popen(
            [sys.executable, "-c", code, *options],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdin is not None
            assert process.stderr is not None
            for _ in range(half_minutes):
                process.stdin.write(half_minute)
            process.stdin.close()
            peaks.append(int(process.stderr.read().split()[-2]))
    # On a busy computer 64 pieces of 131 kB and 4 clips of some 1.5 MB wait, on an idle one none: two runs
    # may differ by 14 MB. Two hours of sound are 460 MB.
    assert peaks[1] < peaks[0] + 30_000  # kB


def test_rows_are_appended_and_survive_a_torn_end(model: Path, tmp_path: Path) -> None:
    table = tmp_path / "events.csv"
    for _ in range(2):
        code, printed, _ = run(model, SCENE.tobytes(), "--output", str(table), *BEGIN)
        assert (code, printed) == (0, [])
        with open(table, "ab") as file:
            file.write(b"half,a,row")
    run(model, SCENE.tobytes(), "--output", str(table), *BEGIN)
    assert [row.scientific_name for row in read_table(table)] == 3 * NAMES
    both = tmp_path / "both"
    run(model, SCENE.tobytes(), "--output", str(both), "--format", "csv,jsonl", *BEGIN)
    assert sorted(os.listdir(both)) == ["events.csv", "events.jsonl"]
    assert list(read_table(both / "events.csv")) == list(read_table(both / "events.jsonl"))
    assert len(list(read_table(both / "events.csv"))) == 3


def test_a_table_of_somebody_else_is_not_appended_to(model: Path, tmp_path: Path) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("date,what\n2026,egg\n")
    code, _, said = run(model, SCENE.tobytes(), "--output", str(table))
    assert code == 1
    assert said.startswith(f"avianvox: cannot append to {table}: there is a file that is no csv table")
    assert table.read_text() == "date,what\n2026,egg\n"


def test_formats_of_standard_output(model: Path) -> None:
    with listening(model, "--format", "csv", *BEGIN) as (process, _, _):
        out, _ = process.communicate(SCENE.tobytes())
    assert [row["scientific_name"] for row in csv.DictReader(out.decode().splitlines())] == NAMES
    with listening(model, "--format", "table", *BEGIN) as (process, _, _):
        out, _ = process.communicate(SCENE.tobytes())
    assert out.decode().splitlines()[0].startswith("2026-05-01 05:00:00  1.00  Columba bassa")


@pytest.mark.skipif(not hasattr(os, "forkpty"), reason="no terminals here")
def test_a_terminal_shows_readable_lines(model: Path, tmp_path: Path) -> None:
    """With the sound from a pipe and the rest on the terminal, as a person has it."""
    (tmp_path / "scene.raw").write_bytes(SCENE.tobytes())
    child, master = os.forkpty()
    if child == 0:
        os.dup2(os.open(tmp_path / "scene.raw", os.O_RDONLY), 0)
        command = [sys.executable, "-m", "avianvox", "listen", "-", "--rate", str(RATE), "-q"]
        os.execv(sys.executable, [*command, "--model", str(model), *BEGIN, "-o", str(tmp_path / "e.csv")])
    shown = b""
    with suppress(OSError):  # the other end is closed
        while chunk := os.read(master, 1 << 16):
            shown += chunk
    os.close(master)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    lines = shown.decode().replace("\r\n", "\n").splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("2026-05-01 05:00:00  1.00  Columba bassa")
    assert lines[0].endswith("Columba bassa (Low Dove), 8.9 s")
    assert len(list(read_table(tmp_path / "e.csv"))) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--format", "csv,jsonl"], "several formats need a folder; give --output"),
        (["--format", "raven"], "rows are written one by one, expected one of csv, jsonl, table"),
        (["--format", "exel"], "--format: expected one of csv, jsonl"),
        (["--output", "x.xlsx"], "rows are written one by one, expected one of csv, jsonl"),
        (["--output", "x.abc"], "'x.abc' has no known format"),
        (["--by", "window", "--on-event", "true"], "--on-event: only for events, not for --by window"),
        (["--by", "window", "--save-clips", "x"], "--save-clips: only for events, not for --by window"),
        (["--clips-budget", "1GB"], "--clips-budget: only with --save-clips"),
        (["--clip-before", "1", "--clip-after", "1"], "--clip-before, --clip-after: only with --save-clips"),
        (["--on-event-jobs", "1"], "--on-event-jobs: only with --on-event"),
        (["--on-event", "no-such-program"], "--on-event: no program 'no-such-program'"),
        (["--save-clips", "x", "--clips-budget", "lots"], "--clips-budget: expected a size such as 2GB"),
    ],
)
def test_wrong_usage(
    arguments: list[str],
    words: str,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["listen", "-", *arguments, "--model", str(model)])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_events_and_clips_are_as_long_as_the_call(model: Path, tmp_path: Path) -> None:
    """--narrow takes its boxes from the sound that goes by, as in classify."""
    hiss = np.float32(0.001) * np.random.default_rng(0).standard_normal(12 * RATE).astype(np.float32)
    scene = np.concatenate((hiss, hiss))
    scene[5 * RATE : 6 * RATE] += tone(6000, 1)
    clips = tmp_path / "clips"
    options = ("--min-score", "0.3", "--species-list", "Regulus altus", *BEGIN)
    _, wide, _ = run(model, scene.tobytes(), *options)
    saved = ("--save-clips", str(clips), "--clip-before", "1", "--clip-after", "1")
    code, narrow, _ = run(model, scene.tobytes(), *options, *saved, "--narrow", "4000-8000")
    assert code == 0
    assert wide[0]["end_s"] - wide[0]["begin_s"] > 2.5
    (row,) = [row for row in narrow if row["low_hz"] is not None]
    assert (row["begin_s"], row["end_s"]) == pytest.approx((5.0, 6.0), abs=0.1)
    assert row["low_hz"] < 6000 < row["high_hz"]
    assert row["begin_time"].startswith("2026-05-01T05:00:0")
    (clip,) = [clip for clip in clip_rows(clips) if float(clip["low_hz"] or 0)]
    sound, rate = soundfile.read(clips / clip["file"])
    assert len(sound) / rate == pytest.approx(3.0, abs=0.2)
    for options, says in (
        (("--narrow", "x-y"), "--narrow: expected all, two frequencies"),
        (("--narrow", "all", "--by", "window"), "--narrow: only for events, not for --by window"),
    ):
        code, _, said = run(model, b"", *options)
        assert (code, says in said) == (2, True)
