"""The examples in the docstrings run, with the files that they name."""

import doctest
import shutil
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import soundfile
from test_annotations import raven
from test_rooms import PACKAGE, dotted, modules

from avianvox.modelfolder import DEFAULT_MODEL, find_model

WITH_EXAMPLES = [
    path for path in (PACKAGE / "__init__.py", *modules()) if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.fixture
def example_files(tmp_path: Path, synth_catalog_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``recording.ogg`` and ``model.tflite`` of the package, synthetic ``recordings``, noise as
    ``background`` and ``annotated`` with a table, in the current folder."""
    bundled = find_model(DEFAULT_MODEL)
    shutil.copy(bundled, tmp_path / "model.tflite")
    shutil.copy(bundled.with_name("sample.ogg"), tmp_path / "recording.ogg")
    shutil.copytree(synth_catalog_dir, tmp_path / "recordings")
    (tmp_path / "annotated").mkdir()
    shutil.copy(bundled.with_name("sample.ogg"), tmp_path / "annotated" / "a.ogg")
    raven(tmp_path / "annotated" / "a.selections.txt", (0.5, 1.5, "Coccyzus vieilloti"))
    (tmp_path / "background").mkdir()
    rng = np.random.default_rng(0)
    for number in range(4):
        soundfile.write(tmp_path / f"background/{number}.wav", 0.01 * rng.normal(size=12 * 22_050), 22_050)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=dotted)
@pytest.mark.usefixtures("example_files")
def test_examples_run(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = doctest.testmod(import_module(dotted(path)))
    assert found.attempted > 0
    assert found.failed == 0, capsys.readouterr().out


def test_no_example_is_skipped() -> None:
    skipped = [dotted(path) for path in WITH_EXAMPLES if "+SKIP" in path.read_text(encoding="utf-8")]
    assert skipped == []
