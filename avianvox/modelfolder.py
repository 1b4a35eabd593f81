"""The user's own model files: one folder, names that are file stems, and the name of the default model.

``AVIANVOX_MODELS`` names the folder; otherwise it lies where the platform keeps the data of programs. A
bundled model wins over an own one of the same name.
"""

import os
import re
import sys
from contextlib import suppress
from pathlib import Path

from avianvox.errors import ModelFileError
from avianvox.files import atomic_write, output_error, read_regular
from avianvox.registry import nearest

SUFFIX = ".tflite"
_DEFAULT = "default.txt"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def model_folder() -> Path:
    """The user's model folder, whether or not it is there."""
    if chosen := os.environ.get("AVIANVOX_MODELS"):
        return Path(chosen)
    home = Path(os.path.expanduser("~"))
    if sys.platform == "win32":
        data = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        data = home / "Library" / "Application Support"
    else:
        data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return data / "avianvox" / "models"


def own_models() -> dict[str, Path]:
    """The user's models: name to path, in alphabetical order."""
    return {path.stem: path for path in sorted(model_folder().glob(f"*{SUFFIX}")) if _is_name(path.stem)}


def own_path(name: str) -> Path:
    """Where an own model of this name lies. Raises `ModelFileError` for a name that can't be one."""
    if not _is_name(name):
        raise ModelFileError(
            f"'{name}' can't name a model: expected letters, digits, '.', '_' and '-', at most 80 of them"
        )
    return model_folder() / f"{name}{SUFFIX}"


def default_name() -> str | None:
    """The model that the user made the default, None where none was made."""
    try:
        name = read_regular(model_folder() / _DEFAULT, most_bytes=1000).decode().strip()
    except (OSError, UnicodeDecodeError):
        return None
    return name if _is_name(name) else None


def set_default(name: str | None) -> None:
    """Make ``name`` the default, or with None nothing but the bundled one. Raises `OutputError`."""
    path = model_folder() / _DEFAULT
    try:
        if name is None:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(error, path) from error
    with atomic_write(path) as stream:
        stream.write(f"{name}\n")


def remove_model(name: str) -> Path:
    """Remove an own model; if it was the default, the bundled one is it again.

    Raises
    ------
    ModelFileError
        There is no own model of this name.
    OutputError
        It can't be removed.
    """
    known = own_models()
    if name not in known:
        raise ModelFileError(
            f"no model '{name}' in {model_folder()}{nearest(name, list(known))} "
            f"(own models: {', '.join(known) or 'none'})"
        )
    try:
        known[name].unlink()
    except OSError as error:
        raise output_error(error, known[name]) from error
    if default_name() == name:
        set_default(None)
    with suppress(OSError):
        model_folder().rmdir()  # only if nothing is left in it
    return known[name]


def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None
