"""Place and season: what a model's geo model says of the species that are expected somewhere at some time.

A geo model turns latitude, longitude and week into one number for each species: how often observers list it
there and then. That is evidence, and no list of what lives there. It gives almost nothing to some species
everywhere, and just to them in the only place that they have. So each species is compared with itself:
`Expectation.share` is its number here against the greatest that it has anywhere, and from `ENOUGH` on it is
simply expected. What no number anywhere speaks for, no number here speaks against.

`Expectation.weigh` is the prior: the share, to the power of a weight, multiplies the odds of a score. A
weight of 0 changes nothing. ``wall`` leaves out what has less than so much here, but for the species that
the geo model doesn't know. Start with `geo_of`, which gives the geo model of a model file.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from avianvox.dataset.synonyms import species_key
from avianvox.errors import InputError, MissingExtraError, ModelFileError
from avianvox.inference.place_options import WEEKS, WEIGHT, Place, PlaceOptions
from avianvox.modelfile import ModelFile
from avianvox.types import LabelSet

GEO, GEO_LABELS, GEO_HIGHEST = "geo.tflite", "geo_labels.txt", "geo_highest.txt"
"""Entries of a model file: the geo model, its species, and the greatest number that each has anywhere."""

ENOUGH = 0.03  # the number from which a species is expected, as in the lists of BirdNET-Analyzer
UNCERTAIN = 0.001  # what a number this small may be by chance
KNOWN = 0.03  # a species that has less everywhere is one that the geo model doesn't know
CLEAR = 0.25  # a score from which a species was heard, as far as sound alone goes
_STEP_DEGREES, _WEEK_STEP = 5, 4  # of the grid over the earth and the year


class GeoModel:
    """A geo model over the classes of a model that hears.

    Parameters
    ----------
    content : bytes
        A TFLite flatbuffer: latitude, longitude and week, shape (n, 3), to shape (n, n_species).
    species : sequence of str
        Its species in order: scientific names, or BirdNET's ``Scientific name_Common name``.
    labels : LabelSet
        The classes to answer for. One that it has under no name, older or newer, is not
        known to it.
    highest : np.ndarray, optional, shape (n_species,)
        The greatest number that each has anywhere; see `highest_anywhere`, which finds it in some seconds.
    """

    def __init__(
        self, content: bytes, species: Sequence[str], labels: LabelSet, highest: np.ndarray | None = None
    ) -> None:
        self._content, self._n_species = content, len(species)
        places = {species_key(name.partition("_")[0]): k for k, name in enumerate(species)}
        self._positions = np.array([places.get(species_key(name), -1) for name in labels.names], np.int64)
        self._highest = highest
        self.at = lru_cache(maxsize=256)(self._at)

    def _at(self, place: Place) -> "Expectation":
        """What is expected at a place; kept for the places and weeks that come again."""
        here = self.numbers([place])[0]
        return Expectation(self._classes(here), self._classes(self.highest))

    def has(self, label: int) -> bool:
        """Whether a class is one of its species, known well or not."""
        return bool(self._positions[label] >= 0)

    def _classes(self, numbers: np.ndarray) -> np.ndarray:
        found: np.ndarray = np.where(self._positions >= 0, numbers[self._positions], 0.0)
        return found

    @cached_property
    def highest(self) -> np.ndarray:
        """The greatest number of each of its species, shape (n_species,), float32."""
        return highest_anywhere(self) if self._highest is None else self._highest

    def numbers(self, places: Sequence[Place]) -> np.ndarray:
        """What the geo model itself gives, shape (n_places, n_species), float32."""
        rows = np.array([(p.latitude, p.longitude, p.week) for p in places], np.float32)
        interpreter = self._interpreter
        wanted, given = (
            interpreter.get_input_details()[0]["index"],
            interpreter.get_output_details()[0]["index"],
        )
        interpreter.resize_tensor_input(wanted, rows.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(wanted, rows)
        interpreter.invoke()
        found: np.ndarray = interpreter.get_tensor(given)
        if found.shape != (len(rows), self._n_species) or not np.isfinite(found).all():
            raise ModelFileError(
                f"geo model: expected {self._n_species} finite numbers, one for each of its species, got "
                f"{'x'.join(map(str, found.shape))}; add the model again"
            )
        return found

    @cached_property
    def _interpreter(self) -> Any:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise MissingExtraError(
                "a geo model needs the package 'ai-edge-litert', which is not installed; "
                "install it with: pip install ai-edge-litert"
            ) from error
        from avianvox.audio.chatter import silence_decoders

        try:
            with silence_decoders():
                interpreter = Interpreter(model_content=self._content, num_threads=1)
                interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            reason = str(error).splitlines()[0].strip()
            raise ModelFileError(f"geo model: it cannot be run ({reason}); add the model again") from error
        return interpreter


@dataclass(frozen=True, slots=True, eq=False)
class Expectation:
    """What a geo model says about the classes of a model at one place and time.

    Attributes
    ----------
    here, highest : np.ndarray, shape (n_classes,)
        The number of each class here, and the greatest that it has anywhere; 0 where it is not known.
    """

    here: np.ndarray
    highest: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """Whether the geo model knows a class: it has `KNOWN` somewhere. Shape (n_classes,), bool."""
        return self.highest >= KNOWN

    @property
    def share(self) -> np.ndarray:
        """How much of what speaks for a class anywhere does here, shape (n_classes,), in (0, 1].

        1 from `ENOUGH` on. `UNCERTAIN` is added to both sides, so that species with tiny numbers everywhere
        have about half of it or more, wherever they are.
        """
        most = np.minimum(self.highest.astype(np.float64), ENOUGH) + UNCERTAIN
        found: np.ndarray = np.minimum(1.0, (self.here.astype(np.float64) + UNCERTAIN) / most)
        return found

    @property
    def against(self) -> np.ndarray:
        """Whether the place argues against a class that is known: less than half of the share; as `known`."""
        return self.known & (self.share < 0.5)

    def weigh(self, scores: np.ndarray, weight: float = WEIGHT, wall: float = 0.0) -> np.ndarray:
        """Scores with the place taken into account.

        Parameters
        ----------
        scores : np.ndarray, shape (n_classes,), in [0, 1]
        weight : float
            The share to this power multiplies the odds of a score: score / (1 - score).
        wall : float in [0, 1]
            Known classes with a smaller number here get a score of 0.

        Returns
        -------
        np.ndarray, shape (n_classes,), of the dtype of ``scores``, nowhere above them
        """
        if weight == 0 and wall == 0:
            return scores
        p = scores.astype(np.float64)
        factor = self.share**weight
        weighed = p * factor / (p * factor + (1 - p))
        weighed[factor == 1] = p[factor == 1]  # to the last bit
        weighed[self.known & (self.here < wall)] = 0
        return weighed.astype(scores.dtype)


YES, NO = "yes", "no"
"""What `Weigher.expected` says, and the column ``expected_here``."""


class Weigher:
    """Weighs scores by place for one recording, and counts what it argues against.

    Attributes
    ----------
    against : Counter of int
        How often each class was the best by sound alone, with `CLEAR` or more, and the place argued against:
        recordings, windows, or windows of the search for events.
    """

    def __init__(
        self, expectation: Expectation, options: PlaceOptions, wanted: Sequence[int] | None = None
    ) -> None:
        self.against = Counter[int]()
        self._expectation, self._options = expectation, options
        self._wanted = np.arange(len(expectation.here)) if wanted is None else np.array(wanted, np.int64)

    def expected(self, label: int) -> str:
        """Whether a class is expected here: `NO` if the place argues against it, "" if it isn't known."""
        if not self._expectation.known[label]:
            return ""
        return NO if self._expectation.against[label] else YES

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        best = int(self._wanted[np.argmax(scores[self._wanted])])
        if scores[best] >= CLEAR and self._expectation.against[best]:
            self.against[best] += 1
        return self._expectation.weigh(scores, self._options.weight, self._options.wall)


def highest_anywhere(geo: GeoModel) -> np.ndarray:
    """The greatest number of each species on a grid of 5 degrees and 12 of the 48 weeks; shape (n_species,).

    The grid's points are the middles of squares, on land and sea alike.
    """
    half = _STEP_DEGREES / 2
    highest: np.ndarray | None = None
    for week in range(2, WEEKS + 1, _WEEK_STEP):
        for latitude in np.arange(-90 + half, 90, _STEP_DEGREES):
            row = [Place(float(latitude), float(e), week) for e in np.arange(-180 + half, 180, _STEP_DEGREES)]
            most = geo.numbers(row).max(axis=0)
            highest = most if highest is None else np.maximum(highest, most)
    assert highest is not None
    return highest


def highest_text(highest: np.ndarray) -> bytes:
    """The entry `GEO_HIGHEST`: one number a line, as `geo_of` reads it."""
    return "".join(f"{value:.5f}\n" for value in highest).encode()


def no_geo(model: str) -> InputError:
    """What is said where a model that knows no places is asked about one."""
    return InputError(
        f"the model '{model}' has no geo model, so it knows no places; leave out --place, --lat and --lon, "
        "or name the species of the place with --species-list"
    )


def geo_of(model: ModelFile) -> GeoModel | None:
    """The geo model in a model file, or None where it has none.

    Raises
    ------
    ModelFileError
        It has one that is damaged or does not fit.
    """
    content, names = model.other(GEO), model.other(GEO_LABELS)
    if content is None or names is None:
        return None
    species, highest = names.decode(errors="replace").splitlines(), None
    if (text := model.other(GEO_HIGHEST)) is not None:
        try:
            highest = np.array(text.split(), np.float32)
        except ValueError:
            highest = np.empty(0, np.float32)
        if highest.shape != (len(species),):
            raise ModelFileError(
                f"{model.path}: {GEO_HIGHEST}: expected {len(species)} numbers, one for each of the geo "
                f"model's species, got {highest.size}; add the model again"
            )
    return GeoModel(content, species, model.info.labels, highest)
