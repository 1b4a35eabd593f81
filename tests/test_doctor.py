"""The doctor: what is there, what is missing for which feature, and how fast this machine is."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from avianvox.cli.main import main
from avianvox.inference import health
from avianvox.inference.health import State, examine
from avianvox.inference.speed import Speed, measure_speed
from avianvox.modelfolder import set_default

Doctor = Callable[..., int]


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """Run the command with a speed that was measured before, and return its exit code."""
    monkeypatch.setattr(health, "measure_speed", lambda: Speed(500.4, 900.0, 2))

    def run(*arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(["doctor", *arguments])
        return int(ended.value.code or 0)

    return run


def test_all_is_well_here(doctor: Doctor, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor("--json") == 0
    printed = capsys.readouterr()
    checks = {(c["section"], c["name"]): c for c in map(json.loads, printed.out.splitlines())}
    assert printed.err == ""
    assert {section for section, _ in checks} == {
        "versions", "codecs", "models", "machine", "speed", "features"
    }  # fmt: skip
    assert all(checks["codecs", name]["state"] == "ok" for name in ("WAV", "FLAC", "MP3", "Ogg Opus"))
    assert checks["speed", "2 cores"]["value"] == 900
    assert (checks["speed", "one core"]["value"], checks["speed", "one core"]["unit"]) == (
        500,
        "times real time",
    )
    assert "36 classes" in checks["models", "caribbean_california"]["value"]
    assert checks["machine", "disk free here"]["value"] == pytest.approx(
        shutil.disk_usage(".").free / 1e9, 0.1
    )


def test_a_missing_extra_has_its_pip_line_and_is_no_failure(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    installed = health._installed
    monkeypatch.setattr(health, "_installed", lambda p: None if p == "matplotlib" else installed(p))
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr("zoneinfo.ZoneInfo", {}.__getitem__)
    assert doctor() == 0
    lines = capsys.readouterr().out.splitlines()
    (plot,) = [line for line in lines if "pictures" in line]
    assert plot.split(maxsplit=1)[0] == "absent"
    assert plot.endswith("needs matplotlib; pip install 'avianvox[plot]'")
    (other,) = [line for line in lines if "AAC" in line]
    assert "ffmpeg not found; install ffmpeg" in other
    (zones,) = [line for line in lines if "time zones" in line]
    assert zones.endswith("no time zone data; pip install tzdata, or write offsets such as -04:00")


def test_what_classifying_needs_fails(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"no model")
    monkeypatch.setattr(health, "bundled_models", lambda: {"broken": broken})
    monkeypatch.setattr(health, "_CODECS", {"Ogg Opus": ("OGG", "no such codec")})
    monkeypatch.setattr(health, "requirements", lambda: {"": ["no-such-package"]})
    assert doctor("--no-speed") == 1
    names = [line.split(":")[1].strip() for line in capsys.readouterr().err.splitlines()]
    assert names == ["no-such-package", "Ogg Opus", "broken", "caribbean_california"]


def test_the_users_own_models_are_tried_too(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AVIANVOX_MODELS", str(tmp_path))
    (bundled,) = health.bundled_models().values()
    (tmp_path / "mine.tflite").write_bytes(bundled.read_bytes())
    (tmp_path / "broken.tflite").write_bytes(b"no model")
    set_default("mine")

    def models(code: int) -> dict[str, dict[str, str]]:
        assert doctor("--no-speed", "--json") == code
        checks = map(json.loads, capsys.readouterr().out.splitlines())
        return {check["name"]: check for check in checks if check["section"] == "models"}

    found = models(0)
    assert found["mine"]["value"].endswith("calibrated, the default")
    assert "default" not in found["caribbean_california"]["value"]
    assert found["broken"]["state"] == "absent"
    assert found["broken"]["advice"] == "add it again, or: avianvox models remove broken"
    set_default("broken")
    assert models(1)["broken"]["state"] == "failed"
    (tmp_path / "broken.tflite").unlink()
    assert models(1)["broken"]["value"] == "the default model, not found"


def test_a_full_disk_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(shutil.disk_usage("."))(100, 99, 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    disks = [check for check in examine(speed=False) if check.name.startswith("disk")]
    assert [check.state for check in disks] == [State.FAILED] * 2


def test_a_folder_that_is_gone_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(health.tempfile, "gettempdir", nowhere)
    (check,) = [check for check in examine(speed=False) if check.name == "disk free for temporary files"]
    assert (check.state, check.value) == (State.FAILED, "No usable temporary directory found")
    assert "TMPDIR" in check.advice


def test_a_codec_that_decodes_something_else_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    read = health.soundfile.read
    monkeypatch.setattr(health.soundfile, "read", lambda file: (read(file)[0], 48000))
    assert [check.state for check in health._codecs()][:5] == [State.FAILED] * 5


def test_extras_are_read_from_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["numpy>=2.0", 'matplotlib>=3.8; extra == "plot"', "keras ; extra == 'train'", "soxr"]
    monkeypatch.setattr(health.metadata, "requires", lambda _: lines)
    assert health.requirements() == {"": ["numpy", "soxr"], "plot": ["matplotlib"], "train": ["keras"]}


def test_speed_counts_sound_for_seconds() -> None:
    speed = measure_speed(seconds=3.0)
    assert speed.one_core > 20
    assert speed.all_cores > 5
