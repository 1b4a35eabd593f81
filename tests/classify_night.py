"""A night of tones, and a model that knows them."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from handmade_model import write_handmade

from avianvox.cli.main import cli

RATE = 22050

LOW, MIDDLE, HIGH = "Columba bassa", "Parus medius", "Regulus altus"


@pytest.fixture(name="model", scope="module")
def model_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_handmade(tmp_path_factory.mktemp("model") / "model.tflite")


def tone(hz: float, seconds: float) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


@pytest.fixture(name="night")
def night_fixture(tmp_path: Path) -> Path:
    """A low voice, silence and a high voice, 18 s each, five seconds before an hour ends."""
    path = tmp_path / "recorder" / "20260430_235955.WAV"
    path.parent.mkdir()
    soundfile.write(path, np.concatenate([tone(500, 18), np.zeros(18 * RATE), tone(6000, 18)]), RATE)
    return path


@pytest.fixture(name="run")
def run_fixture(model: Path):  # type: ignore[no-untyped-def]
    def invoke(*arguments: object) -> Result:
        return CliRunner().invoke(cli, ["classify", "--model", str(model), *map(str, arguments)])

    return invoke


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))
