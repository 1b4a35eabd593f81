"""The card of a model that others trained, Markdown."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from avianvox.modelinfo import EMBEDDING, SPECIES, ModelInfo


def ear_card(info: ModelInfo) -> str:
    """What a model file says to people, from what it says to programs."""
    spec = info.spec
    credit = info.licences.get("model_credit", "")
    sections = [
        f"# {info.name}\n\n"
        f"A model that others trained. Input: windows of {spec.window_s:.2f} s of sound at "
        f"{spec.sample_rate} Hz. Classes: {len(info.labels)}.",
        "## Licence\n\n"
        + _bullets(
            [
                f"Model: {info.licences.get('model', 'not stated')}",
                *([f"Made by: {credit}"] if credit else []),
                "Models that are made from this one carry its licence on.",
            ]
        ),
        "## Scores\n\n" + _bullets(about_scores(info)),
        "## Limits\n\n"
        + _bullets(
            [
                "What it learned from is not known recording by recording. Figures on recordings that it may "
                "have heard are too good.",
                "It may name a species that it does not know as one that it does. Have important results "
                "checked by a person who knows the species.",
            ]
        ),
        "## Source\n\n" + _bullets(f"{name}: {_plain(value)}" for name, value in info.source.items()),
    ]
    if info.calibration:
        sections.insert(3, "## Calibration\n\n" + _bullets(_calibration(info.calibration["basis"])))
    if info.not_animals:
        names = ", ".join(info.not_animals)
        sections.append(f"## Classes that are no animals\n\n{names}.")
    return "\n\n".join(sections) + "\n"


def about_scores(info: ModelInfo) -> list[str]:
    """What the scores of a model mean, one sentence each."""
    species, embedding = info.output(SPECIES), info.output(EMBEDDING)
    exclusive = species is None or species.exclusive
    found = [
        "One class at most is right for each window: the scores of a window add up to 1."
        if exclusive
        else "Several classes may be right at once: each has a score of its own.",
        "Scores are calibrated: of names with 0.8, about eight of ten are right, on recordings like those of "
        "the calibration."
        if info.calibration
        else "Scores are not calibrated: they order answers, and are no probabilities.",
    ]
    if embedding is not None:
        found.append(f"It describes each window by an embedding of {embedding.size} numbers.")
    return found


def _calibration(basis: Mapping[str, Any]) -> Iterator[str]:
    """What a calibration of a finished model was measured to do, one sentence each."""
    yield (
        f"Fitted on {', '.join(basis['catalogs'])}, and measured on {basis['n_folds']} session folds. On "
        "other recordings the scores may be too high."
    )
    for level in ("recording", "window"):
        found = basis["held_out"][level]
        named, right = found["named"], found["named_rightly"]
        yield (
            f"Per {level}, {found['rows']} of {found['sessions']} sessions: calibration error "
            f"{found['error_before']:.3f} before, {found['error_after']:.3f} after, "
            f"{found['error_by_chance']:.3f} by chance. Thresholds ({basis['thresholds']}): {named} named, "
            f"{right} of them rightly."
        )


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
