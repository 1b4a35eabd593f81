"""The ``avianvox`` command: a table of commands, each imported when it is called."""

import errno
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import takewhile
from pathlib import Path
from typing import Any, NoReturn

import click

from avianvox.cli.help import Context, lay_out
from avianvox.errors import AvianvoxError, OutputError
from avianvox.registry import Registry, nearest
from avianvox.signals import INTERRUPTED, interrupted, interruptible

COMMANDS: Registry[click.Command] = Registry(
    "command",
    {
        "classify": "avianvox.cli.classify:classify",
        "convert": "avianvox.cli.convert:convert",
        "listen": "avianvox.cli.listen:listen",
        "detect": "avianvox.cli.detect:detect",
        "segments": "avianvox.cli.segments:segments",
        "verdicts": "avianvox.cli.verdicts:verdicts",
        "review": "avianvox.cli.review:review",
        "overview": "avianvox.cli.overview:overview",
        "gui": "avianvox.cli.gui:gui",
        "species": "avianvox.cli.species:species",
        "search": "avianvox.cli.search:search",
        "cluster": "avianvox.cli.cluster:cluster",
        "suggest": "avianvox.cli.suggest:suggest",
        "boxes": "avianvox.cli.boxes:boxes",
        "probe": "avianvox.cli.probe:probe",
        "inspect": "avianvox.cli.inspect:inspect",
        "data": "avianvox.cli.data:data",
        "features": "avianvox.cli.features:features",
        "train": "avianvox.cli.train:train",
        "crossval": "avianvox.cli.crossval:crossval",
        "ablate": "avianvox.cli.ablate:ablate",
        "generate": "avianvox.cli.generate:generate",
        "calibrate": "avianvox.cli.calibrate:calibrate",
        "evaluate": "avianvox.cli.evaluate:evaluate",
        "explain": "avianvox.cli.explain:explain",
        "report": "avianvox.cli.report:report",
        "pipeline": "avianvox.cli.pipeline:pipeline",
        "audit": "avianvox.cli.audit:audit",
        "reproduce": "avianvox.cli.reproduce:reproduce",
        "export": "avianvox.cli.export:export",
        "gate": "avianvox.cli.gate:gate",
        "doctor": "avianvox.cli.doctor:doctor",
        "models": "avianvox.cli.models:models",
        "synth": "avianvox.cli.synth:synth",
        "scenes": "avianvox.cli.scenes:scenes",
        "demo": "avianvox.cli.demo:demo",
    },
)

SUMMARIES = {
    "classify": "Name the species in recordings.",
    "convert": "Convert tables of detections or annotations.",
    "listen": "Name species as they call, from a microphone or a pipe.",
    "detect": "Find boxes around voices with a trained detector.",
    "segments": "Cut example sounds of each species for review.",
    "verdicts": "Precision, agreement and thresholds from reviewers' verdicts.",
    "review": "Listen to events on a local page, and say what is heard.",
    "overview": "Draw a season: activity, species, sites, recorders.",
    "gui": "Open a window for those without a terminal.",
    "species": "List the species that are expected at a place and time.",
    "search": "Find windows that sound like a query.",
    "cluster": "Group the windows of a store by likeness.",
    "suggest": "Choose what to listen to and label next.",
    "boxes": "Find boxes in time and frequency, and judge them.",
    "probe": "Show format, duration and status of recordings.",
    "inspect": "Show time, place and recorder of recordings.",
    "data": "List, check, split, import and download catalogs.",
    "features": "Build, inspect and verify a feature store.",
    "train": "Train a model on a catalog.",
    "crossval": "Cross-validate models on random and grouped folds.",
    "ablate": "Compare a training recipe with and without each part.",
    "generate": "Generate sounds of a species, and measure their worth.",
    "calibrate": "Calibrate scores and choose thresholds per species.",
    "evaluate": "Judge model files on labelled or annotated recordings.",
    "explain": "Show what a model listens to, and what it has learned.",
    "report": "Write the report of a cross-validation as one page.",
    "pipeline": "Measure how much a pipeline labels without a person.",
    "audit": "Find shortcuts in a catalog and leaks in its folds.",
    "reproduce": "Reproduce the published experiment.",
    "export": "Export a training run as one model file.",
    "gate": "Train and measure gates, which skip windows without a voice.",
    "doctor": "Check the installation and the speed of this computer.",
    "models": "List, describe and verify model files.",
    "synth": "Synthesise bird-like recordings with known answers.",
    "scenes": "Paste real calls on backgrounds, with known boxes and counts.",
    "demo": "Run all steps on synthetic recordings.",
}
"""One line for each command, so that ``avianvox --help`` imports none of them."""


class LazyGroup(click.Group):
    """A click group whose commands come from `COMMANDS`."""

    context_class = Context

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return lay_out(COMMANDS.get(cmd_name)) if cmd_name in COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            hint = nearest(args[0], list(COMMANDS))
            if not hint and os.path.exists(args[0]):
                hint = f"; to name the species in it: avianvox classify {args[0]}"
            ctx.fail(f"no such command '{args[0]}'{hint}")
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        with _in_one_line():
            return super().make_context(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _in_one_line():
                return super().invoke(ctx)
        except click.NoSuchOption as error:
            from avianvox.cli.foreign import explained

            raise explained(error) from error

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        names = [name for name in COMMANDS if name.startswith(incomplete)]
        items = [CompletionItem(name, help=SUMMARIES[name]) for name in names]
        return [*items, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, SUMMARIES[name]) for name in COMMANDS])


def _show_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        from avianvox import __version__

        click.echo(f"avianvox {__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: avianvox classify recording.mp3",
)
@click.option("-V", "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version)
@click.option("-v", "--verbose", count=True, help="Show the cause of an error; -vv: the traceback.")
def cli(verbose: int) -> None:
    """From recordings of animal voices to species names."""
    del verbose  # `main` looks at it, where errors end up


def main(args: list[str] | None = None) -> NoReturn:
    """Run the command line; every `AvianvoxError` becomes one line on standard error and exit code 1.

    So do an interrupt and a standard output that takes no more; the commands guard every other file that they
    write. A reader that has gone away, as ``head`` does, ends the command without a word.
    """
    arguments = sys.argv[1:] if args is None else args
    no_output = _fill_standard_streams()
    if sys.platform == "win32" and "PYTHONIOENCODING" not in os.environ:
        _write_utf8(sys.stdout, sys.stderr)
    try:
        with interruptible():
            code = cli.main(args=list(arguments), prog_name="avianvox", standalone_mode=False)
            sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except AvianvoxError as error:
        _fail(error, arguments)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):  # before or after the command itself
        _fail(AvianvoxError(INTERRUPTED), arguments)
    except OSError as error:
        from avianvox.files import output_error, reader_is_gone

        if reader_is_gone(error):
            _let_go(sys.stdout, sys.stderr)
            sys.exit(1)
        lost = (errno.ENOSPC, errno.EDQUOT, errno.EIO, *([errno.EBADF] if no_output else ()))
        if error.filename is not None or error.errno not in lost:
            raise
        _let_go(sys.stdout)
        refused = output_error(error, Path("standard output"))
        if error.errno == errno.EBADF:
            refused = OutputError("cannot write standard output: it is closed; redirect it to a file")
        refused.__cause__ = error
        _fail(refused, arguments)
    finally:
        gc.freeze()  # the process ends here: looking for garbage once more is a tenth of a short run


@contextmanager
def _in_one_line() -> Iterator[None]:
    """Make an interrupt, and what has become of it in the middle of an import, an `AvianvoxError`."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        raise _interruption(interrupt) from interrupt
    except click.exceptions.Exit:
        raise
    except Exception as error:
        if interrupted():
            raise _interruption(error) from error
        raise


def _interruption(error: BaseException) -> AvianvoxError:
    """One line: what a command says of going on stands in its ``KeyboardInterrupt``."""
    from traceback import clear_frames

    clear_frames(error.__traceback__)  # decoders and models end before the process does
    advice = str(error) if isinstance(error, KeyboardInterrupt) else ""
    return AvianvoxError(f"{INTERRUPTED}; {advice}" if advice else INTERRUPTED)


def _fill_standard_streams() -> bool:
    """Open what the caller has closed, lest a file of the user take its number. Whether output was closed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # the lowest free number is taken; nothing can be written to this standard output
            os.open(os.devnull, os.O_RDONLY if number == 1 else os.O_RDWR)
            os.set_inheritable(number, True)
    closed = sys.stdout is None
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
    return closed


def _write_utf8(*streams: Any) -> None:
    """Make what goes to a file or a pipe UTF-8 with ``\\n``, as on other systems: names have all letters."""
    for stream in streams:
        if isinstance(stream, TextIOWrapper) and not stream.isatty():
            stream.reconfigure(encoding="utf-8", newline="\n")


def _let_go(*streams: Any) -> None:
    """Forget what a stream can't get rid of: it must not fail again as the process ends."""
    for stream in streams:
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _fail(error: AvianvoxError, arguments: list[str]) -> NoReturn:
    verbosity = _verbosity(arguments)
    if verbosity > 1:
        raise error
    click.echo(f"avianvox: {error}", err=True)
    if verbosity and error.__cause__:
        from avianvox.words import printable

        cause = f"{type(error.__cause__).__name__}: {error.__cause__}"
        click.echo(f"  caused by {printable(cause)}", err=True)
    sys.exit(1)


def _verbosity(arguments: list[str]) -> int:
    """How often ``-v`` stands before the command."""
    before = list(takewhile(lambda argument: argument.startswith("-"), arguments))
    return before.count("--verbose") + sum(a.count("v") for a in before if a.strip("v") == "-")
