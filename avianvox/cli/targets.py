"""What a command writes is never what it reads, never a recording, and never one of the user's own models.

Every option and argument that names something to write has the type `Target`, and its command the class
`Writer`, which looks at all targets before any work is done. `tests/test_targets.py` holds the list.
"""

import os
from collections.abc import Iterator
from typing import Any

import click

from avianvox.errors import OutputError

MODEL_MARK = b"avianvox.json"
"""The name of a model file's description, in the directory of the zip at its end."""

GOES_ON = "goes on from what is finished"
_MARKED_BYTES = 4096


class Target(click.Path):
    """The place of something that is written: a file or a folder.

    Parameters
    ----------
    ours : bytes or None
        What stands near the beginning or the end of every file that the command writes there. In a folder
        that it reads, no other file is replaced. None where only recordings are read from folders.
    only_ours : str
        What such a file is, in words, where no other file is replaced anywhere.
    beside : tuple of str
        Parameters that name folders in which results may stand too.
    changes_models : bool
        Whether it changes a model file, and may change one of the user's own models.
    **options
        Of ``click.Path``.
    """

    def __init__(
        self,
        *,
        ours: bytes | None = b"",
        only_ours: str = "",
        beside: tuple[str, ...] = (),
        changes_models: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.ours, self.only_ours, self.beside, self.changes_models = ours, only_ours, beside, changes_models

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As `click.Path`; ``.`` and ``..`` become the folders that they are, which have names."""
        if value in (".", ".."):
            from avianvox.files import named

            value = str(named(value))
        return super().convert(value, param, ctx)


class Writer(click.Command):
    """A command that refuses targets before it begins, see `refuse_targets`; interrupted, it says what to do.

    Parameters
    ----------
    goes_on : bool
        Whether the same command goes on from what an interrupted one has finished.
    **options
        Of ``click.Command``.
    """

    def __init__(self, *arguments: Any, goes_on: bool = False, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.goes_on = goes_on

    def invoke(self, ctx: click.Context) -> Any:
        refuse_targets(self, ctx.params)
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            if interrupt.args:
                raise
            raise KeyboardInterrupt(*self._advice) from interrupt

    @property
    def _advice(self) -> tuple[str, ...]:
        if self.goes_on:
            return (f"the same command {GOES_ON}",)
        return (f"--resume {GOES_ON}",) if any(param.name == "resume" for param in self.params) else ()


def refuse_targets(command: click.Command, values: dict[str, Any]) -> None:
    """Raise `OutputError` where a target is an input, however spelled, a recording, or another target."""
    targets: dict[str, str] = {}
    for param in command.params:
        value = values.get(param.name or "")
        if not isinstance(param.type, Target) or value in (None, "-"):
            continue
        path = os.fspath(value)
        if os.path.exists(path):
            from avianvox.audio.guard import refuse_recording

            for name, given in _inputs(command, values):
                _refuse_input(path, given, param.type, beside=name in param.type.beside)
            refuse_recording(path)
            if not param.type.changes_models:
                _refuse_own_model(path)
            _refuse_other(path, param.type)
        if not os.path.isdir(path):
            place = os.path.realpath(path)
            if place in targets:
                raise OutputError(f"cannot write {path}: {targets[place]} names the same file; name another")
            targets[place] = param.opts[0]


def reads(param: click.Parameter) -> bool:
    """Whether it names something that the command reads."""
    names_file = isinstance(param.type, click.Path) or "FILE" in (param.metavar or "")
    return names_file and not isinstance(param.type, Target)


def _inputs(command: click.Command, values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What the command reads: the name of a parameter, and a file or folder that is there."""
    for param in command.params:
        if not reads(param):
            continue
        value = values.get(param.name or "")
        for one in value if isinstance(value, tuple) else (value,):
            if one and os.path.exists(one):
                yield param.name or "", os.fspath(one)


def _refuse_input(path: str, given: str, target: Target, *, beside: bool) -> None:
    folder = os.path.isdir(given)
    if os.path.samefile(path, given) and not (folder and beside):
        what = "folder" if folder else "file"
        spelled = "" if path == given else f" ({given})"
        raise OutputError(
            f"cannot write {path}: this command reads this {what}{spelled}; name another {what}"
        )
    if folder and target.ours is not None and _is_inside(path, given) and not _has_mark(path, target.ours):
        raise OutputError(
            f"cannot write {path}: there is a file of {given}, which this command reads; name a new file"
        )


def _is_inside(path: str, folder: str) -> bool:
    inner, outer = os.path.realpath(path), os.path.realpath(folder)
    return os.path.isfile(inner) and os.path.commonpath((inner, outer)) == outer


def _has_mark(path: str, mark: bytes) -> bool:
    with open(path, "rb") as file:
        begin = file.read(_MARKED_BYTES)
        file.seek(max(0, os.fstat(file.fileno()).st_size - _MARKED_BYTES))
        return bool(mark) and (mark in begin or mark in file.read(_MARKED_BYTES))


def _refuse_other(path: str, target: Target) -> None:
    """Raise `OutputError` where a file of the user lies that is not what is written there."""
    holds = target.only_ours and os.path.isfile(path) and os.path.getsize(path) > 0
    if holds and not _has_mark(path, target.ours or b""):
        raise OutputError(
            f"cannot write {path}: there is a file that is no {target.only_ours}; name a new file"
        )


def _refuse_own_model(path: str) -> None:
    """Raise `OutputError` where a model lies that the user has added: others may listen with it."""
    from avianvox.modelfolder import own_models

    for name, model in own_models().items():
        if os.path.exists(model) and os.path.samefile(path, model):
            raise OutputError(
                f"cannot write {path}: there is your model '{name}'; name another file, or remove the model "
                f"first: avianvox models remove {name}"
            )


def refuse_table(path: str) -> None:
    """Raise `OutputError` where a table of a folder would replace a recording, or what a link leads to."""
    from avianvox.audio.guard import refuse_recording

    if os.path.islink(path):
        raise OutputError(f"cannot write {path}: there is a link; remove it, or name another folder")
    refuse_recording(path)
