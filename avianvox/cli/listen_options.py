"""The options of ``avianvox listen`` that say where events go: rows, clips and a command."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from avianvox.cli.common import FiniteFloat
from avianvox.cli.format_options import format_option
from avianvox.cli.targets import Target

if TYPE_CHECKING:
    from avianvox.audio.tape import Tape
    from avianvox.inference.live import Say
    from avianvox.trigger.trigger import Trigger

_OF_CLIPS = {
    "clips_budget": "--clips-budget",
    "clip_before_s": "--clip-before",
    "clip_after_s": "--clip-after",
    "clip_format": "--clip-format",
}
_OF_COMMANDS = {"on_event_timeout_s": "--on-event-timeout", "on_event_jobs": "--on-event-jobs"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What becomes of an event."""

    format_names: tuple[str, ...]
    output: str | None
    on_event: str | None
    on_event_timeout_s: float
    on_event_jobs: int
    save_clips: Path | None
    clips_budget: str
    clip_before_s: float
    clip_after_s: float
    clip_format: str


def refuse_idle(outcomes: Outcomes, *, by: str) -> None:
    """Raise `click.UsageError` where an option would change nothing."""
    if by == "window" and (given := _written({"on_event": "--on-event", "save_clips": "--save-clips"})):
        raise click.UsageError(f"{given}: only for events, not for --by window")
    if outcomes.save_clips is None and (given := _written(_OF_CLIPS)):
        raise click.UsageError(f"{given}: only with --save-clips")
    if outcomes.on_event is None and (given := _written(_OF_COMMANDS)):
        raise click.UsageError(f"{given}: only with --on-event")


def _written(options: dict[str, str]) -> str:
    """The options that the user wrote, by the names that they have for people."""
    from avianvox.cli.classify_refusals import written

    return ", ".join(options[name] for name in written(options))


def open_trigger(
    outcomes: Outcomes, say: "Say", tape: "Tape | None", opened: ExitStack, *, late_s: float
) -> "Trigger | None":
    """What sees to clips and commands; None where neither is asked for. It is closed with ``opened``.

    Raises
    ------
    InputError
        The command line or the size cannot be read.
    OutputError, StoreError
        The folder cannot be used.
    """
    if outcomes.on_event is None and outcomes.save_clips is None:
        return None
    from avianvox.errors import InputError
    from avianvox.trigger.clips import open_clips, read_size
    from avianvox.trigger.commands import Commands, read_command
    from avianvox.trigger.trigger import Around, Trigger

    clips = commands = None
    if outcomes.save_clips is not None:
        try:
            budget = read_size(outcomes.clips_budget)
        except InputError as error:
            raise InputError(f"--clips-budget: {error}") from error
        clips = opened.enter_context(
            open_clips(outcomes.save_clips, budget=budget, kind=outcomes.clip_format)
        )
    if outcomes.on_event is not None:
        try:
            command = read_command(outcomes.on_event)
        except InputError as error:
            raise InputError(f"--on-event: {error}") from error
        commands = Commands(
            command, say, timeout_s=outcomes.on_event_timeout_s, at_once=outcomes.on_event_jobs
        )
    around = Around(before_s=outcomes.clip_before_s, after_s=outcomes.clip_after_s)
    return Trigger(say, tape=tape, clips=clips, commands=commands, around=around, late_s=late_s)


OUTCOMES = (
    format_option(
        "Format of the rows: table (readable lines), jsonl or csv; several (csv,jsonl) with --output.",
        default="by the name of --output, else table on a terminal and jsonl elsewhere",
    ),
    click.option(
        "--output",
        "-o",
        type=Target(ours=None, readable=False),
        metavar="FILE",
        help="File to which rows are appended, each as its event ends; for several formats a folder.  "
        "[default: standard output]",
    ),
    click.option(
        "--on-event",
        metavar="COMMAND",
        help="Command to run for each event, without a shell. The event is a JSON object on its standard "
        "input, and AVIANVOX_SCIENTIFIC_NAME, AVIANVOX_SCORE, AVIANVOX_CLIP, ... in its environment.",
    ),
    click.option(
        "--on-event-timeout",
        "on_event_timeout_s",
        type=FiniteFloat(0, min_open=True),
        default=30.0,
        show_default=True,
        metavar="SECONDS",
        help="Time limit of a command; it is killed then.",
    ),
    click.option(
        "--on-event-jobs",
        type=click.IntRange(1, 64),
        default=2,
        show_default=True,
        help="Maximum number of commands at the same time.",
    ),
    click.option(
        "--save-clips",
        type=Target(ours=None, file_okay=False, path_type=Path),
        metavar="FOLDER",
        help="Folder for the sound of each event, with a table of the clips, clips.csv.",
    ),
    click.option(
        "--clips-budget",
        default="2GB",
        show_default=True,
        metavar="SIZE",
        help="Maximum size of all clips. The oldest ones are removed for new ones.",
    ),
    click.option(
        "--clip-before",
        "clip_before_s",
        type=FiniteFloat(0, 60),
        default=3.0,
        show_default=True,
        metavar="SECONDS",
        help="Sound before the event.",
    ),
    click.option(
        "--clip-after",
        "clip_after_s",
        type=FiniteFloat(0, 60),
        default=3.0,
        show_default=True,
        metavar="SECONDS",
        help="Sound after the event.",
    ),
    click.option(
        "--clip-format",
        type=click.Choice(["flac", "wav"]),
        default="flac",
        show_default=True,
        help="Format of the clips: 16 bits, mono, at --rate.",
    ),
)
