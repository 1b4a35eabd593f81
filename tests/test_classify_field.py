"""``avianvox classify`` in the field: events, thresholds, hours, lists of species, channels and the gate."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from classify_night import HIGH, LOW, MIDDLE, RATE, model_fixture, night_fixture, rows, run_fixture, tone  # noqa: F401, fixtures

from avianvox.inference.calibration import Calibration, LevelCalibration
from avianvox.modelfile import read_model_file, write_model_file


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
