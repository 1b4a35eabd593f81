"""What a model is judged on: sound files, and the recordings of catalogs that speak of each of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from avianvox.audio.find import find_audio
from avianvox.dataset.origins import refuse_mixture
from avianvox.dataset.synonyms import species_key
from avianvox.errors import CatalogError
from avianvox.types import NO_BIRD, Recording


@dataclass(frozen=True)
class Sound:
    """One sound file.

    Attributes
    ----------
    path : Path
    recordings : tuple of Recording
        The file as a whole, or its annotated parts.
    complete : bool
        Whether every species that calls in it is labelled, so that another name is wrong.
    """

    path: Path
    recordings: tuple[Recording, ...]
    complete: bool

    @property
    def session(self) -> str:
        return self.recordings[0].session


@dataclass(frozen=True)
class JudgedSet:
    """Sound files, and how many recordings were left out for want of a label.

    ``remark``: one line where all of them are synthetic.
    """

    sounds: tuple[Sound, ...]
    n_unlabelled: int = 0
    remark: str = ""

    @cached_property
    def recordings(self) -> tuple[Recording, ...]:
        """All recordings, in the order of the sounds."""
        return tuple(recording for sound in self.sounds for recording in sound.recordings)

    @cached_property
    def species(self) -> tuple[str, ...]:
        """Labels in alphabetical order, `NO_BIRD` aside; one name for each species."""
        first: dict[str, str] = {}
        for recording in self.recordings:
            if recording.label not in ("", NO_BIRD):
                first.setdefault(species_key(recording.label), recording.label)
        return tuple(sorted(first.values()))


def judged_set(
    recordings: Sequence[Recording],
    *,
    without: Iterable[Path | str] = (),
    label: str = "",
    complete: bool = False,
) -> JudgedSet:
    """Put recordings to their sound files.

    Parameters
    ----------
    recordings : sequence of Recording
    without : iterable of path-like
        Files and folders in which no species of the recordings calls. Files of recordings are passed over.
    label : str
        Of recordings that have none.
    complete : bool
        Whether all that calls in the annotated files, and in those of ``without``, is labelled. So it always
        is taken to be in a file that is labelled as a whole.

    Raises
    ------
    CatalogError
        No recording has a label, or some are synthetic and some are not.
    """
    named = [r if r.label or not label else replace(r, label=label) for r in recordings]
    labelled = [r for r in named if r.label]
    if not labelled:
        raise CatalogError(
            "expected recordings with labels, found none; where all are of one species, give --label NAME"
        )
    by_file: dict[Path, list[Recording]] = {}
    for recording in labelled:
        by_file.setdefault(recording.path.resolve(), []).append(recording)
    sounds = [
        Sound(rows[0].path, tuple(rows), complete or any(r.span is None for r in rows))
        for rows in by_file.values()
    ]
    known = {recording.path.resolve() for recording in recordings}
    for path in find_audio(without):
        if path.resolve() not in known:
            known.add(path.resolve())
            sounds.append(Sound(path, (Recording(str(path), path),), complete))
    return JudgedSet(tuple(sounds), len(named) - len(labelled), refuse_mixture(labelled))


def overlaps(recording: Recording, begin_s: float, end_s: float) -> bool:
    """Whether a recording, or the part of one, lies at some moment between begin and end."""
    if recording.begin_s is None:
        return True
    return recording.begin_s < end_s and (recording.end_s is None or begin_s < recording.end_s)
