"""From the options of ``avianvox classify`` to the question that is asked of every recording."""

from typing import Any

import click

from avianvox.cli.classify_options import PERIODS
from avianvox.inference.events import EventOptions
from avianvox.inference.question import Question


def question_of(options: dict[str, Any]) -> Question:
    """What is asked of every recording; what it says of the species is resolved with the model's labels."""
    if options["coverage"] is not None:
        _check_coverage(options["model"], options["coverage"])
    names = ("enter", "leave", "gap_s", "min_length_s", "smooth", "multi_label")
    return Question(
        by="event" if options["by"] in PERIODS else options["by"],
        overlap_s=options["overlap_s"],
        calibrated=options["calibrated"],
        top=options["top"] or 3,
        min_score=options["min_score"] or 0.0,
        coverage=options["coverage"],
        wanted=_wanted(options),
        channels=_channels(options["channels"]),
        timezone=options["timezone"],
        gate=_gate(options),
        gate_recall=options["gate_recall"],
        events=EventOptions(**{name: options[name] for name in names}),
    )


def _check_coverage(model: str, coverage: float) -> None:
    """Raises unless the model has prediction sets of this coverage."""
    from avianvox.inference.calibration import LEVELS
    from avianvox.inference.classifier import read_calibration
    from avianvox.modelfile import find_model, read_model_file

    calibration = read_calibration(read_model_file(find_model(model)))
    if calibration is None:
        raise click.UsageError(
            f"--coverage: {model} carries no calibration; write one with 'avianvox calibrate RUN --into'"
        )
    for level in LEVELS:
        calibration.set_limit(coverage, level)


def _wanted(options: dict[str, Any]) -> tuple[int, ...] | None:
    """Positions of the classes that may be named; None for all of them."""
    if options["species_list"] is None and options["exclude"] is None:
        return None
    from avianvox.inference.species import read_species
    from avianvox.modelfile import find_model, read_model_file

    labels = read_model_file(find_model(options["model"])).info.labels
    chosen = set(range(len(labels)))
    for option, keep in (("species_list", True), ("exclude", False)):
        if options[option] is not None:
            choice = read_species(options[option], labels)
            for line in choice.notes(labels):
                click.echo(line, err=True)
            chosen &= set(choice.indices) if keep else chosen - set(choice.indices)
    if not chosen:
        raise click.UsageError("--species-list and --exclude leave no species to name")
    return tuple(sorted(chosen))


def _channels(text: str) -> str | int:
    if text in ("mix", "each"):
        return text
    if not text.isdecimal() or int(text) < 1:
        raise click.UsageError(f"--channels: expected mix, each, or a number from 1, got '{text}'")
    return int(text)


def _gate(options: dict[str, Any]) -> str | None:
    """The gate to ask, which is there and has the threshold; None for none."""
    if not options["gate"] and options["gate_file"] is None:
        return None
    from avianvox.inference.gate import DEFAULT_GATE, load_gate

    name = options["gate_file"] or DEFAULT_GATE
    load_gate(name, options["gate_recall"])
    return str(name)
