"""``avianvox classify`` of a long mp3 on one core: times real time, peak memory of 5 and of 60 minutes, and
CPU time beside that of the bare decoding of the same file (libsndfile, no resampling).

python benchmarks/classify_hour.py [--model NAME|FILE]
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile

from avianvox.modelfolder import DEFAULT_MODEL

RATE = 44_100
MEASURE = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, "
    "stderr=subprocess.DEVNULL); used = resource.getrusage(resource.RUSAGE_CHILDREN); "
    "print(used.ru_maxrss, used.ru_utime + used.ru_stime)"
)

DECODE = (
    "import soundfile, sys; file = soundfile.SoundFile(sys.argv[1]); "
    "all(True for _ in file.blocks(1 << 16, dtype='float32'))"
)


def write_mp3(path: Path, *, seconds: int) -> None:
    """A warbling whistle in noise, mono at 44.1 kHz, written in pieces of ten seconds."""
    rng = np.random.default_rng(0)
    t = np.arange(10 * RATE) / RATE
    whistle = 0.1 * np.sin(2 * np.pi * 3000 * t + 100 * np.sin(2 * np.pi * 3 * t))
    with soundfile.SoundFile(path, "w", samplerate=RATE, channels=1, format="MP3") as file:
        for _ in range(seconds // 10):
            file.write((whistle + 0.02 * rng.standard_normal(len(t))).astype(np.float32))


def classify(sound: Path, model: str) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak memory in MB (Linux counts in kB) of one process."""
    return measured("-m", "avianvox", "classify", str(sound), "--model", model, "--jobs", "1")


def measured(*arguments: str) -> tuple[float, float, float]:
    """The same of a Python process with these arguments."""
    command = [sys.executable, *arguments]
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *command], check=True, capture_output=True, text=True
    )
    peak, cpu = done.stdout.split()
    return time.perf_counter() - begin, float(cpu), int(peak) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    options = parser.parse_args()
    os.sched_setaffinity(
        0, {min(os.sched_getaffinity(0))}
    )  # one core, as `taskset -c 0`; children inherit it
    with TemporaryDirectory() as folder:
        peaks = {}
        for minutes in (5, 60):
            sound = Path(folder, f"{minutes}.mp3")
            write_mp3(sound, seconds=60 * minutes)
            wall, cpu, peaks[minutes] = classify(sound, options.model)
            print(
                f"{minutes} min: {60 * minutes / wall:.0f}x real time on one core ({wall:.2f} s; "
                f"{60 * minutes / cpu:.0f}x by CPU time), peak memory {peaks[minutes]:.0f} MB"
            )
        bare = measured("-c", DECODE, str(sound))[1] - measured("-c", "import soundfile")[1]
        print(f"bare decoding of 60 min: {bare:.2f} s of CPU time; classify / decoding {cpu / bare:.2f}")
    print(f"60 min takes {peaks[60] - peaks[5]:+.1f} MB more than 5 min; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
