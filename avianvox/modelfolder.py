"""Models by name: those that come with the package, the user's own in one folder, and which is the default.

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

BUNDLED_FOLDER = Path(__file__).parent / "bundled"
DEFAULT_MODEL = "caribbean_california"
"""The bundled model that ``avianvox classify`` takes when none is named and none was made the default."""

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


def bundled_models() -> dict[str, Path]:
    """Model files that come with the package: name (the file's stem) to path, in alphabetical order."""
    return {path.stem: path for path in sorted(BUNDLED_FOLDER.glob("*.tflite"))}


def default_model() -> str:
    """The name of the model that is taken when none is named: the user's default, else the bundled one."""
    return default_name() or DEFAULT_MODEL


def find_model(name_or_path: str | Path) -> Path:
    """The path of a bundled model, else of one in the user's folder, else ``name_or_path`` if it is a file.

    Raises
    ------
    ModelFileError
        When it is none of them; the line lists the known names, or says how a run becomes a file.
    """
    name = str(name_or_path)
    if Path(name).name == name:
        with suppress(ModelFileError):  # a file in this folder may have any name
            for path in (BUNDLED_FOLDER / f"{name}.tflite", own_path(name)):
                if os.path.isfile(path):
                    return path
    if os.path.isfile(name_or_path):
        return Path(name_or_path)
    if os.path.isdir(name_or_path):
        raise ModelFileError(
            f"{name_or_path} is a folder, expected a model file; a run becomes one with: avianvox export "
            f"{name_or_path} --out model.tflite (a detector's: avianvox detect export)"
        )
    known = [*bundled_models(), *own_models()]
    default = "; 'avianvox models default --reset' forgets it as default" if name == default_name() else ""
    raise ModelFileError(
        f"no model '{name_or_path}': expected a model file or the name of a model (known: "
        f"{', '.join(known) or 'none'}; 'avianvox models add' adds others, such as birdnet)"
        f"{nearest(name, known)}{default}"
    )
