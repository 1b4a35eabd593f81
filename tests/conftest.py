"""Shared fixtures. Expensive ones are made once a test session, whichever worker needs them first."""

import os
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings, or a skip that says how to name it."""
    folder = Path(os.environ.get("AVIANVOX_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "puerto_rico" / "recordings.json").is_file():
        pytest.skip(f"real recordings not found in {folder}; set AVIANVOX_DATA")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
