"""Learning to segment: a small convolutional network is trained on boxes that people drew around voices.

People box the species they look for, and other voices beside it are not boxed. So only the bands of a box are
learned from: a block is voice inside the box's time, and none where no box of the recording is. Recordings
without a box have none in the bands of all boxes. `Marked` holds one recording; `marked_recordings` reads
them from a catalog, and `learn` trains.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avianvox.audio.decode import load_waveform
from avianvox.dataset.catalog import Catalog
from avianvox.errors import InputError
from avianvox.features.extract import extract_features
from avianvox.features.filters import band_edges_hz
from avianvox.features.learned_mask import BLOCK, KERNEL, N_CHANNELS, NAMES, Segmenter, blocks
from avianvox.features.spec import FeatureSpec
from avianvox.randomness import hash_name
from avianvox.types import Box

N_EPOCHS = 30
_BATCH = 8
_LEARNING_RATE = 0.01
_SHARE = 0.25  # of a block that has to be in the box
_MOST_QUIET = 60  # windows without a box


@dataclass(frozen=True)
class Marked:
    """A recording with all of its boxes; ``place``: the recorder."""

    path: Path
    place: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class Lesson:
    """A window: ``rows``, dB, shape (n_frames, n_mels); cells that are ``voice``, and ``none``; bool."""

    rows: np.ndarray
    voice: np.ndarray
    none: np.ndarray


def marked_recordings(catalog: Catalog) -> list[Marked]:
    """Recordings with boxes in frequency, and those without any, by their paths.

    A box is a part of a file that a row stands for, or one that a row has in it.

    Raises
    ------
    InputError
        No box has frequencies.
    """
    boxes: dict[Path, list[Box]] = {}
    places: dict[Path, str] = {}
    for recording in catalog.recordings:
        found = boxes.setdefault(recording.path, [])
        places[recording.path] = recording.site or recording.recordist
        found += recording.boxes or ()
        if recording.begin_s is not None and recording.end_s is not None and recording.low_hz is not None:
            found.append(
                Box(recording.begin_s, recording.end_s, recording.low_hz, recording.high_hz or np.inf)
            )
    if not any(boxes.values()):
        raise InputError("expected boxes with frequencies to learn masks of voices from, found none")
    return [Marked(path, places[path], tuple(boxes[path])) for path in sorted(boxes)]


def lessons(marked: Iterable[Marked], spec: FeatureSpec, *, n_frames: int) -> list[Lesson]:
    """A window around the middle of each box; of recordings without a box, windows one after the other."""
    recordings = list(marked)
    every = [box for recording in recordings for box in recording.boxes]
    low, high = min(box.low_hz for box in every), max(box.high_hz for box in every)
    centres = band_edges_hz(spec)[1:-1]
    found, quiet = [], []
    for recording in recordings:
        waveform, _ = load_waveform(recording.path, sample_rate=spec.sample_rate)
        rows = extract_features(waveform, spec).values[:, : spec.n_mels]
        if len(rows) < n_frames:
            continue
        times = np.arange(len(rows)) * spec.hop_length / spec.sample_rate
        within = [(times >= box.begin_s) & (times <= box.end_s) for box in recording.boxes]
        outside = ~np.logical_or.reduce(within) if within else np.ones(len(rows), bool)
        for box, during in zip(recording.boxes, within, strict=True):
            if not during.any():
                continue
            bands = (centres >= box.low_hz) & (centres <= box.high_hz)
            begin = int(np.flatnonzero(during).mean()) - n_frames // 2
            part = slice(begin := int(np.clip(begin, 0, len(rows) - n_frames)), begin + n_frames)
            found.append(Lesson(rows[part], during[part, None] & bands, outside[part, None] & bands))
        if not within:
            bands = (centres >= low) & (centres <= high)
            for begin in range(0, len(rows) - n_frames + 1, n_frames):
                none = np.broadcast_to(bands, (n_frames, len(bands)))
                quiet.append(Lesson(rows[begin : begin + n_frames], np.zeros_like(none), none))
    evenly = np.linspace(0, max(len(quiet) - 1, 0), min(_MOST_QUIET, len(quiet))).round().astype(int)
    return [*found, *(quiet[i] for i in evenly)]


def learn(given: Sequence[Lesson], *, seed: int = 0, n_epochs: int = N_EPOCHS) -> Segmenter:
    """Train on windows of one length; the same seed gives the same weights.

    Voice and none count alike, however many blocks there are of each.
    """
    from avianvox.models.backend import keras

    seen = blocks(np.stack([lesson.rows for lesson in given]))
    voice, none = (
        _shares(np.stack([getattr(lesson, name) for lesson in given])) > _SHARE for name in ("voice", "none")
    )
    weights = np.zeros(voice.shape, np.float32)
    weights[voice], weights[none & ~voice] = 0.5 / max(voice.sum(), 1), 0.5 / max((none & ~voice).sum(), 1)
    weights *= voice.size

    def kernel(layer: int) -> keras.initializers.Initializer:
        return keras.initializers.GlorotUniform(hash_name(seed, "segmenter", layer) % 2**31)

    layers = keras.layers
    x = inputs = keras.Input(seen.shape[1:])
    for layer in (1, 2):
        x = layers.Conv2D(
            N_CHANNELS, KERNEL, padding="same", activation="relu", kernel_initializer=kernel(layer)
        )(x)
    x = layers.Conv2D(1, 1, kernel_initializer=kernel(3))(x)
    model = keras.Model(inputs, x)
    model.compile(
        keras.optimizers.Adam(_LEARNING_RATE),
        keras.losses.BinaryCrossentropy(from_logits=True, reduction="none"),
        jit_compile=False,
    )
    rng = np.random.default_rng(hash_name(seed, "segmenter", "order") % 2**63)
    targets = voice[..., None].astype(np.float32)
    for _ in range(n_epochs):
        order = rng.permutation(len(seen))
        for begin in range(0, len(order), _BATCH):
            batch = order[begin : begin + _BATCH]
            model.train_on_batch(seen[batch], targets[batch], sample_weight=weights[batch])
    return Segmenter(dict(zip(NAMES, (np.asarray(w) for w in model.get_weights()), strict=True)))


def _shares(masks: np.ndarray) -> np.ndarray:
    """How much of each block is set, shape (n, n_times, n_bands)."""
    n, n_times, n_bands = len(masks), masks.shape[1] // BLOCK[0], masks.shape[2] // BLOCK[1]
    cells = masks[:, : n_times * BLOCK[0], : n_bands * BLOCK[1]]
    return np.asarray(cells.reshape(n, n_times, BLOCK[0], n_bands, BLOCK[1]).mean(axis=(2, 4)))
