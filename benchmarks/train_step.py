"""How fast does the published network learn? Samples per second of a training epoch.

Run it with ``python benchmarks/train_step.py``. It makes a feature store of noise, then trains cnn_v20

- through avianvox: crops read from the memory-mapped store, ReLU after the pooling;
- with a plain ``keras.Model.fit`` on crops that lie in memory, the network written as published.

Both in this process, on the same crops, one after the other in each round; the best round counts.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.dataset.training_data import TrainingData
from avianvox.features.build import build_store
from avianvox.features.normalise import Normalisation
from avianvox.features.spec import FeatureSpec
from avianvox.features.store import FeatureStore
from avianvox.models.backend import keras
from avianvox.models.cnn import VARIANTS, build_cnn
from avianvox.models.protocol import TrainSettings
from avianvox.training.fit import fit_network
from avianvox.training.sequence import CropSequence
from avianvox.types import Recording

N_CLASSES = 25


def make_data(folder: Path, n: int, spec: FeatureSpec) -> TrainingData:
    """``n`` recordings of ten seconds of noise."""
    rng = np.random.default_rng(0)
    recordings = []
    for i in range(n):
        path = folder / f"{i}.wav"
        soundfile.write(path, 0.1 * rng.standard_normal(10 * spec.sample_rate), spec.sample_rate)
        recordings.append(Recording(path.stem, path))
    build_store(recordings, spec, folder / "features")
    store = FeatureStore.open(folder / "features")
    return TrainingData(store, spec, np.arange(n), rng.integers(0, N_CLASSES, n), N_CLASSES)


def published() -> keras.Model:
    """The network line by line as it was published, for the peer."""
    layers = [keras.Input((128, 128, 1))]
    for _ in range(3):
        layers += [
            keras.layers.Conv2D(64, 3, activation="relu"),
            keras.layers.MaxPooling2D(3),
            keras.layers.Dropout(0.2),
        ]
    layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(N_CLASSES)]
    model = keras.Sequential(layers)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(), loss, metrics=["accuracy"], jit_compile=False)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", type=int, default=192)
    parser.add_argument("--rounds", type=int, default=4, help="The first one warms up and is not counted.")
    options = parser.parse_args()
    spec = FeatureSpec()
    with tempfile.TemporaryDirectory() as folder:
        data = make_data(Path(folder), options.recordings, spec)
        normalisation = Normalisation.from_store(data.store, data.recordings)
        reader = CropReader(data.store, normalisation, CropSettings.from_spec(spec))
        sequence = CropSequence(reader, data, batch_size=32, seed=0)
        batches = [sequence[i] for i in range(len(sequence))]
        x, y = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))

        ends: list[float] = []
        peer = published()
        plain: list[float] = []

        def after_epoch(_report: object) -> None:
            ends[-1] = time.perf_counter() - ends[-1]
            start = time.perf_counter()
            peer.fit(x, y, batch_size=32, epochs=1, verbose=0)
            plain.append(time.perf_counter() - start)
            ends.append(time.perf_counter())

        model = build_cnn(VARIANTS["cnn_v20"], n_frames=128, n_rows=128, n_classes=N_CLASSES)
        ends.append(time.perf_counter())
        fit_network(model, sequence, None, TrainSettings(epochs=options.rounds), progress=after_epoch)
        start = time.perf_counter()
        for i in range(len(sequence)):
            sequence[i]
        reading = time.perf_counter() - start
    own = options.recordings / min(ends[1:-1])
    other = options.recordings / min(plain[1:])
    print(f"avianvox, crops from the store   {own:8.1f} samples/s")
    print(f"plain keras fit, arrays          {other:8.1f} samples/s")
    print(f"ratio                            {own / other:8.2f}")
    print(f"crops alone                      {options.recordings / reading:8.0f} samples/s")


if __name__ == "__main__":
    main()
