"""What a finished model answered, and what was right: all that its calibration is fitted on, in one file.

`avianvox evaluate` writes it for each model (`BestAnswers.write`); `avianvox.calibration.finished` reads it.
"""

import json
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from avianvox.documents import MISSHAPEN
from avianvox.errors import InputError, RunError
from avianvox.files import atomic_write, open_arrays

KIND = "avianvox answers"
VERSION = 1
FOLDER, ENDING = "answers", ".npz"
_FACTS = ("name", "path", "sha256", "classes", "exclusive", "pooling", "calibrated", "placed", "catalogs")
_ARRAYS = ("ids", "labels", "sessions", "targets")


@dataclass(frozen=True)
class Named:
    """The best answers for windows or recordings, one a row.

    Attributes
    ----------
    rows : np.ndarray, shape (n,), int64
        The recording of each, among those of `BestAnswers`.
    classes : np.ndarray, shape (n,), int64
        The best class, among the model's.
    scores : np.ndarray, shape (n,), float64
        Its score.
    """

    rows: np.ndarray
    classes: np.ndarray
    scores: np.ndarray

    def where(self, chosen: np.ndarray) -> "Named":
        """The rows for which ``chosen``, shape (n,), bool, is true."""
        return Named(self.rows[chosen], self.classes[chosen], self.scores[chosen])


@dataclass(frozen=True)
class BestAnswers:
    """A finished model's best answers for labelled recordings.

    Attributes
    ----------
    name, path, sha256 : str
        Of the model.
    classes : int
        How many it has.
    exclusive : bool
        Whether they exclude each other.
    pooling : str
        How windows became a recording.
    calibrated, placed : bool
        Whether the scores are calibrated, or were weighed by place.
    ids, labels, sessions : np.ndarray of str, shape (n_recordings,)
    targets : np.ndarray, shape (n_recordings,), int64
        The class of each label; -1 where the model has none, so that every name is wrong.
    window, recording : Named
        Of what was scored.
    catalogs : tuple of str
        What the recordings are from.
    """

    name: str
    path: str
    sha256: str
    classes: int
    exclusive: bool
    pooling: str
    calibrated: bool
    placed: bool
    ids: np.ndarray
    labels: np.ndarray
    sessions: np.ndarray
    targets: np.ndarray
    window: Named
    recording: Named
    catalogs: tuple[str, ...] = ()

    def write(self, folder: Path) -> Path:
        """Write the file of this model; equal answers give equal bytes."""
        facts: dict[str, Any] = {"kind": KIND, "version": VERSION}
        facts |= {name: getattr(self, name) for name in _FACTS}
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        for level in ("window", "recording"):
            arrays |= {f"{level}_{name}": value for name, value in vars(getattr(self, level)).items()}
        path = folder / f"{self.sha256[:16]}{ENDING}"
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, "wb") as stream:
            np.savez_compressed(stream, allow_pickle=False, facts=np.array(json.dumps(facts)), **arrays)
        return path

    @classmethod
    def read(cls, path: Path) -> "BestAnswers":
        """The inverse of `write`. Raises `RunError` for a file that is damaged, or of another version."""
        try:
            with open_arrays(path) as arrays:
                facts = json.loads(str(arrays["facts"]))
                if (facts["kind"], facts["version"]) != (KIND, VERSION):
                    raise ValueError(f"{facts['kind']}, version {facts['version']}")
                values: dict[str, Any] = {name: facts[name] for name in _FACTS}
                values |= {"catalogs": tuple(facts["catalogs"])}
                values |= {name: arrays[name] for name in _ARRAYS}
                for level in ("window", "recording"):
                    values[level] = Named(*(arrays[f"{level}_{field.name}"] for field in fields(Named)))
                return cls(**values)
        except (OSError, EOFError, zipfile.BadZipFile, *MISSHAPEN) as error:
            raise RunError(f"{path} is damaged ({error}); run 'avianvox evaluate' again") from error


def holds_answers(folder: Path) -> bool:
    """Whether a folder is one of ``avianvox evaluate``, with answers that can be calibrated."""
    return any((folder / FOLDER).glob(f"*{ENDING}"))


def read_answers(folder: Path, model: str | None = None) -> BestAnswers:
    """The answers of one model in a folder of ``avianvox evaluate``.

    Raises
    ------
    InputError
        There are several models and none is named, or no such one.
    RunError
        A file is damaged.
    """
    found = [BestAnswers.read(path) for path in sorted((folder / FOLDER).glob(f"*{ENDING}"))]
    chosen = [one for one in found if model in (None, one.name)]
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(one.name for one in found)
    if not chosen:
        raise InputError(f"{folder} has no answers of the model '{model}' (known: {names})")
    raise InputError(f"{folder} has answers of several models; choose one with --model: {names}")
