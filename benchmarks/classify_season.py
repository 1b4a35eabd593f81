"""``avianvox classify`` of a season: many short files, a recording of a whole day, kills, damaged files.

python benchmarks/classify_season.py [--files 20000] [--hours 24] [--folder DIR]

Files are made with the synthesiser (about 2.7 GB for 20,000 of 3 s, 3.8 GB for 24 hours) and kept where
``--folder`` names a place. Memory is that of the largest process.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile

from avianvox.audio.synth import synthesize_dataset

RATE = 22_050
SHORT_S = 3
VOICES = {"n_species": 8, "n_recordings": 12, "no_bird": 24, "duration_s": (6.0, 12.0)}
MEASURE = (
    "import os, resource, subprocess, sys; "
    "os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[1])]); "
    "done = subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(done.returncode)"
)


def voices(folder: Path) -> list[np.ndarray]:
    synthesize_dataset(folder / "voices", **VOICES)
    return [soundfile.read(path, dtype="float32")[0] for path in sorted((folder / "voices").rglob("*.wav"))]


def write_short(folder: Path, sounds: list[np.ndarray], n: int) -> None:
    """``n`` files as a recorder names them, one every ten minutes, a folder for each thousand."""
    rng = np.random.default_rng(0)
    for i in range(n):
        sound = sounds[i % len(sounds)]
        begin = int(rng.integers(len(sound)))
        piece = np.take(sound, range(begin, begin + SHORT_S * RATE), mode="wrap") * rng.uniform(0.3, 1.0)
        moment = time.strftime("%Y%m%d_%H%M%S", time.gmtime(1_775_000_000 + 600 * i))
        path = folder / f"recorder{i // 1000:02}" / f"{moment}.WAV"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, piece, RATE, subtype="PCM_16", format="WAV")


def write_long(path: Path, sounds: list[np.ndarray], hours: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    left = round(hours * 3600 * RATE)
    rng = np.random.default_rng(1)
    with soundfile.SoundFile(path, "w", RATE, 1, subtype="PCM_16", format="WAV") as file:
        while left > 0:
            sound = sounds[int(rng.integers(len(sounds)))][:left]
            file.write(sound)
            left -= len(sound)


def damage(folder: Path, n: int) -> set[str]:
    """Put ``n`` bad files of six kinds between the good ones."""
    good = sorted(folder.rglob("*.WAV"))
    whole = good[0].read_bytes()
    kinds = {
        "empty": b"",
        "header only": whole[:44],
        "cut": whole[: len(whole) // 2],
        "text": b"this is not a sound\n" * 99,
        "noise": np.random.default_rng(2).bytes(50_000),
        "zeros": bytes(50_000),
    }
    names = set()
    for i, place in enumerate(random.Random(3).sample(good, n)):
        kind = list(kinds)[i % len(kinds)]
        path = place.with_name(f"{place.stem}_{kind}.WAV")
        path.write_bytes(kinds[kind])
        names.add(str(path))
    return names


def command(folder: Path, output: Path, jobs: int, *more: str) -> list[str]:
    base = [sys.executable, "-m", "avianvox", "classify", str(folder), "--by", "event", "--jobs", str(jobs)]
    return [*base, "--output", str(output), "--quiet", *more]


def classify(folder: Path, output: Path, jobs: int, *more: str) -> tuple[float, float]:
    """Wall seconds on as many cores as jobs, and the largest process's peak in MB (Linux counts in kB)."""
    begin = time.perf_counter()
    measure = [sys.executable, "-c", MEASURE, str(jobs), *command(folder, output, jobs, *more)]
    done = subprocess.run(measure, capture_output=True, text=True)
    if done.returncode not in (0, 3):
        raise SystemExit(f"classify ended with {done.returncode}: {done.stderr}")
    return time.perf_counter() - begin, int(done.stdout) / 1024


def kill_and_resume(folder: Path, output: Path, n_files: int, n_kills: int) -> None:
    """Run with SIGKILL at random moments, and again with --resume to the end."""
    draw = random.Random(4)
    ledger = output.with_name(f"{output.name}.ledger.jsonl")
    for n in range(n_kills):
        resume = ["--resume"] if ledger.exists() else []
        process = subprocess.Popen(command(folder, output, 2, *resume), stderr=subprocess.DEVNULL)
        enough = (n + draw.random()) * n_files / n_kills
        while process.poll() is None and n_lines(ledger) < enough:
            time.sleep(draw.uniform(0.01, 0.2))
        process.send_signal(signal.SIGKILL)
        process.wait()
        print(f"killed with {n_lines(ledger) - 1} of {n_files} files in the ledger")
    classify(folder, output, 2, "--resume")


def n_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with TemporaryDirectory() as temporary:
        run(options.folder or Path(temporary), options.files, options.hours)


def run(folder: Path, n_files: int, hours: float) -> None:
    short, tenth, day, hour = (folder / name for name in ("short", "tenth", "day", "hour"))
    if not short.exists():
        sounds = voices(folder)
        write_short(short, sounds, n_files)
        write_short(tenth, sounds, n_files // 10)
        write_long(day / "day.wav", sounds, hours)
        write_long(hour / "hour.wav", sounds, 1.0)
    out = folder / "out"
    out.mkdir(exist_ok=True)
    for old in out.iterdir():
        old.unlink()
    for path in short.rglob("*.WAV"):
        path.read_bytes()  # into the system's cache: else whoever comes first waits for the disk
    _, small = classify(tenth, out / "tenth.csv", 2)
    two, large = classify(short, out / "two.csv", 2)
    one, alone = classify(short, out / "one.csv", 1)
    print(f"{n_files} files of {SHORT_S} s: {two:.1f} s on two cores, {one:.1f} s on one: {one / two:.2f}x")
    print(
        f"peak memory: {large:.0f} MB; {small:.0f} MB for a tenth of the files; {alone:.0f} MB on one worker"
    )
    same = (out / "one.csv").read_bytes() == (out / "two.csv").read_bytes()
    print(f"one core and two write {'the same' if same else 'DIFFERENT'} bytes")
    _, an_hour = classify(hour, out / "hour.csv", 1)
    for by in ("event", "recording"):
        seconds, peak = classify(day, out / f"day_{by}.csv", 1, "--by", by)
        speed = 3600 * hours / seconds
        print(
            f"{hours:g} hours by {by}: {seconds:.1f} s on one worker, {speed:.0f}x real time, {peak:.0f} MB"
        )
    print(f"an hour: {an_hour:.0f} MB")
    kill_and_resume(short, out / "killed.csv", n_files, 4)
    same = (out / "killed.csv").read_bytes() == (out / "two.csv").read_bytes()
    print(f"killed and resumed: {'the same' if same else 'DIFFERENT'} bytes")
    bad = damage(short, n_files // 100)
    classify(short, out / "damaged.csv", 2)
    rows = (out / "damaged.csv").read_text().splitlines(keepends=True)
    kept = "".join(row for row in rows if row.split(",", 1)[0] not in bad)
    same = kept == (out / "two.csv").read_text()
    print(f"{len(bad)} bad files among them: rows of the good ones {'unchanged' if same else 'CHANGED'}")
    entries = map(json.loads, (out / "damaged.csv.ledger.jsonl").read_text().splitlines()[1:])
    told = Counter(entry["status"] for entry in entries if entry["path"] in bad)
    print(f"the ledger says of the bad ones: {dict(told)}")
    for name in bad:
        os.unlink(name)


if __name__ == "__main__":
    main()
