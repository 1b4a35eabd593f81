"""The best answers of a model for windows and recordings: what its calibration is fitted on."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from avianvox.calibration.answers import Named
from avianvox.dataset.synonyms import species_key
from avianvox.judge.figures import Classes
from avianvox.judge.listening import Heard, Kept
from avianvox.judge.sounds import Sound, overlaps
from avianvox.types import NO_BIRD, LabelSet


def best_of(kept: Kept, chosen: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The best class of each row among the model's, and its score; both of shape (n,)."""
    scores = np.concatenate([kept.own, kept.other_scores], axis=1).astype(np.float64)
    own = np.broadcast_to(np.array(chosen, np.int64), kept.own.shape)
    classes = np.concatenate([own, kept.other], axis=1)
    best = scores.argmax(axis=1)[:, None]
    return (
        np.take_along_axis(classes, best, axis=1)[:, 0].astype(np.int64),
        np.take_along_axis(scores, best, axis=1)[:, 0],
    )


def best_answers(
    sounds: Sequence[Sound],
    heard: Sequence[Heard],
    classes: Classes,
    labels: LabelSet,
    targets: np.ndarray,
    *,
    sample_rate: int,
) -> tuple[np.ndarray, Named, Named]:
    """Which recordings can be judged, and the best answers for their windows and for themselves.

    What was not scored, or is best named "no bird", has no name. A window that is named as a species of its
    recording's background is neither right nor wrong and left out, and so is a recording in which none of the
    catalogs' species calls, since others may.

    Parameters
    ----------
    sounds, heard, classes, labels
        As `avianvox.judge.alarms.count_alarms` takes them.
    targets : np.ndarray, shape (n_recordings,), int64
        `avianvox.judge.figures.Answers.targets`.
    sample_rate : int, Hz
        The model's.

    Returns
    -------
    tuple
        Positions of the recordings, shape (n,), int64; windows and recordings, whose rows count among these.
    """
    judged = np.flatnonzero(targets != -2)
    place = np.full(len(targets), -1)
    place[judged] = np.arange(len(judged))
    of_windows, of_recordings = [NOTHING], [NOTHING]
    n = 0
    for sound, one in zip(sounds, heard, strict=True):
        names, scores = best_of(one.windows, classes.chosen)
        of_recordings.append(
            Named(place[n : n + len(sound.recordings)], *best_of(one.recordings, classes.chosen))
        )
        spans = np.stack([one.spans[:, 0], one.spans.sum(axis=1)], axis=1) / sample_rate
        for recording in sound.recordings:
            behind = {species_key(name) for name in recording.background}
            counts = [
                overlaps(recording, begin_s, end_s) and species_key(labels.names[name]) not in behind
                for (begin_s, end_s), name in zip(spans, names.tolist(), strict=True)
            ]
            rows = np.full(len(names), place[n])
            of_windows.append(Named(rows, names, scores).where(np.array(counts, bool)))
            n += 1
    no_bird = labels.index.get(NO_BIRD, -1)
    return judged, _joined(of_windows, no_bird), _joined(of_recordings, no_bird)


NOTHING = Named(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def _joined(parts: Sequence[Named], no_bird: int) -> Named:
    columns = ([getattr(part, field.name) for part in parts] for field in fields(Named))
    joined = Named(*map(np.concatenate, columns))
    return joined.where((joined.rows >= 0) & (joined.scores > 0) & (joined.classes != no_bird))
