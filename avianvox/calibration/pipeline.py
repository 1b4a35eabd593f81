"""How much a whole pipeline labels without a person: empty or not, then the species, then how many.

Each stage has a threshold of its own. A recording is labelled automatically where the answer of each stage
that it comes to reaches that stage's threshold; one that is called empty comes to no other stage. Start at
`automate`; `avianvox.calibration.stages` makes stages of cross-validations.

References
----------
Norouzzadeh et al., "Automatically identifying, counting, and describing wild animals in camera-trap images
with deep learning", 2018: thresholds at the accuracy of volunteers, and the share that passes all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from avianvox.calibration.automation import automation_at, automation_curve
from avianvox.errors import InputError
from avianvox.types import Recording


@dataclass(frozen=True)
class Stage:
    """The answers of one stage for n recordings.

    Attributes
    ----------
    name : str
    right : np.ndarray, shape (n,), bool
        Whether its answer is right; False where there is nothing to be right about, as the species of an
        empty recording.
    confidence : np.ndarray, shape (n,)
    asked : np.ndarray, shape (n,), bool
        Whether the recording comes to this stage: whether the stages before it say so, not the truth.
    target : float in [0, 1]
        Accuracy that automatic answers must have, such as that of people.
    """

    name: str
    right: np.ndarray
    confidence: np.ndarray
    asked: np.ndarray
    target: float

    def __post_init__(self) -> None:
        shapes = {self.right.shape, self.confidence.shape, self.asked.shape}
        if len(shapes) != 1 or self.right.ndim != 1:
            raise InputError(f"pipeline: expected arrays of one length for '{self.name}', got {shapes}")


@dataclass(frozen=True, slots=True)
class StageShare:
    """What one stage automates: ``share`` of the ``asked`` recordings, with ``accuracy`` among them.

    ``threshold``: on all recordings; infinite where none passes. ``unaided``: accuracy of all its answers.
    """

    name: str
    target: float
    threshold: float
    asked: int
    automated: int
    share: float
    accuracy: float
    unaided: float


@dataclass(frozen=True)
class PipelineShare:
    """What the whole pipeline automates.

    Attributes
    ----------
    stages : tuple of StageShare
    n : int
    share : float
        Of all recordings, those labelled automatically in every stage that they come to.
    accuracy : float
        Share of these in which every answer is right; NaN where there are none.
    share_of_sound : float
        Their share of the duration of all; NaN where durations are not known.
    unaided : float
        Accuracy without thresholds: share of all recordings in which every answer is right.
    """

    stages: tuple[StageShare, ...]
    n: int
    share: float
    accuracy: float
    share_of_sound: float
    unaided: float


def automate(
    stages: Sequence[Stage], folds: np.ndarray | None = None, *, recordings: Sequence[Recording] = ()
) -> PipelineShare:
    """The share that passes all thresholds, and how much of it is right.

    Parameters
    ----------
    stages : sequence of Stage
        In the order in which they are asked, of the same n recordings.
    folds : np.ndarray, shape (n,), optional
        The thresholds of each fold are chosen on the other folds, so that accuracies may fall short of the
        targets as far as thresholds were luck. Without it, they are chosen on the very recordings.
    recordings : sequence of Recording, length n, optional
        For their share of the sound.

    Examples
    --------
    >>> yes = np.array([True, True, True, False])
    >>> empty = Stage("empty", yes, np.array([0.9, 0.8, 0.7, 0.2]), np.ones(4, bool), 0.95)
    >>> species = Stage("species", yes, np.array([0.9, 0.1, 0.9, 0.3]), np.array([1, 0, 1, 1], bool), 0.95)
    >>> automate([empty, species]).share
    0.75
    """
    n = len(stages[0].right) if stages else 0
    passed, good = np.ones(n, bool), np.ones(n, bool)
    shares = []
    for stage in stages:
        automatic = stage.confidence >= _thresholds(stage, folds)
        passed &= ~stage.asked | automatic
        good &= ~stage.asked | stage.right
        shares.append(_share(stage, automatic & stage.asked))
    seconds = np.array([np.nan if r.duration_s is None else r.duration_s for r in recordings] or [np.nan] * n)
    whole = np.nansum(seconds)
    return PipelineShare(
        tuple(shares),
        n,
        float(passed.mean()) if n else np.nan,
        float(good[passed].mean()) if passed.any() else np.nan,
        float(np.nansum(seconds[passed]) / whole) if whole > 0 else np.nan,
        float(good.mean()) if n else np.nan,
    )


def pipeline_curve(
    stages: Sequence[Stage], targets: np.ndarray, folds: np.ndarray | None = None
) -> tuple[PipelineShare, ...]:
    """`automate` once for each of ``targets``, which every stage then has."""
    return tuple(
        automate([replace(stage, target=float(target)) for stage in stages], folds) for target in targets
    )


def _thresholds(stage: Stage, folds: np.ndarray | None) -> np.ndarray:
    """The threshold of each recording."""
    if folds is None:
        return np.full(len(stage.right), _threshold(stage, stage.asked))
    found = np.full(len(stage.right), np.inf)
    for fold in np.unique(folds):
        found[folds == fold] = _threshold(stage, stage.asked & (folds != fold))
    return found


def _threshold(stage: Stage, rows: np.ndarray) -> float:
    curve = automation_curve(stage.right[rows], stage.confidence[rows])
    return automation_at(curve, stage.target).threshold


def _share(stage: Stage, automatic: np.ndarray) -> StageShare:
    asked, automated = int(stage.asked.sum()), int(automatic.sum())
    return StageShare(
        stage.name,
        stage.target,
        float(_threshold(stage, stage.asked)),
        asked,
        automated,
        automated / asked if asked else np.nan,
        float(stage.right[automatic].mean()) if automated else np.nan,
        float(stage.right[stage.asked].mean()) if asked else np.nan,
    )
