"""The page's modules beside those that they follow, such as resampler, features, pooling and events.

Chromium imports them from the page, without the model.
"""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
import soxr
from handmade_model import LABELS
from static_server import Server

from avianvox.browser.describe import _calibration, _front, describe_page
from avianvox.browser.site import write_site
from avianvox.features.extract import extract_features
from avianvox.features.spec import SPECS, FeatureSpec
from avianvox.inference.calibration import Calibration, LevelCalibration, LogOdds, Scaling
from avianvox.inference.events import EventFinder, EventOptions
from avianvox.inference.pooling import POOLINGS
from avianvox.modelfile import read_model_file
from avianvox.modelfolder import find_model
from avianvox.types import Waveform, Window

if TYPE_CHECKING:
    from playwright.sync_api import Page

Ask = Callable[..., Any]
UNPACK = """
    const floats = (text) => new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
    const packed = (values) => {
        let text = '';
        const bytes = new Uint8Array(Float32Array.from(values).buffer);
        for (const byte of bytes) text += String.fromCharCode(byte);
        return btoa(text);
    };
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    folder = write_site(find_model("caribbean_california"), tmp_path_factory.mktemp("site")).path
    server = Server(folder)
    yield folder, server.address
    server.stop()


@pytest.fixture
def ask(page: "Page", site: tuple[Path, str]) -> Ask:
    """Runs a script that has ``module``, one of the page's, and ``given``; arrays travel as base64."""
    page.goto(site[1] + "LICENSES.txt")

    def run(module: str, script: str, **given: Any) -> Any:
        body = f"async (given) => {{ {UNPACK} const module = await import('/{module}'); {script} }}"
        return page.evaluate(body, given)

    return run


def packed(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()


def unpacked(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4")


@pytest.mark.parametrize(
    ("from_hz", "to_hz"),
    [(48000, 22050), (44100, 22050), (96000, 22050), (16000, 22050), (44101, 22050), (22050, 48000)],
)
def test_the_resampler_has_the_commands_response(
    ask: Ask, rng: np.random.Generator, from_hz: int, to_hz: int
) -> None:
    """White noise has most of what can differ: all of the slope. Pieces of any size give the same."""
    samples = (0.1 * rng.standard_normal(from_hz + 17)).astype(np.float32)
    script = """
        const r = new module.Resampler(given.from_hz, given.to_hz), x = floats(given.samples), out = [];
        for (let at = 0; at < x.length; at += given.piece) {
            out.push(...r.push(x.subarray(at, at + given.piece)));
        }
        return packed([...out, ...r.finish()]);
    """
    given = {"from_hz": from_hz, "to_hz": to_hz, "samples": packed(samples)}
    found = unpacked(ask("resample.js", script, piece=1000, **given))
    again = unpacked(ask("resample.js", script, piece=7919, **given))
    np.testing.assert_array_equal(found, again)
    stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")
    nothing = np.empty(0, np.float32)
    right = np.concatenate((stream.resample_chunk(samples), stream.resample_chunk(nothing, last=True)))
    assert len(found) == len(right)
    inner = slice(500, -500)  # beyond the ends, each imagines something else
    off = np.square(found[inner] - right[inner]).mean() / np.square(right[inner]).mean()
    assert 10 * np.log10(off) < -50


@pytest.mark.parametrize(
    "spec", [SPECS["published_v1"], SPECS["published_v2"], FeatureSpec(n_mels=96, n_fft=512, hop_length=512)]
)
def test_rows_are_the_extractors(ask: Ask, rng: np.random.Generator, spec: FeatureSpec) -> None:
    samples = (0.1 * rng.standard_normal(spec.sample_rate)).astype(np.float32)
    samples[:3000] *= 1e-4
    script = """
        const s = new module.FeatureStream(given.front), x = floats(given.samples), out = [];
        for (let at = 0; at < x.length; at += 5000) out.push(...s.push(x.subarray(at, at + 5000)));
        return packed([...out, ...s.finish()]);
    """
    found = unpacked(ask("features.js", script, front=_front(spec), samples=packed(samples)))
    right = extract_features(Waveform(samples, spec.sample_rate), spec).values
    np.testing.assert_allclose(found.reshape(right.shape), right, atol=2e-3)


def test_silence_is_the_models(ask: Ask, rng: np.random.Generator) -> None:
    """Silence, a constant, a constant that begins, noise of one step, and a quiet voice."""
    model = read_model_file(find_model("caribbean_california"))
    described, spec = describe_page(model), model.info.spec
    n = spec.window_samples
    constant = np.full(n, 0.2)
    begun = np.where(np.arange(n) < 800, 0.0, 0.2)
    voice = 1e-3 * np.sin(0.5 * np.arange(n))
    step = rng.integers(-1, 2, n) / 32768
    for samples in (np.zeros(n), constant, begun, step, voice, constant + voice):
        sound = Waveform(samples.astype(np.float32), spec.sample_rate)
        rows = extract_features(sound, spec).values[: spec.n_frames]  # type: ignore[arg-type]
        script = "return module.isSilent(floats(given.rows), given.own, given.silence, given.size);"
        own = [len(rows), 40]
        found = [
            ask(
                "features.js",
                script,
                rows=packed(rows),
                own=k,
                silence=described["silence"],
                size=rows.shape[1],
            )
            for k in own
        ]
        assert found == [spec.silence_test()(rows[:k]) for k in own]


@pytest.mark.parametrize("kind", list(POOLINGS))
@pytest.mark.parametrize("n", [1, 2, 7])
def test_poolings_are_the_same(ask: Ask, rng: np.random.Generator, kind: str, n: int) -> None:
    scores = rng.dirichlet(np.ones(5), n).astype(np.float32)
    confidence = rng.uniform(size=n).round(1)
    pooling = POOLINGS.get(kind)()
    for row, sure in zip(scores, confidence, strict=True):
        pooling.add(row, float(sure))
    script = """
        const p = new module.Pooling(given.kind, 1e-30);
        given.scores.forEach((row, i) => p.add(row, given.confidence[i]));
        return [...p.scores()];
    """
    found = ask("scores.js", script, kind=kind, scores=scores.tolist(), confidence=confidence.tolist())
    np.testing.assert_allclose(found, pooling.scores(), rtol=1e-12)


@pytest.mark.parametrize(
    "scaling", [Scaling(0.7), Scaling(1.3, 0.2), LogOdds(0.8, -0.5), LogOdds(2.0, 1.0)], ids=str
)
def test_calibration_and_decision_are_the_same(
    ask: Ask, rng: np.random.Generator, scaling: Scaling | LogOdds
) -> None:
    level = LevelCalibration(scaling, (0.2, 0.5, float("inf")), {}, 0.15)
    described = describe_page(read_model_file(find_model("caribbean_california")))
    script = """
        const scores = [...module.calibrated(given.scores, given.level, given.rules)];
        return [scores, scores.map((score, label) => module.decide(score, label, given.level))];
    """
    for scores in (*rng.dirichlet(np.ones(3), 5).astype(np.float32), np.array([0, 0, 1], np.float32)):
        values = json.loads(json.dumps(_calibration(Calibration(level, level))["window"]))
        found, decisions = ask(
            "scores.js", script, scores=scores.tolist(), level=values, rules=described["rules"]
        )
        right = level.scaling.apply(scores)
        np.testing.assert_allclose(found, right, rtol=1e-9)
        assert decisions == [str(level.decision(float(s), label)) for label, s in enumerate(right)]


@pytest.mark.parametrize("activation", ["none", "sigmoid", "softmax"])
def test_activations_are_the_same(ask: Ask, rng: np.random.Generator, activation: str) -> None:
    from avianvox.inference.activation import activate

    values = (rng.standard_normal(6) * 30).astype(np.float32)
    script = "return [...module.activate(floats(given.values), given.activation)];"
    found = ask("scores.js", script, values=packed(values), activation=activation)
    np.testing.assert_allclose(found, activate(values, activation), rtol=1e-6)


@pytest.mark.parametrize("multi_label", [False, True])
def test_events_are_the_commands(ask: Ask, rng: np.random.Generator, multi_label: bool) -> None:
    """Windows that overlap, with gaps between them where there was silence."""
    options = EventOptions(multi_label=multi_label)
    calibration = Calibration(*[LevelCalibration(Scaling(), (0.5, 0.4, float("inf")), {}, 0.45)] * 2)
    finder = EventFinder(options, LABELS, 100, calibration)
    starts = np.cumsum(rng.choice([50, 50, 50, 130], 60))
    scores = rng.dirichlet(np.ones(3), 60).astype(np.float32)
    windows = [Window(int(a), 100, row) for a, row in zip(starts, scores, strict=True)]
    right = [event for window in windows for event in finder.push(window)] + finder.finish()
    rules = {
        "enter": [0.5, float(np.float32(0.45)), None],
        "leave": [float(np.float32(0.5) * np.float32(0.8)), float(np.float32(0.45) * np.float32(0.8)), None],
        "calling": [0, 1, 2],
        "competing": [0, 1, 2],
        "no_bird": None,
        "multi_label": multi_label,
    }
    script = """
        const finder = new module.EventFinder(given.rules), found = [];
        given.windows.forEach(([first, scores]) => found.push(...finder.push(first, first + 100, scores)));
        return [...found, ...finder.finish()].map((e) => [e.label, e.first, e.end, e.score]);
    """
    plain = [[window.first_sample, window.scores.tolist()] for window in windows]
    found = ask("scores.js", script, rules=rules, windows=plain)
    assert found == [[e.label, e.first_sample, e.end_sample, e.score] for e in right]
    assert found


WAVS = [
    *(("WAV", subtype) for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")),
    *(("WAVEX", subtype) for subtype in ("PCM_16", "FLOAT")),
    ("RF64", "PCM_16"),
]


@pytest.mark.parametrize(("form", "subtype"), WAVS)
def test_wav_files_are_read_as_the_command_reads_them(
    ask: Ask, site: tuple[Path, str], rng: np.random.Generator, form: str, subtype: str
) -> None:
    """In slices, both channels; a file that ends too early has what is there."""
    path = site[0] / "sound.wav"
    samples = rng.uniform(-1, 1, (200_001, 2)).astype(np.float32)
    soundfile.write(path, samples, 44100, format=form, subtype=subtype)
    right = soundfile.read(path, dtype="float32")[0]
    script = """
        const file = await (await fetch('/sound.wav', {cache: 'no-store'})).blob();
        const wav = await module.openWav(file.slice(0, file.size - given.cut)), out = [[], []];
        for await (const channels of module.wavSlices(file, wav)) {
            channels.forEach((samples, i) => { for (const sample of samples) out[i].push(sample); });
        }
        return [wav.rate, wav.promised, wav.frames, packed(out[0]), packed(out[1])];
    """
    rate, promised, frames, *channels = ask("sound.js", script, cut=0)
    assert (rate, promised, frames) == (44100, 200_001, 200_001)
    np.testing.assert_array_equal(np.stack([unpacked(c) for c in channels], axis=1), right)
    _, promised, frames, left, _ = ask("sound.js", script, cut=path.stat().st_size // 2)
    assert promised == 200_001
    assert 90_000 < frames < 110_000
    np.testing.assert_array_equal(unpacked(left), right[:frames, 0])
    path.unlink()


@pytest.mark.parametrize(
    ("form", "subtype", "rate"),
    [("FLAC", "PCM_16", 44100), ("FLAC", "PCM_24", 96000), ("OGG", "VORBIS", 32000), ("OGG", "OPUS", 48000)]
    + [("MP3", "MPEG_LAYER_III", rate) for rate in (48000, 44100, 32000, 22050, 16000)],
)
def test_the_rate_of_compressed_files_is_found(
    ask: Ask, site: tuple[Path, str], rng: np.random.Generator, form: str, subtype: str, rate: int
) -> None:
    path = site[0] / "sound.bin"
    soundfile.write(path, 0.1 * rng.standard_normal(rate), rate, format=form, subtype=subtype)
    script = """
        const file = await (await fetch('/sound.bin', {cache: 'no-store'})).blob();
        return [await module.openWav(file), await module.rateOf(file)];
    """
    assert ask("sound.js", script) == [None, rate]
    path.unlink()
