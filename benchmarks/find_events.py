"""Finding events in scored windows, beside scoring them: microseconds a window, and the share that it adds.

python benchmarks/find_events.py [--model NAME|FILE] [--windows 2000]
"""

import argparse
import os
import time

import numpy as np

from avianvox.inference.classifier import Classifier
from avianvox.inference.events import EventFinder, EventOptions, find_events
from avianvox.modelfolder import DEFAULT_MODEL
from avianvox.types import LabelSet, Window

WAYS = {
    "one species": EventOptions(),
    "all species": EventOptions(multi_label=True),
    "all species, mean of 5": EventOptions(multi_label=True, smooth=5, gap_s=3.0),
}


def calling(n_windows: int, labels: LabelSet, length: int) -> list[Window]:
    """Windows in which species come and go: scores as uneven as those of a model."""
    scores = np.random.default_rng(0).dirichlet(np.full(len(labels), 0.05), n_windows).astype(np.float32)
    return [Window(i * length, length, row) for i, row in enumerate(scores)]


def seconds_to_find(windows: list[Window], finder: EventFinder) -> float:
    """The least of five runs."""
    taken = []
    for _ in range(5):
        begin = time.perf_counter()
        for _ in find_events(windows, finder):
            pass
        taken.append(time.perf_counter() - begin)
    return min(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--windows", type=int, default=2000)
    options = parser.parse_args()
    classifier = Classifier.load(options.model)
    rate, length = classifier.spec.sample_rate, classifier.spec.n_frames * classifier.spec.hop_length
    noise = 0.1 * np.random.default_rng(0).standard_normal(60 * rate).astype(np.float32)
    for _ in range(2):  # the first run builds the interpreter
        begin = time.perf_counter()
        n_scored = sum(1 for _ in classifier.windows(np.split(noise, 60)))
        scoring = (time.perf_counter() - begin) / n_scored
    print(f"describing and scoring a window, decoded sound: {1e6 * scoring:.0f} us")
    for n_classes in (len(classifier.labels), 6000):
        labels = LabelSet(tuple(f"species {i}" for i in range(n_classes)))
        windows = calling(options.windows, labels, length)
        for name, way in WAYS.items():
            finding = seconds_to_find(windows, EventFinder(way, labels, rate)) / len(windows)
            share = 100 * finding / scoring
            print(f"{n_classes} classes, {name}: {1e6 * finding:.1f} us a window, {share:.2f} % of scoring")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
