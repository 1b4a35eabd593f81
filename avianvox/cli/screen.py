"""What long work tells, shown: lines and bars on standard error."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from avianvox.api.watch import ComparisonWatch, Count, Watch
from avianvox.cli.common import progress_bar, progress_bars, remark

if TYPE_CHECKING:
    from avianvox.models.protocol import EpochReport


class Screen(Watch):
    """Shows lines always, and bars where standard error is a terminal, unless ``quiet``."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet

    def say(self, line: str) -> None:
        remark(line)

    def counting(self, title: str) -> AbstractContextManager[Count | None]:
        return progress_bar(title, hide=self._quiet)

    @contextmanager
    def epochs(self) -> "Iterator[Callable[[EpochReport], None] | None]":
        """A bar over the epochs with the last figures beside it."""
        with progress_bars(hide=self._quiet) as bars:
            if bars is None:
                yield None
                return
            task = bars.add_task("training", total=None)

            def report_epoch(report: "EpochReport") -> None:
                figures = "  ".join(f"{name} {value:.3f}" for name, value in report.figures.items())
                bars.update(task, total=report.n_epochs, completed=report.epoch, description=figures)

            yield report_epoch

    def comparing(self) -> AbstractContextManager[ComparisonWatch]:
        from avianvox.cli.crossval_progress import progress_of_crossval

        return progress_of_crossval()
