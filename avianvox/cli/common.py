"""What commands share: options, progress on a terminal, and how a command with failed inputs ends."""

import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO, TypeVar

import click
from click.core import ParameterSource

from avianvox.errors import InputError
from avianvox.words import printable, printable_lines

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from avianvox.evaluation.figures import Table
    from avianvox.workers import Workplace

F = TypeVar("F", bound=Callable[..., Any])

_TICK_S = 0.5

Report = Callable[[int, int], None]
"""Called with what is done and how much there is to do."""


class FiniteFloat(click.FloatRange):
    """A number in a range. Neither nan nor an infinite one is in any, other than in click's own."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


def comma_names(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """A callback for options like ``A,B``: the names, each once; None where the option is left out."""
    if value is None:
        return None
    return tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))


catalogs_argument = click.argument(
    "catalogs", nargs=-1, required=True, metavar="CATALOG...", type=click.Path(path_type=Path)
)
audio_option = click.option(
    "--audio",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of the recordings, which are found there by their names in the table.  [default: paths are "
    "relative to the current folder, or to that of the table]",
)
browser_option = click.option(
    "--browser/--no-browser", default=True, help="Open the page in a browser.  [default: browser]"
)


def options_of(options: Sequence[Callable[[Any], Any]]) -> Callable[[F], F]:
    """A decorator that puts options on a command, in their order."""

    def put(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return put


def workplace_options(default: str) -> Callable[[F], F]:
    """The options ``jobs``, ``scheduler`` and ``dask_config``, which `workplace_of` takes together.

    ``default`` says how many processes there are when ``--jobs`` is left out.
    """
    options = (
        click.option(
            "--jobs",
            type=click.IntRange(min=1),
            help=f"Number of worker processes on this computer.  [default: {default}]",
        ),
        click.option(
            "--scheduler",
            default="",
            metavar="ADDRESS",
            help="Address of a Dask cluster, such as tcp://10.0.0.1:8786. Its workers need the same files at "
            "the same paths.",
        ),
        click.option(
            "--dask-config",
            type=click.Path(path_type=Path, exists=True, dir_okay=False),
            metavar="FILE",
            help="Dask configuration in YAML (scheduler-address, certificates, time limits), or the JSON "
            "file of a Dask scheduler; in place of --scheduler.",
        ),
    )
    return options_of(options)


def workplace_of(
    jobs: int | None, scheduler: str, dask_config: Path | None, *, default: Callable[[], int]
) -> "Workplace":
    """Where the options say that the work is done; ``default`` gives the jobs when nothing is said.

    Raises
    ------
    click.UsageError
        ``jobs`` beside a cluster, which has workers of its own.
    ClusterError
        No scheduler can have this address.
    """
    from avianvox.workers import Workplace

    if not (scheduler or dask_config):
        return Workplace(jobs or default())
    if jobs is not None:
        raise click.UsageError("--jobs counts processes on this computer; a Dask cluster has its own workers")
    workplace = Workplace(scheduler=scheduler, dask_config=dask_config)
    from avianvox.workers.cluster import check_scheduler

    check_scheduler(workplace)
    return workplace


def tell(text: str, *, hang: int = 2) -> None:
    """Write lines for people; on a terminal, one that is too long goes on below, ``hang`` from the left.

    It is broken at spaces. What another program reads stays as it is. Names are shown as `echo` shows them.
    """
    click.echo(fitted(printable_lines(text), sys.stdout, hang=hang))


def fitted(text: str, stream: TextIO, *, hang: int = 2) -> str:
    """Lines for people, broken at spaces where ``stream`` is a terminal that is too narrow for them."""
    if not stream.isatty():
        return text
    from shutil import get_terminal_size
    from textwrap import TextWrapper

    width = get_terminal_size().columns
    wrapper = TextWrapper(
        width,
        subsequent_indent=" " * min(hang, width // 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(map(wrapper.fill, text.split("\n")))


@contextmanager
def progress_bars(*, hide: bool = False) -> "Iterator[Progress | None]":
    """Bars on standard error where that is a terminal; None elsewhere, and where they are hidden."""
    if hide or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress

    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield bars


@contextmanager
def progress_bar(title: str, *, hide: bool = False) -> Iterator[Report | None]:
    """One bar, as a function that moves it; None where there is none to see."""
    with progress_bars(hide=hide) as bars:
        if bars is None:
            yield None
            return
        with MovingBar(bars, bars.add_task(title, total=None)) as bar:
            yield bar.report


class MovingBar:
    """A bar over recordings that moves also while a long one is read: by the share of it that was heard.

    A context manager; ``describe`` gives the words beside the bar.
    """

    def __init__(
        self, bars: "Progress", task: "TaskID", *, describe: Callable[[], str] | None = None
    ) -> None:
        self._bars, self._task, self._describe = bars, task, describe
        self._done, self._shown = 0, 0.0
        self._total: int | None = None
        self._ended = threading.Event()

    def __enter__(self) -> "MovingBar":
        threading.Thread(target=self._tick, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def report(self, done: int, total: int | None) -> None:
        """So many recordings are done."""
        self._done, self._total = done, total
        self.move()

    def move(self) -> None:
        """Show what is done and heard by now; a bar goes back only with what is done."""
        from avianvox.workers.heard import heard

        reached = self._done + heard()[1]
        if self._total is not None:
            reached = min(reached, self._total)
        self._shown = max(reached, min(self._shown, self._done + 1))
        words = None if self._describe is None else self._describe()  # None leaves them as they are
        self._bars.update(self._task, completed=self._shown, total=self._total, description=words)

    def _tick(self) -> None:
        while not self._ended.wait(_TICK_S):
            self.move()


def remark(line: str) -> None:
    """Tell the user something beside the result: one line on standard error."""
    echo(line, err=True)


@contextmanager
def wrong_usage() -> Iterator[None]:
    """Make wrong usage (exit code 2) of an `InputError` about what the options say."""
    try:
        yield
    except InputError as error:
        raise click.UsageError(str(error)) from error


def echo(line: object, *, err: bool = False) -> None:
    """Print one line in which names of files, models and servers may stand."""
    click.echo(printable(str(line)), err=err)


def echo_text(text: str, *, nl: bool = True) -> None:
    """`echo` for several lines, of JSON or for people; the names in them are one line each already."""
    click.echo(printable_lines(text), nl=nl)


def show_table(table: "Table") -> None:
    """A table of figures: set for the width of a terminal, in Markdown elsewhere."""
    if not sys.stdout.isatty():
        echo_text(table.markdown())
        return
    from rich import box, console, text
    from rich import table as tables

    shown = tables.Table(box=box.SIMPLE, padding=(0, 1, 0, 0))
    for i, column in enumerate(table.columns):
        shown.add_column(column, justify="right" if i else "left", no_wrap=not i)
    for row in table.rows:
        shown.add_row(*(text.Text(printable(cell)) for cell in row))
    console.Console().print(shown)


def exit_with_failures(lines: Iterable[str]) -> NoReturn:
    """List the inputs that failed on standard error; end with 3 when there are any, else with 0."""
    code = 0
    for line in lines:
        echo(f"failed: {line}", err=True)
        code = 3
    raise SystemExit(code)


def refuse_beside_recompute(names: tuple[str, ...]) -> None:
    """Raise `click.UsageError` where this call has arguments or options besides those of ``names``."""
    context = click.get_current_context()
    others = [
        "CATALOG" if isinstance(parameter, click.Argument) else parameter.opts[0]
        for parameter in context.command.params
        if parameter.name not in (None, *names)
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
        and context.params[parameter.name] != ()
    ]
    if others:
        raise click.UsageError(f"--recompute takes all it needs from RUN; leave {', '.join(others)} out")
