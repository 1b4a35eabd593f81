"""From what the page sends to the arguments of commands, which say themselves what is wrong with them."""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from avianvox.desk.gui.records import CLASSIFY, TRAIN, Run
from avianvox.errors import InputError
from avianvox.modelfolder import bundled_models, default_model, own_models, own_path

TABLES = {"event": "events.csv", "recording": "recordings.csv", "window": "windows.csv"}
"""What a row of the table is, and how the table is called."""

_VALUES = {
    "min_score": "--min-score",
    "species_list": "--species-list",
    "timezone": "--timezone",
    "site": "--site",
}
_FLAGS = {"gate": "--gate", "multi_label": "--multi-label"}
_COORDINATES = {"lat": "--lat", "lon": "--lon", "date": "--date"}
_ON_EAR = "on:"
_LONGEST = 4000


def classify_run(sent: Mapping[str, Any]) -> Run:
    """The run of ``avianvox classify`` that the page asks for; raises `InputError` where a field is missing.

    ``--resume`` always stands in it: it begins where nothing lies, goes on where something does, and reads
    new files of the folder.
    """
    source, folder = _place(sent, "folder"), _place(sent, "out")
    by = _text(sent, "by") or "event"
    if by not in TABLES:
        raise InputError(f"by: expected one of {', '.join(TABLES)}")
    model = _text(sent, "model") or default_model()
    out = str(Path(folder) / TABLES[by])
    step = ["classify", source, "--by", by, "--model", model, "--output", out, "--resume"]
    place = _text(sent, "place")
    if place == "auto":
        step += ["--place", "auto"]
    elif place == "here":
        step += _options(sent, _COORDINATES)
    elif place:
        raise InputError("place: expected auto, here or nothing")
    step += _options(sent, _VALUES)
    step += [flag for name, flag in _FLAGS.items() if sent.get(name) is True]
    return Run(CLASSIFY, title=source, steps=(tuple(step),), out=out, begun=_now(), model=model)


def train_run(sent: Mapping[str, Any]) -> Run:
    """The run that trains a model, exports it, and puts it among the models; raises `InputError`."""
    source, out, name = _place(sent, "folder"), _place(sent, "out"), _text(sent, "name")
    if not name:
        raise InputError("name: expected a name for the model")
    own_path(name)  # raises where it can't be one
    if name in own_models() or name in bundled_models():
        raise InputError(f"name: there is a model '{name}' already; choose another name")
    what = _text(sent, "what")
    train = ["train", source, "--out", out]
    if what.startswith(_ON_EAR):
        train += ["--on", what.removeprefix(_ON_EAR)]
    else:
        train += ["--model", what, *_options(sent, {"epochs": "--epochs", "validation": "--validation"})]
        train += ["--resume"]
    file = str(Path(out) / f"{name}.tflite")
    steps = (tuple(train), ("export", out, "--out", file), ("models", "add", file, "--name", name))
    return Run(TRAIN, title=source, steps=steps, out=out, begun=_now(), model=name)


def overview_step(table: Path, out: Path) -> tuple[str, ...]:
    """The command that draws the season of a table, without PNG, which take minutes and no page shows."""
    return ("overview", str(table), "--out", str(out), "--no-png")


def absolute(path: str) -> str:
    """A typed path as it is meant: of the user's folder where it begins with ~, never of the server's."""
    return os.path.abspath(os.path.expanduser(path))


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _text(sent: Mapping[str, Any], name: str) -> str:
    value = sent.get(name, "")
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value}"
    if not isinstance(value, str) or len(value) > _LONGEST or not (value.isprintable() or not value):
        raise InputError(f"{name}: expected one line of text")
    return value.strip()


def _place(sent: Mapping[str, Any], name: str) -> str:
    text = _text(sent, name)
    if not text:
        raise InputError(f"{name}: choose one, or type its path")
    return absolute(text)


def _options(sent: Mapping[str, Any], flags: Mapping[str, str]) -> list[str]:
    """Those that have a value; with "=", so that none is taken for an option."""
    return [f"{flag}={value}" for name, flag in flags.items() if (value := _text(sent, name))]
