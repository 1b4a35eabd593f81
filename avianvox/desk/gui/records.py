"""Which runs there are: a file of the user's that outlives window and server."""

import os
import secrets
import threading
from collections.abc import Mapping
from dataclasses import KW_ONLY, asdict, dataclass, replace
from pathlib import Path
from typing import Any

from avianvox.documents import MISSHAPEN, Kind, write_json
from avianvox.errors import InputError
from avianvox.files import output_error
from avianvox.modelfolder import model_folder

CLASSIFY, TRAIN = "classify", "train"

_FILE = Kind(
    what="list of runs",
    name="avianvox runs",
    version=1,
    error=InputError,
    otherwise="remove it; runs and results stay",
    outdated="remove it; runs and results stay",
)


@dataclass(frozen=True, slots=True)
class Run:
    """One thing that was asked for: a command, or several in turn.

    Attributes
    ----------
    kind : {"classify", "train"}
    title : str
    steps : tuple of tuple of str
        The arguments of each command.
    out : str
        The table of a classification, the run folder of a training.
    begun : str
        ISO 8601.
    model : str
        The model that names species, or the one that is trained.
    id : str
    """

    kind: str
    _: KW_ONLY
    title: str
    steps: tuple[tuple[str, ...], ...]
    out: str
    begun: str
    model: str
    id: str = ""

    @property
    def sources(self) -> tuple[str, ...]:
        """What its first command reads."""
        return self.steps[0][1:2]

    @property
    def folder(self) -> Path:
        """Where everything that comes of it lies."""
        return Path(self.out) if self.kind == TRAIN else Path(self.out).parent


def runs_path() -> Path:
    """The file of the list: beside the models of the user."""
    return model_folder() / "runs.json"


class Records:
    """The list of runs, the newest first; each change is on disk when its method returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def all(self) -> list[Run]:
        """Raises `InputError` where the file is no list of runs."""
        if not os.path.exists(self.path):
            return []
        try:
            return [_run_of(one) for one in _FILE.read(self.path)["runs"]]
        except MISSHAPEN as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{self.path}: not a whole list of runs; {_FILE.otherwise}") from error

    def find(self, name: str) -> Run:
        """The run of this id; raises `InputError` where there is none."""
        for run in self.all():
            if run.id == name:
                return run
        raise InputError("this run is not in the list any more; reload the page")

    def add(self, run: Run) -> Run:
        """Put a run in front; one with the same place takes the place of the earlier one."""
        run = replace(run, id=secrets.token_hex(6))
        with self._lock:
            self._write([run, *(other for other in self.all() if other.out != run.out)])
        return run

    def forget(self, name: str) -> None:
        """Take a run off the list. What it wrote stays."""
        with self._lock:
            self._write([run for run in self.all() if run.id != name])

    def _write(self, runs: list[Run]) -> None:
        try:
            os.makedirs(self.path.parent, exist_ok=True)
        except OSError as error:
            raise output_error(error, self.path) from error
        write_json(self.path, {**_FILE.head, "runs": [asdict(run) for run in runs]})


def _run_of(found: Mapping[str, Any]) -> Run:
    kept = {key: str(found[key]) for key in ("title", "out", "begun", "model", "id")}
    steps = tuple(tuple(str(word) for word in step) for step in found["steps"])
    if found["kind"] not in (CLASSIFY, TRAIN) or not steps or not all(len(step) > 1 for step in steps):
        raise ValueError("another kind of run")
    return Run(found["kind"], steps=steps, **kept)
