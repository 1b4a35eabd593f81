"""The built wheel: what it asks for, what travels in it, and that it classifies when installed elsewhere."""

import os
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(REPOSITORY)],
        check=True,
        capture_output=True,
    )
    return next(out.glob("*.whl"))


def test_the_base_install_asks_for_what_classifying_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    requirements = metadata.get_all("Requires-Dist") or []
    base = {r.split(">")[0].strip() for r in requirements if "extra ==" not in r}
    zones = 'tzdata; sys_platform == "win32"'  # other systems have their own
    assert base == {"numpy", "soundfile", "soxr", "audioread", "click", "ai-edge-litert", "rich", zones}
    extras = {"train", "plot", "parquet", "xlsx", "live", "onnx", "dask", "index", "test", "dev", "all"}
    assert set(metadata.get_all("Provides-Extra") or []) == extras


def test_everything_in_the_package_travels_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    there = [p for p in (REPOSITORY / "avianvox").rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert {p.suffix for p in there} >= {".py", ".typed", ".tflite", ".ogg", ".csv", ".css", ".js"}
    assert {str(p.relative_to(REPOSITORY)) for p in there} <= names
    assert not any(n.startswith("tests/") for n in names)


def test_the_installed_wheel_classifies_its_sample(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(site), str(wheel)], check=True)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    run = [sys.executable, "-P", "-m", "avianvox", "classify", str(site / "avianvox/bundled/sample.ogg")]
    done = subprocess.run(
        [*run, "--format", "csv"], env=environment, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert [line.split(",")[1] for line in done.stdout.splitlines()] == ["status", "ok", "ok", "ok"]
