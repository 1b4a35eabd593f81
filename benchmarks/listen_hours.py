"""``avianvox listen`` fed with hours of sound as fast as it takes them: memory, speed and clips.

python benchmarks/listen_hours.py [RECORDING ...] [--minutes 10 120 720] [--budget 50MB] [--model NAME|FILE]

Each half minute of sound holds a recording (by default the bundled sample) and silence after it. Clips are
saved within the budget, and a command that does nothing is run for each event.
"""

import argparse
import csv
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from avianvox.audio.decode import open_audio
from avianvox.modelfolder import BUNDLED_FOLDER, DEFAULT_MODEL

RATE = 48000
PEAK = (
    "import sys; from avianvox.cli.main import main\ntry: main(sys.argv[1:])\n"
    "finally: print(*(line for line in open('/proc/self/status') if 'VmHWM' in line), file=sys.stderr)"
)


def half_minute(recording: Path) -> bytes:
    """A recording of at most 25 s and silence after it, 16 bits."""
    with open_audio(recording, sample_rate=RATE) as audio:
        sound = np.concatenate(list(audio))[: 25 * RATE]
    padded = np.zeros(30 * RATE, np.float32)
    padded[: len(sound)] = sound
    return (32767 * np.clip(padded, -1, 1)).astype("<i2").tobytes()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", nargs="*", type=Path, default=[BUNDLED_FOLDER / "sample.ogg"])
    parser.add_argument("--minutes", nargs="+", type=int, default=[10, 120, 720])
    parser.add_argument("--budget", default="50MB")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    options = parser.parse_args()
    pieces = [half_minute(recording) for recording in options.recordings]
    for minutes in options.minutes:
        with TemporaryDirectory() as folder:
            asked = ["listen", "-", "--sample-format", "s16le", "--model", options.model]
            asked += ["--on-event", "true"]
            clips = Path(folder, "clips")
            asked += ["--save-clips", str(clips), "--clips-budget", options.budget, "-o", f"{folder}/e.csv"]
            command = [sys.executable, "-c", PEAK, *asked]
            begin = time.perf_counter()
            with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
                assert process.stdin is not None
                assert process.stderr is not None
                for n in range(2 * minutes):
                    process.stdin.write(pieces[n % len(pieces)])
                process.stdin.close()
                said = process.stderr.read().decode().splitlines()
            seconds = time.perf_counter() - begin
            with open(clips / "clips.csv", newline="") as file:
                kept = list(csv.DictReader(file))
            size, sound_s = (sum(float(row[name]) for row in kept) for name in ("bytes", "decoded_s"))
            peak = next(" ".join(line.split()[1:]) for line in said if "VmHWM" in line)
            print(f"{minutes} min: {60 * minutes / seconds:.0f} times real time, at most {peak} of memory")
            print(f"  {said[0]}")
            rate = size / max(sound_s, 1) / 1000
            print(f"  {len(kept)} clips kept, {size / 1e6:.1f} MB, {rate:.0f} kB a second")


if __name__ == "__main__":
    main()
