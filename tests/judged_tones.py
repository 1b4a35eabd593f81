"""Answers of a model to be judged."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from handmade_model import SPEC, write_handmade

from avianvox.judge.listening import N_OTHER, Heard, Kept
from avianvox.types import LabelSet, Status

RATE = SPEC.sample_rate

LOW, MIDDLE, HIGH = 800.0, 3000.0, 7000.0


def tone(hz: float, seconds: float) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


def kept(rows: list[list[float]], others: list[dict[int, float]]) -> Kept:
    own = np.array(rows, np.float32).reshape(len(others), -1 if others else 2)
    other = np.full((len(others), N_OTHER), -1, np.int32)
    scores = np.zeros((len(others), N_OTHER), np.float32)
    for i, found in enumerate(others):
        for k, (position, score) in enumerate(found.items()):
            other[i, k], scores[i, k] = position, score
    return Kept(own, other, scores)


@pytest.fixture(name="here", scope="module")
def here_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, recordings by class, and one field recording with annotations."""
    here = tmp_path_factory.mktemp("judge")
    write_handmade(here / "model.tflite")
    write_handmade(
        here / "other.tflite",
        labels=LabelSet(("Parus medius", "Columba bassa", "Regulus altus")),
    )
    for label, hz in (("Columba bassa", LOW), ("Parus medius", MIDDLE), ("Falco ignotus", HIGH)):
        folder = here / "recordings" / label
        folder.mkdir(parents=True)
        for i in range(3):
            soundfile.write(folder / f"{label} {i}.wav", tone(hz * (1 + i / 50), 4.0), RATE)
    nothing = Heard(Status.OK, "", 4.0, kept([], []), kept([], []), np.zeros((0, 2), np.int64))
    (here / "foreign.npz").write_bytes(nothing.to_bytes())
    field = here / "field"
    field.mkdir()
    soundfile.write(field / "night.wav", np.concatenate([tone(LOW, 12.0), tone(HIGH, 12.0)]), RATE)
    soundfile.write(field / "quiet.wav", tone(LOW, 12.0), RATE)
    table = "Selection\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tAnnotation\n"
    (field / "night.Table.1.selections.txt").write_text(f"{table}1\t1.0\t2.0\t500\t900\t\n")
    return here
