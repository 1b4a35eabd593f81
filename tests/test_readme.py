"""What the README promises beside its commands: the extras, and completion in a shell."""

import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def extras() -> dict[str, list[str]]:
    """Packages of each extra, as setup.cfg has them."""
    config = ConfigParser(interpolation=None)
    config.read(REPOSITORY / "setup.cfg", encoding="utf-8")
    section = config["options.extras_require"]
    return {
        name: [re.split(r"[ <>=!~;]", line)[0] for line in section[name].split("\n") if line]
        for name in section
    }


def test_the_table_of_extras_is_that_of_the_package() -> None:
    table = README.split("| extra | packages | for |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| `([a-z]+)` \| (.+?) \| (.+?) \|$", table, flags=re.MULTILINE)
    assert [name for name, *_ in rows] == list(extras())
    for name, packages, purpose in rows:
        assert purpose
        if name not in ("test", "dev", "all"):
            assert packages.split(", ") == extras()[name]


@pytest.fixture
def command(tmp_path: Path) -> Path:
    """A folder for PATH with ``avianvox`` in it."""
    shim = tmp_path / "avianvox"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m avianvox "$@"\n')
    shim.chmod(0o755)
    return tmp_path


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["avianvox", "cla"], ["classify"]),
        (["avianvox", "models", "l"], ["list"]),
        (["avianvox", "classify", "--species"], ["--species-list"]),
        (["avianvox", "classify", "--by", "ho"], ["hour"]),
        (["avianvox", "--verb"], ["--verbose"]),
    ],
)
def test_completion_works_in_bash(command: Path, typed: list[str], offered: list[str]) -> None:
    (line,) = re.findall(r"^(eval .*bash_source.*?)\s+#", README, flags=re.MULTILINE)
    script = f"{line}\nCOMP_WORDS=({' '.join(typed)})\nCOMP_CWORD={len(typed) - 1}\n"
    script += '_avianvox_completion avianvox\nprintf "%s\\n" "${COMPREPLY[@]}"\n'
    path = f"{command}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", script], env=os.environ | {"PATH": path}, capture_output=True, text=True
    )
    assert done.stdout.split() == offered, done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_line(shell: str, command: Path) -> None:
    assert f"_AVIANVOX_COMPLETE={shell}_source avianvox" in README
    environment = os.environ | {"_AVIANVOX_COMPLETE": f"{shell}_source"}
    done = subprocess.run([command / "avianvox"], env=environment, capture_output=True, text=True)
    assert (done.returncode, "_avianvox_completion" in done.stdout) == (0, True)
