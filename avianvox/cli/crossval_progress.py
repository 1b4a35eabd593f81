"""How ``avianvox crossval`` shows where it is: bars on a terminal, a line for each fit elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from avianvox.api.watch import ComparisonWatch
from avianvox.cli.common import MovingBar, echo, progress_bars

if TYPE_CHECKING:
    from rich.progress import Progress

    from avianvox.evaluation.fits import FitReport
    from avianvox.models.protocol import EpochReport


class Lines(ComparisonWatch):
    """Progress for a log: one line for each fit."""

    def features(self, done: int, total: int) -> None:
        if done == total:
            click.echo(f"features of {total} recordings are there", err=True)

    def fit(self, report: "FitReport") -> None:
        if report.done:
            took = "kept" if report.kept else f"{report.seconds:.1f} s"
            echo(f"{report.number}/{report.n_fits} {_fit_name(report)}: {took}", err=True)


class Bars(Lines):
    """Progress for a terminal: bars for features, audit, fits, epochs and figures."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        names = ("features", "audit", "fits", "epochs", "figures")
        self._tasks = {name: progress.add_task(name, visible=False) for name in names}
        self.recordings = MovingBar(progress, self._tasks["features"])

    def features(self, done: int, total: int) -> None:
        self._progress.update(self._tasks["features"], visible=True)
        self.recordings.report(done, total)

    def epoch(self, report: "EpochReport") -> None:
        self.step("epochs", report.epoch, report.n_epochs)

    def fit(self, report: "FitReport") -> None:
        self.step("fits", report.number if report.done else report.number - 1, report.n_fits)
        self._progress.update(self._tasks["fits"], description=_fit_name(report))
        self._progress.update(self._tasks["epochs"], completed=0, visible=False)

    def step(self, what: str, done: int, total: int) -> None:
        self._progress.update(self._tasks[what], completed=done, total=total, visible=True)


def _fit_name(report: "FitReport") -> str:
    few = f", {report.per_class} a class" if report.per_class else ""
    few += f", without {', '.join(report.turn.species)}" if report.turn else ""
    return f"{report.model}, {report.grouping} fold {report.fold + 1}{few}"


@contextmanager
def progress_of_crossval() -> Iterator[Lines]:
    """Bars on standard error where that is a terminal, lines elsewhere."""
    with progress_bars() as bars:
        if bars is None:
            yield Lines()
            return
        shown = Bars(bars)
        with shown.recordings:
            yield shown
