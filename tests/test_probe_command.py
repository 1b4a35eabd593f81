"""``avianvox probe``: one row for each file, failures on standard error, exit code 3."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from avianvox.cli.probe import probe


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    good, empty = tmp_path / "good.wav", tmp_path / "empty.mp3"
    soundfile.write(good, np.sin(np.arange(8000)).astype(np.float32) * 0.5, 8000)
    empty.touch()
    return [str(good), str(empty)]


def test_table(files: list[str]) -> None:
    done = CliRunner().invoke(probe, files)
    assert done.exit_code == 3
    header, good, empty = done.stdout.splitlines()
    assert header.split() == ["status", "header", "decoded", "rate", "ch", "codec", "file"]
    assert good.split() == ["ok", "1.00", "s", "1.00", "s", "8000", "1", "WAV", "PCM_16", files[0]]
    assert empty.split() == ["empty", "-", "-", "-", "-", "-", files[1]]
    assert done.stderr == f"failed: {files[1]}: empty: the file is empty (0 bytes)\n"


def test_an_input_without_audio_is_listed_and_the_others_go_on(files: list[str], tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    done = CliRunner().invoke(probe, [str(tmp_path / "none"), str(tmp_path / "*.aac"), files[0]])
    assert done.exit_code == 3
    assert [row.split()[0] for row in done.stdout.splitlines()[1:]] == ["empty", "missing", "ok"]
    assert done.stderr.splitlines() == [
        f"failed: {tmp_path / 'none'}: empty: no sound files in this folder",
        f"failed: {tmp_path / '*.aac'}: missing: no such file",
    ]


def test_json_and_header_only(files: list[str]) -> None:
    done = CliRunner().invoke(probe, ["--json", "--header-only", files[0]])
    assert done.exit_code == 0
    answer = json.loads(done.stdout)
    assert (answer["status"], answer["header_s"], answer["decoded_s"]) == ("ok", 1.0, None)


def test_help_ends_with_an_example() -> None:
    done = CliRunner().invoke(probe, ["--help"])
    assert done.output.strip().splitlines()[-1].strip() == "Example: avianvox probe --json recording.mp3"
