"""What samples are worth beside real patches: are they told rightly, are they copies, do they differ?

A classifier of real patches learns from the recordings that the generator learned from. It names generated
patches, real ones of sessions that neither has heard, and other patches of the training recordings. Its
embedding, and the patches themselves, say how far a patch lies from its nearest training patch: copies lie
nearer than real patches of other sessions do. Distances of patches are in dB, and over all shifts in time: a
copy that begins later is a copy too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from avianvox.config import row_of
from avianvox.dataset.catalog import Catalog
from avianvox.dataset.patches import PatchCutter
from avianvox.dataset.training_data import TrainingData, training_data
from avianvox.documents import write_json
from avianvox.errors import InputError
from avianvox.evaluation.bootstrap import Interval, session_interval
from avianvox.evaluation.figures import Table
from avianvox.evaluation.plain import plain
from avianvox.features.floor import SCALE_DB
from avianvox.features.store import FeatureStore
from avianvox.files import atomic_write
from avianvox.generate.conditions import CONDITIONS
from avianvox.generate.pictures import draw_grid
from avianvox.generate.run import QUALITY, GeneratorRun
from avianvox.models.backend import keras
from avianvox.models.networks import NETWORKS
from avianvox.randomness import derive_rng

JUDGE = "avianvox_lean"
"""The network that classifies patches."""
_NEAR = 0.05  # share of real held-out patches that lie nearer to training than what counts as a copy
_PER_RECORDING = 4
_SHOWN = 8


@dataclass(frozen=True)
class Patches:
    """Patches of one kind, with their classes and what belongs together; ``seen``: the embedding of each."""

    kind: str
    values: np.ndarray
    targets: np.ndarray
    groups: np.ndarray
    seen: np.ndarray
    named: np.ndarray


@dataclass(frozen=True)
class Row:
    """One figure of one kind of patches, with its 95 % interval."""

    figure: str
    kind: str
    n: int
    interval: Interval


@dataclass(frozen=True)
class Quality:
    """All figures, the table of them, and what to know beside it."""

    rows: tuple[Row, ...]
    table: Table
    notes: tuple[str, ...]

    def value(self, figure: str, kind: str) -> Interval:
        return next(row.interval for row in self.rows if (row.figure, row.kind) == (figure, kind))


def judge_generator(
    run: GeneratorRun,
    catalog: Catalog,
    store: FeatureStore,
    *,
    per_class: int = 32,
    epochs: int = 20,
    seed: int = 0,
) -> Quality:
    """Compare samples of a generator with real patches; the table goes into its run folder.

    Parameters
    ----------
    run : GeneratorRun
    catalog : Catalog
        What it was trained on.
    store : FeatureStore
    per_class : int
        Samples of each class.
    epochs : int
        Of the classifier.
    seed : int

    Raises
    ------
    InputError
        The condition is a number, nothing was held out, or the catalog is not the one trained on.
    """
    if run.encoding.continuous:
        raise InputError(
            f"{run.path}: expected a generator of classes, got one of numbers; nothing names these"
        )
    parts = _parts(run, catalog, store)
    cutter = PatchCutter(store, run.settings.shape)
    names = run.encoding.names
    model = _judge(run, parts["train"], cutter, epochs=epochs, seed=seed)
    looked = keras.Model(model.input, [model.output, model.get_layer(NETWORKS.get(JUDGE).embedding).output])

    def made(kind: str, values: np.ndarray, targets: np.ndarray, groups: np.ndarray) -> Patches:
        logits, seen = looked.predict(values[..., None], batch_size=64, verbose=0)
        seen = np.concatenate([seen.mean(axis=1), seen.max(axis=1)], axis=1) if seen.ndim == 3 else seen
        return Patches(kind, values, targets, groups, seen, logits.argmax(axis=1))

    def cut(kind: str, part: str, epoch: int) -> Patches:
        data, targets, sessions = parts[part]
        again = np.tile(np.arange(len(data)), _PER_RECORDING)
        values = cutter.cut(data.recordings[again], seed=seed, epoch=epoch)
        return made(kind, values, targets[again], sessions[again])

    known = cut("training", "train", 0)
    other = cut("other patches of the training recordings", "train", 1)
    held_out = cut("real, of held-out sessions", "validation", 0)
    wanted = [name for name in names for _ in range(per_class)]
    targets = np.repeat(np.arange(len(names)), per_class)
    generated = made("generated", run.samples(wanted, seed=seed), targets, targets)
    rows, nearest = _figures(known, [generated, held_out, other])
    table = Table(
        ("figure", "patches", "n", "value", "interval"),
        tuple((r.figure, r.kind, str(r.n), f"{r.interval.value:.3f}", _ends(r.interval)) for r in rows),
    )
    notes = (
        f"{len(known.values)} training patches of {len(parts['train'][0])} recordings, {len(names)} classes",
        "intervals: over sessions of real patches, over classes of generated ones",
        f"near copies: patches that lie nearer to a training patch than {_NEAR:.0%} of the held-out ones do",
    )
    quality = Quality(rows, table, notes)
    write_json(run.path / QUALITY[0], plain({"rows": rows, "notes": notes}))
    with atomic_write(run.path / QUALITY[1]) as stream:
        stream.write(table.markdown() + "".join(f"\n{note}\n" for note in notes))
    _draw_neighbours(run, generated, known, nearest)
    return quality


_Part = tuple[TrainingData, np.ndarray, np.ndarray]


def _parts(run: GeneratorRun, catalog: Catalog, store: FeatureStore) -> dict[str, _Part]:
    """Recordings trained on and held out, their classes and sessions."""
    data = training_data(catalog, store, store.log_mel, catalog.labels)
    by_id = {recording.id: recording for recording in catalog.recordings}
    condition = row_of(CONDITIONS, run.settings.condition, "generate.condition")
    index = {name: i for i, name in enumerate(run.encoding.names)}
    found: dict[str, _Part] = {}
    for part in ("train", "validation"):
        ids = run.split[part]
        if part == "train" and (missing := set(ids) - set(data.ids)):
            raise InputError(
                f"{run.path}: its generator learned from {min(missing)}, which the catalog lacks; name the "
                "same catalog"
            )
        targets = np.array([index.get(str(condition.of(by_id[name])), -1) for name in data.ids])
        kept = np.flatnonzero(np.isin(data.ids, ids) & (targets >= 0))
        if not len(kept):
            raise InputError(
                f"{run.path}: no recording of its classes was held out, so samples can't be compared with "
                "real patches; train it with --validation 0.2"
            )
        sessions = np.array([by_id[data.ids[i]].session for i in kept.tolist()])
        found[part] = (data.subset(kept), targets[kept], sessions)
    return found


def _judge(run: GeneratorRun, part: _Part, cutter: PatchCutter, *, epochs: int, seed: int) -> Any:
    """A classifier of real patches, cut anew in each epoch, classes equally often."""
    data, targets, _ = part
    shape, n_classes = run.settings.shape, run.encoding.width
    model = NETWORKS.get(JUDGE).build(
        n_frames=shape.n_frames, n_rows=shape.n_bands, n_classes=n_classes, seed=seed
    )
    model.compile(
        optimizer=keras.optimizers.Adam(2e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    share = -(-len(data) * _PER_RECORDING // n_classes)
    for epoch in range(epochs):
        rng = derive_rng(seed, "judge", epoch)
        of_class = (np.flatnonzero(targets == label) for label in range(n_classes))
        chosen = rng.permutation(np.concatenate([rng.choice(own, share) for own in of_class if len(own)]))
        values = cutter.cut(data.recordings[chosen], seed=seed, epoch=2 + epoch)
        model.fit(values[..., None], targets[chosen], batch_size=32, shuffle=False, verbose=0)
    return model


def _figures(known: Patches, kinds: Sequence[Patches]) -> tuple[tuple[Row, ...], np.ndarray]:
    rows = [_row("named rightly", one, (one.named == one.targets).astype(float)) for one in kinds]
    generated, held_out = kinds[0], kinds[1]
    nearest = np.zeros(0, np.int64)
    for figure, measure in (("distance in dB", _shifted), ("distance of embeddings", _cosine)):
        least = {}
        for one in kinds:
            distances = measure(one, known)
            least[one.kind] = distances.min(axis=1)
            rows.append(_row(f"{figure} to the nearest training patch", one, least[one.kind]))
            if one is generated and measure is _shifted:
                nearest = distances.argmin(axis=1)
        limit = np.quantile(least[held_out.kind], _NEAR)
        rows += [
            _row(f"near copies by {figure}", one, (least[one.kind] < limit).astype(float)) for one in kinds
        ]
        for one in kinds:
            values, groups = _within(one, measure(one, one))
            if len(values):
                interval = session_interval(values, groups)
                rows.append(Row(f"mean {figure} within a class", one.kind, len(values), interval))
    return tuple(rows), nearest


def _row(figure: str, one: Patches, values: np.ndarray) -> Row:
    return Row(figure, one.kind, len(values), session_interval(values, one.groups))


def _within(one: Patches, distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean distance of each patch to others of its class, and its group; of real ones, to other groups."""
    same = one.targets[:, None] == one.targets
    if one.kind == "generated":
        np.fill_diagonal(same, False)
    else:
        same &= one.groups[:, None] != one.groups
    counts = same.sum(axis=1)
    means = (distances * same).sum(axis=1) / np.maximum(counts, 1)
    return means[counts > 0], one.groups[counts > 0]


def _cosine(one: Patches, other: Patches) -> np.ndarray:
    lengths = (np.sqrt(np.square(x.seen).sum(axis=1, keepdims=True)) for x in (one, other))
    a, b = (x.seen / np.maximum(n, 1e-9) for x, n in zip((one, other), lengths, strict=True))
    return np.asarray(1 - np.einsum("ik,jk->ij", a, b))


def _shifted(one: Patches, other: Patches) -> np.ndarray:
    """Root mean square difference above the floor in dB, least over all shifts in time; shape (n, m)."""
    a, b = (np.maximum(x.values, 0).astype(np.float32) for x in (one, other))
    spectra = [np.fft.rfft(x, axis=1).astype(np.complex64) for x in (a, b)]
    length, n_bands = a.shape[1:]
    powers = [np.square(x).sum(axis=(1, 2)) for x in (a, b)]
    found = np.empty((len(a), len(b)))
    for i in range(len(a)):
        crossed = np.einsum("fb,jfb->jf", spectra[0][i], spectra[1].conj())
        most = np.fft.irfft(crossed, length, axis=1).max(axis=1)
        squares = powers[0][i] + powers[1] - 2 * most
        found[i] = SCALE_DB * np.sqrt(np.maximum(squares, 0) / (length * n_bands))
    return found


def _draw_neighbours(run: GeneratorRun, generated: Patches, known: Patches, nearest: np.ndarray) -> None:
    """Generated patches above their nearest training patches."""
    shown = np.linspace(0, len(nearest) - 1, _SHOWN).astype(int)
    rows = np.stack([generated.values[shown], known.values[nearest[shown]]])
    draw_grid(
        run.path / QUALITY[2], rows, ["generated", "nearest\ntraining"], title="samples and their nearest"
    )


def _ends(interval: Interval) -> str:
    return f"{interval.low:.3f} to {interval.high:.3f}"
