"""What ``avianvox calibrate`` prints of a finished model."""

from collections.abc import Iterator
from math import isinf

from avianvox.calibration.finished import FinishedReport
from avianvox.cli.calibrate import level_rows, verdicts
from avianvox.evaluation.figures import Table


def finished_lines(report: FinishedReport) -> Iterator[str]:
    """What is found of a finished model."""
    window, recording = report.levels["window"], report.levels["recording"]
    yield (
        f"{report.answers.name}, {report.n_folds} session folds: {recording.n_sessions} sessions, "
        f"{recording.n} recordings, {window.n} windows with a best answer"
    )
    yield ""
    columns = ("best answers", "per recording", "per window")
    yield Table(columns, tuple((name, *cells) for name, *cells in level_rows(recording, window))).markdown()
    yield from verdicts(report)
    for title, level in (("recordings", recording), ("windows", window)):
        decided, found = level.decided, level.thresholds
        rightly = f", {decided.right} of them rightly ({decided.precision:.0%})" if decided.named else ""
        own = sum(one.source == "own" for one in found.classes[:-1])
        of_all = "no score suffices" if isinf(found.pooled.score) else f"from {found.pooled.score:.2f}"
        yield (
            f"Thresholds for {report.options.rule}: of {decided.n} held-out {title} {decided.named} are named"
            f"{rightly}. {own} classes have a threshold of their own; the others: {of_all}"
        )
