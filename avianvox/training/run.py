"""Run folders: everything that training leaves behind.

=====================  ==========================================================================
config.json            kind, version, model, settings, spec, labels, versions, credits, and hashes of
                       features, catalog and split, by which a run that goes on knows its data
split.json             ids of the recordings trained on and held out, of those left out, and of those that an
                       origin had heard before, or self-training hears without their labels
normalisation.npz      of a network: mean and deviation of each feature over the recordings trained on
checkpoint.npz         of a network: state after the last epoch; checkpoint-1.npz and so on of those beside it
                       or of its ensemble, teacher-1.npz and so on of those that a guide fits, and
                       first-checkpoint.npz of the first round of self-training
history.csv            of a network: loss and accuracy of each epoch
learning_curve.png     the same, drawn
weights.npz            the network's weights, by layer, or the numbers of a head
figures.json           what came of it; written last: a run with it is complete
train.log              of a network: one line for each epoch, with the time
=====================  ==========================================================================

`train` makes one, `Run.open` reads it back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from zipfile import BadZipFile

import numpy as np

from avianvox.config import settings_from_mapping
from avianvox.dataset.windows import hop_of
from avianvox.documents import MISSHAPEN, Kind, read_json
from avianvox.errors import InputError, RunError
from avianvox.features.kinds import bands_from_mapping
from avianvox.features.spec import FIRST_REVISION, FeatureSpec
from avianvox.files import atomic_write, open_arrays
from avianvox.modelinfo import SPECIES
from avianvox.models.protocol import SavedFit
from avianvox.runfolder import CONFIG, FolderKind
from avianvox.training.guides import MOST_FITS
from avianvox.types import LabelSet

if TYPE_CHECKING:
    from avianvox.models.protocol import FittedModel, TrainableEstimator, TrainSettings

SPLIT = "split.json"
NORMALISATION = "normalisation.npz"
MOST_BESIDE = 9
"""Models that may stand beside a network."""
CHECKPOINT = "checkpoint.npz"
CHECKPOINTS = (CHECKPOINT, *(f"checkpoint-{number}.npz" for number in range(1, MOST_BESIDE + 1)))
"""Of a network, and of those beside it by their numbers."""
TEACHERS = tuple(f"teacher-{number}.npz" for number in range(1, MOST_FITS + 1))
"""Of the networks that a guide fits before."""
FIRST_ROUND = {name: f"first-{name}" for name in (*CHECKPOINTS, *TEACHERS)}
"""Of the first round of self-training."""
HISTORY = "history.csv"
CURVE = "learning_curve.png"
WEIGHTS = "weights.npz"
FIGURES = "figures.json"
LOG = "train.log"

BEGUN = "begun_from"
"""Key of the configuration: the run whose weights this one began from, and which layers it took."""
INHERITED = "inherited"
"""Key of the configuration: what it learned from besides, see `avianvox.training.inherited`."""

FOLDER = FolderKind(
    Kind(
        what="training run",
        name="avianvox run",
        version=1,
        error=RunError,
        otherwise="make one with: avianvox train",
        outdated="train it again",
    ),
    files=(
        CONFIG,
        SPLIT,
        NORMALISATION,
        *CHECKPOINTS,
        *TEACHERS,
        *FIRST_ROUND.values(),
        HISTORY,
        CURVE,
        WEIGHTS,
        FIGURES,
        LOG,
    ),
)
"""What tells the folder of a training run from others."""


@dataclass(frozen=True)
class Run:
    """A complete training run.

    Attributes
    ----------
    path : Path
    config : mapping
        What ``config.json`` holds.
    spec : FeatureSpec
        What the model sees, its combination included.
    labels : LabelSet
    figures : mapping
    """

    path: Path
    config: Mapping[str, Any]
    spec: FeatureSpec
    labels: LabelSet
    figures: Mapping[str, Any]

    @classmethod
    def open(cls, path: Path | str) -> "Run":
        """Read a run folder.

        Raises
        ------
        RunError
            There is no run, it is not complete, or another release wrote it in another format.
        """
        path = Path(path)
        config = FOLDER.read(path)
        if not (path / FIGURES).exists():
            raise RunError(f"the run in {path} is not complete; finish it with: avianvox train ... --resume")
        try:
            figures = read_json(path / FIGURES)
            labels = LabelSet(tuple(config["labels"]), tuple(config["common_names"]))
            spec = bands_from_mapping(config["features"])
        except (OSError, EOFError, BadZipFile, *MISSHAPEN) as error:
            raise RunError(f"the run in {path} is damaged ({error}); train it again with --fresh") from error
        return cls(path, config, spec, labels, figures)

    @property
    def architecture(self) -> str:
        """Name in `avianvox.models.MODELS`."""
        return str(self.config["train"]["model"])

    @property
    def extractor_revision(self) -> int:
        """Of the features that it learned from."""
        return int(self.config.get("extractor_revision", FIRST_REVISION))

    @property
    def provenance(self) -> dict[str, Any]:
        """Catalogs, data hash, versions, settings, and how it began where that was not from scratch."""
        keys = ("catalogs", "n_recordings", "data_hash", "versions", "train")
        found = {key: self.config[key] for key in keys}
        if BEGUN in self.config:
            found[BEGUN] = {key: self.config[BEGUN][key] for key in ("sha256", "anew", "frozen")}
        if inherited := self.config.get(INHERITED):
            found["learned_from"] = [f"{entry['kind']} of {entry['name']}" for entry in inherited]
        return found

    @cached_property
    def settings(self) -> "TrainSettings":
        """How it was fitted.

        Raises
        ------
        ConfigError
            ``config.json`` was changed.
        """
        from avianvox.training.config import TrainConfig

        return settings_from_mapping(TrainConfig, self.config["train"], table="train", stored=True).settings

    @property
    def pooling(self) -> dict[str, Any]:
        """How windows become a recording, as `avianvox.modelinfo.ModelInfo.pooling`; empty where as usual."""
        from avianvox.models.networks import NETWORKS

        settings = self.settings
        by_window = self.architecture in (*NETWORKS, "logreg_windows")
        if not by_window or (settings.pooling, settings.overlap) == ("mean", 0):
            return {}
        length = self.spec.n_frames
        shared = length - hop_of(length, settings.overlap)
        return {
            "kind": settings.pooling,
            "by": SPECIES,
            "overlap_s": self.spec.frames_to_seconds(shared),
        }

    @cached_property
    def split(self) -> dict[str, list[str]]:
        """Ids under ``train`` and ``validation``, and of what an origin had heard under ``before``; one line
        each under ``left out``, with the reason.

        Raises
        ------
        RunError
            The file is missing or damaged.
        """
        file = self.path / SPLIT
        try:
            split = read_json(file)
            found = {part: list(split[part]) for part in ("train", "validation", "left out")}
            return found | {"before": list(split.get("before", ()))}
        except (OSError, *MISSHAPEN) as error:
            message = f"{file} is missing or damaged ({error}); train again with --fresh"
            raise RunError(message) from error

    def fitted(self) -> "FittedModel":
        """The model that was trained.

        Raises
        ------
        RunError
            Its file is missing, damaged or of another model.
        """
        from avianvox.models import MODELS

        try:
            arrays = read_arrays(self.path / WEIGHTS)
            if (self.path / NORMALISATION).exists():
                arrays |= read_arrays(self.path / NORMALISATION)
            estimator = cast("TrainableEstimator", MODELS.get(self.architecture)(self.settings))
            return estimator.restore(SavedFit(self.spec, len(self.labels), arrays))
        except (OSError, EOFError, BadZipFile, *MISSHAPEN, InputError) as error:
            message = f"{self.path / WEIGHTS} is missing or damaged ({error}); train again with --fresh"
            raise RunError(message) from error


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The named arrays that `write_arrays` wrote; nothing is unpickled."""
    with open_arrays(path) as arrays:
        return dict(arrays)


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays atomically, the same bytes for the same content."""
    with atomic_write(path, "wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)
