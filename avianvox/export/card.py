"""The model card: what a model file says to people, made from what it says to programs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from avianvox.config import held_values
from avianvox.documents import MISSHAPEN, read_json
from avianvox.errors import InputError
from avianvox.modelinfo import ModelInfo
from avianvox.models.protocol import TrainSettings
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
        document = read_json(path)
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
        settings["model_settings"] = (
            document["settings"].get("recipes", {}).get(kind, settings["model_settings"])
        )
        return {"crossvalidation": figures, "crossvalidation_settings": settings}
    except MISSHAPEN as error:
        raise InputError(f"{path} is not the figures.json of 'avianvox crossval': {error!r}") from error


def model_card(info: ModelInfo) -> str:
    """The card of a model file, Markdown."""
    spec, birds = info.spec, [name for name in info.labels.names if name != NO_BIRD]
    noise = f" and '{NO_BIRD}'" if NO_BIRD in info.labels.index else ""
    licences = dict(info.licences)
    credit = licences.pop("credits", [])
    provenance = dict(info.provenance)
    learned = provenance.pop("figures", None)
    if learned:
        provenance["figures on the training recordings (no estimate for new recordings)"] = learned
    figures = _figures_table(
        info.kind, provenance.pop("crossvalidation", {}), provenance.pop("crossvalidation_settings", {})
    )
    sections = [
        f"# {info.name}\n\n"
        f"`{info.kind}`, quantisation {info.quantization}. Classes: {len(birds)} species{noise}. "
        f"Input: windows of {spec.window_s:.2f} s of sound at {spec.sample_rate} Hz.",
        "## Intended use\n\n"
        "A first identification of the voices in a recording, for sorting and searching. It is for the "
        "species and the region of the training recordings. Have important results checked by a person who "
        "knows the species.",
        "## Limits\n\n" + _bullets(_limits(bool(noise), info.calibration)),
        "## Figures\n\n" + figures,
        *_tasks(info),
        *_calibration(info),
        "## Training\n\n" + _bullets(f"{_words(key)}: {_plain(value)}" for key, value in provenance.items()),
        "## Licences and attribution\n\n"
        + _bullets(f"{_words(key)}: {_plain(value)}" for key, value in licences.items())
        + ("\n\nTraining recordings:\n\n" + _bullets(credit) if credit else ""),
        "## Verification\n\n"
        "Largest differences between this file, the Keras model and the feature extractor at export:\n\n"
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
        One for each setting that both know, such as "epochs 150 instead of 1", and one for the training data.
    """
    basis, provenance = info.calibration["basis"], info.provenance
    held = held_values(TrainSettings)
    there, own = held | dict(basis["model_settings"]), held | provenance.get("train", {})
    found = [
        f"{name} {own[name]} instead of {value}"
        for name, value in there.items()
        if name not in _UNUSED_SETTINGS and name in own and own[name] != value
    ]
    if provenance.get("data_hash", basis["data_hash"]) != basis["data_hash"]:
        found.append("other recordings or features")
    return tuple(found)


def _limits(has_noise: bool, calibration: Mapping[str, Any]) -> list[str]:
    calibrated = bool(calibration)
    unknown = any(calibration.get(level, {}).get("unknown") for level in ("recording", "window"))
    lines = [
        "It knows only its own classes. A threshold protects against others in part, as said above."
        if unknown
        else "It knows only its own classes and assigns every sound to one of them.",
        "Raw scores of the network are not probabilities. Calibrated scores are, on recordings like those "
        "below."
        if calibrated
        else "Scores are not calibrated: a score of 0.9 does not mean 90 % correct.",
        "It gives one answer per window. If several species call, the loudest usually wins.",
        "Its accuracy is lower with other recorders, places and seasons than in training. Random folds hide "
        "this.",
    ]
    if calibrated and not unknown:
        lines.insert(1, "Thresholds do not protect against sounds or species outside the training data.")
    return lines if has_noise else [*lines, "It has no class for recordings without an animal."]


def _calibration(info: ModelInfo) -> list[str]:
    """What the calibration was measured to do, and the thresholds; nothing where there is none."""
    if not info.calibration or not info.names_species:
        return []
    basis = info.calibration["basis"]
    table = [
        "| level | calibration error | by chance | coverage of 90 % sets | named | precision |",
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
        f"## Calibration\n\nFitted and evaluated on {basis['n_folds']} {basis['grouping']} folds of "
        f"{rows['rows']} recordings from {rows['sessions']} sessions, with models of this kind that were "
        "trained on the other folds. "
        + (f"This model was trained differently ({'; '.join(otherwise)}). " if otherwise else "")
        + "Figures are computed on held-out folds. The models that scored the other folds were trained on "
        "them. Calibration error: mean distance between score and accuracy, weighted over 15 bins. By "
        "chance: the error of perfect scores on this number of sessions.\n\n"
        + "\n".join(table)
        + "\n\nThe best species is named if its score reaches the threshold of the species "
        f"({basis['thresholds']}), otherwise the answer is uncertain. "
        + (
            f"Recordings: {', '.join(named_from)}. The other "
            f"{len(thresholds) - len(named_from)} classes have no threshold and are never named."
            if len(named_from) < len(thresholds)
            else f"Recordings: {', '.join(named_from)}."
        )
        + (
            f" With the threshold of all classes together, because they have too few sessions: {borrowed}."
            if borrowed
            else ""
        )
        + _of_events(info.calibration["window"]["thresholds"])
        + _of_unknown(basis.get("held_out_species"))
    ]


def _tasks(info: ModelInfo) -> list[str]:
    """What it answers besides the species; nothing where that is all."""
    if not info.tasks:
        return []
    lines = [
        f"{task.name} ({task.kind}): " + (", ".join(task.classes) or f"a number {task.unit}".strip())
        for task in info.tasks
    ]
    return ["## Tasks\n\n" + _bullets(lines)]


def _of_unknown(found: Mapping[str, Any] | None) -> str:
    """How many recordings of species that were held out are named; nothing where none were."""
    if found is None:
        return ""
    level, window = (found["levels"][name] for name in ("recording", "window"))
    before, after = level["before"], level["after"]
    return (
        f"\n\nUnknown species: each of {found['n_species']} species was held out in turn. Below "
        f"{level['threshold']:.2f} (windows: {window['threshold']:.2f}), nothing is named, and the answer is "
        f"unknown. So {after['unknown']} of {level['n_unknown']} recordings of unknown species are named; "
        f"by the thresholds of the species alone, {before['unknown']}. Of {before['right']} correct names of "
        f"known species, {after['right']} remain."
    )


def _of_events(thresholds: Sequence[float | None]) -> str:
    """From which scores on windows and events are named."""
    scores = [score for score in thresholds if score is not None]
    if not scores:
        return " Windows and events: no score suffices."
    never = len(thresholds) - len(scores)
    others = f"; no score suffices for the other {never} classes" if never else ""
    return f" Windows and events: from {min(scores):.2f} to {max(scores):.2f}{others}."


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _figures_table(kind: str, figures: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    if not figures:
        return "No figures: this model was not cross-validated."
    titles = [title for _, _, title in _FIGURES]
    epochs = settings["model_settings"].get("epochs")
    made = f"{kind}, {epochs} epochs" if epochs else kind
    lines = [f"| cross-validation | {' | '.join(titles)} |", "|---" * (len(titles) + 1) + "|"]
    for grouping, values in figures.items():
        cells = [_mean_and_deviation(values[title]) for title in titles]
        lines.append(f"| {made}, {settings['n_folds']} {grouping} folds | {' | '.join(cells)} |")
    return (
        "\n".join(lines)
        + f"\n\nMean ± standard deviation over the folds of {settings['n_recordings']} recordings, with "
        "models of this kind that were trained on the other folds. Folds by session estimate the accuracy on "
        "new recordings; random folds are too optimistic."
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
