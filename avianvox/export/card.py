"""The model card: what a model file says to people, made from what it says to programs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from avianvox.errors import InputError
from avianvox.modelfile import ModelInfo
from avianvox.types import NO_BIRD

_FIGURES = (
    ("recording", "accuracy", "accuracy per recording"),
    ("recording", "top5", "top-5 per recording"),
    ("recording", "balanced_accuracy", "balanced accuracy per recording"),
    ("window", "accuracy", "accuracy per window"),
)


_UNUSED_SETTINGS = ("patience", "validation_windows")
"""They mean nothing to a cross-validation, since no fit holds data back."""


def read_figures(path: Path, kind: str) -> dict[str, Any]:
    """One model's figures from the ``figures.json`` of ``avianvox crossval``, for a model file's provenance.

    Returns
    -------
    dict
        ``crossvalidation``: ``grouping -> "accuracy per recording" -> {"mean": ..., "deviation": ...}``;
        ``crossvalidation_settings``: ``n_recordings``, ``n_folds``, ``seed`` and ``model_settings``.

    Raises
    ------
    InputError
        The file cannot be read, has another form, or has no figures of a model named ``kind``.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read figures {path}: {error}") from error
    models = document.get("models") if isinstance(document, dict) else None
    if not isinstance(models, dict) or kind not in models:
        raise InputError(
            f"{path} has no figures of '{kind}': expected the figures.json of 'avianvox crossval' with it"
        )
    try:
        figures = {
            grouping: {
                title: {part: levels[level][name][part] for part in ("mean", "deviation")}
                for level, name, title in _FIGURES
            }
            for grouping, levels in models[kind]["groupings"].items()
        }
        names = ("n_recordings", "n_folds", "seed", "model_settings")
        settings = {name: document["settings"][name] for name in names}
        return {"crossvalidation": figures, "crossvalidation_settings": settings}
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} is not the figures.json of 'avianvox crossval': {error!r}") from error


def model_card(info: ModelInfo) -> str:
    """The card of a model file, Markdown."""
    spec, birds = info.spec, [name for name in info.labels.names if name != NO_BIRD]
    noise = f", and '{NO_BIRD}'" if NO_BIRD in info.labels.index else ""
    licences = dict(info.licences)
    credit = licences.pop("credits", [])
    provenance = dict(info.provenance)
    learned = provenance.pop("figures", None)
    if learned:
        provenance["on the recordings it learned from, which says nothing of new ones"] = learned
    figures = _figures_table(
        info.kind, provenance.pop("crossvalidation", {}), provenance.pop("crossvalidation_settings", {})
    )
    sections = [
        f"# {info.name}\n\n"
        f"`{info.kind}`, quantisation {info.quantization}. It names {len(birds)} kinds of animal{noise}, "
        f"from windows of {spec.window_s:.2f} s of sound at {spec.sample_rate} Hz.",
        "## Intended use\n\n"
        "A first guess at what sings in a recording, to sort and to search by, on the species and in the "
        "region that the training recordings come from. A person who knows the species should check what "
        "matters.",
        "## Limits\n\n" + _bullets(_limits(bool(noise), calibrated=bool(info.calibration))),
        "## Figures\n\n" + figures,
        *_calibration(info),
        "## Training\n\n" + _bullets(f"{_words(key)}: {_plain(value)}" for key, value in provenance.items()),
        "## Licences and credits\n\n"
        + _bullets(f"{_words(key)}: {_plain(value)}" for key, value in licences.items())
        + ("\n\nThe recordings it learned from:\n\n" + _bullets(credit) if credit else ""),
        "## The file against its model\n\n"
        "Largest differences between this file, Keras, and the plain extractor, when it was made:\n\n"
        + _bullets(f"{_words(key)}: {_plain(value)}" for key, value in info.parity.items()),
        "## Features\n\n"
        + _bullets(f"{_words(key)}: {_plain(value)}" for key, value in spec.to_mapping().items()),
        "## Classes\n\n" + _bullets(_label_lines(info)),
    ]
    return "\n\n".join(sections) + "\n"


def training_differences(info: ModelInfo) -> tuple[str, ...]:
    """How the training of a calibrated model file differs from that of the models it was calibrated by.

    Returns
    -------
    tuple of str
        One for each setting that both know, such as "epochs 150, there 1", and one for the training data.
    """
    basis, provenance = info.calibration["basis"], info.provenance
    there, own = dict(basis["model_settings"]), provenance.get("train", {})
    found = [
        f"{name} {own[name]}, there {value}"
        for name, value in there.items()
        if name not in _UNUSED_SETTINGS and name in own and own[name] != value
    ]
    if provenance.get("data_hash", basis["data_hash"]) != basis["data_hash"]:
        found.append("other recordings or features")
    return tuple(found)


def _limits(has_noise: bool, *, calibrated: bool) -> list[str]:
    lines = [
        "It knows no species beyond its classes, and gives every sound to one of them.",
        "The network's own scores are no probabilities; calibrated ones are, on recordings like those below."
        if calibrated
        else "Its scores are not calibrated: 0.9 does not mean nine of ten.",
        "One answer for each window: of several voices, the loudest tends to win.",
        "Other recorders, places and seasons than in training lower its accuracy; random folds hide that.",
    ]
    if calibrated:
        lines.insert(1, "Thresholds do not protect against sounds or species it never learned.")
    return lines if has_noise else [*lines, "It has no class for sound without an animal."]


def _calibration(info: ModelInfo) -> list[str]:
    """What the calibration was measured to do, and the thresholds; nothing where there is none."""
    if not info.calibration:
        return []
    basis = info.calibration["basis"]
    table = [
        "| level | calibration error | by chance | sets for 90 % hold | named | of them right |",
        "|---|---|---|---|---|---|",
    ]
    for level in ("recording", "window"):
        found = basis["held_out"][level]
        named = found["named"]
        table.append(
            f"| {level} | {found['error_before']:.3f}, calibrated {found['error_after']:.3f} "
            f"| {found['error_by_chance']:.3f} | {_percent(found['coverage'].get('0.9'))} "
            f"| {named} of {found['rows']} | {_percent(found['named_rightly'] / named if named else None)} |"
        )
    rows = basis["held_out"]["recording"]
    otherwise = training_differences(info)
    thresholds = info.calibration["recording"]["thresholds"]
    borrowed = ", ".join(basis.get("borrowed", ()))
    named_from = [
        f"{name} from {value:.2f}"
        for name, value in zip(info.labels.names, thresholds, strict=True)
        if value is not None
    ]
    return [
        f"## Calibration\n\nFitted and judged on {basis['n_folds']} {basis['grouping']} folds of "
        f"{rows['rows']} recordings from {rows['sessions']} sessions, by models of this kind that learned "
        "from the other folds. "
        + (f"This model was trained otherwise than they ({'; '.join(otherwise)}). " if otherwise else "")
        + "Each figure is of a fold that took no part in fitting; the models behind the other folds' scores, "
        "though, had learned from it. Calibration error: "
        "mean distance of score and share of right answers, weighted over 15 bins; by chance: what is left "
        "of it, on so few sessions, were the scores perfect.\n\n" + "\n".join(table) + "\n\nThe best "
        f"species is named, rather than uncertain, from a threshold on ({basis['thresholds']}). "
        + (
            f"Recordings: {', '.join(named_from)}; no score suffices for the other "
            f"{len(thresholds) - len(named_from)} classes."
            if len(named_from) < len(thresholds)
            else f"Recordings: {', '.join(named_from)}."
        )
        + (f" Borrowed from all classes: {borrowed}; for these, too few sessions tell." if borrowed else "")
    ]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _figures_table(kind: str, figures: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    if not figures:
        return "Not cross-validated: no figure can be given."
    titles = [title for _, _, title in _FIGURES]
    epochs = settings["model_settings"].get("epochs")
    made = f"{kind}, {epochs} epochs" if epochs else kind
    lines = [f"| cross-validation | {' | '.join(titles)} |", "|---" * (len(titles) + 1) + "|"]
    for grouping, values in figures.items():
        cells = [_mean_and_deviation(values[title]) for title in titles]
        lines.append(f"| {made}, {settings['n_folds']} {grouping} folds | {' | '.join(cells)} |")
    return (
        "\n".join(lines)
        + f"\n\nMean ± deviation over the folds of {settings['n_recordings']} recordings, by models of this "
        "kind that learned from the other folds. Folds that keep a recording session together are the honest "
        "ones."
    )


def _mean_and_deviation(figure: Mapping[str, float | None]) -> str:
    mean, deviation = figure["mean"], figure["deviation"]
    if mean is None:
        return "-"
    return f"{mean:.3f}" if deviation is None else f"{mean:.3f} ± {deviation:.3f}"


def _label_lines(info: ModelInfo) -> list[str]:
    common = [info.labels.common_name(i) for i in range(len(info.labels))]
    return [f"{n} ({c})" if c else n for n, c in zip(info.labels.names, common, strict=True)]


def _bullets(lines: Any) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _words(key: str) -> str:
    return key.replace("_", " ")


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(
            f"{_words(str(key))} {_plain(part)}" for key, part in value.items() if part is not None
        )
    if isinstance(value, list | tuple):
        return ", ".join(_plain(part) for part in value)
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else f"{value:.4g}"
    return str(value)
