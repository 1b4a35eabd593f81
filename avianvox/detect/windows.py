"""Windows to learn from, each with all its boxes: drawn by step and seed alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from avianvox.config import row_of
from avianvox.dataset.crops import CropReader, CropSettings
from avianvox.detect.geometry import sides, to_cells
from avianvox.detect.settings import DetectConfig
from avianvox.errors import InputError
from avianvox.features.store import FeatureStore
from avianvox.randomness import derive_rng
from avianvox.training.augmentations import AUGMENTATIONS
from avianvox.types import Box

_LEAST_SIDE = 1.0
_NOBODYS = -1


@dataclass(frozen=True)
class BoxedRecordings:
    """Recordings of a store and their boxes.

    Attributes
    ----------
    store : FeatureStore
    positions : np.ndarray, shape (n,), int64
        In the store.
    boxes : tuple of np.ndarray, shape (n_boxes, 4)
        In frames and bands of each recording.
    classes : tuple of np.ndarray, shape (n_boxes,), int64
    names : tuple of str
        Of the classes.
    """

    store: FeatureStore
    positions: np.ndarray
    boxes: tuple[np.ndarray, ...]
    classes: tuple[np.ndarray, ...]
    names: tuple[str, ...]

    @classmethod
    def of(
        cls, store: FeatureStore, boxes: Mapping[str, Sequence[Box]], names: Sequence[str]
    ) -> "BoxedRecordings":
        """From boxes by the ids of the recordings; those of other classes than ``names`` belong to nobody."""
        numbers = {name: number for number, name in enumerate(names)}
        edges, classes = [], []
        for found in boxes.values():
            each = np.array([(b.begin_s, b.end_s, b.low_hz, b.high_hz) for b in found], np.float64)
            edges.append(to_cells(each, store.bands))
            classes.append(np.array([numbers.get(box.label, _NOBODYS) for box in found], np.int64))
        positions = np.asarray(store.indices_of(list(boxes)), np.int64)
        return cls(store, positions, tuple(edges), tuple(classes), tuple(names))

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def all_boxes(self) -> np.ndarray:
        """Those of a class, shape (n, 4)."""
        kept = [b[c >= 0] for b, c in zip(self.boxes, self.classes, strict=True)]
        return np.concatenate([np.zeros((0, 4)), *kept])


@dataclass(frozen=True)
class Piece:
    """The boxes of one window.

    Attributes
    ----------
    boxes : np.ndarray, shape (n, 4)
        In frames and bands of the window, cut at its borders.
    classes : np.ndarray, shape (n,), int64
    ignored : np.ndarray, shape (n_ignored, 4)
        From these nothing is learned: too little of them is inside, or nobody says what they are.
    """

    boxes: np.ndarray
    classes: np.ndarray
    ignored: np.ndarray

    def with_those_of(self, other: "Piece") -> "Piece":
        return Piece(
            np.concatenate([self.boxes, other.boxes]),
            np.concatenate([self.classes, other.classes]),
            np.concatenate([self.ignored, other.ignored]),
        )


def cut(
    boxes: np.ndarray, classes: np.ndarray, *, first: int, n_frames: int, length: int, least_part: float
) -> Piece:
    """The boxes of the window that begins at frame ``first``.

    A box that the border cuts is learned where ``least_part`` of it is inside, or where it fills half the
    window. In a recording that is shorter than a window and repeated, so are its boxes.

    Parameters
    ----------
    boxes : np.ndarray, shape (n, 4)
        In frames and bands of the recording.
    classes : np.ndarray, shape (n,)
        -1 where nobody says which.
    first, n_frames : int
    length : int
        Frames of the recording.
    least_part : float
    """
    whole = np.asarray(boxes, np.float64).reshape(-1, 4).copy()
    whole[:, :2] = np.clip(whole[:, :2], 0, length)
    repeats = -(-n_frames // length) + 1 if length < n_frames else 1
    moves = np.repeat(np.arange(repeats) * length - first, len(whole))
    whole, classes = np.tile(whole, (repeats, 1)), np.tile(np.asarray(classes, np.int64), repeats)
    whole[:, :2] += moves[:, None]
    inside = whole.copy()
    inside[:, :2] = np.clip(inside[:, :2], 0, n_frames)
    seen = (sides(inside) >= _LEAST_SIDE).all(axis=1)
    inside, whole, classes = inside[seen], whole[seen], classes[seen]
    length_inside, length_whole = sides(inside)[:, 0], sides(whole)[:, 0]
    learned = (length_inside >= least_part * length_whole) | (length_inside >= n_frames / 2)
    learned &= classes >= 0
    return Piece(inside[learned], classes[learned], inside[~learned])


class WindowBatches:
    """Batches by step.

    Parameters
    ----------
    data : BoxedRecordings
    config : DetectConfig
    """

    def __init__(self, data: BoxedRecordings, config: DetectConfig) -> None:
        if not len(data.all_boxes):
            raise InputError("no recording to learn from has a box; add tables of boxes")
        self.data, self.config = data, config
        self.reader = CropReader(data.store, None, CropSettings(config.window_frames, "above_floor"))
        self._lengths = np.asarray(data.store.n_frames)[data.positions]
        self._of_class: list[np.ndarray] = []
        for number in range(len(data.names)):
            where = [(i, j) for i, c in enumerate(data.classes) for j in np.flatnonzero(c == number)]
            if where:
                self._of_class.append(np.array(where, np.int64))
        self._share = self._lengths / self._lengths.sum()
        self._augment = [row_of(AUGMENTATIONS, choice, "detect.augment") for choice in config.augment]

    def batch(self, step: int) -> tuple[np.ndarray, list[Piece]]:
        """Windows, shape (batch_size, n_frames, n_bands), float32, and the boxes of each."""
        config = self.config
        rng = derive_rng(config.seed, "detect windows", step)
        drawn = [self._draw(rng) for _ in range(config.batch_size)]
        numbers = np.array([number for number, _ in drawn])
        firsts = np.array([first for _, first in drawn])
        windows = self.reader.read(self.data.positions[numbers], firsts)
        pieces = [self.piece(number, first) for number, first in drawn]
        windows, pieces = self._mixed(rng, windows, pieces)
        for row in self._augment:
            windows = row.apply(windows, row.draw(rng, windows.shape), self.reader.deviation)  # type: ignore[union-attr]
        return windows, pieces

    def piece(self, number: int, first: int) -> Piece:
        """The boxes of a window of recording ``number``."""
        return cut(
            self.data.boxes[number],
            self.data.classes[number],
            first=first,
            n_frames=self.config.window_frames,
            length=int(self._lengths[number]),
            least_part=self.config.least_part,
        )

    def _draw(self, rng: np.random.Generator) -> tuple[int, int]:
        """A recording and a first frame."""
        n_frames = self.config.window_frames
        if rng.random() < self.config.boxed:
            where = self._of_class[rng.integers(len(self._of_class))]
            number, box = where[rng.integers(len(where))].tolist()
            centre = self.data.boxes[number][box, :2].mean()
            last = max(0, int(self._lengths[number]) - n_frames)
            least = min(last, max(0, int(np.ceil(centre)) - n_frames))
            most = max(least, min(last, int(centre)))
            return number, int(rng.integers(least, most + 1))
        number = int(rng.choice(len(self.data), p=self._share))
        return number, int(rng.integers(max(0, int(self._lengths[number]) - n_frames) + 1))

    def _mixed(
        self, rng: np.random.Generator, windows: np.ndarray, pieces: list[Piece]
    ) -> tuple[np.ndarray, list[Piece]]:
        """Some windows have another of the batch in them: the louder of both, with the boxes of both."""
        chosen, partner = rng.random(len(windows)) < self.config.mix, rng.permutation(len(windows))
        both = np.where(chosen[:, None, None], np.maximum(windows, windows[partner]), windows)
        return both, [
            piece.with_those_of(pieces[other]) if mixed and other != own else piece
            for own, (piece, mixed, other) in enumerate(zip(pieces, chosen, partner, strict=True))
        ]
