"""What `avianvox classify` says while it runs and when it is done: a bar, a log file, a summary."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from avianvox.api.question import against_place
from avianvox.audio.find import find_inputs
from avianvox.cli.common import MovingBar, fitted
from avianvox.files import output_error
from avianvox.inference.runs import Tally
from avianvox.words import printable
from avianvox.workers.heard import heard

if TYPE_CHECKING:
    from rich.progress import Progress

    from avianvox.inference.answers import Entry
    from avianvox.inference.ledger import Ledger

LOG_EVERY_S = 60.0
SHOWN_FAILURES = 20
SHOWN_SPECIES = 10


class Watch:
    """Follows a run through its `Tally`. A context manager; `done` takes each file that was read.

    Parameters
    ----------
    paths : tuple of str
        The arguments of the command. They are counted beside the run, so that it need not wait for that.
    quiet : bool
        No bar and no summary.
    log_file : str or None
        Takes times, progress once a minute, failures and the summary.
    on_screen : bool
        Answers go to standard output; where that is a terminal, they are progress enough.
    about_events : callable
        From the events below thresholds, by species, to the lines that the summary has about them.
    """

    def __init__(
        self,
        paths: tuple[str, ...],
        *,
        quiet: bool,
        log_file: str | None,
        on_screen: bool,
        about_events: Callable[[Counter[str]], Iterable[str]] = lambda below: (),
    ) -> None:
        self.tally = Tally()
        self.failed: list[str] = []
        self.ledger = ""  # where the failures stand, if anywhere
        self.wrote = ""  # tables, as a line for people
        self.left_out = 0  # files of an earlier run that are not the inputs of this one
        self._paths, self._quiet, self._log_path = paths, quiet, log_file
        self._about_events = about_events
        hidden = quiet or not sys.stderr.isatty() or (on_screen and sys.stdout.isatty())
        self._bars: Progress | None = None if hidden else _bars()
        self._total: int | None = None
        self._begin = self._logged = time.monotonic()
        self._heard_s = heard()[0]  # before this run
        self._stack = ExitStack()

    def __enter__(self) -> "Watch":
        with ExitStack() as stack:
            self._log_stream = None
            if self._log_path is not None:
                try:  # without a buffer: what a full disk refused once is not tried again at the end
                    self._log_stream = stack.enter_context(open(self._log_path, "ab", buffering=0))
                except OSError as error:
                    raise output_error(error, Path(self._log_path)) from error
                self.log(f"begin: {' '.join(self._paths)}")
            if self._bars is not None:
                stack.enter_context(self._bars)
                task = self._bars.add_task("", total=None)
                self._bar = stack.enter_context(MovingBar(self._bars, task, describe=self._rate))
            if self._bars is not None or self._log_stream is not None:
                threading.Thread(target=self._count, daemon=True).start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if self._bars is not None:
            self._bars.stop()
        if kind is None:
            self._say(self.summary())
        elif isinstance(error, KeyboardInterrupt):
            self.log("interrupted")
        elif error is not None:
            self.log(f"failed: {error}")
        self._stack.close()

    def _count(self) -> None:
        self._total = sum(1 for _ in find_inputs(self._paths))
        if self._bars is not None:
            self._bar.report(self.tally.files, self._total)

    def done(self, entry: "Entry") -> None:
        """A file was read and counted."""
        if entry.status.failed:
            line = _failure(entry)
            if not self.ledger or len(self.failed) < SHOWN_FAILURES:
                self.failed.append(line)
            self.log(f"failed: {line}")
        if self._bars is not None:
            self._bar.report(self.tally.files, self._total)
        if self._log_stream is not None and time.monotonic() - self._logged >= LOG_EVERY_S:
            self._logged = time.monotonic()
            self.log(f"{self.tally.files} of {self._total or '?'} files, {self._rate()}, {self._left()}")

    def relist(self, ledger: "Ledger") -> None:
        """List the failures that a ledger of all files has, in place of those seen so far."""
        failed = (_failure(entry) for entry in ledger.entries() if entry.status.failed)
        self.failed = list(islice(failed, SHOWN_FAILURES))
        self.left_out = ledger.n_left_out

    def _rate(self) -> str:
        seconds = time.monotonic() - self._begin
        new_seconds = max(self.tally.new_seconds, heard()[0] - self._heard_s)  # Dask's workers are not heard
        speed = new_seconds / seconds
        failed = f", {self.tally.failed} failed" if self.tally.failed else ""
        return f"{(self.tally.files - self.tally.kept) / seconds:.1f} files/s, {speed:.0f}x real time{failed}"

    def _left(self) -> str:
        read = self.tally.files - self.tally.kept
        if self._total is None or not read:
            return "time left not known"
        left = (self._total - self.tally.files) * (time.monotonic() - self._begin) / read
        return f"{_duration(left)} left"

    def summary(self) -> list[str]:
        """What was read, how fast, what failed, what was named."""
        tally, seconds = self.tally, time.monotonic() - self._begin
        files = "1 file" if tally.files == 1 else f"{tally.files:,} files"
        kept = f" ({tally.kept:,} of them read before)" if tally.kept else ""
        lines = [f"{files}{kept}, {_duration(tally.seconds)} of sound, {tally.failed or 'none'} failed"]
        if self.left_out:
            left = "1 file" if self.left_out == 1 else f"{self.left_out:,} files"
            lines.append(f"left out: earlier results of {left} that changed or are not in PATHS now")
        last = list(self._about_events(tally.below))
        if tally.cancelled:
            those = "1 file" if tally.cancelled == 1 else f"{tally.cancelled:,} files"
            last.append(f"the channels cancel each other in {those}; --channels 1 reads one of them alone")
        if tally.narrow:
            those = "1 file" if tally.narrow == 1 else f"{tally.narrow:,} files"
            last.append(f"too low a sample rate for the model in {those}; names may be wrong")
        last += against_place(tally.against, tally.placeless)
        last += [f"wrote {self.wrote}"] if self.wrote else []
        if tally.files == 1:
            return [*lines, *last]
        if tally.kept < tally.files:
            lines.append(f"{_duration(seconds)}, {tally.new_seconds / seconds:.0f} times real time")
        troubles = [f"{n:,} {status}" for status, n in sorted(tally.statuses.items()) if status != "ok"]
        if troubles:
            lines.append(f"not ok: {', '.join(troubles)}")
        named = tally.named.most_common()
        if named:
            shown = ", ".join(f"{name} {n:,}" for name, n in named[:SHOWN_SPECIES])
            more = f" and {len(named) - SHOWN_SPECIES} species more" if len(named) > SHOWN_SPECIES else ""
            lines.append(f"named: {shown}{more}")
        if tally.doubtful:
            lines.append(f"doubtful times of day in {tally.doubtful:,} files; see avianvox inspect")
        if tally.n_gated:
            lines.append(f"the gate skipped {tally.n_gated / tally.n_windows:.1%} of the windows")
        return [*lines, *last]

    def _say(self, lines: list[str]) -> None:
        for line in lines:
            self.log(line)
            if not self._quiet:
                click.echo(fitted(printable(line), sys.stderr), err=True)

    def log(self, line: str) -> None:
        """A line for the log file, with the time of day."""
        if self._log_path is None or self._log_stream is None:
            return
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        try:
            self._log_stream.write(f"{now} {printable(line)}\n".encode())
        except OSError as error:
            self._log_stream = None
            raise output_error(error, Path(self._log_path)) from error

    def failures(self) -> Iterator[str]:
        """A line for each file that failed; the first of many, where a ledger has them all."""
        yield from self.failed
        if (more := self.tally.failed - len(self.failed)) > 0:
            yield f"and {more} more, each in {self.ledger}"


def _failure(entry: "Entry") -> str:
    return printable(f"{entry.path}: {entry.status}: {entry.message}")


def _bars() -> "Progress":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("classifying"),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
