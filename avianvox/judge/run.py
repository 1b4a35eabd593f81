"""From model files and catalogs to a folder with a page, two tables and figures. Start at `judge`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.calibration.answers import BestAnswers
from avianvox.evaluation.bootstrap import Interval, PairedTest, paired_test, session_interval
from avianvox.files import sha256_file
from avianvox.inference.place import no_geo
from avianvox.inference.place_options import PlaceOptions
from avianvox.inference.runs import loaded
from avianvox.judge.alarms import Alarms, count_alarms
from avianvox.judge.best import best_answers
from avianvox.judge.figures import Answers, Classes, Figures, judge_answers
from avianvox.judge.listening import Heard, Hearing, Kept, listen_to_all
from avianvox.judge.sounds import JudgedSet, Sound
from avianvox.judge.trained_on import remark, trained_on
from avianvox.modelfolder import find_model
from avianvox.modelinfo import ModelInfo
from avianvox.workers import Workplace

SCORES = "scores"
"""The folder of a model's answers beside the page."""


@dataclass(frozen=True)
class Settings:
    """How models are asked; ``pooling`` and ``overlap_s`` None: each as its file says."""

    pooling: str | None = None
    overlap_s: float | None = None
    calibrated: bool = True
    place: PlaceOptions | None = None


@dataclass(frozen=True)
class Judged:
    """One model and what was found about it.

    Attributes
    ----------
    info : ModelInfo
    digest : str
        SHA-256 of the model file.
    pooling : str
    answers : Answers
    figures : Figures
    alarms : Alarms
    remark : str
        Where the recordings are synthetic, and where it heard them before, or may have.
    seen : np.ndarray, shape (n_recordings,), bool
        Recordings that it was trained on.
    failed : tuple of str
        One line for each file that is left out or cut short.
    best : BestAnswers
        What a calibration is fitted on.
    place : PlaceOptions, optional
        Where scores are weighed by place.
    placeless : int
        Files whose place is not known then.
    """

    info: ModelInfo
    digest: str
    pooling: str
    answers: Answers
    figures: Figures
    alarms: Alarms
    remark: str
    seen: np.ndarray
    failed: tuple[str, ...]
    best: BestAnswers
    place: PlaceOptions | None = None
    placeless: int = 0

    @property
    def asked(self) -> dict[str, Any]:
        """What thresholds depend on beside the model."""
        asked: dict[str, Any] = {"pooling": self.pooling, "calibrated": self.answers.calibrated}
        if self.place is not None:  # where it is differs from set to set, and not how it is weighed
            asked["place"] = {"weight": self.place.weight, "wall": self.place.wall}
        return asked

    @cached_property
    def unseen(self) -> Interval | None:
        """Accuracy on known species where it was not trained on them; None where that says nothing new."""
        rows = self.answers.known & ~self.seen
        if not rows.any() or rows.sum() == self.answers.known.sum():
            return None
        return session_interval(self.answers.hits()[rows], self.answers.sessions[rows])

    def to_mapping(self) -> dict[str, Any]:
        found = {
            "sha256": self.digest,
            "classes": len(self.info.labels),
            "unknown_species": self.answers.classes.unknown,
            **self.asked,
            "probabilities": self.answers.probabilities,
            "remark": self.remark,
            "trained_on": int(self.seen.sum()),
            "accuracy_not_trained_on": self.unseen,
            "failed": self.failed,
        }
        if self.place is not None:
            found["placeless"] = self.placeless
        return found | self.figures.to_mapping() | {"alarms": self.alarms}


def judge(
    judged_set: JudgedSet,
    model: str | Path,
    settings: Settings,
    workplace: Workplace,
    out: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Judged:
    """Judge one model; its answers are kept in ``out``, and taken up from there.

    Parameters
    ----------
    judged_set : JudgedSet
    model : str or path-like
        A name or a model file.
    settings : Settings
    workplace : Workplace
    out : Path
    progress : callable, optional
        Called with the files that are done, and all.

    Raises
    ------
    ModelFileError, InputError
        The model cannot be read or names no species, or the overlap is out of range for it.
    OutputError
        ``out`` cannot be written.
    """
    path = find_model(model)
    classifier = loaded((str(path), path.stat().st_mtime_ns))
    classifier.refuse_nameless()
    classes = Classes.of(judged_set.species, classifier.labels)
    pooling = settings.pooling or classifier.pooling
    if settings.place is not None and classifier.geo is None:
        raise no_geo(classifier.info.name)
    overlap_s = classifier.overlap_s if settings.overlap_s is None else settings.overlap_s
    hearing = Hearing(classes.chosen, pooling, overlap_s, settings.calibrated, settings.place)
    kept = out / SCORES
    kept.mkdir(parents=True, exist_ok=True)
    sounds = judged_set.sounds
    found: dict[int, Heard] = {}
    for position, one in listen_to_all(sounds, path, hearing, workplace, kept):
        found[position] = one
        if progress is not None:
            progress(len(found), len(sounds))
    usable = [i for i in range(len(sounds)) if found[i].status.usable]
    failed = [i for i in range(len(sounds)) if found[i].status.failed]
    there: list[Sound] = [sounds[i] for i in usable]
    heard = [found[i] for i in usable]
    recordings = [recording for sound in there for recording in sound.recordings]
    calibrated = settings.calibrated and classifier.calibration is not None
    answers = Answers.of(
        recordings,
        Kept.joined([Kept.empty(len(classes.chosen)), *(one.recordings for one in heard)]),
        classes,
        classifier.labels,
        calibrated=calibrated,
        exclusive=classifier.info.exclusive,
        probabilities=calibrated and pooling == classifier.pooling and settings.place is None,
    )
    alarms = count_alarms(
        there,
        heard,
        classes,
        classifier.labels,
        sample_rate=classifier.spec.sample_rate,
        exclusive=classifier.info.exclusive,
        calibration=classifier.calibration if calibrated else None,
    )
    digest = sha256_file(path)
    rows, windows, wholes = best_answers(
        there, heard, classes, classifier.labels, answers.targets, sample_rate=classifier.spec.sample_rate
    )
    places = np.array([*classes.chosen, -1, -1])
    best = BestAnswers(
        name=classifier.info.name,
        path=str(path.resolve()),
        sha256=digest,
        classes=len(classifier.labels),
        exclusive=classifier.info.exclusive,
        pooling=pooling,
        calibrated=calibrated,
        placed=settings.place is not None,
        ids=np.array([recordings[i].id for i in rows], str),
        labels=np.array([recordings[i].label for i in rows], str),
        sessions=answers.sessions[rows].astype(str),
        targets=places[answers.targets[rows]],
        window=windows,
        recording=wholes,
    )
    return Judged(
        classifier.info,
        digest,
        pooling,
        answers,
        judge_answers(answers),
        alarms,
        "; ".join(line for line in (judged_set.remark, remark(classifier.info, recordings)) if line),
        trained_on(classifier.info, recordings),
        tuple(f"{sounds[i].path}: {found[i].message or found[i].status}" for i in failed),
        best,
        settings.place,
        sum(not one.placed for one in heard),
    )


def compare(a: Judged, b: Judged) -> dict[str, PairedTest]:
    """Accuracy of b minus that of a on the same recordings, paired by session.

    ``all``: every labelled recording, where a species that a model does not know counts as wrong; ``known``:
    those of species that both know.
    """
    rows = {r.id: i for i, r in enumerate(b.answers.recordings)}
    pairs = [(i, rows[r.id]) for i, r in enumerate(a.answers.recordings) if r.id in rows]
    i, j = (
        (np.array(side, np.int64) for side in zip(*pairs, strict=True))
        if pairs
        else (np.zeros(0, np.int64),) * 2
    )
    both = a.answers.known[i] & b.answers.known[j]
    labelled = (a.answers.known[i] | (a.answers.targets[i] == -1)) & (
        b.answers.known[j] | (b.answers.targets[j] == -1)
    )
    right_a, right_b, sessions = a.answers.hits()[i], b.answers.hits()[j], a.answers.sessions[i]
    return {
        name: paired_test(right_b[part], right_a[part], sessions[part])
        for name, part in (("all", labelled), ("known", both))
        if part.any()
    }


def names_of(judged: Sequence[Judged]) -> Mapping[str, Judged]:
    """Models by name; a second one of the same name gets a part of its hash beside it."""
    found: dict[str, Judged] = {}
    for one in judged:
        name = one.info.name
        found[name if name not in found else f"{name} ({one.digest[:8]})"] = one
    return found
