"""Files that kill the process which decodes them cost themselves alone."""

import os
import subprocess
import sys
from multiprocessing import parent_process
from pathlib import Path

import pytest
from test_store import SPEC, contents, write_noise

from avianvox.features.build import build_store
from avianvox.features.ledger import CRASHED
from avianvox.features.store import verify_store
from avianvox.types import Recording, Status

BUILD_WITHOUT_A_GUARD = """
import sys
from pathlib import Path
from avianvox.features.build import build_store
from avianvox.features.spec import FeatureSpec
from avianvox.types import Recording

recordings = [Recording(path.stem, path) for path in sorted(Path(sys.argv[1]).iterdir())]
build_store(recordings, FeatureSpec(), Path(sys.argv[2]), jobs=2)
"""


class Deadly(type(Path())):  # type: ignore[misc]
    """A file that kills every worker process which opens it."""

    def __fspath__(self) -> str:
        if parent_process() is not None:
            self.kill()
        return str(self)

    def kill(self) -> None:
        os._exit(9)


class DeadlyOnce(Deadly):
    """Kills the first one only, as a want of memory may."""

    def kill(self) -> None:
        mark = f"{self}.killed"
        if not os.path.exists(mark):
            open(mark, "w").close()
            os._exit(9)


@pytest.fixture
def recordings(tmp_path: Path) -> list[Recording]:
    folder = tmp_path / "audio"
    folder.mkdir()
    for i in range(4):
        write_noise(folder / f"{i}.wav", 0.3, i)
    return [Recording(path.stem, path) for path in sorted(folder.iterdir())]


def test_a_crash_costs_one_recording(recordings: list[Recording], tmp_path: Path) -> None:
    store, fresh = tmp_path / "store", tmp_path / "fresh"
    build_store(recordings, SPEC, fresh, jobs=1)
    deadly = [*recordings[:1], Recording("1", Deadly(recordings[1].path)), *recordings[2:]]
    for _ in range(2):  # it does not stand in the way of the next build either
        report = build_store(deadly, SPEC, store, jobs=2)
        assert [e.status for e in report.entries] == [Status.OK, Status.UNDECODABLE, Status.OK, Status.OK]
        assert [(e.id, e.message) for e in report.failed] == [("1", CRASHED)]
        assert verify_store(store) == []
    assert build_store(recordings, SPEC, store, jobs=1).n_extracted == 1
    assert contents(store) == contents(fresh)


def test_a_crash_that_does_not_come_again_costs_nothing(recordings: list[Recording], tmp_path: Path) -> None:
    build_store(recordings, SPEC, tmp_path / "fresh", jobs=1)
    once = [*recordings[:3], Recording("3", DeadlyOnce(recordings[3].path))]
    assert build_store(once, SPEC, tmp_path / "store", jobs=2).failed == ()
    assert contents(tmp_path / "store") == contents(tmp_path / "fresh")


def test_workers_that_cannot_start_are_no_fault_of_the_files(
    recordings: list[Recording], tmp_path: Path
) -> None:
    script = tmp_path / "build.py"
    script.write_text(BUILD_WITHOUT_A_GUARD)
    command = [sys.executable, script, recordings[0].path.parent, tmp_path / "store"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 1
    assert "StoreError: worker processes of the build in" in ended.stderr.splitlines()[-1]
