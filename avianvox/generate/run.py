"""Run folders of generators: everything that `avianvox.generate.train` leaves behind.

=================  ==============================================================================
config.json        kind, version, settings, feature spec, encoding of the condition, hashes
split.json         ids of the recordings trained on and held out, and of those left out with the reason
checkpoint.npz     state of both networks after the last epoch
history.csv        losses of each epoch
curve.png          the same, drawn
grids/             samples of the same noise after every so many epochs
weights.npz        the generator's weights, and the mean noise floor
figures.json       what came of it; written last: a run with it is complete
quality.json, .md  how samples compare with real patches, and neighbours.png, once that was asked for
=================  ==============================================================================
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from avianvox.config import settings_from_mapping
from avianvox.documents import MISSHAPEN, Kind, read_json
from avianvox.errors import RunError
from avianvox.features.kinds import bands_from_mapping
from avianvox.features.spec import FeatureSpec
from avianvox.files import open_arrays
from avianvox.generate.conditions import Encoding
from avianvox.generate.settings import GenerateSettings
from avianvox.runfolder import CONFIG, FolderKind

if TYPE_CHECKING:
    from avianvox.dataset.patches import PatchBank

SPLIT, CHECKPOINT, HISTORY = "split.json", "checkpoint.npz", "history.csv"
CURVE, WEIGHTS, FIGURES, GRIDS = "curve.png", "weights.npz", "figures.json", "grids"
QUALITY = ("quality.json", "quality.md", "neighbours.png")
"""What `avianvox.generate.quality` adds."""
FLOOR = "noise_floor_db"
"""Key of the mean floor of each mel band, beside the weights."""

FOLDER = FolderKind(
    Kind(
        what="generator's run",
        name="avianvox generator",
        version=1,
        error=RunError,
        otherwise="make one with: avianvox generate train",
        outdated="train it again",
    ),
    files=(CONFIG, SPLIT, CHECKPOINT, HISTORY, CURVE, WEIGHTS, FIGURES, *QUALITY),
    folders=(GRIDS,),
)
"""What tells the folder of a generator from others."""


@dataclass(frozen=True)
class GeneratorRun:
    """A complete run.

    Attributes
    ----------
    path : Path
    config : mapping
    settings : GenerateSettings
    spec : FeatureSpec
        Of the features that patches were cut from.
    encoding : Encoding
    figures : mapping
    """

    path: Path
    config: Mapping[str, Any]
    settings: GenerateSettings
    spec: FeatureSpec
    encoding: Encoding
    figures: Mapping[str, Any]

    @classmethod
    def open(cls, path: Path | str) -> "GeneratorRun":
        """Read a run folder. Raises `RunError` where there is none, or it is incomplete or damaged."""
        path = Path(path)
        config = FOLDER.read(path)
        if not (path / FIGURES).exists():
            raise RunError(
                f"the generator in {path} is not complete; finish it with: avianvox generate train ... "
                "--resume"
            )
        try:
            return cls(
                path,
                config,
                settings_from_mapping(GenerateSettings, config["generate"], table="generate", stored=True),
                bands_from_mapping(config["features"]),
                Encoding.from_mapping(config["encoding"]),
                read_json(path / FIGURES),
            )
        except (OSError, *MISSHAPEN) as error:
            raise RunError(f"the generator in {path} is damaged ({error}); train it again") from error

    @cached_property
    def split(self) -> dict[str, list[str]]:
        """Ids under ``train`` and ``validation``; one line each under ``left out``. Raises `RunError`."""
        try:
            split = read_json(self.path / SPLIT)
            return {part: list(split[part]) for part in ("train", "validation", "left out")}
        except (OSError, *MISSHAPEN) as error:
            raise RunError(f"{self.path / SPLIT} is missing or damaged ({error}); train again") from error

    @cached_property
    def _arrays(self) -> dict[str, np.ndarray]:
        try:
            with open_arrays(self.path / WEIGHTS) as arrays:
                return dict(arrays)
        except (OSError, EOFError, BadZipFile, *MISSHAPEN) as error:
            raise RunError(f"{self.path / WEIGHTS} is missing or damaged ({error}); train again") from error

    @property
    def floor_db(self) -> np.ndarray:
        """Mean noise floor of the patches trained on, shape (n_mels,), dB."""
        return self._arrays[FLOOR]

    @cached_property
    def generator(self) -> Any:
        """The generator. Raises `RunError` where its weights are missing or of another network."""
        from avianvox.generate.networks import build_generator

        model = build_generator(self.settings.shape, self.encoding.width, width=self.settings.width)
        for weight in model.weights:
            stored = self._arrays.get(weight.path)
            if stored is None or stored.shape != tuple(weight.shape):
                raise RunError(f"{self.path / WEIGHTS} has no fitting {weight.path}; train again")
            weight.assign(stored)
        return model

    def samples(
        self, values: "list[str] | list[float] | np.ndarray", *, seed: int, same: bool = False
    ) -> np.ndarray:
        """A patch for each of ``values``; ``same``: all from one noise, so that conditions alone differ."""
        from avianvox.generate.adversaries import draw, noises

        n = len(values)
        noise = np.repeat(noises(1, seed, "same"), n, axis=0) if same else noises(n, seed, "samples")
        return draw(self.generator, noise, self.encoding.encode(values))

    def bank(self, per_value: int, *, seed: int, n_values: int = 8) -> "PatchBank":
        """Patches of every class, or of ``n_values`` numbers over the range."""
        from avianvox.dataset.patches import PatchBank

        wanted = self.encoding.series(n_values).tolist() if self.encoding.continuous else self.encoding.names
        values = [value for value in wanted for _ in range(per_value)]
        names = tuple(f"{v:g}" if self.encoding.continuous else str(v) for v in values)
        about = {
            "condition": self.config["generate"]["condition"],
            "spec": self.spec.extraction_fingerprint,
            "heard": self.split["train"],
            "run": str(self.path.resolve()),
            "seed": seed,
            "licences": self.config["licences"],
            "credits": self.config["credits"],
        }
        return PatchBank(self.samples(values, seed=seed), names, about)
