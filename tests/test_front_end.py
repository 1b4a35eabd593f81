"""librosa, the extractor, Keras and LiteRT say the same about the same sound."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from librosa_oracle import librosa_features

from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.errors import InputError
from avianvox.features.extract import extract_features
from avianvox.features.normalise import Normalisation
from avianvox.features.spec import COMBINATIONS, SPECS, FeatureSpec
from avianvox.models.backend import keras
from avianvox.models.front_end import CombineAndNormalise, FrontEnd
from avianvox.types import Waveform

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SPEC = FeatureSpec(n_frames=32)
N_SAMPLES = SPEC.window_samples + 4 * SPEC.n_fft
FIRST_FRAME = 3


def chirp(rng: np.random.Generator) -> np.ndarray:
    time = np.arange(N_SAMPLES) / SPEC.sample_rate
    return 0.5 * np.sin(2 * np.pi * (1000 + 2000 * time) * time)


def noise(rng: np.random.Generator) -> np.ndarray:
    return 0.1 * rng.standard_normal(N_SAMPLES)


def silence(rng: np.random.Generator) -> np.ndarray:
    return np.zeros(N_SAMPLES)


def impulse(rng: np.random.Generator) -> np.ndarray:
    sound = np.zeros(N_SAMPLES)
    sound[N_SAMPLES // 2] = 1.0
    return sound


def cut(samples: np.ndarray, spec: FeatureSpec, first_frame: int) -> np.ndarray:
    """The window of sound whose first frame has this number in the whole recording."""
    padded = np.pad(samples, spec.n_fft // 2)
    return padded[first_frame * spec.hop_length :][: spec.window_samples]


@pytest.fixture(scope="module")
def litert_front_end() -> Any:
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    layer = FrontEnd(SPEC)
    function = tf.function(
        lambda waveform: {"features": layer(waveform)},
        input_signature=[tf.TensorSpec((1, SPEC.window_samples), tf.float32, name="waveform")],
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], layer)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    interpreter = Interpreter(model_content=converter.convert(), num_threads=1)
    return interpreter.get_signature_runner()


def assert_same_rows(actual: np.ndarray, expected: np.ndarray, spec: FeatureSpec) -> None:
    """Mel within 0.01 dB, down to 60 dB below the loudest value: there, rounding is as loud as sound."""
    mel, expected_mel = actual[:, : spec.n_mels], expected[:, : spec.n_mels]
    audible = expected_mel >= expected_mel.max() - 60
    np.testing.assert_allclose(mel[audible], expected_mel[audible], atol=0.01, rtol=0)
    if audible.all():
        np.testing.assert_allclose(actual[:, spec.n_mels :], expected[:, spec.n_mels :], atol=0.01, rtol=0)


@pytest.mark.parametrize("sound", [chirp, noise, silence, impulse])
def test_four_roads_to_the_same_features(sound: Any, rng: np.random.Generator, litert_front_end: Any) -> None:
    samples = sound(rng).astype(np.float32)
    rows = slice(FIRST_FRAME, FIRST_FRAME + SPEC.n_frames)
    expected = librosa_features(samples, SPEC)[rows]
    window = cut(samples, SPEC, FIRST_FRAME)[None]
    assert_same_rows(extract_features(Waveform(samples, SPEC.sample_rate), SPEC).values[rows], expected, SPEC)
    assert_same_rows(np.asarray(FrontEnd(SPEC)(window))[0], expected, SPEC)
    assert_same_rows(litert_front_end(waveform=window)["features"][0], expected, SPEC)


def test_the_first_window_begins_before_the_sound(rng: np.random.Generator) -> None:
    samples = noise(rng).astype(np.float32)
    rows = extract_features(Waveform(samples, SPEC.sample_rate), SPEC).values
    found = np.asarray(FrontEnd(SPEC)(cut(samples, SPEC, 0)[None]))[0]
    assert_same_rows(found, rows[: SPEC.n_frames], SPEC)


def test_other_published_settings(rng: np.random.Generator) -> None:
    spec = SPECS["published_v2"].with_changes(n_frames=8)
    samples = noise(rng).astype(np.float32)
    rows = extract_features(Waveform(samples, spec.sample_rate), spec).values
    window = cut(samples, spec, FIRST_FRAME)[None]
    assert_same_rows(np.asarray(FrontEnd(spec)(window))[0], rows[FIRST_FRAME : FIRST_FRAME + 8], spec)


@pytest.mark.recordings
def test_real_recordings(real_data: Path, litert_front_end: Any) -> None:
    from avianvox.audio.decode import load_waveform

    paths = sorted((real_data / "puerto_rico" / "audio").glob("XC*.mp3"))[::60]
    for path in paths:
        waveform, _ = load_waveform(path, sample_rate=SPEC.sample_rate)
        expected = librosa_features(waveform.samples, SPEC)[: SPEC.n_frames]
        if len(expected) < SPEC.n_frames:
            continue
        window = cut(waveform.samples, SPEC, 0)[None]
        assert_same_rows(np.asarray(FrontEnd(SPEC)(window))[0], expected, SPEC)
        assert_same_rows(litert_front_end(waveform=window)["features"][0], expected, SPEC)


@pytest.mark.parametrize("combine", ["mel", "overwrite", "concatenate"])
def test_combination_and_normalisation_in_numpy(combine: str, rng: np.random.Generator) -> None:
    spec = SPEC.with_changes(combine=combine)
    features = rng.standard_normal((2, spec.n_frames, spec.n_features)).astype(np.float32)
    mean = rng.standard_normal(spec.n_features).astype(np.float32)
    deviation = rng.uniform(0.5, 2.0, spec.n_features).astype(np.float32)
    normal = (features - mean) / deviation
    mel, mfcc = normal[..., : spec.n_mels], normal[..., spec.n_mels :]
    expected = {
        "mel": mel,
        "overwrite": np.concatenate([mfcc, mel[..., spec.n_mfcc :]], axis=-1),
        "concatenate": normal,
    }[combine]
    layer = CombineAndNormalise(spec, mean, deviation)
    np.testing.assert_allclose(np.asarray(layer(features))[..., 0], expected, rtol=1e-6, atol=1e-6)
    assert layer.compute_output_shape(features.shape) == (2, spec.n_frames, spec.n_rows, 1)


@pytest.mark.parametrize("combine", COMBINATIONS)
def test_the_graph_sees_what_training_saw(combine: str, rng: np.random.Generator) -> None:
    spec = SPEC.with_changes(combine=combine)
    rows = rng.normal(-40, 15, (3 * spec.n_frames, spec.n_features)).astype(np.float32)
    normalisation = Normalisation(rows.mean(axis=0), rows.std(axis=0))
    store = SimpleNamespace(
        spec=spec, bands=spec, ids=["a"], rows=rows, first_row=[0], n_frames=[len(rows)], keys=[7]
    )
    reader = CropReader(store, normalisation, CropSettings.from_spec(spec))  # type: ignore[arg-type]
    layer = CombineAndNormalise(spec, normalisation.mean, normalisation.deviation)
    np.testing.assert_allclose(
        np.asarray(layer(rows[None, 5 : 5 + spec.n_frames]))[..., 0],
        reader.read(np.array([0]), np.array([5])),
        atol=1e-5,
    )


def test_layers_travel_through_a_saved_model(tmp_path: Path, rng: np.random.Generator) -> None:
    waveform = keras.Input((SPEC.window_samples,))
    mean, deviation = rng.standard_normal(SPEC.n_features), rng.uniform(0.5, 2.0, SPEC.n_features)
    model = keras.Model(waveform, CombineAndNormalise(SPEC, mean, deviation)(FrontEnd(SPEC)(waveform)))
    assert model.count_params() == 0
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    window = cut(noise(rng).astype(np.float32), SPEC, 0)[None]
    np.testing.assert_array_equal(np.asarray(again(window)), np.asarray(model(window)))
    assert again.layers[1].get_config() == model.layers[1].get_config()


def test_statistics_of_another_shape_are_refused() -> None:
    ones = np.ones(SPEC.n_features)
    with pytest.raises(InputError, match=r"expected mean of shape \(148,\), got \(20,\)"):
        CombineAndNormalise(SPEC, np.ones(20), ones)
    with pytest.raises(InputError, match="every deviation must be positive"):
        CombineAndNormalise(SPEC, ones, 0 * ones)
