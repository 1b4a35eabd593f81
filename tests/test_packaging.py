"""The built wheel: what it asks for, what travels in it, and that it classifies when installed elsewhere."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from configparser import ConfigParser
from email.parser import Parser
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source archive and the wheel that is built from it, away from an old ``build``."""
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(REPOSITORY)]
    subprocess.run(build, check=True, capture_output=True)
    return out


@pytest.fixture(scope="module")
def wheel(archives: Path) -> Path:
    return next(archives.glob("*.whl"))


def test_the_base_install_asks_for_what_classifying_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    requirements = metadata.get_all("Requires-Dist") or []
    base = {r.split(">")[0].strip() for r in requirements if "extra ==" not in r}
    zones = 'tzdata; sys_platform == "win32"'  # other systems have their own
    assert base == {"numpy", "soundfile", "soxr", "audioread", "click", "ai-edge-litert", "rich", zones}
    extras = {
        "train",
        "plot",
        "parquet",
        "xlsx",
        "frames",
        "live",
        "onnx",
        "dask",
        "index",
        "search",
        "review",
        "test",
        "docs",
        "dev",
        "all",
    }
    assert set(metadata.get_all("Provides-Extra") or []) == extras


def test_the_lowest_versions_are_those_of_the_base_install() -> None:
    config = ConfigParser(interpolation=None)
    config.read(REPOSITORY / "setup.cfg", encoding="utf-8")
    asked = [line for line in config["options"]["install_requires"].split("\n") if ">=" in line]
    lines = (REPOSITORY / ".ci" / "lowest.txt").read_text(encoding="utf-8").split("\n")
    pinned = [re.split(" == ", line) for line in lines if line and not line.startswith("#")]
    for (package, version), line in zip(pinned, asked, strict=True):
        name, least = line.split(" >= ")
        assert (package, [*least.split("."), "0", "0"][:3]) == (name, version.split("."))


def test_the_source_archive_is_whole(archives: Path) -> None:
    with tarfile.open(next(archives.glob("*.tar.gz"))) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {"CHANGELOG.md", "CITATION.cff", ".ci/run", "docs/conf.py", "tests/conftest.py"} <= inside
    assert not any(name.startswith("docs/reference") or "__pycache__" in name for name in inside)


def test_the_citation_is_of_this_version() -> None:
    config = ConfigParser(interpolation=None)
    config.read(REPOSITORY / "setup.cfg", encoding="utf-8")
    cited = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["cff-version"] == "1.2.0"
    assert str(cited["version"]) == config["metadata"]["version"]
    assert cited["license"] == config["metadata"]["license"]
    assert cited["repository-code"] == config["metadata"]["url"]
    assert all(isinstance(cited[key], str) and cited[key] for key in ("title", "message", "type"))
    assert all(set(author) & {"name", "family-names"} for author in cited["authors"])


def test_issue_forms_have_what_they_need() -> None:
    forms = sorted((REPOSITORY / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    kinds = {"markdown", "input", "textarea", "dropdown", "checkboxes"}
    for path in forms:
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        if path.name == "config.yml":
            assert {"name", "url", "about"} == set(form["contact_links"][0])
            continue
        assert form["name"]
        assert form["description"]
        ids = [field["id"] for field in form["body"]]
        assert len(ids) == len(set(ids))
        assert all(field["type"] in kinds and field["attributes"]["label"] for field in form["body"])
    assert len(forms) == 4


def test_hooks_are_those_of_this_environment() -> None:
    hooks = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    (repository,) = hooks["repos"]
    assert repository["repo"] == "local"
    assert [(hook["id"], hook["language"]) for hook in repository["hooks"]] == [
        ("ruff", "system"),
        ("ruff-format", "system"),
        ("mypy", "system"),
    ]


def test_the_wheel_from_the_source_archive_holds_the_package_and_nothing_else(wheel: Path) -> None:
    there = [p for p in (REPOSITORY / "avianvox").rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    kinds = {".py", ".typed", ".tflite", ".ogg", ".csv", ".css", ".js", ".html", ".xz"}
    assert {p.suffix for p in there} >= kinds
    with zipfile.ZipFile(wheel) as archive:
        inside = {n: archive.read(n) for n in archive.namelist() if ".dist-info/" not in n}
    assert inside == {p.relative_to(REPOSITORY).as_posix(): p.read_bytes() for p in there}


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
