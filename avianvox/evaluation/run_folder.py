"""The run folder of a cross-validation: opening, refusing, keeping, erasing.

``config.json`` says what was asked for and on which data. A folder is only continued when it agrees, but for
the keys in `GROWING`: more models may be compared than before. ``catalog.json`` holds what is known about
the recordings, so that figures and reports need the folder alone (see `avianvox.evaluation.saved_run`).
What training's run folders share with it is here too: `catalog_hash` and `default_store`.
"""

import json
import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from avianvox import documents
from avianvox.config import differences
from avianvox.documents import MISSHAPEN, Kind
from avianvox.errors import AvianvoxError, RunError
from avianvox.features.kinds import Spec
from avianvox.files import atomic_write, holdings, output_error
from avianvox.types import Recording

KIND = "avianvox cross-validation"
FORMAT_VERSION = 2
_FILE = Kind(
    what="folder of a cross-validation",
    name=KIND,
    version=FORMAT_VERSION,
    error=RunError,
    otherwise="choose another --out",
    outdated="choose another --out or start anew with --fresh",
    version_key="format_version",
)
CONFIG, CATALOG, FIGURES, AUDIT = "config.json", "catalog.json", "figures.json", "audit.json"
VERSIONS = "versions.json"
GROWING = ("models", "per_class")
"""Keys of the configuration under which a run that is continued may name more than before."""
STORE = "features-"
"""Begin of the name of a feature store inside a run folder; it is neither refused nor erased."""

CALIBRATION = "calibration"
"""Folder of what `avianvox.calibration.calibrate` finds; made when it is needed."""
REPORT = "report"
"""Folder of what `avianvox.report` writes, unless it is told another."""

PICTURES = ("confusion", "durations")
_FOLDERS = ("predictions", "splits", *PICTURES)
_FILES = (CATALOG, VERSIONS, "timings.json", FIGURES, AUDIT, "table.md", "table.csv", CONFIG)
_PACKAGES = ("avianvox", "numpy", "soundfile", "soxr", "scikit-learn", "keras", "tensorflow")


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
        config = {"kind": KIND, "format_version": FORMAT_VERSION, **config}
        if (path / CONFIG).exists():
            earlier = read_config(path)
            config = _grown(earlier, json.loads(json.dumps(config)))
            _check_same(path, earlier, config)
        else:
            refuse_foreign(path)
        self.config = config
        try:
            path.mkdir(parents=True, exist_ok=True)
            self.write_json(CONFIG, config)  # first: by it, a run that was killed here is known again
            for name in _FOLDERS:
                (path / name).mkdir(exist_ok=True)
        except OSError as error:
            raise error if isinstance(error, AvianvoxError) else output_error(error, path) from error
        if not (path / VERSIONS).exists():
            self.write_json(VERSIONS, _versions())

    def write_text(self, name: str, text: str) -> None:
        with atomic_write(self.path / name) as stream:
            stream.write(text)

    def write_json(self, name: str, values: Any) -> None:
        """In ASCII: a name of a file that stands in it may be any bytes."""
        self.write_text(name, json.dumps(values, indent=1, allow_nan=False) + "\n")

    def write_catalog(self, recordings: Sequence[Recording]) -> None:
        """Keep what is known about the recordings; `read_recordings` is the inverse."""
        rows = [asdict(r) | {"path": os.path.abspath(r.path)} for r in recordings]
        self.write_text(CATALOG, json.dumps(rows, indent=0) + "\n")

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


def fit_name(model: str, grouping: str, fold: int, per_class: int | None = None) -> str:
    """Name of one fit; ``per_class``: the most recordings of a class that it learned from, if it was cut."""
    return f"{model}-{grouping}-{fold}" + (f"-n{per_class}" if per_class else "")


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
        return tuple(
            Recording(**{**row, "path": Path(row["path"]), "background": tuple(row["background"])})
            for row in rows
        )
    except (OSError, *MISSHAPEN) as error:
        raise RunError(f"{file} is missing or damaged ({error}); run the cross-validation again") from error


def read_config(path: Path) -> dict[str, Any]:
    """The configuration of the cross-validation in folder ``path``.

    Raises
    ------
    RunError
        There is none, or it is of an unknown format version.
    """
    if not (path / CONFIG).is_file():
        raise RunError(f"{path} is not the folder of a cross-validation: it has no config.json")
    return _FILE.check(read_json(path / CONFIG), path)


def refuse_foreign(path: Path) -> None:
    """Raise `RunError` where ``path`` is a file, or holds something but not a cross-validation."""
    if not path.exists():
        return
    if not path.is_dir():
        raise RunError(f"{path} is a file; choose another --out")
    if (path / CONFIG).is_file():
        if not _FILE.claims(read_json(path / CONFIG)):
            raise RunError(f"{path} is not the folder of a cross-validation; choose another --out")
    elif not all(child.name.startswith(STORE) for child in holdings(path)):
        raise RunError(f"{path} is not empty and holds no cross-validation; choose another --out")


def erase_run(path: Path) -> None:
    """Remove what an earlier cross-validation left in ``path``, and nothing else.

    Raises
    ------
    RunError
        ``path`` holds something, but not a cross-validation.
    """
    refuse_foreign(path)
    try:
        for name in (*_FOLDERS, CALIBRATION, REPORT):
            shutil.rmtree(path / name, ignore_errors=True)
        for name in _FILES:
            (path / name).unlink(missing_ok=True)
    except OSError as error:
        raise output_error(error, path) from error


def default_store(out: Path, spec: Spec) -> Path:
    """Where the feature store of the run in ``out`` lies if none was named: each extraction has its own."""
    return out / f"{STORE}{spec.extraction_fingerprint}"


def catalog_hash(recordings: Sequence[Recording]) -> str:
    """Of what the sound alone does not say: which recordings, their labels and sessions."""
    lines = (f"{r.id}\t{r.label}\t{r.session}\n" for r in recordings)
    return sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def _grown(earlier: Mapping[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """``asked``, and what stands in ``earlier`` besides under the keys in `GROWING`.

    What was asked for once more gives the order if it is all of it, and else comes last where it is new.
    """

    def both(there: Sequence[Any], now: Sequence[Any]) -> list[Any]:
        first, second = (now, there) if set(there) <= set(now) else (there, now)
        return list(dict.fromkeys([*first, *second]))

    return asked | {key: both(earlier.get(key, ()), asked.get(key, ())) for key in GROWING}


def _check_same(path: Path, there: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    for key in {**there, **asked}:
        if key not in GROWING and there.get(key) != asked.get(key):
            was, now = there.get(key), asked.get(key)
            if isinstance(was, dict) and isinstance(now, dict):
                found = differences(was, now)
                was, now = ({part: pair[i] for part, pair in found.items()} for i in (0, 1))
            raise RunError(
                f"{path} holds a run with another configuration ({key} was {_short(was)} and is "
                f"{_short(now)} now); choose another --out or start anew with --fresh"
            )


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def read_json(path: Path) -> dict[str, Any]:
    """A file of a run folder that holds one JSON object. Raises `RunError` where it does not."""
    try:
        values = documents.read_json(path)
    except (OSError, ValueError) as error:
        raise RunError(f"cannot read {path} ({error}); {_mended(path)}") from error
    if not isinstance(values, dict):
        raise RunError(f"{path}: expected a JSON object, got {type(values).__name__}; {_mended(path)}")
    return values


def _mended(path: Path) -> str:
    """What to do about a missing or damaged file of a run."""
    if path.name == CONFIG:
        return "choose another --out"
    if path.parent.name == CALIBRATION:
        return f"make it again with: avianvox calibrate {path.parent.parent}"
    again = "run the cross-validation again"
    return again if path.name == AUDIT else f"{again}, or: avianvox crossval --recompute {path.parent}"


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
