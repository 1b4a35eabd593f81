"""The steps of the demo. Each calls the library function that the command named beside it calls."""

import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avianvox.audio.decode import load_waveform
from avianvox.audio.find import find_audio
from avianvox.audio.synth import read_annotations, synthesize_dataset
from avianvox.config import settings_to_mapping
from avianvox.dataset.catalog import Catalog, read_catalog
from avianvox.dataset.training_data import training_data
from avianvox.demo.pictures import gallery, save_picture, timeline
from avianvox.errors import InputError, require_extra
from avianvox.evaluation.confusion_picture import draw_confusion
from avianvox.evaluation.crossval import CrossvalSettings, crossvalidate
from avianvox.evaluation.fits import FitReport
from avianvox.evaluation.metrics import confusion_matrix
from avianvox.evaluation.run_folder import PICTURES
from avianvox.features.build import build_store
from avianvox.features.extract import extract_features
from avianvox.features.spec import FeatureSpec
from avianvox.features.store import FeatureStore
from avianvox.files import atomic_write, holdings
from avianvox.inference.classifier import Classifier
from avianvox.inference.question import Question
from avianvox.inference.runs import answer_files
from avianvox.models import MODELS
from avianvox.models.protocol import EpochReport, TrainSettings, fit_function
from avianvox.tables.columns import HEADER
from avianvox.tables.formats import read_table
from avianvox.types import NO_BIRD, Box, Recording
from avianvox.workers import Workplace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MODEL = "cnn_v20"
COMPARED = ("gnb_pixels", "gnb_mfcc", MODEL)
_SHOWN_S = 8.0  # of a recording in the gallery


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """The size of the demo; the defaults take about a minute and a half on two cores.

    Attributes
    ----------
    seed : int
    n_species : int
    n_recordings : int
        To learn from, of each species; a quarter as many, by other birds at other places, are classified.
    train_epochs, crossval_epochs : int
        Far fewer than a real training needs.
    n_folds : int
    """

    seed: int = 0
    n_species: int = 5
    n_recordings: int = 12
    train_epochs: int = 40
    crossval_epochs: int = 20
    n_folds: int = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One step that is done.

    ``name``: the command that calls the same function; ``figures``: what came of it, one line each.
    """

    name: str
    seconds: float
    figures: tuple[str, ...]
    pictures: tuple[Path, ...]


Made = tuple[list[str], list[Path]]
"""Figures and pictures of a step."""


def run_demo(
    out: Path | str,
    settings: DemoSettings | None = None,
    *,
    doing: Callable[[str], None] | None = None,
    done: Callable[[Step], None] | None = None,
) -> list[Step]:
    """Synthesise, build features, train, cross-validate, export and classify.

    Parameters
    ----------
    out : path-like
        A folder that is empty or does not exist yet; everything is written into it.
    settings : DemoSettings, optional
    doing : callable, optional
        Called with what is being done now, many times in a long step.
    done : callable, optional
        Called after each step.

    Returns
    -------
    list of Step

    Raises
    ------
    InputError
        ``out`` holds files.
    MissingExtraError
        The packages for training are not installed.
    """
    for module in ("tensorflow", "sklearn", "matplotlib", "ai_edge_quantizer"):
        require_extra(module, extra="train", purpose="avianvox demo")
    line = _Line(Path(out), settings or DemoSettings(), doing or (lambda what: None))
    steps = []
    for name, work in line.steps().items():
        line.doing(name)
        begin = time.perf_counter()
        figures, pictures = work()
        steps.append(Step(name, time.perf_counter() - begin, tuple(figures), tuple(pictures)))
        if done is not None:
            done(steps[-1])
    return steps


class _Line:
    """The folders of one demo, and the steps that fill them."""

    def __init__(self, out: Path, settings: DemoSettings, doing: Callable[[str], None]) -> None:
        if holdings(out):
            raise InputError(f"{out} already holds files; choose a new or empty folder")
        self.out = out
        self.settings = settings
        self.doing = doing
        self.spec = FeatureSpec()
        self.learning = TrainSettings(epochs=settings.crossval_epochs, batch_size=8, learning_rate=2e-3)

    def steps(self) -> dict[str, Callable[[], Made]]:
        return {
            "synth": self.synthesise,
            "features build": self.build_features,
            "train": self.train,
            "crossval": self.crossvalidate,
            "export": self.export,
            "classify": self.classify,
        }

    @cached_property
    def catalog(self) -> Catalog:
        return read_catalog(self.out / "voices")

    @cached_property
    def store(self) -> FeatureStore:
        return FeatureStore.open(self.out / "features", spec=self.spec)

    def synthesise(self) -> Made:
        """Voices to learn from, and others of the same species (other birds, other places) to classify."""
        s = self.settings
        lines = []
        for name, seed, n in (
            ("voices", s.seed, s.n_recordings),
            ("unheard", s.seed + 1, max(1, s.n_recordings // 4)),
        ):
            folder = synthesize_dataset(
                self.out / name, n_species=s.n_species, n_recordings=n, n_sessions=6, no_bird=n, seed=seed
            )
            calls = sum(map(len, read_annotations(folder).values()))
            lines.append(
                f"{name}: {(s.n_species + 1) * n} recordings of {s.n_species} species, {calls} calls"
            )
        return lines, []

    def build_features(self) -> Made:
        report = build_store(self.catalog.recordings, self.spec, self.out / "features")
        minutes = self.spec.frames_to_seconds(report.n_frames) / 60
        lines = [f"{report.n_frames} frames of {self.spec.n_features} values, {minutes:.1f} minutes of sound"]
        calls = read_annotations(self.out / "voices")
        tiles, boxes = {}, {}
        for label in self.catalog.labels.names:
            recording = next(r for r in self.catalog.recordings if r.label == label)
            rows = self.store.features(self.store.index_of(recording.id))
            tiles[label] = rows[: self.spec.seconds_to_frames(_SHOWN_S)]
            boxes[label] = [box for box in _boxes(calls, recording) if box.end_s < _SHOWN_S]
        return lines, [self._picture("voices", gallery(tiles, self.spec, boxes=boxes))]

    def train(self) -> Made:
        from avianvox.training.config import TrainConfig
        from avianvox.training.train import train

        shared = {f.name: getattr(self.learning, f.name) for f in fields(self.learning)}
        config = TrainConfig(
            **shared | {"epochs": self.settings.train_epochs}, model=MODEL, seed=self.settings.seed
        )
        run = train(
            self.catalog,
            self.store,
            config,
            self.out / "run",
            catalogs=[str(self.out / "voices")],
            progress=self._epoch,
        )
        lines = [
            f"{MODEL}: {run.figures['epochs']} epochs, lowest validation loss in epoch "
            f"{run.figures['best_epoch']}"
        ]
        for part in ("train", "validation"):
            if figures := run.figures[part]:
                accuracy = figures["recording"]["accuracy"]
                lines.append(f"{part}: {figures['n_recordings']} recordings, accuracy {accuracy:.2f}")
        return lines, [run.path / "learning_curve.png"]

    def crossvalidate(self) -> Made:
        data = training_data(self.catalog, self.store, self.spec, self.catalog.labels)
        out = self.out / "crossval"
        result = crossvalidate(
            data,
            self.catalog,
            {name: fit_function(MODELS.get(name), self.learning) for name in COMPARED},
            out,
            CrossvalSettings(n_folds=self.settings.n_folds, seed=self.settings.seed),
            model_settings=settings_to_mapping(self.learning),
            progress=self._fit,
        )
        lines = [*result.table.markdown().splitlines(), *result.notes]
        return lines, [
            out / kind / f"{model}-{name}.png"
            for kind in PICTURES
            for model in COMPARED
            for name in result.splits
        ]

    def export(self) -> Made:
        from avianvox.export import export_run

        report = export_run(
            self.out / "run",
            self.out / "model.tflite",
            quantize="dynamic",
            figures=self.out / "crossval" / "figures.json",
        )
        return [f"{report.path.name}: {report.size / 1e6:.2f} MB", *report.parity.lines()], []

    def classify(self) -> Made:
        unheard = read_catalog(self.out / "unheard")
        by_path = {str(recording.path): recording for recording in unheard.recordings}
        paths = list(map(str, find_audio([self.out / "unheard"])))
        model, table = self.out / "model.tflite", self.out / "answers.csv"
        answers = [answer for _, answer in answer_files(paths, model, Question(), Workplace())]
        with atomic_write(table) as stream:
            stream.writelines([HEADER, *(answer.rows for answer in answers)])
        best = {row.path: row.scientific_name for row in read_table(table) if row.rank == 1}
        right = [best[path] == by_path[path].label for path in paths]
        seconds = sum(answer.entry.decoded_s or 0.0 for answer in answers)
        lines = [
            f"{len(paths)} recordings of other individuals, sessions and recordists, {seconds:.0f} s of "
            f"sound",
            f"accuracy {np.mean(right):.2f}; answers in {table}",
        ]
        classifier = Classifier.load(model)
        index = classifier.labels.index
        targets = np.array([index[by_path[path].label] for path in paths])
        named = np.array([index[best[path]] for path in paths])
        confusion = self.out / "pictures" / "unheard_confusion.png"
        draw_confusion(
            confusion,
            confusion_matrix(targets, named, n_classes=len(index)),
            classifier.labels.names,
            title=f"{MODEL} on recordings outside the training data\naccuracy {np.mean(right):.2f}",
        )
        birds = [a.entry for a in answers if by_path[a.entry.path].label != NO_BIRD]
        longest = max(birds, key=lambda entry: (entry.n_windows, entry.path))
        shown, recording = classifier.classify(longest.path), by_path[longest.path]
        rows = extract_features(load_waveform(shown.path, sample_rate=self.spec.sample_rate)[0], self.spec)
        boxes = _boxes(read_annotations(self.out / "unheard"), recording)
        title = f"{recording.id}: {recording.label}"
        figure = timeline(shown, rows.values, self.spec, boxes=boxes, title=title)
        return lines, [confusion, self._picture("timeline", figure)]

    def _epoch(self, report: EpochReport) -> None:
        self.doing(f"train: epoch {report.epoch} of {report.n_epochs}")

    def _fit(self, report: FitReport) -> None:
        self.doing(
            f"crossval: fit {report.number} of {report.n_fits}, {report.model} on {report.grouping} folds"
        )

    def _picture(self, name: str, figure: "Figure") -> Path:
        folder = self.out / "pictures"
        folder.mkdir(exist_ok=True)
        return save_picture(figure, folder / f"{name}.png")


def _boxes(calls: dict[str, list[tuple[Box, str]]], recording: Recording) -> list[Box]:
    """The calls of a recording's own species."""
    return [box for box, label in calls.get(recording.id, []) if label == recording.label]
