"""What ``avianvox calibrate`` prints of species that were held out in turn."""

from math import isnan
from typing import TYPE_CHECKING

from avianvox.evaluation.figures import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from avianvox.calibration.unknown import UnknownLevel, UnknownReport
    from avianvox.evaluation.bootstrap import Interval

_LEVELS = ("recording", "window")


def unknown_lines(report: "UnknownReport") -> "Iterator[str]":
    """What gets a name, of known and of unknown species, and how well scores tell both apart."""
    yield f"Unknown species: {report.n_species} species, held out in {report.n_turns} turns"
    columns = ("", *(f"per {name}" for name in _LEVELS))
    yield Table(columns, tuple(zip(*_cells(report), strict=True))).markdown()
    yield (
        "Thresholds are chosen in other turns and sessions. A recording of a known species counts in each "
        "turn that tests it."
    )
    yield ""
    columns = ("score", "AUROC", "unknown named", "recall", f"recall at {report.share:.0%} named")
    rows = tuple(
        (row.name, *(_interval(one) for one in (row.auroc, row.named, row.recall, row.recall_at_share)))
        for row in report.scores
    )
    yield Table(columns, rows).markdown()
    yield (
        "Recordings, each best answer being a name: right names against unknown species. Thresholds for a "
        f"recall of {report.recall:g}, and for {report.share:.0%} of unknown species named, from other turns."
    )


def _cells(report: "UnknownReport") -> "Iterator[tuple[str, ...]]":
    yield (
        "of known species: named, of these rightly",
        "  with a threshold for unknown species",
        "of unknown species: named",
        "  with a threshold for unknown species",
        "rightly named that stay named",
        "threshold for unknown species, from all turns",
    )
    for name in _LEVELS:
        yield tuple(_column(report.levels[name]))


def _column(level: "UnknownLevel") -> "Iterator[str]":
    for named in (level.before, level.after):
        yield f"{named.known} of {level.n_known}, {named.right}"
    for named, share in ((level.before, level.named_before), (level.after, level.named_after)):
        yield f"{named.unknown} of {level.n_unknown}, {_interval(share)}"
    yield _interval(level.recall)
    yield f"{level.threshold:.2f}" if level.threshold else "none needed"


def _interval(interval: "Interval") -> str:
    if isnan(interval.value):
        return "-"
    ends = "" if isnan(interval.low) else f" [{interval.low:.2f}, {interval.high:.2f}]"
    return f"{interval.value:.3f}{ends}"
