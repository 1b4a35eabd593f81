"""How many seconds of audio does one CPU second describe, against plain librosa?

    python benchmarks/extract_features.py [SECONDS OF AUDIO]

Both run on one thread over the same noise, in turn; each figure is the fastest of three. The librosa route
is `melspectrogram`, `power_to_db`, and `mfcc` from its result; "each from the waveform", as most scripts do,
computes `melspectrogram` and `mfcc` apart.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", NUMBA_NUM_THREADS="1")

import sys
import time
from collections.abc import Callable

import librosa
import numpy as np

from avianvox.features.extract import stream_features
from avianvox.features.spec import SPECS, FeatureSpec

ROUNDS = 3


def ours_streamed(samples: np.ndarray, spec: FeatureSpec) -> None:
    block = 4 * spec.sample_rate
    for _rows in stream_features((samples[i : i + block] for i in range(0, len(samples), block)), spec):
        pass


def librosa_once(samples: np.ndarray, spec: FeatureSpec) -> None:
    log_mel = librosa.power_to_db(librosa_mel(samples, spec), top_db=None)
    librosa.feature.mfcc(S=log_mel, n_mfcc=spec.n_mfcc)


def librosa_separately(samples: np.ndarray, spec: FeatureSpec) -> None:
    librosa.power_to_db(librosa_mel(samples, spec), top_db=None)
    sizes = {"n_fft": spec.n_fft, "hop_length": spec.hop_length, "n_mels": spec.n_mels}
    band = {"fmin": spec.fmin_hz, "fmax": spec.fmax_hz}
    librosa.feature.mfcc(y=samples, sr=spec.sample_rate, n_mfcc=spec.n_mfcc, **sizes, **band)


def librosa_mel(samples: np.ndarray, spec: FeatureSpec) -> np.ndarray:
    return librosa.feature.melspectrogram(
        y=samples,
        sr=spec.sample_rate,
        n_fft=spec.n_fft,
        hop_length=spec.hop_length,
        n_mels=spec.n_mels,
        fmin=spec.fmin_hz,
        fmax=spec.fmax_hz,
    )


def speed(
    route: Callable[[np.ndarray, FeatureSpec], None], recordings: np.ndarray, spec: FeatureSpec
) -> float:
    start = time.process_time()
    for samples in recordings:
        route(samples, spec)
    return recordings.size / spec.sample_rate / (time.process_time() - start)


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 300.0
    routes = {
        "avianvox, in blocks": ours_streamed,
        "librosa, MFCC from the mel": librosa_once,
        "librosa, each from the waveform": librosa_separately,
    }
    for name, spec in SPECS.items():
        shape = (max(1, round(seconds / 30)), 30 * spec.sample_rate)
        recordings = 0.1 * np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
        for route in routes.values():
            route(recordings[0], spec)  # imports and first-time costs
        rounds = [[speed(route, recordings, spec) for route in routes.values()] for _ in range(ROUNDS)]
        ours, *theirs = np.max(rounds, axis=0)
        print(f"{name}: {len(recordings)} recordings of 30 s, seconds of audio per CPU second")
        for label, found in zip(routes, (ours, *theirs), strict=True):
            print(f"  {label:36}  {found:6.0f}   ratio {ours / found:.2f}")


if __name__ == "__main__":
    main()
