"""Rules that never listen: what a split gives away before any sound is heard.

A rule answers from what the catalog says: how often each class occurs in training, and how often together
with the test recording's session, recordist, site or length. Where such a rule comes near a model, the
model's figure says little about voices. `RULES` is the table; every row has the form of `Rule`.

A look-up's score of a class is its share among the training recordings of the same key, with one recording
more that is divided among the classes as the whole training part is:

    score = (n_class_and_key + n_class / n) / (n_key + 1)

So the commonest class of the key comes first, classes that are equally common there are ranked by how common
they are in all of training, and an unknown or unseen key gets the shares of all of training. What is still
equal gets equal scores, and `avianvox.evaluation.metrics` counts ties by their expected value.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from avianvox.errors import InputError
from avianvox.registry import Registry
from avianvox.types import LabelSet, Recording

Rule = Callable[[Sequence[Recording], Sequence[Recording], LabelSet], np.ndarray]
"""``rule(train, test, labels)``: scores of the test recordings, shape (n_test, n_classes), rows sum to 1."""

RULES: Registry[Rule] = Registry(
    "rule",
    {
        "chance": "avianvox.evaluation.rules:chance",
        "majority": "avianvox.evaluation.rules:majority",
        "session_lookup": "avianvox.evaluation.rules:session_lookup",
        "recordist_lookup": "avianvox.evaluation.rules:recordist_lookup",
        "site_lookup": "avianvox.evaluation.rules:site_lookup",
        "duration": "avianvox.evaluation.rules:duration",
    },
)

SUMMARIES = {
    "chance": "equal scores for all classes",
    "majority": "shares of the classes in all of training",
    "session_lookup": "shares among training recordings of the same session",
    "recordist_lookup": "shares among training recordings of the same recordist",
    "site_lookup": "shares among training recordings of the same site",
    "duration": "shares among training recordings of the same duration",
}
"""One line for each row of `RULES`."""

_Key = Callable[[Recording], object]
"""What a look-up goes by; None where it is not known."""


def chance(train: Sequence[Recording], test: Sequence[Recording], labels: LabelSet) -> np.ndarray:
    """Every class alike: right once in as many times as there are classes."""
    return np.full((len(test), len(labels)), 1 / len(labels))


def majority(train: Sequence[Recording], test: Sequence[Recording], labels: LabelSet) -> np.ndarray:
    """The classes' shares in training, whatever the recording."""
    return _look_up(train, test, labels, lambda recording: None)


def session_lookup(train: Sequence[Recording], test: Sequence[Recording], labels: LabelSet) -> np.ndarray:
    """By recordist, date and site together, as `Recording.session` has them."""
    return _look_up(train, test, labels, lambda recording: recording.session)


def recordist_lookup(train: Sequence[Recording], test: Sequence[Recording], labels: LabelSet) -> np.ndarray:
    """By recordist."""
    return _look_up(train, test, labels, lambda recording: recording.recordist or None)


def site_lookup(train: Sequence[Recording], test: Sequence[Recording], labels: LabelSet) -> np.ndarray:
    """By the name of the site."""
    return _look_up(train, test, labels, lambda recording: recording.site or None)


def duration(train: Sequence[Recording], test: Sequence[Recording], labels: LabelSet) -> np.ndarray:
    """By the recording's length in whole seconds, as the catalog states it."""
    return _look_up(train, test, labels, _whole_seconds)


def _whole_seconds(recording: Recording) -> int | None:
    return None if recording.duration_s is None else round(recording.duration_s)


def _look_up(
    train: Sequence[Recording], test: Sequence[Recording], labels: LabelSet, key_of: _Key
) -> np.ndarray:
    """Scores by the formula above, shape (n_test, n_classes), float64."""
    if not train:
        raise InputError("a rule needs training recordings, got none")
    counts: defaultdict[object, np.ndarray] = defaultdict(lambda: np.zeros(len(labels)))
    targets = [labels.index[recording.label] for recording in train]
    for recording, target in zip(train, targets, strict=True):
        if (key := key_of(recording)) is not None:
            counts[key][target] += 1
    shares = np.bincount(targets, minlength=len(labels)) / len(train)
    nothing = np.zeros(len(labels))
    known = np.array([counts.get(key_of(recording), nothing) for recording in test])
    known = known.reshape(len(test), len(labels))
    scores: np.ndarray = (known + shares) / (known.sum(axis=1, keepdims=True) + 1)
    return scores
