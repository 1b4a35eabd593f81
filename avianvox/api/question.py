"""From what is asked to the question that every recording, or live sound, is asked."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import isinf
from typing import TYPE_CHECKING

from avianvox.api.asked import Asked, place_asked
from avianvox.errors import InputError
from avianvox.inference.events import EventOptions, event_thresholds, noted_score
from avianvox.inference.question import Question
from avianvox.inference.sites import folder_above

if TYPE_CHECKING:
    import numpy as np

    from avianvox.inference.calibration import Calibration
    from avianvox.inference.place_options import PlaceOptions
    from avianvox.types import LabelSet

_SHOWN_AGAINST = 10

OF_EVENTS = {
    "leave": "--leave",
    "gap_s": "--gap",
    "min_length_s": "--min-length",
    "smooth": "--smooth",
}
"""What is asked about events alone, and how the command line calls it."""


Say = Callable[[str], object]
"""Takes one line that the user should know."""


def question_of(asked: Asked, say: Say) -> Question:
    """What is asked of every recording; what it says of the species is resolved with the model's labels.

    ``say`` takes what cannot appear in the answer, and names that are read in another way.

    Raises
    ------
    InputError
        Something contradicts the model, or something else that is asked.
    """
    if asked.coverage is not None:
        _check_coverage(asked.model, asked.coverage)
    if asked.level != "species":
        _calibrated_alternatives(asked.model, "--level", "scores of a genus have no sum")
    by, wanted = "event" if asked.counted else asked.by, _wanted(asked, say)
    if asked.calibrated and asked.min_score is None:
        if by == "event":
            _say_what_cannot_appear(asked, wanted, say)
        elif asked.species_list is not None:
            _say_what_stays_uncertain(asked, wanted, by, say)
    return Question(
        by=by,
        overlap_s=asked.overlap_s,
        calibrated=asked.calibrated,
        top=asked.top or 3,
        min_score=asked.min_score,
        coverage=asked.coverage,
        wanted=wanted,
        channels=_channels(asked.channels),
        timezone=asked.timezone,
        site=asked.site,
        sites_in=folder_above(asked.paths),
        gate=_gate(asked),
        gate_recall=asked.gate_recall,
        events=EventOptions(
            leave=asked.leave,
            gap_s=asked.gap_s,
            min_length_s=asked.min_length_s,
            smooth=asked.smooth,
            multi_label=asked.multi_label,
        ),
        level=asked.level,
        place=_place(asked),
        tasks=_tasks(asked.model),
        narrow=asked.narrow,
    )


def _tasks(model: str) -> tuple[str, ...]:
    """Names of the tasks that a model has besides the species."""
    from avianvox.modelfile import read_model_file
    from avianvox.modelfolder import find_model

    return tuple(output.name for output in read_model_file(find_model(model)).info.tasks)


def refuse_contradictions(asked: Asked, given: Iterable[str]) -> None:
    """Raise `InputError` where something would change nothing, or two don't go together.

    ``given``: what was asked for of `OF_EVENTS`.
    """
    by, counted = asked.by, asked.counted
    if asked.coverage is not None and (
        asked.top is not None or asked.min_score is not None or not asked.calibrated
    ):
        raise InputError("--coverage excludes --top, --min-score and --raw")
    if asked.level != "species":
        if counted or by == "event":
            raise InputError("--level: only for recordings and windows, not for events")
        if asked.coverage is not None or asked.multi_label or not asked.calibrated:
            raise InputError("--level excludes --coverage, --multi-label and --raw")
    if (counted or by == "event") and (asked.coverage, asked.top) != (None, None):
        raise InputError("--top and --coverage: only for recordings and windows, not for events")
    if by in ("recording", "window") and (idle := [OF_EVENTS[name] for name in given]):
        raise InputError(f"{', '.join(idle)}: only for events; give --by event, hour, day or night too")
    check_narrow(asked.narrow)
    if asked.narrow and by != "event":
        raise InputError("--narrow: only for events; give --by event too")
    if asked.gate_recall is not None and not (asked.gate or asked.gate_file):
        raise InputError("--gate-recall needs --gate")


def check_narrow(text: str) -> None:
    """Raise `InputError` or `ModelFileError` where events can't be narrowed by it; "" asks for nothing."""
    if not text:
        return
    from avianvox.inference.box_source import source_asked

    row, found = source_asked(text)
    if row == "detector":
        from avianvox.detect.detector import plan_of
        from avianvox.modelfile import read_model_file

        plan_of(read_model_file(found))


def _place(asked: Asked) -> "PlaceOptions | None":
    """What is asked about the place; a model without a geo model is refused before anything is read."""
    place = place_asked(asked)
    if place is not None:
        from avianvox.inference.place import GEO, no_geo
        from avianvox.modelfile import read_model_file
        from avianvox.modelfolder import find_model

        if GEO not in read_model_file(find_model(asked.model)).others:
            raise no_geo(asked.model)
    return place


def against_place(against: Counter[str], placeless: int) -> Iterator[str]:
    """Lines about what was heard though it is not expected, and about recordings without a place."""
    if placeless:
        files = "1 file" if placeless == 1 else f"{placeless:,} files"
        yield f"place not known in {files}: answered by sound alone; --lat and --lon give one"
    if against:
        shown = ", ".join(f"{name} {n:,}" for name, n in against.most_common(_SHOWN_AGAINST))
        more = len(against) - _SHOWN_AGAINST
        yield f"heard though not expected here: {shown}" + (f" and {more} species more" if more > 0 else "")


def _say_what_cannot_appear(asked: Asked, wanted: tuple[int, ...] | None, say: Say) -> None:
    """One line where species have no threshold for events: by name those that were asked for by name."""
    from avianvox.inference.species import few
    from avianvox.types import NO_BIRD

    labels, calibration = _labels_and_calibration(asked)
    candidates = range(len(labels)) if wanted is None else wanted
    species = [k for k in candidates if labels.names[k] != NO_BIRD]
    never = _without_threshold(species, labels, event_thresholds(labels, calibration))
    by_name = asked.species_list is not None
    if never and (by_name or not asked.quiet):
        which = few(never) if by_name else f"{len(never)} of the model's {len(species)} species"
        score = noted_score(labels, calibration)
        say(f"no events of {which}: the model has no threshold for them; --min-score {score:g} sets one")


def _say_what_stays_uncertain(asked: Asked, wanted: tuple[int, ...] | None, by: str, say: Say) -> None:
    """One line where species that were asked for by name have no threshold for recordings, or for windows."""
    from avianvox.inference.species import few

    labels, calibration = _labels_and_calibration(asked)
    thresholds = calibration.level(by).thresholds if calibration else ()
    if thresholds and (never := _without_threshold(wanted or (), labels, thresholds)):
        say(f"always uncertain by {by}: {few(never)}; the model has no threshold for them")


def _without_threshold(
    species: Sequence[int], labels: "LabelSet", thresholds: "Sequence[float] | np.ndarray"
) -> tuple[str, ...]:
    return tuple(labels.names[k] for k in species if isinf(thresholds[k]))


def below_thresholds(below: Counter[str], asked: Asked) -> Iterator[str]:
    """A line about the events that stayed below their species' thresholds, if there are any."""
    n, n_species = below.total(), len(below)
    if not n:
        return
    events = f"{n:,} event{'s' if n > 1 else ''} of {n_species} species"
    if asked.min_score is not None:
        yield f"uncertain: {events}, below the threshold of their species"
        return
    score = f"--min-score {noted_score(*_labels_and_calibration(asked)):g}"
    yield (
        f"{events} stayed below their thresholds; {score} shows them"
        if n > 1
        else (f"{events} stayed below its threshold; {score} shows it")
    )


def _labels_and_calibration(asked: Asked) -> "tuple[LabelSet, Calibration | None]":
    from avianvox.inference.classifier import read_calibration
    from avianvox.modelfile import read_model_file
    from avianvox.modelfolder import find_model

    model = read_model_file(find_model(asked.model))
    return model.info.labels, read_calibration(model) if asked.calibrated else None


def _check_coverage(model: str, coverage: float) -> None:
    """Raises unless the model has prediction sets of this coverage."""
    from avianvox.inference.calibration import LEVELS

    so = "there are no prediction sets"
    calibration = _calibrated_alternatives(model, "--coverage", so)
    for level in LEVELS:
        calibration.set_limit(coverage, level)


def _calibrated_alternatives(model: str, flag: str, so: str) -> "Calibration":
    """The calibration of a model whose classes exclude each other; refuses ``flag`` with any other."""
    from avianvox.inference.classifier import read_calibration
    from avianvox.modelfile import read_model_file
    from avianvox.modelfolder import find_model

    found = read_model_file(find_model(model))
    if not found.info.exclusive:
        raise InputError(
            f"{flag}: several classes of {model} may be right at once, so that {so}; --min-score chooses by "
            "score"
        )
    calibration = read_calibration(found)
    if calibration is None:
        raise InputError(f"{flag}: {model} has no calibration; add one with 'avianvox calibrate RUN --into'")
    return calibration


def _wanted(asked: Asked, say: Say) -> tuple[int, ...] | None:
    """Positions of the classes that may be named; None for all of them."""
    if asked.species_list is None and asked.exclude is None:
        return None
    from avianvox.inference.species import read_species
    from avianvox.modelfile import read_model_file
    from avianvox.modelfolder import find_model

    labels = read_model_file(find_model(asked.model)).info.labels
    chosen = set(range(len(labels)))
    for names, keep in ((asked.species_list, True), (asked.exclude, False)):
        if names is not None:
            choice = read_species(names, labels)
            for line in choice.notes(labels):
                say(line)
            chosen &= set(choice.indices) if keep else chosen - set(choice.indices)
    if not chosen:
        raise InputError("--species-list and --exclude leave no species to name")
    return tuple(sorted(chosen))


def _channels(text: str) -> str | int:
    if text in ("mix", "each"):
        return text
    if not text.isdecimal() or int(text) < 1:
        raise InputError(f"--channels: expected mix, each, or a number from 1, got '{text}'")
    return int(text)


def _gate(asked: Asked) -> str | None:
    """The gate to ask, which is there and has the threshold; None for none."""
    if not asked.gate and asked.gate_file is None:
        return None
    from avianvox.inference.gate import DEFAULT_GATE, load_gate

    name = asked.gate_file or DEFAULT_GATE
    load_gate(name, asked.gate_recall)
    return str(name)
