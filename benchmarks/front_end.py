"""What the graph costs: one window of sound or of features, for every quantisation, one thread.

    python benchmarks/front_end.py [RUN]

RUN is the folder of a training run; without it, an untrained cnn_v20 of 25 classes is measured, which costs
the same but whose differences say little. The peers are the plain extractor, and Keras, on the same windows.
"""

import sys
import time
from collections.abc import Callable

import numpy as np

from avianvox.audio.chatter import silence_decoders
from avianvox.export.exporter import training_windows
from avianvox.export.graph import QUANTIZATIONS, build_graph, convert, signature_runners
from avianvox.export.parity import TOLERANCES, measure_parity
from avianvox.export.sample_windows import synthetic_windows
from avianvox.features.extract import extract_features
from avianvox.features.normalise import Normalisation
from avianvox.features.spec import FeatureSpec
from avianvox.models.cnn import VARIANTS, build_cnn
from avianvox.models.front_end import network_graph
from avianvox.training.run import Run
from avianvox.types import Waveform


def milliseconds(work: Callable[[np.ndarray], object], windows: np.ndarray) -> float:
    """Least time of each window in fifteen passes, mean over the windows."""
    seconds = np.empty((15, len(windows)))
    for row in seconds:
        for i, window in enumerate(windows):
            started = time.perf_counter()
            work(window)
            row[i] = time.perf_counter() - started
    return 1000 * float(seconds.min(axis=0).mean())


def main() -> None:
    if len(sys.argv) > 1:
        run = Run.open(sys.argv[1])
        model, spec = run.fitted().graph(), run.spec
        windows, calibration = training_windows(run, seed=0), training_windows(run, seed=1)
    else:
        spec = FeatureSpec()
        windows, calibration = synthetic_windows(spec), synthetic_windows(spec, seed=1)
        rows = windows.features.reshape(-1, spec.n_features)
        normalisation = Normalisation(rows.mean(axis=0), rows.std(axis=0))
        cnn = build_cnn(VARIANTS["cnn_v20"], n_frames=spec.n_frames, n_rows=spec.n_rows, n_classes=25)
        model = network_graph(cnn, normalisation, spec)
    graph = build_graph(model, spec)
    sound, features = windows.waveforms[:16], windows.features[:16]

    print(f"{len(windows)} windows of {spec.window_s:.2f} s; milliseconds a window, one thread\n")
    extractor = milliseconds(lambda x: extract_features(Waveform(x, spec.sample_rate), spec), sound)
    keras = milliseconds(lambda x: graph.from_waveform(x[None], training=False), sound)
    print(f"plain extractor {extractor:.2f}, Keras from sound {keras:.2f} (all threads)\n")
    print("| kind | bytes | from sound | from features | largest difference | mean | same first answer |")
    print("|---|---|---|---|---|---|---|")
    for kind in QUANTIZATIONS:
        flatbuffer = convert(graph, quantize=kind, calibration=calibration)
        parity = measure_parity(graph, flatbuffer, windows, tolerance=TOLERANCES[kind])
        runners = signature_runners(flatbuffer)
        with silence_decoders():
            from_sound = milliseconds(lambda x, r=runners: r["serving_default"](waveform=x[None]), sound)
            from_features = milliseconds(lambda x, r=runners: r["features"](features=x[None]), features)
        print(
            f"| {kind} | {len(flatbuffer):,} | {from_sound:.2f} | {from_features:.2f} "
            f"| {max(parity.waveform_scores, parity.features_scores):.1e} | {parity.mean_scores:.1e} "
            f"| {parity.agreement:.1%} |"
        )


if __name__ == "__main__":
    main()
