"""The notebooks run from top to bottom on small synthetic data, and lie here with what that gave."""

import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))
MOST_BYTES = 1_000_000
BUDGET_S = 180  # a minute on a machine that does nothing else


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_shipped_with_its_pictures(path: Path) -> None:
    """``python tests/ship_notebooks.py`` makes them."""
    text = path.read_text(encoding="utf-8")
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 2
    assert not any(output["output_type"] == "error" or output.get("name") == "stderr" for output in outputs)
    assert not re.search(r"/(tmp|home|root|work|Users)/", text), "an output names a folder of one machine"
    assert len(text) < MOST_BYTES


@pytest.mark.slow
@pytest.mark.notebooks
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat", reason="executing notebooks needs avianvox[test]")
    nbclient = pytest.importorskip("nbclient", reason="executing notebooks needs avianvox[test]")
    monkeypatch.setenv("AVIANVOX_NOTEBOOK_SCALE", "small")
    monkeypatch.setenv("AVIANVOX_NOTEBOOK_WORK", str(tmp_path))
    for name in ("AVIANVOX_NOTEBOOK_DATA", "AVIANVOX_NOTEBOOK_RUN"):
        monkeypatch.delenv(name, raising=False)
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, timeout=BUDGET_S, kernel_name="python3").execute(cwd=str(tmp_path))
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) >= 2
    errors = [o.text for o in outputs if o.output_type == "stream" and o.name == "stderr"]
    assert not errors, "a notebook should say nothing on standard error"
