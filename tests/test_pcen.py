"""Per-channel energy normalisation: the formula, what it makes of noise, and the road to a crop."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from avianvox.cli.main import cli
from avianvox.dataset.catalog import read_catalogs
from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.errors import AvianvoxError, InputError, StoreError
from avianvox.features.filters import dct_matrix
from avianvox.features.kinds import spec_from_mapping
from avianvox.features.pcen import PcenSpec
from avianvox.features.spec import FeatureSpec
from avianvox.features.store import FeatureStore
from avianvox.training.config import TrainConfig
from avianvox.training.train import train

SPEC = PcenSpec(n_mels=32, n_mfcc=8)


def rows_of(spec: FeatureSpec, samples: np.ndarray) -> np.ndarray:
    stream = spec.stream()
    return np.concatenate([*stream.push(samples), *stream.finish()])


@pytest.fixture
def noise() -> np.ndarray:
    return 0.1 * np.random.default_rng(0).standard_normal(5 * SPEC.sample_rate).astype(np.float32)


def test_rows_are_those_of_the_formula(noise: np.ndarray) -> None:
    power = 10 ** (rows_of(FeatureSpec(n_mels=32, n_mfcc=8), noise)[:, :32].astype(np.float64) / 10)
    frames = 0.4 * 22050 / 512
    share = (np.sqrt(1 + 4 * frames**2) - 1) / (2 * frames**2)
    recent = power[0]
    expected = []
    for now in power:
        recent = (1 - share) * recent + share * now
        expected.append((now / (1e-6 + recent) ** 0.98 + 2) ** 0.5 - 2**0.5)
    made = rows_of(SPEC, noise)
    np.testing.assert_allclose(made[:, :32], expected, rtol=1e-5)
    np.testing.assert_allclose(made[:, 32:], np.array(expected) @ dct_matrix(SPEC), atol=1e-4)


def test_loud_and_quiet_noise_look_alike_and_a_call_stands_out(noise: np.ndarray) -> None:
    quiet, loud = (rows_of(SPEC, scale * noise)[:, :32].mean() for scale in (0.1, 1.0))
    assert loud == pytest.approx(quiet, rel=0.1)
    call = noise.copy()
    t = np.arange(2000) / SPEC.sample_rate
    call[60000:62000] += 0.5 * np.sin(2 * np.pi * 3000 * t).astype(np.float32)
    made = rows_of(SPEC, call)[:, :32]
    assert abs(int(made.max(axis=1).argmax()) - 61000 / 512) < 3


def test_a_recording_does_not_hear_the_one_before(noise: np.ndarray) -> None:
    stream = SPEC.stream()
    first, second = (np.concatenate([*stream.push(noise), *stream.finish()]) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_silence_is_what_does_not_change(noise: np.ndarray) -> None:
    assert SPEC.silence_test()(rows_of(SPEC, np.zeros(30000, np.float32)))
    assert not SPEC.silence_test()(rows_of(SPEC, 1e-3 * noise))


@pytest.mark.parametrize("change", [{"time_constant_s": 0.0}, {"gain": 1.5}, {"root": 0.0}, {"least": -1.0}])
def test_absurd_settings_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(InputError, match=f"PcenSpec: {next(iter(change))} must be"):
        replace(SPEC, **change)


def test_from_the_command_line_to_a_crop_and_no_further(noise: np.ndarray, tmp_path: Path) -> None:
    for name, hz in (("high", 3000), ("low", 600)):
        (tmp_path / "birds" / name).mkdir(parents=True)
        for i in range(3):
            tone = np.sin(2 * np.pi * hz * np.arange(len(noise)) / SPEC.sample_rate) * (i + 1) * 0.1
            soundfile.write(tmp_path / "birds" / name / f"{name}{i}.wav", noise + tone, SPEC.sample_rate)

    def run(*arguments: object) -> str:
        done = CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    birds, store = tmp_path / "birds", tmp_path / "store"
    run("features", "build", birds, "--spec", "pcen", "--out", store, "--jobs", "1")
    found = FeatureStore.open(store)
    assert found.spec == PcenSpec() == spec_from_mapping({"kind": "pcen"})
    crops = CropReader(found, None, CropSettings(64, "mel")).read(np.arange(6), np.full(6, 10))
    np.testing.assert_array_equal(crops[2], found.features(2)[10:74, :128])
    with pytest.raises(StoreError, match="holds pcen rows, expected log-mel"):
        _ = found.log_mel
    config = TrainConfig(model="logreg_windows", validation=0.0)
    train(read_catalogs((birds,)), found, config, tmp_path / "run")
    with pytest.raises(InputError, match=r"was not exported: no graph makes its features \(pcen\)"):
        run("export", tmp_path / "run", "--out", tmp_path / "m.tflite")
    out = tmp_path / "cv"
    run("crossval", birds, "--models", "logreg_mel,logreg_windows", "--spec", "pcen", "--store", store,
        "--groupings", "random", "--folds", "3", "--out", out)  # fmt: skip
    with pytest.raises(AvianvoxError, match="unknown feature spec 'pcem'; did you mean 'pcen'"):
        run("crossval", birds, "--models", "logreg_mel", "--spec", "pcem", "--out", out)
