"""The detector on recorders that it never heard, with few examples of a class, and over a long recording.

    python benchmarks/detector.py recorders [TRUTH] --out FOLDER [--from RUN] [--steps N]
    python benchmarks/detector.py examples TRAIN TEST --from RUN --out FOLDER
    python benchmarks/detector.py hour MODEL [--minutes 30]

``recorders`` leaves each recorder of TRUTH out in turn (by default ``boobook`` in the folder of
AVIANVOX_DATA) and writes tables for ``avianvox boxes judge TRUTH FOLDER/found``; `boxes_baseline.py` writes
those of the baseline, for ``--against``. ``examples`` trains on scenes with about 20, 50, 100 and 275 boxes
of a class, with and without the trunk of a classifier's run, and writes tables of TEST. ``hour`` searches
synthetic sound with a model file, and prints speed and peak memory. What was trained is not trained again.
"""

import argparse
import os
import resource
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from avianvox.api.detecting import boxed_recordings
from avianvox.boxes.search import Searched, search
from avianvox.detect.detector import Detector
from avianvox.detect.run import FOLDER, DetectorRun
from avianvox.detect.settings import DetectConfig, read_detect_file
from avianvox.features.provide import provide_store
from avianvox.tables.formats import write_folder
from avianvox.types import Recording
from avianvox.workers import Workplace

EXAMPLES = (20, 50, 100, 275)
LEAST_SCORE = 0.05


def fit_and_find(
    learned: Sequence[Recording],
    heard: Iterable[Recording],
    *,
    truth: Path,
    place: Path,
    out: Path,
    config: DetectConfig,
) -> None:
    """Train in ``place``, export, and write the tables of ``heard`` to ``out``."""
    from avianvox.detect.export import export_detector
    from avianvox.detect.train import train_detector

    _, spec = read_detect_file(None, {"window_frames": config.window_frames})
    store = provide_store(learned, spec, place.parent / f"{place.name}-features", workplace=Workplace(2))
    begun = time.perf_counter()
    done = FOLDER.is_at(place) and (place / "figures.json").exists()
    run = (
        DetectorRun.open(place)
        if done
        else train_detector(learned, store, config, place, spec=spec, catalogs=[str(truth)], resume=True)
    )
    model = place.with_suffix(".tflite")
    export_detector(run.path, model)
    searched = Searched()
    paths = [recording.path for recording in heard]
    detector = Detector.open(model, least_score=LEAST_SCORE)
    write_folder(search(paths, detector, searched), out, "raven", root=truth)
    print(
        f"{place.name}: {sum(run.config['boxes'].values())} boxes learned in "
        f"{time.perf_counter() - begun:.0f} s, "
        f"{searched.n_boxes} found, {searched.times_real_time:.0f} times as fast as real time",
        flush=True,
    )


def recorders(given: argparse.Namespace) -> None:
    catalog = boxed_recordings([given.truth], label=given.label)
    config = DetectConfig(steps=given.steps, evaluate_every=given.steps, validation=0.0, from_=given.from_)
    for site in sorted({recording.site for recording in catalog}):
        fit_and_find(
            [r for r in catalog if r.site != site],
            [r for r in catalog if r.site == site],
            truth=given.truth,
            place=given.out / site,
            out=given.out / "found",
            config=config,
        )
    print(f"avianvox boxes judge {given.truth} {given.out / 'found'} --label '{given.label}' --out judged")


def examples(given: argparse.Namespace) -> None:
    learned, heard = boxed_recordings([given.train]), boxed_recordings([given.test])
    for n in EXAMPLES:
        few = with_at_most(learned, n)
        for name, origin in (("transferred", given.from_), ("scratch", None)):
            config = DetectConfig(steps=given.steps, evaluate_every=given.steps, validation=0.0, from_=origin)
            fit_and_find(
                few,
                heard,
                truth=given.test,
                place=given.out / f"{name}-{n}",
                out=given.out / f"{name}-{n}-found",
                config=config,
            )
        print(
            f"avianvox boxes judge {given.test} {given.out}/transferred-{n}-found "
            f"--against {given.out}/scratch-{n}-found --out judged-{n}"
        )


def with_at_most(recordings: Sequence[Recording], n: int) -> list[Recording]:
    """Recordings in their order until a class has ``n`` boxes; those with more of it only are left out."""
    counts: Counter[str] = Counter()
    kept = []
    for recording in recordings:
        own = Counter(box.label for box in recording.boxes or ())
        if own and all(counts[label] >= n for label in own):
            continue
        counts += own
        kept.append(recording)
    return kept


def hour(given: argparse.Namespace) -> None:
    detector = Detector.open(given.model)
    rng = np.random.default_rng(0)
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    n_boxes = sum(1 for _ in detector.boxes(_sound(rng, detector.sample_rate, 60.0 * given.minutes)))
    took_s = time.perf_counter() - begun
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"{given.minutes:g} minutes in {took_s:.1f} s, {60 * given.minutes / took_s:.0f} times as fast as "
        f"real time; {n_boxes} boxes; peak memory grew by {grown:.0f} MB"
    )


def _sound(rng: np.random.Generator, rate: int, seconds: float) -> Iterator[np.ndarray]:
    """Noise with a whistle in each block of four seconds."""
    t = np.arange(4 * rate) / rate
    for _ in range(round(seconds / 4)):
        noise = 0.01 * rng.standard_normal(len(t))
        pitch, begin = rng.uniform(1000, 4000), rng.uniform(0, 3)
        noise += 0.1 * np.sin(2 * np.pi * pitch * t) * ((t > begin) & (t < begin + 0.6))
        yield noise.astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    tasks = parser.add_subparsers(required=True)
    data = Path(os.environ.get("AVIANVOX_DATA", "../shared/data"))
    one = tasks.add_parser("recorders")
    one.add_argument("truth", nargs="?", type=Path, default=data / "boobook")
    one.add_argument("--label", default="Ninox boobook")
    one.add_argument("--steps", type=int, default=400)
    one.set_defaults(run=recorders)
    other = tasks.add_parser("examples")
    other.add_argument("train", type=Path)
    other.add_argument("test", type=Path)
    other.add_argument("--steps", type=int, default=1000)
    other.set_defaults(run=examples)
    for task in (one, other):
        task.add_argument("--from", dest="from_", default=None)
        task.add_argument("--out", type=Path, default=Path("detector"))
    long = tasks.add_parser("hour")
    long.add_argument("model", type=Path)
    long.add_argument("--minutes", type=float, default=30.0)
    long.set_defaults(run=hour)
    given = parser.parse_args()
    given.run(given)


if __name__ == "__main__":
    main()
