"""An ensemble as a teacher: the network learns the softened probabilities of several fits of itself.

The fits learn from the training recordings, and from nothing else. Each says something of every window of
these recordings; a crop's target is the mean of what is said of the windows that it overlaps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.config import later
from avianvox.dataset.crops import CropReader
from avianvox.dataset.training_data import TrainingData
from avianvox.dataset.windows import hop_of
from avianvox.errors import ConfigError
from avianvox.randomness import hash_name
from avianvox.registry import nearest
from avianvox.training import ensembles
from avianvox.training.guides import Guiding, Trunk
from avianvox.training.guides.teacher import Lessons


@dataclass(frozen=True)
class Distilling:
    """``of``: a row of `avianvox.training.ensembles.ENSEMBLES`, with ``n`` fits; ``weight``: of its loss.

    With ``folds``, a recording is taught by the fits that have not heard it. Probabilities are taken to the
    power of one over ``temperature``, those of the teachers and those of the network.

    References
    ----------
    Hinton et al., "Distilling the knowledge in a neural network", 2015.
    """

    of: str = later("seeds", held="seeds")
    n: int = later(3, held=3)
    temperature: float = later(2.0, held=2.0)
    weight: float = later(1.0, held=1.0)

    def __post_init__(self) -> None:
        known = list(ensembles.ENSEMBLES)
        if self.of not in known:
            raise ConfigError(
                f"[train.guide] of: expected one of {', '.join(known)}, got '{self.of}'"
                f"{nearest(self.of, known)}"
            )
        if not 2 <= self.n <= ensembles.MOST:
            raise ConfigError(f"[train.guide] n: expected 2 to {ensembles.MOST}, got {self.n}")
        for name in ("temperature", "weight"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigError(f"[train.guide] {name}: expected more than 0, got {getattr(self, name)}")

    @property
    def ears(self) -> tuple[str, ...]:
        return ()

    @property
    def n_fits(self) -> int:
        return self.n

    def begin(self, trunk: Trunk, data: TrainingData, reader: CropReader, *, seed: int) -> Guiding:
        from avianvox.models.backend import keras

        parts = ensembles.ENSEMBLES.get(self.of)(n=self.n).parts(data, seed=seed)  # type: ignore[call-arg]
        fits = [
            trunk.fit(data.part(part), number, seed=hash_name(seed, "lesson", number) % 2**31)
            for number, part in enumerate(parts)
        ]
        lessons = _lessons(fits, parts, data, reader, self.temperature)
        temperature = self.temperature

        def divergence(targets: Any, logits: Any) -> Any:
            """Kullback and Leibler's, times the temperature squared, so that slopes don't shrink with it."""
            ops = keras.ops
            logs = ops.log(ops.maximum(targets, keras.config.epsilon()))
            apart = targets * (logs - ops.log_softmax(logits / temperature, axis=-1))
            return temperature**2 * ops.sum(apart, axis=-1)

        return Guiding(trunk.model.output, lessons.targets, divergence, self.weight)


def _lessons(
    fits: Sequence[Any],
    parts: Sequence[np.ndarray],
    data: TrainingData,
    reader: CropReader,
    temperature: float,
) -> Lessons:
    """The mean of what fits say of each window: of those that have not heard it, if there are any."""
    answers = [fitted.predict(data) for fitted in fits]
    unheard = np.stack([~np.isin(np.arange(len(data)), part) for part in parts])
    says = np.where(unheard.any(axis=0), unheard, True).astype(np.float64)
    says /= says.sum(axis=0)
    windows = answers[0].positions
    mean = sum(says[k][windows][:, None] * found.scores.astype(np.float64) for k, found in enumerate(answers))
    soft = softened(np.asarray(mean), temperature)
    n_frames = reader.settings.n_frames
    offsets = reader.windows(data.recordings, hop_frames=hop_of(n_frames, fits[0].settings.overlap))[1]
    edges = np.stack([offsets, offsets + n_frames], axis=1).astype(np.float64)
    ends = np.searchsorted(windows, np.arange(len(data) + 1))
    recordings = data.recordings.tolist()
    return Lessons(
        {i: soft[ends[k] : ends[k + 1]] for k, i in enumerate(recordings)},
        {i: edges[ends[k] : ends[k + 1]] for k, i in enumerate(recordings)},
        {i: int(data.store.n_frames[i]) for i in recordings},
        n_frames,
        reader.settings.padding == "loop",
    )


def softened(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities to the power of one over a temperature, scaled to add up to 1.

    Examples
    --------
    >>> softened(np.array([0.64, 0.16, 0.16, 0.04]), 2.0).astype(float).round(3).tolist()
    [0.444, 0.222, 0.222, 0.111]
    """
    powers = probabilities ** (1.0 / temperature)
    soft: np.ndarray = (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)
    return soft
