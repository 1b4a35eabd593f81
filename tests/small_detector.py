"""A detector that learns in seconds: three convolutions, and synthetic recordings with their boxes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from avianvox.audio.synth.dataset import SynthSettings, synthesize_recording
from avianvox.audio.synth.encode import encode
from avianvox.detect.settings import DetectConfig
from avianvox.features.spec import FeatureSpec
from avianvox.models.networks import NETWORKS

SPEC = FeatureSpec(
    sample_rate=11025,
    n_fft=512,
    hop_length=256,
    n_mels=64,
    fmax_hz=5512.0,
    n_mfcc=8,
    combine="above_floor",
    n_frames=128,
)
CONFIG = DetectConfig(
    trunk="tiny",
    window_frames=128,
    anchors=4,
    channels=24,
    hidden=64,
    pooled=5,
    steps=60,
    evaluate_every=30,
    batch_size=4,
    learning_rate=3e-3,
    mix=0.2,
    validation=0.0,
)
TOML = """\
[detect]
trunk = "tiny"
window_frames = 128
anchors = 4
channels = 24
hidden = 64
pooled = 5
steps = 60
evaluate_every = 30
batch_size = 4
learning_rate = 3e-3
mix = 0.2
validation = 0.0

[features]
sample_rate = 11025
n_fft = 512
hop_length = 256
n_mels = 64
fmax_hz = 5512.0
n_mfcc = 8
"""


def build_tiny(*, n_frames: int, n_rows: int, n_classes: int, seed: int = 0) -> Any:
    from avianvox.models.backend import keras
    from avianvox.models.blocks import Blocks, layers

    blocks = Blocks(seed, "tiny")
    x = inputs = keras.Input((n_frames, n_rows, 1), name="features")
    for number, filters in enumerate((12, 16, 24), start=1):
        x = blocks.convolve(x, number, filters, 3, (2, 2))
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, layers.Dense(n_classes, name="classes")(x))


def __getattr__(name: str) -> Any:
    """The row ``tiny``: made when it is asked for, so that this module needs no Keras."""
    if name != "tiny":
        raise AttributeError(name)
    from avianvox.models.networks import Network

    return Network(build_tiny, "above_floor", embedding="pool")


@contextmanager
def tiny_trunk() -> Iterator[None]:
    """The table of networks with the row ``tiny``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS._rows, "tiny", "small_detector:tiny")
        yield


def boxed_folder(folder: Path, n: int = 4) -> Path:
    """Synthetic recordings of two species, each with a Raven table of its boxes; the last one has no bird."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = SynthSettings(n_species=2, sample_rate=SPEC.sample_rate, duration_s=(6.0, 9.0))
    for number in range(n):
        recording = synthesize_recording(number, number % 2 if number < n - 1 else None, number, settings)
        name = f"SITE{number}_2024060{number + 1}_060000"
        (folder / f"{name}.wav").write_bytes(encode(recording.waveform, "wav"))
        rows = ["Selection\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tAnnotation"]
        for i, call in enumerate(recording.calls, start=1):
            box = call.box
            high_hz = min(box.high_hz, SPEC.fmax_hz)
            rows.append(
                f"{i}\t{box.begin_s:.4f}\t{box.end_s:.4f}\t{box.low_hz:.1f}\t{high_hz:.1f}\t{call.label}"
            )
        (folder / f"{name}.selections.txt").write_text("\n".join(rows) + "\n")
    return folder
