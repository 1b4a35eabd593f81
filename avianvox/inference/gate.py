"""The gate: does anything call in this window? It is asked before the network that names species.

A few numbers of a window of log-mel rows and one weighted sum of them, in NumPy alone. Noise that stays the
same is taken out first: of each band its median over the window, and of each frame what its neighbouring
bands have in common, so that wind and rain count for little and a voice, which is narrow, for much. Start
with `Gate.load`; `avianvox.models.gate` trains one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.documents import MISSHAPEN, Kind, write_json
from avianvox.errors import InputError, ModelFileError
from avianvox.features.kinds import Spec
from avianvox.features.spec import FeatureSpec
from avianvox.modelfolder import BUNDLED_FOLDER

DEFAULT_GATE = "gate"
"""The gate that comes with the package."""

KIND = "avianvox gate"
FORMAT_VERSION = 1
"""Of the file, and of the numbers that `window_statistics` makes: weights fit them and no others."""

FILE = Kind(
    what="gate",
    name=KIND,
    version=FORMAT_VERSION,
    error=ModelFileError,
    otherwise="write one with: avianvox gate train",
    outdated="update avianvox, or train the gate again",
)

FLOOR_DB = np.float32(-70.0)
"""What is quieter counts as this loud; noise of one step of 16 bits is as loud as that."""

MOST_DB = np.float32(30.0)  # above a band's median: more of it says no more
N_GROUPS = 16  # of neighbouring bands
QUANTILES = np.array([0.10, 0.50, 0.75, 0.90, 0.98])
N_STATISTICS = N_GROUPS + 4 * len(QUANTILES)
LEAST_FRAMES = 16

_NEAR, _FAR = 3, 8  # bands between which a band's neighbours lie


def window_statistics(log_mel: np.ndarray) -> np.ndarray:
    """What the gate sees of a window.

    Bands and frames are joined in pairs. For each of 16 groups of bands the highest rise of one band over its
    neighbours, for about 0.1 s; then five quantiles over the frames of the mean rise over the bands' medians,
    of the highest one, of their root mean square and of the highest rise over neighbouring bands. Gain is
    without effect, and so is the length of the window, but for chance.

    Parameters
    ----------
    log_mel : np.ndarray, shape (n_frames, n_mels), dB
        ``n_mels`` is a multiple of 32. Frames of digital silence are left out.

    Returns
    -------
    np.ndarray, shape (N_STATISTICS,), float32, dB
        Zeros where fewer than `LEAST_FRAMES` frames hold sound.
    """
    levels = np.maximum(log_mel, FLOOR_DB)
    sounding = levels.max(axis=1) > FLOOR_DB
    if not sounding.all():
        levels = levels[sounding]
    if len(levels) < LEAST_FRAMES:
        return np.zeros(N_STATISTICS, np.float32)
    even = len(levels) // 2 * 2
    pairs = levels[0:even:2] + levels[1:even:2]
    pairs = np.maximum(pairs[:, ::2], pairs[:, 1::2]) * np.float32(0.5)
    rise = np.minimum(pairs - _median(pairs), MOST_DB)
    alone = rise - _near(rise)
    alone = (alone[:-2] + alone[1:-1] + alone[2:]) * np.float32(1 / 3)
    rise = rise[1:-1]
    series = np.empty((4, len(rise)), np.float32)
    rise.mean(axis=1, out=series[0])
    rise.max(axis=1, out=series[1])
    np.sqrt(np.einsum("tb,tb->t", rise, rise) / np.float32(rise.shape[1]), out=series[2])
    alone.max(axis=1, out=series[3])
    series.sort(axis=1)
    at = (QUANTILES * (len(rise) - 1)).astype(int)
    highest = alone.max(axis=0).reshape(N_GROUPS, -1).max(axis=1)
    return np.concatenate((highest, series[:, at].ravel()))


@dataclass(frozen=True)
class Gate:
    """Says of a window how likely something calls in it.

    Attributes
    ----------
    spec : FeatureSpec
        How the rows were made that it learned from.
    weights : np.ndarray, shape (N_STATISTICS,), float32
    bias : float
    thresholds : mapping of float to float
        ``share -> `` the score that this share of the recordings of voices reaches with its strongest window.
    recall : float
        The share that `threshold` is taken for.
    provenance, licences, figures : mapping
        What it learned from, whose recordings they are, and what was measured: anything JSON can hold.

    Examples
    --------
    >>> gate = Gate.load()
    >>> noise = np.random.default_rng(0).normal(-40.0, 2.0, size=(128, 148)).astype(np.float32)
    >>> gate.score(noise) < gate.threshold
    True
    """

    spec: FeatureSpec
    weights: np.ndarray
    bias: float
    thresholds: Mapping[float, float]
    recall: float = 0.98
    provenance: Mapping[str, Any] = field(default_factory=dict)
    licences: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_bands(self.spec)
        if self.weights.shape != (N_STATISTICS,) or not np.isfinite([*self.weights, self.bias]).all():
            raise ModelFileError(f"expected {N_STATISTICS} weights and a bias, all of them finite")
        if not np.isfinite(list(self.thresholds.values())).all():
            raise ModelFileError("expected thresholds that are finite")
        if self.recall not in self.thresholds:
            raise ModelFileError(f"expected a threshold for {self.recall}")

    @classmethod
    def load(cls, name_or_path: str | Path = DEFAULT_GATE) -> "Gate":
        """Load the bundled gate, or one from a file of ``avianvox gate train``.

        Raises
        ------
        ModelFileError
            There is no such file, or it is none of these, damaged or of another version.
        """
        path = BUNDLED_FOLDER / "gate.json" if name_or_path == DEFAULT_GATE else Path(name_or_path)
        document = FILE.read(path)
        try:
            return cls.from_mapping(document)
        except MISSHAPEN as error:
            raise ModelFileError(f"{path} is damaged: {error}; download or train the gate again") from error

    @property
    def threshold(self) -> float:
        """The score from which on a window is worth naming, for the share `recall`."""
        return self.thresholds[self.recall]

    def with_recall(self, recall: float) -> "Gate":
        """The gate with the threshold that keeps the share ``recall``; `InputError` where there is none."""
        if recall not in self.thresholds:
            known = ", ".join(f"{share:g}" for share in sorted(self.thresholds))
            raise InputError(f"the gate has no threshold for a recall of {recall:g}; it has them for {known}")
        return replace(self, recall=recall)

    def check_spec(self, spec: Spec) -> None:
        """Raise `ModelFileError` unless the gate learned from rows made as those under ``spec`` are."""
        ours, theirs = self.spec.extraction_fingerprint, spec.extraction_fingerprint
        if ours != theirs:
            raise ModelFileError(
                f"the gate hears features made with spec {ours}, and the model's are made with {theirs}; "
                "train a gate for them (avianvox gate train --spec) or leave the gate out"
            )

    def score(self, rows: np.ndarray) -> float:
        """How likely something calls in a window.

        Parameters
        ----------
        rows : np.ndarray, shape (n_frames, n_features), float32
            Log-mel in dB; the MFCC behind it are not looked at. `LEAST_FRAMES` frames or more.

        Returns
        -------
        float in [0, 1]
            To be compared with a threshold; it is no share of anything.
        """
        return self.score_statistics(window_statistics(rows[:, : self.spec.n_mels]))

    def score_statistics(self, statistics: np.ndarray) -> float:
        """The same of a window's `window_statistics`."""
        weighted = np.multiply(statistics, self.weights, dtype=np.float64).sum()
        return float(1.0 / (1.0 + np.exp(-(weighted + self.bias))))

    def to_mapping(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            **FILE.head,
            "spec": self.spec.to_mapping(),
            "spec_fingerprint": self.spec.extraction_fingerprint,
            "weights": self.weights.tolist(),
            "bias": self.bias,
            "thresholds": {str(share): score for share, score in self.thresholds.items()},
            "recall": self.recall,
            "provenance": dict(self.provenance),
            "licences": dict(self.licences),
            "figures": dict(self.figures),
        }

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "Gate":
        """The inverse of `to_mapping`; a spec that does not match its fingerprint raises `ModelFileError`."""
        spec = FeatureSpec.from_mapping(values["spec"])
        if spec.extraction_fingerprint != values["spec_fingerprint"]:
            raise ModelFileError(
                f"expected a spec with fingerprint {values['spec_fingerprint']}, "
                f"got {spec.extraction_fingerprint}"
            )
        with np.errstate(over="ignore"):  # what is infinite then is refused
            weights = np.array(values["weights"], np.float32)
        return cls(
            spec=spec,
            weights=weights,
            bias=float(values["bias"]),
            thresholds={float(share): float(score) for share, score in values["thresholds"].items()},
            recall=float(values["recall"]),
            provenance=dict(values["provenance"]),
            licences=dict(values["licences"]),
            figures=dict(values["figures"]),
        )

    def save(self, path: Path | str) -> None:
        """Write a file that `load` reads. Raises `OutputError` where it can't be written."""
        write_json(Path(path), self.to_mapping())


def load_gate(name_or_path: str | Path = DEFAULT_GATE, recall: float | None = None) -> Gate:
    """Load a gate, with its threshold for ``recall`` in place of its own. Raises as its methods do."""
    gate = Gate.load(name_or_path)
    return gate if recall is None else gate.with_recall(recall)


def check_bands(spec: FeatureSpec) -> None:
    """Raise `InputError` unless the gate can pair and group the bands of ``spec``."""
    if spec.n_mels % (2 * N_GROUPS):
        raise InputError(f"a gate needs a multiple of {2 * N_GROUPS} mel bands, got {spec.n_mels}")


def _median(levels: np.ndarray) -> np.ndarray:
    """Of each column; the upper one of two in the middle. Sorting rows is much faster than `np.median`."""
    middle: np.ndarray = np.sort(levels.T, axis=1)[:, len(levels) // 2]
    return middle


def _near(levels: np.ndarray) -> np.ndarray:
    """Of each band the mean of those 3 to 8 away, on either side and as far as there are any.

    Sums in a fixed order: a product with a matrix has other bits where a window has another length.
    """
    n_bands = levels.shape[1]
    padded = np.zeros((len(levels), n_bands + 2 * _FAR), np.float32)
    padded[:, _FAR:-_FAR] = levels
    pairs = padded[:, :-1] + padded[:, 1:]
    sixes = pairs[:, :-4] + pairs[:, 2:-2] + pairs[:, 4:]
    near: np.ndarray = sixes[:, :n_bands] + sixes[:, _FAR + _NEAR :]
    near *= _one_over_neighbours(n_bands)
    return near


@lru_cache(maxsize=4)
def _one_over_neighbours(n_bands: int) -> np.ndarray:
    """One over the number of bands that `_near` sums, shape (n_bands,), float32."""
    bands = np.arange(n_bands)
    below, above = (np.clip(n - _NEAR + 1, 0, _FAR - _NEAR + 1) for n in (bands, n_bands - 1 - bands))
    return (1.0 / (below + above)).astype(np.float32)
