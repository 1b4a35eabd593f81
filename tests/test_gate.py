"""The gate: its numbers of a window, its file, what it is judged by, and its commands."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from avianvox.audio.synth import coloured_noise
from avianvox.cli.main import cli
from avianvox.dataset.catalog import read_catalog
from avianvox.errors import InputError, MissingExtraError, ModelFileError, OutputError
from avianvox.evaluation.gate_curve import MADE, MIX, NOISE, VOICE, Windows, gate_figures, recall_thresholds
from avianvox.features.extract import extract_features
from avianvox.features.provide import provide_store
from avianvox.features.spec import SPECS, FeatureSpec
from avianvox.features.store import FeatureStore
from avianvox.inference.gate import N_GROUPS, N_STATISTICS, Gate, load_gate, window_statistics
from avianvox.inference.gate_share import added_up, pass_file
from avianvox.models.gate import train_gate
from avianvox.models.gate.examples import gate_examples
from avianvox.models.gate.fit import fit_slopes
from avianvox.models.gate.noises import mix_windows, noise_window
from avianvox.types import Recording, Waveform

SPEC = FeatureSpec()


def flat(level_db: float = -40.0, n_frames: int = 128) -> np.ndarray:
    return np.full((n_frames, 128), level_db, np.float32)


def loud_gate() -> Gate:
    """Opens where some frame's highest band rises by more than 10 dB: the 98th percentile decides."""
    weights = np.zeros(N_STATISTICS, np.float32)
    weights[N_GROUPS + 9] = 1.0  # the last quantile of the second series
    return Gate(SPEC, weights, -10.0, {0.98: 0.5})


def test_what_stays_the_same_is_nothing() -> None:
    colour = np.linspace(-60.0, -20.0, 128, dtype=np.float32)
    assert not window_statistics(np.tile(colour, (128, 1))).any()


def test_a_narrow_sound_rises_in_its_own_group_of_bands() -> None:
    rows = flat()
    rows[40:60, 50:52] += 12.0  # bands 50 and 51 are one pair, the 25th of 64, in group 6 of 16
    found = window_statistics(rows)
    assert found[:N_GROUPS].argmax() == 6
    assert found[6] == pytest.approx(12.0)
    assert found[5] <= 0.0
    assert found[7] == pytest.approx(0.0)
    highest_by_frame = found[N_GROUPS + 5 : N_GROUPS + 10]
    np.testing.assert_allclose(highest_by_frame, [0, 0, 0, 12, 12], atol=1e-4)


def test_what_all_bands_share_is_no_voice() -> None:
    rows = flat()
    rows[40:60] += 12.0
    found = window_statistics(rows)
    assert abs(found[:N_GROUPS]).max() < 1e-4
    assert found[N_GROUPS + 4] == pytest.approx(12.0)  # but the mean rise says that something happened


def test_gain_length_and_digital_silence_are_without_effect(rng: np.random.Generator) -> None:
    rows = rng.normal(-40.0, 4.0, size=(128, 128)).astype(np.float32)
    found = window_statistics(rows)
    np.testing.assert_allclose(window_statistics(rows + 10), found, atol=1e-4)
    np.testing.assert_allclose(window_statistics(np.tile(rows, (2, 1))), found, atol=0.7)
    np.testing.assert_array_equal(window_statistics(np.concatenate((flat(-100.0), rows))), found)
    assert not window_statistics(flat(-100.0)).any()


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_the_bundled_gate_passes_over_noise_and_not_over_a_voice(
    exponent: float, rng: np.random.Generator
) -> None:
    gate = Gate.load()
    n = SPEC.window_samples
    noise = 0.01 * coloured_noise(n, exponent, rng)
    call = _call(n)
    for sound, opens in ((noise, False), (noise + 0.05 * call, True)):
        rows = extract_features(Waveform(sound.astype(np.float32), SPEC.sample_rate), SPEC).values[2:130]
        assert (gate.score(rows) >= gate.threshold) == opens


def _call(n: int) -> np.ndarray:
    """Half a second of a whistle that falls from 5 to 3 kHz, in the middle."""
    t = np.arange(n // 6) / SPEC.sample_rate
    call = np.zeros(n)
    call[n // 2 : n // 2 + len(t)] = np.sin(2 * np.pi * (5000 * t - 2000 * t**2 / t[-1] / 2))
    return call


def test_a_gate_comes_back_from_its_file(tmp_path: Path) -> None:
    gate = replace(Gate.load(), provenance={"catalogs": ["é"]})
    gate.save(tmp_path / "gate.json")
    found = Gate.load(tmp_path / "gate.json")
    assert found.to_mapping() == gate.to_mapping()
    rows = flat()
    rows[40:60, 50] += 20
    assert found.score(rows) == gate.score(rows)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "other"}, "is not a gate"),
        ({"version": 2}, "version 2.*reads 1"),
        ({"weights": [1.0]}, "is damaged: expected 36 weights"),
        ({"weights": [float("nan")] * N_STATISTICS}, "is damaged: expected 36 weights"),
        ({"spec_fingerprint": "0"}, "is damaged: expected a spec with fingerprint 0"),
        ({"recall": 0.5}, r"is damaged: expected a threshold for 0\.5"),
        ({"thresholds": None}, "is damaged"),
    ],
)
def test_a_wrong_file_is_refused(change: dict[str, object], words: str, tmp_path: Path) -> None:
    path = tmp_path / "gate.json"
    path.write_text(json.dumps(Gate.load().to_mapping() | change))
    with pytest.raises(ModelFileError, match=words):
        Gate.load(path)


def test_no_file_and_no_json_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="cannot read the gate"):
        Gate.load(tmp_path / "gate.json")
    (tmp_path / "gate.json").write_bytes(b"TFL3")
    with pytest.raises(ModelFileError, match="it is not JSON"):
        Gate.load(tmp_path / "gate.json")


def test_recall_chooses_the_threshold() -> None:
    gate = load_gate()
    careful = load_gate(recall=0.99)
    assert careful.threshold == gate.thresholds[0.99] < gate.threshold == gate.thresholds[0.98]
    with pytest.raises(InputError, match=r"recall of 0.5; it has them for 0.9, 0.95, 0.98, 0.99"):
        gate.with_recall(0.5)


def test_a_gate_hears_only_features_like_its_own() -> None:
    gate = Gate.load()
    gate.check_spec(SPEC.with_changes(n_frames=64, combine="mel"))
    with pytest.raises(ModelFileError, match="train a gate for them"):
        gate.check_spec(SPECS["published_v2"])
    with pytest.raises(InputError, match="multiple of 32 mel bands, got 40"):
        replace(gate, spec=SPEC.with_changes(n_mels=40))


def windows_of(kinds: list[str], recordings: list[int], ranks: list[float]) -> Windows:
    n = len(kinds)
    return Windows(np.array(kinds), np.array(recordings), np.zeros(n, int), np.ones(n), np.array(ranks))


def test_thresholds_and_figures_have_known_answers() -> None:
    voices, n = [VOICE] * 20, 20
    windows = windows_of(
        [*voices, VOICE, NOISE, NOISE, NOISE, MADE, MIX, MIX],
        [*range(n), n - 1, n, n, n + 1, 0, 0, 1],
        [0.0] * n + [1, 0, 1, 0, 0, 4.0, 20.0],
    )
    scores = np.array([*np.arange(1, n + 1) / n, 0.0, 0.02, 0.5, 0.02, 0.01, 0.02, 0.9])
    thresholds = recall_thresholds(scores, windows)
    assert thresholds == pytest.approx({0.9: 3 / n, 0.95: 2 / n, 0.98: 1 / n, 0.99: 1 / n})
    recordings = [Recording(id=str(i), path=Path(str(i)), label="", recordist=str(i)) for i in range(n + 2)]
    found = gate_figures(scores, windows, recordings, thresholds)
    row = found["recall"]["0.95"]
    assert row["strongest_kept"]["value"] == 0.95
    assert row["voice_windows_kept"] == pytest.approx((18 + 0.5) / 20)
    assert row["noise"] == {"20": 0.5, "21": 1.0}
    assert row["noise_passed_over"]["value"] == 0.75
    assert row["made_passed_over"] == 1.0
    assert row["mixes_kept"] == {
        "3 to 8 dB": 0.0,
        "8 to 13 dB": None,
        "13 to 18 dB": None,
        "18 to 25 dB": 1.0,
    }
    assert found["windows"] == {VOICE: 21, NOISE: 3, MADE: 1, MIX: 2}
    with pytest.raises(InputError, match="recordings with a voice"):
        recall_thresholds(np.zeros(1), windows_of([NOISE], [0], [0.0]))


def test_a_mix_stands_over_the_noise_as_asked() -> None:
    call = flat(-60.0)
    call[40:60, 50:52] += 30.0  # 40 cells
    mixed = mix_windows(call, flat(-30.0), 10.0)
    np.testing.assert_allclose(mixed[40:60, 50:52], -30.0 + 10.0 * np.log10(11.0), atol=1e-3)
    np.testing.assert_allclose(mixed[:40], -30.0, atol=0.05)


def test_made_noise_is_nowhere_tonal() -> None:
    rng = np.random.default_rng(1)
    floor = np.linspace(-30.0, -50.0, 128)
    made = np.array([window_statistics(noise_window(floor, SPEC, rng)) for _ in range(8)])
    assert made[:, :N_GROUPS].max() < 12.0
    assert made[:, N_GROUPS + 4].std() > 1.0  # some of it swells, some doesn't


@pytest.fixture(scope="module")
def store(synth_catalog_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    recordings = read_catalog(synth_catalog_dir).recordings
    return provide_store(recordings, SPEC, tmp_path_factory.mktemp("gate") / "features")


def test_training_separates_voices_from_noise(store: FeatureStore, synth_catalog_dir: Path) -> None:
    catalog = read_catalog(synth_catalog_dir)
    gate = train_gate(catalog, store, SPEC, n_folds=3, catalogs=["synthetic"], licence="public domain")
    row = gate.figures["recall"]["0.95"]
    assert row["strongest_kept"]["value"] == 1.0  # 0.95 of twelve recordings are all twelve
    assert row["noise_passed_over"]["value"] > 0.7
    assert gate.licences["gate"] == "public domain"
    assert gate.provenance["recordings"] == {"voice": 12, "no bird": 4}
    again = train_gate(catalog, store, SPEC, n_folds=3, catalogs=["synthetic"], licence="public domain")
    assert again.to_mapping() == gate.to_mapping()
    other = train_gate(catalog, store, SPEC, n_folds=3, seed=1)
    assert not np.array_equal(other.weights, gate.weights)


def test_a_fit_knows_nothing_of_what_it_is_tested_on(store: FeatureStore, synth_catalog_dir: Path) -> None:
    recordings = read_catalog(synth_catalog_dir).recordings
    folds = np.arange(len(recordings)) % 2
    examples = gate_examples(recordings, folds, store, SPEC, seed=0)
    learned = examples.windows.folds == 0
    slopes, bias = fit_slopes(examples, learned)
    assert (slopes[:N_GROUPS] >= 0).all()  # no narrow rise speaks for noise
    assert (slopes[N_GROUPS:] < 0).any()
    other = replace(examples, statistics=np.where(learned[:, None], examples.statistics, 0.0))
    changed, changed_bias = fit_slopes(other, learned)
    np.testing.assert_array_equal(changed, slopes)
    assert changed_bias == bias


def test_training_wants_both_sides(store: FeatureStore, synth_catalog_dir: Path) -> None:
    catalog = read_catalog(synth_catalog_dir)
    voices = catalog.subset([i for i, r in enumerate(catalog.recordings) if r.label != "no bird"])
    with pytest.raises(InputError, match="got 12 and 0"):
        train_gate(voices, store, SPEC, n_folds=2)


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """Three windows of noise with a call in the second."""
    n = SPEC.n_frames * SPEC.hop_length
    noise = 0.01 * np.random.default_rng(0).standard_normal(3 * n)
    noise[n : 2 * n] += 0.1 * _call(n)
    soundfile.write(tmp_path / "sound.wav", noise, SPEC.sample_rate)
    (tmp_path / "annotations.csv").write_text(
        "recording_id,begin_s,end_s,low_hz,high_hz,label\nsound,4.4,5.0,3000,5000,a\n"
        "sound,2.9,3.0,3000,5000,too little of it lies in the second window\n"
    )
    return tmp_path / "sound.wav"


def test_a_file_is_measured_beside_its_calls(sound: Path) -> None:
    passed = pass_file(sound, loud_gate(), [(4.4, 5.0)])
    assert (passed.n_windows, passed.n_through, passed.n_calling, passed.n_calling_through) == (4, 1, 1, 1)
    both = added_up([passed, pass_file(sound, loud_gate())])
    assert (both.n_windows, both.n_through, both.n_calling) == (8, 2, None)
    assert both.seconds == pytest.approx(2 * passed.seconds)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["gate", *map(str, arguments)])


def test_measure_counts_and_lists_what_fails(sound: Path) -> None:
    gate = sound.parent / "loud.json"
    loud_gate().save(gate)
    missing = sound.parent / "missing.wav"
    done = run("measure", sound, missing, "--gate", gate, "--calls", sound.parent)
    assert done.exit_code == 3
    assert "1 of 4 windows go on (25%), 9 s; with a call 1 of 1, without 0 of 3" in done.stdout
    assert f"failed: {missing}" in done.stderr
    rows = [json.loads(line) for line in run("measure", sound, "--gate", gate, "--json").stdout.splitlines()]
    assert [row["n_through"] for row in rows] == [1, 1]
    assert rows[0]["n_calling"] is None


def test_training_says_what_it_lacks_before_it_makes_features(
    tmp_path: Path, synth_catalog_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ("--store", tmp_path / "store")
    done = run("train", synth_catalog_dir, "--out", tmp_path / "no" / "gate.json", *store)
    assert isinstance(done.exception, OutputError)
    monkeypatch.setattr("avianvox.errors.find_spec", lambda _: None)
    done = run("train", synth_catalog_dir, "--out", tmp_path / "gate.json", *store)
    assert isinstance(done.exception, MissingExtraError)
    assert not (tmp_path / "store").exists()


def test_info_describes_the_bundled_gate() -> None:
    told = run("info").stdout
    assert "no bird" in told
    assert "noise passed over" in told
    everything = json.loads(run("info", "--json").stdout)
    assert len(everything["licences"]["credits"]) == 384
    assert everything["thresholds"]["0.98"] == Gate.load().threshold


@pytest.mark.recordings
def test_the_bundled_gate_on_real_recordings(real_data: Path) -> None:
    gate = Gate.load()
    for name in ("rain", "wind", "fireplace"):
        passed = pass_file(real_data / "background" / f"{name}.ogg", gate)
        assert passed.n_through <= 0.2 * passed.n_windows, name
    birds = sorted((real_data / "california10").rglob("XC*.*"))[::10]
    assert len(birds) == 10
    assert sum(pass_file(path, gate).n_through > 0 for path in birds) >= 9
