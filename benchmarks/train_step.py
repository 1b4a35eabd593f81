"""How fast do networks learn? Samples per second of a training epoch.

Run it with ``python benchmarks/train_step.py``. It makes a feature store of noise, then trains cnn_v20 as
published and avianvox_small by its recipe

- through avianvox: crops read from the memory-mapped store, with the augmentations of the recipe;
- with a plain ``keras.Model.fit`` on crops that lie in memory: cnn_v20 written as published (avianvox has its
  ReLU after the pooling), avianvox_small as it is, on crops that were augmented beforehand.

Both in this process, on crops of the first epoch, one after the other in each round; the best round counts.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from avianvox.config import row_of
from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.dataset.placing import PLACINGS
from avianvox.dataset.training_data import TrainingData
from avianvox.features.build import build_store
from avianvox.features.normalise import Normalisation
from avianvox.features.spec import FeatureSpec
from avianvox.features.store import FeatureStore
from avianvox.models.backend import keras
from avianvox.models.networks import build_network
from avianvox.training.augmentations import AUGMENTATIONS
from avianvox.training.config import read_train_file
from avianvox.training.estimator import NetworkEstimator
from avianvox.training.fit import fit_network
from avianvox.training.losses import LOSSES, Classes
from avianvox.training.optimisers import OPTIMISERS
from avianvox.training.samplers import SAMPLERS
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


def compare(name: str, data: TrainingData, rounds: int) -> None:
    """Print both figures of one network, and their ratio."""
    settings = replace(read_train_file(None, model=name)[0].settings, epochs=rounds, beside=())
    estimator = NetworkEstimator(name, settings)
    spec = estimator.spec_for(data.spec)
    normalisation = Normalisation.from_store(data.store, data.recordings)
    reader = CropReader(data.store, normalisation, CropSettings.from_spec(spec))
    sequence = CropSequence(
        reader,
        data,
        batch_size=settings.batch_size,
        seed=0,
        crops_per_recording=settings.crops_per_recording,
        sampler=row_of(SAMPLERS, settings.sampler, "train.sampler"),
        augmentations=[row_of(AUGMENTATIONS, chosen, "train.augment") for chosen in settings.augment],
        placing=row_of(PLACINGS, settings.placing, "train.placing"),
        even_batches=settings.even_batches,
    )
    batches = [sequence[i] for i in range(len(sequence))]
    x, y = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))

    def network() -> keras.Model:
        return build_network(name, n_frames=spec.n_frames, n_rows=spec.n_rows, n_classes=N_CLASSES)

    peer = published() if name == "cnn_v20" else network()
    if name != "cnn_v20":
        loss = row_of(LOSSES, settings.loss, "train.loss").make(
            Classes(tuple(data.counts.tolist()), data.names)
        )
        optimiser = row_of(OPTIMISERS, settings.optimiser, "train.optimiser").make(settings.learning_rate)
        peer.compile(optimiser, loss, metrics=["accuracy"], jit_compile=False)
    ends: list[float] = []
    plain: list[float] = []

    def after_epoch(_report: object) -> None:
        ends[-1] = time.perf_counter() - ends[-1]
        start = time.perf_counter()
        peer.fit(x, y, batch_size=settings.batch_size, epochs=1, verbose=0)
        plain.append(time.perf_counter() - start)
        ends.append(time.perf_counter())

    ends.append(time.perf_counter())
    fit_network(network(), sequence, None, settings, progress=after_epoch)
    start = time.perf_counter()
    for i in range(len(sequence)):
        sequence[i]
    reading = time.perf_counter() - start
    own, other = len(x) / min(ends[1:-1]), len(x) / min(plain[1:])
    print(f"{name}")
    print(f"  avianvox, crops from the store   {own:8.1f} samples/s")
    print(f"  plain keras fit, arrays          {other:8.1f} samples/s")
    print(f"  ratio                            {own / other:8.2f}")
    print(f"  crops alone                      {len(x) / reading:8.0f} samples/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=["cnn_v20", "avianvox_small"])
    parser.add_argument("--recordings", type=int, default=192)
    parser.add_argument("--rounds", type=int, default=4, help="The first one warms up and is not counted.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = make_data(Path(folder), options.recordings, FeatureSpec())
        for name in options.networks:
            compare(name, data, options.rounds)


if __name__ == "__main__":
    main()
