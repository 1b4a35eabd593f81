"""`train_detector`: fit a detector on recordings with boxes, and leave a run folder."""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from avianvox.boxes.matching import Sound
from avianvox.config import settings_to_mapping
from avianvox.detect import run as folder
from avianvox.detect.anchors import anchor_sizes
from avianvox.detect.figures import box_figures
from avianvox.detect.finding import find_boxes
from avianvox.detect.run import DetectorRun
from avianvox.detect.settings import DetectConfig
from avianvox.detect.windows import BoxedRecordings, WindowBatches
from avianvox.documents import write_json
from avianvox.errors import InputError, RunError, require_extra
from avianvox.evaluation.plain import plain
from avianvox.features.spec import FeatureSpec
from avianvox.features.store import FeatureStore
from avianvox.files import atomic_write, output_error
from avianvox.randomness import derive_rng
from avianvox.runfolder import catalog_hash, versions
from avianvox.training.origin import take_weights
from avianvox.training.run import (
    CHECKPOINT,
    CURVE,
    FIGURES,
    HISTORY,
    INHERITED,
    LOG,
    SPLIT,
    WEIGHTS,
    Run,
    read_arrays,
    write_arrays,
)
from avianvox.types import NO_BIRD, Box, Recording

MOST_JUDGED = 40
"""Recordings on which a run looks while it is trained; its last figures are of all."""
WORDS = {"validation": "held out", "train": "learned from"}
"""What the parts of a split are called."""
LEAST_BOXES = 2
"""Boxes of a class, to be learned."""

Progress = Callable[[int, int, Mapping[str, float]], None]


@dataclass(frozen=True)
class Learned:
    """Recordings that a detector learns from: boxes by id, classes, and a line for what is left out."""

    recordings: tuple[Recording, ...]
    boxes: Mapping[str, tuple[Box, ...]]
    names: tuple[str, ...]
    left_out: tuple[str, ...]

    def drawn(self, name: str) -> tuple[Box, ...]:
        """The boxes of a recording that belong to a class."""
        return tuple(box for box in self.boxes[name] if box.label in self.names)


def learnable(recordings: Sequence[Recording], store: FeatureStore) -> Learned:
    """Which recordings and classes can be learned.

    A recording in which nobody drew boxes is background where it is labelled as without a bird, and left out
    otherwise: what calls in it would be learned as nothing. So is one without features.

    Raises
    ------
    InputError
        No class is left, or boxes have no label.
    """
    boxes: dict[str, tuple[Box, ...]] = {}
    left_out: list[str] = []
    for recording in recordings:
        drawn = () if recording.boxes is None and recording.label == NO_BIRD else recording.boxes
        if recording.id not in store:
            left_out.append(f"{recording.id}: not in the feature store")
        elif not store.n_frames[place := store.index_of(recording.id)]:
            left_out.append(f"{recording.id}: no features (status {store.status(place).value})")
        elif drawn is None:
            left_out.append(
                f"{recording.id}: nobody drew boxes in it; add its table, or label it '{NO_BIRD}'"
            )
        else:
            boxes[recording.id] = drawn
    if not boxes:
        first = f"; first: {left_out[0]}" if left_out else ""
        raise InputError(f"none of {len(recordings)} recordings can be learned{first}")
    counts = Counter(box.label for found in boxes.values() for box in found)
    if counts.pop("", 0):
        raise InputError("some boxes have no label; name what they hold with --label NAME")
    few = sorted(name for name, n in counts.items() if n < LEAST_BOXES)
    left_out += [f"class '{name}': one box, expected {LEAST_BOXES} or more" for name in few]
    names = tuple(sorted(set(counts) - set(few)))
    if not names:
        raise InputError(
            f"found no class with {LEAST_BOXES} boxes or more (recordings: {len(boxes)}); draw more boxes"
        )
    kept = tuple(recording for recording in recordings if recording.id in boxes)
    return Learned(kept, boxes, names, tuple(left_out))


def held_out(learned: Learned, config: DetectConfig) -> set[str]:
    """Ids of the recordings that are held out: whole sessions, without which each class is still learned.

    Where there is real sound with boxes, no synthetic one is held out: figures are of the one or of the
    other.
    """
    sessions: dict[str, list[str]] = {}
    real = {r.id for r in learned.recordings if not r.synthetic}
    mixed = any(learned.boxes[name] for name in real)
    for recording in learned.recordings:
        if mixed and recording.synthetic:
            continue
        sessions.setdefault(recording.session, []).append(recording.id)
    names = sorted(sessions)
    order = derive_rng(config.seed, "detect split").permutation(len(names))
    left = Counter(box.label for found in learned.boxes.values() for box in found)
    wanted = config.validation * sum(map(len, sessions.values()))
    out: set[str] = set()
    for ids in (sessions[names[i]] for i in order):
        gone = Counter(box.label for name in ids for box in learned.boxes[name])
        if len(out) + len(ids) / 2 > wanted or any(left[n] - gone[n] < LEAST_BOXES for n in learned.names):
            continue
        left -= gone
        out |= set(ids)
    return out


def train_detector(
    recordings: Sequence[Recording],
    store: FeatureStore,
    config: DetectConfig,
    out: Path | str,
    *,
    spec: FeatureSpec,
    catalogs: Sequence[str] = (),
    resume: bool = False,
    fresh: bool = False,
    progress: Progress | None = None,
) -> DetectorRun:
    """Fit one detector.

    Parameters
    ----------
    recordings : sequence of Recording
        With boxes in them, or without a bird.
    store : FeatureStore
        Of these recordings.
    config : DetectConfig
    out : path-like
        The run folder.
    spec : FeatureSpec
        The window.
    catalogs : sequence of str
        Where the recordings were read from.
    resume : bool
        Continue the run in ``out``, or start it when there is none.
    fresh : bool
        Remove the run in ``out`` first.
    progress : callable, optional
        Called after each step with its number, the number of all, and the last figures.

    Raises
    ------
    InputError
        There is nothing to learn, or the trunk is none.
    RunError
        ``out`` holds a run and neither ``resume`` nor ``fresh`` is set, or one of other settings or
        recordings; or the training loss became NaN.
    """
    require_extra("keras", extra="train", purpose="training a detector")
    from avianvox.detect.fit import Fitter, KerasParts
    from avianvox.detect.network import build

    out = Path(out)
    if fresh:
        folder.FOLDER.erase(out)
    refuse_earlier_run(out, resume=resume)
    learned = learnable(recordings, store)
    judged = held_out(learned, config)
    split = {
        "train": [r.id for r in learned.recordings if r.id not in judged],
        "validation": [r.id for r in learned.recordings if r.id in judged],
    }
    data = BoxedRecordings.of(store, {name: learned.boxes[name] for name in split["train"]}, learned.names)
    document = _describe(learned, store, config, spec, catalogs, split, data)
    network = build(
        folder.shape_of(document | {"strides": (1, 1)}, folder.plan_of(document | {"strides": (1, 1)}))
    )
    document["strides"] = list(network.strides)
    if config.from_ is not None:
        document["begun_from"] = begin_from_run(network, Path(config.from_), spec, document)
    if folder.FOLDER.config(out).exists():
        folder.FOLDER.refuse_other(out, _same(folder.FOLDER.read(out)), _same(document), words=_WORDS)
        (out / FIGURES).unlink(missing_ok=True)
    folder.FOLDER.begin(out, document)
    write_json(out / SPLIT, split | {"left out": list(learned.left_out)})

    plan = folder.plan_of(document)
    fitter = Fitter(network, plan.grid, config, len(learned.names))
    parts = KerasParts(network, spec.n_mels, config.proposals)

    def judge(ids: Sequence[str]) -> dict[str, float]:
        sounds = [
            Sound(name, name, learned.drawn(name), tuple(find_boxes([store[name]], parts, plan)))
            for name in ids
        ]
        return box_figures(sounds)

    part = "validation" if split["validation"] else "train"
    looked_at = watched(split[part], learned, config.seed)
    log = _Log(out / LOG, progress)
    history = fitter.fit(
        WindowBatches(data, config),
        evaluate=lambda: judge(looked_at),
        checkpoint=out / CHECKPOINT,
        progress=log,
    )
    write_arrays(out / WEIGHTS, network.arrays())
    _write_history(out, history, f"{len(looked_at)} recordings {WORDS[part]}")
    figures: dict[str, Any] = {part: judge(ids) if ids else None for part, ids in split.items()}
    synthetic = any(r.synthetic for r in learned.recordings if r.id in set(split[part]))
    figures |= {
        "steps": config.steps,
        "synthetic": synthetic,
        "over_steps": {"part": part, "recordings": len(looked_at), "rows": history},
    }
    write_json(out / FIGURES, plain(figures))
    return DetectorRun.open(out)


def watched(ids: Sequence[str], learned: Learned, seed: int) -> list[str]:
    """The recordings on which a run looks: where there are too many, half of them with boxes if it can be."""
    order = derive_rng(seed, "detect judged").permutation(len(ids))
    with_box = [i for i in order if learned.drawn(ids[i])][: MOST_JUDGED // 2]
    others = [i for i in order if i not in set(with_box)]
    return [ids[i] for i in sorted([*with_box, *others][:MOST_JUDGED])]


def refuse_earlier_run(out: Path, *, resume: bool) -> None:
    """Raise `RunError` where ``out`` holds something else, or a run that is not to be continued."""
    folder.FOLDER.refuse_foreign(out)
    if folder.FOLDER.config(out).exists() and not resume:
        raise RunError(f"{out} holds a detector run; continue it with --resume or replace it with --fresh")


def begin_from_run(network: Any, origin: Path, spec: FeatureSpec, document: dict[str, Any]) -> dict[str, Any]:
    """Give the trunk the weights of a classifier's run, or the network those of a detector's."""
    from avianvox.training.inherited import of_origin
    from avianvox.training.origin import Origin

    if folder.FOLDER.is_at(origin):
        run = DetectorRun.open(origin)
        before, arrays = run.spec, read_arrays(origin / WEIGHTS)
        same = run.plan.labels == tuple(document["labels"])
        entry = {key: run.config[key] for key in ("licences", "credits")}
        document[INHERITED] = [
            {
                "kind": "weights",
                "name": origin.name,
                "licences": {"recordings": entry["licences"], "credits": entry["credits"]},
            },
            *run.config.get(INHERITED, ()),
        ]
    else:
        opened: Run = Origin.open(origin).run
        before, arrays, same = opened.spec, read_arrays(origin / WEIGHTS), False
        document[INHERITED] = of_origin(Origin.open(origin))
    if before.extraction_fingerprint != spec.extraction_fingerprint:
        raise InputError(f"{origin} learned from other features; train with the same [features]")
    if before.combine != spec.combine:
        raise InputError(
            f"{origin}: expected a run on bands above the noise floor, got one with combine = "
            f'"{before.combine}"; begin from a run of avianvox_small'
        )
    layers = [layer for layer in network.layers if same or not layer.name.startswith("region_classes")]
    taken = take_weights(layers, arrays)
    if not taken:
        raise InputError(
            f"{origin}: no layer fits the trunk '{document['detect']['trunk']}' in name and shape; "
            "begin from a run of that network"
        )
    return {"run": origin.name, "taken": taken}


_WORDS = {
    "features": "feature settings",
    "labels": "classes",
    "anchors": "sizes of the boxes",
    "data_hash": "features in the store",
    "boxes_hash": "boxes",
    "catalog_hash": "recordings or sessions",
    "split_hash": "recordings held out",
    "begun_from": "weights to begin from",
}


def _same(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: document.get(key) for key in ("detect", *_WORDS)}


def _describe(
    learned: Learned,
    store: FeatureStore,
    config: DetectConfig,
    spec: FeatureSpec,
    catalogs: Sequence[str],
    split: Mapping[str, list[str]],
    data: BoxedRecordings,
) -> dict[str, Any]:
    counts = Counter(box.label for name in split["train"] for box in learned.boxes[name])
    licences = Counter(r.licence or "not stated" for r in learned.recordings)
    return {
        "detect": settings_to_mapping(config),
        "features": spec.to_mapping(),
        "labels": list(learned.names),
        "boxes": {name: counts[name] for name in learned.names},
        "anchors": [
            [round(side, 3) for side in size] for size in anchor_sizes(data.all_boxes, config.anchors)
        ],
        "catalogs": [str(Path(source).resolve()) for source in catalogs],
        "n_recordings": len(learned.recordings),
        "data_hash": store.data_hash,
        "extractor_revision": store.extractor_revision,
        "catalog_hash": catalog_hash(learned.recordings),
        "boxes_hash": sha256(repr(sorted(learned.boxes.items())).encode()).hexdigest(),
        "split_hash": sha256(json.dumps(split).encode()).hexdigest(),
        "versions": versions(("keras", "tensorflow")),
        "licences": dict(sorted(licences.items())),
        "credits": sorted({r.attribution for r in learned.recordings if r.licence}),
    }


class _Log:
    """Writes a line for each evaluation and passes each step on."""

    def __init__(self, path: Path, progress: Progress | None) -> None:
        self._path, self._progress = path, progress
        self._started = time.monotonic()

    def __call__(self, step: int, n_steps: int, figures: Mapping[str, float]) -> None:
        if figures and figures["step"] == step:
            said = "  ".join(f"{name} {value:.4f}" for name, value in figures.items() if name != "step")
            line = f"{time.monotonic() - self._started:8.1f} s  step {step}/{n_steps}  {said}\n"
            try:
                with open(self._path, "a", encoding="utf-8") as stream:
                    stream.write(line)
            except OSError as error:
                raise output_error(error, self._path) from error
        if self._progress is not None:
            self._progress(step, n_steps, figures)


def _write_history(out: Path, history: list[dict[str, float]], looked_at: str) -> None:
    from avianvox.detect.pictures import draw_history

    with atomic_write(out / HISTORY) as stream:
        stream.write(",".join(history[0]) + "\n")
        stream.writelines(",".join(f"{value:.6g}" for value in row.values()) + "\n" for row in history)
    draw_history(out / CURVE, history, looked_at=looked_at)
