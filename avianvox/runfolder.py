"""Folders that a command fills, goes on with and erases, and what is said where one can't be used.

A folder is known by its configuration, a JSON object that says its kind and version. It is written first and
erased last, so that a run that was killed is known again. Start with `FolderKind`.
"""

import json
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from avianvox.config import differences
from avianvox.documents import Kind, read_json, write_json
from avianvox.files import holdings, output_error
from avianvox.types import Recording

CONFIG = "config.json"
STORE = "features-"
"""Begin of the name of a feature store inside a run folder; it is neither refused nor erased."""

_MOST_SAID = 60


@dataclass(frozen=True, slots=True)
class FolderKind:
    """One kind of folder.

    Attributes
    ----------
    file : Kind
        Of the configuration; its ``what`` is what the folder holds, such as "training run".
    files : tuple of str
        What a run writes, the configuration first.
    folders : tuple of str
        Made for a run, and erased with all that they hold.
    also : tuple of str
        Folders that later commands add; they are erased too.
    alone : bool
        Nothing else may lie in the folder when a run begins. Otherwise, its own names alone are in the way.
    replaceable : bool
        The command has the option ``--fresh``.
    """

    file: Kind
    files: tuple[str, ...]
    folders: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    alone: bool = False
    replaceable: bool = True

    def config(self, path: Path) -> Path:
        """Where the configuration of a run in ``path`` lies, or would."""
        return path / self.files[0]

    def is_at(self, path: Path) -> bool:
        """Whether a folder says that it is of this kind."""
        try:
            return self.file.claims(read_json(self.config(path)))
        except (OSError, ValueError):
            return False

    def read(self, path: Path) -> dict[str, Any]:
        """The configuration of the run in ``path``; raises the kind's error where there is none."""
        config = self.config(path)
        if not config.exists():
            raise self.file.error(
                f"no {self.file.what} in {path}: there is no {config.name}; {self.file.otherwise}"
            )
        return self.file.read(config)

    def refuse_foreign(self, path: Path) -> None:
        """Raise the kind's error where ``path`` is a file, or the folder of something else."""
        config, what, error = self.config(path), self.file.what, self.file.error
        if path.exists() and not path.is_dir():
            raise error(f"{path} is a file; choose another --out")
        if config.exists():
            try:
                document = read_json(config)
            except (OSError, ValueError) as cause:
                raise error(f"cannot read {config} ({cause}); choose another --out") from cause
            if not self.file.claims(document):
                kind = document.get("kind") if isinstance(document, dict) else None
                raise error(f"{path} holds no {what} ({kind or 'another file'!s:.60}); choose another --out")
            return
        there = [child.name for child in holdings(path) if not child.name.startswith(STORE)]
        ours = (*self.files, *self.folders, *self.also)
        if others := [name for name in there if self.alone or name in ours]:
            raise error(f"{path} holds {min(others)}, which no {what} wrote; choose another --out")

    def refuse_other(
        self,
        path: Path,
        before: Mapping[str, Any],
        now: Mapping[str, Any],
        *,
        but: Collection[str] = (),
        words: Mapping[str, str] | None = None,
    ) -> None:
        """Raise the kind's error where the run in ``path`` was made with other settings, see `told`."""
        if found := told(before, now, but=but, words=words):
            fresh = ", start anew with --fresh" if self.replaceable else ""
            raise self.file.error(
                f"{path} holds a {self.file.what} with other settings ({', '.join(found)}); use the same "
                f"ones{fresh}, or choose another --out"
            )

    def begin(self, path: Path, config: Mapping[str, Any]) -> None:
        """Make the folder, with its configuration and folders. Raises `OutputError`."""
        try:
            path.mkdir(parents=True, exist_ok=True)
            write_json(self.config(path), {**self.file.head, **config})
            for name in self.folders:
                (path / name).mkdir(exist_ok=True)
        except OSError as error:
            raise output_error(error, path) from error

    def erase(self, path: Path) -> None:
        """Remove the run in ``path``, of any version, and nothing else. Raises as `refuse_foreign`."""
        self.refuse_foreign(path)
        for name in (*self.folders, *self.also):
            shutil.rmtree(path / name, ignore_errors=True)
        try:
            for name in reversed(self.files):
                (path / name).unlink(missing_ok=True)
        except OSError as error:
            raise output_error(error, path) from error


def told(
    before: Mapping[str, Any],
    now: Mapping[str, Any],
    *,
    but: Collection[str] = (),
    words: Mapping[str, str] | None = None,
) -> list[str]:
    """What differs between two configurations, as messages say it.

    Parameters
    ----------
    before, now : mapping
        Plain values; mappings in them are gone through.
    but : collection of str
        Keys that may differ.
    words : mapping of str to str, optional
        What stands for a key whose values say nothing to people.

    Examples
    --------
    >>> told({"seed": 0, "train": {"epochs": 5}}, {"seed": 1, "train": {"epochs": 9}}, but=("seed",))
    ['epochs was 5 and is 9']
    """
    found = []
    for key, (was, is_now) in differences(before, now).items():
        if key in but:
            continue
        if words and key in words:
            found.append(words[key])
        elif isinstance(was, Mapping) and isinstance(is_now, Mapping):
            found += told(was, is_now, but=but, words=words)
        else:
            found.append(f"{key} was {_said(was)} and is {_said(is_now)}")
    return found


def _said(value: object) -> str:
    """A setting in a message: short, and of a hash the first digits."""
    if value in (None, ""):
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) == 64 and text.isalnum():
        return text[:8]
    return text if len(text) <= _MOST_SAID else f"{text[: _MOST_SAID - 3]}..."


def catalog_hash(recordings: Sequence[Recording]) -> str:
    """Of what the sound alone does not say: which recordings, their labels and sessions."""
    lines = (f"{r.id}\t{r.label}\t{r.session}\n" for r in recordings)
    return sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Of Python, avianvox, NumPy and those of ``packages`` that are installed."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for package in ("avianvox", *packages, "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
