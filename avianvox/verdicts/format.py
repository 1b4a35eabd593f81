"""A table of verdicts as a table of what is heard: the majority of its reviewers, a row for each species.

Noise is a row of `NO_BIRD`; where nobody knows, or the reviewers don't agree, the row is of `UNSURE`. Events
that were passed over have none.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from avianvox.dataset.sources.fields import UNSURE
from avianvox.errors import OutputError
from avianvox.types import NO_BIRD, Detection
from avianvox.verdicts.consensus import Opinion, opinions
from avianvox.verdicts.standing import Word, standing
from avianvox.verdicts.table import SUFFIX, Said, is_header, read_tables


class VerdictTable:
    """The format ``verdicts``. It is read here; :mod:`avianvox.verdicts.writing` appends to it."""

    endings = (SUFFIX,)
    one_per_recording = False

    def write(
        self, detections: Iterable[Detection], path: Path, about: Mapping[str, str] | None = None
    ) -> None:
        """Raises `OutputError`: detections are no verdicts."""
        raise OutputError(
            f"cannot write {path}: a table of verdicts holds what people said; 'avianvox verdicts import' "
            "takes their annotations up"
        )

    def read(self, path: Path) -> Iterator[Detection]:
        return self.read_together([path])

    def read_together(self, paths: Sequence[Path]) -> Iterator[Detection]:
        """The majority over several tables."""
        yield from heard(standing(read_tables(paths)))

    def recognises(self, head: str) -> bool:
        return is_header(head.partition("\n")[0])


def heard(words: Sequence[Word]) -> Iterator[Detection]:
    """What is heard, in the order of files and times."""
    rows = [row for opinion in opinions(words) for row in _rows(opinion)]
    first = {path: n for n, path in reversed(list(enumerate(row.path for row in rows)))}
    yield from sorted(rows, key=lambda row: (first[row.path], row.begin_s or 0.0, row.end_s or 0.0))


def _rows(opinion: Opinion) -> Iterator[Detection]:
    names = opinion.names or ((NO_BIRD,) if opinion.is_noise else ())
    if not names and (opinion.is_unsure or opinion.is_disputed):
        names = (UNSURE,)
    for name in names:
        verdict = next(
            (w.verdict for w in opinion.words if name in w.verdict.names or _says(w.verdict.verdict, name)),
            opinion.words[0].verdict,
        )
        yield Detection(
            path=verdict.file,
            begin_s=verdict.start_s,
            end_s=verdict.end_s,
            low_hz=verdict.low_hz,
            high_hz=verdict.high_hz,
            scientific_name=name,
            score=verdict.score if name == verdict.suggested else None,
            message=verdict.note,
        )


def _says(said: Said, name: str) -> bool:
    return said == {NO_BIRD: Said.NOISE, UNSURE: Said.UNSURE}.get(name)
