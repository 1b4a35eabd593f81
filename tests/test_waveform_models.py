"""Models that hear the sound itself: their windows, outputs, silence, and the file that holds them."""

import csv
import io
import json
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from handmade_ear import CLASS_BIAS, CLASS_WEIGHTS, LABELS, N_SAMPLES, RATE, ear, filters, tone

from avianvox import modelfile
from avianvox.cli.main import cli
from avianvox.ears.graft import graft
from avianvox.errors import AvianvoxError, ModelFileError
from avianvox.features.kinds import BANDS, KINDS, Spec, spec_from_mapping
from avianvox.features.spec import FeatureSpec
from avianvox.features.store import FeatureStore
from avianvox.features.waveform import WaveformSpec
from avianvox.inference.classifier import Classifier
from avianvox.inference.embedding import EmbeddingSpec
from avianvox.inference.gate import Gate
from avianvox.inference.runtime import runtime_of
from avianvox.modelfile import read_model_file, verify_model_file, write_model_file
from avianvox.modelfolder import bundled_models
from avianvox.modelinfo import EMBEDDING, SPECIES, ModelInfo, Output
from avianvox.types import LabelSet

NAMES = LabelSet(*(tuple(part) for part in zip(*(label.split("_") for label in LABELS), strict=True)))
INFO = ModelInfo(
    "tones",
    "ear",
    WaveformSpec(RATE, N_SAMPLES),
    NAMES,
    outputs=(Output(SPECIES, 3, 0, "sigmoid", exclusive=False), Output(EMBEDDING, 4, 1)),
    not_animals=("Engine",),
    source={"address": "https://example.org/tones"},
)
GEO = bytes(range(256)) * 8


@pytest.fixture
def model(tmp_path: Path) -> Path:
    flatbuffer = graft(ear(), outputs={"embedding": "pooled"})
    path = tmp_path / "tones.tflite"
    write_model_file(path, flatbuffer=flatbuffer, info=INFO, card="# Tones\n", others={"geo.tflite": GEO})
    return path


def write_sound(path: Path, *parts: np.ndarray) -> Path:
    soundfile.write(path, np.concatenate(parts), RATE, subtype="FLOAT")
    return path


def expected_scores(window: np.ndarray) -> np.ndarray:
    logits = CLASS_WEIGHTS @ (filters() @ window) + CLASS_BIAS
    return 1 / (1 + np.exp(-logits))


def test_scores_are_those_of_the_graph_and_a_recording_has_its_loudest_window(
    model: Path, tmp_path: Path
) -> None:
    low, middle = 0.5 * tone(500), 0.3 * tone(1000)
    found = Classifier.load(model).classify(write_sound(tmp_path / "two.wav", low, middle))
    windows = np.array([window.scores for window in found.windows])
    np.testing.assert_allclose(windows, [expected_scores(low), expected_scores(middle)], atol=1e-4)
    np.testing.assert_array_equal(found.scores, windows.max(axis=0))
    assert [window.first_sample for window in found.windows] == [0, N_SAMPLES]


def test_every_output_has_its_name(model: Path) -> None:
    window = 0.5 * tone(2000)
    found = runtime_of(read_model_file(model)).run(window[:, None])
    assert list(found) == [SPECIES, EMBEDDING]
    np.testing.assert_allclose(found[EMBEDDING], filters() @ window, rtol=1e-4, atol=1e-3)


def test_the_last_window_ends_with_the_recording_and_a_short_one_is_looped(
    model: Path, tmp_path: Path
) -> None:
    classifier = Classifier.load(model)
    long = write_sound(tmp_path / "long.wav", 0.5 * tone(500, N_SAMPLES + 1000))
    assert [window.first_sample for window in classifier.classify(long).windows] == [0, 1000]
    half = 0.5 * tone(500)[: N_SAMPLES // 2]
    (window,) = classifier.classify(write_sound(tmp_path / "short.wav", half)).windows
    np.testing.assert_allclose(window.scores, expected_scores(np.tile(half, 2)), atol=1e-4)
    assert window.n_samples == len(half)


def rows_of(model: Path, *arguments: str) -> list[dict[str, str]]:
    done = CliRunner().invoke(cli, ["classify", *arguments, "--model", str(model), "--format", "csv"])
    assert done.exit_code == 0, done.output
    return list(csv.DictReader(io.StringIO(done.stdout)))


def test_what_is_no_animal_is_named_only_if_it_is_asked_for(model: Path, tmp_path: Path) -> None:
    engine = str(write_sound(tmp_path / "engine.wav", tone(2000)))
    names = [row["scientific_name"] for row in rows_of(model, engine, "--top", "3")]
    assert sorted(names) == ["Columba bassa", "Parus medius"]
    (row,) = rows_of(model, engine, "--species-list", "Engine")
    assert row["scientific_name"] == "Engine"
    assert rows_of(model, engine, "--by", "event")[0]["scientific_name"] == ""


def test_two_species_at_once_are_two_events(model: Path, tmp_path: Path) -> None:
    both = str(write_sound(tmp_path / "both.wav", 0.5 * tone(500) + 0.5 * tone(1000)))
    found = rows_of(model, both, "--by", "event", "--min-score", "0.5")
    assert [row["scientific_name"] for row in found] == ["Columba bassa", "Parus medius"]


def test_the_gate_listens_at_its_own_rate(model: Path) -> None:
    classifier = Classifier.load(model)
    noise = 0.01 * np.random.default_rng(0).standard_normal(3 * N_SAMPLES).astype(np.float32)
    stream = classifier.windows([noise], gate=Gate.load())
    assert list(stream) == []
    assert stream.n_gated == 3


@pytest.mark.parametrize(
    ("samples", "silent"),
    [
        (np.zeros(N_SAMPLES), True),
        (np.full(N_SAMPLES, 0.3), True),
        (np.where(np.arange(N_SAMPLES) < 300, 0.0, 0.3), True),  # a constant begins
        (np.where(np.arange(N_SAMPLES) < N_SAMPLES // 2 + 50, 0.0, 0.3), False),  # a click in the middle
        (np.round(2 * np.random.default_rng(0).standard_normal(N_SAMPLES)) / 32768, True),
        (np.round(20 * np.random.default_rng(0).standard_normal(N_SAMPLES)) / 32768, False),
        (np.where(np.arange(N_SAMPLES) < 200, tone(2000), 0.0), False),  # a voice at the edge
        (0.3 + np.where(np.abs(np.arange(N_SAMPLES) - 4000) < 200, 0.002 * tone(2000), 0.0), False),
    ],
)
def test_silence_of_sound(samples: np.ndarray, silent: bool) -> None:
    assert INFO.spec.silence_test()(samples.astype(np.float32)[:, None]) == silent


def test_a_mapped_file_gives_the_same_answers(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = write_sound(tmp_path / "low.wav", 0.5 * tone(500))
    before = Classifier.load(model).classify(sound).scores
    monkeypatch.setattr(modelfile, "_MAPPED_BYTES", 100)
    read = read_model_file(model)
    assert read.mapped
    assert read.other("geo.tflite") == GEO
    assert read.other("other") is None
    np.testing.assert_array_equal(Classifier.load(model).classify(sound).scores, before)
    assert verify_model_file(model) == []


def test_damage_behind_the_graph_is_found_when_it_is_read(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = model.read_bytes()
    model.write_bytes(content.replace(GEO, GEO[::-1]))
    with pytest.raises(ModelFileError, match=r"geo\.tflite"):
        read_model_file(model)
    monkeypatch.setattr(modelfile, "_MAPPED_BYTES", 100)
    with pytest.raises(ModelFileError, match=r"damaged: geo\.tflite"):
        read_model_file(model).other("geo.tflite")
    (problem,) = verify_model_file(model)
    assert "geo.tflite" in problem


def test_a_round_trip_keeps_outputs_and_source(model: Path) -> None:
    assert read_model_file(model).info == INFO
    with zipfile.ZipFile(model) as entries:
        assert entries.read("geo.tflite") == GEO
        assert json.loads(entries.read("avianvox.json"))["spec"] == {
            "kind": "waveform",
            "sample_rate": RATE,
            "n_samples": N_SAMPLES,
        }


def test_a_file_of_the_first_version_opens_and_is_written_as_one(tmp_path: Path) -> None:
    (bundled,) = bundled_models().values()
    today = read_model_file(bundled)
    first = tmp_path / "first.tflite"
    info = replace(today.info, format_version=1, pooling={})
    write_model_file(first, flatbuffer=today.flatbuffer, info=info, card=today.card)
    read = read_model_file(first)
    assert read.info.format_version == 1
    assert read.info.outputs == (Output(SPECIES, len(read.info.labels)),)
    assert read.info.exclusive
    again = tmp_path / "again.tflite"
    write_model_file(again, flatbuffer=read.flatbuffer, info=read.info, card=read.card)
    assert read_model_file(again).info == read.info
    with zipfile.ZipFile(again) as entries:
        assert not {"outputs", "payload"} & json.loads(entries.read("avianvox.json")).keys()


@pytest.mark.parametrize(
    "change",
    [
        {"outputs": (Output(SPECIES, 2),)},
        {"outputs": (Output(EMBEDDING, 3),)},
        {"payload": "pickle"},
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ModelFileError):
        replace(INFO, **change)


@pytest.mark.parametrize("change", [{"activation": "relu"}, {"size": 0}, {"index": -1}, {"exclusive": 1}])
def test_an_output_is_checked(change: dict[str, object]) -> None:
    with pytest.raises(ModelFileError):
        replace(INFO.outputs[0], **change)


def some_spec(kind: str, model: Path) -> Spec:
    specs = {
        **{name: partial(BANDS.get(name), n_mels=64) for name in BANDS},
        "waveform": lambda: WaveformSpec(RATE, N_SAMPLES),
        "embedding": lambda: EmbeddingSpec.of_model(str(model), overlap_s=0.25),
    }
    return specs[kind]()


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_specs_keeps_to_the_protocol(kind: str, model: Path) -> None:
    """Round trip, rows in any pieces, and windows of the length that it states."""
    spec = some_spec(kind, model)
    assert spec_from_mapping(json.loads(json.dumps(spec.to_mapping()))) == spec
    samples = np.random.default_rng(0).standard_normal(4 * spec.sample_rate).astype(np.float32)
    stream = spec.stream()
    for n in (len(samples), spec.window_samples, spec.window_samples // 2, 1):
        made = []
        for pieces in ([samples[:n]], np.array_split(samples[:n], 7)):
            rows = [block for piece in pieces for block in stream.push(piece)] + list(stream.finish())
            made.append(np.concatenate(rows))
        np.testing.assert_array_equal(*made)
        assert made[0].shape == (spec.frames_of(n), spec.n_features)
        assert n == 1 or spec.silence_test()(made[0]) is False
    with pytest.raises(AvianvoxError):
        spec_from_mapping(spec.to_mapping() | {"kind": "x"})
    with pytest.raises(AvianvoxError):
        spec_from_mapping(spec.to_mapping() | {"colour": 1})


def test_rows_of_embeddings_are_windows_that_end_with_the_recording(model: Path) -> None:
    sound = np.concatenate([0.5 * tone(500), 0.5 * tone(1000)])[:-100]
    stream = EmbeddingSpec.of_model(str(model)).stream()
    rows = np.concatenate([*stream.push(sound), *stream.finish()])
    windows = [sound[:N_SAMPLES], sound[-N_SAMPLES:]]
    np.testing.assert_allclose(rows[:, :4], [filters() @ w for w in windows], rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(rows[:, 4:], [expected_scores(w) for w in windows], atol=1e-4)


def test_a_store_of_embeddings_is_built_and_opened(model: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / "birds" / name).mkdir(parents=True)
        write_sound(tmp_path / "birds" / name / "a.wav", 0.5 * tone(500), 0.5 * tone(1000))
    arguments = ["features", "build", str(tmp_path / "birds"), "--spec", str(model)]
    done = CliRunner().invoke(cli, [*arguments, "--out", str(tmp_path / "e"), "--jobs", "1"])
    assert done.exit_code == 0, done.output
    assert "2 recordings, 4 windows" in done.stdout
    store = FeatureStore.open(tmp_path / "e")
    assert store.rows.shape == (4, 7)
    np.testing.assert_array_equal(store.features(0), store.features(1))
    with pytest.raises(AvianvoxError, match="embedding rows, expected log-mel"):
        _ = store.log_mel


def test_another_model_under_the_same_name_is_refused(model: Path) -> None:
    spec = EmbeddingSpec.of_model(str(model))
    flatbuffer = graft(ear(last="LOGISTIC"), outputs={"embedding": "pooled"})
    write_model_file(model, flatbuffer=flatbuffer, info=INFO, card="")
    with pytest.raises(ModelFileError, match="is not the model that these features are made with"):
        spec.stream()


def test_a_model_without_an_embedding_makes_no_features(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        cli,
        ["features", "build", str(tmp_path), "--spec", "caribbean_california", "--out", str(tmp_path / "e")],
    )
    assert done.exit_code == 1
    assert "gives no embedding" in str(done.exception)


def test_fingerprints_of_yesterday_hold() -> None:
    assert (FeatureSpec().fingerprint, FeatureSpec().extraction_fingerprint) == (
        "c8ea204eea838532",
        "f3fddfc6edf0040b",
    )
