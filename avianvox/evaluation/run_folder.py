"""The run folder of a cross-validation: opening, refusing, keeping, erasing.

``config.json`` says what was asked for and on which data. A folder is only continued when it agrees, but for
the keys in `GROWING`: more models may be compared than before. ``catalog.json`` holds what is known about
the recordings, so that figures and reports need the folder alone (see `avianvox.evaluation.saved_run`).
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from avianvox import documents
from avianvox.documents import MISSHAPEN, Kind
from avianvox.errors import RunError
from avianvox.evaluation.plain import plain
from avianvox.files import atomic_write
from avianvox.runfolder import CONFIG, FolderKind, versions
from avianvox.types import Box, Recording

CATALOG, FIGURES, AUDIT = "catalog.json", "figures.json", "audit.json"
VERSIONS = "versions.json"
HELD_OUT = "hold_out_species"
"""Key of the numbers of species that are held out together, see `avianvox.evaluation.held_out_species`."""
ENSEMBLE = "ensemble"
"""Key of the models whose probabilities are averaged, and the name of the model that this makes."""
GROWING = ("models", "per_class", HELD_OUT, ENSEMBLE)
"""Keys of the configuration under which a run that is continued may name more than before."""
RECIPES = "recipes"
"""Key of the settings of models that have their own; a run that is continued may name more of them too."""
LEARNED_FROM = "learned_from"
"""Key of the hashes of what models learn from besides; likewise."""
_BY_NAME = (RECIPES, LEARNED_FROM)
CALIBRATION = "calibration"
"""Folder of what `avianvox.calibration.calibrate` finds; made when it is needed."""
REPORT = "report"
"""Folder of what `avianvox.report` writes, unless it is told another."""

NOTES = "notes"
"""Folder of what fits note besides their predictions; made when it is needed."""

PICTURES = ("confusion", "durations")
FOLDER = FolderKind(
    Kind(
        what="cross-validation",
        name="avianvox cross-validation",
        version=2,
        error=RunError,
        otherwise="make one with: avianvox crossval",
        outdated="make it again with --fresh, or with another --out",
        version_key="format_version",
    ),
    files=(CONFIG, AUDIT, FIGURES, "table.csv", "table.md", "timings.json", VERSIONS, CATALOG),
    folders=("predictions", "splits", *PICTURES),
    also=(CALIBRATION, REPORT, NOTES),
    alone=True,
)
"""What tells the folder of a cross-validation from others."""
_LATER: Mapping[str, Any] = {
    "boxes": None,
    "origin": "",
    "made_of": (),
    "count": None,
    "sex": "",
    "stage": "",
    "more": (),
}
"""Fields of a `Recording` that earlier runs don't have, and what their absence means."""

_TUPLES = ("background", "made_of")
_PACKAGES = ("soundfile", "soxr", "scikit-learn", "keras", "tensorflow")


class RunFolder:
    """One folder that holds one cross-validation.

    Parameters
    ----------
    path : Path
        Made when it does not exist.
    config : mapping
        The resolved configuration as plain values.

    Attributes
    ----------
    config : mapping
        The same, with what an earlier run of the folder named under the keys in `GROWING` added at the end.

    Raises
    ------
    RunError
        The folder holds something else, or a run of another configuration.
    """

    def __init__(self, path: Path, config: Mapping[str, Any]) -> None:
        self.path = path
        asked: dict[str, Any] = json.loads(json.dumps({**FOLDER.file.head, **config}))
        FOLDER.refuse_foreign(path)
        if FOLDER.config(path).exists():
            earlier = FOLDER.read(path)
            asked = _grown(earlier, asked)
            kept = {key: (earlier.get(key, {}), asked.get(key, {})) for key in _BY_NAME}
            FOLDER.refuse_other(
                path,
                earlier | {key: _shared(before, now) for key, (before, now) in kept.items()},
                asked | {key: _shared(now, before) for key, (before, now) in kept.items()},
                but=GROWING,
            )
            asked |= {key: before | now for key, (before, now) in kept.items() if before}
        self.config = asked
        FOLDER.begin(path, asked)
        if not (path / VERSIONS).exists():
            self.write_json(VERSIONS, versions(_PACKAGES))

    def write_text(self, name: str, text: str) -> None:
        with atomic_write(self.path / name) as stream:
            stream.write(text)

    def write_json(self, name: str, values: Any) -> None:
        documents.write_json(self.path / name, values)

    def write_catalog(self, recordings: Sequence[Recording]) -> None:
        """Keep what is known about the recordings; `read_recordings` is the inverse."""
        rows = [_known(r) | {"path": os.path.abspath(r.path)} for r in recordings]
        documents.write_json(self.path / CATALOG, rows, indent=0)

    def predictions(self, fit: str) -> Path:
        """Where the predictions of the fit of this name lie, or will."""
        return predictions_path(self.path, fit)

    def picture(self, kind: str, name: str) -> Path:
        """``kind``: one of `PICTURES`."""
        return self.path / kind / f"{name}.png"

    def timings(self) -> dict[str, float]:
        """Seconds that each fit took, by its name."""
        path = self.path / "timings.json"
        return read_json(path) if path.exists() else {}

    def keep_seconds(self, fit: str, seconds: float) -> None:
        self.write_json("timings.json", self.timings() | {fit: round(seconds, 3)})

    def keep_notes(self, fit: str, notes: Mapping[str, Any]) -> None:
        (self.path / NOTES).mkdir(exist_ok=True)
        self.write_json(f"{NOTES}/{fit}.json", plain(notes))


def _known(recording: Recording) -> dict[str, Any]:
    """The fields of a recording, those of `_LATER` only where they say something."""
    values = asdict(recording)
    return {name: value for name, value in values.items() if name not in _LATER or value != _LATER[name]}


def _recording(row: Mapping[str, Any]) -> Recording:
    """The inverse of `_known`."""
    boxes = {"boxes": tuple(Box(**box) for box in row["boxes"])} if "boxes" in row else {}
    tuples = {name: tuple(row[name]) for name in _TUPLES if name in row}
    more = {"more": tuple((name, text) for name, text in row["more"])} if "more" in row else {}
    return Recording(**{**row, "path": Path(row["path"]), **tuples, **boxes, **more})


def _shared(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """What ``ours`` has under the names that both have."""
    return {name: own for name, own in ours.items() if name in theirs}


def fit_name(model: str, grouping: str, fold: int, per_class: int | None = None, turn: str = "") -> str:
    """Name of one fit.

    ``per_class``: the most recordings of a class that it learned from, if it was cut; ``turn``: the name of
    the turn, if species are held out.
    """
    return f"{model}-{grouping}-{fold}" + (f"-n{per_class}" if per_class else "") + (turn and f"-{turn}")


def calibration_path(run: Path, model: str, grouping: str) -> Path:
    """Where a run folder keeps the calibration of a model, or would."""
    return run / CALIBRATION / f"{model}-{grouping}.json"


def predictions_path(run: Path, fit: str) -> Path:
    """Where a run folder keeps the predictions of the fit of this name."""
    return run / "predictions" / f"{fit}.npz"


def read_recordings(path: Path) -> tuple[Recording, ...]:
    """The recordings of the cross-validation in folder ``path``, in the order of its splits.

    Raises
    ------
    RunError
        They are missing or damaged.
    """
    file = path / CATALOG
    try:
        rows = documents.read_json(file)
        return tuple(map(_recording, rows))
    except (OSError, *MISSHAPEN) as error:
        raise RunError(f"{file} is missing or damaged ({error}); run the cross-validation again") from error


def _grown(earlier: Mapping[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """``asked``, and what stands in ``earlier`` besides under the keys in `GROWING`.

    What was asked for once more gives the order if it is all of it, and else comes last where it is new.
    """

    def both(there: Sequence[Any], now: Sequence[Any]) -> list[Any]:
        first, second = (now, there) if set(there) <= set(now) else (there, now)
        return list(dict.fromkeys([*first, *second]))

    grown = [key for key in GROWING if key in earlier or key in asked]
    return asked | {key: both(earlier.get(key, ()), asked.get(key, ())) for key in grown}


def read_json(path: Path) -> dict[str, Any]:
    """A file of a run folder that holds one JSON object. Raises `RunError` where it does not."""
    try:
        values = documents.read_json(path)
    except (OSError, ValueError) as error:
        raise RunError(f"cannot read {path} ({error}); {mended(path)}") from error
    if not isinstance(values, dict):
        raise RunError(f"{path}: expected a JSON object, got {type(values).__name__}; {mended(path)}")
    return values


def mended(path: Path) -> str:
    """What to do about a missing or damaged file of a run."""
    if path.name == CONFIG:
        return "run the cross-validation again with another --out"
    if path.parent.name == CALIBRATION:
        return f"make it again with: avianvox calibrate {path.parent.parent}"
    again = "run the cross-validation again"
    return again if path.name == AUDIT else f"{again}, or: avianvox crossval --recompute {path.parent}"
