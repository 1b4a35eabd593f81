"""From audio files to a feature store: CPU time against plain librosa, and what a second worker brings.

    python benchmarks/build_store.py [NUMBER OF FILES]

Builds a store of `puerto_rico` (where AVIANVOX_DATA or ../shared/data has it, else of synthesised MP3s)
with one job and with two, and times ``librosa.load``, ``melspectrogram`` and ``mfcc`` of the waveform over
the same files; between the two stands our way from file to features without a store. Each route is a process
of its own, with one thread for each job. CPU seconds of a build are those of all its processes from start to
end, hashing and disk included; those of the other two leave out imports and compilation.
"""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

ONE_THREAD = {
    name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
}


def build(paths: list[Path], jobs: int) -> None:
    from avianvox.features.build import build_store
    from avianvox.features.spec import FeatureSpec
    from avianvox.types import Recording

    recordings = [Recording(path.stem, path) for path in paths]
    with TemporaryDirectory() as out:
        build_store(recordings, FeatureSpec(), out, jobs=jobs)


def features_route(paths: list[Path]) -> None:
    from avianvox.audio.decode import open_audio
    from avianvox.features.extract import stream_features
    from avianvox.features.spec import FeatureSpec

    spec = FeatureSpec()
    before = os.times()
    for path in paths:
        with open_audio(path, sample_rate=spec.sample_rate) as stream:
            for _rows in stream_features(stream, spec):
                pass
    after = os.times()
    print(after.user + after.system - before.user - before.system)


def librosa_route(paths: list[Path]) -> None:
    import librosa
    import numpy as np

    from avianvox.audio.chatter import silence_decoders

    librosa.feature.mfcc(y=np.zeros(22050, np.float32), sr=22050)  # its compilation is not counted
    before = os.times()
    for path in paths:
        with silence_decoders():
            samples, rate = librosa.load(path, sr=22050, mono=True)
        librosa.power_to_db(librosa.feature.melspectrogram(y=samples, sr=rate))
        librosa.feature.mfcc(y=samples, sr=rate, n_mfcc=20)
    after = os.times()
    print(after.user + after.system - before.user - before.system)


def timed(*route: str, paths: list[Path]) -> tuple[float, float, str]:
    """Wall and CPU seconds of one route in a fresh process, and what it printed."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, __file__, "--route", *route, *map(str, paths)]
    done = subprocess.run(
        command, env={**os.environ, **ONE_THREAD}, capture_output=True, text=True, check=True
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, done.stdout


def find_files(folder: Path, limit: int) -> list[Path]:
    data = Path(os.environ.get("AVIANVOX_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    recorded = sorted((data / "puerto_rico" / "audio").glob("*.mp3"))
    if recorded:
        return recorded[:limit]
    import numpy as np
    import soundfile

    rng = np.random.default_rng(0)
    for i in range(min(limit, 40)):
        soundfile.write(folder / f"{i}.mp3", 0.1 * rng.standard_normal((30 * 44100, 1 + i % 2)), 44100)
    return sorted(folder.glob("*.mp3"))


def main() -> None:
    with TemporaryDirectory() as folder:
        paths = find_files(Path(folder), int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
        one_wall, one_cpu, _ = timed("build", "1", paths=paths)
        two_wall, two_cpu, _ = timed("build", "2", paths=paths)
        ours = float(timed("features", paths=paths)[2])
        theirs = float(timed("librosa", paths=paths)[2])
        print(f"{len(paths)} files")
        print(f"avianvox, 1 job   {one_wall:6.1f} s wall  {one_cpu:6.1f} s CPU")
        print(f"avianvox, 2 jobs  {two_wall:6.1f} s wall  {two_cpu:6.1f} s CPU")
        print(f"avianvox, features alone         {ours:6.1f} s CPU")
        print(f"librosa, features alone          {theirs:6.1f} s CPU")
        print(
            f"CPU, librosa / avianvox: features alone {theirs / ours:.2f}, whole build {theirs / one_cpu:.2f}"
        )
        print(f"one job / two jobs, wall {one_wall / two_wall:.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--route"]:
        if sys.argv[2] == "build":
            build([Path(path) for path in sys.argv[4:]], int(sys.argv[3]))
        else:
            route = features_route if sys.argv[2] == "features" else librosa_route
            route([Path(path) for path in sys.argv[3:]])
    else:
        main()
