"""Execute notebooks and keep them with their outputs, as they lie in the repository.

python tests/ship_notebooks.py [NAME...]
"""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nbclient
import nbformat

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"


def ship(path: Path) -> None:
    """Run a notebook from top to bottom on small synthetic data; what it prints names no folder of ours."""
    notebook = nbformat.read(path, as_version=4)
    with TemporaryDirectory() as folder:
        os.environ |= {"AVIANVOX_NOTEBOOK_SCALE": "small", "AVIANVOX_NOTEBOOK_WORK": "."}
        client = nbclient.NotebookClient(notebook, timeout=1200, kernel_name="python3", record_timing=False)
        client.execute(cwd=folder)
    nbformat.write(notebook, path)


if __name__ == "__main__":
    for name in sys.argv[1:] or sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")):
        ship(NOTEBOOKS / f"{name}.ipynb")
        print(name, flush=True)
