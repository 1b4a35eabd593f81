"""What docs/scaling.md reckons with: an hour of sound by kind of file, and a call on a cluster.

python benchmarks/scale_rates.py [MINUTES]

Real recordings (`puerto_rico`, where AVIANVOX_DATA or ../shared/data has it) are joined to MINUTES of sound
(30 when left out) at 48 kHz, mono, 16 bits, and written as WAV, FLAC and mp3. Each is classified and
described on one core; figures are of CPU time, so that they hold on a busy machine. A cluster of two workers
with 16 threads each, on loopback, then makes calls that do nothing.
"""

import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import soundfile
from process_cost import cost_of

from avianvox.audio.decode import open_audio
from avianvox.workers import Workplace, open_executor

RATE = 48_000
SUBTYPES = {"wav": "PCM_16", "flac": "PCM_16", "mp3": "MPEG_LAYER_III"}
N_CALLS = 2000
DATA = Path(os.environ.get("AVIANVOX_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def write_sounds(folder: Path, n_samples: int) -> list[Path]:
    """The same sound once as each kind of file."""
    paths = [folder / kind / "species" / f"sound.{kind}" for kind in SUBTYPES]
    with ExitStack() as stack:
        files = []
        for path, subtype in zip(paths, SUBTYPES.values(), strict=True):
            path.parent.mkdir(parents=True)
            file = soundfile.SoundFile(path, "w", samplerate=RATE, channels=1, subtype=subtype)
            files.append(stack.enter_context(file))
        for source in sorted((DATA / "puerto_rico" / "audio").glob("*.mp3")):
            with open_audio(source, sample_rate=RATE) as audio:
                for block in audio:
                    for file in files:
                        file.write(block[:n_samples].clip(-1, 1))
                    n_samples -= min(n_samples, len(block))
    if n_samples:
        raise SystemExit(
            f"{DATA} holds too few recordings: {n_samples / RATE / 60:.0f} minutes more are needed"
        )
    return paths


def seconds_per_call() -> float:
    from distributed import LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=16, dashboard_address=None) as cluster,
        open_executor(Workplace(scheduler=cluster.scheduler_address)) as executor,
    ):
        list(executor.unordered(abs, range(100)))
        begin = time.perf_counter()
        list(executor.unordered(abs, range(N_CALLS)))
        return (time.perf_counter() - begin) / N_CALLS


def main() -> None:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    hours = minutes / 60
    avianvox = [sys.executable, "-m", "avianvox"]
    with TemporaryDirectory() as name:
        for path in write_sounds(Path(name), int(minutes * 60 * RATE)):
            catalog, rows = path.parents[1], path.with_suffix(".csv")
            store = catalog.with_name(f"{catalog.name}-store")
            classify = cost_of(
                [*avianvox, "classify", str(path), "--by", "event", "--jobs", "1", "--output", str(rows)]
            )
            describe = cost_of(
                [*avianvox, "features", "build", str(catalog), "--jobs", "1", "--out", str(store)]
            )
            stored = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
            print(
                f"{path.suffix[1:]}, of an hour: {path.stat().st_size / hours / 1e6:.1f} MB; classify "
                f"{classify.cpu_s / hours:.2f} CPU s ({3600 * hours / classify.cpu_s:.0f} times real time), "
                f"{classify.peak_mb:.0f} MB, {rows.stat().st_size / hours / 1e3:.1f} kB of rows; features "
                f"{describe.cpu_s / hours:.2f} CPU s, {stored / hours / 1e6:.1f} MB of store"
            )
    print(f"a call on the cluster: {1e3 * seconds_per_call():.2f} ms; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
