"""What scenes are made of, and on which side it lies: sessions of clips and backgrounds are never parted."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from avianvox.audio.find import find_audio
from avianvox.dataset.catalog import read_catalog
from avianvox.dataset.licences import no_derivatives
from avianvox.dataset.sources.annotations import Annotations, read_boxes
from avianvox.dataset.sources.noted import noted
from avianvox.dataset.splits import make_split
from avianvox.errors import CatalogError, InputError
from avianvox.evaluation.plain import counted
from avianvox.types import NO_BIRD, Recording


@dataclass(frozen=True)
class Fold:
    """Sessions that scenes are made of together: clips with an animal, and backgrounds without one."""

    part: str
    clips: tuple[Recording, ...]
    backgrounds: tuple[Recording, ...]

    @property
    def species(self) -> tuple[str, ...]:
        return tuple(sorted({clip.label for clip in self.clips}))


def backgrounds_in(paths: Iterable[Path]) -> list[Recording]:
    """Recordings in which nothing calls.

    Of a folder with boxes in its recordings, those without a box; of another catalog, those labelled "no
    bird"; of any other file or folder, every sound file.

    Raises
    ------
    CatalogError
        There are none in one of ``paths``, or a catalog cannot be read.
    """
    found: list[Recording] = []
    for path in paths:
        there = list(_backgrounds(path))
        if not there:
            raise CatalogError(
                f"{path}: expected recordings without an animal, found none; label them '{NO_BIRD}', or name "
                "a folder of them alone"
            )
        found += there
    return [replace(r, label=NO_BIRD, common_name="") for r in found]


def _backgrounds(path: Path) -> Iterable[Recording]:
    if not path.exists():
        raise CatalogError(f"no background at {path}: no such file or folder exists")
    if Annotations().recognises(path):
        return (r for r in read_boxes(path).recordings if not r.boxes)
    try:
        rows = read_catalog(path).recordings
    except CatalogError:
        return (noted(Recording(sound.name, sound)) for sound in find_audio([path]))
    return (r for r in rows if r.label == NO_BIRD and not r.background)


def usable_clips(recordings: Iterable[Recording], *, alone: bool) -> tuple[list[Recording], list[str]]:
    """Clips that calls may be cut from, and one line for each reason why others are left out."""
    labelled = [r for r in recordings if r.label not in ("", NO_BIRD)]
    reasons = {
        "under a licence without derivatives": [r for r in labelled if no_derivatives(r.licence)],
        "with other species in the background": [r for r in labelled if alone and r.background],
        "without a file": [r for r in labelled if not r.path.is_file()],
    }
    out = {r.id for rows in reasons.values() for r in rows}
    lines = [f"left out: {counted(len(rows), 'recording')} {why}" for why, rows in reasons.items() if rows]
    return [r for r in labelled if r.id not in out], lines


def fold_sessions(
    clips: Sequence[Recording], backgrounds: Sequence[Recording], parts: Sequence[str], *, seed: int
) -> tuple[Fold, ...]:
    """Put whole sessions into folds, of which ``parts`` names the part.

    A session that has clips and backgrounds is kept together too.

    Raises
    ------
    InputError
        There are too few sessions, or a fold has no clip or no background.
    """
    ids = {r.id for r in clips}
    renamed = [replace(r, id=f"background/{r.id}") if r.id in ids else r for r in backgrounds]
    pool = [*clips, *renamed]
    try:
        split = make_split(pool, grouping="session", n_folds=len(parts), seed=seed)
    except InputError as error:
        raise InputError(
            f"scenes: {error}; or name fewer in parts, such as --parts train=1,test=1"
        ) from error
    folds = []
    for part, fold in zip(parts, split.folds, strict=True):
        mine = [pool[i] for i in fold.test.tolist()]
        there = Counter(r.label == NO_BIRD for r in mine)
        if len(there) < 2:
            missing = "background" if there[False] else "clip"
            raise InputError(
                f"scenes: a fold of part '{part}' has no {missing}: there are too few sessions of them; add "
                f"some, or name fewer folds than {len(parts)}, such as --parts train=1,test=1"
            )
        folds.append(
            Fold(
                part,
                tuple(r for r in mine if r.label != NO_BIRD),
                tuple(r for r in mine if r.label == NO_BIRD),
            )
        )
    return tuple(folds)
