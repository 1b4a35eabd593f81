"""Numbers measured from sound are columns like any other."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tones import tone_store

from avianvox.dataset.catalog import Catalog
from avianvox.dataset.labels.columns import column_number
from avianvox.dataset.labels.measured import _CHUNK_FRAMES, peak_hz, with_measured
from avianvox.features.extract import extract_features
from avianvox.features.spec import spec_named
from avianvox.types import Recording, Waveform

SPEC = spec_named("published_v1")


def sound_of(hz: float, *, hum_hz: float = 0.0, rate: int = SPEC.sample_rate) -> np.ndarray:
    """A tone for an eighth of the time, in noise; a steady hum that is twice as loud, if asked for."""
    at = np.arange(4 * rate) / rate
    noise = 0.001 * np.random.default_rng(0).standard_normal(len(at))
    tone = 0.2 * np.sin(2 * np.pi * hz * at) * (at % 1 < 0.125)
    return noise + tone + (0.4 * np.sin(2 * np.pi * hum_hz * at) if hum_hz else 0.0)


def rows_of(hz: float, *, hum_hz: float = 0.0) -> np.ndarray:
    """The mel bands of `sound_of`."""
    sound = sound_of(hz, hum_hz=hum_hz)
    values = extract_features(Waveform(sound.astype(np.float32), SPEC.sample_rate), SPEC).values
    return values[:, : SPEC.n_mels]


@pytest.mark.parametrize("hz", [440.0, 1500.0, 4000.0, 7300.0])
def test_the_peak_of_a_tone_is_its_frequency(hz: float) -> None:
    assert peak_hz(rows_of(hz), SPEC) == pytest.approx(hz, rel=0.03)


def test_gusts_of_wind_are_no_voice() -> None:
    rows = rows_of(3000.0)
    gusts = rows.copy()
    gusts[100:140, :4] += 80  # below 150 Hz, far louder than the voice
    assert peak_hz(gusts, SPEC) == pytest.approx(peak_hz(rows, SPEC), rel=0.01)
    assert peak_hz(rows_of(90.0), SPEC) != pytest.approx(90.0, rel=0.5)


def test_a_steady_hum_is_no_voice() -> None:
    assert peak_hz(rows_of(4000.0, hum_hz=300.0), SPEC) == pytest.approx(4000.0, rel=0.03)
    assert peak_hz(np.full((100, SPEC.n_mels), -80.0, np.float32), SPEC) is None


def test_long_recordings_are_measured_in_chunks() -> None:
    rows = rows_of(2000.0)
    n = len(rows)
    often = np.concatenate([rows] * (2 * _CHUNK_FRAMES // n))
    assert peak_hz(often, SPEC) == pytest.approx(peak_hz(rows, SPEC), rel=0.01)


def test_recordings_get_what_they_lack(tmp_path: Path) -> None:
    sounds = [tmp_path / name for name in ("known.wav", "new.wav")]
    for path in sounds:
        soundfile.write(path, sound_of(1500.0, rate=8000), 8000)
    known, new = (Recording(path.stem, path) for path in sounds)
    known = replace(known, more=(("peak_hz", "123"),))
    elsewhere = Recording("elsewhere", tmp_path / "elsewhere.wav")
    store = tone_store(Catalog((known, new)), tmp_path / "features")
    found = with_measured([known, new, elsewhere], store, ["peak_hz", "sex"])
    assert [column_number(r, "peak_hz") for r in found] == [123, pytest.approx(1500, rel=0.03), None]
    assert with_measured([new], store, ["sex"]) == (new,)
