"""Listening to a pipe: the same rows as from a file, as events end, and an end at any wish."""

import json
import shlex
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

from avianvox.cli.listen import listen
from avianvox.cli.main import main
from avianvox.inference.answers import answer_file
from avianvox.inference.classifier import Classifier
from avianvox.inference.question import Question
from avianvox.tables.columns import HEADER, from_csv

BEGIN = "2026-12-31T23:59:50.000-04:00"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_handmade(tmp_path_factory.mktemp("model") / "tones.tflite")


def test_the_rows_are_those_of_a_file_with_the_time_of_day(model: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "scene.wav", SCENE, RATE, subtype="FLOAT")
    answer = answer_file(Classifier.load(model), str(tmp_path / "scene.wav"), Question(by="event"))
    expected = list(from_csv([HEADER, *answer.rows.splitlines(keepends=True)]))
    code, rows, said = run(model, SCENE.tobytes(), "--begin", BEGIN, "--name", "garden")
    assert code == 0
    assert [row["scientific_name"] for row in rows] == ["Columba bassa", "Regulus altus", "Parus medius"]
    spans = [(row["begin_s"], row["end_s"], row["score"]) for row in rows]
    assert spans == [(row.begin_s, row.end_s, row.score) for row in expected]
    assert rows[0]["begin_time"] == BEGIN
    assert rows[1]["begin_time"] == "2027-01-01T00:00:10.805-04:00"  # 20.805 s: seven windows of 2.972 s
    assert {(row["path"], row["time_source"], row["status"]) for row in rows} == {("garden", "given", "ok")}
    assert said == "avianvox listen: 48.0 s of sound, 17 windows, 7 of them silent, 3 lines\n"
    _, _, said = run(model, tone(1000, 2.9).tobytes())
    assert said == "avianvox listen: 2.9 s of sound, 1 window, 1 line\n"


@pytest.mark.parametrize(
    ("options", "scale", "kind"), [("s16le", 32767, "<i2"), ("s32le", 2147483000, "<i4"), ("f32le", 1, "<f4")]
)
def test_formats_and_channels(options: str, scale: float, kind: str, model: Path) -> None:
    low, high = tone(1000, 6).astype(np.float64), tone(6000, 6).astype(np.float64)
    frames = (np.stack([low, high], axis=1) * scale).astype(kind)
    shared = ("--channels", "2", "--sample-format", options, "--by", "window", "-q")
    code, rows, said = run(model, frames.tobytes(), *shared, "--channel", "2")
    assert (code, said) == (0, "")
    assert {(row["scientific_name"], row["channel"]) for row in rows} == {("Regulus altus", 2)}
    assert len(rows) == 3
    _, rows, _ = run(model, frames.tobytes(), *shared, "--channel", "1")
    assert {row["scientific_name"] for row in rows} == {"Columba bassa"}


def test_options_change_what_is_written(model: Path) -> None:
    _, rows, _ = run(model, SCENE.tobytes(), "--gap", "15", "--exclude", "Middle Tit", "--min-length", "3")
    assert [row["scientific_name"] for row in rows] == ["Columba bassa", "Regulus altus"]
    _, rows, _ = run(model, SCENE.tobytes(), "--min-score", "1")
    assert rows == []
    _, rows, _ = run(model, SCENE.tobytes(), "--by", "window", "--overlap", "1.5", "--begin", BEGIN)
    assert len(rows) > 15


def test_an_event_is_written_in_the_silence_after_it(model: Path) -> None:
    with listening(model) as (process, pipe, out):
        pipe.write(np.concatenate((tone(1000, 6), SILENCE)).tobytes())
        row = json.loads(out.readline())  # the pipe is still open
        assert (row["scientific_name"], row["begin_s"], row["end_s"]) == ("Columba bassa", 0.0, 5.944)
        assert abs(time.time() - _seconds(row["end_time"])) < 60
        assert process.poll() is None


def _seconds(text: str) -> float:
    from datetime import datetime

    time_of_day = datetime.fromisoformat(text)
    assert time_of_day.tzinfo is not None
    return time_of_day.timestamp()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_the_last_event(number: signal.Signals, model: Path) -> None:
    with listening(model) as (process, pipe, out):
        pipe.write(np.concatenate((tone(1000, 6), tone(6000, 30))).tobytes())
        out.readline()  # the second event has begun
        process.send_signal(number)
        rest, said = out.read(), process.stderr.read() if process.stderr else b""
        assert process.wait(10) == 0
    assert [json.loads(line)["scientific_name"] for line in rest.splitlines()] == ["Regulus altus"]
    assert said.endswith(b"2 lines\n")


def test_a_reader_that_goes_away_ends_it(model: Path) -> None:
    with listening(model) as (process, pipe, out):
        out.close()
        with suppress(BrokenPipeError):  # it ends with the first row
            pipe.write(np.concatenate((tone(1000, 6), SILENCE)).tobytes())  # and then nothing more comes
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert process.stderr.read().count(b"\n") == 1  # the summary


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")
def test_memory_does_not_grow(model: Path) -> None:
    code = "import sys; from avianvox.cli.main import main\ntry: main(sys.argv[1:])\n"
    code += (
        "finally: print(*(line for line in open('/proc/self/status') if 'VmHWM' in line), file=sys.stderr)"
    )
    noise = np.random.default_rng(0).normal(0, 3000, 22050 * 60).astype("<i2").tobytes()
    options = ["listen", "-", "--rate", "22050", "--sample-format", "s16le", "-q", "--model", str(model)]
    peaks = []
    for minutes in (5, 25):
        command = [sys.executable, "-c", code, *options]
        done = subprocess.run(command, input=noise * minutes, capture_output=True, check=True)
        peaks.append(int(done.stderr.split()[1]))
    assert peaks[1] < peaks[0] + 5000  # kB, and 20 minutes are 53 MB


def test_what_goes_wrong_is_said(model: Path) -> None:
    code, _, said = run(model, b"")
    assert (code, said) == (
        1,
        "avianvox: no sound arrived; check the microphone, or the messages of the program before the pipe\n",
    )
    broken = tone(1000, 6)
    broken[100:110] = np.nan
    code, rows, said = run(model, broken.tobytes() + b"\0")
    assert (code, len(rows)) == (0, 1)
    assert "ended within a sample: check --channels and --sample-format" in said
    assert "10 samples not finite" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-", "--channels", "2", "--channel", "3"], "--channel 3: expected at most 2"),
        (["-", "--begin", "yesterday"], "--begin: expected a time such as 2026-05-01T04:30:00-04:00"),
        (["-", "--begin", "0001-01-01T00:00:00"], "--begin: expected a time such as"),
        (["-", "--begin", "9999-12-31T23:59:59-12:00"], "--begin: expected a time such as"),
        (["-", "--by", "window", "--gap", "3"], "--gap: only for events"),
        (["-", "--by", "window", "--multi-label"], "--multi-label: only for events"),
        (["-", "--gate-recall", "0.9"], "--gate-recall needs --gate"),
        (["-", "--overlap", "9"], "overlap: expected at least 0 and less than the model's window"),
    ],
)
def test_wrong_usage(
    arguments: list[str], words: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["listen", *arguments, "--model", str(model)])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_a_closed_input_is_said(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", None)  # as `avianvox listen - <&-` has it
    with pytest.raises(SystemExit) as ended:
        main(["listen", "-", "--model", str(model)])
    assert ended.value.code == 2
    assert "standard input is closed" in capsys.readouterr().err


def test_the_help_shows_calls_that_are_right() -> None:
    examples = [
        shlex.split(line)[2:] for line in str(listen.epilog).splitlines() if line.startswith("  avianvox")
    ]
    assert len(examples) == 5
    for arguments in examples:
        assert listen.make_context("listen", arguments).params["rate"] in (48000, 44100)
