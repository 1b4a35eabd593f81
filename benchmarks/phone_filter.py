"""How much the filter of docs/phone.md changes scores, against the resampler that avianvox uses.

    python benchmarks/phone_filter.py ../shared/data/puerto_rico

Recordings at 44,100 Hz that are two windows long; the first window of each, uncalibrated.
"""

import sys
from pathlib import Path

import numpy as np
import soundfile
import soxr
from ai_edge_litert.interpreter import Interpreter

import avianvox

MODEL = Path(avianvox.__file__).parent / "bundled" / "caribbean_california.tflite"
RATE, TAPS, CUT = 44_100, 127, 0.2375


def halved(sound: np.ndarray) -> np.ndarray:
    """The samples at half the rate, as the page has it in Kotlin; the filter begins half its length early."""
    k = np.arange(TAPS) - TAPS // 2
    taps = 2 * CUT * np.sinc(2 * CUT * k) * (0.5 + 0.5 * np.cos(np.pi * k / (TAPS // 2 + 1)))
    return np.convolve(sound, taps / taps.sum(), mode="same")[::2].astype(np.float32)


def main() -> None:
    score = Interpreter(str(MODEL)).get_signature_runner("serving_default")
    n_samples = int(score.get_input_details()["waveform"]["shape"][1])
    differences, same = [], 0
    for path in sorted(Path(sys.argv[1]).rglob("*.mp3")):
        if soundfile.info(path).samplerate != RATE:
            continue
        sound = soundfile.read(path, dtype="float32", always_2d=True)[0].mean(axis=1)
        if len(sound) < 4 * n_samples:
            continue
        ways = (soxr.resample(sound, RATE, RATE // 2), halved(sound))
        ours, page = (score(waveform=way[None, :n_samples])["scores"][0] for way in ways)
        differences.append(float(np.abs(ours - page).max()))
        same += int(ours.argmax() == page.argmax())
    print(f"{len(differences)} recordings: best class the same in {same}")
    print(f"largest difference of a score: {max(differences):.4f}, median {np.median(differences):.5f}")


if __name__ == "__main__":
    main()
