"""Explanations of many labelled recordings: does the model listen to the voice, and what does it say if not?

`judge` gives a row for each recording: the answer, whether it is right, how far its map lies on the voice,
and how far the score falls by deletion. `avianvox.explain.rejection` makes figures of the rows.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from avianvox.dataset.synonyms import species_key
from avianvox.errors import AudioError, InputError
from avianvox.explain.deletion import deletion
from avianvox.explain.heard import hear, stretched
from avianvox.explain.listener import Listener
from avianvox.explain.maps import overlap_of
from avianvox.explain.methods import Method
from avianvox.explain.occlusion import Occlusion
from avianvox.randomness import derive_rng
from avianvox.tables.rows import Column
from avianvox.types import Recording

DECIMALS = 6


@dataclass(frozen=True, slots=True)
class JudgedMap:
    """One recording; ``drop_*`` is None where nothing was deleted.

    Attributes
    ----------
    id, session, label, answer : str
    right : int
        1 where the answer is the label.
    score : float
        Of the answer.
    share, iou, chance, gain : float
        Overlap of its map with the vocal mask, see `avianvox.evaluation.overlap.Overlap`.
    drop_map, drop_random, drop_loudest : float or None
        See `avianvox.explain.deletion.Deletion.drop`.
    """

    id: str
    session: str
    label: str
    answer: str
    right: int
    score: float
    share: float
    iou: float
    chance: float
    gain: float
    drop_map: float | None = None
    drop_random: float | None = None
    drop_loudest: float | None = None

    def row(self) -> list[Any]:
        """Its values, in the order of `COLUMNS`; what is not defined is None."""
        return [None if value != value else value for value in asdict(self).values()]


COLUMNS = tuple(
    Column(field.name, str if field.type is str else int if field.type is int else float, DECIMALS)
    for field in fields(JudgedMap)
)


@dataclass(frozen=True)
class JudgeOptions:
    """``most_windows``: with a map, those of the highest scores; ``delete``: whether deletion is tried
    too."""

    most_windows: int = 2
    delete: bool = True
    seed: int = 0


def judge(
    listener: Listener,
    recordings: Sequence[Recording],
    method: Method,
    options: JudgeOptions,
    *,
    told: Callable[[str, bool], None],
) -> Iterator[JudgedMap]:
    """Explain the best answer for each recording.

    ``told`` takes a line for each that gives no row, and whether its file failed; others are too quiet or
    long.
    """
    for recording in recordings:
        begin_s, end_s = recording.span or (None, None)
        try:
            heard = hear(listener, recording.path, begin_s=begin_s, end_s=end_s)
        except (AudioError, InputError) as error:
            told(f"{recording.path}: {error.about(recording.path)}", isinstance(error, AudioError))
            continue
        target = int(np.argmax(heard.pooled))
        ranked = np.argsort(-heard.scores[:, target], kind="stable")[: options.most_windows]
        windows = np.sort(ranked).astype(np.int64)
        maps = method.maps(listener, heard, target, windows)
        weighted = maps * heard.scores[windows, target].astype(np.float64)[:, None, None]
        found = overlap_of(heard, stretched(weighted, heard.window_frames, heard.view.n_mels), windows)
        drops: dict[str, float] = {}
        if options.delete:
            grid = (method if isinstance(method, Occlusion) else Occlusion()).grid(heard)
            gone = deletion(listener, heard, maps, target, windows, grid, seed=options.seed)
            drops = {f"drop_{order}": gone.drop(order) for order in gone.scores}
        answer = listener.labels[target]
        yield JudgedMap(
            id=recording.id,
            session=recording.session,
            label=recording.label,
            answer=answer,
            right=int(species_key(answer) == species_key(recording.label)),
            score=float(heard.pooled[target]),
            share=float(found.share[0]),
            iou=float(found.iou[0]),
            chance=float(found.chance[0]),
            gain=float(found.gain[0]),
            **drops,
        )


def drawn(recordings: Sequence[Recording], n: int | None, *, seed: int) -> list[Recording]:
    """Labelled recordings; of more than ``n``, some at random, in their own order."""
    labelled = [recording for recording in recordings if recording.label]
    if n is None or n >= len(labelled):
        return labelled
    chosen = derive_rng(seed, "judged").permutation(len(labelled))[:n]
    return [labelled[k] for k in sorted(chosen.tolist())]
