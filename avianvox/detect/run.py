"""Run folders of detectors: everything that training one leaves behind.

=====================  ==========================================================================
config.json            kind, version, settings, spec, labels, anchors, versions, credits, and hashes of
features,
                       boxes and split, by which a run that goes on knows its data
split.json             ids of the recordings trained on and held out, and a line for each left out
checkpoint.npz         state after the last evaluation
history.csv            losses, and IoU and average precision, at each evaluation
learning_curve.png     the same, drawn
weights.npz            the network's weights by layer
figures.json           what came of it; written last: a run with it is complete
train.log              one line for each evaluation, with the time
=====================  ==========================================================================
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from avianvox.config import settings_from_mapping
from avianvox.detect.anchors import Grid
from avianvox.detect.finding import Plan
from avianvox.detect.proposals import Limits
from avianvox.detect.settings import DetectConfig
from avianvox.documents import MISSHAPEN, Kind, read_json
from avianvox.errors import RunError
from avianvox.features.kinds import bands_from_mapping
from avianvox.features.spec import FeatureSpec
from avianvox.runfolder import CONFIG, FolderKind
from avianvox.training.run import CHECKPOINT, CURVE, FIGURES, HISTORY, LOG, SPLIT, WEIGHTS, read_arrays

if TYPE_CHECKING:
    from avianvox.detect.network import DetectorNetwork, Shape

FOLDER = FolderKind(
    Kind(
        what="detector run",
        name="avianvox detector run",
        version=1,
        error=RunError,
        otherwise="make one with: avianvox detect train",
        outdated="train it again",
    ),
    files=(CONFIG, SPLIT, CHECKPOINT, HISTORY, CURVE, WEIGHTS, FIGURES, LOG),
)


@dataclass(frozen=True)
class DetectorRun:
    """A complete run of a detector.

    Attributes
    ----------
    path : Path
    config : mapping
        What ``config.json`` holds.
    plan : Plan
    figures : mapping
    """

    path: Path
    config: Mapping[str, Any]
    plan: Plan
    figures: Mapping[str, Any]

    @classmethod
    def open(cls, path: Path | str) -> "DetectorRun":
        """Read a run folder.

        Raises
        ------
        RunError
            There is no run of a detector, it is not complete, or another release wrote it in another format.
        """
        path = Path(path)
        config = FOLDER.read(path)
        if not (path / FIGURES).exists():
            raise RunError(
                f"the run in {path} is not complete; finish it with: avianvox detect train ... --resume"
            )
        try:
            return cls(path, config, plan_of(config), read_json(path / FIGURES))
        except (OSError, *MISSHAPEN) as error:
            raise RunError(f"the run in {path} is damaged ({error}); train it again with --fresh") from error

    @property
    def settings(self) -> DetectConfig:
        return settings_of(self.config)

    @property
    def learned(self) -> list[str]:
        """Ids of the recordings that it learned from."""
        return self._split("train")

    @property
    def left_out(self) -> list[str]:
        """A line for each recording or class that it did not learn from."""
        return self._split("left out")

    def _split(self, part: str) -> list[str]:
        try:
            return list(read_json(self.path / SPLIT)[part])
        except (OSError, *MISSHAPEN) as error:
            message = f"{self.path / SPLIT} is missing or damaged ({error}); train again with --fresh"
            raise RunError(message) from error

    @property
    def spec(self) -> FeatureSpec:
        return self.plan.spec

    def network(self) -> "DetectorNetwork":
        """The network that was trained. Raises `RunError` where its file is missing or of another one."""
        from avianvox.detect.network import build

        try:
            network = build(shape_of(self.config, self.plan))
            network.restore(read_arrays(self.path / WEIGHTS))
        except (OSError, EOFError, BadZipFile, *MISSHAPEN) as error:
            message = f"{self.path / WEIGHTS} is missing or damaged ({error}); train again with --fresh"
            raise RunError(message) from error
        return network


def settings_of(config: Mapping[str, Any]) -> DetectConfig:
    return settings_from_mapping(DetectConfig, config["detect"], table="detect", stored=True)


def plan_of(config: Mapping[str, Any]) -> Plan:
    """What the detector of a configuration is, beside its weights."""
    settings, spec = settings_of(config), bands_from_mapping(config["features"])
    frames, bands = config["strides"]
    sizes = tuple((float(width), float(height)) for width, height in config["anchors"])
    grid = Grid(spec.n_frames, spec.n_mels, int(frames), int(bands), sizes)
    limits = Limits(proposals=settings.proposals)
    return Plan(spec, grid, tuple(config["labels"]), limits, settings.overlap)


def shape_of(config: Mapping[str, Any], plan: Plan) -> "Shape":
    """What its network is built of."""
    from avianvox.detect.network import Shape

    settings = settings_of(config)
    return Shape(
        settings.trunk,
        plan.spec.n_frames,
        plan.spec.n_mels,
        len(plan.grid.sizes),
        len(plan.labels),
        settings.channels,
        settings.pooled,
        settings.hidden,
        settings.seed,
    )
