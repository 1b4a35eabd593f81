"""Folders of runs: known by their configuration, neither taken over nor erased where they are not ours."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from avianvox.documents import Kind
from avianvox.errors import AvianvoxError, OutputError, RunError
from avianvox.evaluation.run_folder import FOLDER as CROSSVAL
from avianvox.runfolder import STORE, FolderKind, told, versions
from avianvox.training.on_ear import FOLDER as ON_EAR
from avianvox.training.run import FOLDER as RUN

OTHERS = (
    *("ablation.run", "detect.run", "explain.judged_folder", "explain.written", "generate.run"),
    *("overview.written", "scenes.make"),
)
"""Modules in `avianvox` with a ``FOLDER`` of another kind."""

KINDS = {"training run": RUN, "training run on an ear": ON_EAR, "cross-validation": CROSSVAL}


def names(path: Path) -> list[str]:
    return sorted(child.name for child in path.iterdir())


@pytest.mark.parametrize("what", KINDS)
def test_a_folder_is_known_by_its_configuration_and_erased_alone(what: str, tmp_path: Path) -> None:
    kind = KINDS[what]
    assert not kind.is_at(tmp_path)
    with pytest.raises(RunError, match=rf"no {what} in .*there is no config\.json; make one with: avian"):
        kind.read(tmp_path)
    (tmp_path / f"{STORE}1").mkdir()
    kind.refuse_foreign(tmp_path)
    kind.begin(tmp_path, {"seed": 1})
    assert kind.is_at(tmp_path)
    assert kind.read(tmp_path) == {**kind.file.head, "seed": 1}
    for name in (*kind.files, *(f"{folder}/x" for folder in (*kind.folders, *kind.also)), "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    kind.begin(tmp_path, {"seed": 1})
    for other in KINDS.values():
        if other is not kind:
            with pytest.raises(RunError, match=r"holds no .* \(avianvox [a-z -]+\); choose another --out"):
                other.erase(tmp_path)
    kind.erase(tmp_path)
    assert names(tmp_path) == [f"{STORE}1", "notes.txt"]


@pytest.mark.parametrize("module", OTHERS)
def test_who_reads_a_folder_that_is_not_there_is_told_what_makes_one(module: str, tmp_path: Path) -> None:
    kind = import_module(f"avianvox.{module}").FOLDER
    with pytest.raises(AvianvoxError, match=r"; make one with: avianvox [a-z ]+") as caught:
        kind.read(tmp_path / "wrong")
    assert "--out" not in str(caught.value)


@pytest.mark.parametrize("what", KINDS)
def test_what_is_not_ours_is_refused_in_one_line(what: str, tmp_path: Path) -> None:
    kind = KINDS[what]
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="is a file; choose another --out"):
        kind.refuse_foreign(tmp_path / "file")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / kind.files[1]).write_text("mine")
    with pytest.raises(RunError, match=rf"holds {kind.files[1]}, which no {what} wrote"):
        kind.erase(mine)
    (mine / "config.json").write_text("{// not JSON")
    with pytest.raises(RunError, match=r"cannot read .*config\.json .*; choose another --out"):
        kind.erase(mine)
    assert names(mine) == sorted(["config.json", kind.files[1]])
    with pytest.raises(OutputError):
        kind.begin(tmp_path / "file" / "run", {})


def test_a_folder_of_somebody_else_is_never_erased(tmp_path: Path) -> None:
    """A folder may be called as one of a run; without a configuration beside it, it is not the run's."""
    kind = replace(ON_EAR, folders=("figures",), also=("report",))
    for name in ("figures", "report"):
        (tmp_path / name).mkdir()
        with pytest.raises(RunError, match=rf"holds {name}, which no training run on an ear wrote"):
            kind.erase(tmp_path)
        (tmp_path / name).rmdir()


def test_settings_that_differ_are_told_as_people_say_them() -> None:
    before = {"train": {"epochs": 5, "seed": 0}, "hash": "ab" * 32, "data": "x", "site": "", "models": ["a"]}
    now = {"train": {"epochs": 9, "seed": 0}, "hash": "cd" * 32, "data": "y", "site": "Loma", "models": ["b"]}
    assert told(before, now, but=("models",), words={"data": "features in the store"}) == [
        "epochs was 5 and is 9",
        "hash was abababab and is cdcdcdcd",
        "features in the store",
        "site was none and is Loma",
    ]
    kind = FolderKind(Kind("run", "r", 1, RunError, "", ""), ("config.json",), replaceable=False)
    with pytest.raises(RunError, match=r"other settings \(a was 1 and is 2\); use the same ones, or"):
        kind.refuse_other(Path("out"), {"a": 1}, {"a": 2})
    kind.refuse_other(Path("out"), {"a": 1}, {"a": 2}, but=("a",))


def test_versions_are_of_what_is_installed() -> None:
    found = versions(("no-such-package",))
    assert found.keys() == {"python", "avianvox", "numpy"}
