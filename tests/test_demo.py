"""``avianvox demo``: every step, small."""

import csv
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from avianvox.audio.synth import synthesize_recording
from avianvox.audio.synth.dataset import SynthSettings
from avianvox.cli.demo import demo
from avianvox.demo.pictures import gallery, hz_to_band, save_picture
from avianvox.errors import InputError
from avianvox.features.extract import extract_features
from avianvox.features.filters import band_edges_hz
from avianvox.features.spec import FeatureSpec
from avianvox.types import Box

PNG = b"\x89PNG"


@pytest.mark.slow
def test_the_demo_runs_the_whole_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from avianvox.demo import line
    from avianvox.modelfile import verify_model_file

    small = partial(
        line.DemoSettings, n_species=2, n_recordings=4, train_epochs=2, crossval_epochs=1, n_folds=2
    )
    monkeypatch.setattr(line, "DemoSettings", small)
    monkeypatch.chdir(tmp_path)
    assert demo.epilog is not None
    words = demo.epilog.split("avianvox demo ")[1].split()
    result = CliRunner().invoke(demo, words)
    assert result.exit_code == 0, result.output

    headings = [text for text in result.stdout.splitlines() if text.startswith("avianvox ")]
    names = [heading.removeprefix("avianvox ").split(":")[0] for heading in headings]
    assert names == ["synth", "features build", "train", "crossval", "export", "classify"]
    pictures = [Path(text.strip()) for text in result.stdout.split("pictures:\n")[1].splitlines()]
    assert sorted(pictures) == sorted(Path("demo").rglob("*.png"))
    assert len(pictures) == 16
    assert all(picture.read_bytes().startswith(PNG) for picture in pictures)
    assert {"cnn_v20", "gnb_pixels", "gnb_mfcc"} <= set(result.stdout.split())
    assert verify_model_file(Path("demo/model.tflite")) == []
    with open("demo/answers.csv", encoding="utf-8") as stream:
        answered = {row["path"] for row in csv.DictReader(stream)}
    assert len(answered) == 3
    assert all(Path(path).is_relative_to("demo/unheard") for path in answered)

    with pytest.raises(InputError, match="demo already holds files"):
        line.run_demo("demo")


def test_a_frequency_lies_on_its_band() -> None:
    spec = FeatureSpec(fmin_hz=500.0, fmax_hz=10000.0)
    edges = band_edges_hz(spec)
    assert hz_to_band(500.0, spec) == 0
    assert hz_to_band(10000.0, spec) == spec.n_mels
    np.testing.assert_allclose(
        hz_to_band(edges, spec), np.linspace(0, spec.n_mels, spec.n_mels + 2), atol=1e-9
    )


def test_a_gallery_shows_what_it_is_given_and_has_the_same_bytes(tmp_path: Path) -> None:
    spec = FeatureSpec()
    recording = synthesize_recording(0, 0, 0, SynthSettings(duration_s=(3.0, 3.0)))
    rows = extract_features(recording.waveform, spec).values

    def draw(name: str, boxes: list[Box]) -> bytes:
        return save_picture(gallery({"a": rows}, spec, boxes={"a": boxes}), tmp_path / name).read_bytes()

    plain = draw("plain.png", [])
    assert plain.startswith(PNG)
    assert plain == draw("again.png", [])
    assert plain != draw("boxes.png", [call.box for call in recording.calls])
