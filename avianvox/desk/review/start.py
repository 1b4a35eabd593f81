"""Everything of a review put together: material, table of verdicts, sounds, names, pages."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

from avianvox.desk.app import make_app
from avianvox.desk.review.material import read_material
from avianvox.desk.review.pages import ReviewOptions, ReviewPages
from avianvox.desk.review.said import SaidSoFar
from avianvox.desk.review.season import SeasonPage
from avianvox.desk.review.sounds import Sounds
from avianvox.desk.server import serve
from avianvox.errors import InputError
from avianvox.randomness import hash_name
from avianvox.verdicts.table import verdicts_path
from avianvox.verdicts.writing import Writer

_PORTS = range(20_000, 32_000)
"""Below those that systems hand out."""


@dataclass(frozen=True, slots=True)
class ReviewWishes:
    """What is asked of a review; the options of the command."""

    source: Path
    _: KW_ONLY
    verdicts: Path | None = None
    reviewer: str = ""
    blind: bool = False
    min_score: float = 0.0
    audio: Path | None = None
    table_format: str | None = None
    species_list: Path | None = None
    model: str | None = None
    seed: int = 0

    @property
    def table(self) -> Path:
        """Where the verdicts go."""
        return self.verdicts or verdicts_path(Path(os.path.abspath(self.source)))

    @property
    def overview(self) -> tuple[str, ...]:
        """Options of the command that draws the season of the same table."""
        options = [str(self.source), "--verdicts", str(self.table)]
        options += ["--audio", str(self.audio)] if self.audio else []
        options += ["--from", self.table_format] if self.table_format else []
        return (*options, *(["--min-score", str(self.min_score)] if self.min_score else []))


@contextmanager
def opened_review(wishes: ReviewWishes) -> Iterator[tuple[Starlette, Writer]]:
    """The application of a review, for as long as its table of verdicts is open.

    Raises
    ------
    InputError
        There is nothing to review, or the table of verdicts is none.
    StoreError
        Another review has the table open.
    """
    material = read_material(
        wishes.source,
        wishes.table_format,
        audio=wishes.audio,
        min_score=wishes.min_score,
        seed=wishes.seed,
    )
    locate = _locating(wishes)
    with Writer(wishes.table) as writer, SeasonPage(wishes.overview) as season:
        options = ReviewOptions(
            title=str(wishes.source),
            table=str(wishes.table),
            reviewer=wishes.reviewer,
            blind=wishes.blind,
            names=_names(wishes),
        )
        pages = ReviewPages(
            material,
            SaidSoFar(material, writer),
            Sounds(locate, length_of=material.length_s),
            options,
            notes=_notes(locate),
            season=season,
        )
        yield make_app(pages.routes(), page="review.html"), writer


def run_review(wishes: ReviewWishes, *, port: int, browser: bool, say: Callable[[str], None]) -> str:
    """Serve a review until it is ended; returns what came of it, in one line."""
    with opened_review(wishes) as (app, writer):
        before = len(writer.verdicts)
        liked = _PORTS[hash_name(os.path.realpath(wishes.table)) % len(_PORTS)]
        serve(app, port=port, liked_port=liked, browser=browser, say=say)
        n = len(writer.verdicts) - before
    return f"{n} {'line' if n == 1 else 'lines'} added to {wishes.table}"


def _locating(wishes: ReviewWishes) -> Callable[[str], Path]:
    """From a table's path to the file, as `avianvox segments` looks for it."""
    from avianvox.audio.locate import recordings_in
    from avianvox.tables.recordings import folder_of

    tables = folder_of(wishes.source)
    recordings = recordings_in(wishes.audio or tables, tables=tables, may_be_empty=True)

    @lru_cache(maxsize=4096)
    def locate(path: str) -> Path:
        if wishes.audio is not None and (found := recordings.find(path)):
            return Path(found)
        beside = tables / path
        return beside if os.path.isfile(beside) and not os.path.isfile(path) else Path(path)

    return locate


def _names(wishes: ReviewWishes) -> list[tuple[str, str]]:
    """Scientific and common names to complete: of a list, else of the model."""
    from avianvox.modelfile import read_model_file
    from avianvox.modelfolder import default_model, find_model

    labels = read_model_file(find_model(wishes.model or default_model())).info.labels
    known = {name: labels.common_name(i) for i, name in enumerate(labels.names)}
    if wishes.species_list is None:
        return list(known.items())
    from avianvox.texts import read_text

    scientific = {common.casefold(): name for name, common in known.items() if common}
    found = []
    for line in read_text(wishes.species_list).splitlines():
        name, _, common = (part.strip() for part in line.partition("#")[0].partition("_"))
        if name:
            name = scientific.get(name.casefold(), name)
            found.append((name, common or known.get(name, "")))
    if not found:
        raise InputError(f"{wishes.species_list}: expected one species per line, found none")
    return found


def _notes(locate: Callable[[str], Path]) -> Callable[[str], dict[str, Any]]:
    from avianvox.audio.field_notes import read_field_notes
    from avianvox.dataset.credits import credit_of

    @lru_cache(maxsize=4096)
    def notes(path: str) -> dict[str, Any]:
        file = locate(path)
        if not os.path.isfile(file):
            return {}
        found = read_field_notes(file)
        return {
            "recorded": found.begin.isoformat(timespec="seconds") if found.begin else "",
            "site": found.site,
            "latitude": found.latitude,
            "longitude": found.longitude,
            "credit": credit_of(file),
        }

    return notes
