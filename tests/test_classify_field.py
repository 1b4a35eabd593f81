"""``avianvox classify`` in the field: events, hours, species lists, channels, clocks, ledgers and logs."""

import csv
import io
import json
import math
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from handmade_model import write_handmade

from avianvox.cli.main import cli
from avianvox.inference.calibration import Calibration, LevelCalibration
from avianvox.modelfile import read_model_file, write_model_file

RATE = 22050
LOW, MIDDLE, HIGH = "Columba bassa", "Parus medius", "Regulus altus"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_handmade(tmp_path_factory.mktemp("model") / "model.tflite")


def tone(hz: float, seconds: float) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """A low voice, silence and a high voice, 18 s each, five seconds before an hour ends."""
    path = tmp_path / "recorder" / "20260430_235955.WAV"
    path.parent.mkdir()
    soundfile.write(path, np.concatenate([tone(500, 18), np.zeros(18 * RATE), tone(6000, 18)]), RATE)
    return path


@pytest.fixture
def run(model: Path):  # type: ignore[no-untyped-def]
    def invoke(*arguments: object) -> Result:
        return CliRunner().invoke(cli, ["classify", "--model", str(model), *map(str, arguments)])

    return invoke


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_events_say_when(run, night: Path) -> None:  # type: ignore[no-untyped-def]
    found = rows(run(night, "--by", "event", "--format", "csv", "--timezone", "-04:00").stdout)
    assert [row["scientific_name"] for row in found] == [LOW, HIGH]
    low, high = found
    assert (low["begin_s"], low["begin_time"]) == ("0.000", "2026-04-30T23:59:55.000-04:00")
    assert float(low["end_s"]) == pytest.approx(18, abs=3)
    assert float(high["begin_s"]) == pytest.approx(36, abs=3)
    assert high["begin_time"].startswith("2026-05-01T00:00:3")
    assert high["end_time"] == "2026-05-01T00:00:49.000-04:00"
    assert low["time_source"] == "audiomoth file name"


def test_options_of_events_change_them(run, night: Path) -> None:  # type: ignore[no-untyped-def]
    def events(*options: object) -> int:
        return len(rows(run(night, "--by", "event", "--format", "csv", *options).stdout))

    assert events() == 2
    assert events("--min-length", 30) == 1  # one row that says that nothing was found
    assert events("--enter", 1.0) == 1
    assert events("--multi-label", "--enter", 0.01, "--leave", 1.0) > 2
    two = "--by", "event", "--format", "csv", "--enter", 0.5
    apart = rows(run(night, *two, "--smooth", 3).stdout)
    assert [row["score"] for row in apart] != [row["score"] for row in rows(run(night, *two).stdout)]


@pytest.fixture(scope="module")
def strict(model: Path) -> Path:
    """The same model with thresholds: none for the low voice, 0.99 for the high one."""
    path = model.with_name("strict.tflite")
    level, found = LevelCalibration(thresholds=(math.inf, 0.5, 0.99)), read_model_file(model)
    info = replace(found.info, calibration=Calibration(level, level).to_mapping())
    write_model_file(path, flatbuffer=found.flatbuffer, info=info, card="")
    return path


def test_one_minimum_score_at_every_level(run, strict: Path, night: Path) -> None:  # type: ignore[no-untyped-def]
    def found(by: str, *options: object) -> list[tuple[str, str]]:
        answer = run(night, "--model", strict, "--by", by, "--format", "csv", "--top", 1, *options)
        if by == "event":
            answer = run(night, "--model", strict, "--by", by, "--format", "csv", *options)
        return sorted({(row["scientific_name"], row["decision"]) for row in rows(answer.stdout)})

    both = [(LOW, "uncertain"), (HIGH, "uncertain")]
    assert found("window") == found("window", "--min-score", 0.3) == both
    assert found("event") == [("", "")]
    assert found("event", "--min-score", 0.3) == found("event", "--enter", 0.3) == both
    assert found("window", "--min-score", 0.999) == found("event", "--min-score", 0.999) == [("", "")]
    for by in ("hour", "day"):
        counts = [
            {
                row["scientific_name"]
                for row in rows(run(night, "--model", strict, "--by", by, "--format", "csv", *options).stdout)
            }
            for options in ((), ("--min-score", 0.3), ("--min-score", 0.999))
        ]
        assert counts == [{""}, {LOW, HIGH}, {""}]


def test_what_thresholds_withhold_is_said(run, strict: Path, night: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    events = run(night, "--model", strict, "--by", "event")
    assert "nothing named" in events.stdout
    assert "2 events of 2 species stayed below their thresholds; --min-score 0.25 shows them" in events.stderr
    shown = run(night, "--model", strict, "--by", "event", "--min-score", 0.25)
    assert "uncertain: 2 events of 2 species, below the threshold of their species" in shown.stderr
    assert "nothing at 0.999 or above" in run(night, "--by", "event", "--min-score", 0.999).stdout
    out = tmp_path / "events.csv"
    run(night, "--model", strict, "--by", "event", "--output", out)
    again = run(night, "--model", strict, "--by", "event", "--output", out, "--resume")
    assert "2 events of 2 species stayed below" in again.stderr
    _, entry = out.with_name("events.csv.ledger.jsonl").read_text().splitlines()
    assert json.loads(entry)["below"] == {LOW: 1, HIGH: 1}
    other = run(night, "--model", strict, "--by", "event", "--output", out, "--resume", "--min-score", 0.3)
    assert other.exit_code == 2
    assert "had other settings" in other.stderr


def test_a_species_that_cannot_appear_is_said_first(run, strict: Path, night: Path) -> None:  # type: ignore[no-untyped-def]
    def said(*options: object) -> str:
        return str(run(night, "--model", strict, *options).stderr).splitlines()[0]

    sets = "the model has no threshold for them; --min-score 0.25 sets one"
    assert said("--by", "event", "--species-list", "Low Dove") == f"no events of '{LOW}': {sets}"
    assert said("--by", "hour", "-q", "--species-list", LOW) == f"no events of '{LOW}': {sets}"
    assert said("--by", "event") == f"no events of 1 of the model's 3 species: {sets}"
    for by in ("window", "recording"):
        uncertain = f"always uncertain by {by}: '{LOW}'; the model has no threshold for them"
        assert said("--by", by, "--species-list", LOW) == uncertain
    for options in (
        ("--by", "event", "--species-list", HIGH),
        ("--by", "event", "--exclude", LOW),
        ("--by", "event", "--min-score", 0.3),
        ("--by", "event", "--raw"),
        ("--by", "window", "--species-list", HIGH),
    ):
        assert said(*options).startswith("1 file")


def test_hours_count_events_and_what_was_recorded(run, night: Path) -> None:  # type: ignore[no-untyped-def]
    found = rows(run(night, "--by", "hour", "--format", "csv", "--timezone", "-04:00").stdout)
    assert [(row["begin_time"], row["scientific_name"]) for row in found] == [
        ("2026-04-30T23:00:00.000-04:00", LOW),
        ("2026-05-01T00:00:00.000-04:00", LOW),
        ("2026-05-01T00:00:00.000-04:00", HIGH),
    ]
    assert [row["n_events"] for row in found] == ["1", "0", "1"]
    assert [row["recorded_s"] for row in found] == ["5.000", "49.000", "49.000"]
    days = rows(run(night, "--by", "day", "--format", "csv", "--timezone", "-04:00").stdout)
    assert [row["begin_time"][:10] for row in days] == ["2026-04-30", "2026-05-01", "2026-05-01"]
    assert run(night, "--by", "hour").stdout.startswith("2026-04-30T23:00:00.000")


def test_hours_are_written_and_resumed_like_everything(run, night: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "hours.csv"
    options = ("--by", "hour", "--output", out)
    assert run(night.parent, *options).exit_code == 0
    first = out.read_text()
    assert first == run(night.parent, "--by", "hour", "--format", "csv").stdout
    soundfile.write(night.with_name("20260501_010000.WAV"), tone(3000, 6), RATE)
    more = run(night.parent, *options, "--resume")
    assert "2 files (1 of them read before)" in more.stderr
    assert out.read_text().startswith(first)
    assert MIDDLE in out.read_text()


def test_species_lists_leave_others_out(run, night: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    listed = tmp_path / "birds.txt"
    listed.write_text(f"# of this forest\n{HIGH}\nMiddle Tit\nCorvus corax\n")
    only = run(night, "--format", "csv", "--species-list", listed)
    assert {row["scientific_name"] for row in rows(only.stdout)} == {HIGH, MIDDLE}
    assert "the model doesn't know 'Corvus corax'" in only.stderr
    both = run(night, "--format", "csv", "--species-list", listed, "--exclude", "middle tit")
    assert {row["scientific_name"] for row in rows(both.stdout)} == {HIGH}
    events = run(night, "--by", "event", "--format", "csv", "--exclude", LOW)
    assert {row["scientific_name"] for row in rows(events.stdout)} == {HIGH}
    nothing = run(night, "--species-list", HIGH, "--exclude", HIGH)
    assert (nothing.exit_code, "leave no species to name" in nothing.stderr) == (2, True)


def test_channels_are_mixed_picked_or_taken_apart(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([tone(500, 6), tone(6000, 6)], axis=1), RATE)

    def best(channels: object) -> list[tuple[str, str]]:
        found = rows(run(path, "--format", "csv", "--top", 1, "--channels", channels).stdout)
        return [(row["channel"], row["scientific_name"]) for row in found]

    assert best("each") == [("1", LOW), ("2", HIGH)]
    assert best(2) == [("2", HIGH)]
    assert [channel for channel, _ in best("mix")] == [""]
    third = run(path, "--format", "csv", "--channels", 3)
    assert (third.exit_code, rows(third.stdout)[0]["status"]) == (3, "unsupported")
    for wrong in ("0", "left"):
        assert run(path, "--channels", wrong).exit_code == 2


def test_the_gate_holds_noise_back(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    noise = np.random.default_rng(0).normal(0, 0.05, 12 * RATE)
    soundfile.write(tmp_path / "noise.wav", noise, RATE)
    held = run(tmp_path / "noise.wav", "--format", "csv", "--gate")
    (row,) = rows(held.stdout)
    assert (row["scientific_name"], row["message"]) == ("", "the gate found no voice")
    assert rows(run(tmp_path / "noise.wav", "--format", "csv").stdout)[0]["scientific_name"]
    assert run(tmp_path / "noise.wav", "--gate-recall", 0.9).exit_code == 2
    assert (
        "no threshold for a recall of 0.123"
        in run(tmp_path / "noise.wav", "--gate", "--gate-recall", 0.123).stderr
    )


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
