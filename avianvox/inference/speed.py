"""How fast this machine classifies: synthetic sound, as recorders write it, from a file to scores."""

import time
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import soundfile

from avianvox.files import scratch_folder
from avianvox.inference.classifier import Classifier
from avianvox.modelfolder import DEFAULT_MODEL
from avianvox.randomness import derive_rng
from avianvox.workers import Crashed, Workplace, n_cores, open_executor

RATE = 48_000  # of most recorders
_SECONDS = 60.0
_ROUNDS = 3  # files for each worker


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds of sound for a second of the clock; ``one_core`` for a second of one processor's time."""

    one_core: float
    all_cores: float
    cores: int


def measure_speed(model: str = DEFAULT_MODEL, *, seconds: float = _SECONDS) -> Speed:
    """Classify ``seconds`` of noise (WAV, 48 kHz, 16 bits, mono) once alone and then on all cores.

    The start of worker processes is not counted. Takes two to three seconds.

    Raises
    ------
    AvianvoxError
        The model cannot be read, or no worker can be started.
    OSError
        There is no room for a temporary file of 6 MB.
    """
    cores = n_cores()
    with scratch_folder() as folder:
        path = folder / "noise.wav"
        noise = derive_rng(0, "speed").standard_normal(round(seconds * RATE), np.float32) * np.float32(0.1)
        soundfile.write(path, noise, RATE)
        task = (model, str(path))
        _classify(task)  # loads the model
        one_core = seconds / min(_processor_time(task) for _ in range(_ROUNDS))
        if cores == 1:
            return Speed(one_core, one_core, 1)
        with open_executor(Workplace(jobs=cores)) as executor:
            for _, answer in executor.unordered(_classify, repeat(task, 2 * cores)):
                if isinstance(answer, Crashed):
                    return Speed(one_core, 0.0, cores)
            begin = time.perf_counter()
            files = sum(1 for _ in executor.unordered(_classify, repeat(task, _ROUNDS * cores)))
            all_cores = files * seconds / (time.perf_counter() - begin)
    return Speed(one_core, all_cores, cores)


def _processor_time(task: tuple[str, str]) -> float:
    begin = time.process_time()
    _classify(task)
    return time.process_time() - begin


_loaded: dict[str, Classifier] = {}


def _classify(task: tuple[str, str]) -> float:
    """Classify a file with the model that this process keeps."""
    model, path = task
    if model not in _loaded:
        _loaded[model] = Classifier.load(model)
    return _loaded[model].classify(path).decoded_s or 0.0
