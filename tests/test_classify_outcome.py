"""``avianvox classify``: tables of others, logs, refusals, failures and interrupts."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from classify_night import HIGH, LOW, RATE, model_fixture, night_fixture, rows, run_fixture, tone  # noqa: F401, fixtures


def test_tables_of_other_programs_are_written(run, night: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    labels = tmp_path / "labels"
    done = run(night.parent, "--by", "event", "--format", "raven", "--output", labels)
    assert done.exit_code == 0
    (table,) = labels.iterdir()
    text = table.read_text()
    assert table.name == "20260430_235955.avianvox.selections.txt"
    assert "Begin Time (s)\tEnd Time (s)" in text
    assert text.count(HIGH) == 1
    lines = tmp_path / "events.jsonl"
    run(night, "--by", "event", "--output", lines)
    assert [json.loads(line)["scientific_name"] for line in lines.read_text().splitlines()] == [LOW, HIGH]
    refused = run(night, "--format", "raven")
    assert (refused.exit_code, "give --output" in refused.stderr) == (2, True)
    unknown = run(night, "--format", "excel")
    assert (unknown.exit_code, "expected one of csv" in unknown.stderr) == (2, True)


def test_a_log_file_tells_the_story(run, night: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (night.parent / "bad.wav").write_text("no sound")
    log = tmp_path / "log.txt"
    for n in (1, 2):
        done = run(night.parent, "--format", "csv", "--log-file", log, "--quiet")
        assert done.exit_code == 3
        assert done.stderr.count("\n") == 1
        lines = log.read_text().splitlines()
        assert len(lines) == 6 * n
    assert [line.split(" ", 1)[1].split(":")[0] for line in lines[:2]] == ["begin", "failed"]
    assert "2 files, 54.0 s of sound, 1 failed" in log.read_text()
    assert "cannot write" in str(run(night, "--log-file", tmp_path).exception)


def test_contradictions_are_refused(run, night: Path) -> None:  # type: ignore[no-untyped-def]
    for options in (
        ("--resume",),
        ("--by", "event", "--top", 2),
        ("--by", "hour", "--format", "raven", "--output", "x"),
        ("--by", "event", "--smooth", 2),
        ("--timezone", "Mars/Olympus"),
        ("--jobs", 2, "--scheduler", "tcp://127.0.0.1:1"),
        ("--gap", 1),
        ("--by", "window", "--leave", 0.3),
        ("--smooth", 1),
        ("",),
    ):
        assert run(night, *options).exit_code == 2, options
    assert run(night, "--by", "day", "--gap", 1).exit_code == 0


def test_an_output_that_cannot_become_the_table_is_refused_at_once(run, night: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Not after a night of reading."""
    (tmp_path / "taken").write_text("mine")
    sound = night.read_bytes()
    for form, output, words in (
        ("csv", night, "this command reads this file"),
        ("csv", night.parent, "it is a folder"),
        ("raven", tmp_path / "taken", "it is a file and raven needs a folder"),
        ("csv", tmp_path / "absent" / "a.csv", "the folder does not exist"),
    ):
        refused = run(night, "--format", form, "--output", output)
        assert words in str(refused.exception), output
    two = run(night, tmp_path / "absent.wav", "--format", "audacity", "--output", tmp_path / "a.txt")
    assert (two.exit_code, "holds one recording" in two.stderr) == (2, True)
    assert night.read_bytes() == sound
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recorder", "taken"]
    assert list(night.parent.iterdir()) == [night]


def test_what_a_resumed_run_leaves_out_is_said(run, night: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    other = night.with_name("other.wav")
    soundfile.write(other, tone(500, 6), RATE)
    out = tmp_path / "a.csv"
    assert "earlier run" not in run(night, "--output", out).stderr
    assert "earlier run" not in run(night, other, "--output", out, "--resume").stderr
    absent = tmp_path / "absent.wav"
    less = run(other, absent, "--output", out, "--resume").stderr
    assert "left out: earlier results of 1 file that changed or are not in PATHS now" in less
    assert "earlier run" not in run(other, absent, "--output", out, "--resume").stderr


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes")
def test_names_of_any_bytes_go_through_log_and_table(run, night: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    bad, odd = night.with_name("a\udcff.wav"), night.with_name("b\n\x1b[31m.wav")
    bad.write_text("no sound")
    night.rename(odd)
    done = run(odd, bad, "--log-file", tmp_path / "log.txt")
    assert done.exit_code == 3
    assert f"{night.parent}/b\\n\\u001b[31m.wav  (" in done.stdout
    assert f"failed: {night.parent}/a�.wav: undecodable" in done.stderr
    assert f"failed: {night.parent}/a�.wav: undecodable" in (tmp_path / "log.txt").read_text("utf-8")


def test_a_folder_that_may_not_be_read_is_not_called_empty(  # type: ignore[no-untyped-def]
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "locked").mkdir()
    assert "empty: no sound files in this folder" in run(tmp_path / "locked").stderr
    monkeypatch.setattr("os.access", lambda *_: False)  # root may read everything
    assert "locked: missing: no permission to read this folder" in run(tmp_path / "locked").stderr


def test_a_file_that_no_run_left_is_not_replaced(run, night: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    mine = tmp_path / "mine.csv"
    mine.write_text("x")
    refused = run(night, "--output", mine)
    assert str(refused.exception).startswith(
        f"cannot write {mine}: there is a file that no run left; move it"
    )
    assert mine.read_text() == "x"
    mine.write_text("")  # a name that a program reserved
    assert run(night, "--output", mine).exit_code == 0
    assert run(night, "--output", mine).exit_code == 0


def test_a_low_sample_rate_is_told_at_the_end(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    soundfile.write(tmp_path / "low.wav", 0.1 * np.random.default_rng(0).standard_normal(16000), 8000)
    said = run(tmp_path / "low.wav", "--format", "csv")
    assert "too low a sample rate for the model in 1 file; names may be wrong" in said.stderr
    assert "there is nothing above 4 kHz in it" in said.stdout


def test_a_full_disk_of_a_log_is_named(run, night: Path) -> None:  # type: ignore[no-untyped-def]
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    refused = run(night, "--log-file", "/dev/full")
    assert str(refused.exception).startswith("cannot write /dev/full: the disk is full")


def test_of_many_failures_the_first_are_listed_and_the_rest_counted(run, night: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    absent = [tmp_path / f"{n:02}.wav" for n in range(30)]
    options = (*absent, "--output", tmp_path / "a.csv", "--quiet")
    for resume in ((), ("--resume",)):
        done = run(*options, *resume)
        lines = done.stderr.splitlines()
        assert (done.exit_code, len(lines)) == (3, 21)
        assert lines[19].endswith("19.wav: missing: no such file")
        assert lines[20] == f"failed: and 10 more, each in {tmp_path / 'a.csv.ledger.jsonl'}"


def test_a_request_to_end_keeps_what_is_finished(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sounds"
    folder.mkdir()
    for i in range(40):
        soundfile.write(folder / f"{i:02}.wav", tone(300 + 100 * i, 30), RATE)
    out = tmp_path / "out.csv"
    command = [
        sys.executable,
        "-m",
        "avianvox",
        "classify",
        str(folder),
        "--model",
        str(model),
        "-o",
        str(out),
    ]
    process = subprocess.Popen([*command, "--jobs", "2"], stderr=subprocess.PIPE, text=True)
    ledger = tmp_path / "out.csv.ledger.jsonl"
    while not ledger.exists() or ledger.read_bytes().count(b"\n") < 4:
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (
        1,
        "avianvox: interrupted; with --output, --resume goes on from what is finished\n",
    )
    assert not out.exists()
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True)
    assert (done.returncode, "of them read before" in done.stderr) == (0, True)
    assert len(out.read_text().splitlines()) == 1 + 3 * 40


@pytest.mark.parametrize("statuses", [["ok", "silent"], ["silent", "ok"]])
def test_a_dead_microphone_is_no_silent_file(run, tmp_path: Path, statuses: list[str]) -> None:  # type: ignore[no-untyped-def]
    path, out = tmp_path / "stereo.wav", tmp_path / "out.csv"
    heard = {"ok": tone(500, 6), "silent": np.zeros(6 * RATE)}
    soundfile.write(path, np.stack([heard[status] for status in statuses], axis=1), RATE)
    assert run(path, "--channels", "each", "--top", 1, "--output", out).exit_code == 0
    assert [row["status"] for row in rows(out.read_text())] == statuses
    entry = json.loads((tmp_path / "out.csv.ledger.jsonl").read_text().splitlines()[1])
    assert (entry["status"], entry["n_windows"], entry["n_silent"]) == ("ok", 6, 3)
    first, *shown = run(path, "--channels", "each", "--top", 1).stdout.splitlines()
    assert first == f"{path}  (6.0 s)"
    assert f"    channel {1 + statuses.index('silent')}  silent" in shown
    assert len(shown) == 2


@pytest.mark.parametrize("by", ["recording", "night"])
def test_channels_that_cancel_are_in_the_summary(run, tmp_path: Path, by: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "antiphase.wav"
    soundfile.write(path, np.stack([tone(500, 6), -tone(500, 6)], axis=1), RATE)
    said = run(path, "--by", by, "--format", "csv").stderr
    assert "the channels cancel each other in 1 file; --channels 1 reads one of them alone" in said
    assert "cancel" not in run(path, "--by", by, "--format", "csv", "--channels", 2).stderr


def test_a_run_that_read_nothing_anew_has_no_speed(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for hz in (500, 600):
        soundfile.write(tmp_path / f"{hz}.wav", tone(hz, 3), RATE)
    out = tmp_path / "out.csv"
    assert "times real time" in run(tmp_path / "500.wav", tmp_path / "600.wav", "--output", out).stderr
    again = run(tmp_path / "500.wav", tmp_path / "600.wav", "--output", out, "--resume").stderr
    assert "2 files (2 of them read before)" in again
    assert "times real time" not in again
    other = run(tmp_path / "500.wav", "--output", out, "--resume", "--site", "Cerro")
    assert "(site was none and is Cerro)" in other.stderr


def test_a_bad_file_still_tells_its_time(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "20260430_235955.WAV").write_text("no sound")
    (row,) = rows(run(tmp_path, "--format", "csv", "--timezone", "UTC").stdout)
    assert (row["status"], row["begin_time"]) == ("undecodable", "2026-04-30T23:59:55.000+00:00")
