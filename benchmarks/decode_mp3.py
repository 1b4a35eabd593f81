"""How many seconds of audio does one second of CPU decode?

Prints avianvox's block decoder (mono, 22,050 Hz), plain libsndfile (no mixing, no resampling) and
librosa.load, and the ratio to the last. Over real recordings where AVIANVOX_DATA has them, else over
synthesised MP3s.

    python benchmarks/decode_mp3.py [NUMBER OF FILES]
"""

import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile

from avianvox.audio.chatter import silence_decoders
from avianvox.audio.decode import open_audio
from avianvox.audio.find import find_audio

RATE = 22050


def ours(path: Path) -> float:
    with open_audio(path, sample_rate=RATE) as stream:
        return sum(len(block) for block in stream) / RATE


def libsndfile(path: Path) -> float:
    with silence_decoders(), soundfile.SoundFile(path) as file:
        buffer = np.empty((65536, file.channels), np.float32)
        n = 0
        while len(frames := file.read(out=buffer)):
            n += len(frames)
        return n / file.samplerate


def librosa_load(path: Path) -> float:
    import librosa

    with silence_decoders():
        return len(librosa.load(path, sr=RATE, mono=True)[0]) / RATE


def speed(decode: Callable[[Path], float], paths: list[Path]) -> float:
    decode(paths[0])  # imports and first-time costs
    start = time.process_time()
    seconds = sum(decode(path) for path in paths)
    return seconds / (time.process_time() - start)


def synthesised(folder: Path, n_files: int) -> list[Path]:
    rng = np.random.default_rng(0)
    for i in range(n_files):
        noise = rng.standard_normal((30 * 44100, 1 + i % 2)) * 0.1
        soundfile.write(folder / f"{i:03d}.mp3", noise, 44100)
    return list(find_audio([folder]))


def main(n_files: int) -> None:
    warnings.simplefilter("ignore")
    root = Path(__file__).resolve().parent.parent
    folder = Path(os.environ.get("AVIANVOX_DATA", root.parent / "shared" / "data")) / "puerto_rico" / "audio"
    with TemporaryDirectory() as scratch:
        real = folder.is_dir()
        paths = list(find_audio([folder]))[:n_files] if real else synthesised(Path(scratch), min(n_files, 10))
        print(f"{len(paths)} {'real' if real else 'synthesised'} recordings, audio seconds per CPU second")
        figures = {f.__name__: speed(f, paths) for f in (ours, libsndfile, librosa_load)}
    for name, figure in figures.items():
        print(f"{name:<14} {figure:>8,.0f}   {figure / figures['librosa_load']:.2f} x librosa.load")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
