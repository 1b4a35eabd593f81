"""Recordings for the handmade ear, and commands on them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from handmade_ear import LABELS, N_SAMPLES, RATE, ear, tone

from avianvox.cli.main import cli
from avianvox.dataset.catalog import read_catalogs
from avianvox.dataset.training_data import training_data
from avianvox.ears.graft import graft
from avianvox.features.store import FeatureStore
from avianvox.features.waveform import WaveformSpec
from avianvox.modelfile import write_model_file
from avianvox.modelinfo import EMBEDDING, SPECIES, ModelInfo, Output
from avianvox.types import LabelSet

NAMES = LabelSet(*(tuple(part) for part in zip(*(label.split("_") for label in LABELS), strict=True)))

SOUNDS = {"Columba bassa": 500.0, "Parus medius": 1000.0, "Strix nova": 2000.0}
"""Species and what they sing; the ear takes the third one for an engine."""

N_EACH = 6


@pytest.fixture(name="folder", scope="module")
def folder_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ear, recordings of three species in noise, and a store of their embeddings."""
    folder = tmp_path_factory.mktemp("ear")
    info = ModelInfo(
        "tones",
        "ear",
        WaveformSpec(RATE, N_SAMPLES),
        NAMES,
        licences={"model": "CC BY-NC-SA 4.0"},
        outputs=(
            Output(SPECIES, 3, 0, "sigmoid", exclusive=False),
            Output(EMBEDDING, 4, 1, exclusive=False),
        ),
        not_animals=("Engine",),
    )
    flatbuffer = graft(ear(), outputs={"embedding": "pooled"})
    write_model_file(folder / "tones.tflite", flatbuffer=flatbuffer, info=info, card="")
    rng = np.random.default_rng(0)
    for name, hz in SOUNDS.items():
        for i in range(N_EACH):
            (folder / "birds" / name).mkdir(parents=True, exist_ok=True)
            loud = 0.2 + 0.1 * rng.random()
            parts = [0.01 * rng.standard_normal(N_SAMPLES) + loud * on * tone(hz) for on in (0, 1, 1, 0, 1)]
            soundfile.write(folder / "birds" / name / f"{hz:.0f}_{i}.wav", np.concatenate(parts), RATE)
    done = run("features", "build", folder / "birds", "--spec", folder / "tones.tflite",
               "--out", folder / "embeddings", "--jobs", "1")  # fmt: skip
    assert done.exit_code == 0, done.output
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def data_of(folder: Path):  # type: ignore[no-untyped-def]
    catalog = read_catalogs((folder / "birds",))
    store = FeatureStore.open(folder / "embeddings")
    return training_data(catalog, store, store.spec, catalog.labels), catalog.labels
