"""``avianvox classify`` of one 30 s mp3, the whole process, beside the bare imports that it can't do without.

python benchmarks/classify_cold.py [--model NAME|FILE] [--runs 15]
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from classify_hour import write_mp3

from avianvox.modelfolder import DEFAULT_MODEL

BARE = "import numpy, soundfile, soxr, click; from ai_edge_litert.interpreter import Interpreter"


def seconds_of(command: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of one process."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        sound = Path(folder, "sound.mp3")
        write_mp3(sound, seconds=30)
        classify = [sys.executable, "-m", "avianvox", "classify", str(sound), "--model", options.model]
        pairs = [
            (seconds_of([sys.executable, "-c", BARE]), seconds_of(classify)) for _ in range(options.runs)
        ]
    for i, kind in enumerate(("wall", "CPU")):
        bare, whole = sorted(pair[0][i] for pair in pairs), sorted(pair[1][i] for pair in pairs)
        middle = options.runs // 2
        for name, values in (("bare imports", bare), ("classify, 30 s mp3", whole)):
            print(f"{kind} time, {name}: median {values[middle]:.3f} s, least {values[0]:.3f} s")
        print(f"{kind} time, ratio: {whole[middle] / bare[middle]:.2f} (least {whole[0] / bare[0]:.2f})")
    print(f"{options.runs} runs each, in turn; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
