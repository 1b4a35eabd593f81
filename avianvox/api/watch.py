"""Who is told what goes on in long work."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avianvox.evaluation.fits import FitReport
    from avianvox.models.protocol import EpochReport

Count = Callable[[int, int], None]
"""Called with what is done and how much there is to do."""


class Watch:
    """Is told what goes on, and does nothing about it. Override what is of interest."""

    def say(self, line: str) -> None:
        """One line beside the result, such as a problem of the catalog."""

    def counting(self, title: str) -> AbstractContextManager[Count | None]:
        """What counts recordings while ``title`` is worked on; None where nobody counts."""
        return nullcontext()

    def epochs(self) -> "AbstractContextManager[Callable[[EpochReport], None] | None]":
        """What takes each epoch of one training; None where nobody looks."""
        return nullcontext()

    def comparing(self) -> "AbstractContextManager[ComparisonWatch]":
        """What a cross-validation tells."""
        return nullcontext(ComparisonWatch())


class ComparisonWatch:
    """Is told about each part of a cross-validation, and does nothing about it."""

    def features(self, done: int, total: int) -> None:
        """So many recordings have their features."""

    def epoch(self, report: "EpochReport") -> None:
        """An epoch of a fit is done."""

    def fit(self, report: "FitReport") -> None:
        """A fit begins or is done."""

    def step(self, what: str, done: int, total: int) -> None:
        """A step of ``what``, such as figures, is done."""
