"""What was said of the material, and what of it holds."""

from collections import defaultdict
from threading import Lock

from avianvox.desk.review.material import Material
from avianvox.verdicts.standing import Word, standing
from avianvox.verdicts.table import Said, Verdict
from avianvox.verdicts.writing import Writer


class SaidSoFar:
    """The verdicts of a table, by reviewer and file; each that is added is on disk before anything shows it.

    Parameters
    ----------
    material : Material
    writer : Writer
        Open.
    """

    def __init__(self, material: Material, writer: Writer) -> None:
        self._material, self._writer = material, writer
        self._lock = Lock()
        self._lines: dict[tuple[str, str], list[Verdict]] = defaultdict(list)
        self._held: dict[tuple[str, str], list[Word]] = {}
        self._decided: dict[str, dict[int, Verdict]] = defaultdict(dict)
        self._seconds: dict[str, list[float]] = defaultdict(list)
        files = {(verdict.reviewer, verdict.id): verdict.event.file for verdict in writer.verdicts}
        for verdict in writer.verdicts:  # an undoing need not name the file
            file = verdict.event.file or files.get((verdict.reviewer, verdict.replaces), "")
            self._lines[verdict.reviewer, file].append(verdict)
        for reviewer, file in list(self._lines):
            self._settle(reviewer, file)

    @property
    def reviewers(self) -> list[str]:
        return sorted({reviewer for reviewer, _ in self._lines if reviewer})

    @property
    def n_lines(self) -> int:
        """How many lines the table has."""
        return len(self._writer.verdicts)

    def add(self, verdict: Verdict) -> bool:
        """Append a verdict. False: it was there already."""
        with self._lock:
            if not self._writer.add(verdict):
                return False
            file = verdict.event.file
            self._lines[verdict.reviewer, file].append(verdict)
            self._settle(verdict.reviewer, file)
            if verdict.seconds is not None:
                self._seconds[verdict.reviewer].append(verdict.seconds)
            return True

    def _settle(self, reviewer: str, file: str) -> None:
        """Find what holds of one reviewer's words on one file."""
        by_event, decided = self._material.by_event, self._decided[reviewer]
        for word in self._held.get((reviewer, file), ()):
            decided.pop(by_event.get(word.event, -1), None)
        held = standing(self._lines[reviewer, file])
        self._held[reviewer, file] = held
        decided |= {by_event[w.event]: w.verdict for w in held if w.event in by_event}

    def on(self, reviewer: str, position: int) -> Verdict | None:
        """The last word of a reviewer on an item."""
        return self._decided[reviewer].get(position)

    def with_id(self, reviewer: str, file: str, name: str) -> Verdict | None:
        """A verdict by its id."""
        return next((v for v in self._lines.get((reviewer, file), ()) if v.id == name), None)

    def added(self, reviewer: str, file: str) -> list[Verdict]:
        """The calls in a file that a reviewer has added, and not taken back."""
        held = self._held.get((reviewer, file), ())
        return [word.verdict for word in held if word.verdict.verdict == Said.ADDED]

    def names(self) -> list[str]:
        """All species that anybody has named."""
        return sorted({name for verdict in self._writer.verdicts for name in verdict.names})

    def progress(self, reviewer: str, view: range) -> dict[str, float]:
        """How many items of a view have an answer, of which kind; the median of seconds since the start."""
        counts: dict[str, float] = defaultdict(int)
        for position, verdict in self._decided[reviewer].items():
            if position in view:
                counts[verdict.verdict] += 1
        done = sum(counts.values())
        seconds = sorted(self._seconds[reviewer])
        pace = {"median_s": seconds[len(seconds) // 2]} if seconds else {}
        return {"total": len(view), "done": done, **counts, **pace}
