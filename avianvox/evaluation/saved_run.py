"""A finished cross-validation, read back from its run folder: what reports and calibration start from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

from avianvox.audit.findings import Audit
from avianvox.dataset.splits import Split
from avianvox.dataset.windows import hop_of
from avianvox.documents import MISSHAPEN
from avianvox.errors import CatalogError, RunError
from avianvox.evaluation.held_out_species import Turn, draw_turns
from avianvox.evaluation.predictions import FoldPredictions, Pooled, pool, read_predictions
from avianvox.evaluation.run_folder import (
    AUDIT,
    ENSEMBLE,
    FIGURES,
    FOLDER,
    HELD_OUT,
    NOTES,
    RECIPES,
    fit_name,
    mended,
    predictions_path,
    read_json,
    read_recordings,
)
from avianvox.features.kinds import bands_from_mapping
from avianvox.features.spec import FeatureSpec
from avianvox.registry import nearest
from avianvox.runfolder import CONFIG
from avianvox.types import LabelSet, Recording

_NEEDED = ("labels", "groupings", "models", "features", "n_folds", "seed", "model_settings")
"""Keys of a run's configuration that are read."""


@dataclass(frozen=True)
class SavedRun:
    """The run folder of a cross-validation.

    Attributes
    ----------
    path : Path
    config : mapping
        What was compared, on which data.
    labels : LabelSet
    recordings : tuple of Recording
    splits : mapping of str to Split
        By grouping.
    models : tuple of str
        Those whose every fit is there.
    """

    path: Path
    config: Mapping[str, Any]
    labels: LabelSet
    recordings: tuple[Recording, ...]
    splits: Mapping[str, Split]
    models: tuple[str, ...]

    @classmethod
    def open(cls, path: Path | str) -> "SavedRun":
        """Read a run folder.

        Raises
        ------
        RunError
            ``path`` is not the folder of a cross-validation, is of another format, or no model is complete.
        CatalogError
            A split is missing or damaged.
        """
        path = Path(path)
        config = FOLDER.read(path)
        try:
            return cls._of(path, config)
        except (RunError, CatalogError):
            raise
        except MISSHAPEN as error:
            raise RunError(f"{path / CONFIG} is damaged ({error}); {mended(path / CONFIG)}") from error

    @classmethod
    def _of(cls, path: Path, config: dict[str, Any]) -> "SavedRun":
        if missing := [key for key in _NEEDED if key not in config]:
            raise RunError(
                f"{path / CONFIG} lacks {', '.join(missing)}; run the cross-validation anew (--fresh)"
            )
        recordings = read_recordings(path)
        labels = LabelSet.from_recordings(recordings, config["labels"])
        splits = {
            grouping: Split.load(path / "splits" / f"{grouping}.json", recordings)
            for grouping in config["groupings"]
        }
        fits = {
            model: [fit_name(model, g, k) for g, split in splits.items() for k in range(len(split.folds))]
            for model in config["models"]
        }
        models = tuple(
            model
            for model, names in fits.items()
            if all(predictions_path(path, name).exists() for name in names)
        )
        if not models:
            raise RunError(f"the cross-validation in {path} is not complete; run it again to finish it")
        return cls(path, config, labels, recordings, splits, models)

    def settings_of(self, model: str) -> dict[str, Any]:
        """What a model was fitted with, as plain values; what held before a setting came is left out."""
        return dict(self.config.get(RECIPES, {}).get(model, self.config["model_settings"]))

    def windows_of(self, model: str) -> tuple[FeatureSpec, int]:
        """The window that the scores of a model are of, and how many frames on the next one begins.

        Of an ensemble, those of its first member. A model that scores a recording as a whole has them too.
        """
        settings = self.settings_of(self.config[ENSEMBLE][0] if model == ENSEMBLE else model)
        spec = bands_from_mapping(self.config["features"])
        spec = spec.with_changes(n_frames=settings.get("window_frames") or spec.n_frames)
        return spec, hop_of(spec.n_frames, settings.get("overlap", 0.0))

    @property
    def groupings(self) -> tuple[str, ...]:
        return tuple(self.splits)

    @property
    def figures(self) -> dict[str, Any]:
        """What ``figures.json`` holds.

        Raises
        ------
        RunError
            It is missing, damaged, or lacks models or learning curves whose predictions are there.
        """
        figures = read_json(self.path / FIGURES)
        rows = figures.get("learning_curve") or ()
        try:
            drawn = {(row["model"], row["grouping"], row["per_class"]) for row in rows}
            models, curves = set(figures.get("models", ())), set(self._learning_curves())
        except MISSHAPEN as error:
            raise RunError(
                f"{self.path / FIGURES} is damaged; run: avianvox crossval --recompute {self.path}"
            ) from error
        if not (models.issuperset(self.species_models) and drawn >= curves):
            raise RunError(
                f"{self.path / FIGURES} is older than the predictions; run: "
                f"avianvox crossval --recompute {self.path}"
            )
        return figures

    @property
    def audit(self) -> dict[str, Any] | None:
        """What ``audit.json`` holds; None where there is none.

        Raises
        ------
        RunError
            It is damaged.
        """
        file = self.path / AUDIT
        if not file.exists():
            return None
        values = read_json(file)
        try:
            return Audit.from_mapping(values).to_mapping()
        except MISSHAPEN as error:
            raise RunError(f"{file} is damaged; run the cross-validation again") from error

    @cached_property
    def by_id(self) -> dict[str, Recording]:
        return {r.id: r for r in self.recordings}

    @cached_property
    def species_models(self) -> tuple[str, ...]:
        """Those of ``models`` that name species: all but networks with ``species = false``."""
        silent = [
            model
            for model in self.models
            if not self.settings_of(model).get("species", True) and self.answers_tasks(model)
        ]
        return tuple(model for model in self.models if model not in silent)

    def answers_tasks(self, model: str) -> bool:
        """Whether its predictions answer tasks: models that are no networks have the settings alone."""
        return bool(self.settings_of(model).get("tasks")) and bool(
            self.predictions(model, self.groupings[0])[0].tasks
        )

    def _learning_curves(self) -> Iterator[tuple[str, str, int]]:
        """Model, grouping and most recordings of a class of each learning curve's point that is complete."""
        for model, grouping, n in product(
            self.species_models, self.groupings, self.config.get("per_class", ())
        ):
            names = (fit_name(model, grouping, k, n) for k in range(len(self.splits[grouping].folds)))
            if all(predictions_path(self.path, name).exists() for name in names):
                yield model, grouping, n

    def check(self, model: str, grouping: str) -> None:
        """Raise `RunError` where the run has no such model or grouping."""
        for what, name, known in (("model", model, self.models), ("grouping", grouping, self.groupings)):
            if name not in known:
                raise RunError(
                    f"{self.path} has no {what} '{name}'{nearest(name, list(known))} "
                    f"(it has: {', '.join(known)})"
                )

    def predictions(self, model: str, grouping: str, per_class: int | None = None) -> list[FoldPredictions]:
        """The predictions of every fold.

        Raises
        ------
        RunError
            The run has no such model or grouping, or a file is damaged.
        """
        self.check(model, grouping)
        n_folds = len(self.splits[grouping].folds)
        names = [fit_name(model, grouping, k, per_class) for k in range(n_folds)]
        return [read_predictions(predictions_path(self.path, name)) for name in names]

    def notes(self, model: str, grouping: str) -> list[dict[str, Any]]:
        """What the fit of every fold noted; empty where it noted nothing. Raises `RunError` where damaged."""
        n_folds = len(self.splits[grouping].folds)
        files = [self.path / NOTES / f"{fit_name(model, grouping, k)}.json" for k in range(n_folds)]
        return [read_json(file) if file.exists() else {} for file in files]

    def pooled(self, model: str, grouping: str) -> Pooled:
        """The test recordings of all folds. Raises as `predictions` does."""
        return pool(self.predictions(model, grouping), self.by_id)

    def held_out_species(self, model: str, grouping: str) -> list[tuple[Turn, FoldPredictions]]:
        """The predictions of each turn in which species were held out, empty where turns are missing.

        Of several sizes of groups, the largest that is complete. Raises as `predictions` does.
        """
        n_folds = len(self.splits[grouping].folds)
        for size in sorted(self.config.get(HELD_OUT, ()), reverse=True):
            turns = draw_turns(self.labels.names, size=size, n_folds=n_folds, seed=self.config["seed"])
            paths = [
                predictions_path(self.path, fit_name(model, grouping, turn.fold, turn=turn.name))
                for turn in turns
            ]
            if all(path.exists() for path in paths):
                return [(turn, read_predictions(path)) for turn, path in zip(turns, paths, strict=True)]
        return []
