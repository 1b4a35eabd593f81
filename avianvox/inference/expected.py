"""The column ``expected_here`` for tables that were made without a place. Scores stay as they are."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from avianvox.audio.field_notes import read_field_notes
from avianvox.dataset.synonyms import species_key
from avianvox.inference.place import Weigher, geo_of, no_geo
from avianvox.inference.place_options import PlaceOptions
from avianvox.modelfile import ModelFile
from avianvox.types import Detection


def with_expectation(
    rows: Iterable[Detection],
    model: ModelFile,
    options: PlaceOptions,
    *,
    locate: Callable[[str], Path] = Path,
) -> Iterator[Detection]:
    """Rows that say whether their species are expected where and when their recordings were made.

    Parameters
    ----------
    rows : iterable of Detection
    model : ModelFile
        Its geo model is asked.
    options : PlaceOptions
    locate : callable
        From a detection's path to the file, whose notes say where it was made.

    Raises
    ------
    InputError
        The model has no geo model.
    """
    geo = geo_of(model)
    if geo is None:
        raise no_geo(model.info.name)
    labels = {species_key(name): k for k, name in enumerate(model.info.labels.names)}

    @lru_cache(maxsize=1024)
    def weigher(path: str) -> Weigher | None:
        place = options.place_of(read_field_notes(locate(path)))
        return None if place is None else Weigher(geo.at(place), options)

    for row in rows:
        label = labels.get(species_key(row.scientific_name)) if row.scientific_name else None
        there = weigher(row.path) if label is not None else None
        known = "" if label is None or there is None else there.expected(label)
        yield replace(row, expected_here=known)
