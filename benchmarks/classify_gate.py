"""``avianvox classify`` with and without ``--gate`` on one core, and both stages by the window.

The recording is synthetic: of every five minutes, one has a bird in it.

python benchmarks/classify_gate.py [--minutes 60] [--runs 3]
"""

import argparse
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile
from process_cost import Cost, cost_of

from avianvox.audio.synth import SynthSettings, synthesize_recording
from avianvox.inference.gate import Gate
from avianvox.inference.gate_share import pass_file
from avianvox.inference.runtime import runtime_of
from avianvox.modelfile import read_model_file
from avianvox.modelfolder import DEFAULT_MODEL, find_model

VOICED = 5  # one minute of so many has a bird in it


def write_recording(path: Path, *, minutes: int) -> list[tuple[float, float]]:
    """Noise of twelve places, minute by minute; begin and end of every call in it."""
    settings = SynthSettings(n_species=12, duration_s=(60.0, 60.0), seed=7)
    calls = []
    with soundfile.SoundFile(path, "w", samplerate=settings.sample_rate, channels=1) as file:
        for minute in range(minutes):
            bird = None if minute % VOICED else minute // VOICED % settings.n_species
            made = synthesize_recording(minute, bird, minute % 12, settings)
            file.write(made.waveform.samples)
            calls += [(60 * minute + call.box.begin_s, 60 * minute + call.box.end_s) for call in made.calls]
    return calls


def milliseconds(function, argument: np.ndarray, runs: int = 200) -> float:
    """Median time of one call."""
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        function(argument)
        times.append(time.perf_counter() - begin)
    return 1000 * sorted(times)[runs // 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    gate = Gate.load()
    model = read_model_file(find_model(DEFAULT_MODEL))
    spec = model.info.spec
    window = np.random.default_rng(0).normal(-40.0, 5.0, (spec.n_frames, spec.n_features)).astype(np.float32)
    runtime = runtime_of(model)
    print(f"a window: gate {milliseconds(gate.score, window):.3f} ms, network ", end="")
    print(f"{milliseconds(runtime.run, window):.3f} ms")
    with TemporaryDirectory() as folder:
        sound = Path(folder, "recording.wav")
        calls = write_recording(sound, minutes=options.minutes)
        passed = pass_file(sound, gate, calls)
        quiet, through = passed.n_windows - passed.n_calling, passed.n_through - passed.n_calling_through
        print(
            f"{passed.n_windows} windows, {1 - passed.n_through / passed.n_windows:.1%} passed over", end=""
        )
        print(f"; kept with a call {passed.n_calling_through}/{passed.n_calling}, without {through}/{quiet}")
        command = [sys.executable, "-m", "avianvox", "classify", str(sound), "--jobs", "1"]
        costs: dict[str, list[Cost]] = {"": [], "--gate": []}
        for _ in range(options.runs):
            for option, found in costs.items():
                found.append(cost_of([*command, *option.split()]))
    cpu_s = []
    for option, found in costs.items():
        middle = Cost(*(sorted(column)[options.runs // 2] for column in zip(*found, strict=True)))
        cpu_s.append(middle.cpu_s)
        name = f"classify {option}".strip()
        print(f"{name}: {middle.wall_s:.2f} s, {middle.cpu_s:.2f} s of CPU time, {middle.peak_mb:.0f} MB")
    print(f"CPU time saved: {1 - cpu_s[1] / cpu_s[0]:.1%}; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
