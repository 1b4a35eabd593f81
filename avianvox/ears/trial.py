"""What foreign graphs are tried in: another process, which they may end."""

from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np

from avianvox.errors import ModelFileError
from avianvox.modelfile import read_model_file
from avianvox.modelinfo import SPECIES

_TRIAL_S = 120.0  # that opening a graph, or two windows, may take

T = TypeVar("T")


def elsewhere(where: str, fn: Callable[[Path], T], path: Path) -> T:
    """``fn(path)`` in another process; ``where`` names the graph in messages.

    Raises
    ------
    ModelFileError
        It raises one, takes too long, or ends its process.
    """
    from avianvox.workers.processes import Workers

    with Workers(1) as workers:
        try:
            return workers.start(fn, path).result(timeout=_TRIAL_S)
        except BrokenExecutor as error:
            raise ModelFileError(
                f"{where}: the graph ends the process that runs it; it is damaged"
            ) from error
        except TimeoutError as error:
            raise ModelFileError(
                f"{where}: the graph takes more than {_TRIAL_S:.0f} s for two windows; is the window right?"
            ) from error
        except ModelFileError as error:
            raise ModelFileError(f"{where}: {error.about(path)}") from error


def run_trial(path: Path) -> np.ndarray:
    """Run a model file on a window of silence and on one that begins with a second of noise.

    Returns
    -------
    np.ndarray, shape (2 * n_classes,)
        Its scores.
    """
    from avianvox.inference.runtime import runtime_of

    model = read_model_file(path)
    runtime = runtime_of(model)
    spec = model.info.spec
    noise = np.zeros((spec.n_frames, spec.n_features), np.float32)
    n_noisy = min(spec.sample_rate, spec.n_frames)
    noise[:n_noisy] = 0.1 * np.random.default_rng(0).standard_normal((n_noisy, 1), np.float32)
    return np.concatenate([runtime.run(rows)[SPECIES] for rows in (np.zeros_like(noise), noise)])
