"""``avianvox inspect``: all notes of a file for people, and for scripts."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from recorder_files import guan, info, wave

from avianvox.cli.inspect import inspect

COMMENT = (
    "Recorded at 23:59:59 01/06/2024 (UTC-4) by AudioMoth 24E1440360371ACA at medium gain while battery was "
    "less than 2.5V and temperature was 19.6C."
)


@pytest.fixture
def moth(tmp_path: Path) -> Path:
    notes = guan("Timestamp: 2024-06-01T23:59:59-04:00", "Loc Position: 17.9 -66.9", "Note: one\\ntwo")
    return wave(tmp_path / "20240601_235959.WAV", info(ICMT=COMMENT), tail=(notes,))


def test_a_page_for_people(moth: Path) -> None:
    done = CliRunner().invoke(inspect, [str(moth)])
    assert done.exit_code == 0
    name, *lines = done.stdout.splitlines()
    facts = {line[:20].strip(): line[21:] for line in lines if line[:20].strip()}
    assert name == str(moth)
    assert facts["begin"] == "2024-06-01T23:59:59.000-04:00 (guano)"
    assert facts["end"] == "2024-06-01T23:59:59.001-04:00"
    assert facts["format"] == "WAV PCM_16, 8000 Hz, 1 channel"
    assert facts["position"] == "17.900000, -66.900000"
    assert facts["battery"] == "less than 2.5 V"
    assert facts["temperature"] == "19.6 °C"
    assert facts["recorder"] == "24E1440360371ACA"
    assert facts["comment"] == COMMENT
    assert facts["Loc Position"] == "17.9 -66.9"
    assert lines.count(f"{'':<20} two") == 2  # in the note, and in GUANO as it stands
    assert "remark" not in facts


def test_json(moth: Path) -> None:
    done = CliRunner().invoke(inspect, ["--json", "--header-only", str(moth)])
    assert done.exit_code == 0
    facts = json.loads(done.stdout)
    assert (facts["status"], facts["decoded_s"], facts["header_s"]) == ("ok", None, 0.001)
    assert (facts["begin_time"], facts["end_time"]) == (
        "2024-06-01T23:59:59.000-04:00",
        "2024-06-01T23:59:59.001-04:00",
    )
    assert (facts["time_source"], facts["latitude"], facts["battery_bound"]) == ("guano", 17.9, "less than")
    assert facts["guano"]["Note"] == "one\ntwo"
    assert facts["tags"] == {"comment": COMMENT}


def test_a_zone_for_names_and_a_file_that_is_missing(tmp_path: Path) -> None:
    sound, missing = tmp_path / "MEADOW_20240601_235959.wav", tmp_path / "MEADOW_20240602_000059.wav"
    soundfile.write(sound, 0.1 * np.sin(np.arange(16000)), 8000)
    done = CliRunner().invoke(inspect, ["--json", "--timezone=+5:30", str(sound), str(missing)])
    assert done.exit_code == 3
    there, gone = map(json.loads, done.stdout.splitlines())
    assert (there["begin_time"], there["end_time"]) == (
        "2024-06-01T23:59:59.000+05:30",
        "2024-06-02T00:00:01.000+05:30",
    )
    assert (gone["status"], gone["begin_time"], gone["end_time"]) == (
        "missing",
        "2024-06-02T00:00:59.000+05:30",
        "",
    )
    assert done.stderr == f"failed: {missing}: missing: no such file\n"


def test_a_zone_that_is_none_is_wrong_usage(moth: Path) -> None:
    done = CliRunner().invoke(inspect, ["--timezone", "Mars", str(moth)])
    assert done.exit_code == 2
    assert "got 'Mars'" in done.stderr
